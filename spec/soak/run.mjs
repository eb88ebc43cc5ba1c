/**
 * A soak: spec/soak/client.lua against the Graph simulator over TLS, for so many
 * minutes, while items change, servers restart, networks break and requests are
 * refused (spec/soak/faults.mjs). Every 40 s everything is mended: then every
 * watch and subscription must be joined again and every change delivered, and
 * what the process holds is looked at. Fails if that is not the same, or grows
 * (spec/soak/judge.mjs), if a change is lost, if the client says anything on
 * stderr, or if it does not end in peace.
 *
 *   node spec/soak/run.mjs plain|nginx [MINUTES] [SEED]      60, and one by chance
 *
 * The samples go to build/soak/HOST.csv, what was made to go wrong to HOST.log. `make soak` builds
 * what it needs; LUA names the interpreter of "plain".
 */
import { spawn } from "node:child_process";
import {
  appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "./faults.mjs";
import { COUNTED, judge, MEASURED } from "./judge.mjs";
import { holdings } from "./process.mjs";

const [host, minutes = "60", seedText = String(Date.now() % 1_000_000)] = process.argv.slice(2);
const DRIVES = 8;
const ITEMS = 30; // in each
const UNREST = 40_000; // ms between two rests
const LEAST = 6; // rests that a judgement needs
const SETTLED_WITHIN = 120_000;
const LINES = [...COUNTED, "graph", ...MEASURED];
const MODULES = ["ndk_http", "ngx_http_lua"].map(
  (name) => `/usr/lib/nginx/modules/${name}_module.so`,
);
const COUNTS = ["changes", "renewals", "connects", "resyncs", "opened", "errors"];

// ---- Chance -------------------------------------------------------------------

let state = Number(seedText);
function random() {
  state = (state + 0x6d2b79f5) | 0; // mulberry32
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];

// ---- The simulator and its drives -----------------------------------------------

async function firstLine(child) {
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error("the simulator did not start");
}

const HEARTBEAT = ["--ping-interval", "5000", "--ping-timeout", "4000"];
const simulator = spawn("node", ["spec/support/simulator", "--lifetime", "60", ...HEARTBEAT], {
  stdio: ["pipe", "pipe", "inherit"],
});
const where = JSON.parse(await firstLine(simulator));

async function post(path, fields) {
  const answer = await fetch(`${where.control}/${path}`, {
    method: "POST",
    // A connection that is kept may be closed by the server just when it is used again.
    headers: { Connection: "close" },
    body: JSON.stringify(fields),
  });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

/** For a port that somebody else was given while its server was away. */
async function insist(path, fields) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await post(path, fields);
    } catch (error) {
      if (attempt === 60 || !error.message.includes("EADDRINUSE")) throw error;
      await sleep(1000);
    }
  }
}

const drives = (await post("drives/create", { count: DRIVES })).drives.map(({ drive }) => drive);
/** drive -> id -> version, and whether it is there */
const expected = new Map(drives.map((drive) => [drive, new Map()]));

async function change() {
  const drive = pick(drives);
  const id = `item-${Math.floor(random() * ITEMS)}`;
  const item = expected.get(drive).get(id) ?? { version: 0, there: false };
  const how = !item.there ? "create" : pick(["update", "update", "delete"]);
  expected.get(drive).set(id, { version: item.version + 1, there: how !== "delete" });
  await post(`items/${how}`, { drive, id, ...(how === "create" && { name: `${id}.txt` }) });
}

function isMirrored(mirror, some = drives) {
  return some.every((drive) => {
    const items = [...expected.get(drive)].filter(([, { there }]) => there);
    const mirrored = mirror[drive] ?? {};
    return (
      Object.keys(mirrored).length === items.length &&
      items.every(([id, { version }]) => mirrored[id] === `"{${id}},${version}"`)
    );
  });
}

// ---- The client -----------------------------------------------------------------

const folder = mkdtempSync(`${tmpdir()}/soak-`);
const config = `${folder}/config.json`;
const files = { status: `${folder}/status.json`, command: `${folder}/command` };
const tell = (command) => writeFileSync(files.command, command);
tell("run");
writeFileSync(
  config,
  JSON.stringify({
    graph: where.graph, token: where.token, ca: where.ca, drives, folder, ...files,
    seed: Number(seedText),
  }),
);
const START = `require "spec.soak.client" "${config}"`;

