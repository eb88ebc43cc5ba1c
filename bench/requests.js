// Sends RATE requests a second to 127.0.0.1:PORT for so many SECONDS, over
// connections that are kept, whether or not earlier ones were answered; prints
// how long the answers took, in milliseconds, as JSON.
//
//   node bench/requests.js PORT RATE SECONDS

const { connect } = require("node:net");

const [port, rate, seconds] = process.argv.slice(2).map(Number);
const CONNECTIONS = 16;
const REQUEST = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

const taken = [];
const begun = [];
let answered = 0;

// One request at a time on each connection, so that an answer is one event.
function open(ready) {
  const connection = connect(port, "127.0.0.1", ready);
  connection.setNoDelay(true);
  connection.on("data", () => {
    taken[connection.request] = performance.now() - begun[connection.request];
    answered++;
    idle.push(connection);
    if (waiting.length) send(waiting.shift());
  });
  connection.on("error", (error) => {
    throw error;
  });
  return connection;
}

function send(request) {
  const connection = idle.pop();
  if (!connection) return waiting.push(request);
  connection.request = request;
  connection.write(REQUEST);
}

const idle = [], waiting = [];

function run() {
  const total = rate * seconds, start = performance.now();
  let sent = 0;
  const tick = setInterval(() => {
    const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1000));
    for (; sent < due; sent++) {
      begun[sent] = performance.now();
      send(sent);
    }
    if (answered < total) return;
    clearInterval(tick);
    taken.sort((a, b) => a - b);
    const at = (share) => taken[Math.min(total - 1, Math.floor(total * share))].toFixed(3);
    console.log(JSON.stringify({ requests: total, p50: at(0.5), p99: at(0.99), max: at(1) }));
    process.exit();
  }, 1);
}

let ready = 0;
for (let i = 0; i < CONNECTIONS; i++) {
  idle.push(open(() => ++ready === CONNECTIONS && run()));
}
