/**
 * The load server: a websocket that speaks just enough Engine.IO v4 and
 * Socket.IO v5 to be joined, and sends prepared bytes, so that it is never the
 * bottleneck. Prints where it listens as one JSON line; ends with its stdin.
 *
 *   node bench/server.mjs burst COUNT BYTES [tls]    COUNT events after "go"
 *   node bench/server.mjs latency RATE 0 [tls]       RATE events a second after
 *                                                    "go", each with its time
 *   node bench/server.mjs flow COUNT BYTES RATE      COUNT events, numbered on
 *                                                    and RATE a second, after
 *                                                    each "go"
 *   node bench/server.mjs idle 0 0 [tls]             nothing
 *   node bench/server.mjs crowd 0 300 [tls]          what crowd.mjs can do
 */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { crowd } from "./crowd.mjs";
import { certificates, identity } from "../spec/support/certificates.js";

const [mode, ...words] = process.argv.slice(2);
const [count, size, rate] = words.map(Number);
const tls = words.includes("tls");

/** One unmasked text frame (RFC 6455, section 5.2). */
function frame(text) {
  const body = Buffer.from(text);
  let head;
  if (body.length < 126) {
    head = Buffer.from([0x81, body.length]);
  } else if (body.length < 65536) {
    head = Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
  } else {
    head = Buffer.alloc(10);
    head.writeUInt16BE(0x817f);
    head.writeBigUInt64BE(BigInt(body.length), 2);
  }
  return Buffer.concat([head, body]);
}

const RECORD = (id) =>
  `{"id":"01ABCDEF${id}","name":"report ${id}.docx","size":${id * 37},` +
  `"file":{"mimeType":"text/plain"},"parentReference":{"path":"/drive/root:/a"},"shared":false}`;

/** Below 1 KB a notification as Graph sends it, above a list of items. */
function event(number = "x") {
  if (size < 1000) {
    const wrap = (id) =>
      `42["notification",${JSON.stringify(`{"value":[{"subscriptionId":"${id}","resource":"${number}"}]}`)}]`;
    return wrap("a".repeat(Math.max(0, size - wrap("").length)));
  }
  const records = [];
  for (let bytes = 20; bytes < size; bytes += records.at(-1).length + 1) {
    records.push(RECORD(records.length));
  }
  return `42["notification",[${records.join(",")}]]`;
}

function burst(socket) {
  const one = frame(event());
  const each = Math.max(1, Math.min(count, Math.floor(300_000 / one.length)));
  const batch = Buffer.concat(Array(each).fill(one));
  let left = count;
  const more = () => {
    while (left > 0) {
      const now = Math.min(left, each);
      left -= now;
      const bytes = now === each ? batch : batch.subarray(0, now * one.length);
      if (!socket.write(bytes)) return socket.once("drain", more);
    }
  };
  more();
}

let numbered = 0;
function flow(socket) {
  const begin = performance.now();
  const first = numbered;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - begin) * rate) / 1000));
    for (; numbered - first < due; numbered++) socket.write(frame(event(numbered + 1)));
    if (due === count) clearInterval(timer);
  }, 1);
}

function latency(socket) {
  const timer = setInterval(() => {
    socket.write(frame(`42["notification","${process.hrtime.bigint()}"]`));
  }, 1000 / count);
  socket.on("close", () => clearInterval(timer));
}

const all = mode === "crowd" && crowd(frame, frame(event()));

function serve(request, socket) {
  const accept = createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.on("error", () => {});
  socket.setNoDelay(true);
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.write(
    frame('0{"sid":"s","upgrades":[],"pingInterval":600000,"pingTimeout":600000,"maxPayload":10000000}'),
  );
  if (all) all.open(socket);
  let messages = 0;
  socket.on("data", (bytes) => {
    // The client's first message joins, those that follow ask for the load.
    messages++;
    if (messages === 1) socket.write(frame('40{"sid":"t"}'));
    else if (all) all.data(socket, bytes);
    else if (mode === "flow") flow(socket);
    if (messages === 2 && mode === "burst") burst(socket);
    if (messages === 2 && mode === "latency") latency(socket);
  });
}

const folder = tls && (await certificates());
const server = tls ? createTlsServer(identity(folder)) : createServer();
server.on("upgrade", serve);
server.listen(0, "127.0.0.1", 4096, () => {
  const { port } = server.address();
  const url = tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  console.log(JSON.stringify({ url, ca: tls ? `${folder}/ca.pem` : "" }));
});
process.stdin.resume().on("end", () => process.exit());
