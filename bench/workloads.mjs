/** The clients and the workloads that bench/run.mjs measures them with. */

export const BASE = "socket.io-client";
const lua = (interpreter, build) => ({
  command: [interpreter, "bench/clients/graphsocket.lua"],
  graph: [interpreter, "bench/clients/graph.lua"],
  env: { LUA_CPATH: `build/${build}/?.so;;`, LUA_PATH: "lua/?.lua;lua/?/init.lua;;" },
});

/**
 * `bound`: it only counts (frames, wslay, lws), and says how little could do.
 * `plain`: it knows bursts alone, and no TLS. `slow`: it gets a part of a burst.
 * `nginx`: it takes part in the workloads that say so.
 */
export const CLIENTS = {
  [BASE]: { command: ["node", "bench/clients/node.cjs"] },
  "graphsocket, Lua 5.4": lua("lua5.4", "5.4"),
  "graphsocket, LuaJIT": lua("luajit", "luajit"),
  "graphsocket, nginx": { command: ["bench/clients/nginx"], nginx: true },
  "python-socketio": { command: ["/usr/bin/python3", "bench/clients/python_sync.py"], slow: true },
  "python-socketio, asyncio": {
    command: ["/usr/bin/python3", "bench/clients/python_asyncio.py"],
    slow: true,
  },
  "libwebsockets, counting": { command: ["build/bench/lws"], bound: true },
  "wslay, counting": { command: ["build/bench/wslay"], bound: true, plain: true },
  "frame heads, counting": { command: ["build/bench/frames"], bound: true, plain: true },
};

export const FIELDS = {
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
const TLS = { tls: true, title: ", over TLS", without: ["plain", "slow"] };

/** Joins with so many, then one event a millisecond for one of them. */
const hot = (count, fields) => ({
  title: `${count.toLocaleString("en-US")} sockets, each with a connection; 1,000 events a second for one of them`,
  mode: "hot",
  count,
  server: ["latency", 1000, 0],
  fields,
  without: ["plain", "slow"],
});

/** All join, all get events and a heartbeat, all are cut off and come back. */
const crowd = (count) => ({
  title: `${count.toLocaleString("en-US")} sockets: joined, notified, asked for a heartbeat, cut off and back`,
  mode: "crowd",
  count,
  server: ["crowd", 0, 300],
  fields: ["rss_mb", "kb", "connect_us", "notify_us", "pong_us", "storm_us", "storm_s", "busiest"],
  without: ["bound", "slow"],
  // They claim no ratio.
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

export const WORKLOADS = {
  "burst-100": burst(400_000, 100),
  "burst-300": { ...burst(400_000, 300), nginx: true },
  "burst-300-tls": { ...over(burst(400_000, 300), TLS), nginx: true },
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
    count: 1000,
    server: ["latency", 200, 0],
    fields: ["p50_us", "p99_us"],
    without: ["bound"],
  },
  "idle-tls": {
    title: "2,000 sockets, each with a connection over TLS",
    mode: "idle",
    count: 2000,
    server: ["idle", 0, 0],
    fields: ["kb", "connect_us"],
    without: ["plain", "slow"],
    tls: true,
  },
  "hot-10": hot(10, ["cpu_us"]),
  "hot-8000": hot(8000, ["kb", "connect_us", "cpu_us"]),
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

/** What is compared with each other. */
export const TOGETHER = [["hot-10", "hot-8000"]];

/** Run only if it is named: what 10,000 subscriptions of 20 minutes are for the machine. */
export const LONG = { "renewal-1000": renewal(1000, 130) };
