// What is known: the scan, column by column, and what is decided. Rows are the scan's rows.

import { get, post, Refused } from "./api.js";
import { visible } from "./select.js";

export class Model extends EventTarget {
  constructor(scan) {
    super();
    this.scan = scan;
    const n = scan.ids.length;
    this.n = n;
    this.decision = new Array(n).fill(null);
    this.newLabel = new Array(n).fill(null);
    this.version = new Int32Array(n);
    this.pending = new Set();
    this.last = 0;
    this.undoable = null;
    this.sample = [];
    this.place = new Map();
    this.seed = null;
    this.figures = null;
    this.scores = new Map();
    this.queue = Promise.resolve();
  }

  /** Take in what the server says has changed. */
  merge(changes) {
    const rows = new Set();
    for (const event of changes.events) {
      if (event.row === null || event.seq <= this.version[event.row]) continue;
      this.decision[event.row] = event.decision;
      this.newLabel[event.row] = event.label;
      this.version[event.row] = event.seq;
      rows.add(event.row);
    }
    if (changes.last >= this.last) {
      this.last = changes.last;
      this.undoable = changes.undo;
      this.figures = changes.figures;
      this.seed = changes.seed;
      if (changes.sample.length !== this.sample.length) {
        this.sample = changes.sample;
        this.place = new Map(changes.sample.map((row, place) => [row, place]));
        this.dispatchEvent(new Event("sample"));
      }
    }
    this.dispatchEvent(new CustomEvent("change", { detail: rows }));
    return rows;
  }

  /** Decide about one row, after what was decided before; throws what the server refuses. */
  decide(row, decision, label = null) {
    this.pending.add(row);
    this.dispatchEvent(new CustomEvent("change", { detail: new Set([row]) }));
    return this.inTurn(async () => {
      try {
        this.merge(await post("/api/decide", { row, decision, label, version: this.version[row], since: this.last }));
      } finally {
        this.pending.delete(row);
        this.dispatchEvent(new CustomEvent("change", { detail: new Set([row]) }));
      }
    });
  }

  /** Take the newest decision back; gives its row, or null where there is none. */
  undo() {
    return this.inTurn(async () => {
      if (this.undoable === null) return null;
      const { seq, row } = this.undoable;
      this.merge(await post("/api/undo", { target: seq, since: this.last }));
      return row;
    });
  }

  async drawSample(size, seed) {
    this.merge(await post("/api/sample", { size, seed, since: this.last }));
  }

  async refresh() {
    return this.merge(await get(`/api/changes?since=${this.last}`));
  }

  /** One request at a time, in the order of asking; a stale one brings what holds now. */
  inTurn(work) {
    const done = this.queue.then(work).catch((error) => {
      if (error instanceof Refused && error.answer.changes) this.merge(error.answer.changes);
      throw error;
    });
    this.queue = done.catch(() => {});
    return done;
  }

  async scoresOf(detector) {
    if (!this.scores.has(detector)) {
      this.scores.set(detector, await get(`/api/scores?detector=${encodeURIComponent(detector)}`));
    }
    return this.scores.get(detector);
  }

  /** The rows that pass the filters, in the order asked for. */
  async select(filters) {
    const scores = this.scan.detectors.includes(filters.order) ? await this.scoresOf(filters.order) : null;
    return visible(this, filters, scores);
  }

  /** One line about a row, for screen readers. */
  describe(row) {
    const { ids, classes, label, suggested, flagged } = this.scan;
    const parts = [ids[row], `label ${classes[label[row]]}`];
    if (suggested[row] !== label[row]) parts.push(`suggested ${classes[suggested[row]]}`);
    if (flagged[row]) parts.push("flagged");
    parts.push(this.words(row));
    return parts.join(", ");
  }

  words(row) {
    const decision = this.decision[row];
    if (decision === null) return "undecided";
    return decision === "relabel" ? `relabel as ${this.scan.classes[this.newLabel[row]]}` : decision;
  }
}
