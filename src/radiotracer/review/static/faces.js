// The face of a cell: a thumbnail cut out of a sheet, or the beginning of a text.

import { get, image } from "./api.js";
import { Blocks } from "./blocks.js";
import { el } from "./dom.js";

class Thumbs {
  constructor(tile, drawn) {
    [this.width, this.height] = tile;
    this.sheets = new Blocks((rows) => image(`/api/thumbs?rows=${rows.join(",")}`), (bitmap) => bitmap.close(), drawn);
  }

  make() {
    const { width, height } = this;
    return el("canvas", { width, height, className: Math.max(width, height) < 65 ? "pixelated" : "" });
  }

  show(rows) {
    this.sheets.show(rows);
  }

  /** Draw position `at`, or nothing until its sheet is here. */
  draw(at, canvas) {
    const { width, height } = this;
    const context = canvas.getContext("2d");
    const found = this.sheets.find(at);
    context.clearRect(0, 0, width, height);
    if (found) context.drawImage(found.value, found.place * width, 0, width, height, 0, 0, width, height);
  }
}

class Words {
  constructor(drawn) {
    this.texts = new Blocks((rows) => get(`/api/texts?rows=${rows.join(",")}`), () => {}, drawn);
  }

  make() {
    return el("span", { className: "words", dir: "auto" });
  }

  show(rows) {
    this.texts.show(rows);
  }

  draw(at, box) {
    const found = this.texts.find(at);
    box.textContent = found ? found.value[found.place] : "";
  }
}

/** Pictures where the examples have some, else their texts. */
export const faces = (scan, drawn) => (scan.tile ? new Thumbs(scan.tile, drawn) : new Words(drawn));
