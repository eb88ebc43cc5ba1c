/**
 * What was seen: every HTTP request, every connection of the socket hosts, how
 * many sockets were joined at each moment, and counters to wait for.
 *
 * Times are ms since the start of the simulator, on a monotonic clock. The
 * values of Authorization and Cookie, and the secrets in a form of the login
 * service, appear as hashes only; of a handshake's query there are the names.
 */
import { performance } from "node:perf_hooks";
import { Counters } from "../common/counters.js";
import { digest } from "./tokens.js";

/** More than this is forgotten, oldest first, so that a soak stays flat. */
const KEPT = 100000;

/** Counters that say what is now; a clear of the report leaves them. */
const NOW = ["pending", "connections", "sockets", "default_sockets"];

const ms = () => Math.round(performance.now() * 1000) / 1000;

const hidden = (headers) =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !name.startsWith(":"))
      .map(([name, value]) =>
        ["authorization", "cookie", "proxy-authorization"].includes(name)
          ? [name, `sha256:${digest(String(value))}`]
          : [name, value],
      ),
  );

const tlsOf = (socket) =>
  socket?.getProtocol && {
    version: socket.getProtocol(),
    name: socket.servername || null,
    alpn: socket.alpnProtocol || null,
    resumed: socket.isSessionReused(),
  };

function keep(list, entry) {
  if (list.length >= KEPT) list.splice(0, KEPT / 2);
  list.push(entry);
  return entry;
}

/** What both a request and a handshake say of themselves. */
function arrival(request, connection) {
  const socket = request.stream?.session?.socket ?? request.socket;
  return {
    headers: hidden(request.headers),
    http: request.httpVersion,
    connection: connection?.id,
    remote: connection?.remote,
    tls: tlsOf(socket),
  };
}

export class Report extends Counters {
  requests = [];
  sockets = [];
  /** [ms, joined sockets] at each change */
  timeline = [];
  #last = 0;

  constructor() {
    super();
    for (const name of NOW) this.counters[name] = 0;
    this.clear();
  }

  /** @returns {object} the entry; finish() completes it */
  request(host, kind, request, connection) {
    const [path, query = ""] = request.url.split(/\?(.*)/s);
    const entry = keep(this.requests, {
      n: ++this.#last,
      host,
      kind,
      method: request.method,
      path,
      query,
      began: ms(),
      ended: null,
      status: null,
      fault: null,
      authorization: null,
      ...arrival(request, connection),
    });
    this.count("requests");
    this.count(`requests.${kind}`);
    this.count("pending");
    return entry;
  }

  finish(entry, status) {
    if (entry.ended !== null) return;
    entry.ended = ms();
    entry.status = status;
    this.count("pending", -1);
    this.count("answers");
    this.count(`answers.${entry.kind}`);
  }

  /** @returns {object} the entry of a websocket that asks to be let in */
  handshake(host, request, connection) {
    const query = request.url.split(/\?(.*)/s)[1] ?? "";
    const entry = keep(this.sockets, {
      n: ++this.#last,
      host,
      path: request.url.split("?")[0],
      query_names: query.split("&").map((pair) => pair.split("=")[0]),
      query_exact: null,
      subscription: null,
      engine: null,
      asked: ms(),
      refused: null,
      opened: null,
      joined: null,
      left: null,
      closed: null,
      reason: null,
      namespaces: [],
      fault: null,
      ...arrival(request, connection),
    });
    this.count("handshakes");
    return entry;
  }

  refused(entry, status) {
    entry.refused = status;
    entry.closed = ms();
    this.count("refused");
  }

  opened(entry) {
    entry.opened = ms();
    this.count("connections");
    this.count("opened");
  }

  joined(entry) {
    entry.joined ??= ms();
    this.count("joined");
    this.#now("sockets", 1);
  }

  left(entry, reason) {
    entry.left = ms();
    entry.reason = reason;
    this.count("left");
    this.#now("sockets", -1);
  }

  closed(entry, reason) {
    entry.closed = ms();
    entry.reason ??= reason;
    this.count("closed");
    this.count("connections", -1);
  }

  #now(name, by) {
    this.count(name, by);
    const joined = this.counters.sockets;
    keep(this.timeline, [ms(), joined]);
    this.lowest = Math.min(this.lowest, joined);
    this.highest = Math.max(this.highest, joined);
  }

  /** Forgets all but what is open now. */
  clear() {
    this.requests = this.requests.filter(({ ended }) => ended === null);
    this.sockets = this.sockets.filter(({ closed }) => closed === null);
    const now = NOW.map((name) => [name, this.counters[name]]);
    this.counters = Object.fromEntries(now);
    this.lowest = this.highest = this.counters.sockets;
    this.timeline = [[ms(), this.counters.sockets]];
    this.emit("change");
  }

  /** All of it, as JSON shows it. */
  all() {
    const { requests, sockets, timeline, counters, lowest, highest } = this;
    return {
      now: ms(),
      counters,
      lowest,
      highest,
      timeline,
      requests,
      sockets,
    };
  }
}
