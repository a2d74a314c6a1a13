"""Mark data by a design: choose the examples, prepare and commit, draw the coins, publish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, JsonValue
from torch import nn

from radiotracer.data import Dataset
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.announcing import announced
from radiotracer.provenance.choosing import Policy, choose_rows, of_classes, require_share
from radiotracer.provenance.coins import Coins, KeyNonces
from radiotracer.provenance.design import Candidates, Design
from radiotracer.provenance.designs import DESIGNS, design_for
from radiotracer.provenance.kept import Kept, fingerprint_of
from radiotracer.provenance.key import Key
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.protocol import require_log_name
from radiotracer.provenance.randomness import Randomness, StrengthName
from radiotracer.provenance.release import Release
from radiotracer.provenance.strengths.owner import owners
from radiotracer.runs import ModelSpec


def choose(
    data: Dataset,
    share: float,
    policy: Policy,
    key: Key,
    *,
    design: str | BaseModel | None = None,
    models: Sequence[nn.Module] = (),
    classes: Sequence[int] | None = None,
    batch_size: int = 500,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> NDArray[np.int64]:
    """Choose the examples to mark; `choosing.choose_rows` says how each policy does it.

    Args:
        data: All of them.
        share: Of the examples, in (0, 1); the design says of which, and whether class by class.
            Rounded to the nearest example, at least one.
        policy: ``"random"``, which needs no network, ``"hardest"`` or ``"self-influence"``.
        key: The secret.
        design: What will be planted: a design's settings, or its name; None is the default one.
        models: Networks that take the examples and give a logit per class; at least one unless
            `policy` is ``"random"``. Left as they were found.
        classes: Which classes to mark; None is all.
        batch_size: Examples per pass.
        progress: Told ``"choosing"``, how many examples the networks have seen, and of how many.

    Returns:
        Rows, ascending, int64, shape (k,).

    Raises:
        InputError: A share outside (0, 1), no such design or one that cannot mark these examples,
            no candidate in the classes, or a network that is missing or does not fit.
        DataError: The design can mark none of them.
        NotFiniteError: A network gives NaN or infinity.
    """
    kind, settings = design_for(design, data.modality)
    candidates = candidates_of(data, share, key, kind, settings)
    if classes is not None:
        candidates = of_classes(candidates, data, classes)
    return choose_rows(
        data, candidates, policy, key, models=models, batch_size=batch_size, progress=progress
    )


def candidates_of(
    data: Dataset, share: float, key: Key, design: Design[Any], settings: BaseModel
) -> Candidates:
    """Which examples a design may mark, and which share of them.

    Raises:
        InputError: A share outside (0, 1), or one that the design cannot mark.
        DataError: The design can mark none of them.
    """
    require_share(share)
    return design.candidates(data, share, key, settings)


def mark(
    examples: Dataset,
    rows: NDArray[np.int64],
    key: Key,
    models: Sequence[nn.Module] = (),
    design: str | BaseModel | None = None,
    **given: Any,
) -> Release:
    """Mark some examples in one go: `prepare`, and `publish` by coins that the owner draws.

    Args:
        examples: See `prepare`.
        rows: See `prepare`.
        key: See `prepare`.
        models: See `prepare`.
        design: See `prepare`.
        given: What else `prepare` takes.

    Raises:
        InputError: As for `prepare`.
        DataError: As for `prepare`.
    """
    prepared = prepare(examples, rows, key, models, design, **given)
    going_on = {name: given[name] for name in ("kept", "progress") if name in given}
    return publish(prepared, key, owners(key), models, **going_on)


def prepare(
    examples: Dataset,
    rows: NDArray[np.int64],
    key: Key,
    models: Sequence[nn.Module] = (),
    design: str | BaseModel | None = None,
    *,
    spec: ModelSpec | None = None,
    alpha: float = 0.01,
    coins: StrengthName = "owner",
    references: Sequence[str] = (),
    log: str | None = None,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Prepared:
    """Fix everything about a release but how its coins fall, and commit to it.

    Args:
        examples: The data, all of them.
        rows: Which to mark, int64, shape (k,), k at least 1, none twice; see `choose`.
        key: The secret.
        models: The marking networks, where the design needs some; one that needs one uses the
            first alone, and its weights are sealed.
        design: The settings of a design, which say which one it is; its name, for its default
            settings; or None, for the default design of such examples.
        spec: What network the first of `models` is, where it is sealed: audits build it again.
        alpha: The level of the audits, in (0, 1).
        coins: What the coins will be drawn by.
        references: SHA-256 of each reference that audits may count.
        log: The log that every audit is written to, which others hold: what they find it by, one
            line of at most 200 characters; see `looks`. None: there is none.
        kept: Where finished batches are kept, so that a marking that was stopped goes on there.
        progress: Told what is done, how much of it, and of how many.

    Raises:
        InputError: A network that is missing or does not fit, a setting out of range, no such
            design, or one that cannot mark these examples.
        DataError: No rows, or a row that is not there or comes twice.
    """
    if not 0 < alpha < 1:
        raise InputError(
            expected="alpha= between 0 and 1", came=str(alpha), do="pass, say, alpha=0.01"
        )
    require_log_name(log)
    rows = np.sort(np.asarray(rows, dtype=np.int64))
    if not len(rows) or rows[0] < 0 or rows[-1] >= len(examples) or (np.diff(rows) == 0).any():
        raise DataError(
            expected=f"different rows from 0 to {len(examples) - 1}, at least one",
            came=f"{len(rows)} rows that are not so",
            do=f"choose the {examples.modality.name} to mark with `choose`",
        )
    kind, settings = design_for(design, examples.modality)
    _require_networks(kind, models, spec)
    chosen = examples.take(rows)
    if kept is not None:
        kept.begin(_about(chosen, key, models, settings, kind.name))
    laid = kind.prepare(chosen, key, models, settings, kept=kept, progress=progress)
    protocol = announced(
        examples,
        rows,
        models,
        settings,
        spec=None if laid.extractor is None else spec,
        alpha=alpha,
        coins=coins,
        references=references,
        log=log,
    )
    return Prepared.make(examples, rows, laid, protocol, key)


def publish(
    prepared: Prepared,
    key: Key,
    randomness: Randomness,
    models: Sequence[nn.Module] = (),
    *,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Release:
    """Draw the coins of what was prepared, and publish as they fell.

    Args:
        prepared: What was committed to.
        key: Its secret.
        randomness: What the coins are drawn by, of the strength that was committed to.
        models: The networks of `prepare`, for designs that mark after the coins.
        kept: As for `prepare`; where it is another one, it must have begun with the commitment.
        progress: As for `prepare`.

    Raises:
        InputError: Another key, other networks, or coins of another strength.
    """
    prepared.require_committed(key)
    protocol = prepared.protocol
    if randomness.strength != protocol.coins:
        raise InputError(
            expected=f"coins by {protocol.coins}, as was committed to",
            came=f"coins by {randomness.strength}",
            do=f"draw them by {protocol.coins}, or prepare again",
        )
    kind = DESIGNS[protocol.design]
    if kind.marks_after_coins:
        found = tuple(fingerprint_of([each]) for each in models)
        if found != protocol.networks:
            raise InputError(
                expected=f"the marking networks that were committed to: "
                f"{', '.join(each[:12] for each in protocol.networks)}",
                came=", ".join(each[:12] for each in found) or "none",
                do="pass the same extractors in the same order (extractor=)",
            )
    planted = kind.publish(
        prepared.laid,
        prepared.chosen,
        Coins(KeyNonces(key), randomness.bytes),
        models,
        kind.settings.model_validate(protocol.settings),
        kept=kept,
        progress=progress,
    )
    return Release.make(prepared, planted, randomness)


def _require_networks(
    design: Design[Any], models: Sequence[nn.Module], spec: ModelSpec | None
) -> None:
    if design.networks == "none" and models:
        raise InputError(
            expected=f"no network: {design.name} are planted without one",
            came=str(len(models)),
            do="leave it out",
        )
    if design.networks not in {"none", "any"} and not models:
        raise InputError(
            expected=f"a network to mark with by {design.name}",
            came="none",
            do="train one on such data",
        )
    if design.networks == "one" and spec is None:
        raise InputError(
            expected="what network it is: audits build it again",
            came="spec=None",
            do="pass the `ModelSpec` of a network of radiotracer.training",
        )


def _about(
    chosen: Dataset, key: Key, models: Sequence[nn.Module], settings: BaseModel, design: str
) -> dict[str, JsonValue]:
    """All that a batch may depend on; of the key, what tells nothing of it."""
    name = chosen.modality.name
    return {
        "radiotracer": version("radiotracer"),
        "torch": str(torch.__version__),
        "threads": torch.get_num_threads(),
        "design": design,
        **{it.replace("_", " "): value for it, value in settings.model_dump(mode="json").items()},
        f"number of {name}": len(chosen),
        f"{name} to mark": chosen.digest,
        "key": key.derive("marking/kept").hex(),
        "marking networks": fingerprint_of(models),
    }
