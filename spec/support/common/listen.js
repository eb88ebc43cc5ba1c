/**
 * Listening on loopback only: on 127.0.0.1 and, where the machine has it, on
 * ::1 with the same port, so that "localhost" works whichever comes first.
 */
import net from "node:net";
import { once } from "node:events";

async function bind(port, host, onConnection) {
  const server = net.createServer({ allowHalfOpen: true }, onConnection);
  server.listen({ port, host });
  await once(server, "listening");
  return server;
}

/**
 * @param {number} port 0 for a free one
 * @param {(socket: net.Socket) => void} onConnection sockets may be half open
 * @param {4|6} [family] only this one
 * @returns {Promise<net.Server[]>} all on one port
 */
export async function listenLoopback(port, onConnection, family) {
  if (family)
    return [await bind(port, family === 6 ? "::1" : "127.0.0.1", onConnection)];
  for (let attempt = 1; ; attempt++) {
    const v4 = await bind(port, "127.0.0.1", onConnection);
    try {
      return [v4, await bind(v4.address().port, "::1", onConnection)];
    } catch (error) {
      if (error.code !== "EADDRINUSE") return [v4]; // no IPv6 here
      v4.close();
      // Somebody has this port on ::1; another free port will do.
      if (port !== 0 || attempt === 10) throw error;
    }
  }
}

/**
 * Ports that no system gives by itself (Linux from 32768 on, others from 49152):
 * whoever still looks for a server of before, of whatever test, has another one.
 */
const APART = { first: 10000, count: 10000 };
let next = Math.floor(Math.random() * APART.count);

/**
 * Has |start| listen on a port of its own, apart from those of other servers.
 * @template T
 * @param {(port: number) => Promise<T>} start
 * @returns {Promise<T>}
 */
export async function listenApart(start) {
  for (let attempt = 1; ; attempt++) {
    next = (next + 1) % APART.count;
    try {
      return await start(APART.first + next);
    } catch (error) {
      if (error.code !== "EADDRINUSE" || attempt === APART.count) throw error;
    }
  }
}

/**
 * Lets |server| (http, https, http2) listen behind a wire, on a free port.
 * @returns {Promise<number>} the port
 */
export async function listenInside(server) {
  server.listen({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  return server.address().port;
}
