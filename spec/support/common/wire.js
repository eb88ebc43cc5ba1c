/**
 * A TCP forwarder that can misbehave. What listens behind it knows nothing:
 * lost, slow, cut and silent networks are made here, and nowhere else.
 *
 * "up" is from the client to the server, "down" from the server to the client.
 * A fault holds for all connections of the wire, or for chosen ones:
 *
 *   delay       ms that each chunk waits
 *   drip        { bytes, every }: that many bytes every so many ms
 *   hole        "up" "down" "both": nothing passes, nothing is closed, until
 *               it is set to false; then what waited passes
 *   cut         { after, lane, rst }: ends the connection when that many bytes
 *               have passed ("down" unless lane says "up")
 *   half_close  "up" "down": this lane ends (FIN), the other goes on
 *   twice       { after, lane }: the chunk that crosses this byte passes twice
 *   connect     ms that a new connection waits before it reaches the server;
 *               a list gives one value a connection: so connects change places
 *   end         "fin" "rst": the connection is over
 *   away        ms: the connection is reset, and so is each that is tried in
 *               that time
 *   turns       what changes in the life of a connection: see turns.js
 *
 * A plan gives each new connection faults of its own, in turn; who comes after
 * its end has a faultless network. The log counts "planned" and "clean"
 * connections, and "struck.<name>" when what a plan names has come true.
 */
import net from "node:net";
import { EventEmitter, once } from "node:events";
import { Counters } from "./counters.js";
import { after, either } from "./events.js";
import { lateness } from "./late.js";
import { listenLoopback } from "./listen.js";
import { sleep } from "./process.js";
import { Turns } from "./turns.js";

/** Bytes of a connection that tell who it was. */
const HEAD = 100;

const covers = (value, lane) => value === lane || value === "both";

/** One connection through the wire: two sockets and the faults between. */
class Connection extends EventEmitter {
  #reset_at_end = false;

  constructor(id, client, faults) {
    super();
    this.setMaxListeners(0);
    this.id = id;
    this.client = client;
    this.server = null;
    this.remote = client.remoteAddress;
    this.faults = { ...faults };
    this.head = "";
    this.bytes = { up: 0, down: 0 };
    this.turns = new Turns(this.faults.turns, (change) => {
      this.emit("turn");
      this.set(change);
    });
  }

  /** Waits until no hole holds |lane|. */
  async gate(lane) {
    while (covers(this.faults.hole, lane)) await once(this, "faults");
  }

  /** @param {object} faults merged into those that hold */
  set(faults) {
    Object.assign(this.faults, faults);
    const ends = this.faults.half_close;
    if (covers(ends, "up")) this.server?.end();
    if (covers(ends, "down")) this.client.end();
    if (faults.end) return this.end(faults.end === "rst");
    this.emit("faults");
  }

  /** When the server ends its side, the client shall see a reset. */
  resetAtEnd() {
    this.#reset_at_end = true;
  }

  /** Ends both sides: with a reset, or as if the peer had closed. */
  end(rst = false) {
    this.turns.stop();
    for (const socket of [this.client, this.server])
      rst ? socket?.resetAndDestroy() : socket?.destroy();
    this.emit("faults"); // lets what waits in a hole see that all is over
  }

