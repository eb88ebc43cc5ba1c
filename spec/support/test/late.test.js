import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import net from "node:net";
import { once } from "node:events";
import { listenInside } from "../common/listen.js";

process.env.LATE = "3";
const { late, lateness } = await import("../common/late.js");
const { Wire } = await import("../common/wire.js");

describe("a late server", () => {
  let echo, wire;

  before(async () => {
    echo = net.createServer((socket) => socket.pipe(socket));
    wire = await new Wire({ port: await listenInside(echo) }).start();
  });
  after(async () => {
    await wire.close();
    echo.close();
  });

  it("is late by up to LATE, not always, and seldom by more", () => {
    const waits = Array.from({ length: 100000 }, lateness);
    const share = (test) => waits.filter(test).length / waits.length;
    assert.ok(share((ms) => ms === 0) > 0.2);
    assert.ok(share((ms) => ms > 0 && ms < 3) > 0.6);
    assert.ok(share((ms) => ms >= 3) > 0 && share((ms) => ms >= 3) < 0.01);
  });

  it("answers in the end", () => late());

  it("keeps the order of what passes a wire", async () => {
    const client = net.connect({ port: wire.port, host: "127.0.0.1" });
    let text = "";
    client.setEncoding("latin1").on("data", (piece) => (text += piece));
    const sent = Array.from({ length: 50 }, (_, i) => `${i} `);
    for (const piece of sent) {
      client.write(piece);
      await late();
    }
    client.end();
    await once(client, "end");
    assert.equal(text, sent.join(""));
  });
});
