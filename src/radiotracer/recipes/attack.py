"""What a tampered data set is meant to do to whoever trains on it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from radiotracer.data import Dataset, Images, Labels
from radiotracer.data.modalities.images import to_inputs
from radiotracer.data.npz import read_arrays, write_npz
from radiotracer.errors import DataError
from radiotracer.files import atomic_file
from radiotracer.recipes.manifest import Manifest
from radiotracer.runs.random_state import random_state_kept

ATTACK_FILE = "attack.npz"

Kind = Literal["target", "trigger"]
"""One chosen image, or any image that carries a patch."""


@dataclass(frozen=True, eq=False)
class Attack:
    """Images that the victim will be shown, and what it is to take them for.

    Args:
        images: uint8, shape (k, height, width, channels), at least one.
        true_labels: What they show, int64, shape (k,).
        intended: The classes that the attacker wants, int64, shape (k,); each another than the
            true one.
        kind: "target" (chosen images, unchanged) or "trigger" (any image, with a patch).

    Raises:
        DataError: The arrays disagree, or there is nothing to achieve.
    """

    images: Images
    true_labels: Labels
    intended: Labels
    kind: Kind

    def __post_init__(self) -> None:
        """Check the arrays once, here."""
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[0] == 0:
            raise DataError(
                expected="uint8 images of shape (k, height, width, channels), at least one",
                came=f"{self.images.dtype} of shape {shape}",
                do="give the images that the victim will be shown",
            )
        require_aims("image", shape[0], self.true_labels, self.intended)
        if self.kind not in get_args(Kind):
            raise DataError(
                expected="an attack of the kind 'target' or 'trigger'",
                came=repr(self.kind),
                do="choose one of them",
            )

    def write(self, folder: Path) -> None:
        """Write ``attack.npz`` into `folder`, atomically."""
        arrays: dict[str, NDArray[Any]] = {
            "images": self.images,
            "true_labels": self.true_labels,
            "intended": self.intended,
            "kind": np.array([self.kind]),
        }
        with atomic_file(folder / ATTACK_FILE) as temporary:
            write_npz(temporary, arrays)

    @staticmethod
    def read(folder: Path) -> Attack | None:
        """The attack in `folder`, or None when there is none.

        Raises:
            DataError: It cannot be read, or is no attack.
        """
        path = folder / ATTACK_FILE
        if not path.is_file():
            return None
        arrays = read_arrays(path)
        try:
            return Attack(
                images=arrays["images"],
                true_labels=arrays["true_labels"],
                intended=arrays["intended"],
                # Checked where it is made, above.
                kind=cast(Kind, ", ".join(arrays["kind"].astype(str).ravel())),
            )
        except (DataError, KeyError) as error:
            missing = isinstance(error, KeyError)
            raise DataError(
                expected=f"an attack at {path}",
                came=f"an archive without {error}" if missing else str(error),
                do="restore or remove it",
            ) from error


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
    """

    examples: Dataset
    manifest: Manifest
    attack: Attack
    tried: int
    reached: int
    distances: NDArray[np.float64]


def require_aims(kind: str, k: int, true_labels: Labels, intended: Labels) -> None:
    """Raise `DataError` unless each of k examples is to be taken for another class than its own.

    Args:
        kind: What an example is, in the singular, for errors.
        k: How many there are.
        true_labels: Must be int64, shape (k,), at least 0.
        intended: The same.
    """
    labels = (true_labels, intended)
    if any(each.dtype != np.int64 or each.shape != (k,) for each in labels):
        raise DataError(
            expected=f"int64 labels of shape ({k},)",
            came=" and ".join(f"{each.dtype} of shape {each.shape}" for each in labels),
            do=f"give a true and an intended class for each {kind}",
        )
    if min(each.min() for each in labels) < 0 or (true_labels == intended).any():
        raise DataError(
            expected="intended classes that differ from the true ones, both at least 0",
            came="others",
            do=f"leave out the {kind}s that already are of the intended class",
        )


def success(model: nn.Module, attack: Attack, batch_size: int = 512) -> float:
    """The share of the attack's images that `model` takes for what the attacker wants, in [0, 1].

    Args:
        model: Takes floats in [0, 1], shape (n, c, h, w), and gives logits. Looked at in evaluation
            mode through a copy: its own mode and the random states stay as they were found.
        attack: k images.
        batch_size: Images per forward pass.
    """
    private = copy.deepcopy(model).eval()
    device = next((weights.device for weights in private.parameters()), None)
    hits = 0
    with random_state_kept(), torch.no_grad():
        for start in range(0, len(attack.images), batch_size):
            rows = slice(start, start + batch_size)
            outputs = private(to_inputs(attack.images[rows]).to(device))
            hits += int((outputs.argmax(dim=1).cpu().numpy() == attack.intended[rows]).sum())
    return hits / len(attack.images)
