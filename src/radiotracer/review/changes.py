"""The entry that a reader of the cleaned data wants: what changed, how much, and which bytes."""

from __future__ import annotations

import re

from radiotracer.data.account import LEFT_OUT_FILE
from radiotracer.review.cleaned import Cleaned
from radiotracer.review.decisions import VERBS
from radiotracer.review.formats import Written
from radiotracer.review.scanned import Scanned

CHANGES = "CHANGES.md"

_WORDS = {
    "keep": "kept as they are",
    "relabel": "given another label",
    "drop": "left out",
    "unsure": "left as they are, unsure",
}


def changes_text(
    scanned: Scanned,
    cleaned: Cleaned,
    written: Written,
    *,
    table_sha256: str,
    sample: tuple[int, int | None],
    at: str,
) -> str:
    """A changelog entry in Markdown.

    Args:
        scanned: The scan.
        cleaned: The data before and after.
        written: How they were written.
        table_sha256: Of decisions.parquet.
        sample: Size and seed of the random sample; no seed where there is none.
        at: The time, UTC, ISO 8601.
    """
    before, after, counts = cleaned.before, cleaned.after, cleaned.counts
    changed = counts.get("relabel", 0)
    lines = [
        f"# Cleaned {plain(before.source)}",
        "",
        f"## {at[:10]}",
        "",
        f"{len(before):,} examples became {len(after):,}: {counts.get('drop', 0):,} dropped, "
        f"{changed:,} relabelled.",
        "",
        "| decision | examples | |",
        "|---|---|---|",
        *(f"| {verb} | {counts.get(verb, 0):,} | {_WORDS[verb]} |" for verb in VERBS),
        "",
    ]
    if cleaned.moves:
        moves = sorted(cleaned.moves.items(), key=lambda each: (-each[1], each[0]))
        lines += [
            "| label | new label | examples |",
            "|---|---|---|",
            *(f"| {plain(old)} | {plain(new)} | {count:,} |" for (old, new), count in moves),
            "",
        ]
    size, seed = sample
    if seed is not None:
        lines += [
            f"A random sample of {size:,} examples (seed {seed}) was drawn; `sampled` in the "
            "decisions says which of its members were decided.",
            "",
        ]
    lines += [f"- Format: {written.kind}. {plain(written.note)}".rstrip()]
    if cleaned.emptied:
        lines += [
            f"- Classes without an example any more: {', '.join(map(plain, cleaned.emptied))}"
        ]
    lines += [f"- {plain(note)}" for note in after.notes if note not in before.notes]
    if before.left_out:
        lines += [
            f"- Left out when the data were read: {len(before.left_out):,}, in `{LEFT_OUT_FILE}`."
        ]
    if written.renamed:
        lines += [f"- New ids: {len(written.renamed):,}, in `renamed.csv`."]
    lines += [
        f"- Scanned by: {plain(str(scanned.summary.get('detector')))}, "
        f"{plain(str(scanned.summary.get('rule')))}",
        f"- Exported: {at}",
        f"- Data before, SHA-256: `{before.digest}`",
        f"- Data after, SHA-256: `{written.digest}`",
        f"- Decisions (`decisions.parquet`), SHA-256: `{table_sha256}`",
        f"- Scan (`ranking.parquet`), SHA-256: `{scanned.digest}`",
        "",
        "The digests of data are over every id, image and label, in order, as in `data.json` and "
        "`run.json`.",
        "",
    ]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is, in one line."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", escaped)
