"""Draw docs/img/review.png: the page of `radiotracer review`, in headless Chromium.

    radiotracer demo --quick --out demo
    python tools/review_picture.py demo

The scan is copied, so that its decisions stay as they are.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

TARGET = Path(__file__).parent.parent / "docs" / "img" / "review.png"


def main() -> None:
    from playwright.sync_api import sync_playwright

    demo = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "demo"
        scan.mkdir()
        for name in ("ranking.parquet", "scores.parquet", "summary.json"):
            shutil.copy(demo / name, scan)
        command = [sys.executable, "-m", "radiotracer", "review", str(scan), "--json"]
        command += ["--run", str(demo / "run")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None  # noqa: S101
            text = ""
            while not text.rstrip().endswith("}"):
                text += server.stdout.readline()
            try:
                with sync_playwright() as driver:
                    chromium = shutil.which("chromium")
                    browser = driver.chromium.launch(
                        executable_path=chromium, args=["--no-sandbox"]
                    )
                    page = browser.new_page(viewport={"width": 1280, "height": 840})
                    page.goto(json.loads(text)["url"])
                    page.wait_for_selector(".cell[aria-selected=true]")
                    shot = reviewed(page)
                    browser.close()
            finally:
                server.terminate()
                server.wait()
    with Image.open(io.BytesIO(shot)) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(TARGET, optimize=True)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


def reviewed(page: Any) -> bytes:
    """Draw and review a small sample, decide about some examples, and look at one."""
    page.click("#open-sample")
    page.fill("#sample input[type=number] >> nth=0", "60")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.badges')?.innerText.includes('sample')")
    for _ in range(60):
        # The scan's own opinion stands in for a person's.
        flagged = page.locator(".badge-flagged").count() > 0
        page.keyboard.press("d" if flagged else "f")
        page.wait_for_timeout(50)
    page.wait_for_function("() => document.querySelector('#figures').innerText.includes('60 / 60')")
    page.click("#filters-clear")
    page.focus("#gallery")
    page.keyboard.press("Home")
    for key in ("r", "r", "f", "r", "d", "r", "u"):
        page.keyboard.press(key)
        if key == "r":
            page.keyboard.press("Enter")
        page.wait_for_timeout(150)
    page.keyboard.press("i")
    page.wait_for_selector(".partners img", timeout=120_000)
    page.wait_for_timeout(3000)
    shot: bytes = page.screenshot()
    return shot


if __name__ == "__main__":
    main()
