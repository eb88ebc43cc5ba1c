/** The command line of the simulator. */
import { parseArgs } from "node:util";
import { parse, settings, SETTINGS } from "./settings.js";

export const HELP = `Usage: node spec/support/simulator [options]

A model of Microsoft Graph's socket.io subscriptions, delta and login, for
tests and demonstrations. Prints one JSON line that says where it listens, and
ends with the pipe on its stdin, or on SIGTERM.

  --demo                change an item every second, a few times, when a
                        client has joined; then disconnect it; approve every
                        device code
  --demo-changes N      how many changes (5)
  --demo-every MS       how far apart (1000)
  --office              items change all the time, as if people worked there
  --port N              port of the Graph host (free)
  --socket-port N       port of the first socket host (free)
  --login-port N        port of the login service (free)
  --control-port N      port of the control requests (free)
  --socket-hosts N      hosts that notificationUrls name in turn (1)
  --tls on|off          off: http and ws instead of https and wss (on)
  --certificates DIR    where certificates are, or are made; also in
                        GRAPHSOCKET_CERTIFICATES (build/certificates)
  --certificate NAME    which one is shown (server)
  --seed N              identifiers and tokens come again with the same (1)
  --token TEXT          a further Bearer token that is good
  --set NAME=VALUE      any setting below, may be repeated
  --ping-interval MS, --ping-timeout MS, --lifetime S and so on: the same
  --help

Settings, with their defaults:
${Object.entries(SETTINGS)
  .map(
    ([name, [value, does]]) =>
      `  ${name} = ${JSON.stringify(value)}\n      ${does}`,
  )
  .join("\n")}
`;

/** A mistake on the command line. */
function usage(message) {
  return Object.assign(new Error(`simulator: ${message}; --help helps`), {
    usage: true,
  });
}

const OWN = {
  help: { type: "boolean" },
  demo: { type: "boolean" },
  "demo-changes": { type: "string", default: "5" },
  "demo-every": { type: "string", default: "1000" },
  office: { type: "boolean", default: false },
  port: { type: "string", default: "0" },
  "socket-port": { type: "string", default: "0" },
  "login-port": { type: "string", default: "0" },
  "control-port": { type: "string", default: "0" },
  "socket-hosts": { type: "string", default: "1" },
  tls: { type: "string", default: "on" },
  certificates: { type: "string" },
  certificate: { type: "string", default: "server" },
  seed: { type: "string", default: "1" },
  token: { type: "string", multiple: true, default: [] },
  set: { type: "string", multiple: true, default: [] },
};

const dashed = (name) => name.replaceAll("_", "-");

function number(values, name, least = 0) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least) return value;
  throw usage(`--${name} must be a whole number from ${least}`);
}

/** Settings from --set and from options of their own name. */
function settingsOf(values) {
  const given = {};
  for (const name of Object.keys(SETTINGS)) {
    const text = values[dashed(name)];
    if (text !== undefined) given[name] = parse(name, text);
  }
  for (const pair of values.set) {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (!name) throw usage(`--set takes NAME=VALUE, not "${pair}"`);
    given[name] = parse(name, text);
  }
  try {
    settings(given);
  } catch (error) {
    throw usage(error.message);
  }
  return given;
}

/**
 * @param {string[]} args
 * @returns {object} what start() takes; { help: true } for --help
 */
export function options(args) {
  const own = Object.fromEntries(
    Object.keys(SETTINGS).map((name) => [dashed(name), { type: "string" }]),
  );
  let values;
  try {
    ({ values } = parseArgs({ args, options: { ...own, ...OWN } }));
  } catch (error) {
    throw usage(error.message.split(". ")[0]);
  }
  if (!["on", "off"].includes(values.tls))
    throw usage("--tls must be on or off");
  return {
    help: values.help,
    demo: values.demo && {
      changes: number(values, "demo-changes"),
      every: number(values, "demo-every"),
    },
    office: values.office,
    ports: {
      graph: number(values, "port"),
      socket: number(values, "socket-port"),
      login: number(values, "login-port"),
      control: number(values, "control-port"),
    },
    sockets: number(values, "socket-hosts", 1),
    tls: values.tls === "on",
    certificates: values.certificates,
    certificate: values.certificate,
    seed: number(values, "seed"),
    tokens: values.token,
    settings: settingsOf(values),
  };
}
