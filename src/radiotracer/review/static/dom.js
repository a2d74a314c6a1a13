// Elements from texts that are only ever texts: nothing here parses HTML.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`dataset` and `aria-*` too) and children, texts among them. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "dataset") Object.assign(made.dataset, value);
    else if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** A text from outside, kept from turning the direction of what stands beside it. */
export const bdi = (text, className = "") => el("bdi", { className }, text);

/** Once a picture is there: small ones are shown pixel for pixel. */
export function sharp({ target }) {
  target.classList.toggle("pixelated", Math.max(target.naturalWidth, target.naturalHeight) < 97);
}

export const count = (number) => number.toLocaleString("en-US");

/** Four significant digits and a true minus sign; a dash for nothing. */
export function score(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replaceAll("-", "−");
}

export function percent(value) {
  if (value === 0 || value === 1) return `${value * 100} %`;
  const points = 100 * value;
  return `${points.toFixed(points < 1 || points > 99 ? 2 : 1)} %`;
}

let hiding = 0;

/** Say it in the corner and to screen readers. */
export function say(text) {
  const box = $("said");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 2500);
}

/** What went wrong stays until it is clicked away or something goes right. */
export function alarm(text) {
  const box = $("alarm");
  box.textContent = text;
  box.hidden = !text;
}
