/**
 * The changes of one drive or list, and pages of them: what delta reads.
 *
 * A change gets the next number; an item stands in the feed only under its
 * last number, as in Graph, whose delta shows the state of an item and not its
 * history. A million generated items are one entry with a range of numbers;
 * they are made when a page shows them and take no memory.
 */

/** @typedef {{id: string, seq: number, version: number, deleted: boolean,
 *   visible_at: number, fields: object, created: number, changed: number}} Item */

const GENERATED = /^generated-(\d+)$/;

export class Feed {
  /** @type {Map<string, Item>} */
  items = new Map();
  /** entries { first, last, id } ordered by number; a range has no id */
  #log = [];
  /** how many of them delta shows; those that lag wait in order */
  #shown = 0;
  seq = 0;
  /** Cursors of an older generation are refused: see resync() */
  generation = 1;
  refusal = null;

  /**
   * Creates, updates or deletes an item.
   * @param {string} id @param {object} fields merged into the item's
   * @param {{now: number, lag?: number, deleted?: boolean}} how now: ms of the
   *   server's clock; lag: ms until delta shows it
   * @returns {Item}
   */
  change(id, fields, { now, lag = 0, deleted = false }) {
    const before = this.items.get(id) ?? this.#generated(id, now);
    const item = {
      id,
      seq: ++this.seq,
      version: (before?.version ?? 0) + 1,
      deleted,
      visible_at: Date.now() + lag,
      fields: { ...before?.fields, ...fields },
      created: before?.created ?? now,
      changed: now,
    };
    this.items.set(id, item);
    this.#log.push({ first: item.seq, last: item.seq, id });
    return item;
  }

  /** Adds |count| items that are made only when they are read. */
  generate(count, now) {
    const first = this.seq + 1;
    this.seq += count;
    this.#log.push({ first, last: this.seq, now });
    return [`generated-${first}`, `generated-${this.seq}`];
  }

  /** Whether |id| is there and not deleted. */
  has(id) {
    const item = this.items.get(id);
    return item ? !item.deleted : this.#generated(id) !== undefined;
  }

  get(id) {
    return this.items.get(id) ?? this.#generated(id);
  }

  /** The number up to which delta shows the changes by now. */
  head() {
    for (; this.#shown < this.#log.length; this.#shown++) {
      const { id, first } = this.#log[this.#shown];
      const item = this.items.get(id);
      // An entry that a newer change replaced has nothing to show any more.
      if (item?.seq === first && item.visible_at > Date.now()) break;
    }
    return this.#shown === 0 ? 0 : this.#log[this.#shown - 1].last;
  }

  /**
   * The items numbered after |after| up to |until|, |limit| at most.
   * @param {boolean} existing leave out the deleted (a first enumeration)
   * @returns {{items: Item[], after: number}} after: the last number seen
   */
  page(after, until, limit, existing) {
    const items = [];
    let seen = after;
    for (let at = this.#find(after + 1); at < this.#log.length; at++) {
      const entry = this.#log[at];
      const from = Math.max(entry.first, seen + 1);
      for (let seq = from; seq <= Math.min(entry.last, until); seq++) {
        if (items.length === limit) return { items, after: seen };
        seen = seq;
        const item = this.#at(entry, seq);
        if (item && !(existing && item.deleted)) items.push(item);
      }
      if (entry.last >= until) break;
    }
    return { items, after: until };
  }

  /** Refuses every cursor given so far, in the way of |refusal|. */
  resync(refusal) {
    this.generation++;
    this.refusal = refusal;
  }

  #at(entry, seq) {
    if (!entry.id) {
      const id = `generated-${seq}`;
      return this.items.has(id) ? undefined : this.#made(id, seq, entry.now);
    }
    const item = this.items.get(entry.id);
    return item.seq === seq ? item : undefined;
  }

  #made(id, seq, now) {
    const fields = { name: `generated ${seq}.txt`, size: seq };
    return {
      id,
      seq,
      version: 1,
      deleted: false,
      visible_at: 0,
      fields,
      created: now,
      changed: now,
    };
  }

  #generated(id) {
    const seq = Number(GENERATED.exec(id)?.[1]);
    if (!seq) return undefined;
    const entry = this.#log[this.#find(seq)];
    const inside = entry && !entry.id && entry.first <= seq;
    return inside ? this.#made(id, seq, entry.now) : undefined;
  }

  /** The index of the first entry whose range ends at or after |seq|. */
  #find(seq) {
    let low = 0;
    let high = this.#log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#log[middle].last < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
