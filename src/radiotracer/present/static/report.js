// Draws the charts. Every number on the page is also in its tables: without this script nothing is lost.
(() => {
  "use strict";
  const specs = JSON.parse(document.getElementById("charts").textContent);

  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);

  function showTip(handler, event, item, value) {
    tip.hidden = value === null || value === undefined || value === "";
    if (tip.hidden) return;
    tip.textContent = typeof value === "object"
      ? Object.entries(value).map(([key, text]) => `${key}: ${text}`).join("\n")
      : String(value);
    const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    const top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8);
    tip.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
  }

  // The interpreter walks expressions instead of compiling them: no unsafe-eval.
  async function draw(box) {
    const spec = vegaLite.compile(specs[box.dataset.chart]).spec;
    const view = new vega.View(vega.parse(spec, null, { ast: true }), {
      container: box,
      expr: vega.expressionInterpreter,
      hover: false,
      renderer: "svg",
      tooltip: showTip,
    });
    await view.runAsync();
    box.dataset.drawn = "yes";
  }

  for (const box of document.querySelectorAll("[data-chart]")) {
    draw(box).catch((error) => {
      console.error(error);
      box.dataset.drawn = "no";
    });
  }
})();
