/** The example as its own command starts it: examples/openresty/run. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";

const RUN = fileURLToPath(
  new URL("../../examples/openresty/run", import.meta.url),
);
const PATIENCE = 10_000 * Number(process.env.SPEC_SLOWNESS ?? 1); // ms

// Below those that the kernel gives to whoever asks for any: what is free now
// is not taken a moment later. The command itself goes on to the next free one.
const somePort = () => 20_000 + Math.floor(Math.random() * 12_000);

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const childrenOf = (pid) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .trim()
    .split(" ")
    .map(Number);

export class Example {
  out = "";
  err = "";
  #child;

  /** @param {Record<string, string>} env of the command, beside our own */
  static async start(env) {
    const example = new Example();
    const { GRAPH_TOKEN, ...ours } = process.env;
    await example.#launch({ ...ours, PORT: somePort(), ...env });
    return example;
  }

  async #launch(env) {
    const child = spawn(RUN, { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const kill = () => child.kill();
    process.once("exit", kill);
    child.once("exit", () => process.off("exit", kill));
    child.stderr.on("data", (text) => (this.err += text));
    for await (const line of createInterface(child.stdout)) {
      this.out += `${line}\n`;
      if (line.startsWith("Ctrl-C")) break;
    }
    const [, pid, prefix] = /pid (\d+), in (.*)/.exec(this.out) ?? [];
    if (!pid) throw new Error(`the example did not start: ${this.err}`);
    this.pid = Number(pid); // of nginx
    this.prefix = prefix;
    this.url = /http:\/\/127\S+\/$/m.exec(this.out)[0];
  }

  get(path, headers) {
    return fetch(new URL(path, this.url), { headers });
  }

  /** The events that a page gets at once. @param {string} [id] its last one */
  async events(id) {
    const answer = await this.get("events", id && { "Last-Event-ID": id });
    let text = "";
    for await (const bytes of answer.body) {
      text += Buffer.from(bytes);
      if (text.includes("event: state") && text.endsWith("\n\n")) break;
    }
    return text
      .split("\n\n")
      .filter((block) => block.includes("event: "))
      .map((block) =>
        Object.fromEntries(
          block.split("\n").map((line) => line.split(/: (.*)/)),
        ),
      );
  }

  /** Waits until a page is told of such an event. @param {string} name */
  async event(name) {
    const answer = await this.get("events");
    let text = "";
    for await (const bytes of answer.body) {
      text += Buffer.from(bytes);
      if (text.includes(`event: ${name}\n`)) return;
    }
  }

  /** The pids of what the command has started: nginx's master among them. */
  children() {
    return childrenOf(this.#child.pid);
  }

  /** The pids of nginx's workers. */
  workers() {
    return childrenOf(this.pid);
  }

  /** Waits until something holds. @param {string} what it is, for the error */
  async until(condition, what) {
    const deadline = Date.now() + PATIENCE;
    while (!(await condition())) {
      if (Date.now() > deadline)
        throw new Error(`waited in vain until ${what}`);
      await sleep(20);
    }
  }

  reload() {
    process.kill(this.pid, "SIGHUP");
  }

  /** @param {number[]} pids */
  gone(pids) {
    return this.until(() => !pids.some(isAlive), "the processes have ended");
  }

  /** Ctrl-C. @returns {Promise<string>} what nginx has logged */
  async end() {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, "close");
      this.#child.kill("SIGINT");
      await ended;
    }
    return this.err;
  }
}
