import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import {
  after,
  afterEach,
  before,
  beforeEach,
  describe,
  it as test,
} from "node:test";
import { io } from "socket.io-client";
import { ask, launch } from "./helper.js";

/** A test that hangs fails by itself. */
const it = (name, run) => test(name, { timeout: 30000 }, run);

/** Like events.once, which would fail at a manager's "error". */
const once = (emitter, event) =>
  new Promise((done) => emitter.once(event, (...args) => done(args)));

/** Listens before it acts: what is awaited may come at once. */
const both = (event, action) => Promise.all([event, action]);

let sim;
const open = new Set();

before(async () => {
  sim = await launch("simulator", ["--ping-interval", "300"]);
});
after(() => sim.end());
beforeEach(() => sim.post("/report/clear"));
afterEach(async () => {
  for (const socket of open) socket.disconnect();
  open.clear();
  await sim.post("/faults/clear");
  await sim.wait({ connections: 0 });
});

const subscribe = async (resource = "/me/drive/root", more) =>
  sim.graph(`${resource}/subscriptions/socketIo`, more);

/** Connects as Microsoft's sample does. */
function connect(url, options) {
  const socket = io(url, {
    transports: ["websocket"],
    ca: sim.ca,
    forceNew: true,
    reconnection: false,
    ...options,
  });
  open.add(socket);
  return socket;
}

async function joined(resource, options) {
  const { json } = await subscribe(resource);
  const socket = connect(json.notificationUrl, options);
  await once(socket, "connect");
  return socket;
}

/** Follows a delta enumeration to its end. */
async function enumerate(url) {
  const items = [];
  for (let link = url; ;) {
    const { json } = await sim.graph(link);
    items.push(...json.value);
    link = json["@odata.nextLink"];
    if (!link) return { items, link: json["@odata.deltaLink"] };
  }
}

