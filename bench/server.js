// The load server: a websocket that speaks just enough Engine.IO v4 and
// Socket.IO v5 to be joined, and then sends COUNT prepared events of SIZE bytes
// as fast as the client reads; with RATE, so many a second and numbered, COUNT
// for each message. Prints its port; ends with its stdin.
//
//   node bench/server.js COUNT SIZE [RATE]

const { createHash } = require("node:crypto");
const { createServer } = require("node:http");

const [count, size, rate] = process.argv.slice(2).map(Number);

// One unmasked text frame (RFC 6455, section 5.2).
function frame(text) {
  const body = Buffer.from(text);
  const head =
    body.length < 126
      ? Buffer.from([0x81, body.length])
      : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, body]);
}

function event(number) {
  const notification = { value: [{ subscriptionId: "", resource: String(number) }] };
  const wrap = () => `42["notification",${JSON.stringify(JSON.stringify(notification))}]`;
  notification.value[0].subscriptionId = "a".repeat(size - wrap().length);
  return frame(wrap());
}

const BATCH = 1000;
const batch = Buffer.concat(Array.from({ length: BATCH }, () => event("x")));

function burst(socket) {
  let left = count / BATCH;
  const more = () => {
    while (left-- > 0) {
      if (!socket.write(batch)) return socket.once("drain", more);
    }
  };
  more();
}

let numbered = 0;
function flow(socket) {
  const begin = performance.now(), first = numbered;
  const tick = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - begin) * rate) / 1000));
    for (; numbered - first < due; numbered++) socket.write(event(numbered + 1));
    if (due === count) clearInterval(tick);
  }, 1);
}

const server = createServer();
server.on("upgrade", (request, socket) => {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.write(frame('0{"sid":"s","upgrades":[],"pingInterval":600000,"pingTimeout":600000,"maxPayload":1000000}'));
  let messages = 0;
  socket.on("data", () => {
    // The client's first message joins, its second asks for the events.
    messages++;
    if (messages === 1) socket.write(frame('40{"sid":"t"}'));
    if (rate && messages > 1) flow(socket);
    else if (messages === 2) burst(socket);
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit());
