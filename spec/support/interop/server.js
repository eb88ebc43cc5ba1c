/** One reference server: socket.io 4 or 2, plain or TLS, behind a wire. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Server } from "socket.io";
import v2 from "socket.io-v2";
import { Counters } from "../common/counters.js";
import { Web } from "../common/web.js";
import { behave, DYNAMIC, NAMESPACES } from "./behaviours.js";

/** Received messages and events that are kept for the report. */
const KEPT = 10000;

/** The same for both versions, whose own defaults differ. */
const STANDARD = { pingInterval: 25000, pingTimeout: 20000 };

/** What one server saw; counters: connections, sockets, opened, joined, … */
class Log extends Counters {
  events = [];
  connections = [];
  /** key -> numbers, in the order in which the event "arrive" brought them */
  arrivals = {};
  /** key -> how often the event "flaky" came */
  tries = {};

  received(socket, event, args, acked) {
    if (this.events.length < KEPT)
      this.events.push({
        event,
        count: args.length,
        acked,
        namespace: socket.nsp.name,
      });
    this.count("events");
    this.count(`events.${event}`);
  }
}

const shown = (data) =>
  typeof data === "string"
    ? data
    : { base64: Buffer.from(data).toString("base64") };

export class ReferenceServer {
  log = new Log();

  /**
   * @param {number} id
   * @param {object} given version, tls, family, port, certificate, client_ca,
   *   silent, options (of socket.io)
   * @param {string} folder of the certificates
   */
  constructor(id, given, folder) {
    Object.assign(this, { id, given });
    const {
      tls = false,
      certificate,
      client_ca,
      port,
      family,
      version = 4,
    } = given;
    this.web = new Web({
      tls,
      folder,
      certificate,
      port,
      family,
      client_ca: client_ca && readFileSync(join(folder, "ca.pem")),
    });
    this.web.server.on("request", (_, response) => {
      response.statusCode = 404;
      response.end("no socket.io here\n");
    });
    const options = { ...STANDARD, ...given.options };
    this.io =
      version === 2
        ? v2(this.web.server, options)
        : new Server(this.web.server, options);
    this.io.engine.on("connection", (conn) => this.#opened(conn));
    for (const [path, rules] of Object.entries({ "/": {}, ...NAMESPACES }))
      this.#namespace(this.io.of(path), rules);
    this.#namespace(this.io.of(DYNAMIC), {});
  }

  async start() {
    await this.web.start();
    return this;
  }

  get where() {
    const { given, web, id } = this;
    const { version = 4, tls = false } = given;
    return { id, version, tls, port: web.wire.port, url: web.origin() };
  }

  #namespace(namespace, { admit, joined }) {
    namespace.use(async (socket, next) => {
      this.log.count("asked");
      if (this.given.silent) return;
      try {
        if (socket.handshake.query.fail) throw new Error("refused by query");
        await admit?.(socket);
        next();
      } catch (error) {
        next(error);
      }
    });
    namespace.on("connection", (socket) => {
      this.#joined(socket);
      joined?.(socket);
    });
  }

  #opened(conn) {
    const { log } = this;
    const { request } = conn;
    const connection = this.web.connection(request);
    conn.wired = connection;
    const entry = {
      url: request.url,
      headers: request.headers,
      remote: connection?.remote,
      connection: connection?.id,
      received: [],
      binary_frames: { received: 0, allowed: conn.transport.supportsBinary },
      reason: null,
    };
    log.connections.push(entry);
    log.count("connections");
    log.count("opened");
    conn.transport.socket.on("message", (data, isBinary = typeof data !== "string") => {
      entry.binary_frames.received += isBinary;
    });
    conn.on("message", (data) => {
      if (entry.received.length < KEPT) entry.received.push(shown(data));
      log.count("messages");
    });
    conn.once("close", (reason) => {
      entry.reason = reason;
      log.count("connections", -1);
      log.count("closed");
    });
  }

  #joined(socket) {
    const { log } = this;
    log.count("sockets");
    log.count("joined");
    log.count(`joined.${socket.nsp.name}`);
    socket.once("disconnect", (reason) => {
      log.count("sockets", -1);
      log.count("left");
      log.count(`left.${reason}`);
    });
    behave({ socket, log, connection: socket.conn.wired });
  }

  report() {
    const { counters, connections, events } = this.log;
    return { ...this.where, counters, connections, events };
  }
}
