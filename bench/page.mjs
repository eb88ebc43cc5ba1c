/**
 * Writes what was measured last into docs/performance.md, between its marks:
 * the medians as bench/run.mjs printed them; the targets, each with what it is
 * met or missed by; and the crowds. Words are written by hand, around the marks.
 *
 *   node bench/page.mjs
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { median } from "./median.mjs";
import { BASE } from "./workloads.mjs";

const PAGE = "docs/performance.md";
const LUA = "graphsocket, Lua 5.4";
const LUAJIT = "graphsocket, LuaJIT";

/** The medians of |field|, by client. */
function medians(workload, field) {
  const [head, ...lines] = readFileSync(`bench/data/${workload}.csv`, "utf8").trim().split("\n");
  const column = head.split(",").indexOf(field);
  const values = {};
  for (const line of lines) {
    const [, client, rest] = /^"([^"]*)",(.*)$/.exec(line);
    (values[client] ??= []).push(Number(rest.split(",")[column - 1]));
  }
  return Object.fromEntries(Object.entries(values).map(([name, list]) => [name, median(list)]));
}

/** What a target is about, by client; |least| says that more is better. */
const ratio = (workload, field) => (client) => {
  const values = medians(workload, field);
  return values[client] / values[BASE];
};
const throughput = (workload) => (client) => 1 / ratio(workload, "wall_us")(client);
const growth = (from, to, field) => (client) =>
  medians(to, field)[client] / medians(from, field)[client];
const own = (workload, field) => (client) => medians(workload, field)[client];
const rate = (workload) => (client) => 1e6 / own(workload, "cpu_us")(client);

/** What, of which, the targets on Lua 5.4 and LuaJIT, the moonshot, and what else differs. */
const TARGETS = [
  ["CPU, 100 bytes", ratio("burst-100", "cpu_us"), [0.55, 0.45], 0.25],
  ["CPU, 300 bytes", ratio("burst-300", "cpu_us"), [0.95, 0.8], 0.5],
  ["the same in nginx", ratio("burst-300", "cpu_us"), [0.8], 0.5, { nginx: true }],
  ["CPU, 300 bytes, TLS", ratio("burst-300-tls", "cpu_us"), [1, 0.85], 0.5],
  ["the same in nginx", ratio("burst-300-tls", "cpu_us"), [0.85], 0.5, { nginx: true }],
  ["CPU, 1,000 bytes", ratio("burst-1000", "cpu_us"), [1.6], 1],
  ["CPU, 10,000 bytes", ratio("burst-10000", "cpu_us"), [2.6], 1],
  ["CPU, 1,000,000 bytes", ratio("burst-1000000", "cpu_us"), [2.8], 1],
  ["throughput, 300 bytes", throughput("burst-300"), [1.2], 2, { least: true }],
  ["peak memory, 300 bytes", ratio("burst-300", "peak_mb"), [0.15]],
  ["CPU of the start", ratio("cold", "total_cpu_ms"), [0.06]],
  ["memory after it", ratio("cold", "peak_mb"), [0.16]],
  ["CPU of the start, TLS", ratio("cold-tls", "total_cpu_ms"), [0.12]],
  ["latency, p50", ratio("latency", "p50_us"), [0.7], 0.45],
  ["latency, p99", ratio("latency", "p99_us"), [0.2], 0.08],
  ["memory of an idle socket", ratio("hot-8000", "kb"), [0.5], 0.35],
  ["the same, TLS", ratio("idle-tls", "kb"), [0.4], 0.35],
  ["CPU of connecting", ratio("hot-8000", "connect_us"), [0.4], 0.3],
  ["the same, TLS", ratio("idle-tls", "connect_us"), [0.5], 0.3],
  ["CPU, 1,000/s among 8,000 sockets", ratio("hot-8000", "cpu_us"), [0.75], 0.5],
  ["its growth from 10 to 8,000, itself", growth("hot-10", "hot-8000", "cpu_us"), [1.3]],
  ["items a second, itself", rate("enumeration"), [100_000], undefined, { least: true }],
  ["KB that the last 900,000 items add", own("enumeration", "grown_kb"), [1024]],
];

