"""Reasons to draw and to print, made up: a 3 that is taken for a 9."""

from __future__ import annotations

import numpy as np

from radiotracer import present as report


def png(shade: int = 0) -> str:
    image = np.full((28, 28, 1), 20, np.uint8)
    image[6:22, 6 + shade : 12 + shade] = 220
    return report.picture_uri(image)


def cause(rank: int, label: str, influence: float, *, was: str | None, known: bool) -> report.Cause:
    return report.Cause(
        rank=rank,
        row=40 + rank,
        id=f"train/{40 + rank:05d}",
        label=label,
        influence=influence,
        share=influence / 2000,
        is_tampered=was is not None if known else None,
        original_label=(was or label) if known else None,
        thumbnail=png(rank),
    )


def reason(row: int, names: tuple[str, ...], *, manifest: bool) -> report.Reason:
    three, nine = names[3], names[9]
    was = [three, None, three, None]
    classes = [
        report.Push(label=name, examples=100 + number, influence=push, share=push / 2000)
        for number, (name, push) in enumerate(zip(names, range(600, -800, -100), strict=False))
    ]
    return report.Reason(
        row=row,
        id=f"test/{row:05d}",
        given_label=three,
        predicted_label=nine,
        probability=0.529,
        explained_label=nine,
        thumbnail=png(),
        proponents=tuple(
            cause(rank, nine, 43.45 / rank, was=old, known=manifest)
            for rank, old in enumerate(was, start=1)
        ),
        opponents=tuple(
            cause(rank, three, -15.0814 / rank, was=None, known=manifest) for rank in (1, 2, 3)
        ),
        classes=tuple(classes),
        tampered=report.Push(label="tampered", examples=101, influence=412.3, share=0.206)
        if manifest
        else None,
    )


def reasons(
    names: tuple[str, ...] = tuple("0123456789"), *, queries: int = 2, manifest: bool = True
) -> report.Reasons:
    """An explanation of so many queries, with class names of your choice (ten or more)."""
    return report.Reasons(
        title=f"{names[0]}: the training examples behind a prediction",
        run="run",
        data="tampered",
        data_digest="0" * 64,
        query_data="mnist:test",
        examples=5000,
        tampered=101 if manifest else None,
        method="tracin-cp",
        traced=("head.weight", "head.bias"),
        checkpoints=4,
        label="predicted",
        top_k=4,
        queries=tuple(reason(18 + row, names, manifest=manifest) for row in range(queries)),
        provenance=(("Command", f"radiotracer explain {names[1]}"),),
        notes=(f"A note on {names[2]}.",),
    )
