/**
 * A control port: HTTP on 127.0.0.1, JSON bodies. What is read is a GET, what
 * is done is a POST. `GET /` lists the requests with their fields, from the
 * same table that answers them, and an unknown field is refused by name: a
 * misspelt request in a spec must not pass as one that asks for nothing.
 *
 * routes: "POST /items/create": {
 *   does: "a sentence", takes: { field: "what it is" },
 *   run: (fields, gone) => answer     gone: aborted when the caller leaves
 * }
 */
import http from "node:http";
import { once } from "node:events";
import { late } from "./late.js";

/** A request that cannot be done: status and one line that says why. */
export class Refusal extends Error {
  constructor(message, status = 400, details) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

async function fieldsOf(request, takes) {
  request.setEncoding("utf8");
  let text = "";
  for await (const piece of request) text += piece;
  let fields;
  try {
    fields = JSON.parse(text || "{}");
  } catch (error) {
    throw new Refusal(`the body is not JSON: ${error.message}`);
  }
  // An empty table is "[]" for some JSON writers.
  if (Array.isArray(fields) && fields.length === 0) fields = {};
  if (fields === null || typeof fields !== "object" || Array.isArray(fields))
    throw new Refusal("the body must be a JSON object");
  const unknown = Object.keys(fields).find((name) => !(name in takes));
  if (unknown !== undefined && !("*" in takes)) {
    const known = Object.keys(takes).join(", ") || "none";
    throw new Refusal(`unknown field "${unknown}", known: ${known}`);
  }
  return fields;
}

const listing = (routes) =>
  Object.fromEntries(
    Object.entries(routes).map(([line, { does, takes = {} }]) => [
      line,
      { does, takes },
    ]),
  );

async function answer(routes, request, gone) {
  const path = request.url.split("?")[0].replace(/(.)\/$/, "$1");
  const line = `${request.method} ${path}`;
  if (line === "GET /") return listing(routes);
  const route = routes[line];
  if (!route) throw new Refusal(`no request "${line}"; GET / lists them`, 404);
  const fields = await fieldsOf(request, route.takes ?? {});
  return (await route.run(fields, gone)) ?? { ok: true };
}

async function serve(routes, request, response) {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  let status = 200;
  let body;
  await late();
  try {
    body = await answer(routes, request, gone.signal);
  } catch (error) {
    status = error.status ?? 500;
    const text = error instanceof Refusal ? error.message : error.stack;
    body = { error: text, ...error.details };
  }
  await late();
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

/**
 * @param {Record<string, {does: string, takes?: object, run: Function}>} routes
 * @param {number} [port] 0 for a free port
 * @returns {Promise<string>} its URL
 */
export async function control(routes, port = 0) {
  const server = http.createServer((request, response) =>
    serve(routes, request, response),
  );
  server.listen({ port, host: "127.0.0.1" });
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}
