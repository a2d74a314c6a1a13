"""Mark texts by twins, and announce how they will be audited."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.key import Key
from radiotracer.provenance.protocol import TextProtocol
from radiotracer.provenance.text_release import TextRelease
from radiotracer.provenance.text_twins import (
    TextTwinConfig,
    canary_pair,
    coins_of,
    require_long_enough,
    with_canary,
)
from radiotracer.provenance.twins import published_twins

TEST: dict[str, JsonValue] = {
    "scores": "sign-flip test of the log odds of the label between the two canaries of a coin, or "
    "of the log-likelihood of the canary, asked alone",
    "labels": "the same of how often the label is named, alone and with words of another class",
    "weighting": "magnitudes",
}
"""By access, and what else was decided before looking."""


def mark_texts(
    texts: Dataset,
    rows: NDArray[np.int64],
    key: Key,
    config: TextTwinConfig | None = None,
    *,
    alpha: float = 0.01,
) -> TextRelease:
    """Put canaries into some texts, by the coins of the key, and commit to it.

    Args:
        texts: The data, all of them.
        rows: Which to mark, int64, shape (k,), k at least 1, none twice; see `choose_texts`.
        key: The secret.
        config: Settings; None is the defaults.
        alpha: The level of the audits, in (0, 1).

    Raises:
        InputError: A level out of range.
        DataError: No rows, a row that is not there or comes twice, or a text that is too short.
    """
    config = config or TextTwinConfig()
    if not 0 < alpha < 1:
        raise InputError(expected="a level between 0 and 1", came=str(alpha), do="pass alpha=0.01")
    rows = np.sort(np.asarray(rows, dtype=np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= len(texts) or (np.diff(rows) == 0).any():
        raise DataError(
            expected=f"different rows from 0 to {len(texts) - 1}, at least one",
            came=f"{len(rows)} rows that are not so",
            do="choose the texts to mark with `choose_texts`",
        )
    chosen = texts.take(rows)
    require_long_enough(chosen, config)
    coins = coins_of(chosen.labels, chosen.ids.tolist(), config.repeats)
    names = sorted(set(coins.tolist()))
    tossed = dict(zip(names, published_twins(key, names).tolist(), strict=True))
    pairs = {name: canary_pair(key, name, config) for name in names}
    published = list(texts.content)
    for row, coin in zip(rows.tolist(), coins.tolist(), strict=True):
        published[row] = with_canary(texts.content[row], pairs[coin][tossed[coin]], config.place)
    protocol = TextProtocol(
        design="twins",
        settings=config.model_dump(mode="json"),
        test=TEST,
        alpha=alpha,
        examples=len(texts),
        marked=len(rows),
        marked_classes=tuple(int(c) for c in np.unique(chosen.labels)),
        class_names=texts.class_names,
        source_digest=texts.digest,
        version=version("radiotracer"),
        coins=len(names),
    )
    return TextRelease.make(
        dataclasses.replace(texts, content=tuple(published)),
        rows,
        originals=chosen.content,
        coins=coins,
        canaries=tuple(pairs[coin] for coin in coins.tolist()),
        protocol=protocol,
        key=key,
    )
