/**
 * What goes wrong in a soak: each fault is begun, lasts for some seconds, and
 * is mended. All of them pass: what Graph refuses for good would end a watch,
 * as it must.
 */

const ENDS = ["server", "server_close", "close", "packet", "fin", "rst"];
const REFUSALS = [
  { status: 429, retry_after: 1 },
  { status: 503, retry_after: 1 },
  { status: 500 },
  { status: 502, body: "<html>bad gateway</html>" },
  { cut: 20 },
  { cut: -1, rst: true },
  { stall: 2000 },
  { hang: true },
  { body: "not JSON" },
  { fill: 4_000_000 },
];

/** A spoilt network of one host. */
const network = (host, fault) => ({
  name: `${host} ${Object.keys(fault)}`,
  begin: [["hosts/fault", { host, ...fault }]],
  mend: [["hosts/heal", { host }]],
});

/** A fault of the service's answers, |times| in a row. */
const answers = (on, rule, times) => ({
  name: `${on} ${rule.status ?? Object.keys(rule)[0]}`,
  begin: [["faults/add", { on, times, ...rule }]],
  mend: [["faults/clear", {}]],
});

const KINDS = [
  // The server is restarted; so is Graph.
  ({ pick }) => {
    const host = pick(["socket", "socket", "graph"]);
    return {
      name: `${host} restarts`,
      begin: [["hosts/stop", { host, rst: pick([true, false]) }]],
      mend: [["hosts/start", { host }]],
    };
  },
  ({ pick }) => {
    const how = pick(ENDS);
    return { name: `all end by ${how}`, begin: [["sockets/disconnect", { how }]], mend: [] };
  },
  ({ pick }) => ({
    name: "some end",
    begin: [["sockets/disconnect", { how: pick(ENDS), count: 3 }]],
    mend: [],
  }),
  ({ pick }) =>
    network(
      pick(["socket", "graph"]),
      pick([
        { delay: 300 },
        { drip: { bytes: 7, every: 1 } },
        { hole: "both" },
        { hole: "up" },
        { hole: "down" },
        { cut: { after: 3000, lane: "down", rst: true } },
        { half_close: "down" },
        { connect: 1500 },
      ]),
    ),
  ({ pick }) =>
    answers(pick(["subscription", "delta", "any"]), pick(REFUSALS), pick([1, 5, 20])),
  ({ pick }) => answers("namespace", { message: "not now" }, pick([1, 10])),
  ({ pick }) => answers("handshake", { status: 503 }, pick([1, 10])),
  ({ pick }) => ({
    name: "another certificate",
    begin: [["hosts/certificate", { host: "socket", name: pick(["expired", "wrong-host"]) }]],
    mend: [["hosts/certificate", { host: "socket", name: "server" }]],
  }),
  () => ({ name: "subscriptions expire", begin: [["subscriptions/expire", {}]], mend: [] }),
  ({ pick, drives }) => ({
    name: "a feed starts over",
    begin: [["delta/resync", { drive: pick(drives), location: pick([true, false]) }]],
    mend: [],
  }),
  () => ({
    name: "delta lags",
    begin: [["settings", { delta_lag: 3000 }]],
    mend: [["settings", { delta_lag: 0 }]],
  }),
];

/** @param {{pick: Function, drives: string[]}} world */
export const fault = (world) => world.pick(KINDS)(world);