  async #forward(chunk, lane, sink) {
    if (lane === "up" && this.bytes.up === 0)
      this.head = chunk.subarray(0, HEAD).toString("latin1");
    const { delay = lateness(), drip, twice } = this.faults;
    if (delay) await sleep(delay);
    await this.gate(lane);
    const seen = this.bytes[lane];
    this.bytes[lane] += chunk.length;
    const repeat =
      twice &&
      (twice.lane ?? "down") === lane &&
      seen <= twice.after &&
      twice.after < this.bytes[lane];
    const bytes = repeat ? Buffer.concat([chunk, chunk]) : chunk;
    const step = drip ? (drip.bytes ?? 1) : bytes.length;
    // What comes behind the end of a lane is lost.
    const open = () => !sink.destroyed && !sink.writableEnded;
    for (let at = 0; at < bytes.length && open(); at += step) {
      const full = !sink.write(bytes.subarray(at, at + step));
      if (full && !sink.destroyed) await either(sink, "drain", "close");
      if (drip) await sleep(drip.every ?? 1);
    }
  }

  /** The part of |chunk| that a cut lets pass, or undefined: all of it. */
  #cut(chunk, lane) {
    const { cut } = this.faults;
    if (!cut || (cut.lane ?? "down") !== lane) return undefined;
    const left = Math.max(0, cut.after - this.bytes[lane]);
    return left <= chunk.length ? chunk.subarray(0, left) : undefined;
  }

  /** @returns {boolean} whether the connection goes on */
  async #pass(chunk, lane, sink) {
    const part = this.#cut(chunk, lane);
    await this.#forward(part ?? chunk, lane, sink);
    if (!part) return true;
    const { rst } = this.faults.cut;
    this.emit("turn");
    if (!rst) await new Promise((done) => sink.end(done));
    this.end(rst);
    return false;
  }

  async lane(lane, source, sink) {
    try {
      for await (const chunk of source.iterator({ destroyOnReturn: false })) {
        let rest = chunk;
        do {
          const left = this.turns.left(lane, this.bytes[lane]);
          if (!(await this.#pass(rest.subarray(0, left), lane, sink))) return;
          rest = rest.subarray(left);
          this.turns.passed(lane, this.bytes[lane]);
        } while (rest.length > 0);
      }
      await this.gate(lane);
      this.#reset_at_end ? this.end(true) : sink.end();
    } catch {
      await this.broken();
    }
  }

  /** One side was reset: once no hole hides it, so is the other. */
  async broken() {
    await this.gate("up");
    await this.gate("down");
    this.end(true);
  }
}

export class Wire extends EventEmitter {
  log = new Counters();
  #target;
  #port;
  #family;
  #listeners = [];
  #last = 0;
  #connects = 0;
  #faults = {};
  #plan = [];
  #clean = null; // connections that no plan was for, once there was one
  #back_at = 0;
  #by_port = new Map();
  #passed = { up: 0, down: 0 };

  /** @type {Map<number, Connection>} those that are open, by id */
  connections = new Map();

  /**
   * @param {{port: number, host?: string}} target where it leads
   * @param {number} [port] where it listens, 0 for a free port
   * @param {4|6} [family] listen on this loopback address only
   */
  constructor(target, port = 0, family = undefined) {
    super();
    this.#target = { host: "127.0.0.1", ...target };
    this.#port = port;
    this.#family = family;
  }

  get port() {
    return this.#port;
  }

  /** Begins to listen; after a stop, on the same port. */
  async start() {
    if (this.#listeners.length) return this;
    const accept = (client) => this.#accept(client);
    this.#listeners = await listenLoopback(this.#port, accept, this.#family);
    this.#port = this.#listeners[0].address().port;
    return this;
  }

  /**
   * Stops listening and ends every connection, as a killed server does.
   * @param {boolean} [rst] by reset instead of by FIN
   */
  async stop(rst = false) {
    const listeners = this.#listeners.splice(0);
    for (const connection of this.connections.values()) connection.end(rst);
    await Promise.all(
      listeners.map((listener) => new Promise((done) => listener.close(done))),
    );
  }

  /** Ends it for good. */
  close() {
    return this.stop(true);
  }

  /**
   * @param {object} faults as in the head of this file; {} changes nothing
   * @param {number[]} [ids] only these connections
   */
  fault(faults, ids) {
    if (!ids) Object.assign(this.#faults, faults);
    for (const [id, connection] of this.connections)
      if (!ids || ids.includes(id)) connection.set(faults);
  }

  /** Back to a faultless network, for all. */
  heal() {
    this.#faults = {};
    this.#connects = 0;
    for (const connection of this.connections.values()) {
      connection.faults = {};
      connection.set({});
    }
  }

  /** Bytes that have passed, over connections that are gone as well. */
  get traffic() {
    const sum = { ...this.#passed };
    for (const { bytes } of this.connections.values()) {
      sum.up += bytes.up;
      sum.down += bytes.down;
    }
    return sum;
  }

  /** The connection that the server behind sees as coming from |port|. */
  from(port) {
    return this.#by_port.get(port);
  }

  /** @param {object[]} plan faults and a name for each connection to come */
  follow(plan) {
    // An empty table of Lua is "{}" for some JSON writers.
    this.#plan = Array.isArray(plan) ? [...plan] : [];
    this.#clean = [];
  }

  /** With the first bytes of the connections that no plan was for. */
  report() {
    const { port, log, connections } = this;
    const heads = this.#clean?.map(({ head }) => head);
    return { port, counters: log.counters, open: connections.size, heads };
  }

  /** A new connection, with the faults that it begins with. */
  #next(client) {
    const entry = this.#plan.shift();
    const faults = { ...this.#faults, ...entry };
    const connection = new Connection(++this.#last, client, faults);
    if (!entry) this.#clean?.push(connection);
    this.log.count(entry ? "planned" : "clean");
    connection.once("turn", () => this.log.count(`struck.${faults.name}`));
    return connection;
  }

  async #accept(client) {
    // The port stays taken: another wire would get it.
    if (Date.now() < this.#back_at) return client.resetAndDestroy();
    const connection = this.#next(client);
    const { faults } = connection;
    this.connections.set(connection.id, connection);
    client.setNoDelay(true).on("error", () => {});
    this.emit("open", connection);
    if (faults.away) {
      connection.emit("turn");
      connection.end(true);
      this.#back_at = Date.now() + faults.away;
    }
    const { connect } = faults;
    const wait = Array.isArray(connect) ? connect[this.#connects++] : connect;
    if (wait) await sleep(wait);
    if (!client.destroyed) await this.#join(connection);
    this.#passed.up += connection.bytes.up;
    this.#passed.down += connection.bytes.down;
    this.connections.delete(connection.id);
    this.emit("close", connection);
  }

  async #join(connection) {
    const { client } = connection;
    const server = net.connect({ ...this.#target, allowHalfOpen: true });
    server.setNoDelay(true).on("error", () => {});
    connection.server = server;
    let port;
    server.once("connect", () =>
      this.#by_port.set((port = server.localPort), connection),
    );
    const closed = [client, server].map(async (socket) => {
      if (await after(socket, "close")) await connection.broken();
    });
    connection.set({});
    connection.turns.start();
    connection.lane("up", client, server);
    connection.lane("down", server, client);
    await Promise.all(closed);
    connection.turns.stop();
    if (this.#by_port.get(port) === connection) this.#by_port.delete(port);
  }
}