describe("the Graph host", () => {
  it("serves every documented form of a resource", async () => {
    const { ids } = sim.where;
    const escaped = encodeURIComponent(ids.drive);
    for (const form of [
      "/me/drive/root",
      `/drives/${escaped}/root`,
      `/drives/${ids.drive}/list`,
      `/groups/${ids.group}/drive/root`,
      `/lists/${ids.list}`,
      `/sites/${ids.site}/lists/${ids.library_list}/drive/root`,
      `/sites/${ids.site}/lists/${ids.library_list}`,
    ]) {
      const { status, json } = await subscribe(form);
      assert.equal(status, 200, form);
      assert.match(
        json.notificationUrl,
        /^https:\/\/localhost:\d+\/notifications\?token=[^&]+&applicationId=/,
      );
      assert.match(json.expirationDateTime, /T\d\d:\d\d:\d\d\.\d{7}Z$/);
      assert.match(json.clientState, /^system-managed:/);
    }
    assert.equal((await subscribe("/me")).status, 400);
    assert.equal((await subscribe("/drives/none/root")).status, 404);
  });

  it("gives a plain list no notificationUrl", async () => {
    const { json } = await subscribe(`/lists/${sim.where.ids.plain_list}`);
    assert.ok(json.id);
    assert.equal(json.notificationUrl, undefined);
  });

  it("checks token and content type, in Graph's words", async () => {
    for (const [headers, status, code] of [
      [{ authorization: "Bearer wrong" }, 401, "InvalidAuthenticationToken"],
      [{ "content-type": "text/plain" }, 400, "BadRequest"],
    ]) {
      headers["client-request-id"] = "mine";
      const answer = await subscribe("/me/drive/root", { headers });
      assert.equal(answer.status, status);
      assert.equal(answer.json.error.code, code);
      assert.equal(answer.json.error.innerError["client-request-id"], "mine");
      assert.ok(answer.headers["request-id"]);
    }
    await sim.post("/tokens/add", { token: "old", seconds: -1 });
    await sim.post("/tokens/add", { token: "app", app: true });
    await sim.post("/tokens/add", { token: "taken" });
    await sim.post("/tokens/revoke", { token: "taken" });
    const as = (token) =>
      subscribe("/me/drive/root", {
        headers: { authorization: `Bearer ${token}` },
      });
    assert.match((await as("old")).json.error.message, /expired/);
    assert.equal((await as("app")).status, 403);
    assert.match(
      (await as("taken")).headers["www-authenticate"],
      /claims="\w+/,
    );
    const { requests } = await sim.control("GET /report");
    assert.equal(requests.at(-1).authorization.right, false);
    assert.ok(!JSON.stringify(requests).includes("Bearer taken"));
  });

  it("fails as told, and then no longer", async () => {
    await sim.post("/faults/add", {
      on: "subscription",
      status: 503,
      headers: { "x-further": "1" },
      retry_after_date: 90,
      times: 2,
    });
    for (const status of [503, 503, 200])
      assert.equal((await subscribe()).status, status);
    const cases = [
      [
        { status: 400, code: "notSupported" },
        ({ json }) =>
          assert.equal(json.error.message, "Operation not supported"),
      ],
      [{ body: "<html>" }, ({ text }) => assert.equal(text, "<html>")],
      [{ body: [1] }, ({ json }) => assert.deepEqual(json, [1])],
      [
        { merge: { notificationUrl: null } },
        ({ json }) => assert.ok(json.id && !("notificationUrl" in json)),
      ],
      [
        { merge: { expirationDateTime: "soon" } },
        ({ json }) => assert.equal(json.expirationDateTime, "soon"),
      ],
      [
        { fill: 100000 },
        ({ json, text }) => assert.ok(json.padding && text.length === 100000),
      ],
      [
        { status: 302, headers: { Location: "https://elsewhere.test/" } },
        ({ status, headers }) => assert.ok(status === 302 && headers.location),
      ],
      [
        { drip: { bytes: 100, every: 1 }, stall: 5, stall_body: 5 },
        ({ json }) => assert.ok(json.id),
      ],
      [
        { gzip: true },
        ({ headers }) => assert.equal(headers["content-encoding"], "gzip"),
      ],
    ];
    for (const [fault, check] of cases) {
      await sim.post("/faults/add", { on: "subscription", ...fault });
      check(await subscribe());
    }
    for (const fault of [{ cut: -1 }, { cut: 10 }, { cut: 10, rst: true }]) {
      await sim.post("/faults/add", { on: "subscription", ...fault });
      await assert.rejects(subscribe(), /hang up|ECONNRESET|aborted/);
    }
  });

  it("refuses a misspelt control request", async () => {
    await assert.rejects(
      sim.post("/notify", { foo: 1 }),
      /unknown field "foo"/,
    );
    await assert.rejects(
      sim.post("/settings", { lifetime: "x" }),
      /must be a number/,
    );
    await assert.rejects(
      sim.post("/faults/add", { on: "x" }),
      /must be one of/,
    );
    await assert.rejects(sim.post("/nothing"), /GET \/ lists them/);
  });
});

