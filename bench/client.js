// As client.lua, with the reference client.
//
//   node bench/client.js PORT COUNT

const { createRequire } = require("node:module");
const { io } = createRequire(`${__dirname}/../spec/support/`)("socket.io-client");

const [port, count] = process.argv.slice(2).map(Number);
let received = 0;
let cpu, wall;

const socket = io(`http://127.0.0.1:${port}`, { transports: ["websocket"] });

socket.on("connect", () => {
  cpu = process.cpuUsage();
  wall = process.hrtime.bigint();
  socket.emit("go");
});

socket.on("notification", () => {
  if (++received < count) return;
  const used = process.cpuUsage(cpu);
  console.log(
    JSON.stringify({
      cpu_us: ((used.user + used.system) / count).toFixed(3),
      wall_us: (Number(process.hrtime.bigint() - wall) / 1e3 / count).toFixed(3),
      peak_mb: (process.resourceUsage().maxRSS / 1024).toFixed(1),
    }),
  );
  socket.disconnect();
});
