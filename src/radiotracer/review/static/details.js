// The panel of one example: its picture, what is known of it, and what to do with it.

import { get } from "./api.js";
import { bdi, count, el, score, sharp } from "./dom.js";
import { Influence } from "./influence.js";
import { MARKS } from "./gallery.js";

export const VERBS = [
  ["keep", "Keep", "F"],
  ["relabel", "Relabel", "R"],
  ["drop", "Drop", "D"],
  ["unsure", "Unsure", "U"],
];

export class Details {
  constructor(box, model, act, go) {
    this.box = box;
    this.model = model;
    this.act = act;
    this.row = null;
    this.influence = new Influence(model, go);
    this.words = el("blockquote", { className: "whole", tabIndex: 0, dir: "auto", "aria-label": `The ${model.scan.noun}` });
    this.decided = el("p", { className: "decided" });
    this.path = el("p", { className: "card-id path" });
    this.facts = el("dl", { className: "facts" });
    this.scores = el("div");
    this.history = el("div");
    this.buttons = VERBS.map(([verb, word, key]) => el(
      "button",
      { type: "button", className: `do do-${verb}`, dataset: { verb }, "aria-keyshortcuts": key, onclick: () => act(verb) },
      el("span", { "aria-hidden": "true" }, MARKS[verb]), ` ${word} `, el("kbd", {}, key),
    ));
    this.undo = el("button", { type: "button", className: "do", onclick: () => act("undo") }, "Undo ", el("kbd", {}, "Z"));
    model.addEventListener("change", (event) => {
      this.tell();
      if (event.detail.has(this.row) && !model.pending.has(this.row)) this.load();
    });
  }

  show(row) {
    if (row === this.row && row !== null) return;
    this.row = row;
    if (row === null) {
      this.box.replaceChildren(el("p", { className: "quiet" }, "Nothing is selected."));
      return;
    }
    const { scan, place } = this.model;
    this.words.textContent = "";
    this.path.replaceChildren();
    this.words.hidden = !scan.texts;
    this.facts.replaceChildren(...this.fact({}));
    const given = scan.classes[scan.label[row]];
    const other = scan.classes[scan.suggested[row]];
    this.scores.replaceChildren();
    this.history.replaceChildren();
    this.box.replaceChildren(
      el("div", { className: scan.image ? "top" : "top of-words" },
        scan.image && el("img", { className: Math.max(...scan.image) < 97 ? "large pixelated" : "large", onload: sharp, src: `/api/picture/${row}`, alt: `Example ${scan.ids[row]}, label ${given}` }),
        el("div", { className: "about" },
          el("h2", { className: `verdict${(given + other).length > 8 ? " long" : ""}` }, bdi(given),
            other === given ? null : [el("span", { className: "arrow", "aria-hidden": "true" }, " → "), el("span", { className: "unseen" }, ", suggested: "), bdi(other, "suggested")]),
          el("p", { className: "card-id" }, bdi(scan.ids[row])),
          this.path,
          el("p", { className: "badges" },
            el("span", { className: scan.flagged[row] ? "badge badge-flagged" : "badge" }, scan.flagged[row] ? "flagged" : "not flagged"),
            place.has(row) ? el("span", { className: "badge" }, `sample #${count(place.get(row) + 1)}`) : null),
          this.facts)),
      this.words,
      this.decided,
      el("div", { className: "buttons" }, this.buttons, this.undo),
      this.influence.show(row),
      this.scores,
      this.history,
    );
    this.tell();
    clearTimeout(this.later);
    this.later = setTimeout(() => this.load(), 60); // not for each example that is passed by
  }

  /** What holds now. */
  tell() {
    const { row, model } = this;
    this.undo.disabled = model.undoable === null;
    if (row === null) return;
    const verb = model.decision[row];
    this.decided.className = `decided${verb ? ` is-${verb}` : ""}`;
    if (model.pending.has(row)) this.decided.replaceChildren("saving…");
    else if (verb === "relabel") this.decided.replaceChildren("Decided: relabel as ", bdi(model.scan.classes[model.newLabel[row]]));
    else this.decided.replaceChildren(verb ? `Decided: ${verb}` : "Not decided yet");
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.verb === verb));
  }

  async load() {
    const { row } = this;
    if (row === null) return;
    let known;
    try {
      known = await get(`/api/example/${row}`);
    } catch {
      return; // the next decision tells what is the matter
    }
    if (row !== this.row) return;
    this.facts.replaceChildren(...this.fact(known));
    this.words.textContent = known.text ?? "";
    this.path.replaceChildren(...(known.path === null || known.path === this.model.scan.ids[row] ? [] : [bdi(known.path)]));
    this.scores.replaceChildren(
      el("h3", {}, "All detectors"),
      el("table", {}, el("thead", { className: "unseen" }, el("tr", {}, el("th", { scope: "col" }, "Detector"), el("th", { scope: "col" }, "Score"))),
        el("tbody", {}, Object.entries(known.scores).map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, bdi(name)), el("td", {}, score(value)))))),
    );
    this.history.replaceChildren(...(known.history.length ? [el("h3", {}, "History"), el("ol", { className: "history" }, known.history.map((event) => this.line(event)))] : []));
  }

  fact({ score: value, rank, p, q }) {
    return [["Score", score(value)], ["Rank", rank ? `${count(rank)} of ${count(this.model.n)}` : "–"], ["p-value", score(p)], ["q-value", score(q)]]
      .map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", {}, text)));
  }

  line(event) {
    const { classes } = this.model.scan;
    const what = event.decision === null ? ["not decided"] : [event.decision, event.label === null ? null : [" ", bdi(classes[event.label])]];
    return el("li", {}, el("span", {}, event.undoes === null ? null : "undone: ", ...what), el("time", { dateTime: event.at, className: "quiet" }, new Date(event.at).toLocaleString()));
  }
}
