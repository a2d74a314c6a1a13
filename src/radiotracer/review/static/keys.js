// Which key does what, unless somebody is typing.

const MOVES = {
  ArrowLeft: () => -1, ArrowRight: () => 1, j: () => 1, k: () => -1,
  ArrowUp: (gallery) => -gallery.columns, ArrowDown: (gallery) => gallery.columns,
  PageUp: (gallery) => -gallery.page, PageDown: (gallery) => gallery.page,
  Home: () => -Infinity, End: () => Infinity,
};

const ACTS = { f: "keep", F: "keep", K: "keep", r: "relabel", R: "relabel", d: "drop", D: "drop", u: "unsure", U: "unsure", z: "undo", Z: "undo", c: "clear", C: "clear", i: "influence", I: "influence", "?": "help", "/": "search" };

export function listen(gallery, act) {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input, select, textarea")) {
      if (key === "Escape") gallery.box.focus();
      return;
    }
    // With Caps Lock a K without Shift is still the one that moves.
    const name = key.length === 1 && /[a-z]/i.test(key) ? (event.shiftKey ? key.toUpperCase() : key.toLowerCase()) : key;
    if (Object.hasOwn(MOVES, name)) {
      event.preventDefault();
      gallery.move(MOVES[name](gallery));
    } else if (Object.hasOwn(ACTS, name)) {
      event.preventDefault();
      act(ACTS[name]);
    }
  });
}
