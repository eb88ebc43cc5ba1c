#!/usr/bin/env node
/**
 * Records the command line in a terminal, against the Graph simulator, and draws
 * what it showed: docs/images/terminal.svg.
 *
 *   node scripts/recording.mjs
 */
import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const COLUMNS = 84;
const COMMANDS = ["graphsocket doctor", "graphsocket watch /me/drive/root --timeout 9"];

const server = spawn("node", ["spec/support/simulator/index.js", "--office"], {
  stdio: ["pipe", "pipe", "inherit"],
});
const { value: line } = await createInterface({ input: server.stdout })
  [Symbol.asyncIterator]()
  .next();
const { token, graph, ca } = JSON.parse(line);

/** What a command writes to a terminal of its own. */
function record(command) {
  const words = command.replace("graphsocket", "lua5.4 bin/graphsocket");
  return execFileSync("script", ["-qec", `stty cols ${COLUMNS}; ${words} || true`, "/dev/null"], {
    env: {
      ...process.env,
      GRAPH_TOKEN: token,
      GRAPH_BASE_URL: graph,
      GRAPH_CA_FILE: ca,
      LUA_PATH: "lua/?.lua;lua/?/init.lua;;",
      LUA_CPATH: "build/5.4/?.so;;",
      TERM: "xterm-256color",
    },
    stdio: ["pipe", "pipe", "inherit"],
  }).toString();
}

/** Lines as they stand in the end: a status line is written over and over. */
const settle = (output) =>
  output
    .replaceAll("\r\n", "\n")
    .trimEnd()
    .split("\n")
    .map((text) => text.split(/\r|\x1b\[2K/).findLast((part) => part !== "") ?? "");

const COLOURS = { 1: "bold", 2: "dim", 31: "red", 32: "green", 33: "yellow", 36: "cyan" };
const escape = (text) =>
  text.replace(/[&<>]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[char]);

function draw(text) {
  let out = "";
  let colour;
  for (const part of text.split(/(\x1b\[[\d;]*m)/)) {
    const code = /^\x1b\[([\d;]*)m$/.exec(part)?.[1];
    if (code !== undefined) colour = COLOURS[code];
    else if (part) out += colour ? `<tspan class="${colour}">${escape(part)}</tspan>` : escape(part);
  }
  return out;
}

const lines = COMMANDS.flatMap((command) => [
  `\x1b[2m$\x1b[0m \x1b[1m${command}\x1b[0m`,
  ...settle(record(command).replaceAll(ca, "/etc/ssl/certs/ca.pem")),
  "",
]).slice(0, -1);
server.stdin.end();

const HEIGHT = 20;
const height = lines.length * HEIGHT + 64;
const width = COLUMNS * 8.45 + 40;
writeFileSync(
  "docs/images/terminal.svg",
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" role="img">
<title>graphsocket doctor, and graphsocket watch, in a terminal</title>
<style>
text { font: 14px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #d7dce4; white-space: pre; }
.bold { font-weight: 600; fill: #fff; } .dim { fill: #7f8a9b; } .red { fill: #f47067; }
.green { fill: #57c38a; } .yellow { fill: #e3b35b; } .cyan { fill: #5bb8d8; }
</style>
<rect width="100%" height="100%" rx="10" fill="#16191f"/>
<circle cx="22" cy="20" r="6" fill="#3a404b"/><circle cx="42" cy="20" r="6" fill="#3a404b"/>
<circle cx="62" cy="20" r="6" fill="#3a404b"/>
${lines.map((text, i) => `<text x="20" y="${58 + i * HEIGHT}" xml:space="preserve">${draw(text)}</text>`).join("\n")}
</svg>
`,
);
