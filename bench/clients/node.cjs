// socket.io-client on Node. See bench/README.md for the modes.
//
//   node bench/clients/node.cjs burst|latency|idle URL COUNT [CA]

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

function idle() {
  const before = rssKb();
  const cpu = process.cpuUsage();
  let opened = 0;
  let joined = 0;
  const open = () => {
    if (opened === count) return;
    opened++;
    io(url, options).on("connect", () => {
      joined++;
      open();
      if (joined < count) return;
      report({ connect_us: cpuUs(cpu) / count, kb: (rssKb() - before) / count });
    });
  };
  // So many at once, as a careful program would.
  for (let i = 0; i < 50; i++) open();
}

({ burst, latency, idle })[mode]();
