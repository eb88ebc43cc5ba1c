/** Named numbers that a control request can wait for. */
import { EventEmitter } from "node:events";
import { Refusal } from "./control.js";

export class Counters extends EventEmitter {
  /** @type {Record<string, number>} one that was never touched is 0 */
  counters = {};

  constructor() {
    super();
    this.setMaxListeners(0);
  }

  /** Adds to a counter and tells those who wait. */
  count(name, by = 1) {
    this.counters[name] = (this.counters[name] ?? 0) + by;
    this.emit("change");
  }

  #fits(name, bounds) {
    const value = this.counters[name] ?? 0;
    if (typeof bounds === "number") return value === bounds;
    return (
      value >= (bounds.min ?? -Infinity) && value <= (bounds.max ?? Infinity)
    );
  }

  /**
   * Waits until every counter is as wanted: a number exactly, or { min, max }.
   * @param {Record<string, number|{min?: number, max?: number}>} wanted
   * @param {number} timeout ms
   * @param {AbortSignal} gone ends the waiting
   */
  async until(wanted, timeout, gone) {
    const fits = () =>
      Object.entries(wanted).every(([name, bounds]) =>
        this.#fits(name, bounds),
      );
    await new Promise((done, failed) => {
      const end = (settle, value) => {
        this.off("change", look);
        clearTimeout(timer);
        settle(value);
      };
      const look = () => fits() && end(done);
      const timer = setTimeout(
        () =>
          end(
            failed,
            new Refusal(
              `not seen within ${timeout} ms: ${JSON.stringify(wanted)}`,
              408,
              { counters: this.counters },
            ),
          ),
        timeout,
      );
      this.on("change", look);
      gone.addEventListener("abort", () => end(done));
      look();
    });
    return { counters: this.counters };
  }
}

/** The control request that does it. */
export const waiting = (counters) => ({
  "POST /wait": {
    does: "answers when counters are as asked, or with 408",
    takes: {
      for: "{ counter: number, or { min, max } }; the report shows them all",
      timeout: "ms, default 30000",
    },
    run: (given, gone) =>
      counters.until(given.for ?? {}, given.timeout ?? 30000, gone),
  },
});
