/** How much happened in the last five minutes, as bars of five seconds. */
import { count } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const SLOT = 5_000; // ms
const SLOTS = 60;
const HEIGHT = 20; // of the viewBox
const LEAST = 5; // changes that fill the height, at least: one is no peak
const LOWEST = 0.8; // height of a bar beside a very high one

export class Rate {
  #counts = new Map(); // number of the slot -> changes
  #bars;
  #words;
  #drawn;

  /** @param {SVGElement} svg @param {HTMLElement} words */
  constructor(svg, words) {
    this.#words = words;
    this.#bars = Array.from({ length: SLOTS }, (_, at) => {
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("x", at + 0.12);
      bar.setAttribute("width", 0.76);
      svg.append(bar);
      return bar;
    });
  }

  /** @param {number} ms when something changed */
  add(ms) {
    const slot = Math.floor(ms / SLOT);
    this.#counts.set(slot, (this.#counts.get(slot) ?? 0) + 1);
    this.#drawn = undefined;
  }

  /** Draws, if there is something new to see. @param {number} now ms */
  draw(now) {
    const last = Math.floor(now / SLOT);
    if (this.#drawn === last) return;
    this.#drawn = last;
    for (const slot of this.#counts.keys())
      if (slot <= last - SLOTS) this.#counts.delete(slot);
    const heights = this.#bars.map(
      (_, at) => this.#counts.get(last - SLOTS + 1 + at) ?? 0,
    );
    const most = Math.max(LEAST, ...heights);
    this.#bars.forEach((bar, at) => {
      const share = (heights[at] / most) * HEIGHT;
      const height = share && Math.max(share, LOWEST);
      bar.setAttribute("y", HEIGHT - height);
      bar.setAttribute("height", height);
    });
    const total = heights.reduce((sum, height) => sum + height, 0);
    this.#words.textContent = `${total ? count(total, "change") : "No changes"} in the last 5 minutes`;
  }
}
