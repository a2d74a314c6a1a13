"""What a tampered data set is meant to do to whoever trains on it."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, Labels, save_examples
from radiotracer.data.inputs import call, each
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.data.saved import open_saved
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.files import atomic_file, storage_errors
from radiotracer.recipes.parts.manifest import Manifest
from radiotracer.runs.random_state import random_state_kept

ATTACK_FOLDER = "attack"
"""Beside the tampered data: a folder that is a DATA argument, with one more file."""

AIMS_FILE = "aims.npz"
"""In that folder: what each example is to be taken for, and the kind of attack."""

Kind = Literal["target", "trigger"]
"""One chosen example, or any example that carries a trigger."""


@dataclass(frozen=True, eq=False)
class Attack:
    """Examples that the victim will be shown, and what it is to take them for.

    Args:
        shown: k examples, at least one, with their true labels.
        intended: The classes that the attacker wants, int64, shape (k,); each another than the
            true one.
        kind: "target" (chosen examples, unchanged) or "trigger" (any, with a patch or a phrase).

    Raises:
        DataError: The numbers disagree, or there is nothing to achieve.
    """

    shown: Dataset
    intended: Labels
    kind: Kind

    def __post_init__(self) -> None:
        """Check the arrays once, here."""
        noun, k = self.shown.modality.noun, len(self.shown)
        if not k:
            raise DataError(
                expected=f"{self.shown.modality.name} that the victim will be shown",
                came="none",
                do="give some",
            )
        if self.intended.dtype != np.int64 or self.intended.shape != (k,):
            raise DataError(
                expected=f"int64 classes of shape ({k},)",
                came=f"{self.intended.dtype} of shape {self.intended.shape}",
                do=f"give an intended class for each {noun}",
            )
        unknown = (self.intended < 0) | (self.intended >= len(self.shown.class_names))
        if unknown.any() or (self.shown.labels == self.intended).any():
            raise DataError(
                expected="intended classes of the data that differ from the true ones",
                came="others",
                do=f"leave out each {noun} that already is of the intended class",
            )
        if self.kind not in get_args(Kind):
            raise DataError(
                expected="an attack of the kind 'target' or 'trigger'",
                came=repr(self.kind),
                do="choose one of them",
            )

    def __repr__(self) -> str:
        """What it is, in one short line."""
        return f"Attack({self.kind!r}, {self.shown!r})"

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the folder ``attack`` into `folder`, which must exist and have none."""
        place = Path(folder) / ATTACK_FOLDER
        arrays = {"intended": self.intended, "kind": np.array([self.kind])}
        with storage_errors(place):
            place.mkdir()
        save_examples(self.shown, place)
        with atomic_file(place / AIMS_FILE) as temporary:
            write_npz(temporary, arrays)

    @staticmethod
    def read(folder: str | os.PathLike[str]) -> Attack | None:
        """The attack in `folder`, or None when there is none.

        Raises:
            DataError: It cannot be read, or is no attack.
        """
        place = Path(folder) / ATTACK_FOLDER
        if not place.is_dir():
            return None
        arrays = read_arrays(place / AIMS_FILE, ["intended", "kind"])
        try:
            return Attack(
                shown=open_saved(place),
                intended=arrays["intended"],
                # Checked where it is made, above.
                kind=cast(Kind, ", ".join(arrays["kind"].astype(str).ravel())),
            )
        except (DataError, KeyError) as error:
            missing = isinstance(error, KeyError)
            raise DataError(
                expected=f"an attack at {place}",
                came=f"an archive without {error}" if missing else str(error),
                do="restore or remove it",
            ) from error


def triggered_by(queries: Dataset, rows: NDArray[np.int64], content: Any, to_class: int) -> Attack:
    """The attack by examples of other classes that carry a trigger.

    Args:
        queries: What was not trained on.
        rows: The k examples that carry it.
        content: They with the trigger, as their modality has it.
        to_class: What the attacker wants.
    """
    return Attack(
        shown=queries.take(rows).with_content(np.arange(len(rows)), content),
        intended=np.full(len(rows), to_class, dtype=np.int64),
        kind="trigger",
    )


@dataclass(frozen=True, eq=False)
class Crafted:
    """A data set with poisons in it, and how well they turned out.

    Args:
        examples: The tampered data, in the order of the data before.
        manifest: Which examples were tampered with.
        attack: What they are meant to do.
        tried: How many images the recipe set out to change.
        reached: How many became poisons; the others stay as they were.
        distances: How far the poisons are from what they aim at, 0 at best, float64: one number
            per poison in row order, shape (reached,), or one for all where poisons work together,
            shape (1,).
        transfers: Whether it is made for victims that keep the attacker's features, and train the
            last layer alone.
    """

    examples: Dataset
    manifest: Manifest
    attack: Attack
    tried: int
    reached: int
    distances: NDArray[np.float64]
    transfers: bool = True


def success(model: nn.Module, attack: Attack, batch_size: int = 512) -> float:
    """The share of the attack's examples that `model` takes for what the attacker wants, in [0, 1].

    Args:
        model: Takes what the modality makes of examples, and gives logits. Looked at in evaluation
            mode through a copy: its own mode and the random states stay as they were found.
        attack: k examples.
        batch_size: Examples per forward pass.

    Raises:
        NotFiniteError: An output is NaN or infinite.
    """
    private = copy.deepcopy(model).eval()
    device = next((weights.device for weights in private.parameters()), None)
    shown, hits = attack.shown, 0
    with random_state_kept(), torch.no_grad():
        for start in range(0, len(shown), batch_size):
            rows = slice(start, start + batch_size)
            inputs = each(
                shown.modality.inputs(shown.content, rows), lambda value: value.to(device)
            )
            outputs = call(private, inputs)
            if not torch.isfinite(outputs).all():
                raise NotFiniteError(
                    expected="finite outputs", came="NaN or infinity", do="check the weights"
                )
            guesses = outputs.argmax(dim=1).cpu().numpy()
            hits += int((guesses == attack.intended[rows]).sum())
    return hits / len(shown)
