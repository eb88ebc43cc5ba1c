/**
 * Runs the workloads, each client in turn and again, and writes what was
 * measured as lines of bench/data/WORKLOAD.csv; then prints medians, and their
 * ratios to socket.io-client.
 *
 *   node bench/run.mjs [RUNS] [WORKLOAD…]       5 runs of all of them, fewer of
 *                                               those that are long
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BASE = "socket.io-client";
const lua = (interpreter, build) => ({
  command: [interpreter, "bench/clients/graphsocket.lua"],
  graph: [interpreter, "bench/clients/graph.lua"],
  env: { LUA_CPATH: `build/${build}/?.so;;`, LUA_PATH: "lua/?.lua;lua/?/init.lua;;" },
});

/** Those that only read (frames, wslay, lws) are bounds, not clients. */
const CLIENTS = {
  [BASE]: { command: ["node", "bench/clients/node.cjs"] },
  "graphsocket, Lua 5.4": lua("lua5.4", "5.4"),
  "graphsocket, LuaJIT": lua("luajit", "luajit"),
  "python-socketio": { command: ["/usr/bin/python3", "bench/clients/python_sync.py"], slow: true },
  "python-socketio, asyncio": {
    command: ["/usr/bin/python3", "bench/clients/python_asyncio.py"],
    slow: true,
  },
  "libwebsockets, counting": { command: ["build/bench/lws"], bound: true },
  "wslay, counting": { command: ["build/bench/wslay"], bound: true },
  "frame heads, counting": { command: ["build/bench/frames"], bound: true },
};

const FIELDS = {
  cpu_us: "CPU us",
  wall_us: "wall us",
  total_cpu_ms: "CPU ms in all",
  peak_mb: "peak MB",
  p50_us: "p50 us",
  p99_us: "p99 us",
  connect_us: "connecting, CPU us",
  kb: "KB a socket",
  rss_mb: "MB",
  notify_us: "an event each, us",
  pong_us: "heartbeat, us",
  storm_us: "again, CPU us",
  storm_s: "all again, s",
  busiest: "busiest 0.1 s",
  bytes: "bytes",
  a_second: "a second",
  grown_kb: "KB grown",
};

const burst = (count, size, fields = ["cpu_us", "wall_us", "peak_mb"]) => ({
  title: `a burst of ${count} events of ${size} bytes`,
  mode: "burst",
  count,
  server: ["burst", count, size],
  fields,
});
const over = (workload, more) => ({ ...workload, ...more, title: `${workload.title}${more.title}` });
const TLS = { tls: true, title: ", over TLS", without: ["bound", "slow"] };

/** One event a millisecond for one of so many sockets. */
const hot = (count) => ({
  title: `1,000 events a second for one of ${count} sockets`,
  mode: "hot",
  count,
  server: ["latency", 1000, 0],
  fields: ["cpu_us"],
  without: ["bound", "slow"],
  runs: 3,
});

/** All join, all get events and a heartbeat, all are cut off and come back. */
const crowd = (count) => ({
  title: `${count} sockets: joined, notified, asked for a heartbeat, cut off and back`,
  mode: "crowd",
  count,
  server: ["crowd", 0, 300],
  fields: ["rss_mb", "kb", "connect_us", "notify_us", "pong_us", "storm_us", "storm_s", "busiest"],
  without: ["bound", "slow"],
  runs: count < 10_000 ? 3 : 1,
});

/** Against the Graph simulator, over TLS; ours alone. */
const renewal = (count, lifetime) => ({
  title: `${count} subscriptions that are renewed, over TLS: one renewal`,
  mode: "renewal",
  count,
  simulator: ["--lifetime", String(lifetime)],
  fields: ["cpu_us", "bytes", "a_second", "rss_mb"],
  runs: 1,
});

const WORKLOADS = {
  "burst-100": burst(400_000, 100),
  "burst-300": burst(400_000, 300),
  "burst-300-tls": over(burst(400_000, 300), TLS),
  "burst-1000": burst(100_000, 1000),
  "burst-10000": burst(20_000, 10_000),
  "burst-1000000": burst(200, 1_000_000),
  cold: {
    ...burst(1, 300, ["total_cpu_ms", "peak_mb"]),
    title: "from the start of the process to the first event",
  },
  "cold-tls": over(
    { ...burst(1, 300, ["total_cpu_ms", "peak_mb"]), title: "from the start to the first event" },
    TLS,
  ),
  latency: {
    title: "from the server's send to the handler, at 200 events a second",
    mode: "latency",
    count: 2000,
    server: ["latency", 200, 0],
    fields: ["p50_us", "p99_us"],
    without: ["bound"],
  },
  idle: {
    title: "8,000 sockets, each with a connection",
    mode: "idle",
    count: 8000,
    server: ["idle", 0, 0],
    fields: ["kb", "connect_us"],
    without: ["bound", "slow"],
  },
  "idle-tls": {
    title: "2,000 sockets, each with a connection over TLS",
    mode: "idle",
    count: 2000,
    server: ["idle", 0, 0],
    fields: ["kb", "connect_us"],
    without: ["bound", "slow"],
    tls: true,
  },
  "hot-10": hot(10),
  "hot-8000": hot(8000),
  "crowd-1": crowd(1),
  "crowd-10": crowd(10),
  "crowd-100": crowd(100),
  "crowd-1000": crowd(1000),
  "crowd-10000": crowd(10_000),
  renewal: renewal(100, 30),
  enumeration: {
    title: "the first enumeration of 1,000,000 items: one item",
    mode: "enumeration",
    count: 1_000_000,
    simulator: [],
    fields: ["cpu_us", "rss_mb", "grown_kb"],
    runs: 1,
  },
};

