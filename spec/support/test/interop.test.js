import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, afterEach, before, describe, it as test } from "node:test";
import { io as v4 } from "socket.io-client";
import { launch } from "./helper.js";

// The client that belongs to socket.io 2 comes with it.
const v2 = createRequire(
  createRequire(import.meta.url).resolve("socket.io-v2"),
)("socket.io-client");

const it = (name, run) => test(name, { timeout: 30000 }, run);
const once = (emitter, event) =>
  new Promise((done) => emitter.once(event, (...args) => done(args)));
const acked = (socket, ...args) =>
  new Promise((done) => socket.emit(...args, (...reply) => done(reply)));

let peer;
const open = new Set();

before(async () => {
  peer = await launch("interop");
});
after(() => peer.end());
afterEach(() => {
  for (const socket of open) socket.disconnect();
  open.clear();
});

function connect(io, url, options) {
  const socket = io(url, {
    transports: ["websocket"],
    ca: peer.ca,
    forceNew: true,
    reconnection: false,
    ...options,
  });
  open.add(socket);
  return socket;
}

for (const [version, io] of [
  ["v4", v4],
  ["v2", v2],
])
  describe(`the ${version} server`, () => {
    for (const kind of [version, `${version}_tls`])
      it(`echoes anything, binary too (${kind})`, async () => {
        const socket = connect(io, peer.where[kind].url);
        const args = [
          1,
          "ä",
          { a: [Buffer.from([1, 2]), null] },
          Buffer.from("x"),
        ];
        assert.deepEqual(await acked(socket, "echo", ...args), args);
        const back = once(socket, "echo");
        socket.emit("echo", ...args);
        assert.deepEqual(await back, args);
      });

    it("asks, and hears the answer", async () => {
      const socket = connect(io, peer.where[version].url);
      socket.on("question", (text, answer) => answer(text, Buffer.from("y")));
      socket.emit("ask", "why");
      assert.deepEqual(await once(socket, "answered"), [
        "why",
        Buffer.from("y"),
      ]);
    });

    it("knows rooms, order, volatile and flaky acknowledgements", async () => {
      const { url } = peer.where[version];
      const [one, two] = [connect(io, url), connect(io, url)];
      await acked(one, "join", "room");
      await acked(two, "echo");
      const heard = once(one, "news");
      two.emit("to_room", "room", "news", 7);
      assert.deepEqual(await heard, [7]);
      const items = [];
      one.on("item", (i) => items.push(i));
      const done = once(one, "done");
      one.emit("count", 100, "x");
      await done;
      assert.deepEqual(
        items,
        Array.from({ length: 100 }, (_, i) => i + 1),
      );
      one.emit("flaky", 2, "key");
      assert.deepEqual(await acked(one, "flaky", 2, "key", "a"), [2, "a"]);
      assert.equal((await acked(one, "bytes", 5, true))[0], "xxxxx");
    });

    it("disconnects as asked", async () => {
      for (const [event, arg, reason] of [
        ["leave_me", false, "io server disconnect"],
        ["leave_me", true, "io server disconnect"],
        ["close_transport", null, "transport close"],
        ["cut", true, "transport close"],
      ]) {
        const socket = connect(io, peer.where[version].url);
        const gone = once(socket, "disconnect");
        socket.emit(event, arg);
        assert.equal((await gone)[0], reason, event);
      }
    });

    it("admits and refuses by namespace", async () => {
      const { url } = peer.where[version];
      const given =
        version === "v4"
          ? { auth: { token: "secret" } }
          : { query: { token: "secret" } };
      await once(connect(io, `${url}/auth`, given), "connect");
      await once(connect(io, `${url}/dynamic-7`), "connect");
      assert.equal(
        typeof (await once(connect(io, `${url}/greets`), "hello"))[0],
        "string",
      );
      const refused = connect(io, `${url}/refuse`);
      const [error] = await once(
        refused,
        version === "v4" ? "connect_error" : "error",
      );
      assert.deepEqual(error.data ?? error, { retry_after: 5 });
    });

    it("reports what it saw on the wire", async () => {
      const server = await peer.post("/servers/launch", {
        version: Number(version[1]),
      });
      const socket = connect(io, server.url, { query: { x: "1" } });
      socket.emit("echo", 1);
      await peer.post("/servers/wait", {
        id: server.id,
        for: { "events.echo": 1 },
      });
      const { connections } = await peer.post("/servers/report", {
        id: server.id,
      });
      assert.match(connections[0].url, /\bx=1\b/);
      assert.deepEqual(
        connections[0].received.filter((text) => text !== "0"),
        ['2["echo",1]'],
      );
      await peer.post("/servers/close", { id: server.id });
    });
  });

describe("a server of its own", () => {
  it("takes any option, and comes back on its port", async () => {
    const server = await peer.post("/servers/launch", {
      options: {
        path: "/other",
        pingInterval: 50,
        perMessageDeflate: true,
        connectionStateRecovery: {},
      },
    });
    const socket = connect(v4, server.url, {
      path: "/other",
      reconnection: true,
      reconnectionDelay: 10,
      perMessageDeflate: true,
    });
    await once(socket.io, "ping");
    const [seen] = await acked(socket, "handshake");
    assert.match(seen.remote, /^(127\.0\.0\.1|::1)$/);
    assert.match(seen.extensions, /permessage-deflate/);
    // Only who heard an event has a place to go on from.
    const heard = once(socket, "hi");
    socket.emit("hi");
    await heard;
    const lost = once(socket, "disconnect");
    await peer.post("/servers/stop", { id: server.id });
    await lost;
    const back = once(socket, "connect");
    await peer.post("/servers/start", { id: server.id });
    await back;
    assert.equal(socket.recovered, true);
  });

  it("asks for a client certificate", async () => {
    const server = await peer.post("/servers/launch", {
      tls: true,
      client_ca: true,
    });
    const file = (name) => readFileSync(`${peer.where.certificates}/${name}`);
    const socket = connect(v4, server.url, {
      cert: file("client.pem"),
      key: file("client.key"),
    });
    const [{ tls }] = await acked(socket, "handshake");
    assert.equal(tls.client, "graphsocket spec client");
    await once(connect(v4, server.url), "connect_error");
  });

  it("never answers, if silent", async () => {
    const server = await peer.post("/servers/launch", { silent: true });
    const socket = connect(v4, server.url);
    await peer.post("/servers/wait", { id: server.id, for: { asked: 1 } });
    assert.equal(socket.connected, false);
  });
});
