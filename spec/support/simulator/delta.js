/**
 * One page of a delta enumeration: from a cursor to items and the next link.
 *
 * A cursor is opaque to clients; here it is the generation of the feed, the
 * last number seen, the number where this round ends (null between rounds),
 * whether it is a first enumeration (without the deleted), and the page size.
 * So the server keeps nothing for a client, and the same link gives the same
 * page as long as nothing changes.
 */
import { GraphError } from "./graph_error.js";
import { standardError } from "./faults.js";

const LARGEST_PAGE = 10000;

const encode = (cursor) =>
  Buffer.from(JSON.stringify(cursor)).toString("base64url");

function decode(text) {
  try {
    const [generation, after, until, existing, size] = JSON.parse(
      Buffer.from(text, "base64url").toString(),
    );
    return { generation, after, until, existing, size };
  } catch {
    throw new GraphError(400, "invalidRequest", "The token is not valid.");
  }
}

const tokenOf = (query) =>
  query.get("token") ?? query.get("$skiptoken") ?? query.get("$deltatoken");

function sizeOf({ settings }, query) {
  const top = Number(query.get("$top") ?? query.get("top"));
  return Math.min(top > 0 ? top : settings.page_size, LARGEST_PAGE);
}

/** Where a request starts: fresh, latest, or its cursor. */
function start(sim, { feed }, query) {
  const token = tokenOf(query);
  const { generation } = feed;
  if (token === null || token === "")
    return {
      generation,
      after: -1,
      until: null,
      existing: 1,
      size: sizeOf(sim, query),
    };
  if (token === "latest") {
    const head = feed.head();
    return {
      generation,
      after: head,
      until: head,
      existing: 0,
      size: sizeOf(sim, query),
    };
  }
  return decode(token);
}

/** 410: the cursor is of a time that the service has forgotten. */
function gone({ feed }, base) {
  const {
    status = 410,
    code,
    inner_code,
    location = true,
  } = feed.refusal ?? {};
  const [standard, message] = standardError(status, code);
  // The Location starts a fresh enumeration.
  const fresh = encode([feed.generation, -1, null, 1, null]);
  return new GraphError(status, code ?? standard, message, {
    inner_code,
    headers: location ? [["Location", `${base}?token=${fresh}`]] : [],
  });
}

/** Items as they are shown: changed ones twice, if a setting says so. */
function shown({ settings }, items, render) {
  if (!settings.delta_duplicates) return items.map(render);
  return items.flatMap((item) =>
    item.version === 1 || item.deleted
      ? [render(item)]
      : [
          render({ ...item, version: item.version - 1, stale: true }),
          render(item),
        ],
  );
}

/**
 * @param {object} sim @param {import("./world.js").Library} library
 * @param {{url: string, path: string, query: URLSearchParams}} call
 * @param {{type: string, show: Function, root?: Function}} kind how items
 *   are shown: see resources.js
 */
export function deltaPage(sim, library, call, kind) {
  const { feed } = library;
  const base = call.url.split("?")[0].replace(/\(token='[^']*'\)$/, "");
  const cursor = start(sim, library, call.query);
  if (cursor.generation !== feed.generation) throw gone(library, base);
  const until = cursor.until ?? feed.head();
  const size = cursor.size ?? sizeOf(sim, call.query);
  const { items, after } = feed.page(
    Math.max(cursor.after, 0),
    until,
    size,
    cursor.existing,
  );
  const value = shown(sim, items, (item) => kind.show(library, item));
  // A first enumeration begins with the root of the drive.
  if (cursor.after < 0 && kind.root) value.unshift(kind.root(library));
  const more = after < until;
  const next = more
    ? [feed.generation, after, until, cursor.existing, size]
    : [feed.generation, until, null, 0, size];
  const link = more ? "@odata.nextLink" : "@odata.deltaLink";
  return {
    "@odata.context": `${new URL(call.url).origin}/v1.0/$metadata#${kind.type}`,
    [link]: `${base}?token=${encode(next)}`,
    value,
  };
}
