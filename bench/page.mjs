/**
 * Writes what was measured last into docs/performance.md, between its marks:
 * the medians as bench/run.mjs printed them, and the targets, each with what
 * it is met or missed by. Words are written by hand, around the marks.
 *
 *   node bench/page.mjs
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const PAGE = "docs/performance.md";
const BASE = "socket.io-client";
const OURS = ["graphsocket, Lua 5.4", "graphsocket, LuaJIT"];

/** What, workload, field, and the largest ratio to socket.io-client on Lua 5.4 and LuaJIT. */
const TARGETS = [
  ["CPU, 100 bytes", "burst-100", "cpu_us", 0.55, 0.45],
  ["CPU, 300 bytes", "burst-300", "cpu_us", 0.95, 0.8],
  ["CPU, 300 bytes, TLS", "burst-300-tls", "cpu_us", 1.0, 0.85],
  ["CPU, 1,000 bytes", "burst-1000", "cpu_us", 1.6, 1.6],
  ["CPU, 10,000 bytes", "burst-10000", "cpu_us", 2.6, 2.6],
  ["CPU, 1,000,000 bytes", "burst-1000000", "cpu_us", 2.8, 2.8],
  ["time of a burst, 300 bytes", "burst-300", "wall_us", 0.83, 0.83],
  ["memory in it", "burst-300", "peak_mb", 0.15, 0.15],
  ["CPU of the start", "cold", "total_cpu_ms", 0.06, 0.06],
  ["memory after it", "cold", "peak_mb", 0.16, 0.16],
  ["CPU of the start, TLS", "cold-tls", "total_cpu_ms", 0.12, 0.12],
  ["latency, p50", "latency", "p50_us", 0.7, 0.7],
  ["latency, p99", "latency", "p99_us", 0.2, 0.2],
  ["memory of an idle socket", "idle", "kb", 0.5, 0.5],
  ["the same, TLS", "idle-tls", "kb", 0.4, 0.4],
  ["CPU of connecting", "idle", "connect_us", 0.4, 0.4],
  ["the same, TLS", "idle-tls", "connect_us", 0.5, 0.5],
  ["CPU, 1,000/s among 8,000 sockets", "hot-8000", "cpu_us", 0.75, 0.75],
];

function medians(workload, field) {
  const [head, ...lines] = readFileSync(`bench/data/${workload}.csv`, "utf8").trim().split("\n");
  const column = head.split(",").indexOf(field);
  const values = {};
  for (const line of lines) {
    const [, client, rest] = /^"([^"]*)",(.*)$/.exec(line);
    (values[client] ??= []).push(Number(rest.split(",")[column - 1]));
  }
  const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, middle(list)]));
}

function cell(ratio, target) {
  const text = ratio.toFixed(2);
  return ratio <= target ? `${text}` : `**${text}**, ${Math.round((ratio / target - 1) * 100)} % over`;
}

function targets() {
  const rows = TARGETS.map(([what, workload, field, ...limits]) => {
    const values = medians(workload, field);
    const cells = OURS.map((name, i) => cell(values[name] / values[BASE], limits[i]));
    const wanted = limits[0] === limits[1] ? `${limits[0]}` : `${limits[0]}; ${limits[1]}`;
    return `| ${what} | ${wanted} | ${cells.join(" | ")} |`;
  });
  return [
    "| ratio to socket.io-client | target (5.4; LuaJIT) | Lua 5.4 | LuaJIT |",
    "| --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function put(page, name, text) {
  const marks = new RegExp(`(<!-- bench: ${name} -->\\n)[^]*?(<!-- bench: end -->)`);
  if (!marks.test(page)) throw new Error(`${PAGE} has no mark for ${name}`);
  return page.replace(marks, (_, begin, end) => `${begin}${text}\n${end}`);
}

let page = put(readFileSync(PAGE, "utf8"), "targets", targets());
if (existsSync("bench/data/medians.txt")) {
  const text = readFileSync("bench/data/medians.txt", "utf8");
  page = put(page, "medians", "```\n" + text + "```");
}
writeFileSync(PAGE, page);
