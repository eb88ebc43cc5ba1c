/**
 * One HTTP host of the simulator (Graph, or the login service): each request is
 * recorded, routed, perhaps met by a fault, and answered with the headers that
 * the service always sends.
 *
 * A route is [kind, path template, handler]; `{name}` in a template matches one
 * segment. A handler gets the request's parts and returns { status, body,
 * headers }; it knows nothing of faults or sockets.
 */
import { CLAIMS } from "./tokens.js";
import { standardError } from "./faults.js";
import { send } from "./answer.js";
import { wholeSeconds } from "./clock.js";
import { arrives } from "../common/late.js";

/** [kind, template, handler] -> with an expression and parameter names */
export function compile(routes) {
  return routes.map(([kind, template, run]) => {
    const names = [];
    const source = template
      .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
      .replace(/\{(\w+)\}/g, (_, name) => names.push(name) && "([^/]+)");
    return { kind, run, names, pattern: new RegExp(`^${source}/?$`, "i") };
  });
}

function find(routes, path) {
  for (const { kind, run, names, pattern } of routes) {
    const match = pattern.exec(path);
    if (!match) continue;
    const params = {};
    for (const [at, name] of names.entries())
      params[name] = decodeURIComponent(match[at + 1]);
    return { kind, run, params };
  }
  return { kind: "other", params: {} };
}

async function read(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** A request whose path is not valid percent-encoding is nobody's. */
function routed(routes, path) {
  try {
    return find(routes, path);
  } catch {
    return { kind: "other", params: {} };
  }
}

const challenge = (claims) => [
  "WWW-Authenticate",
  'Bearer realm="", authorization_uri=' +
    '"https://login.microsoftonline.com/common/oauth2/authorize", ' +
    'client_id="00000003-0000-0000-c000-000000000000"' +
    (claims ? `, error="insufficient_claims", claims="${btoa(CLAIMS)}"` : ""),
];

export class Host {
  /**
   * @param {object} sim the simulator
   * @param {{name: string, web: import("../common/web.js").Web,
   *   routes: Array, errors: Function}} how errors(code, message, ids) makes
   *   the body of an error that a fault asks for
   */
  constructor(sim, { name, web, routes, errors }) {
    Object.assign(this, { sim, name, web, errors, routes: compile(routes) });
    web.server.on("request", (request, response) =>
      this.#serve(request, response).catch((error) => {
        process.stderr.write(`${error.stack}\n`);
        response.destroy();
      }),
    );
  }

  async #serve(request, response) {
    const { faults, report } = this.sim;
    if (!(await arrives(response))) return;
    const [path, query = ""] = request.url.split(/\?(.*)/s);
    const { kind, run, params } = routed(this.routes, path);
    const entry = report.request(
      this.name,
      kind,
      request,
      this.web.connection(request),
    );
    response.on("error", () => {});
    response.on("close", () =>
      report.finish(entry, response.headersSent ? response.statusCode : null),
    );
    const call = {
      method: request.method,
      headers: request.headers,
      path,
      params,
      entry,
      query: new URLSearchParams(query),
      url: this.web.asked(request) + request.url,
      id: this.sim.ids.guid(),
    };
    const fault = faults.take(kind, request.url);
    entry.fault = fault?.id ?? null;
    try {
      call.text = await read(request);
    } catch {
      return; // the client broke off
    }
    const answer = this.#faulty(fault, call) ?? this.#right(run, call);
    if (fault?.merge) merge(answer, fault.merge, call.url);
    this.#dress(answer, fault, call);
    await send(
      this.web,
      request,
      response,
      answer,
      this.#delivery(fault, call),
    );
  }

  #right(run, call) {
    const { right, seen } = this.sim.tokens.check(call.headers.authorization);
    call.entry.authorization = seen && { ...seen, right };
    if (run) return run(call);
    return this.error(
      call,
      400,
      "BadRequest",
      `Resource not found for the segment '${call.path.split("/").at(-1)}'.`,
    );
  }

  /** The answer that a fault puts in the place of the true one. */
  #faulty(fault, call) {
    const instead =
      fault &&
      ["status", "code", "body", "fill", "endless"].some(
        (field) => fault[field] !== undefined,
      );
    if (!instead) return undefined;
    const { seen } = this.sim.tokens.check(call.headers.authorization);
    call.entry.authorization = seen;
    const made = fault.fill !== undefined || fault.endless;
    const body = fault.body !== undefined || made;
    const status = fault.status ?? (body ? 200 : 400);
    if (body) {
      const text = fault.body;
      return { status, body: made ? "" : text, headers: [] };
    }
    const [code, message] = standardError(status, fault.code);
    return this.error(call, status, code, fault.message ?? message, fault);
  }

  /**
   * An error in the words of this host.
   * @returns {{status: number, headers: Array, body: object}}
   */
  error(call, status, code, message, { inner_code, claims } = {}) {
    const date = wholeSeconds(this.sim.clock.now()).replace("Z", "");
    const ids = {
      date,
      "request-id": call.id,
      "client-request-id": call.headers["client-request-id"] ?? call.id,
    };
    const body = this.errors(code, message, ids, inner_code);
    const headers = status === 401 ? [challenge(claims)] : [];
    return { status, headers, body };
  }

  /** The headers that every answer has, and those that a fault adds. */
  #dress(answer, fault, call) {
    const now = this.sim.clock.now();
    const type =
      typeof answer.body === "string" && !answer.body.startsWith("{")
        ? "text/plain"
        : "application/json";
    const headers = [
      ["Date", new Date(now).toUTCString()],
      ["Cache-Control", "no-store"],
      ["request-id", call.id],
      ["client-request-id", call.headers["client-request-id"] ?? call.id],
      ["Content-Type", `${type}; charset=utf-8`],
      ...(answer.headers ?? []),
    ];
    if (fault?.retry_after !== undefined)
      headers.push(["Retry-After", String(fault.retry_after)]);
    if (fault?.retry_after_date !== undefined)
      headers.push([
        "Retry-After",
        new Date(now + fault.retry_after_date * 1000).toUTCString(),
      ]);
    headers.push(...Object.entries(fault?.headers ?? {}));
    answer.headers = headers;
  }

  #delivery(fault, call) {
    const accepted = /\bgzip\b/.test(call.headers["accept-encoding"] ?? "");
    const gzip = fault?.gzip ?? (this.sim.settings.gzip && accepted);
    return { ...fault, gzip };
  }
}

/** Sets fields of a JSON answer; null removes one. */
function merge(answer, fields, url) {
  const body = { ...answer.body };
  for (const [name, value] of Object.entries(fields)) {
    if (value === null) delete body[name];
    else body[name] = value === "$self" ? url : value;
  }
  answer.body = body;
}
