/**
 * The drives, lists, sites and groups that exist, and what happens to their
 * items. It emits "change" (library, item, notify) and knows no HTTP.
 *
 * A library is a drive and its list, which share one feed; a plain list has no
 * drive. Ids contain what real ones contain ("b!…", commas), since clients must
 * escape them.
 */
import { EventEmitter } from "node:events";
import { Refusal } from "../common/control.js";
import { Feed } from "./feed.js";

/** @typedef {{drive: string|null, list: string, site: string, group?: string,
 *   name: string, type: string, feed: Feed}} Library */

const SITE_HOST = "contoso.sharepoint.com";

export class World extends EventEmitter {
  /** @type {Library[]} */ libraries = [];
  #by = { drive: new Map(), list: new Map(), group: new Map() };
  #made = 0;

  /** @param {{hex: Function, guid: Function}} ids */
  constructor(ids) {
    super();
    this.ids = ids;
    this.tenant = ids.guid();
    this.user = ids.guid();
    this.web = ids.guid();
    this.site = `${SITE_HOST},${ids.guid()},${this.web}`;
    this.site_url = `https://${SITE_HOST}/sites/simulated`;
    this.mine = this.add({ name: "OneDrive", type: "business" });
    this.library = this.add({ name: "Documents" });
    this.team = this.add({ name: "Team", group: ids.guid() });
    this.shared = this.add({ name: "Shared with me", type: "business" });
    this.plain = this.add({ name: "Tasks", drive: null });
  }

  /** @param {Partial<Library>} given @returns {Library} */
  add(given) {
    const library = {
      drive: `b!${this.ids.hex(8)}-${this.ids.hex(8)}_${this.ids.hex(8)}`,
      list: this.ids.guid(),
      site: this.site,
      group: undefined,
      name: "Library",
      type: "documentLibrary",
      ...given,
      feed: new Feed(),
    };
    if (this.#by.drive.has(library.drive))
      throw new Refusal(`there is a drive "${library.drive}" already`);
    this.libraries.push(library);
    for (const kind of ["drive", "list", "group"])
      if (library[kind]) this.#by[kind].set(library[kind], library);
    return library;
  }

  /** @param {"drive"|"list"|"group"} kind @returns {Library|undefined} */
  find(kind, id) {
    return this.#by[kind].get(id);
  }

  /** The library that a control request names by drive or list; mine if none. */
  named({ drive, list }) {
    if (drive === undefined && list === undefined) return this.mine;
    const library =
      drive !== undefined ? this.find("drive", drive) : this.find("list", list);
    if (!library) throw new Refusal(`no drive or list "${drive ?? list}"`, 404);
    return library;
  }

  /** The ids that a client needs to find its way, by what they name. */
  directory() {
    const { mine, library, team, shared, plain, site } = this;
    return {
      drive: mine.drive,
      list: mine.list,
      site,
      group: team.group,
      library_drive: library.drive,
      library_list: library.list,
      group_drive: team.drive,
      shared_drive: shared.drive,
      plain_list: plain.list,
    };
  }

  /** An id for a new item; real ones look like this too. */
  new_id() {
    return `01SIMULATED${String(++this.#made).padStart(8, "0")}`;
  }

  /**
   * @param {Library} library @param {string} id @param {object} fields
   * @param {object} how see Feed.change; notify: how many times to notify
   */
  change(library, id, fields, { notify, ...how }) {
    const item = library.feed.change(id, fields, how);
    this.emit("change", library, item, notify);
    return item;
  }
}
