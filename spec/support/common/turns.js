/**
 * The turns in the life of a connection through a wire: what is changed when,
 * one after the other.
 *
 *   { after, lane, within, faults }
 *
 * The faults of a turn begin to hold when |after| bytes have passed in a lane
 * ("down" unless it says "up"), to the byte; or |within| ms after the turn
 * before, if that is earlier. Either may be left out.
 */

/** A deadline that has been overtaken must not keep the process. */
const timer = (ms, run) =>
  ms === undefined ? undefined : setTimeout(run, ms).unref();

export class Turns {
  #turns;
  #change;
  #timer;

  /** @param {object[]} [turns] @param {(faults: object) => void} change */
  constructor(turns = [], change) {
    this.#turns = [...turns];
    this.#change = change;
  }

  /** The connection has reached the server: the time of the first runs. */
  start() {
    this.#timer = timer(this.#turns[0]?.within, () => this.#turn());
  }

  stop() {
    clearTimeout(this.#timer);
    this.#turns = [];
  }

  #watches(lane) {
    const [turn] = this.#turns;
    return turn?.after !== undefined && (turn.lane ?? "down") === lane;
  }

  #turn() {
    clearTimeout(this.#timer);
    const { faults } = this.#turns.shift();
    this.start();
    this.#change(faults);
  }

  /** How many bytes may pass in |lane| before the next turn, after |seen|. */
  left(lane, seen) {
    if (!this.#watches(lane)) return Infinity;
    return Math.max(0, this.#turns[0].after - seen);
  }

  /** |seen| bytes have passed in |lane|. */
  passed(lane, seen) {
    while (this.#watches(lane) && this.#turns[0].after <= seen) this.#turn();
  }
}
