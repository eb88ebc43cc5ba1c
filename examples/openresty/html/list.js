/**
 * The list of what happened, newest first. Names come from strangers: they get in
 * as text alone, never as markup.
 */
import { about, clock, visible } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST = 200; // rows

const FILE = ["M4.5 2.5h7l4 4v11h-11z", "M11.5 2.5v4h4"];
const FOLDER = ["M2.5 5.5v10h15v-9h-8l-2-2.5h-5z"];

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function icon(isFolder) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "1 1 18 18");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", isFolder ? "folder" : "file");
  for (const d of isFolder ? FOLDER : FILE) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function time(ms) {
  const made = element("time", "time", clock(ms));
  made.dateTime = new Date(ms).toISOString();
  return made;
}

function changeRow(change) {
  const row = element("li", "change");
  row.dataset.kind = change.kind;
  const text = change.name ? visible(change.name) : "An item without a name";
  const name = element("span", "name", text);
  name.title = text;
  row.append(
    icon(change.is_folder),
    name,
    element("span", "kind", change.kind),
    element("span", "about", about(change)),
    time(change.when),
  );
  return row;
}

export class List {
  #rows;
  #latest = new Map(); // id of an item -> what its latest row says

  /** @param {HTMLElement} rows the list @param {HTMLElement} empty shown without rows */
  constructor(rows, empty) {
    this.#rows = rows;
    this.empty = empty;
  }

  #add(row, isFresh) {
    this.empty.hidden = true;
    if (isFresh) row.classList.add("fresh");
    this.#rows.prepend(row);
    if (this.#rows.childElementCount > MOST)
      this.#rows.lastElementChild.remove();
  }

  /**
   * A change comes at least once, so it may come again.
   * @param {object} change @param {boolean} isFresh it happened just now
   * @returns {boolean} whether it is a new one
   */
  change(change, isFresh) {
    const says = `${change.kind} ${change.modified ?? ""} ${change.name ?? ""}`;
    if (this.#latest.get(change.item) === says) return false;
    this.#latest.set(change.item, says);
    if (this.#latest.size > 2 * MOST)
      this.#latest.delete(this.#latest.keys().next().value);
    this.#add(changeRow(change), isFresh);
    return true;
  }

  /** @param {string} text something to know about the list itself */
  note(text) {
    this.#add(element("li", "note", text), false);
  }
}
