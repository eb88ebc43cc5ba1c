/**
 * The simulator put together: its parts, and the hosts they are served from.
 */
import { join } from "node:path";
import { certificates } from "../certificates.js";
import { control } from "../common/control.js";
import { Web } from "../common/web.js";
import { clock } from "./clock.js";
import { Faults } from "./faults.js";
import { graphErrors, graphRoutes } from "./graph.js";
import { Host } from "./host.js";
import { Login, loginErrors } from "./login.js";
import { Notifier } from "./notifier.js";
import { identifiers } from "./random.js";
import { Report } from "./report.js";
import { requests } from "./requests.js";
import { settings } from "./settings.js";
import { DISCONNECTS, SocketHost } from "./socket_host.js";
import { Subscriptions } from "./subscriptions.js";
import { Tokens } from "./tokens.js";
import { World } from "./world.js";

/** The hosts: socket, socket2 … as many as wanted. */
function socketHosts(sim, web, { sockets, ports }) {
  return Array.from({ length: sockets }, (_, at) => {
    const port = at === 0 ? ports.socket : 0;
    return new SocketHost(
      sim,
      web(port, true),
      at ? `socket${at + 1}` : "socket",
    );
  });
}

/** What the sockets of an expired subscription see. */
function watchExpiry(sim) {
  const how = { close: "close", disconnect: "server" };
  sim.subscriptions.on("expired", (subscription) => {
    const action = DISCONNECTS[how[sim.settings.expiry]];
    if (!action) return;
    for (const host of sim.sockets)
      for (const record of host.joined(subscription)) action.run(record);
  });
}

/**
 * Starts everything.
 * @param {object} options see options.js
 * @returns {Promise<{sim: object, where: object}>} where: for the ready line
 */
export async function start(options) {
  const folder = options.tls ? await certificates(options.certificates) : null;
  const web = (port, h2) =>
    new Web({
      tls: options.tls,
      h2,
      folder,
      certificate: options.certificate,
      port,
    });
  const sim = {
    settings: settings(options.settings),
    ids: identifiers(options.seed),
    faults: new Faults(),
    report: new Report(),
    tokens: new Tokens(),
  };
  sim.clock = clock(sim.settings);
  sim.world = new World(sim.ids);
  sim.subscriptions = new Subscriptions(sim);
  sim.login = new Login(sim);
  sim.notifier = new Notifier(sim);
  sim.graph = new Host(sim, {
    name: "graph",
    web: web(options.ports.graph, true),
    routes: graphRoutes(sim),
    errors: graphErrors,
  });
  sim.login_host = new Host(sim, {
    name: "login",
    web: web(options.ports.login, true),
    routes: sim.login.routes(),
    errors: loginErrors,
  });
  sim.sockets = socketHosts(sim, web, options);
  sim.hosts = [sim.graph, sim.login_host, ...sim.sockets];
  watchExpiry(sim);
  await Promise.all(sim.hosts.map((host) => host.web.start()));
  const token = `simulated-access-${sim.ids.hex(40)}`;
  sim.tokens.add(token);
  const where = {
    graph: `${sim.graph.web.origin()}/v1.0`,
    control: await control(requests(sim), options.ports.control),
    socket: sim.sockets[0].web.origin(),
    sockets: sim.sockets.map((host) => host.web.origin()),
    login: sim.login_host.web.origin(),
    ca: folder && join(folder, "ca.pem"),
    certificates: folder,
    token,
    client_id: "00000000-0000-4000-a000-00000000c11e",
    ids: sim.world.directory(),
    pid: process.pid,
  };
  return { sim, where };
}
