/**
 * The Graph host: who may ask, for what, and what the answer is. Paths are
 * those of the documentation, below /v1.0 (and /beta).
 */
import { deltaPage } from "./delta.js";
import { GraphError, notFound } from "./graph_error.js";
import * as show from "./resources.js";

const DRIVES = [
  "/me/drive",
  "/drives/{drive}",
  "/groups/{group}/drive",
  "/sites/{site}/drive",
  "/sites/{site}/lists/{list}/drive",
];
const LISTS = [
  "/drives/{drive}/list",
  "/lists/{list}",
  "/sites/{site}/lists/{list}",
];
/** The documented forms of a resource that can be watched. */
const WATCHED = [
  "/me/drive/root",
  "/drives/{drive}/root",
  "/drives/{drive}/list",
  "/groups/{group}/drive/root",
  "/sites/{site}/lists/{list}/drive/root",
  "/sites/{site}/lists/{list}",
  "/lists/{list}",
];

export const graphErrors = (code, message, ids, inner_code) => ({
  error: {
    code,
    message,
    innerError: { ...(inner_code && { code: inner_code }), ...ids },
  },
});

/** The library that a path names. */
function library(world, { drive, list, group, site }) {
  if (site !== undefined && site !== world.site) throw notFound();
  const found =
    drive !== undefined
      ? world.find("drive", drive)
      : list !== undefined
        ? world.find("list", list)
        : group !== undefined
          ? world.find("group", group)
          : site !== undefined
            ? world.library
            : world.mine;
  if (!found) throw notFound();
  return found;
}

/** Routes of one Graph, below |prefix|. */
export function graphRoutes(sim) {
  const { world } = sim;
  const routes = [];
  const route = (kind, templates, run) => {
    for (const prefix of ["/v1.0", "/beta"])
      for (const template of [templates].flat())
        routes.push([kind, prefix + template, guarded(sim, kind, run)]);
  };
  const of = (run) => (call) => run(library(world, call.params), call);
  const each = (bases, tail) => bases.map((base) => base + tail);

  route(
    "subscription",
    each(WATCHED, "/subscriptions/socketIo"),
    of((found, call) => sim.subscriptions.answer(found, call)),
  );
  const pages = (kind) =>
    of((found, call) => {
      if (call.params.token) call.query.set("token", call.params.token);
      return deltaPage(sim, found, call, kind);
    });
  for (const tail of ["/delta", "/delta(token='{token}')"]) {
    route("delta", each(DRIVES, `/root${tail}`), pages(show.driveItems));
    route("delta", each(LISTS, `/items${tail}`), pages(show.listItems));
  }
  route(
    "drive",
    DRIVES,
    of((found) => show.drive(world, found)),
  );
  route(
    "drive",
    LISTS,
    of((found) => show.list(world, found)),
  );
  route(
    "item",
    each(DRIVES, "/root"),
    of((found) => show.root(found)),
  );
  route(
    "item",
    each(DRIVES, "/items/{item}"),
    of((found, { params }) => {
      if (!found.feed.has(params.item)) throw notFound();
      return show.driveItem(found, found.feed.get(params.item));
    }),
  );
  route("me", "/me", () => show.me(world));
  route("drive", "/me/drives", () =>
    show.collection([world.mine].map((found) => show.drive(world, found))),
  );
  route("drive", "/me/drive/sharedWithMe", () =>
    show.collection([show.remoteItem(world.shared)]),
  );
  route("site", "/sites", ({ query }) =>
    show.collection(show.sites(world, query.get("search") ?? "")),
  );
  route("site", ["/sites/{site}", "/sites/root"], (call) => {
    if (call.params.site && call.params.site !== world.site) throw notFound();
    return show.sites(world, "*")[0];
  });
  route("drive", "/sites/{site}/drives", (call) => {
    library(world, call.params);
    return show.collection(
      [world.library, world.team].map((found) => show.drive(world, found)),
    );
  });
  route("drive", "/sites/{site}/lists", (call) => {
    library(world, call.params);
    return show.collection(
      [world.library, world.plain].map((found) => show.list(world, found)),
    );
  });
  return routes;
}

/** Runs a handler behind the checks of token, method and content type. */
function guarded(sim, kind, run) {
  return (call) => {
    const fail = (status, code, message, extra) =>
      sim.graph.error(call, status, code, message, extra);
    const token = sim.tokens.check(call.headers.authorization);
    if (!token.right)
      return fail(401, "InvalidAuthenticationToken", token.message, {
        claims: token.revoked,
      });
    if (call.method !== "GET")
      return fail(405, "BadRequest", "The request method is not allowed.");
    if (kind === "subscription") {
      if (token.app)
        return fail(
          403,
          "accessDenied",
          "Application permissions are not supported.",
        );
      if (!/^application\/json\b/i.test(call.headers["content-type"] ?? ""))
        return fail(
          400,
          "BadRequest",
          "Content-Type must be application/json.",
        );
    }
    try {
      return { status: 200, body: run(call) };
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      const { status, code, message, extra } = error;
      const answer = fail(status, code, message, extra);
      return { ...answer, headers: extra.headers ?? [] };
    }
  };
}
