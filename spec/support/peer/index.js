#!/usr/bin/env node
/**
 * Peers that misbehave as told, for specs: scripted listeners, proxies that
 * record, and wires (common/wire.js) in front of any port.
 *
 *   node spec/support/peer
 *
 * The ready line has the control port; GET / lists its requests.
 */
import { join } from "node:path";
import { certificates } from "../certificates.js";
import { control, Refusal } from "../common/control.js";
import { waiting } from "../common/counters.js";
import { listenApart } from "../common/listen.js";
import { network } from "../common/network.js";
import { fail, ready } from "../common/process.js";
import { Wire } from "../common/wire.js";
import { Peer } from "./peer.js";
import { Proxy } from "./proxy.js";
import { STEPS } from "./script.js";

/** Things of one kind by number, and the control requests that all share. */
class Shelf {
  #all = new Map();
  #last = 0;

  constructor(kind) {
    this.kind = kind;
  }

  async add(make) {
    const id = ++this.#last;
    const thing = await make(id);
    this.#all.set(id, thing);
    return thing;
  }

  named(id) {
    const thing = this.#all.get(id);
    if (!thing) throw new Refusal(`no ${this.kind} ${JSON.stringify(id)}`, 404);
    return thing;
  }

  requests() {
    const { "POST /wait": wait } = waiting(null);
    const id = { id: `of the ${this.kind}` };
    const path = `POST /${this.kind}`;
    return {
      [`${path}/report`]: {
        does: "what it saw, with counters",
        takes: id,
        run: ({ id: of }) => this.named(of).report(),
      },
      [`${path}/wait`]: {
        ...wait,
        takes: { ...id, ...wait.takes },
        run: ({ id: of, ...given }, gone) =>
          waiting(this.named(of).log)["POST /wait"].run(given, gone),
      },
      [`${path}/close`]: {
        does: "ends it for good",
        takes: id,
        run: async ({ id: of }) => {
          await this.named(of).close();
          this.#all.delete(of);
        },
      },
    };
  }
}

const peers = new Shelf("peers");
const proxies = new Shelf("proxies");
const wires = new Shelf("wires");

/** Scripts are checked where they come in, with a message for their author. */
function checked(run) {
  try {
    return run();
  } catch (error) {
    throw new Refusal(error.message);
  }
}

const SCRIPTS = {
  script: "what every connection is played; GET /steps is the language",
  scripts: "or one for each connection in turn, the last for all others",
};

const requests = (folder) => ({
  "POST /peers/launch": {
    does: "a listener that plays scripts",
    takes: {
      ...SCRIPTS,
      tls: "true: behind TLS",
      certificate: "its name",
      version: 'of TLS, and no other: "TLSv1.1"',
      alpn: "list of protocols it agrees to",
      family: "4 or 6 only",
      port: "",
    },
    run: async (given) =>
      (
        await peers.add((id) =>
          checked(() => new Peer(id, given, folder)).start(),
        )
      ).where,
  },
  "POST /peers/script": {
    does: "other scripts, for connections from now on",
    takes: { id: "of the peer", ...SCRIPTS },
    run: ({ id, ...given }) => checked(() => peers.named(id).learn(given)),
  },
  "GET /steps": {
    does: "the steps of a script",
    run: () =>
      Object.fromEntries(
        Object.entries(STEPS).map(([verb, { does }]) => [verb, does]),
      ),
  },
  ...peers.requests(),
  "POST /proxies/launch": {
    does: "an HTTP proxy",
    takes: {
      user: "asks for Basic authorisation",
      password: "",
      refuse: "{ status, headers, body } to everybody",
      hang: "true: no answer",
      hosts: "{ name: address } that it resolves so",
      tls: "true: behind TLS",
    },
    run: async (given) =>
      (await proxies.add((id) => new Proxy(id, given, folder).start())).where,
  },
  ...proxies.requests(),
  "POST /wires/launch": {
    does: "a wire in front of a port, on one that no other server ever has",
    takes: {
      port: "where it leads",
      host: "default 127.0.0.1",
      plan: "list of faults with a name, one for each connection in turn",
    },
    run: async ({ port, host = "127.0.0.1", plan = [] }) => {
      let number;
      const wire = await wires.add((id) => {
        number = id;
        return listenApart((own) => {
          const made = new Wire({ port, host }, own);
          made.follow(plan);
          return made.start();
        });
      });
      return { id: number, port: wire.port };
    },
  },
  ...wires.requests(),
  ...network("/wires", "id", (id) => ({ wire: wires.named(id) })),
});

try {
  const folder = await certificates();
  const table = requests(folder);
  delete table["POST /wires/certificate"]; // a wire has none
  ready({
    control: await control(table),
    ca: join(folder, "ca.pem"),
    certificates: folder,
    pid: process.pid,
  });
} catch (error) {
  fail(error);
}
