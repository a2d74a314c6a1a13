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
from radiotracer.recipes.parts.attack import Attack, Crafted
from radiotracer.recipes.parts.choosing import require_class
from radiotracer.recipes.parts.recipe import ONLY_IMAGES, require_modality
from radiotracer.recipes.parts.surrogate import look
from radiotracer.recipes.parts.tampered import tampered


@dataclass(frozen=True, eq=False)
class Aim:
    """A target and the training images that may be changed for it.

    Args:
        examples: The data before.
        target: The example to be taken for another class, with its true label.
        base_class: What it is to be taken for.
        candidates: Rows of the base class.
        count: How many of them to change.
    """

    examples: Dataset
    target: Dataset
    base_class: int
    candidates: NDArray[np.int64]
    count: int

    @staticmethod
    def at(examples: Dataset, target: Dataset, *, base_class: int, count: int, recipe: str) -> Aim:
        """Check what the caller wants.

        Raises:
            InputError: The target is not one image like the examples, or of other classes, or of
                the base class already; the base class is unknown; `count` is below 1 or above the
                number of examples in the base class.
        """
        for each in (examples, target):
            require_modality(each, recipe, ONLY_IMAGES)
        require_class(examples, "base_class", base_class)
        if len(target) != 1 or target.content.shape[1:] != examples.content.shape[1:]:
            raise InputError(
                expected=f"target= of one image of shape {examples.content.shape[1:]}",
                came=f"{len(target)} of shape {target.content.shape[1:]}",
                do="choose an image like the examples",
            )
        if target.class_names != examples.class_names:
            raise InputError(
                expected=f"target= of the classes {', '.join(examples.class_names[:10])}",
                came=", ".join(target.class_names[:10]),
                do="choose an image of data with the same classes",
            )
        if target.labels[0] == base_class:
            raise InputError(
                expected="a target of another class than the base class",
                came=f"{examples.class_names[base_class]!r} for both",
                do="choose another target or another base class",
            )
        candidates = np.flatnonzero(examples.labels == base_class)
        if not 1 <= count <= len(candidates):
            raise InputError(
                expected=f"count= from 1 to {len(candidates)}, the examples of "
                f"{examples.class_names[base_class]!r}",
                came=str(count),
                do="change count= or base_class=",
            )
        return Aim(examples, target, base_class, candidates, count)

    def require_unmet(self, network: Objective) -> None:
        """Raise `InputError` when the network takes the target for the base class already."""
        if int(look(network, self.target.content).outputs.argmax()) == self.base_class:
            raise InputError(
                expected="a target that the network does not take for the base class yet",
                came=f"one that it takes for {self.examples.class_names[self.base_class]!r}",
                do="choose another target or another base class",
            )

    def nearest(self, network: Objective) -> NDArray[np.int64]:
        """Rows of the `count` images of the base class that lie nearest to the target, in order.

        Near means by penultimate features: these have the shortest way to go.
        """
        goal = look(network, self.target.content).layers[PENULTIMATE]
        features = look(network, self.examples.content[self.candidates]).layers[PENULTIMATE]
        order = np.argsort(relative_distance(features, goal).numpy(), kind="stable")
        return np.sort(self.candidates[order[: self.count]])

    def crafted(
        self,
        recipe: str,
        rows: NDArray[np.int64],
        poisons: Images,
        distances: NDArray[np.float64],
        *,
        transfers: bool = True,
    ) -> Crafted:
        """The data with `poisons` in place of the images at `rows`; labels stay.

        Args:
            recipe: Its name.
            rows: Where the poisons go.
            poisons: uint8, one image per row.
            distances: As in `Crafted`.
            transfers: As in `Crafted`.
        """
        examples, manifest = tampered(self.examples, rows, recipe, inputs=poisons)
        attack = Attack(
            shown=self.target,
            intended=np.array([self.base_class], dtype=np.int64),
            kind="target",
        )
        return Crafted(
            examples=examples,
            manifest=manifest,
            attack=attack,
            tried=self.count,
            reached=int(manifest.is_tampered.sum()),
            distances=distances,
            transfers=transfers,
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
        do="allow more steps or a larger epsilon=, or choose another target or base class",
    )
