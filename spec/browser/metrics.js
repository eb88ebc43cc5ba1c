/**
 * Reads Prometheus' text format and refuses what is none: each line must be a
 * comment of a family or a sample of the family that was begun last.
 */
import assert from "node:assert/strict";

const HELP = /^# HELP ([a-z_]+) (?:[^\\]|\\[\\n])+$/;
const TYPE = /^# TYPE ([a-z_]+) (counter|gauge)$/;
const SAMPLE =
  /^([a-z_]+)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$/;
const LABELS = /^(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,|$))*$/;

const key = (name, labels) =>
  `${name} ${Object.entries(labels)
    .map((pair) => pair.join("="))
    .sort()}`;

/** @returns {{types: object, value: (name: string, labels?: object) => number}} */
export function metricsOf(text) {
  assert.ok(text.endsWith("\n"));
  const types = {};
  const samples = new Map();
  let begun;
  for (const line of text.slice(0, -1).split("\n")) {
    if (line.startsWith("# HELP")) {
      assert.match(line, HELP);
      [, begun] = HELP.exec(line);
      assert.ok(!(begun in types), `${begun} comes twice`);
    } else if (line.startsWith("#")) {
      assert.match(line, TYPE);
      const [, name, type] = TYPE.exec(line);
      assert.equal(name, begun);
      assert.equal(type === "counter", name.endsWith("_total"), name);
      types[name] = type;
    } else {
      assert.match(line, SAMPLE);
      const [, name, inside = "", value] = SAMPLE.exec(line);
      assert.equal(name, begun);
      assert.match(inside, LABELS);
      const labels = Object.fromEntries(
        [...inside.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map((pair) =>
          pair.slice(1),
        ),
      );
      assert.ok(!samples.has(key(name, labels)), `${line} comes twice`);
      samples.set(key(name, labels), Number(value));
    }
  }
  return {
    types,
    value: (name, labels = {}) => samples.get(key(name, labels)),
  };
}
