/** A listener that plays scripts to whoever connects. */
import { TLSSocket, createSecureContext } from "node:tls";
import { identity } from "../certificates.js";
import { Counters } from "../common/counters.js";
import { listenLoopback } from "../common/listen.js";
import { check, Player } from "./script.js";

export class Peer {
  log = new Counters();
  connections = [];
  #listeners = [];
  #open = new Set();

  /**
   * @param {number} id
   * @param {object} given tls, certificate, version, alpn, family, port, script, scripts
   * @param {string} folder of the certificates
   */
  constructor(id, given, folder) {
    Object.assign(this, { id, given, folder });
    this.learn(given);
  }

  /** From now on plays these; the last of several is played again and again. */
  learn({ script, scripts = script === undefined ? [[]] : [script] }) {
    scripts.forEach(check);
    this.scripts = scripts;
    this.played = 0;
  }

  async start() {
    const { port = 0, family } = this.given;
    this.#listeners = await listenLoopback(
      port,
      (raw) => this.#accept(raw),
      family,
    );
    return this;
  }

  get where() {
    const { port } = this.#listeners[0].address();
    const s = this.given.tls ? "s" : "";
    return { id: this.id, port, url: `http${s}://localhost:${port}` };
  }

  close() {
    for (const listener of this.#listeners) listener.close();
    for (const raw of this.#open) raw.destroy();
  }

  report() {
    return {
      ...this.where,
      counters: this.log.counters,
      connections: this.connections,
    };
  }

  async #accept(raw) {
    raw.setNoDelay(true).on("error", () => {});
    this.#open.add(raw);
    const record = {
      remote: raw.remoteAddress,
      heads: [],
      frames: [],
      bytes: 0,
      step: null,
      ended: null,
      tls: null,
    };
    this.connections.push(record);
    this.log.count("opened");
    this.log.count("connections");
    raw.once("close", () => {
      this.#open.delete(raw);
      this.log.count("connections", -1);
      this.log.count("closed");
    });
    const script =
      this.scripts[Math.min(this.played++, this.scripts.length - 1)];
    const socket = this.given.tls ? this.#secure(raw, record) : raw;
    const count = (name) => this.log.count(name);
    await new Player(socket, raw, record, count).perform(script);
  }

  #secure(raw, record) {
    const { certificate, alpn, version } = this.given;
    const context = createSecureContext({
      ...identity(this.folder, certificate),
      // What is as old as that needs OpenSSL's old level of security, too.
      ...(version && {
        minVersion: version,
        maxVersion: version,
        ciphers: "ALL@SECLEVEL=0",
      }),
    });
    const socket = new TLSSocket(raw, {
      isServer: true,
      secureContext: context,
      ALPNProtocols: alpn,
    });
    socket.once("secure", () => {
      record.tls = {
        version: socket.getProtocol(),
        name: socket.servername || null,
        alpn: socket.alpnProtocol || null,
      };
      this.log.count("secured");
    });
    return socket;
  }
}