const reaches = (value, limit, least) => (least ? value >= limit : value <= limit);
const number = (value) =>
  value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en-US");

function cell(value, limit, least) {
  if (reaches(value, limit, least)) return number(value);
  const by = least ? 1 - value / limit : value / limit - 1;
  return `**${number(value)}**, ${Number((by * 100).toPrecision(by < 0.1 ? 1 : 2))} % ${least ? "below" : "over"}`;
}

/** "0.5: LuaJIT", of those that reach it. */
function moonshot(limit, values, least) {
  if (limit === undefined) return "";
  const who = ["Lua 5.4", "LuaJIT"].filter((_, i) => reaches(values[i], limit, least));
  return `${limit}: ${who.join(", ") || "none"}`;
}

function targets() {
  const met = [0, 0];
  const asked = [0, 0];
  const rows = TARGETS.map(([what, of, limits, most, { least, nginx } = {}]) => {
    const values = nginx ? [undefined, of("graphsocket, nginx")] : [LUA, LUAJIT].map(of);
    const cells = values.map((value, i) => {
      if (value === undefined) return "";
      const limit = limits[i] ?? limits[0];
      asked[i]++;
      met[i] += reaches(value, limit, least);
      return cell(value, limit, least);
    });
    const wanted = limits.map((limit) => limit.toLocaleString("en-US")).join("; ");
    return `| ${what} | ${least ? "≥ " : ""}${wanted} | ${cells.join(" | ")} | ${moonshot(most, values, least)} |`;
  });
  return [
    "| what | target (5.4; LuaJIT) | Lua 5.4 | LuaJIT | moonshot: reached by |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    "",
    `Met on Lua 5.4: ${met[0]} of ${asked[0]}; on LuaJIT: ${met[1]} of ${asked[1]}.`,
  ].join("\n");
}

const CROWD = {
  MB: "rss_mb",
  "KB a socket": "kb",
  "connecting, us": "connect_us",
  "an event each, us": "notify_us",
  "heartbeat, us": "pong_us",
  "back, CPU us": "storm_us",
  "all back, s": "storm_s",
  "busiest 0.1 s": "busiest",
};

function crowds() {
  const figure = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: value < 10 ? 2 : 3 });
  const rows = [1, 10, 100, 1000, 10_000].flatMap((count) => {
    const columns = Object.values(CROWD).map((field) => medians(`crowd-${count}`, field));
    return [BASE, LUA, LUAJIT].map((client, i) => {
      const cells = columns.map((values) => values[client]);
      const busiest = `${Math.round(cells.pop() * 100)} %`;
      const first = i ? "" : count.toLocaleString("en-US");
      return `| ${first} | ${client.replace("graphsocket, ", "")} | ${cells.map(figure).join(" | ")} | ${busiest} |`;
    });
  });
  return [
    `| sockets | client | ${Object.keys(CROWD).join(" | ")} |`,
    `| --- | --- |${" --- |".repeat(Object.keys(CROWD).length)}`,
    ...rows,
  ].join("\n");
}

function put(page, name, text) {
  const marks = new RegExp(`(<!-- bench: ${name} -->\\n)[^]*?(<!-- bench: end -->)`);
  if (!marks.test(page)) throw new Error(`${PAGE} has no mark for ${name}`);
  return page.replace(marks, (_, begin, end) => `${begin}${text}\n${end}`);
}

let page = put(readFileSync(PAGE, "utf8"), "targets", targets());
page = put(page, "crowds", crowds());
if (existsSync("bench/data/medians.txt")) {
  const text = readFileSync("bench/data/medians.txt", "utf8");
  page = put(page, "medians", "```\n" + text + "```");
}
writeFileSync(PAGE, page);
