/**
 * Runs the workloads, each client in turn and again, and writes what was
 * measured as lines of bench/data/WORKLOAD.csv; then prints medians, and their
 * ratios to socket.io-client.
 *
 *   node bench/run.mjs [RUNS] [WORKLOAD…]       5 runs of all of them
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const BASE = "socket.io-client";
const lua = (interpreter, build) => ({
  command: [interpreter, "bench/clients/graphsocket.lua"],
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
};

const run = promisify(execFile);

async function serve(workload) {
  const words = ["bench/server.mjs", ...workload.server.map(String)];
  const child = spawn("node", workload.tls ? [...words, "tls"] : words, {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { ...JSON.parse(line), stop: () => child.stdin.end() };
  }
}

/** A slow client gets a part of the events: its cost is for each of them. */
const countFor = (client, workload) =>
  client.slow && workload.count > 20_000 ? workload.count / 20 : workload.count;

async function measure(client, workload) {
  const part = { ...workload, count: countFor(client, workload) };
  if (workload.mode === "burst") part.server = ["burst", part.count, workload.server[2]];
  const server = await serve(part);
  const [command, ...words] = [
    ...client.command, part.mode, server.url, String(part.count),
    ...(server.ca ? [server.ca] : []),
  ];
  const { stdout } = await run(command, words, { env: { ...process.env, ...client.env } });
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
  say(`\n${workload.title}`);
  const heads = fields.map((field) => `${FIELDS[field].padStart(20)}${"ratio".padStart(7)}`);
  say(`${"".padEnd(26)}${heads.join("")}`);
  const middle = (name, field) => median(results[name].map((result) => result[field]));
  for (const name of Object.keys(results)) {
    const cells = fields.map((field) => {
      const value = middle(name, field);
      const ratio = value / middle(BASE, field);
      return `${value.toPrecision(4).padStart(20)}${ratio.toFixed(2).padStart(7)}`;
    });
    say(`${name.padEnd(26)}${cells.join("")}`);
  }
}

function write(name, results) {
  const path = `bench/data/${name}.csv`;
  const { fields } = WORKLOADS[name];
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

const [runs = "5", ...names] = process.argv.slice(2);
build();
for (const name of names.length ? names : Object.keys(WORKLOADS)) {
  const workload = WORKLOADS[name];
  const results = {};
  for (let i = 0; i < Number(runs); i++) {
    for (const [client, how] of Object.entries(CLIENTS)) {
      if (workload.without?.some((kind) => how[kind])) continue;
      (results[client] ??= []).push(await measure(how, workload));
    }
  }
  write(name, results);
  print(workload, results);
}
// For bench/page.mjs: a part of the workloads says nothing of the others.
if (!names.length) writeFileSync("bench/data/medians.txt", `${said.join("\n").trim()}\n`);
