/** examples/openresty/run, the one command: what it starts, it takes away. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { Example } from "./example.js";

describe("examples/openresty/run", () => {
  it("shows a drive that changes without an account, and leaves nothing behind", async () => {
    const example = await Example.start({});
    assert.match(example.out, /^Graph simulator +https:/);
    const page = await (await example.get("")).text();
    assert.match(page, /<title>The drive, live/);
    await example.event("change");
    const pids = [example.pid, ...example.workers(), ...example.children()];
    await example.end();
    await example.gone(pids);
    assert.equal(existsSync(example.prefix), false);
  });

  it("takes the next port if one is in use", async () => {
    const first = await Example.start({});
    try {
      const { port } = new URL(first.url);
      const second = await Example.start({ PORT: port });
      const next = Number(new URL(second.url).port);
      await second.end();
      assert.ok(next > Number(port));
    } finally {
      await first.end();
    }
  });

  it("says what is missing, and leaves nothing behind either", async () => {
    await assert.rejects(
      Example.start({ NGINX: "true" }),
      /true has no Lua: scripts\/setup nginx/,
    );
  });
});
