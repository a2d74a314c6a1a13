"""What every targeted clean-label attack shares: its target, its bases, and what comes out.

The attacker wants one chosen image (the target) to be taken for another class (the base class), and
changes training images of the base class only in their pixels: every label stays right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.data import Dataset, Images
from radiotracer.errors import InputError
from radiotracer.gradients import PENULTIMATE, Objective
from radiotracer.recipes.attack import Attack, Crafted
from radiotracer.recipes.choosing import require_class
from radiotracer.recipes.surrogate import look
from radiotracer.recipes.tampered import tampered


@dataclass(frozen=True, eq=False)
class Aim:
    """A target and the training images that may be changed for it.

    Args:
        examples: The data before.
        target: uint8, shape (1, h, w, c).
        target_label: What it shows.
        base: What it is to be taken for.
        candidates: Rows of the base class.
        count: How many of them to change.
    """

    examples: Dataset
    target: Images
    target_label: int
    base: int
    candidates: NDArray[np.int64]
    count: int

    @staticmethod
    def at(examples: Dataset, target: Images, target_label: int, *, base: int, count: int) -> Aim:
        """Check what the caller wants.

        Raises:
            InputError: The target is no image like the examples, or is of the base class already; a
                class is unknown; `count` is below 1 or above the number of examples in the base
                class.
        """
        for option, label in (("target_label", target_label), ("base", base)):
            require_class(examples, option, label)
        if target.dtype != np.uint8 or target.shape != examples.content.shape[1:]:
            raise InputError(
                expected=f"a uint8 target of shape {examples.content.shape[1:]}",
                came=f"{target.dtype} of shape {target.shape}",
                do="choose an image like the examples",
            )
        if target_label == base:
            raise InputError(
                expected="a target of another class than the base class",
                came=f"{examples.class_names[base]!r} for both",
                do="choose another target or another base class",
            )
        candidates = np.flatnonzero(examples.labels == base)
        if not 1 <= count <= len(candidates):
            raise InputError(
                expected=f"from 1 to {len(candidates)} poisons, the examples of "
                f"{examples.class_names[base]!r}",
                came=str(count),
                do="change the count or the base class",
            )
        return Aim(examples, target[np.newaxis], target_label, base, candidates, count)

    def require_unmet(self, network: Objective) -> None:
        """Raise `InputError` when the network takes the target for the base class already."""
        if int(look(network, self.target).outputs.argmax()) == self.base:
            raise InputError(
                expected="a target that the network does not take for the base class yet",
                came=f"one that it takes for {self.examples.class_names[self.base]!r}",
                do="choose another target or another base class",
            )

    def nearest(self, network: Objective) -> NDArray[np.int64]:
        """Rows of the `count` images of the base class that lie nearest to the target, in order.

        Near means by penultimate features: these have the shortest way to go.
        """
        goal = look(network, self.target).layers[PENULTIMATE]
        features = look(network, self.examples.content[self.candidates]).layers[PENULTIMATE]
        order = np.argsort(relative_distance(features, goal).numpy(), kind="stable")
        return np.sort(self.candidates[order[: self.count]])

    def crafted(
        self,
        recipe: str,
        rows: NDArray[np.int64],
        poisons: Images,
        distances: NDArray[np.float64],
    ) -> Crafted:
        """The data with `poisons` in place of the images at `rows`; labels stay.

        Args:
            recipe: Its name.
            rows: Where the poisons go.
            poisons: uint8, one image per row.
            distances: As in `Crafted`.
        """
        examples, manifest = tampered(self.examples, rows, recipe, inputs=poisons)
        attack = Attack(
            images=self.target,
            true_labels=np.array([self.target_label], dtype=np.int64),
            intended=np.array([self.base], dtype=np.int64),
            kind="target",
        )
        return Crafted(
            examples=examples,
            manifest=manifest,
            attack=attack,
            tried=self.count,
            reached=int(manifest.is_tampered.sum()),
            distances=distances,
        )


def relative_distance(features: Tensor, goal: Tensor) -> Tensor:
    """``||f_i - f(t)|| / ||f(t)||``: features (n, d) and the target's (1, d) to shape (n,)."""
    distance: Tensor = (features - goal).norm(dim=1) / goal.norm()
    return distance


def out_of_reach(what: str, nearest: float, tolerance: float) -> InputError:
    """The error of an attack whose poisons did not come near enough."""
    return InputError(
        expected=f"{what} within {tolerance:g}",
        came=f"{nearest:.3g} at best",
        do="allow more steps or a larger epsilon, or choose another target or base class",
    )
