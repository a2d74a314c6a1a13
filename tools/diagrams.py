"""Draw the Mermaid blocks of docs/ as docs/img/diagrams/*.svg, and remove pictures of older texts.

    make diagrams

Mermaid comes by npm into a temporary folder; headless Chromium draws. A picture takes its colours
from the page that it stands in, light or dark.
"""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs" / "_sphinx"))
RELEASE = "11.17.2"
BLOCK = re.compile(r"```mermaid\n(.*?)```", flags=re.DOTALL)
STYLE = """
.node rect, .node polygon {
  fill: var(--color-background-primary); stroke: var(--color-brand-primary);
}
.cluster rect { fill: var(--color-background-secondary); stroke: var(--color-background-border); }
.flowchart-link, .marker { stroke: var(--color-foreground-muted); }
.marker { fill: var(--color-foreground-muted); }
.nodeLabel, .cluster-label span, .edgeLabel, .edgeLabel p {
  color: var(--color-foreground-primary);
}
.edgeLabel, .edgeLabel p, .labelBkg { background-color: var(--color-background-primary); }
"""
DRAW = """async ([text, name, style]) => {
  mermaid.initialize({startOnLoad: false, theme: "base", themeCSS: style,
    fontFamily: "sans-serif", deterministicIds: true, flowchart: {useMaxWidth: true}});
  return (await mermaid.render(name, text)).svg;
}"""


def mermaid(folder: Path) -> Path:
    """The one script that Mermaid is, from its package."""
    command = ["npm", "pack", "--silent", f"mermaid@{RELEASE}"]
    packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / packed.stdout.strip().splitlines()[-1]) as archive:
        archive.extract("package/dist/mermaid.min.js", folder, filter="data")
    return folder / "package" / "dist" / "mermaid.min.js"


def main() -> int:
    from playwright.sync_api import sync_playwright

    diagrams = importlib.import_module("diagrams_directive")
    pages = sorted((ROOT / "docs").rglob("*.md"))
    texts = [text for page in pages for text in BLOCK.findall(page.read_text(encoding="utf-8"))]
    wanted = {diagrams.picture(text): text for text in texts}
    diagrams.DRAWN.mkdir(parents=True, exist_ok=True)
    for old in set(diagrams.DRAWN.glob("*.svg")) - set(wanted):
        old.unlink()
    missing = {path: text for path, text in wanted.items() if not path.is_file()}
    if missing:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
            script = mermaid(Path(folder))
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            page = browser.new_page()
            page.add_script_tag(path=script)
            for path, text in missing.items():
                svg = page.evaluate(DRAW, [text, f"diagram-{path.stem}", STYLE])
                path.write_text(svg + "\n", encoding="utf-8")
            browser.close()
    print(f"{len(wanted)} diagrams, {len(missing)} drawn anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
