"""Where a scan's evidence comes from, as far as anything but its own file has to know."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.gradients import Data
from radiotracer.health import Health
from radiotracer.opinions.grounds import Grounds


class Source(Protocol):
    """What reports, summaries and reviews ask of the evidence behind a scan of n examples."""

    @property
    def kind(self) -> str:
        """For programs, in summary.json: ``run``, ``out-of-fold``."""

    @property
    def words(self) -> str:
        """Who gave the evidence, for people, as it stands after "a scan of"."""

    @property
    def judge(self) -> str:
        """Who finds that an example looks like a class, as it stands in a sentence."""

    @property
    def opposes(self) -> str:
        """What an opponent of an example is, as it stands after "Opponents are"."""

    @property
    def data(self) -> str | None:
        """The DATA argument of the training examples, where it is known."""

    @property
    def run_folder(self) -> Path | None:
        """Where the recorded training lies, if there is one."""

    @property
    def kept(self) -> str | None:
        """The name of the file that `keep` writes, if it writes one."""

    @property
    def health(self) -> Health | None:
        """What else it says of the data, computed once, when it is first asked; or None."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader, and a program that reads summary.json, should know; sentences."""

    @property
    def caveats(self) -> tuple[str, ...]:
        """What a reader must know before believing influence; sentences."""

    def grounds(self, rate: float, p_values: NDArray[np.float64] | None) -> Grounds | None:
        """What the evidence is worth by its own measure; None where nothing measures it.

        Args:
            rate: The false discovery rate that a list is to keep.
            p_values: Of the examples, shape (n,), if there are any.
        """

    def rows(self) -> list[tuple[str, str]]:
        """What it takes to have the same evidence again: (name, value)."""

    def influence(
        self, rows: NDArray[np.int64], train: Data, validation: Data
    ) -> NDArray[np.float64] | None:
        """Influence of some training examples on the m validation examples, by the last layer.

        Args:
            rows: Which training examples, shape (k,).
            train: All training examples of the scan.
            validation: Its validation examples.

        Returns:
            float64, shape (k, m); positive means a proponent of the validation example. None where
            the evidence has no last layer.
        """

    def keep(self, folder: Path) -> None:
        """Write beside a scan's files what a review needs and cannot find elsewhere.

        Raises:
            StorageError: The disk refused.
        """
