/**
 * An HTTP proxy that records what it saw: CONNECT for tunnels, and requests
 * with an absolute URL. With or without Basic authorisation, or refusing.
 */
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { STATUS_CODES } from "node:http";
import { identity } from "../certificates.js";
import { Counters } from "../common/counters.js";
import { listenInside } from "../common/listen.js";

const basic = (user, password) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

export class Proxy {
  log = new Counters();
  requests = [];

  /**
   * @param {number} id
   * @param {object} given user and password; refuse { status, headers, body };
   *   hang; hosts { name: address } for names that only tests know; tls
   * @param {string} folder of the certificates
   */
  constructor(id, given, folder) {
    Object.assign(this, { id, given });
    this.server = given.tls
      ? https.createServer(identity(folder))
      : http.createServer();
    this.server.on("connect", (request, socket, head) =>
      this.#tunnel(request, socket, head),
    );
    this.server.on("request", (request, response) =>
      this.#forward(request, response),
    );
  }

  async start() {
    this.port = await listenInside(this.server);
    return this;
  }

  get where() {
    const { user, password, tls } = this.given;
    const credentials =
      user === undefined
        ? ""
        : `${encodeURIComponent(user)}:${encodeURIComponent(password)}@`;
    const scheme = tls ? "https" : "http";
    return {
      id: this.id,
      port: this.port,
      url: `${scheme}://${credentials}127.0.0.1:${this.port}`,
    };
  }

  close() {
    this.server.close();
    this.server.closeAllConnections?.();
  }

  report() {
    return {
      ...this.where,
      counters: this.log.counters,
      requests: this.requests,
    };
  }

  /** Records a request. @returns the refusal that it deserves, or undefined */
  #judge(request) {
    const { user, password, refuse } = this.given;
    const given = request.headers["proxy-authorization"];
    // The scheme's case does not matter (RFC 9110, section 11.1).
    const canonical = given?.replace(/^basic /i, "Basic ");
    const right = user === undefined || canonical === basic(user, password);
    const { "proxy-authorization": _, ...headers } = request.headers;
    const entry = {
      method: request.method,
      target: request.url,
      headers,
      authorization:
        given === undefined ? null : { scheme: given.split(" ")[0], right },
      status: null,
      up: 0,
      down: 0,
    };
    this.requests.push(entry);
    this.log.count("requests");
    const refusal =
      refuse ??
      (right
        ? undefined
        : {
            status: 407,
            headers: { "Proxy-Authenticate": 'Basic realm="spec"' },
            body: "who are you?\n",
          });
    entry.status = refusal?.status ?? 200;
    return { entry, refusal };
  }

  #tunnel(request, socket, head) {
    socket.on("error", () => {});
    const { entry, refusal } = this.#judge(request);
    if (this.given.hang) return;
    if (refusal) {
      const { status, headers = {}, body = "" } = refusal;
      const lines = Object.entries({
        ...headers,
        "Content-Length": body.length,
      })
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join("");
      socket.end(
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines}\r\n${body}`,
      );
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const host = this.#address(hostname);
    const target = net.connect({ host, port: Number(port || 80) }, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      target.write(head);
      socket.on("data", (bytes) => {
        entry.up += bytes.length;
      });
      target.on("data", (bytes) => {
        entry.down += bytes.length;
      });
      socket.pipe(target).pipe(socket);
      this.log.count("tunnels");
    });
    target.on("error", () => socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
    socket.on("close", () => target.destroy());
    target.on("close", () => socket.destroy());
  }

  #address(hostname) {
    const bare = hostname.replace(/^\[|\]$/g, "");
    return this.given.hosts?.[bare] ?? bare;
  }

  #forward(request, response) {
    const { refusal } = this.#judge(request);
    if (this.given.hang) return;
    if (refusal) {
      response.writeHead(refusal.status, refusal.headers ?? {});
      response.end(refusal.body ?? "");
      return;
    }
    const { hostname, port, pathname, search } = new URL(request.url);
    const sent = http.request(
      {
        host: this.#address(hostname),
        port: port || 80,
        method: request.method,
        path: pathname + search,
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    sent.on("error", () => response.writeHead(502).end());
    request.pipe(sent);
  }
}
