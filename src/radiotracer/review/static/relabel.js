// Choosing another label: by its digit, by typing, or Enter for the suggested one.

import { $, bdi, el } from "./dom.js";

/** Ask for a class; gives its number, or null when nothing was chosen. */
export function askLabel(model, row) {
  const { classes, label, suggested } = model.scan;
  const given = label[row];
  const proposed = suggested[row] === given ? null : suggested[row];
  const few = classes.length <= 10;
  const box = $("relabel");
  return new Promise((resolve) => {
    let chosen = null;
    let shown = [];
    let at = 0;
    const list = el("div", { className: "classes", role: "listbox", id: "classes", "aria-label": "Classes" });
    const input = el("input", {
      type: "text",
      placeholder: few ? "digit or name" : "name",
      spellcheck: false,
      autocomplete: "off",
      role: "combobox",
      "aria-controls": "classes",
      "aria-expanded": "true",
      "aria-label": "New label",
    });

    const choose = (number) => {
      chosen = number;
      box.close();
    };
    const paint = () => {
      list.replaceChildren(...shown.map((number, place) => el(
        "button",
        { type: "button", role: "option", id: `class-${place}`, tabIndex: -1, className: number === proposed ? "proposed" : "", "aria-selected": String(place === at), onclick: () => choose(number) },
        few ? el("kbd", {}, String(number)) : null, bdi(classes[number]),
        number === proposed ? el("span", { className: "badge" }, "suggested") : null,
      )));
      if (shown.length) input.setAttribute("aria-activedescendant", `class-${at}`);
      else input.removeAttribute("aria-activedescendant");
      list.children[at]?.scrollIntoView({ block: "nearest" });
    };
    const narrow = () => {
      const text = input.value.trim().toLowerCase();
      const others = classes.map((_, number) => number).filter((number) => number !== given);
      const ends = (number) => (classes[number].toLowerCase().startsWith(text) ? 0 : 1);
      shown = others.filter((number) => classes[number].toLowerCase().includes(text)).sort((a, b) => ends(a) - ends(b) || a - b);
      at = text === "" && proposed !== null ? shown.indexOf(proposed) : 0;
      paint();
    };
    input.addEventListener("input", narrow);
    input.addEventListener("keydown", (event) => {
      const { key } = event;
      if (few && /^[0-9]$/.test(key) && input.value === "" && Number(key) < classes.length) {
        event.preventDefault();
        if (Number(key) !== given) choose(Number(key));
      } else if (key === "ArrowDown" || key === "ArrowUp") {
        event.preventDefault();
        at = shown.length ? (at + (key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length : 0;
        paint();
      } else if (key === "Enter") {
        event.preventDefault();
        // Without a suggestion or a text, Enter chooses nothing by accident.
        if (shown.length && (input.value.trim() !== "" || proposed !== null || at > 0)) choose(shown[at]);
      }
    });
    box.replaceChildren(
      el("form", { method: "dialog" },
        el("h2", { id: "relabel-title" }, "New label for ", bdi(model.scan.ids[row])),
        el("p", { className: "quiet" }, "Given ", bdi(classes[given]), ". ", few ? "Press a digit, or type. " : "Type a part of the name. ", proposed === null ? "Enter takes the marked class." : "Enter takes the suggested label. ", "Esc leaves it."),
        input, list),
    );
    box.onclose = () => resolve(chosen);
    narrow();
    box.showModal();
    input.focus();
  });
}
