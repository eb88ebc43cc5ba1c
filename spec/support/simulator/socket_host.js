/**
 * A host that notificationUrls lead to: the reference socket.io server behind
 * the checks of the service.
 *
 * As observed on the service: only websocket works; the token in the query is
 * the only credential; a client that negotiates HTTP/2 gets
 * {"code":3,"message":"Bad request"}; Engine.IO 3 is served too.
 */
import { EventEmitter } from "node:events";
import { STATUS_CODES } from "node:http";
import { Server } from "socket.io";
import { bytesOf } from "./answer.js";
import { sleep } from "../common/process.js";

/** Answers a handshake by hand and closes; engine.io never hears of it. */
async function refuse(request, { status, body, headers = {}, stall }) {
  const { socket } = request;
  if (stall) await sleep(stall);
  const bytes = bytesOf(body);
  const lines = Object.entries({
    "Content-Type": "application/json",
    ...headers,
    "Content-Length": bytes.length,
    Connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n` +
      `${lines.join("")}\r\n`,
  );
  socket.end(bytes);
}

/** The fields of a rule that refuse a handshake; others only delay it. */
const REFUSING = new Set([
  "status",
  "body",
  "message",
  "headers",
  "hang",
  "cut",
]);

/**
 * Emits "joined" and "left" with its record of a socket:
 * { socket, conn, connection, entry, subscription, joined }.
 */
export class SocketHost extends EventEmitter {
  /** engine connections -> their record */
  open = new Map();

  /**
   * @param {object} sim
   * @param {import("../common/web.js").Web} web not yet started
   * @param {string} name for reports and control requests
   */
  constructor(sim, web, name) {
    super();
    Object.assign(this, { sim, web, name });
    const { settings } = sim;
    web.server.on("request", (_, response) => {
      response.statusCode = 404;
      response.end();
    });
    this.io = new Server(web.server, {
      path: "/socket.io/",
      transports: ["websocket"],
      serveClient: false,
      allowEIO3: true,
      destroyUpgradeTimeout: 1000,
      connectTimeout: settings.connect_timeout,
      pingInterval: settings.ping_interval,
      pingTimeout: settings.ping_timeout,
      allowRequest: (request, decide) => this.#handshake(request, decide),
    });
    this.io.engine.on("connection", (conn) => this.#opened(conn));
    this.io.use((socket, next) => this.#admit(socket, next));
    this.io.on("connection", (socket) => this.#joined(socket));
    this.io
      .of((path, _auth, decide) => decide(null, path === settings.namespace))
      .use((socket, next) => this.#admit(socket, next))
      .on("connection", (socket) => this.#joined(socket));
  }

  /** Settings that socket.io reads at each use. */
  refresh() {
    const { ping_interval, ping_timeout, connect_timeout } = this.sim.settings;
    this.io.connectTimeout(connect_timeout);
    Object.assign(this.io.engine.opts, {
      pingInterval: ping_interval,
      pingTimeout: ping_timeout,
    });
  }

  /** The records of the sockets that joined the namespace of notifications. */
  *joined(subscription) {
    for (const record of this.open.values())
      if (
        record.joined &&
        (!subscription || record.subscription === subscription)
      )
        yield record;
  }

  #handshake(request, decide) {
    const { report, faults, subscriptions } = this.sim;
    const connection = this.web.connection(request);
    const entry = report.handshake(this.name, request, connection);
    const subscription = subscriptions.of(request._query);
    entry.subscription = subscription?.id ?? null;
    entry.query_exact =
      subscription !== undefined && request.url.includes(subscription.query);
    request.record = { entry, subscription, connection };
    const fault = faults.take("handshake", request.url);
    entry.fault = fault?.id ?? null;
    const refusal = this.#refusal(subscription, fault);
    if (!refusal) return void setTimeout(decide, fault?.stall ?? 0, null, true);
    request.socket.on("error", () => {});
    report.refused(entry, refusal.status ?? null);
    if (refusal.hang) return undefined;
    if (refusal.cut !== undefined)
      return refusal.rst ? connection?.end(true) : request.socket.destroy();
    return refuse(request, refusal);
  }

  #refusal(subscription, fault) {
    if (fault && Object.keys(fault).some((field) => REFUSING.has(field))) {
      const { status = 503, message = "refused", ...rest } = fault;
      return { body: { message }, ...rest, status };
    }
    if (!subscription)
      return { status: 401, body: { message: "Unauthorized" } };
    if (subscription.expired)
      return { status: 401, body: { message: "The token is expired" } };
    return undefined;
  }

  #opened(conn) {
    const { report } = this.sim;
    const record = {
      conn,
      ...conn.request.record,
      socket: null,
      joined: false,
    };
    record.entry.engine = conn.protocol;
    this.open.set(conn, record);
    report.opened(record.entry);
    conn.once("close", (reason) => {
      this.open.delete(conn);
      report.closed(record.entry, reason);
    });
  }

  /** Middleware of both namespaces: where a rule refuses one, or is silent. */
  #admit(socket, next) {
    const path = socket.nsp.name;
    const fault = this.sim.faults.take("namespace", path);
    const record = this.open.get(socket.conn);
    record?.entry.namespaces.push(path);
    if (!fault) return next();
    if (fault.hang) return undefined;
    if (fault.message === undefined && fault.data === undefined)
      return setTimeout(next, fault.stall ?? 0);
    const error = new Error(fault.message ?? "refused");
    error.data = fault.data;
    return setTimeout(() => next(error), fault.stall ?? 0);
  }

  #joined(socket) {
    const { report } = this.sim;
    const record = this.open.get(socket.conn);
    const main = socket.nsp.name === this.sim.settings.namespace;
    if (!main || !record) {
      report.count("default_sockets");
      socket.once("disconnect", () => report.count("default_sockets", -1));
      return;
    }
    Object.assign(record, { socket, joined: true });
    report.joined(record.entry);
    this.emit("joined", record);
    socket.onAny((event) => report.count(`events.${event}`));
    socket.once("disconnect", (reason) => {
      record.joined = false;
      report.left(record.entry, reason);
      this.emit("left", record);
    });
  }

  /**
   * Ends a connection.
   * @param {object} record @param {keyof typeof DISCONNECTS} how
   */
  disconnect(record, how) {
    DISCONNECTS[how].run(record);
  }
}

/** The ways to lose a socket. */
export const DISCONNECTS = {
  server: {
    does: "the server leaves the namespace (41)",
    run: ({ socket }) => socket?.disconnect(),
  },
  server_close: {
    does: "the same in all namespaces, and the transport is closed",
    run: ({ socket, conn }) =>
      socket ? socket.disconnect(true) : conn.close(),
  },
  close: {
    does: "the websocket is closed with a close frame",
    run: ({ conn }) => conn.close(),
  },
  packet: {
    does: "an Engine.IO close packet (1)",
    run: ({ conn }) => conn.transport.send([{ type: "close" }]),
  },
  fin: {
    does: "the TCP connection ends without a goodbye",
    run: ({ connection }) => connection?.end(),
  },
  rst: {
    does: "the TCP connection is reset",
    run: ({ connection }) => connection?.end(true),
  },
  hole: {
    does: "nothing passes any more, nothing is closed",
    run: ({ connection }) => connection?.set({ hole: "both" }),
  },
  heal: {
    does: "what waited in the hole passes again",
    run: ({ connection }) => connection?.set({ hole: false }),
  },
};
