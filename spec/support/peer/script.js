/**
 * Plays a script to one connection. A script is a list of steps, each an object
 * with one verb; STEPS below is the whole language. When a script is over the
 * connection stays open, and is read, until the client leaves.
 */
import { STATUS_CODES } from "node:http";
import { gzipSync } from "node:zlib";
import { late } from "../common/late.js";
import { sleep } from "../common/process.js";
import {
  acceptOf,
  CLOSE,
  decode,
  encode,
  numbered,
  payload,
} from "./frames.js";

/** Frames and bytes of requests that are kept for the report. */
const KEPT = 1000;

/** Steps that may be late: a script of thousands would take minutes. */
const MAY_BE_LATE = 50;

/** The script ended with its connection. */
class Gone extends Error {}

const lines = (headers) =>
  (Array.isArray(headers) ? headers : Object.entries(headers)).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );

/** A header's value in the text of a request. */
const header = (head, name) =>
  new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, "im").exec(head)?.[1];

const OPEN = {
  sid: "scripted-peer",
  upgrades: [],
  pingInterval: 25000,
  pingTimeout: 20000,
  maxPayload: 1000000,
};

/** verb -> what it does; run(player, value, step) */
export const STEPS = {
  head: {
    does: "true: reads the head of an HTTP request",
    run: (player) => player.readHead(),
  },
  read: { does: "n: reads so many bytes", run: (player, n) => player.read(n) },
  await: {
    does: "text: reads frames until one begins so; true: until any comes",
    run: (player, prefix) => player.awaitFrame(prefix),
  },
  upgrade: {
    does:
      "{ accept, status, reason, headers }: reads a request and answers 101; " +
      "accept: another text than the right one, or null for none",
    run: async (player, value) => {
      const {
        accept,
        status = 101,
        reason,
        headers = {},
      } = value === true ? {} : value;
      if (player.head === null) await player.readHead();
      const right = acceptOf(header(player.head, "sec-websocket-key") ?? "");
      const all = [
        ["Upgrade", "websocket"],
        ["Connection", "Upgrade"],
      ];
      if (accept !== null) all.push(["Sec-WebSocket-Accept", accept ?? right]);
      await player.write(
        Buffer.from(
          `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status] ?? ""}\r\n` +
            `${lines(all).join("")}${lines(headers).join("")}\r\n`,
        ),
      );
      player.startFrames();
    },
  },
  answer: {
    does:
      "{ status, reason, headers, body, fill, length }: an HTTP answer to a " +
      "request read before; length: a lie about it, or null for none",
    run: async (
      player,
      { status = 200, reason, headers = {}, body = "", fill, length },
    ) => {
      if (player.head === null) await player.readHead();
      player.head = null;
      const bytes = fill ? payload({ fill }) : Buffer.from(body);
      const all = lines(headers);
      if (length !== null)
        all.push(`Content-Length: ${length ?? bytes.length}\r\n`);
      await player.write(
        Buffer.from(
          `HTTP/1.1 ${status} ${reason ?? STATUS_CODES[status] ?? ""}\r\n` +
            `${all.join("")}\r\n`,
        ),
      );
      await player.write(bytes);
    },
  },
  send: {
    does: "text: these bytes",
    run: (player, text) => player.write(payload({ text })),
  },
  hex: {
    does: "these bytes, in hex",
    run: (player, hex) => player.write(payload({ hex })),
  },
  base64: {
    does: "these bytes",
    run: (player, base64) => player.write(payload({ base64 })),
  },
  fill: {
    does: "n: so many bytes (byte: which one)",
    run: async (player, n, { byte }) => {
      for (let left = n; left > 0; left -= 1 << 20)
        await player.write(payload({ fill: Math.min(left, 1 << 20), byte }));
    },
  },
  gzip: {
    does: "n: so many bytes of zero, compressed",
    run: (player, n, step) => {
      step.made ??= gzipSync(Buffer.alloc(n));
      return player.write(step.made);
    },
  },
  frame: {
    does:
      "{ text | hex | base64 | fill, tail, opcode, fin, rsv, mask, deflate, " +
      'length }; count: so many, with their number for "#" in the text',
    run: async (player, frame) => {
      if (frame.count === undefined) return player.write(encode(frame));
      for (const bytes of numbered(frame)) await player.write(bytes);
    },
  },
  open: {
    does: "{ … }: an Engine.IO open packet, with these fields over the usual",
    run: (player, fields) =>
      player.write(
        encode({
          text: `0${JSON.stringify({ ...OPEN, ...(fields === true ? {} : fields) })}`,
        }),
      ),
  },
  join: {
    does: 'namespace: awaits its CONNECT and admits it; "/" for the default',
    run: async (player, namespace) => {
      const prefix = namespace === "/" ? "40" : `40${namespace}`;
      await player.awaitFrame(prefix);
      const comma = namespace === "/" ? "" : ",";
      await player.write(
        encode({ text: `${prefix}${comma}{"sid":"scripted-socket"}` }),
      );
    },
  },
  wait: { does: "ms", run: (player, ms) => player.pause(ms) },
  drip: {
    does:
      "ms, of: steps: their bytes one by one, so far apart (0: at once, " +
      "but each by itself); size: not one by one",
    run: (player, every, { of, size = 1 }) =>
      player.inPieces({ every, size }, () => player.play(of)),
  },
  together: {
    does: "steps: their bytes in one write, so that TLS puts many in a record",
    run: (player, steps) => player.inOneWrite(() => player.play(steps)),
  },
  repeat: {
    does: 'n or "forever", of: steps',
    run: async (player, n, { of }) => {
      const times = n === "forever" ? Infinity : n;
      for (let done = 0; done < times; done++) {
        await player.play(of);
        // Steps that never wait must not hold up the whole process.
        if (done % 100 === 99) await player.pause(0);
      }
    },
  },
  close: {
    does: "code: a close frame (reason: its text)",
    run: (player, code, { reason = "" }) => {
      const text = Buffer.from(reason);
      const bytes = Buffer.alloc(2 + text.length);
      bytes.writeUInt16BE(code);
      text.copy(bytes, 2);
      return player.write(
        encode({ opcode: CLOSE, hex: bytes.toString("hex") }),
      );
    },
  },
  end: { does: "true: FIN", run: (player) => player.end() },
  rst: { does: "true: a TCP reset", run: (player) => player.reset() },
  deaf: {
    does: "true: stops reading; false: reads again",
    run: (player, deaf) => player.deafen(deaf),
  },
  hang: {
    does: "true: does nothing until the client leaves",
    run: (player) => player.left,
  },
};

