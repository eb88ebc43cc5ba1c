/**
 * Runs the workloads, each client in turn and again, and writes what was
 * measured as lines of bench/data/WORKLOAD.csv; then prints medians, and their
 * ratios to socket.io-client.
 *
 *   node bench/run.mjs [RUNS] [WORKLOAD…]       5 runs of all of them, one of
 *                                               those that claim no ratio
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { machine } from "./machine.mjs";
import { median } from "./median.mjs";
import { BASE, CLIENTS, FIELDS, LONG, TOGETHER, WORKLOADS } from "./workloads.mjs";

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

/** Many sockets need descriptors; with more than these libwebsockets is slower at connecting. */
const DESCRIPTORS = 20_000;
const LIMITED = ["-c", `ulimit -n ${DESCRIPTORS} || ulimit -n "$(ulimit -Hn)"; exec "$@"`, "sh"];
const TIMEOUT = 240_000; // ms, of one client: none takes half of it

async function attempt(client, workload) {
  const { server, command } = await prepare(client, workload);
  try {
    const { stdout } = await run("sh", [...LIMITED, ...command.map(String)], {
      env: { ...process.env, ...client.env },
      timeout: TIMEOUT,
    });
    return JSON.parse(stdout);
  } finally {
    server.stop();
  }
}

/** One failure is told and tried again: the others' figures are not lost with it. */
async function measure(client, workload) {
  try {
    return await attempt(client, workload);
  } catch (error) {
    console.error(`bench: ${workload.name}, once more: ${error.message} ${error.stderr ?? ""}`.trim());
    return attempt(client, workload);
  }
}

const figure = (value) => value.toLocaleString("en-US", { maximumSignificantDigits: 4 });

function* table({ title, fields, results }) {
  yield title;
  const ratios = BASE in results;
  const heads = fields.map(
    (field) => `${FIELDS[field].padStart(20)}${ratios ? "ratio".padStart(7) : ""}`,
  );
  yield `${"".padEnd(26)}${heads.join("")}`;
  const middle = (name, field) => median(results[name].map((result) => result[field]));
  for (const name of Object.keys(results)) {
    const cells = fields.map((field) => {
      const value = middle(name, field);
      const ratio = ratios ? (value / middle(BASE, field)).toFixed(2).padStart(7) : "";
      return `${figure(value).padStart(20)}${ratio}`;
    });
    yield `${name.padEnd(26)}${cells.join("")}`;
  }
}

function write({ name, fields, results }) {
  const lines = [`client,${fields.join(",")}`];
  for (const [client, list] of Object.entries(results)) {
    for (const result of list) {
      const values = fields.map((field) => Number(Number(result[field]).toPrecision(4)));
      lines.push(`"${client}",${values.join(",")}`);
    }
  }
  writeFileSync(`bench/data/${name}.csv`, `${lines.join("\n")}\n`);
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

/** Those that are compared with each other run in turn, as clients do. */
function groups(names) {
  const all = names.map((name) => TOGETHER.find((group) => group.includes(name)) ?? [name]);
  return [...new Set(all)].map((group) => group.filter((name) => names.includes(name)));
}

/** So many |runs| of the workloads |names|; gives what they say. */
async function measureAll(names, runs) {
  const workloads = names.map((name) => ({ name, ...named(name), results: {} }));
  for (let i = 0; i < runs; i++) {
    for (const workload of workloads) {
      if (i >= (workload.runs ?? Infinity)) continue;
      for (const [client, how] of Object.entries(CLIENTS)) {
        if (!takesPart(how, workload)) continue;
        (workload.results[client] ??= []).push(await measure(how, workload));
      }
    }
  }
  for (const workload of workloads) write(workload);
  return workloads.map((workload) => ({
    name: workload.name,
    lines: [...table(workload)],
  }));
}

function takesPart(client, { simulator, nginx, without }) {
  if (simulator) return Boolean(client.graph);
  if (client.nginx) return Boolean(nginx);
  return !without?.some((kind) => client[kind]);
}

const named = (name) => WORKLOADS[name] ?? LONG[name];

function refuse(text) {
  console.error(`bench: ${text}`);
  process.exit(2);
}

/** The words of the command line, if they can be done. */
function given([runs = "5", ...names]) {
  const all = [...Object.keys(WORKLOADS), ...Object.keys(LONG)];
  const wrong = names.find((name) => !all.includes(name));
  if (wrong) refuse(`there is no workload ${wrong}; give some of: ${all.join(" ")}`);
  if (!(Number(runs) >= 1)) {
    refuse(`RUNS is how often each client runs, a number from 1 on, not "${runs}"`);
  }
  return { runs: Number(runs), names: names.length ? names : Object.keys(WORKLOADS) };
}

/** Without enough of them clients would wait for connections that never come. */
function checkDescriptors(names) {
  const most = String(execFileSync("sh", ["-c", "ulimit -Hn"])).trim();
  for (const name of names) {
    const { mode, count } = named(name);
    const sockets = { idle: count, hot: count, crowd: count, renewal: 2 * count }[mode] ?? 1;
    const needed = sockets + 100;
    if (most !== "unlimited" && Number(most) < needed) {
      refuse(`${name} needs ${needed} open files, and this user may have ${most} (ulimit -Hn)`);
    }
  }
}

const words = process.argv.slice(2);
const { runs, names } = given(words);
checkDescriptors(names);
build();
const begun = performance.now();
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(0);
const said = [machine()];
console.log(said[0]);
for (const group of groups(names)) {
  const since = performance.now();
  for (const { name, lines } of await measureAll(group, runs)) {
    console.log(`\n${lines.join("\n")}`);
    // They have a table of their own.
    if (named(name).mode !== "crowd") said.push(lines.join("\n"));
  }
  console.log(`(${group.join(", ")}: ${seconds(since)} s)`);
}
// For bench/page.mjs: a part of the workloads says nothing of the others.
if (words.length <= 1) {
  said.push(`${runs} runs, ${(seconds(begun) / 60).toFixed(1)} minutes`);
  writeFileSync("bench/data/medians.txt", `${said.join("\n\n")}\n`);
}
