/**
 * What the load server does in mode "crowd": all its sockets at once, at the
 * word of one of them, which is told when it is done.
 *
 *   "all"        an event of 300 bytes to each
 *   "ping"       a heartbeat to each; answers "ponged" when all have answered
 *   "kill"       ends every connection, without a goodbye
 *   "attempts"   answers how the attempts to connect since then were spread
 */

/** The text frames in |bytes| from a client, each below 126 bytes, unmasked. */
function* messages(bytes) {
  for (let at = 0; at + 6 <= bytes.length; ) {
    const length = bytes[at + 1] & 127;
    const body = at + 6;
    if ((bytes[at] & 15) === 1) {
      let text = "";
      for (let i = 0; i < length; i++)
        text += String.fromCharCode(bytes[body + i] ^ bytes[at + 2 + (i & 3)]);
      yield text;
    }
    at = body + length;
  }
}

/** Milliseconds since the end of all, in order, as a few figures. */
function spread(attempts) {
  const times = [...attempts].sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  const buckets = new Map();
  for (const time of times) {
    const bucket = Math.floor(time / 100);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  return {
    attempts: times.length,
    first_s: times[0] / 1000,
    middle_s: at(0.5) / 1000,
    last_s: times.at(-1) / 1000,
    busiest: Math.max(...buckets.values()) / times.length,
  };
}

/** @param {(text: string) => Buffer} frame @param {Buffer} event */
export function crowd(frame, event) {
  const sockets = new Set();
  let attempts = [];
  let ended; // when all were
  let pongs = 0;

  const say = (socket, name, value) =>
    socket.write(frame(`42${JSON.stringify([name, value])}`));
  const everyone = (bytes) => {
    for (const socket of sockets) socket.write(bytes);
  };

  const commands = {
    all: () => everyone(event),
    ping(socket) {
      pongs = 0;
      everyone(frame("2"));
      const timer = setInterval(() => {
        if (pongs < sockets.size) return;
        clearInterval(timer);
        say(socket, "ponged", pongs);
      }, 5);
    },
    kill() {
      ended = performance.now();
      attempts = [];
      for (const socket of sockets) socket.destroy();
    },
    attempts: (socket) => say(socket, "attempts", spread(attempts)),
  };

  return {
    /** @param {import("node:net").Socket} socket that has just been upgraded */
    open(socket) {
      sockets.add(socket);
      if (ended !== undefined) attempts.push(performance.now() - ended);
      socket.on("close", () => sockets.delete(socket));
    },
    /** @param {Buffer} bytes */
    data(socket, bytes) {
      for (const text of messages(bytes)) {
        if (text === "3") pongs++;
        else if (text.startsWith("42")) commands[JSON.parse(text.slice(2))[0]](socket);
      }
    },
  };
}