// glibc takes a block that was freed for the measure of what is large from then
// on: an answer of 4 MB would lie in the heap after the first one, and hold it up
// for long when something small lies behind it. What is larger than this is always
// given back, so that resident memory tells what is held.
const ENVIRONMENT = { ...process.env, MALLOC_MMAP_THRESHOLD_: "131072" };

function startPlain() {
  const lua = process.env.LUA ?? "5.4";
  return spawn(lua === "luajit" ? lua : `lua${lua}`, ["-e", `${START} require("graphsocket").run()`], {
    stdio: ["ignore", "inherit", "pipe"],
    env: {
      ...ENVIRONMENT,
      LUA_PATH: "lua/?.lua;lua/?/init.lua;./?.lua;;",
      LUA_CPATH: `build/${lua}/?.so;;`,
    },
  });
}

function startNginx() {
  const tree = process.cwd();
  writeFileSync(
    `${folder}/nginx.conf`,
    `daemon off; worker_processes 1; pid nginx.pid; error_log stderr error;
${userInfo().username === "root" ? "user root;" : ""}
${MODULES.filter(existsSync).map((path) => `load_module ${path};`).join(" ")}
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  lua_package_path "${tree}/lua/?.lua;${tree}/lua/?/init.lua;${tree}/?.lua;;";
  lua_package_cpath "${tree}/build/luajit/?.so;;";
  init_worker_by_lua_block { ${START} }
  server {
    listen unix:${folder}/nginx.sock;
    location / { content_by_lua_block { ngx.say "hello" } }
  }
}
`,
  );
  const binary = process.env.NGINX ?? (existsSync("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx");
  return spawn(binary, ["-p", `${folder}/`, "-c", `${folder}/nginx.conf`, "-e", "stderr"], {
    stdio: ["ignore", "inherit", "pipe"],
    env: ENVIRONMENT,
  });
}

const client = host === "nginx" ? startNginx() : startPlain();
let said = "";
client.stderr.on("data", (data) => {
  said += data;
  process.stderr.write(data);
});
const ended = new Promise((done) => client.on("exit", (code) => done(code)));
process.on("exit", () => client.kill());
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
let over = false;
ended.then(() => (over = true));

function status() {
  try {
    return JSON.parse(readFileSync(files.status, "utf8"));
  } catch {
    return undefined;
  }
}

async function until(what, limit, condition) {
  const deadline = performance.now() + limit;
  while (performance.now() < deadline) {
    const value = await condition();
    if (value) return value;
    if (over) throw new Error(`the client ended while ${what} was waited for`);
    await sleep(300);
  }
  throw new Error(`waited ${limit / 1000} s in vain until ${what}: ${describe(status())}`);
}

/** Some of the items of a drive that are mirrored wrong. */
function differences(drive, mirrored) {
  const found = [];
  for (const [id, { version, there }] of expected.get(drive)) {
    const right = there ? `"{${id}},${version}"` : undefined;
    if (mirrored[id] !== right) found.push(`${right ?? `no ${id}`}, not ${mirrored[id] ?? "nothing"}`);
  }
  return found.slice(0, 3).join("; ");
}

/** What is wrong with |now|: how each watch is whose drive is not mirrored. */
function describe(now) {
  if (!now) return "no status";
  const { mirror, watches, ...rest } = now;
  const behind = drives.filter((drive) => !isMirrored(mirror, [drive]));
  const lines = behind.map(
    (drive) => `  ${drive}: ${watches[drive]}\n    ${differences(drive, mirror[drive])}`,
  );
  return [JSON.stringify(rest), ...lines].join("\n");
}

/** The process that is looked at: that of Lua, or nginx's worker. */
async function measured() {
  if (host !== "nginx") return client.pid;
  const list = `/proc/${client.pid}/task/${client.pid}/children`;
  return until("nginx has a worker", 10_000, () => Number(readFileSync(list, "utf8").trim()));
}

// ---- Samples --------------------------------------------------------------------

const begun = performance.now();
const table = `build/soak/${host}.csv`;
mkdirSync("build/soak", { recursive: true });
writeFileSync(table, `seconds,phase,${LINES},cpu_s,${COUNTS}\n`);
writeFileSync(`build/soak/${host}.log`, "");
const atRest = [];
const seconds = () => Math.round((performance.now() - begun) / 1000);

const portOf = (url) => Number(new URL(url).port);
const ports = { socket: portOf(where.socket), graph: portOf(where.graph) };

function look() {
  const now = status() ?? {};
  return { ...now, seconds: seconds(), lua_kb: now.lua_kb ?? 0, ...holdings(pid, ports) };
}

function note(phase, sample) {
  const cells = ["seconds", "-", ...LINES, "cpu_s", ...COUNTS].map((name) => sample[name] ?? phase);
  appendFileSync(table, `${cells}\n`);
  if (phase === "rest") atRest.push(sample);
}

// ---- Unrest and rest --------------------------------------------------------------

async function unrest(end) {
  while (performance.now() < end) {
    const { name, begin, mend } = fault({ pick, drives });
    happened.set(name, (happened.get(name) ?? 0) + 1);
    appendFileSync(`build/soak/${host}.log`, `${seconds()} ${name}\n`);
    for (const [path, fields] of begin) await post(path, fields);
    await sleep(1000 + random() * 5000);
    for (const [path, fields] of mend) await insist(path, fields);
    await sleep(random() * 4000);
  }
}

async function rest() {
  tell("rest");
  await until("all is joined and mirrored", SETTLED_WITHIN, () => {
    const now = status();
    return (
      now?.command === "rest" && now.busy === 0 && now.ready === 2 * DRIVES && isMirrored(now.mirror)
    );
  });
  // Lines that were replaced linger, and another renewal may be on its way.
  const looks = [];
  await until("only the lasting lines are open", SETTLED_WITHIN, () => {
    const now = look();
    if (now.sockets === 2 * DRIVES) looks.push(now);
    return looks.length === 5;
  });
  const least = (name) => Math.min(...looks.map((one) => one[name]));
  note("rest", { ...looks.at(-1), ...Object.fromEntries(COUNTED.map((name) => [name, least(name)])) });
}

const happened = new Map();
const pid = await measured();
await until("the client has begun", 30_000, status);
console.log(`${host}: ${minutes} minutes, seed ${seedText}, process ${pid}`);
let changed = Promise.resolve(); // one after the other, as versions count
const changes = setInterval(() => {
  if (!resting) changed = changed.then(change).catch((error) => (failure ??= error));
}, 100);
const samples = setInterval(() => resting || over || note("unrest", look()), 10_000);
let resting = false;
let failure;

// The largest answer comes at the start: what the allocator keeps of it is no growth.
await post("faults/add", { on: "any", times: 3, fill: 4_000_000 });
try {
  while (!failure && (seconds() < Number(minutes) * 60 || atRest.length < LEAST)) {
    resting = false;
    tell("run");
    await unrest(performance.now() + UNREST);
    resting = true;
    await changed;
    await post("report/clear", {});
    await rest();
  }
} catch (error) {
  failure ??= error; // a change that could not be made explains that it is not mirrored
}
clearInterval(changes);
clearInterval(samples);

// ---- The end ----------------------------------------------------------------------

tell("end");
if (host === "nginx") client.kill("SIGQUIT");
const code = await Promise.race([ended, sleep(15_000, "not at all")]);
if (code === "not at all") client.kill("SIGKILL");
simulator.stdin.end();
rmSync(folder, { recursive: true });

const last = atRest.at(-1) ?? {};
const faults = [...happened.values()].reduce((sum, one) => sum + one, 0);
console.log(
  `${host}: ${seconds()} s, ${atRest.length} rests, ${faults} faults of ${happened.size} kinds, ` +
    `${COUNTS.map((name) => `${last[name]} ${name}`).join(", ")}, ${last.cpu_s} s of CPU`,
);
const failed = atRest.length < LEAST ? [] : judge(atRest);
if (failure) failed.push(failure.message);
if (code !== 0) failed.push(`the client ended with ${code}`);
if (said) failed.push("the client complained on stderr");
for (const what of failed) console.log(`FAILED: ${what}`);
process.exit(failed.length ? 1 : 0);
