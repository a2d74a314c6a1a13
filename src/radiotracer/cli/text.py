"""Text that came from outside, made fit for a terminal."""

from __future__ import annotations


def visible(text: str) -> str:
    """Show line breaks and terminal escapes in names and messages; do not obey them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