/** Run only if it is named: what 10,000 subscriptions of 20 minutes are for the machine. */
const LONG = { "renewal-1000": { ...renewal(1000, 130), runs: 1 } };

const run = promisify(execFile);

async function start(words) {
  const child = spawn("node", words, { stdio: ["pipe", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    return { line, stop: () => child.stdin.end() };
  }
}

/** A slow client gets a part of a burst: its cost is for each event. */
const countFor = (client, { mode, count }) =>
  client.slow && mode === "burst" ? Math.ceil(count / 20) : count;

/** The words after the client's command, and what serves it. */
async function prepare(client, workload) {
  const { mode, simulator } = workload;
  const count = countFor(client, workload);
  if (simulator) {
    const server = await start(["spec/support/simulator", ...simulator]);
    return { server, command: [...client.graph, mode, server.line, count] };
  }
  const load = mode === "burst" ? ["burst", count, workload.server[2]] : workload.server;
  const server = await start(["bench/server.mjs", ...load, ...(workload.tls ? ["tls"] : [])]);
  const { url, ca } = JSON.parse(server.line);
  return { server, command: [...client.command, mode, url, count, ...(ca ? [ca] : [])] };
}

/** As many descriptors as this user may have: many sockets need them. */
const UNLIMITED = ["-c", 'ulimit -n "$(ulimit -Hn)" && exec "$@"', "sh"];

async function measure(client, workload) {
  const { server, command } = await prepare(client, workload);
  const { stdout } = await run("sh", [...UNLIMITED, ...command.map(String)], {
    env: { ...process.env, ...client.env },
  });
  server.stop();
  return JSON.parse(stdout);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const said = [];
function say(line) {
  said.push(line);
  console.log(line);
}

function print(workload, results) {
  const { fields } = workload;
  say(`
${workload.title}`);
  const ratios = BASE in results;
  const heads = fields.map(
    (field) => `${FIELDS[field].padStart(20)}${ratios ? "ratio".padStart(7) : ""}`,
  );
  say(`${"".padEnd(26)}${heads.join("")}`);
  const middle = (name, field) => median(results[name].map((result) => result[field]));
  for (const name of Object.keys(results)) {
    const cells = fields.map((field) => {
      const value = middle(name, field);
      const ratio = ratios ? (value / middle(BASE, field)).toFixed(2).padStart(7) : "";
      return `${value.toPrecision(4).padStart(20)}${ratio}`;
    });
    say(`${name.padEnd(26)}${cells.join("")}`);
  }
}

function write(name, results) {
  const path = `bench/data/${name}.csv`;
  const { fields } = named(name);
  rmSync(path, { force: true });
  appendFileSync(path, `client,${fields.join(",")}\n`);
  for (const [client, list] of Object.entries(results)) {
    for (const result of list) {
      const values = fields.map((field) => Number(result[field]).toPrecision(4));
      appendFileSync(path, `"${client}",${values.join(",")}\n`);
    }
  }
}

function build() {
  mkdirSync("build/bench", { recursive: true });
  mkdirSync("bench/data", { recursive: true });
  const flags = execFileSync("pkg-config", ["--cflags", "--libs", "libwebsockets", "libuv"]);
  const words = String(flags).trim().split(/\s+/);
  const cc = ["-O2", "-D_GNU_SOURCE", "-o"];
  execFileSync("cc", [...cc, "build/bench/frames", "bench/clients/frames.c"]);
  execFileSync("cc", [...cc, "build/bench/wslay", "bench/clients/wslay.c", "-lwslay"]);
  execFileSync("cc", [...cc, "build/bench/lws", "bench/clients/lws.c", ...words]);
}

const named = (name) => WORKLOADS[name] ?? LONG[name];
const [runs = "5", ...names] = process.argv.slice(2);
build();
for (const name of names.length ? names : Object.keys(WORKLOADS)) {
  const workload = named(name);
  const results = {};
  const since = performance.now();
  for (let i = 0; i < Math.min(Number(runs), workload.runs ?? Infinity); i++) {
    for (const [client, how] of Object.entries(CLIENTS)) {
      if (workload.without?.some((kind) => how[kind])) continue;
      if (workload.simulator && !how.graph) continue;
      (results[client] ??= []).push(await measure(how, workload));
    }
  }
  write(name, results);
  print(workload, results);
  console.log(`(${name}: ${((performance.now() - since) / 1000).toFixed(0)} s)`);
}
// For bench/page.mjs: a part of the workloads says nothing of the others.
if (!names.length) writeFileSync("bench/data/medians.txt", `${said.join("\n").trim()}\n`);
