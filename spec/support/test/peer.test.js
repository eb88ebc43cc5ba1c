import assert from "node:assert/strict";
import { after, before, describe, it as test } from "node:test";
import net from "node:net";
import { WebSocket } from "ws";
import { io } from "socket.io-client";
import { ask, launch } from "./helper.js";

const it = (name, run) => test(name, { timeout: 30000 }, run);
const once = (emitter, event) =>
  new Promise((done) => emitter.once(event, (...args) => done(args)));

let peer;

before(async () => {
  peer = await launch("peer");
});
after(() => peer.end());

const script = (steps, more) =>
  peer.post("/peers/launch", { script: steps, ...more });

/** How a websocket client of another make sees a script. */
async function seen(steps, options) {
  const { url } = await script(steps, options);
  const client = new WebSocket(url.replace("http", "ws"), { ca: peer.ca });
  const messages = [];
  client.on("message", (data, binary) =>
    messages.push(binary ? data.toString("hex") : data.toString()),
  );
  return new Promise((done) => {
    client.on("error", ({ message }) => done({ messages, error: message }));
    client.on("close", (code, reason) =>
      done({ messages, error: null, code, reason: reason.toString() }),
    );
  });
}

describe("a scripted peer", () => {
  it("numbers frames, and puts what fills them between text", async () => {
    const { messages } = await seen([
      { upgrade: true },
      { frame: { text: "n#", count: 1001 } },
      { frame: { text: "a", fill: 3, byte: "b", tail: "c", deflate: false } },
      { close: 1000 },
      { end: true },
    ]);
    assert.equal(messages.length, 1002);
    assert.equal(messages[1000], "n1000");
    assert.equal(messages[1001], "abbbc");
  });

  it("speaks websocket as told", async () => {
    const { messages, error, code, reason } = await seen(
      [
        { upgrade: true },
        { frame: { text: "one" } },
        { frame: { hex: "00ff" } },
        { frame: { text: "tw", fin: false } },
        { frame: { opcode: 0, text: "o" } },
        { drip: 0, of: [{ frame: { text: "three" } }] },
        { repeat: 3, of: [{ frame: { fill: 2, byte: "a" } }] },
        { close: 4001, reason: "enough" },
        { end: true },
      ],
      { tls: true },
    );
    assert.deepEqual(messages, [
      "one",
      "00ff",
      "two",
      "three",
      "6161",
      "6161",
      "6161",
    ]);
    assert.deepEqual([error, code, reason], [null, 4001, "enough"]);
  });

  it("breaks the rules as told", async () => {
    for (const [steps, words] of [
      [[{ upgrade: { accept: "wrong" } }], /Sec-WebSocket-Accept/],
      [[{ upgrade: { status: 200 } }], /Unexpected server response: 200/],
      [[{ answer: { status: 403, body: "no" } }, { end: true }], /403/],
      [[{ upgrade: true }, { frame: { text: "x", mask: true } }], /MASK/],
      [[{ upgrade: true }, { frame: { text: "x", rsv: 2 } }], /RSV2/],
      [[{ upgrade: true }, { frame: { hex: "ff", opcode: 1 } }], /UTF-8/],
      [[{ upgrade: true }, { frame: { text: "x", opcode: 3 } }], /opcode/],
      [[{ upgrade: true }, { frame: { opcode: 9, fill: 200 } }], /length/],
      [[{ head: true }, { rst: true }], /ECONNRESET|hang up/],
      [[{ head: true }, { end: true }], /hang up/],
    ])
      assert.match((await seen(steps)).error, words);
  });

  it("compresses, and reads compressed frames", async () => {
    const peered = await script([
      {
        upgrade: {
          headers: {
            "Sec-WebSocket-Extensions":
              "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
          },
        },
      },
      { frame: { text: "x".repeat(2000), deflate: true } },
      { await: "yyy" },
      { close: 1000 },
      { end: true },
    ]);
    const client = new WebSocket(peered.url.replace("http", "ws"), {
      perMessageDeflate: { threshold: 0 },
    });
    assert.equal((await once(client, "message"))[0].length, 2000);
    client.send("y".repeat(2000));
    await once(client, "close");
    const { connections } = await peer.post("/peers/report", { id: peered.id });
    assert.equal(connections[0].frames[0].text.length, 2000);
    assert.equal(connections[0].frames[0].rsv, 4);
  });

  it("plays another script to the next connection", async () => {
    const { id, url } = await peer.post("/peers/launch", {
      scripts: [
        [{ answer: { status: 500 } }],
        [{ answer: { body: "well" } }, { end: true }],
      ],
    });
    assert.equal((await ask(url)).status, 500);
    assert.equal((await ask(url)).text, "well");
    assert.equal((await ask(url)).text, "well");
    await peer.post("/peers/wait", { id, for: { opened: 3, heads: 3 } });
    await assert.rejects(script([{ nothing: 1 }]), /no verb/);
  });

  it("is a Socket.IO server for as long as wanted", async () => {
    const { url } = await script([
      { upgrade: true },
      { open: { pingInterval: 100 } },
      { join: "/notifications" },
      { frame: { text: '42/notifications,["notification","{}"]' } },
      { frame: { text: "2" } },
      { await: "3" },
      { frame: { text: '42/notifications,["later"]' } },
    ]);
    const socket = io(`${url}/notifications`, { transports: ["websocket"] });
    const later = once(socket, "later");
    assert.deepEqual(await once(socket, "notification"), ["{}"]);
    await later;
    socket.disconnect();
  });
});

