/**
 * An HTTP server behind a wire: what the simulator's hosts and the reference
 * servers stand on. Its port stays the same over stop() and start().
 */
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import { identity } from "../certificates.js";
import { listenInside } from "./listen.js";
import { Wire } from "./wire.js";

function makeServer({ tls, h2, folder, certificate, client_ca }) {
  if (!tls) return http.createServer();
  const options = {
    ...identity(folder, certificate),
    ...(client_ca && {
      requestCert: true,
      rejectUnauthorized: true,
      ca: client_ca,
    }),
  };
  return h2
    ? http2.createSecureServer({ ...options, allowHTTP1: true })
    : https.createServer(options);
}

export class Web {
  /** @type {Wire} */ wire;

  /**
   * @param {object} options
   * @param {boolean} options.tls
   * @param {boolean} [options.h2] offer HTTP/2 in ALPN, before HTTP/1.1
   * @param {string} options.folder where the certificates are
   * @param {string} [options.certificate] the name of the one to show
   * @param {Buffer} [options.client_ca] ask for client certificates of this CA
   * @param {number} [options.port]
   * @param {4|6} [options.family] listen on this loopback address only
   * @param {string} [options.name] the host name in its URL
   */
  constructor(options) {
    this.options = { name: "localhost", port: 0, ...options };
    this.server = makeServer(this.options);
    // A peer that breaks off, or fails in TLS, is what specs are about.
    for (const event of ["clientError", "tlsClientError", "sessionError"])
      this.server.on(event, (_, socket) => socket?.destroy?.());
  }

  async start() {
    const target = { port: await listenInside(this.server) };
    this.wire = await new Wire(
      target,
      this.options.port,
      this.options.family,
    ).start();
    return this;
  }

  /** Ends it for good. */
  async close() {
    await this.wire.stop();
    this.server.close();
    this.server.closeAllConnections?.();
  }

  /** scheme://host:port, with another scheme or host name when given */
  origin(name = this.options.name, scheme = "http") {
    return `${scheme}${this.options.tls ? "s" : ""}://${name}:${this.wire.port}`;
  }

  /** The origin as whoever sent |request| knows it: a wire has another port. */
  asked({ headers }) {
    const name = headers[":authority"] ?? headers.host;
    return `http${this.options.tls ? "s" : ""}://${name}`;
  }

  /** From now on shows the certificate |name| to new connections. */
  show(name) {
    this.server.setSecureContext?.(identity(this.options.folder, name));
  }

  /** The connection through the wire that |request| came on. */
  connection(request) {
    const socket = request.stream?.session?.socket ?? request.socket;
    return this.wire.from(socket?.remotePort);
  }
}
