// Thumbnails by the sheet: neighbours in the gallery share one small PNG, drawn on demand.

import { image } from "./api.js";

const BLOCK = 48; // thumbnails in a sheet
const KEPT = 160; // sheets in memory
const AT_ONCE = 4;

export class Thumbs {
  constructor(tile, drawn) {
    [this.width, this.height] = tile;
    this.drawn = drawn;
    this.rows = [];
    this.sheets = new Map();
    this.wanted = [];
    this.running = 0;
    this.round = 0;
  }

  /** Other rows are shown now: position p shows rows[p]. */
  show(rows) {
    this.rows = rows;
    this.sheets.forEach((sheet) => sheet.bitmap?.close());
    this.sheets.clear();
    this.wanted = [];
    this.round += 1;
  }

  /** Draw position `at` if its sheet is here; else ask for it. Whether it was drawn. */
  draw(at, canvas) {
    const block = Math.floor(at / BLOCK);
    const sheet = this.sheets.get(block);
    if (!sheet) {
      this.ask(block);
      return false;
    }
    if (!sheet.bitmap) return false;
    this.sheets.delete(block); // the newest stands last
    this.sheets.set(block, sheet);
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, this.width, this.height);
    context.drawImage(sheet.bitmap, (at - block * BLOCK) * this.width, 0, this.width, this.height, 0, 0, this.width, this.height);
    return true;
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
    this.sheets.set(block, { bitmap: null });
    try {
      const rows = this.rows.slice(block * BLOCK, (block + 1) * BLOCK);
      const bitmap = await image(`/api/thumbs?rows=${rows.join(",")}`);
      if (round !== this.round) {
        bitmap.close();
        return;
      }
      this.sheets.set(block, { bitmap });
      while (this.sheets.size > KEPT) {
        const [oldest, sheet] = this.sheets.entries().next().value;
        sheet.bitmap?.close();
        this.sheets.delete(oldest);
      }
      this.drawn(block * BLOCK, (block + 1) * BLOCK);
    } catch {
      if (round === this.round) this.sheets.delete(block); // asked again when it is next seen
    } finally {
      this.running -= 1;
      this.go();
    }
  }
}
