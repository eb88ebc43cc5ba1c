#!/usr/bin/env node
/**
 * A reference server on one address, for a network namespace whose loopback
 * nobody else can reach:
 *
 *   node spec/support/drop ADDRESS
 *
 * It knows the event "arrive" (interop/behaviours.js). Control needs no port
 * here: what a client wants to know it asks over its socket.
 */
import http from "node:http";
import { once } from "node:events";
import { Server } from "socket.io";
import { Counters } from "../common/counters.js";
import { fail, ready } from "../common/process.js";
import { behave } from "../interop/behaviours.js";

class Log extends Counters {
  arrivals = {};
  received() {}
}

try {
  const [host] = process.argv.slice(2);
  if (!host) throw new Error("give an address to listen on");
  const server = http.createServer();
  const log = new Log();
  new Server(server, { pingInterval: 200, pingTimeout: 1000 }).on(
    "connection",
    (socket) => behave({ socket, log }),
  );
  server.listen({ port: 0, host });
  await once(server, "listening");
  ready({ url: `http://${host}:${server.address().port}`, pid: process.pid });
} catch (error) {
  fail(error);
}
