// Which rows are shown, in which order: a pure function of the model and the filters.

export const NONE = Object.freeze({ set: "", decision: "", label: "", suggested: "", q: "", order: "", id: "" });

export function visible(model, filters, scores) {
  const { scan, decision, place } = model;
  const label = filters.label === "" ? -1 : scan.classes.indexOf(filters.label);
  const suggested = filters.suggested === "" ? -1 : scan.classes.indexOf(filters.suggested);
  const most = filters.q === "" || Number.isNaN(Number(filters.q)) ? null : Number(filters.q);
  const wanted = filters.id.toLowerCase();
  const from = filters.set === "sample" ? model.sample : null;
  const rows = [];
  const total = from ? from.length : model.n;
  for (let at = 0; at < total; at += 1) {
    const row = from ? from[at] : at;
    if (filters.set === "flagged" && !scan.flagged[row]) continue;
    if (filters.label !== "" && scan.label[row] !== label) continue;
    if (filters.suggested !== "" && scan.suggested[row] !== suggested) continue;
    if (most !== null && (scan.q[row] === null || scan.q[row] > most)) continue;
    if (filters.decision !== "" && !decided(decision[row], filters.decision)) continue;
    if (wanted && !scan.ids[row].toLowerCase().includes(wanted)) continue;
    rows.push(row);
  }
  // The sample comes in its random order, everything else in the order of the scan.
  if (scores) rows.sort((a, b) => (scores[b] ?? -Infinity) - (scores[a] ?? -Infinity) || a - b);
  else if (filters.order === "id") rows.sort((a, b) => (scan.ids[a] < scan.ids[b] ? -1 : 1));
  else if (filters.order === "rank" && from) rows.sort((a, b) => a - b);
  return rows;
}

function decided(decision, wanted) {
  if (wanted === "open") return decision === null;
  if (wanted === "done") return decision !== null;
  return decision === wanted;
}

/** Filters, and the id that is looked at, as the part of the address behind #. */
export function toHash(filters, id) {
  const parts = new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== ""));
  if (id) parts.set("at", id);
  return parts.toString();
}

export function fromHash(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const filters = Object.fromEntries(Object.keys(NONE).map((name) => [name, parts.get(name) ?? ""]));
  return { filters, id: parts.get("at") };
}
