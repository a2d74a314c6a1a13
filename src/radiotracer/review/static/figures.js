// How far the review is, and what the random sample says about the rest.

import { $, count, el, percent } from "./dom.js";

export function showFigures(figures) {
  if (!figures) return;
  const left = figures.flagged - figures.flagged_decided;
  const decidedFlagged = figures.flagged_decided
    ? `${count(figures.flagged_wrong)} of ${count(figures.flagged_decided)} decided were wrong`
    : "none decided yet";
  $("figures").replaceChildren(
    figure("Decided", count(figures.decided), `of ${count(figures.examples)} examples`),
    figure("Flagged, left", count(left), `of ${count(figures.flagged)}; ${decidedFlagged}`),
    figure("Random sample", figures.sample ? `${count(figures.sample_decided)} / ${count(figures.sample)}` : "–", figures.sample ? "decided" : "not drawn yet"),
    estimate(figures),
  );
}

function estimate(figures) {
  const title = "Wrong, not flagged and not found";
  if (!figures.sample) return figure(title, "–", "a random sample would tell");
  if (figures.left === null) {
    return figure(title, "–", `not enough reviewed yet: ${count(figures.reviewed)} of ${figures.enough} not flagged, in the sample's order`);
  }
  const [about, low, high] = figures.left;
  const unsure = figures.unsure ? `, ${count(figures.unsure)} unsure` : "";
  return figure(title, `about ${count(about)}`, `95 %: ${count(low)} to ${count(high)}; ${count(figures.wrong)} wrong${unsure} of ${count(figures.reviewed)} (${percent(figures.low)} to ${percent(figures.high)})`);
}

const figure = (title, value, context) => el("div", {}, el("dt", {}, title), el("dd", {}, el("span", { className: "value" }, value), el("span", { className: "context" }, context)));
