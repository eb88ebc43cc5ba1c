#!/usr/bin/env node
/**
 * The reference socket.io servers for a client's specs:
 *
 *   node spec/support/interop
 *
 * Four run from the start: v4, v4_tls, v2, v2_tls, in the ready line. Others,
 * with any options of socket.io, are started by control requests (GET /).
 */
import { join } from "node:path";
import { certificates } from "../certificates.js";
import { control, Refusal } from "../common/control.js";
import { waiting } from "../common/counters.js";
import { network } from "../common/network.js";
import { fail, ready } from "../common/process.js";
import { DYNAMIC, EVENTS, NAMESPACES } from "./behaviours.js";
import { ReferenceServer } from "./server.js";

const servers = new Map();

async function launch(given, folder) {
  const id = servers.size + 1;
  const server = new ReferenceServer(id, given, folder);
  servers.set(id, server);
  await server.start();
  return server.where;
}

function named(id) {
  const server = servers.get(id);
  if (!server)
    throw new Refusal(`no server with id ${JSON.stringify(id)}`, 404);
  return server;
}

const ID = { id: "of the server" };

const requests = (folder) => ({
  "POST /servers/launch": {
    does: "starts a server, on a free port",
    takes: {
      version: "4 or 2",
      tls: "true: https and wss",
      certificate: "its name",
      client_ca: "true: asks for a client certificate",
      family: "4 or 6 only",
      port: "default: a free one",
      silent: "true: never answers a CONNECT",
      options:
        "of socket.io: pingInterval, pingTimeout, path, " +
        "perMessageDeflate, maxHttpBufferSize, connectionStateRecovery …",
    },
    run: (given) => launch(given, folder),
  },
  "POST /servers/close": {
    does: "ends a server for good",
    takes: ID,
    run: async ({ id }) => {
      await named(id).web.close();
      servers.get(id).io.close();
    },
  },
  "POST /servers/emit": {
    does: "emits an event from the server",
    takes: {
      ...ID,
      namespace: 'default "/"',
      room: "only to this room",
      event: "its name",
      args: "list of arguments",
    },
    run: ({ id, namespace = "/", room, event, args = [] }) => {
      const target = named(id).io.of(namespace);
      (room ? target.to(room) : target).emit(event, ...args);
    },
  },
  "POST /servers/disconnect": {
    does: "disconnects all sockets of a namespace",
    takes: {
      ...ID,
      namespace: 'default "/"',
      close: "true: the transport too",
    },
    run: ({ id, namespace = "/", close = false }) => {
      const { sockets } = named(id).io.of(namespace);
      // A Map in v4, an object in v2.
      const all =
        sockets instanceof Map ? [...sockets.values()] : Object.values(sockets);
      for (const socket of all) socket.disconnect(close);
    },
  },
  "POST /servers/report": {
    does:
      "what a server saw: connections with the messages received on each, " +
      "events, counters",
    takes: ID,
    run: ({ id }) => named(id).report(),
  },
  "POST /servers/wait": {
    ...waiting(null)["POST /wait"],
    takes: { ...ID, ...waiting(null)["POST /wait"].takes },
    run: ({ id, ...given }, gone) =>
      waiting(named(id).log)["POST /wait"].run(given, gone),
  },
  ...network("/servers", "id", (id) => named(id).web),
  "GET /behaviours": {
    does: "the events and namespaces that every server knows",
    run: () => {
      const told = (table) =>
        Object.fromEntries(
          Object.entries(table).map(([name, { does }]) => [name, does]),
        );
      return {
        events: told(EVENTS),
        namespaces: { ...told(NAMESPACES), [DYNAMIC]: "made when asked for" },
      };
    },
  },
});

try {
  const folder = await certificates();
  const urls = {};
  for (const [name, given] of Object.entries({
    v4: { version: 4 },
    v4_tls: { version: 4, tls: true },
    v2: { version: 2 },
    v2_tls: { version: 2, tls: true },
  }))
    urls[name] = await launch(given, folder);
  ready({
    ...urls,
    control: await control(requests(folder)),
    ca: join(folder, "ca.pem"),
    certificates: folder,
    pid: process.pid,
  });
} catch (error) {
  fail(error);
}
