"""Any model that answers batches of images, as a suspect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Access, Images, Labels, Scores

Ask = Callable[[Images], Scores | Labels]
"""A batch, never empty, to what `answers.checked` let pass: scores (n, columns) or labels (n,)."""


@dataclass(frozen=True, eq=False)
class Answering:
    """A suspect that is asked batch by batch.

    Args:
        ask: Answers one batch.
        name: A short text for people.
        identity: For the evidence.
        classes: The least number of columns; None: any.
        labels_only: Whether `ask` gives labels.
        batch: How many images it is asked about at a time.
    """

    ask: Ask = field(repr=False)
    name: str
    identity: Mapping[str, str]
    classes: int | None = None
    labels_only: bool = False
    batch: int = 256

    @property
    def access(self) -> frozenset[Access]:
        """Scores and labels, or labels only."""
        return frozenset(("labels",) if self.labels_only else ("scores", "labels"))

    def scores(self, images: Images) -> Scores:
        """Log-probabilities, float64 of shape (n, columns); see `Suspect.scores`."""
        if self.labels_only:
            raise InputError(
                expected=f"scores from {self.name}",
                came="a suspect model that gives labels only",
                do="ask for its labels, or choose a test that needs no more",
            )
        if not len(images):
            return np.empty((0, self.classes or 0))
        return self._in_batches(images).astype(np.float64)

    def labels(self, images: Images) -> Labels:
        """The class that it names, the first best where there are scores; int64 of shape (n,)."""
        if not self.labels_only and len(images):
            return np.asarray(self.scores(images).argmax(axis=1), dtype=np.int64)
        return (self._in_batches(images) if len(images) else np.empty(0)).astype(np.int64)

    def _in_batches(self, images: Images) -> NDArray[Any]:
        if images.dtype != np.uint8 or images.ndim != 4:
            raise InputError(
                expected="uint8 images of shape (n, height, width, channels)",
                came=f"{images.dtype} of shape {images.shape}",
                do="pass the images of an Dataset",
            )
        starts = range(0, len(images), self.batch)
        parts = [self.ask(images[start : start + self.batch]) for start in starts]
        widths = sorted({part.shape[1:] for part in parts})
        if len(widths) > 1:
            raise InputError(
                expected=f"as many scores for one image as for another from {self.name}",
                came=" and ".join(str(*width) for width in widths[:2]),
                do="repair the suspect model's answers",
            )
        return np.concatenate(parts)
