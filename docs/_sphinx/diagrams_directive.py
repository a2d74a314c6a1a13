"""Mermaid blocks as the pictures that `make diagrams` drew of them: the site needs no script.

A picture is called after the SHA-256 of its text, so that one of an older text is never shown.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.util import logging

DRAWN = Path(__file__).parent.parent / "img" / "diagrams"


def picture(text: str) -> Path:
    """Where the picture of a diagram is."""
    return DRAWN / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:16]}.svg"


class Mermaid(Directive):
    """The drawn picture, in the page itself: its colours follow the theme."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """One raw node, or a warning with the text as it is."""
        text = "\n".join(self.content)
        path = picture(text)
        if not path.is_file():
            logging.getLogger(__name__).warning(
                "a diagram has no picture: run make diagrams",
                location=self.state_machine.get_source_and_line(self.lineno),
            )
            return [nodes.literal_block(text, text)]
        html = f'<figure class="diagram">{path.read_text(encoding="utf-8")}</figure>'
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("mermaid", Mermaid)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
