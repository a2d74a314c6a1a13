"""Draw docs/img/report.png or explanation.png: the top of a report, in headless Chromium.

radiotracer demo --out demo
python tools/report_picture.py demo/report.html docs/img/report.png
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image

WIDE, HIGH = 1240, 1130


def main() -> None:
    from playwright.sync_api import sync_playwright

    report, target = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": WIDE, "height": HIGH}, color_scheme="light", offline=True
        )
        page.goto(report.as_uri())
        page.wait_for_load_state("networkidle")
        shot = page.screenshot()
        browser.close()
    with Image.open(io.BytesIO(shot)) as image:
        image.convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
