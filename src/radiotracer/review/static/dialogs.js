// The dialogs: keys, the random sample, the export.

import { get, post } from "./api.js";
import { $, alarm, bdi, count, el, say } from "./dom.js";

export const KEYS = [
  ["← → ↑ ↓", "move; J and K are the next and the one before"],
  ["F or Shift K", "keep: the example is right as it is"],
  ["R", "relabel: then a digit, a name, or Enter for the suggested label"],
  ["D", "drop: leave it out of the data"],
  ["U", "unsure: leave it as it is, and count it as open"],
  ["Z", "undo the newest decision"],
  ["C", "clear the decision of this example"],
  ["I", "proponents and opponents of this example"],
  ["Home, End, Page Up, Page Down", "move far"],
  ["/", "search for an id"],
  ["?", "this help"],
];

const head = (id, title) => el("div", { className: "dialog-head" }, el("h2", { id }, title),
  el("button", { type: "button", className: "close", "aria-label": "Close", onclick: (event) => event.target.closest("dialog").close() }, "✕"));

export function showHelp() {
  $("help").replaceChildren(
    head("help-title", "Keys"),
    el("dl", { className: "keys" }, KEYS.map(([keys, words]) => el("div", {}, el("dt", {}, el("kbd", {}, keys)), el("dd", {}, words)))),
    el("p", { className: "quiet" }, "After a decision the next example is selected. What was decided is on the disk before it shows its colour; the list changes only when the filters do."),
  );
  $("help").showModal();
}

export function showSample(model, done) {
  const known = model.sample.length;
  const size = el("input", { type: "number", min: Math.max(1, known), max: model.n, value: known || Math.min(model.n, model.scan.sample_size), required: true });
  const seed = el("input", { type: "number", min: 0, step: 1, value: model.seed ?? 0, required: true, disabled: known > 0 });
  const wrong = el("p", { className: "wrong", role: "alert" });
  const form = el("form", { method: "dialog" },
    head("sample-title", "Random sample"),
    el("p", {}, "Review examples drawn at random, flagged or not, in random order. They tell how many wrong examples the scan missed, and the export marks them for use as a reference."),
    el("div", { className: "fields" }, el("label", {}, "Examples ", size), el("label", {}, "Seed ", seed)),
    known ? el("p", { className: "quiet" }, `${count(known)} were drawn with seed ${model.seed}; more can be added, others cannot be drawn.`) : null,
    wrong,
    el("div", { className: "buttons" }, el("button", { type: "submit", className: "primary" }, known ? "Review the sample" : "Draw and review")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      if (Number(size.value) !== known) await model.drawSample(Number(size.value), Number(seed.value));
      $("sample").close();
      done();
    } catch (error) {
      wrong.textContent = error.message;
    }
  });
  $("sample").replaceChildren(form);
  $("sample").showModal();
  size.focus();
}

export async function showExport(model) {
  let folder;
  try {
    folder = await get("/api/export");
  } catch (error) {
    alarm(error.message);
    return;
  }
  const out = el("input", { type: "text", value: folder.out, required: true, spellcheck: false });
  const answer = el("div", { role: "status" });
  const go = el("button", { type: "submit", className: "primary" }, "Export");
  const tally = { keep: 0, relabel: 0, drop: 0, unsure: 0 };
  for (const verb of model.decision) if (verb) tally[verb] += 1;
  const form = el("form", { method: "dialog" },
    head("export-title", "Export"),
    el("p", {}, `${count(tally.drop)} dropped, ${count(tally.relabel)} relabelled, ${count(tally.keep)} kept, ${count(tally.unsure)} unsure.`),
    el("label", {}, "New folder on this machine ", out),
    answer,
    el("div", { className: "buttons" }, go));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    answer.replaceChildren(el("p", { className: "computing" }, "Writing…"));
    try {
      const done = await post("/api/export", { out: out.value });
      answer.replaceChildren(el("p", {}, `${count(done.examples_before)} examples became ${count(done.examples_after)}.`),
        el("p", {}, "Data: ", el("code", {}, bdi(done.data)), ` (${done.format}). Decisions and CHANGES.md lie beside them.`),
        done.note ? el("p", { className: "quiet" }, done.note) : null);
      say("Exported.");
    } catch (error) {
      answer.replaceChildren(el("p", { className: "wrong" }, error.message));
    }
    go.disabled = false;
  });
  $("export").replaceChildren(form);
  $("export").showModal();
  out.focus();
}
