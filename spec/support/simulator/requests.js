/**
 * The control requests: one table, which is also their help (GET /). Files of
 * the simulator do the work; this one only names it.
 */
import { Refusal } from "../common/control.js";
import { network } from "../common/network.js";
import { waiting } from "../common/counters.js";
import { FIELDS } from "./faults.js";
import { change, SETTINGS } from "./settings.js";
import { DISCONNECTS } from "./socket_host.js";

const WHERE = {
  drive: "id of the drive; default: that of /me/drive",
  list: "or of the list",
};
const NOTIFY = "how many events a change causes; default: a setting; 0: none";

/** [name, sentence] lines as the help of a field */
const choices = (table) =>
  Object.entries(table)
    .map(([name, { does }]) => `${name}: ${does}`)
    .join("; ");

function items(sim) {
  const { world } = sim;
  const how = ({ notify }, more) => ({
    notify,
    now: sim.clock.now(),
    lag: sim.settings.delta_lag,
    ...more,
  });
  const existing = (library, id) => {
    if (!library.feed.has(id)) throw new Refusal(`no item "${id}"`, 404);
  };
  return {
    "POST /items/create": {
      does: "creates items; each change notifies by itself",
      takes: {
        ...WHERE,
        id: "default: a new one",
        count: "default 1",
        name: "file name",
        fields: "further fields of the driveItem",
        notify: NOTIFY,
      },
      run: (given) => {
        const library = world.named(given);
        const ids = [];
        for (let left = given.count ?? 1; left > 0; left--) {
          const id = given.id ?? world.new_id();
          const name = given.name ?? `${id}.txt`;
          world.change(library, id, { name, ...given.fields }, how(given));
          ids.push(id);
        }
        return { ids };
      },
    },
    "POST /items/update": {
      does: "changes an item",
      takes: {
        ...WHERE,
        id: "of the item",
        name: "new name",
        fields: "further fields",
        notify: NOTIFY,
      },
      run: (given) => {
        const library = world.named(given);
        existing(library, given.id);
        const fields = {
          ...(given.name && { name: given.name }),
          ...given.fields,
        };
        const { version } = world.change(library, given.id, fields, how(given));
        return { version };
      },
    },
    "POST /items/delete": {
      does: "deletes an item",
      takes: { ...WHERE, id: "of the item", notify: NOTIFY },
      run: (given) => {
        const library = world.named(given);
        existing(library, given.id);
        world.change(library, given.id, {}, how(given, { deleted: true }));
      },
    },
    "POST /items/generate": {
      does: "adds many items without holding them in memory; notifies nobody",
      takes: { ...WHERE, count: "how many" },
      run: (given) => {
        const { feed } = world.named(given);
        const [first, last] = feed.generate(given.count, sim.clock.now());
        return { first, last };
      },
    },
    "POST /drives/create": {
      does: "adds drives, each with its list",
      takes: {
        count: "default 1",
        id: "of the drive",
        name: "of the drive",
        socket_port: "in their notificationUrls, as that of a wire",
      },
      run: ({ count = 1, id, name, socket_port }) => ({
        drives: Array.from({ length: count }, () => {
          const made = world.add({
            socket_port,
            ...(id && { drive: id }),
            ...(name && { name }),
          });
          return { drive: made.drive, list: made.list };
        }),
      }),
    },
    "POST /delta/resync": {
      does: "refuses every delta link given so far; a fresh enumeration works",
      takes: {
        ...WHERE,
        status: "default 410",
        code:
          "default resyncRequired; resyncChangesApplyDifferences, " +
          "resyncChangesUploadDifferences, SyncStateNotFound …",
        inner_code: "code of innerError",
        location: "false: without the Location of a fresh enumeration",
      },
      run: ({ drive, list, ...refusal }) =>
        world.named({ drive, list }).feed.resync(refusal),
    },
  };
}

function hostNamed(sim, name) {
  const host = sim.hosts.find((one) => one.name === name);
  const known = sim.hosts.map((one) => one.name).join(", ");
  if (!host) throw new Refusal(`"host" must be one of ${known}`);
  return host.web;
}

/** The records that a control request means. */
function records(sim, { subscription, socket, count }) {
  const open = sim.sockets
    .flatMap((host) => [...host.open.values()])
    .filter(
      (record) =>
        (subscription === undefined ||
          record.subscription?.id === subscription) &&
        (socket === undefined || record.entry.n === socket),
    );
  return open.slice(0, count);
}

const SOCKETS = {
  subscription: "only those of this subscription",
  socket: "only the one with this number in the report",
  count: "only so many, oldest first",
};

