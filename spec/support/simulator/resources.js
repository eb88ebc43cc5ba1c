/**
 * Graph's resources as JSON: drives, lists, items, sites, the user. Each has
 * the fields that clients of notifications and delta use, and no more.
 */
import { wholeSeconds } from "./clock.js";

/** @typedef {import("./world.js").Library} Library */

export const collection = (value) => ({ value });

const webUrl = (library, name = "") =>
  `https://contoso.sharepoint.com/sites/simulated/${encodeURIComponent(
    library.name,
  )}${name && `/${encodeURIComponent(name)}`}`;

/** @param {Library} library */
export const drive = (world, library) => ({
  id: library.drive,
  driveType: library.type,
  name: library.name,
  webUrl: webUrl(library),
  owner: { user: { id: world.user, displayName: "Simulated User" } },
  quota: { state: "normal", total: 1099511627776, used: library.feed.seq },
  sharePointIds: {
    listId: library.list,
    siteUrl: world.site_url,
    webId: world.web,
    tenantId: world.tenant,
  },
});

/** @param {Library} library */
export const list = (world, library) => ({
  id: library.list,
  name: library.name,
  displayName: library.name,
  webUrl: webUrl(library),
  list: {
    template: library.drive ? "documentLibrary" : "genericList",
    hidden: false,
  },
  parentReference: { siteId: world.site },
});

/** library -> what all its items say of it; pages of thousands ask for it */
const parents = new WeakMap();

function parent(library) {
  if (!parents.has(library))
    parents.set(library, {
      driveId: library.drive,
      driveType: library.type,
      id: `root-${library.list}`,
      path: `/drives/${library.drive}/root:`,
      siteId: library.site,
    });
  return parents.get(library);
}

/** @param {Library} library */
export const root = (library) => ({
  id: `root-${library.list}`,
  name: "root",
  root: {},
  webUrl: webUrl(library),
  folder: { childCount: library.feed.items.size },
  parentReference: { driveId: library.drive, driveType: library.type },
});

const FILE = { mimeType: "text/plain" };

/** @param {Library} library @param {import("./feed.js").Item} item */
export function driveItem(library, item) {
  const { id, version, fields } = item;
  if (item.deleted)
    return {
      id,
      deleted: { state: "deleted" },
      parentReference: { driveId: library.drive, driveType: library.type },
    };
  const name = fields.name ?? `${id}.txt`;
  const shown = {
    id,
    eTag: `"{${id}},${version}"`,
    cTag: `"c:{${id}},${version}"`,
    name,
    size: 0,
    createdDateTime: wholeSeconds(item.created),
    lastModifiedDateTime: wholeSeconds(item.changed),
    webUrl: webUrl(library, name),
    parentReference: parent(library),
    file: fields.folder ? undefined : FILE,
  };
  Object.assign(shown, fields);
  if (item.stale) shown.name = `older ${name}`;
  return shown;
}

/** @param {Library} library @param {import("./feed.js").Item} item */
export function listItem(library, item) {
  if (item.deleted)
    return {
      id: item.id,
      deleted: { state: "deleted" },
      parentReference: { siteId: library.site },
    };
  const { name = `${item.id}.txt`, ...fields } = item.fields;
  const title = item.stale ? `older ${name}` : name;
  return {
    id: item.id,
    eTag: `"{${item.id}},${item.version}"`,
    createdDateTime: wholeSeconds(item.created),
    lastModifiedDateTime: wholeSeconds(item.changed),
    webUrl: webUrl(library, name),
    contentType: { id: "0x0101", name: library.drive ? "Document" : "Item" },
    parentReference: { id: library.list, siteId: library.site },
    fields: { Title: title, ...fields },
  };
}

/** The two kinds of feeds: how delta shows their items. */
export const driveItems = {
  type: "Collection(driveItem)",
  show: driveItem,
  root,
};
export const listItems = { type: "Collection(listItem)", show: listItem };

/** An item of somebody else's drive, as sharedWithMe shows it. */
export const remoteItem = (library) => ({
  id: `shared-${library.list}`,
  name: library.name,
  remoteItem: {
    id: `root-${library.list}`,
    name: library.name,
    folder: {},
    parentReference: { driveId: library.drive, driveType: library.type },
  },
});

export const me = (world) => ({
  id: world.user,
  displayName: "Simulated User",
  userPrincipalName: "user@contoso.example",
});

/** The sites whose name contains |search|; "*" is all. */
export function sites(world, search) {
  const site = {
    id: world.site,
    name: "simulated",
    displayName: "Simulated Site",
    webUrl: world.site_url,
  };
  const found =
    search === "*" ||
    site.displayName.toLowerCase().includes(search.toLowerCase());
  return found ? [site] : [];
}