describe("the socket host", () => {
  it("notifies those who joined, in both payload shapes", async () => {
    const socket = await joined();
    const other = await joined(`/drives/${sim.where.ids.library_drive}/root`);
    other.on("notification", () => assert.fail("not its drive"));
    const [[text]] = await both(
      once(socket, "notification"),
      sim.post("/items/create"),
    );
    const [entry] = JSON.parse(text).value;
    assert.equal(entry.resource, sim.where.ids.list);
    const drive = sim.where.ids.drive;
    const [[flat]] = await both(
      once(socket, "notification"),
      sim.post("/notify", { drive, shape: "B", as: "object" }),
    );
    assert.equal(flat.subscriptionId, entry.subscriptionId);
    assert.ok(flat.subscriptionExpirationDateTime);
    const [args] = await both(
      once(socket, "other"),
      sim.post("/notify", { drive, args: ["x", { y: 1 }], event: "other" }),
    );
    assert.deepEqual(args, ["x", { y: 1 }]);
  });

  it("sends a burst whole and in order", async () => {
    const socket = await joined();
    let seen = 0;
    socket.on("notification", () => seen++);
    const { sent } = await sim.post("/notify", { count: 5000 });
    assert.equal(sent, 5000);
    await both(once(socket, "last"), sim.post("/notify", { event: "last" }));
    assert.equal(seen, 5000);
  });

  it("refuses a wrong, expired or missing token", async () => {
    const { json } = await subscribe();
    const wrong = connect(json.notificationUrl.replace("token=", "token=0"));
    await once(wrong, "connect_error");
    await sim.post("/subscriptions/expire", { id: json.id });
    await once(connect(json.notificationUrl), "connect_error");
    await once(connect(sim.where.socket), "connect_error");
    const { sockets } = await sim.control("GET /report");
    assert.deepEqual(
      sockets.map(({ refused }) => refused),
      [401, 401, 401],
    );
  });

  it("can refuse a namespace with data, or never answer", async () => {
    const { json } = await subscribe();
    await sim.post("/faults/add", {
      on: "namespace",
      message: "no",
      data: { why: "spec" },
    });
    const [error] = await once(connect(json.notificationUrl), "connect_error");
    assert.deepEqual(error.data, { why: "spec" });
    await sim.post("/faults/add", { on: "namespace", hang: true });
    const silent = connect(json.notificationUrl);
    await sim.wait({ opened: 2 });
    assert.equal(silent.connected, false);
  });

  it("ends connections in every way", async () => {
    for (const [how, reason] of [
      ["server", "io server disconnect"],
      ["server_close", "io server disconnect"],
      ["close", "transport close"],
      ["fin", "transport close"],
      ["rst", "transport close"],
    ]) {
      const socket = await joined();
      const [[seen]] = await both(
        once(socket, "disconnect"),
        sim.post("/sockets/disconnect", { how }),
      );
      assert.equal(seen, reason, how);
      socket.disconnect();
      await sim.wait({ sockets: 0, connections: 0 });
    }
  });

  it("closes the sockets of a subscription that expires", async () => {
    await sim.post("/settings", { lifetime: 2, expiry: "disconnect" });
    const socket = await joined();
    assert.equal((await once(socket, "disconnect"))[0], "io server disconnect");
    await sim.post("/settings", { lifetime: null });
    assert.equal("expirationDateTime" in (await subscribe()).json, false);
    await sim.post("/settings", { lifetime: 1200, expiry: "close" });
  });

  it("hangs without closing, and goes on", async () => {
    const socket = await joined();
    await sim.post("/hosts/fault", { host: "socket", hole: "both" });
    await sim.post("/notify");
    socket.on("notification", () => assert.fail("through the hole"));
    await sim.graph("/me");
    socket.off("notification");
    await both(
      once(socket, "notification"),
      sim.post("/hosts/heal", { host: "socket" }),
    );
  });

  it("counts what passed, also over connections that are gone", async () => {
    const traffic = () => sim.post("/hosts/traffic", { host: "socket" });
    const before = await traffic();
    const socket = await joined();
    const during = await traffic();
    assert.ok(during.up > before.up && during.down > before.down);
    socket.disconnect();
    await sim.wait({ connections: 0 });
    const afterwards = await traffic();
    assert.ok(afterwards.up > during.up && afterwards.down >= during.down);
  });

  it("is killed and comes back on the same port", async () => {
    const socket = await joined(undefined, {
      reconnection: true,
      reconnectionDelay: 20,
      reconnectionDelayMax: 20,
    });
    await both(
      once(socket.io, "reconnect_error"),
      sim.post("/hosts/stop", { host: "socket", rst: true }),
    );
    await both(
      once(socket, "connect"),
      sim.post("/hosts/start", { host: "socket" }),
    );
    const { timeline, lowest, highest } = await sim.control("GET /report");
    assert.deepEqual([lowest, highest], [0, 1]);
    assert.deepEqual(
      timeline.map(([, count]) => count),
      [0, 1, 0, 1],
    );
  });

  it("keeps its heartbeat, and reports the handshake", async () => {
    const socket = await joined();
    await once(socket.io, "ping");
    const { sockets } = await sim.control("GET /report");
    const [seen] = sockets;
    assert.deepEqual(seen.query_names, [
      "token",
      "applicationId",
      "EIO",
      "transport",
    ]);
    assert.equal(seen.query_exact, true);
    assert.equal(seen.engine, 4);
    assert.deepEqual(seen.namespaces, ["/notifications"]);
    assert.equal(seen.tls.name, "localhost");
    assert.ok(seen.joined > seen.opened && seen.left === null);
  });

  it("waits for counters, and says when it was in vain", async () => {
    const waiting = sim.wait({
      sockets: { min: 1 },
      "requests.subscription": 1,
    });
    await joined();
    const { counters } = await waiting;
    assert.equal(counters.sockets, 1);
    await assert.rejects(
      sim.post("/wait", { for: { sockets: 9 }, timeout: 10 }),
      { status: 408 },
    );
  });
});

