import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { grows } from "../../soak/flat.mjs";

const times = Array.from({ length: 60 }, (_, i) => i * 60);
/** Noise that is the same each time. */
const noise = (i) => ((i * 7919) % 101) - 50;

describe("a line of a soak", () => {
  it("grows by a leak that is small beside its noise", () => {
    assert.ok(grows(times, times.map((t, i) => 20_000 + t * 0.5 + noise(i) * 4)));
  });

  it("does not grow by noise, nor by what fills in the first third", () => {
    assert.ok(!grows(times, times.map((_, i) => 20_000 + noise(i) * 4)));
    assert.ok(!grows(times, times.map((_, i) => 20_000 - 8000 * Math.exp(-i / 4) + noise(i))));
  });

  it("does not grow by less than a twentieth", () => {
    assert.ok(!grows(times, times.map((t) => 20_000 + t * 0.25)));
  });

  it("does not grow when it falls", () => {
    assert.ok(!grows(times, times.map((t) => 20_000 - t)));
  });
});