describe("a proxy", () => {
  const tunnel = ({ port }, headers = "") =>
    new Promise((done) => {
      const socket = net.connect(port, "127.0.0.1");
      let text = "";
      socket.setEncoding("utf8").on("data", (more) => {
        text += more;
        if (/\r\n\r\n/.test(text)) {
          socket.destroy();
          done(text.split("\r\n")[0]);
        }
      });
      socket.write(`CONNECT fake.test:${port} HTTP/1.1\r\n${headers}\r\n`);
    });

  it("asks who you are, and records it", async () => {
    const proxy = await peer.post("/proxies/launch", {
      user: "u",
      password: "p",
      hosts: { "fake.test": "127.0.0.1" },
    });
    assert.match(await tunnel(proxy), /407/);
    assert.match(
      await tunnel(proxy, "Proxy-Authorization: Basic dTpw\r\n"),
      /200/,
    );
    const { requests } = await peer.post("/proxies/report", { id: proxy.id });
    assert.deepEqual(
      requests.map(({ status, authorization }) => [
        status,
        authorization?.right,
      ]),
      [
        [407, undefined],
        [200, true],
      ],
    );
  });

  it("refuses as told", async () => {
    const proxy = await peer.post("/proxies/launch", {
      refuse: { status: 503 },
    });
    assert.match(await tunnel(proxy), /503/);
  });
});

describe("a wire", () => {
  it("has a port that no other server has had", async () => {
    const { port } = await script([{ end: true }]);
    const first = await peer.post("/wires/launch", { port });
    assert.ok(first.port >= 10000 && first.port < 20000, `${first.port}`);
    // Another wire passes over a port that somebody has.
    const taken = net.createServer().on("error", () => {});
    taken.listen(first.port + 1, "127.0.0.1");
    await Promise.any(["listening", "error"].map((name) => once(taken, name)));
    const second = await peer.post("/wires/launch", { port });
    taken.close();
    assert.notEqual(second.port, first.port + 1);
  });

  it("cuts, drips and swallows", async () => {
    const { port } = await script([{ answer: { fill: 1000 } }, { end: true }]);
    const wire = await peer.post("/wires/launch", { port });
    const { id } = wire;
    const url = `http://127.0.0.1:${wire.port}/`;
    assert.equal((await ask(url)).text.length, 1000);
    await peer.post("/wires/fault", { id, cut: { after: 500 } });
    await assert.rejects(ask(url), /aborted|hang up/);
    await peer.post("/wires/fault", { id, cut: { after: 500, rst: true } });
    await assert.rejects(ask(url), /ECONNRESET|aborted/);
    await peer.post("/wires/heal", { id });
    await peer.post("/wires/fault", { id, drip: { bytes: 100, every: 1 } });
    assert.equal((await ask(url)).text.length, 1000);
    await peer.post("/wires/stop", { id });
    await assert.rejects(ask(url), /ECONNREFUSED/);
    await peer.post("/wires/start", { id });
    assert.equal((await ask(url)).text.length, 1000);
  });

  it("follows a plan, a connection at a time, to the byte", async () => {
    const { port } = await script([{ answer: { fill: 1000 } }, { end: true }]);
    const wire = await peer.post("/wires/launch", {
      port,
      plan: [
        { name: "rst", turns: [{ after: 500, faults: { end: "rst" } }] },
        { name: "away", away: 50 },
        {
          name: "pause",
          turns: [
            { after: 10, lane: "up", faults: { hole: "down" } },
            { within: 20, faults: { hole: false } },
          ],
        },
        { name: "never", turns: [{ after: 5000, faults: { end: "rst" } }] },
      ],
    });
    const { id } = wire;
    const url = `http://127.0.0.1:${wire.port}/`;
    await assert.rejects(ask(url), /ECONNRESET|aborted/);
    await assert.rejects(ask(url), /ECONNRESET|hang up/);
    // Away for a while; then the plan goes on where it was.
    const back = async () => {
      try {
        return await ask(url);
      } catch {
        return back();
      }
    };
    assert.equal((await back()).text.length, 1000);
    assert.equal((await ask(url)).text.length, 1000);
    assert.equal((await ask(url)).text.length, 1000);
    const { counters } = await peer.post("/wires/report", { id });
    assert.deepEqual(counters, {
      planned: 4,
      clean: 1,
      "struck.rst": 1,
      "struck.away": 1,
      "struck.pause": 1,
    });
    await peer.post("/wires/close", { id });
    await assert.rejects(peer.post("/wires/report", { id }), /no wires/);
  });
});
