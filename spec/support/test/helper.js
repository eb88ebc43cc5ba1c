/** Starts a server of this folder as a spec does, and talks to it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/**
 * One HTTP request, on a connection of its own unless an agent is given.
 * @returns {Promise<{status: number, headers: object, text: string, json: any}>}
 */
export function ask(
  url,
  { method = "GET", headers, body, ca, agent = false } = {},
) {
  const { request } = url.startsWith("https:") ? https : http;
  return new Promise((done, failed) => {
    const options = { method, headers, ca, agent };
    const sent = request(url, options, async (response) => {
      try {
        let text = "";
        for await (const piece of response.setEncoding("utf8")) text += piece;
        const { statusCode: status, headers: received } = response;
        done({
          status,
          headers: received,
          text,
          get json() {
            return JSON.parse(text);
          },
        });
      } catch (error) {
        failed(error);
      }
    });
    sent.on("error", failed);
    sent.end(body);
  });
}

/** A running server: where it is, its control port, and its end. */
export class Running {
  #child;

  constructor(child, where) {
    this.#child = child;
    this.where = where;
    this.ca = where.ca && readFileSync(where.ca);
  }

  /** A control request; throws with its words when it is refused. */
  async control(line, fields) {
    const [method, path] = line.split(" ");
    const { status, json } = await ask(this.where.control + path, {
      method,
      body: fields && JSON.stringify(fields),
    });
    if (status !== 200) throw Object.assign(new Error(json.error), { status });
    return json;
  }

  post(path, fields = {}) {
    return this.control(`POST ${path}`, fields);
  }

  wait(counters) {
    return this.post("/wait", { for: counters });
  }

  /** Asks Graph with the good token, unless headers say otherwise. */
  graph(path, { headers, ...more } = {}) {
    const url = path.startsWith("http") ? path : this.where.graph + path;
    return ask(url, {
      ca: this.ca,
      ...more,
      headers: {
        authorization: `Bearer ${this.where.token}`,
        "content-type": "application/json",
        ...headers,
      },
    });
  }

  /** Closes its stdin. @returns {Promise<number>} the exit code */
  async end() {
    const ended = once(this.#child, "exit");
    this.#child.stdin.end();
    return (await ended)[0];
  }
}

/** @param {string} name folder of the server @param {string[]} [args] */
export async function launch(name, args = []) {
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [line] = await once(createInterface(child.stdout), "line");
  return new Running(child, JSON.parse(line));
}
