"""How soon `radiotracer review` shows 60,000 examples, and how smoothly they scroll.

    python -m bench review_speed [--examples 60000] [--out FILE]

The images and labels are those of MNIST; the scores are drawn at random, because it does not matter
here how they came about. A real server is started on the scan folder, and headless Chromium opens
its page five times. First paint is from the start of the navigation until the first frame with
thumbnails. Frames are what `requestAnimationFrame` sees while the gallery scrolls, 40 pixels per
frame, and then in jumps of ten windows, for a few seconds each.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.keeping import write_json
from bench.tables import table
from radiotracer.data import open_data, save_examples
from radiotracer.digested import digested
from radiotracer.reproduce.demo import sample

FRAMES = """async ([step, frames]) => {
  const box = document.getElementById("gallery");
  box.scrollTop = 0;
  const times = [];
  let last = await new Promise(requestAnimationFrame);
  let most = 0;
  for (let i = 0; i < frames; i += 1) {
    box.scrollTop += i % 10 === 0 || step < 1000 ? step : 0;
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last);
    last = now;
    most = Math.max(most, document.querySelectorAll(".cell").length);
  }
  return { times, most, reached: box.scrollTop };
}"""

DRAWN = "() => performance.getEntriesByName('gallery').map((mark) => mark.startTime)[0]"

OPENINGS = 5


def main(*, examples: int = 60_000, out: Path | None = None) -> None:
    """Print the table.

    Args:
        examples: How many the scan ranks.
        out: A JSON file for the numbers.
    """
    with tempfile.TemporaryDirectory() as folder:
        scan, data = written(Path(folder), examples)
        result = measured(scan, data)
    rows = [
        ("examples", f"{examples:,}"),
        ("server ready, s", f"{result['ready']:.1f}"),
        ("first gallery paint, median ms", f"{np.median(result['paints']):.0f}"),
        ("first gallery paint, longest ms", f"{max(result['paints']):.0f}"),
        ("cells in the page, most", f"{result['most']}"),
    ]
    for name, frames in result["frames"].items():
        rows.append((f"{name}: frames", f"{len(frames)}"))
        rows.append((f"{name}: median frame, ms", f"{np.median(frames):.1f}"))
        rows.append((f"{name}: longest frame, ms", f"{max(frames):.1f}"))
        rows.append((f"{name}: frames over 50 ms", f"{sum(f > 50 for f in frames)}"))
    print(table(["what", "measured"], rows))
    write_json(out, result)


def written(folder: Path, n: int) -> tuple[Path, Path]:
    """A scan folder and its data: real images, drawn scores."""
    examples = sample(open_data("mnist"), n, 0)
    scan, data = folder / "scan", folder / "data"
    scan.mkdir()
    data.mkdir()
    save_examples(examples, data)
    generator = np.random.default_rng(0)
    score = generator.exponential(1.0, len(examples))
    order = np.argsort(-score)
    suggested = np.where(
        generator.random(len(examples)) < 0.1,
        generator.integers(0, 10, len(examples)),
        examples.labels,
    )
    names = np.array(examples.class_names)
    p = np.exp(-score)
    flagged = np.arange(len(examples)) < len(examples) // 20
    pq.write_table(
        pa.table(
            {
                "id": examples.ids[order],
                "label": names[examples.labels[order]],
                "score": score[order],
                "rank": np.arange(1, len(examples) + 1),
                "p_value": p[order],
                "q_value": np.minimum(1.0, 2 * p[order]),
                "is_flagged": flagged,
                "suggested_label": names[suggested[order]],
            }
        ),
        scan / "ranking.parquet",
    )
    detectors = {f"detector-{i}": generator.normal(size=len(examples)) for i in range(8)}
    pq.write_table(pa.table({"id": examples.ids, **detectors}), scan / "scores.parquet")
    summary = {"detector": "drawn", "rule": "none", "data_digest": examples.digest}
    (scan / "summary.json").write_text(digested(summary))
    return scan, data


def measured(scan: Path, data: Path) -> dict[str, Any]:
    """Start the server, open the page, scroll."""
    from playwright.sync_api import sync_playwright

    began = time.perf_counter()
    command = [sys.executable, "-m", "radiotracer", "review", str(scan), "--data", str(data)]
    with subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += server.stdout.readline()
        ready = time.perf_counter() - began
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                paints = []
                for _ in range(OPENINGS):
                    page = browser.new_page(viewport={"width": 1280, "height": 800})
                    page.goto(json.loads(text)["url"], wait_until="commit")
                    paints.append(page.wait_for_function(DRAWN, polling=100).json_value())
                    page.wait_for_timeout(1000)
                slow = page.evaluate(FRAMES, [40, 300])
                fast = page.evaluate(FRAMES, [6000, 300])
                browser.close()
        finally:
            server.terminate()
            server.wait()
    return {
        "ready": ready,
        "paints": paints,
        "most": max(slow["most"], fast["most"]),
        "frames": {"scroll": slow["times"], "jumps": fast["times"]},
    }