/** Throws where |steps| are not of the language. */
export function check(steps) {
  if (!Array.isArray(steps)) throw new Error("a script is a list of steps");
  for (const step of steps) {
    const verb = Object.keys(step).find((name) => name in STEPS);
    if (!verb)
      throw new Error(
        `no verb in ${JSON.stringify(step)}; GET /steps lists them`,
      );
    if (step.of) check(step.of);
  }
}

export class Player {
  #buffer = Buffer.alloc(0);
  #wake = () => {};
  #frames = null;
  #seen = 0;
  #gathered;
  #pieces = null;
  #played = 0;
  head = null;

  /**
   * @param {import("node:net").Socket} socket plain or TLS
   * @param {import("node:net").Socket} raw the TCP socket below it
   * @param {object} record { heads, frames, bytes, step, ended }
   * @param {(name: string) => void} count
   */
  constructor(socket, raw, record, count) {
    Object.assign(this, { socket, raw, record, count });
    this.left = new Promise((done) => {
      socket.once("close", () => {
        record.ended ??= "client";
        this.#wake();
        done();
      });
    });
    socket.on("data", (bytes) => this.#received(bytes));
    socket.on("error", (error) => {
      record.ended ??= error.code;
    });
    socket.on("end", () => {
      record.ended ??= "client";
      this.#wake();
    });
  }

  /** @param {object[]} steps */
  async play(steps) {
    for (const step of steps) {
      const verb = Object.keys(step).find((name) => name in STEPS);
      this.record.step = verb;
      if (this.#played++ < MAY_BE_LATE) await late();
      await STEPS[verb].run(this, step[verb], step);
    }
  }

  /** Plays |steps| as the whole script; a connection that ends is no error. */
  async perform(steps) {
    try {
      await this.play(steps);
      this.record.step = null;
      this.count("performed");
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
    await this.left;
  }

  #received(bytes) {
    this.record.bytes += bytes.length;
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    if (this.#frames) this.#parse();
    this.#wake();
  }

  #parse() {
    for (let next; (next = decode(this.#buffer));) {
      this.#buffer = next.rest;
      if (this.#frames.length < KEPT) this.#frames.push(next.frame);
      this.count("frames");
    }
  }

  /** From now on what comes is frames. */
  startFrames() {
    this.#frames = this.record.frames;
    this.#parse();
  }

  /** Waits for |look| to find something in what has come. */
  async #until(look) {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.record.ended) throw new Gone();
      await new Promise((done) => {
        this.#wake = done;
      });
    }
  }

  async readHead() {
    this.head = await this.#until(() => {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end < 0) return undefined;
      const text = this.#buffer.toString("latin1", 0, end + 4);
      this.#buffer = this.#buffer.subarray(end + 4);
      return text;
    });
    this.record.heads.push(this.head);
    this.count("heads");
  }

  read(n) {
    return this.#until(() => {
      if (this.#buffer.length < n) return undefined;
      this.#buffer = this.#buffer.subarray(n);
      return n;
    });
  }

  awaitFrame(prefix) {
    return this.#until(() => {
      while (this.#seen < (this.#frames?.length ?? 0)) {
        const frame = this.#frames[this.#seen++];
        if (prefix === true || frame.text?.startsWith(prefix)) return frame;
      }
      return undefined;
    });
  }

  async write(bytes) {
    if (this.#gathered) return void this.#gathered.push(bytes);
    const { size = bytes.length || 1, every } = this.#pieces ?? {};
    for (let at = 0; at < bytes.length; at += size) {
      if (this.socket.destroyed || this.socket.writableEnded) throw new Gone();
      const left = new Promise((done) =>
        this.socket.write(bytes.subarray(at, at + size), done),
      );
      await Promise.race([left, this.left]);
      if (this.#pieces) await this.pause(every);
    }
  }

  /** Writes of |run| leave as one. */
  async inOneWrite(run) {
    this.#gathered = [];
    await run();
    const bytes = Buffer.concat(this.#gathered);
    this.#gathered = undefined;
    await this.write(bytes);
  }

  /** Writes of |run| leave in pieces. */
  async inPieces(pieces, run) {
    const before = this.#pieces;
    this.#pieces = pieces;
    try {
      await run();
    } finally {
      this.#pieces = before;
    }
  }

  async pause(ms) {
    await Promise.race([sleep(ms), this.left]);
    if (this.record.ended) throw new Gone();
  }

  deafen(deaf) {
    deaf === false ? this.socket.resume() : this.socket.pause();
  }

  end() {
    this.record.ended ??= "peer";
    this.socket.end();
  }

  reset() {
    this.record.ended ??= "peer";
    this.raw.resetAndDestroy();
    this.socket.destroy();
  }
}