describe("delta", () => {
  it("enumerates, pages, and then tells what changed", async () => {
    const {
      drives: [{ drive }],
    } = await sim.post("/drives/create");
    const { ids } = await sim.post("/items/create", { drive, count: 5 });
    const first = await enumerate(`/drives/${drive}/root/delta?$top=2`);
    assert.ok(first.items[0].root);
    assert.deepEqual(
      first.items.slice(1).map(({ id }) => id),
      ids,
    );
    await sim.post("/items/delete", { drive, id: ids[1] });
    await sim.post("/items/update", { drive, id: ids[0], name: "new" });
    const { items, link } = await enumerate(first.link);
    assert.deepEqual(
      items.map(({ id }) => id),
      [ids[1], ids[0]],
    );
    assert.ok(items[0].deleted && items[1].name === "new");
    assert.deepEqual((await enumerate(link)).items, []);
    const again = await enumerate(`/drives/${drive}/root/delta`);
    assert.equal(
      again.items.some(({ deleted }) => deleted),
      false,
    );
  });

  it("starts now, in both ways of writing the token", async () => {
    for (const form of ["?token=latest", "(token='latest')"]) {
      const { items, link } = await enumerate(`/me/drive/root/delta${form}`);
      assert.deepEqual(items, []);
      await sim.post("/items/create", { id: "now" });
      assert.equal((await enumerate(link)).items[0].id, "now");
    }
  });

  it("serves lists", async () => {
    const { ids } = sim.where;
    await sim.post("/items/create", { list: ids.plain_list, id: "7" });
    for (const base of [
      `/lists/${ids.plain_list}`,
      `/sites/${ids.site}/lists/${ids.plain_list}`,
    ]) {
      const { items } = await enumerate(`${base}/items/delta`);
      assert.equal(items[0].fields.Title, "7.txt");
    }
  });

  it("lags behind the notification", async () => {
    const { link } = await enumerate("/me/drive/root/delta?token=latest");
    await sim.post("/settings", { delta_lag: 3600000 });
    await sim.post("/items/create", { id: "late" });
    assert.deepEqual((await enumerate(link)).items, []);
    await sim.post("/settings", { delta_lag: 50 });
    await sim.post("/items/update", { id: "late", name: "late" });
    for (let items = []; items.length === 0;)
      ({ items } = await enumerate(link));
    await sim.post("/settings", { delta_lag: 0 });
  });

  it("shows duplicates, and links that mislead", async () => {
    const { link } = await enumerate("/me/drive/root/delta?token=latest");
    await sim.post("/items/create", { id: "twice" });
    await sim.post("/items/update", { id: "twice", name: "newest" });
    await sim.post("/settings", { delta_duplicates: true });
    const { items } = await enumerate(link);
    assert.deepEqual(
      items.map(({ name }) => name),
      ["older newest", "newest"],
    );
    await sim.post("/settings", { delta_duplicates: false });
    await sim.post("/faults/add", {
      on: "delta",
      merge: { "@odata.deltaLink": null, "@odata.nextLink": "$self" },
    });
    const { json } = await sim.graph(link);
    assert.equal(json["@odata.nextLink"], link);
  });

  it("refuses old cursors after a resync", async () => {
    const { link } = await enumerate("/me/drive/root/delta?token=latest");
    await sim.post("/delta/resync", { code: "resyncChangesUploadDifferences" });
    const { status, headers, json } = await sim.graph(link);
    assert.equal(status, 410);
    assert.equal(json.error.code, "resyncChangesUploadDifferences");
    assert.ok((await enumerate(headers.location)).items[0].root);
    assert.equal(
      (await sim.graph(`${link.split("=")[0]}=nonsense`)).status,
      400,
    );
  });

  it("enumerates a million items without holding them", async () => {
    const {
      drives: [{ drive }],
    } = await sim.post("/drives/create");
    await sim.post("/items/generate", { drive, count: 1000000 });
    await sim.post("/items/delete", { drive, id: "generated-3" });
    const url = `/drives/${drive}/root/delta?$top=5`;
    const { json } = await sim.graph(url);
    assert.deepEqual(
      json.value.map(({ id }) => id).slice(1),
      [1, 2, 4, 5, 6].map((n) => `generated-${n}`),
    );
    const { json: next } = await sim.graph(json["@odata.nextLink"]);
    assert.equal(next.value[0].id, "generated-7");
  });
});

