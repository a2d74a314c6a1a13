// Starts the page: fetches what never changes and what is decided, then wires the parts together.

import { get, Refused } from "./api.js";
import { $, alarm, bdi, count, el, say } from "./dom.js";
import { Details, VERBS } from "./details.js";
import { showExport, showHelp, showSample } from "./dialogs.js";
import { showFigures } from "./figures.js";
import { Gallery } from "./gallery.js";
import { listen } from "./keys.js";
import { Model } from "./model.js";
import { askLabel } from "./relabel.js";
import { fromHash, NONE, toHash } from "./select.js";

// The token has become a cookie: keep it out of the address bar and of bookmarks.
history.replaceState(null, "", `/${location.hash}`);

const EVERY = 5000; // milliseconds between questions about decisions made elsewhere

async function start() {
  const [scan, changes] = await Promise.all([get("/api/scan"), get("/api/changes")]);
  const model = new Model(scan);
  model.merge(changes);
  document.title = `Review ${scan.title} – radiotracer`;
  $("title").replaceChildren("Review ", bdi(scan.title), el("span", { className: "quiet" }, ` ${count(model.n)} examples, ranked by ${scan.detector}`));
  const gallery = new Gallery($("gallery"), $("sizer"), model);
  const form = $("filters");
  const fields = form.elements;
  for (const name of scan.classes) for (const field of [fields.label, fields.suggested]) field.append(new Option(name, name));
  for (const name of [...scan.detectors, "id"]) fields.order.append(new Option(name, name));
  const hash = fromHash(location.hash);
  let round = 0;

  const filters = () => Object.fromEntries(Object.keys(NONE).map((name) => [name, fields[name].value]));
  const remember = () => {
    const id = gallery.row === null ? null : scan.ids[gallery.row];
    history.replaceState(null, "", `#${toHash(filters(), id)}`);
  };
  const fill = (values) => {
    for (const name of Object.keys(NONE)) fields[name].value = values[name];
  };
  const apply = async (row = gallery.row) => {
    round += 1;
    const mine = round;
    let rows;
    try {
      rows = await model.select(filters());
    } catch (error) {
      alarm(error.message);
      return;
    }
    if (mine !== round) return;
    $("count").textContent = rows.length === model.n ? "" : `${count(rows.length)} shown`;
    $("empty").hidden = rows.length > 0;
    $("empty").textContent = filters().set === "sample" && !model.sample.length
      ? "No random sample was drawn yet: see “Random sample” above." : "No example passes these filters.";
    gallery.show(rows, row);
    remember();
  };
  const goTo = (row) => {
    const at = gallery.rows.indexOf(row);
    if (at >= 0) gallery.go(at);
    else {
      fill(NONE);
      apply(row);
    }
  };

  const details = new Details($("details"), model, (what) => act(what), goTo);
  const words = Object.fromEntries(VERBS.map(([verb, word]) => [verb, word]));

  async function decide(verb) {
    const { row } = gallery;
    if (row === null || model.pending.has(row)) return;
    const label = verb === "relabel" ? await askLabel(model, row) : null;
    if (verb === "relabel" && label === null) return;
    const saved = model.decide(row, verb, label);
    if (gallery.row === row && verb !== null) gallery.move(1);
    try {
      await saved;
      alarm("");
      say(`${verb === null ? "Cleared" : words[verb]}: ${scan.ids[row]}`);
    } catch (error) {
      goTo(row);
      const now = error instanceof Refused && error.status === 409 ? ` It is now: ${model.words(row)}.` : "";
      alarm(`Not saved, ${scan.ids[row]}: ${error.message}${now}`);
    }
  }

  async function undo() {
    try {
      const row = await model.undo();
      if (row === null) say("Nothing left to undo.");
      else {
        goTo(row);
        alarm("");
        say(`Undone: ${scan.ids[row]} is ${model.words(row)}`);
      }
    } catch (error) {
      alarm(`Not undone: ${error.message}`);
    }
  }

  function act(what) {
    if (what === "undo") undo();
    else if (what === "help") showHelp();
    else if (what === "search") {
      openFilters(true);
      fields.id.focus();
    } else if (what === "influence") details.influence.choose(details.influence.side === null ? "validation" : null);
    else decide(what === "clear" ? null : what);
  }

  const openFilters = (open) => {
    form.classList.toggle("open", open);
    $("filters-toggle").setAttribute("aria-expanded", String(open));
  };
  let typing = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => apply(), event.target.matches("input") ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  $("filters-toggle").onclick = () => openFilters(!form.classList.contains("open"));
  $("filters-clear").onclick = () => {
    fill(NONE);
    apply();
  };
  $("open-help").onclick = showHelp;
  $("open-export").onclick = () => showExport(model);
  $("open-sample").onclick = () => showSample(model, () => {
    fill({ ...NONE, set: "sample" });
    apply(model.sample.find((row) => model.decision[row] === null) ?? null);
    gallery.box.focus();
  });
  $("alarm").onclick = () => alarm("");
  $("legend").replaceChildren(...[["← → ↑ ↓ J K", "move"], ["F ⇧K", "keep"], ["R", "relabel"], ["D", "drop"], ["U", "unsure"], ["Z", "undo"], ["/", "search"], ["?", "all keys"]]
    .map(([keys, text]) => el("span", {}, keys.split(" ").map((key) => el("kbd", {}, key)), ` ${text}`)));

  gallery.addEventListener("select", () => {
    details.show(gallery.row);
    remember();
  });
  model.addEventListener("change", () => showFigures(model.figures));
  showFigures(model.figures);
  listen(gallery, act);
  fill(hash.filters);
  const wanted = hash.id === null ? -1 : scan.ids.indexOf(hash.id);
  await apply(wanted < 0 ? null : wanted);
  if (document.activeElement === document.body) gallery.box.focus({ preventScroll: true });
  setInterval(() => {
    if (!document.hidden) model.refresh().catch(() => {});
  }, EVERY);
}

start().catch((error) => alarm(error.message));
