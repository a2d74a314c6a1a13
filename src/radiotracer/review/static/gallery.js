// The gallery: as many cells as fit the window, moved about as it scrolls; the rest is empty space.

import { el } from "./dom.js";
import { faces } from "./faces.js";

const SPARE = 3; // rows of cells beyond each edge
export const MARKS = { keep: "✓", relabel: "→", drop: "✕", unsure: "?" };

export class Gallery extends EventTarget {
  constructor(box, sizer, model) {
    super();
    this.box = box;
    this.sizer = sizer;
    this.model = model;
    this.rows = [];
    this.at = -1;
    this.cells = new Map(); // by position
    this.idle = [];
    this.columns = 1;
    this.faces = faces(model.scan, (from, to) => this.redraw(from, to));
    this.long = model.scan.classes.some((name) => name.length > 4);
    box.classList.toggle("long", this.long);
    box.classList.toggle("of-words", !model.scan.tile);
    box.classList.toggle("of-photos", Boolean(model.scan.tile) && Math.max(...model.scan.tile) > 96);
    box.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.measure()).observe(box);
    box.addEventListener("click", (event) => {
      const cell = event.target.closest(".cell");
      if (cell) this.go(Number(cell.dataset.at));
    });
    model.addEventListener("change", (event) => {
      for (const cell of this.cells.values()) if (event.detail.has(cell.row)) this.paint(cell);
    });
  }

  /** Show these rows, and select `row` if it is among them, else the first. */
  show(rows, row) {
    this.rows = rows;
    this.faces.show(rows);
    for (const [at, cell] of this.cells) this.release(at, cell);
    this.measure();
    const at = row === null ? -1 : rows.indexOf(row);
    this.at = -1;
    this.go(rows.length ? Math.max(at, 0) : -1);
  }

  get row() {
    return this.at < 0 ? null : this.rows[this.at];
  }

  measure() {
    const style = getComputedStyle(this.box);
    this.cellWidth = parseFloat(style.getPropertyValue("--cell-width"));
    this.cellHeight = parseFloat(style.getPropertyValue("--cell-height"));
    this.columns = Math.max(1, Math.floor((this.box.clientWidth - 16) / this.cellWidth));
    this.left = Math.floor((this.box.clientWidth - this.columns * this.cellWidth) / 2);
    this.sizer.style.height = `${Math.ceil(this.rows.length / this.columns) * this.cellHeight + 16}px`;
    for (const cell of this.cells.values()) this.put(cell);
    this.soon();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.layOut();
    });
  }

  layOut() {
    const { scrollTop, clientHeight } = this.box;
    const first = Math.max(0, Math.floor(scrollTop / this.cellHeight) - SPARE) * this.columns;
    const last = Math.min(this.rows.length, (Math.ceil((scrollTop + clientHeight) / this.cellHeight) + SPARE) * this.columns);
    for (const [at, cell] of this.cells) if (at < first || at >= last) this.release(at, cell);
    for (let at = first; at < last; at += 1) if (!this.cells.has(at)) this.take(at);
  }

  release(at, cell) {
    this.cells.delete(at);
    cell.box.hidden = true;
    cell.box.removeAttribute("id");
    cell.box.setAttribute("aria-selected", "false");
    this.idle.push(cell);
  }

  take(at) {
    const cell = this.idle.pop() ?? this.make();
    cell.at = at;
    cell.row = this.rows[at];
    cell.box.dataset.at = at;
    cell.box.id = `cell-${at}`;
    cell.box.hidden = false;
    this.cells.set(at, cell);
    this.put(cell);
    this.paint(cell);
    this.faces.draw(at, cell.face);
  }

  make() {
    const face = this.faces.make();
    const given = el("bdi");
    const arrow = el("span", { className: "arrow" }, "→");
    const other = el("bdi", { className: "suggested" });
    const mark = el("span", { className: "mark" });
    const box = el("div", { className: "cell", role: "option" }, face, el("span", { className: "pair" }, given, arrow, other), mark);
    this.sizer.append(box);
    return { box, face, given, arrow, other, mark };
  }

  put(cell) {
    const x = this.left + (cell.at % this.columns) * this.cellWidth;
    const y = 8 + Math.floor(cell.at / this.columns) * this.cellHeight;
    cell.box.style.transform = `translate(${x}px, ${y}px)`;
  }

  paint(cell) {
    const { scan, decision, newLabel, pending } = this.model;
    const { row, box } = cell;
    const verb = decision[row];
    const label = scan.label[row];
    const shown = verb === "relabel" ? newLabel[row] : scan.suggested[row];
    cell.given.textContent = scan.classes[label];
    cell.arrow.hidden = cell.other.hidden = shown === label;
    cell.other.textContent = scan.classes[shown];
    cell.mark.textContent = verb === null ? "" : MARKS[verb];
    box.className = `cell${scan.flagged[row] ? " flagged" : ""}${verb ? ` is-${verb}` : ""}${pending.has(row) ? " pending" : ""}`;
    box.setAttribute("aria-label", this.model.describe(row));
    box.setAttribute("aria-posinset", cell.at + 1);
    box.setAttribute("aria-setsize", this.rows.length);
    box.setAttribute("aria-selected", cell.at === this.at ? "true" : "false");
  }

  redraw(from, to) {
    for (const [at, cell] of this.cells) if (at >= from && at < to) this.faces.draw(at, cell.face);
    if (this.painted) return;
    this.painted = true; // for python -m bench review_speed
    requestAnimationFrame(() => performance.mark("gallery"));
  }

  /** Select position `at` and bring it into view. */
  go(at) {
    const before = this.cells.get(this.at);
    this.at = Math.min(at, this.rows.length - 1);
    if (before) this.paint(before);
    if (this.at >= 0) {
      const top = Math.floor(this.at / this.columns) * this.cellHeight;
      const { scrollTop, clientHeight } = this.box;
      if (top < scrollTop) this.box.scrollTop = top;
      else if (top + this.cellHeight + 16 > scrollTop + clientHeight) this.box.scrollTop = top + this.cellHeight + 16 - clientHeight;
      this.layOut();
      this.paint(this.cells.get(this.at));
      this.box.setAttribute("aria-activedescendant", `cell-${this.at}`);
    } else {
      this.box.removeAttribute("aria-activedescendant");
    }
    this.dispatchEvent(new Event("select"));
  }

  move(by) {
    if (this.at >= 0) this.go(Math.max(0, Math.min(this.rows.length - 1, this.at + by)));
  }

  /** Rows of cells that fit the window. */
  get page() {
    return Math.max(1, Math.floor(this.box.clientHeight / this.cellHeight) - 1) * this.columns;
  }
}