describe("the login service", () => {
  const post = (path, fields) => {
    return ask(`${sim.where.login}/common/oauth2/v2.0${path}`, {
      method: "POST",
      ca: sim.ca,
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  };
  const client_id = "spec";
  const device = async () =>
    (await post("/devicecode", { client_id, scope: "Files.Read" })).json;
  const poll = ({ device_code }) =>
    post("/token", {
      client_id,
      device_code,
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    });

  it("gives tokens once the user agrees, and rotates them", async () => {
    const code = await device();
    assert.equal((await poll(code)).json.error, "authorization_pending");
    assert.equal((await poll(code)).json.error, "slow_down");
    await sim.post("/login/approve", { user_code: code.user_code });
    const { access_token, refresh_token } = (await poll(code)).json;
    const { status } = await subscribe("/me/drive/root", {
      headers: { authorization: `Bearer ${access_token}` },
    });
    assert.equal(status, 200);
    const renew = (token) =>
      post("/token", {
        client_id,
        grant_type: "refresh_token",
        refresh_token: token,
      });
    const renewed = (await renew(refresh_token)).json;
    assert.notEqual(renewed.refresh_token, refresh_token);
    assert.equal((await renew(refresh_token)).json.error, "invalid_grant");
    const { requests } = await sim.control("GET /report");
    assert.ok(!JSON.stringify(requests).includes(refresh_token));
  });

  it("declines, expires, and lacks consent", async () => {
    for (const [how, error] of [
      ["decline", "authorization_declined"],
      ["expire", "expired_token"],
    ]) {
      const code = await device();
      await sim.post(`/login/${how}`, { user_code: code.user_code });
      assert.equal((await poll(code)).json.error, error);
    }
    await sim.post("/faults/add", { on: "token", code: "consent_required" });
    const { status, json } = await poll(await device());
    assert.equal(status, 400);
    assert.match(json.error_description, /^AADSTS65001/);
    assert.equal(json.error, "invalid_grant");
  });
});

describe("the process", () => {
  it("ends with its stdin; --demo tells its story", async () => {
    const demo = await launch("simulator", [
      "--demo",
      "--demo-every",
      "1",
      "--tls",
      "off",
      "--socket-hosts",
      "2",
    ]);
    const { json } = await demo.graph("/me/drive/root/subscriptions/socketIo");
    const socket = io(json.notificationUrl, {
      transports: ["websocket"],
      forceNew: true,
    });
    let seen = 0;
    socket.on("notification", () => seen++);
    assert.equal((await once(socket, "disconnect"))[0], "io server disconnect");
    assert.equal(seen, 5);
    socket.disconnect();
    assert.equal(await demo.end(), 0);
  });
});

describe("the office", () => {
  it("goes on, and is told of in names, folders and people", async () => {
    const office = await launch("simulator", ["--office", "--tls", "off"]);
    const { value } = (await office.graph("/me/drive/root/delta")).json;
    const items = value.filter((item) => !item.root);
    assert.ok(items.length > 0);
    for (const item of items) {
      assert.match(item.name, / \d+(\.\w+)?$/);
      assert.match(item.parentReference.path, /root:\/\w/);
      assert.ok(item.lastModifiedBy.user.displayName);
    }
    assert.equal(await office.end(), 0);
  });
});

describe("the guide", () => {
  it("names every request, setting and field of a rule", async () => {
    const path = new URL("../../../docs/guide/simulator.md", import.meta.url);
    const guide = await readFile(path, "utf8");
    const requests = await sim.control("GET /");
    const { settings } = await sim.control("GET /state");
    const words = [
      ...Object.keys(requests),
      ...Object.keys(settings),
      ...Object.keys(requests["POST /faults/add"].takes),
    ];
    for (const word of words)
      assert.match(guide, new RegExp(`\`${word}\`|\`${word} |"${word}"`), word);
  });
});