function sockets(sim) {
  return {
    "POST /notify": {
      does: "sends notifications to the joined sockets",
      takes: {
        ...WHERE,
        drive: "only for this drive; default: all",
        subscription: "only for this one",
        count: "events for each; default 1",
        shape: "payload A or B",
        as: "text or object",
        entries: "of payload A",
        event: 'default "notification"',
        data: "this argument, not a payload",
        args: "all arguments, as a list",
      },
      run: async ({ drive, list, ...what }) => {
        const all = drive === undefined && list === undefined;
        const library = all ? undefined : sim.world.named({ drive, list });
        return { sent: await sim.notifier.notify({ ...what, library }) };
      },
    },
    "POST /sockets/send": {
      does: "sends raw text as an Engine.IO message, for malformed packets",
      takes: { ...SOCKETS, text: "without the leading 4" },
      run: ({ text, ...which }) => {
        const found = records(sim, which);
        for (const { conn } of found) conn.send(text);
        return { sockets: found.length };
      },
    },
    "POST /sockets/disconnect": {
      does: "ends connections, or lets them hang",
      takes: { ...SOCKETS, how: choices(DISCONNECTS) },
      run: ({ how = "server_close", ...which }) => {
        if (!(how in DISCONNECTS))
          throw new Refusal(
            `"how" must be one of ${Object.keys(DISCONNECTS).join(", ")}`,
          );
        const found = records(sim, which);
        for (const record of found) DISCONNECTS[how].run(record);
        return { sockets: found.length };
      },
    },
    "POST /subscriptions/expire": {
      does: "ends subscriptions: their tokens are refused from now on",
      takes: { id: "only this one" },
      run: ({ id }) => {
        const found = [...sim.subscriptions.all.values()].filter(
          (one) => !one.expired && (id === undefined || one.id === id),
        );
        for (const one of found) sim.subscriptions.expire(one);
        return { expired: found.length };
      },
    },
  };
}

function users(sim) {
  return {
    "POST /tokens/add": {
      does: "makes a Bearer token good",
      takes: {
        token: "the token",
        seconds: "how long; default: for ever",
        app: "true: an application's, without a user",
      },
      run: ({ token, ...how }) => sim.tokens.add(token, how),
    },
    "POST /tokens/revoke": {
      does: "Bearer tokens are answered with 401 and a claims challenge",
      takes: { token: "only this one; default: all" },
      run: ({ token }) => sim.tokens.revoke(token),
    },
    "POST /login/approve": {
      does: "the user enters the device code and agrees",
      takes: { user_code: "default: all pending" },
      run: ({ user_code }) => ({
        codes: sim.login.decide("approved", user_code),
      }),
    },
    "POST /login/decline": {
      does: "the user refuses",
      takes: { user_code: "default: all pending" },
      run: ({ user_code }) => ({
        codes: sim.login.decide("declined", user_code),
      }),
    },
    "POST /login/expire": {
      does: "device codes are too old",
      takes: { user_code: "default: all" },
      run: ({ user_code }) => ({
        codes: sim.login.decide("expired", user_code),
      }),
    },
    "POST /login/grant": {
      does: "gives a refresh token without a device code",
      takes: {
        client_id: "of whom",
        scope: "default Files.Read offline_access",
      },
      run: ({ client_id, scope }) => ({
        refresh_token: sim.login.grant(client_id, scope),
      }),
    },
    "POST /login/revoke": {
      does: "refresh tokens given so far are refused (invalid_grant)",
      run: () => sim.login.revoke(),
    },
  };
}

function state(sim) {
  const { settings, world, report, faults } = sim;
  return {
    settings,
    ids: world.directory(),
    counters: report.counters,
    faults: faults.list(),
    drives: world.libraries.map(({ drive, list, name, feed }) => ({
      drive,
      list,
      name,
      changes: feed.seq,
      shown: feed.head(),
    })),
    subscriptions: [...sim.subscriptions.all.values()].map((one) => ({
      id: one.id,
      drive: one.library.drive,
      host: one.host,
      expired: one.expired,
      expires_at: one.expires_at && one.expires_at / 1000,
    })),
    codes: [...sim.login.codes.values()].map(({ user_code, state: now }) => ({
      user_code,
      state: now,
    })),
  };
}

/** @returns {Record<string, object>} see common/control.js */
export const requests = (sim) => ({
  "GET /state": {
    does: "settings, ids, counters, drives, subscriptions, rules that wait",
    run: () => state(sim),
  },
  "GET /report": {
    does: "what was seen since the start or the last clear",
    run: () => sim.report.all(),
  },
  "POST /report/clear": {
    does: "forgets it, but not what is open",
    run: () => sim.report.clear(),
  },
  ...waiting(sim.report),
  "POST /settings": {
    does: "changes settings",
    takes: Object.fromEntries(
      Object.entries(SETTINGS).map(([name, [, does]]) => [name, does]),
    ),
    run: (given) => {
      change(sim.settings, given);
      for (const host of sim.sockets) host.refresh();
      return sim.settings;
    },
  },
  "POST /faults/add": {
    does: "the next requests of a kind go wrong",
    takes: FIELDS,
    run: (rule) => ({ id: sim.faults.add(rule) }),
  },
  "POST /faults/clear": {
    does: "removes rules",
    takes: { id: "only this one", on: "only of this kind" },
    run: (which) => sim.faults.clear(which),
  },
  ...items(sim),
  ...sockets(sim),
  ...users(sim),
  ...network("/hosts", "host", (name) => hostNamed(sim, name)),
});
