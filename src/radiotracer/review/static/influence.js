// Whom the example helped and whom it hurt, once somebody asks.

import { get } from "./api.js";
import { bdi, el, percent, score, sharp } from "./dom.js";

const SIDES = [["validation", "Validation examples"], ["train", "Training examples"]];

export class Influence {
  constructor(model, go) {
    this.model = model;
    this.go = go;
    this.side = null; // stays chosen from one example to the next
    this.answer = el("div", { className: "answer", "aria-live": "polite" });
    this.buttons = SIDES.map(([side, words]) => el("button", {
      type: "button",
      "aria-pressed": "false",
      dataset: { side },
      onclick: () => this.choose(this.side === side ? null : side),
    }, words));
    this.box = el("section", { className: "influence" }, el("h3", {}, "Proponents and opponents"), el("div", { className: "choice" }, this.buttons), this.answer);
  }

  choose(side) {
    this.side = side;
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.side === side));
    this.ask();
  }

  show(row) {
    this.row = row;
    this.answer.replaceChildren();
    this.ask();
    return this.box;
  }

  async ask() {
    clearTimeout(this.later);
    const { row, side } = this;
    if (side === null) {
      this.answer.replaceChildren(el("p", { className: "quiet" }, "Whose loss did this example lower, and whose did it raise? By gradients of the last layer, computed when you choose."));
      return;
    }
    let found;
    try {
      found = await get(`/api/influence/${side}/${row}`);
    } catch (error) {
      found = { state: "unavailable", why: error.message };
    }
    if (row !== this.row || side !== this.side) return;
    if (found.state === "computing") {
      const share = found.share > 0 && found.share < 1 ? ` ${percent(found.share)} of what is computed once` : "";
      this.answer.replaceChildren(el("p", { className: "computing" }, `Computing…${share}`));
      this.later = setTimeout(() => this.ask(), 400);
    } else if (found.state === "unavailable") {
      this.answer.replaceChildren(el("p", { className: "empty" }, `Cannot be shown: ${found.why}`));
    } else {
      this.answer.replaceChildren(this.list("Proponents", "it lowered their loss", found.proponents), this.list("Opponents", "it raised their loss", found.opponents));
    }
  }

  list(title, words, partners) {
    return el("div", {}, el("h4", {}, title, el("span", { className: "quiet" }, ` ${words}`)),
      partners.length ? el("ul", { className: this.model.scan.image ? "partners" : "partners of-words" }, partners.map((each) => this.partner(each))) : el("p", { className: "quiet" }, "none"));
  }

  partner(each) {
    const train = this.side === "train";
    const words = `${each.id}, label ${each.label}, influence ${score(each.influence)}`;
    const { image } = this.model.scan;
    const shown = [
      image && el("img", { src: `/api/${train ? "picture" : "validation"}/${each.row}?side=128`, alt: words, className: "tiny", loading: "lazy", onload: sharp }),
      !image && el("span", { className: "excerpt", dir: "auto" }, each.text ?? ""),
      bdi(each.label),
      el("span", { className: "quiet" }, score(each.influence)),
    ];
    return el("li", { title: words }, train ? el("button", { type: "button", onclick: () => this.go(each.row) }, shown) : shown);
  }
}
