// What the gallery's cells show, by the block: neighbours share one answer, asked for on demand.

const BLOCK = 48; // examples in an answer
const KEPT = 160; // answers in memory
const AT_ONCE = 4;

export class Blocks {
  /** `fetch(rows)` gives what these rows show, `free(value)` lets go of it, `drawn(from, to)` is told. */
  constructor(fetch, free, drawn) {
    this.fetch = fetch;
    this.free = free;
    this.drawn = drawn;
    this.rows = [];
    this.blocks = new Map(); // a block's value, or null while it is on its way
    this.wanted = [];
    this.running = 0;
    this.round = 0;
  }

  /** Other rows are shown now: position p shows rows[p]. */
  show(rows) {
    this.rows = rows;
    this.blocks.forEach((value) => value && this.free(value));
    this.blocks.clear();
    this.wanted = [];
    this.round += 1;
  }

  /** The value of the block that position `at` is in, and its place there; null where it has to be waited for. */
  find(at) {
    const block = Math.floor(at / BLOCK);
    const value = this.blocks.get(block);
    if (!value) {
      if (!this.blocks.has(block)) this.ask(block);
      return null;
    }
    this.blocks.delete(block); // the newest stands last
    this.blocks.set(block, value);
    return { value, place: at - block * BLOCK };
  }

  ask(block) {
    if (this.wanted.includes(block)) return;
    this.wanted.push(block);
    if (this.wanted.length > 2 * AT_ONCE) this.wanted.shift(); // scrolled past: forget the oldest
    this.go();
  }

  go() {
    while (this.running < AT_ONCE && this.wanted.length) this.load(this.wanted.pop());
  }

  async load(block) {
    const { round } = this;
    this.running += 1;
    this.blocks.set(block, null);
    try {
      const value = await this.fetch(this.rows.slice(block * BLOCK, (block + 1) * BLOCK));
      if (round !== this.round) {
        this.free(value);
        return;
      }
      this.blocks.set(block, value);
      while (this.blocks.size > KEPT) {
        const [oldest, other] = this.blocks.entries().next().value;
        if (other) this.free(other);
        this.blocks.delete(oldest);
      }
      this.drawn(block * BLOCK, (block + 1) * BLOCK);
    } catch {
      if (round === this.round) this.blocks.delete(block); // asked again when it is next seen
    } finally {
      this.running -= 1;
      this.go();
    }
  }
}
