// socket.io-client on Node. See bench/README.md for the modes.
//
//   node bench/clients/node.cjs burst|latency|idle|hot|crowd URL COUNT [CA]

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { io } = createRequire(`${__dirname}/../../spec/support/`)("socket.io-client");

const [mode, url, number, caFile] = process.argv.slice(2);
const count = Number(number);
const options = { transports: ["websocket"], forceNew: true, reconnection: false };
if (caFile) options.ca = readFileSync(caFile);

const cpuUs = (since) => {
  const used = process.cpuUsage(since);
  return used.user + used.system;
};
const rssKb = () =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);

function report(fields) {
  console.log(
    JSON.stringify({
      ...fields,
      total_cpu_ms: process.cpuUsage().user / 1e3 + process.cpuUsage().system / 1e3,
      peak_mb: process.resourceUsage().maxRSS / 1024,
    }),
  );
  process.exit();
}

function burst() {
  const socket = io(url, options);
  let received = 0;
  let cpu, wall;
  socket.on("connect", () => {
    cpu = process.cpuUsage();
    wall = process.hrtime.bigint();
    socket.emit("go");
  });
  socket.on("notification", () => {
    if (++received < count) return;
    const elapsed = Number(process.hrtime.bigint() - wall) / 1e3;
    report({ cpu_us: cpuUs(cpu) / count, wall_us: elapsed / count });
  });
}

function latency() {
  const socket = io(url, options);
  const samples = [];
  socket.on("connect", () => socket.emit("go"));
  socket.on("notification", (sent) => {
    samples.push(Number(process.hrtime.bigint() - BigInt(sent)) / 1e3);
    if (samples.length < count) return;
    samples.sort((a, b) => a - b);
    report({ p50_us: samples[count >> 1], p99_us: samples[Math.floor(count * 0.99)] });
  });
}

/** Joins with |count| sockets; each(socket) when it is made, done(fields, socket)
 *  when all have joined: with the cost of one. */
function joinAll(each, done) {
  const before = rssKb();
  const cpu = process.cpuUsage();
  let made = 0;
  let joined = 0;
  const open = () => {
    if (made === count) return;
    made++;
    const socket = io(url, options);
    each(socket);
    socket.once("connect", () => {
      joined++;
      open();
      if (joined < count) return;
      done({ connect_us: cpuUs(cpu) / count, kb: (rssKb() - before) / count }, socket);
    });
  };
  // So many at once, as a careful program would.
  for (let i = 0; i < Math.min(50, count); i++) open();
}

const idle = () => joinAll(() => {}, report);

const WARM = 2000; // events before those that are measured: Node compiles what is called often
const HOT = 3000;

function hot() {
  joinAll(
    () => {},
    (fields, socket) => {
      let received = 0;
      let cpu;
      socket.on("notification", () => {
        received++;
        if (received === WARM) cpu = process.cpuUsage();
        if (received === WARM + HOT) report({ ...fields, cpu_us: cpuUs(cpu) / HOT });
      });
      socket.emit("go");
    },
  );
}

const ROUNDS = 5; // of a notification to each socket

/** After all have joined: notifications, a heartbeat, and the end of all of them. */
function crowd() {
  options.reconnection = true;
  let fields, first, since, killed;
  let received = 0;
  let joined = 0;
  const begin = (command) => {
    since = process.cpuUsage();
    first.emit(command);
  };
  const notified = () => {
    received++;
    if (received < count * ROUNDS) return received % count === 0 && first.emit("all");
    fields.notify_us = cpuUs(since) / received;
    begin("ping");
    first.once("ponged", () => {
      fields.pong_us = cpuUs(since) / count;
      killed = process.hrtime.bigint();
      begin("kill");
    });
  };
  const rejoined = () => {
    if (killed === undefined || ++joined < count) return;
    fields.storm_s = Number(process.hrtime.bigint() - killed) / 1e9;
    fields.storm_us = cpuUs(since) / count;
    begin("attempts");
    first.once("attempts", (spread) => report({ ...fields, ...spread }));
  };
  joinAll(
    (socket) => {
      socket.on("notification", notified);
      socket.on("connect", rejoined);
    },
    (costs, socket) => {
      fields = { ...costs, rss_mb: rssKb() / 1024 };
      first = socket;
      begin("all");
    },
  );
}

({ burst, latency, idle, hot, crowd })[mode]();
