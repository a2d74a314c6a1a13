"""What a backbone has to say: which examples it takes, what it needs, how it looks at them.

A backbone is one object in one file of `backbones/encoders/`, or of another package (entry points
``radiotracer.backbones``). Its weights stay as they are; labels are never shown to it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError
from radiotracer.registry import Registry

if TYPE_CHECKING:
    from radiotracer.data import Dataset

Look = Callable[["Dataset", slice], NDArray[np.float32]]
"""From a data set and consecutive rows of it to their vectors, float32, shape (len, d).

What an example's vector is does not depend on the examples beside it, rounding aside.
"""


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of n examples, of which every column means something by itself.

    Args:
        values: Numbers of any scale, NaN where one is missing, shape (n, d).
        categories: Places of columns that hold numbers of categories, from 0.
    """

    values: NDArray[Any]
    categories: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Backbone:
    """One way to turn examples into vectors.

    Args:
        name: What ``backbone=`` calls it. It never changes.
        summary: What it is, in a few words for people.
        modalities: Names of the kinds of examples that it takes; None for every kind whose inputs
            are one tensor of floats.
        open: Loads the weights, or fits to the training examples where `fits`. It is given the
            training data, and is called once in each process: workers must be able to import it.
        identify: Says which weights and which preparation of the examples these are, in a text:
            features are kept under it. Only asked where all that it needs is there.
        rank: Among those of the same kind, the lowest that is there is the default.
        packages: What has to be importable.
        install: The command that brings the packages.
        fits: Whether it is fitted to the training examples, such as to their words.
        sparse: From the training examples to what gives a sparse matrix of n rows of any data, for
            linear models, which can read more than `open` gives; None where there is no more.
        cells: Columns that mean something by themselves, for models that read one after the other;
            None of data whose columns do not. None where that is never so.
        pictures: uint8, shape (n, h, w, channels), for networks that are trained from nothing; None
            where other models know what is there.
        kept: Whether its features are worth keeping on the disk, and known by `identify`.
    """

    name: str
    summary: str
    modalities: frozenset[str] | None
    open: Callable[[Dataset], Look]
    identify: Callable[[], str]
    rank: int = 100
    packages: tuple[str, ...] = ()
    install: str = ""
    fits: bool = False
    sparse: Callable[[Dataset], Callable[[Dataset], Any]] | None = None
    cells: Callable[[Dataset], Cells | None] | None = None
    pictures: Callable[[Dataset], NDArray[np.uint8]] | None = None
    kept: bool = True

    def __repr__(self) -> str:
        """Its name, and what it takes."""
        return f"Backbone({self.name!r} for {self._takes})"

    @property
    def identity(self) -> str:
        """Weights and preparation, in a text: what has the same gives the same features."""
        return self.identify()

    @property
    def _takes(self) -> str:
        return "floats" if self.modalities is None else ", ".join(sorted(self.modalities))

    def missing(self) -> str | None:
        """The command that brings the packages that it needs; None where all are there."""
        there = all(importlib.util.find_spec(each) is not None for each in self.packages)
        return None if there else self.install

    def is_for(self, modality: str) -> bool:
        """Whether it takes this kind of example; of floats, as far as can be said beforehand."""
        return self.modalities is None or modality in self.modalities

    def require(self, modality: str) -> None:
        """Raise `InputError` where it is for other examples, or a package is missing."""
        if not self.is_for(modality):
            names = [each.name for each in BACKBONES.values() if each.is_for(modality)]
            raise InputError(
                expected=f"a backbone for {modality} ({', '.join(names)})",
                came=f"{self.name}, which is for {self._takes}",
                do="choose another backbone=",
            )
        command = self.missing()
        if command is not None:
            raise InputError(
                expected=f"the package {self._first_missing()}, for the backbone {self.name}",
                came="an environment without it",
                do=command,
            )

    def _first_missing(self) -> str:
        absent = (each for each in self.packages if importlib.util.find_spec(each) is None)
        return next(absent).replace("_", "-")


BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    home="radiotracer.backbones.encoders",
    group="radiotracer.backbones",
    of=Backbone,
    order=lambda each: (each.modalities is None, each.rank, each.name),
)
"""Every backbone, by name."""


def backbones_for(modality: str) -> tuple[Backbone, ...]:
    """Those that are meant for a kind of example, the preferred one first.

    Whoever uses `default_backbone` says with these which better ones there are, and what they miss.
    """
    own = tuple(each for each in BACKBONES.values() if modality in (each.modalities or ()))
    # Pixels by themselves tell photographs apart badly, so a kind with backbones of its own has
    # no other; a kind that nobody has thought of may be numbers.
    return own or tuple(each for each in BACKBONES.values() if each.modalities is None)


def default_backbone(modality: str) -> Backbone:
    """The preferred one of those that can be used here.

    Args:
        modality: Its name, such as ``"images"``.

    Raises:
        InputError: All miss packages; the text has the command that brings the preferred one's.
    """
    able = backbones_for(modality)
    found = next((each for each in able if each.missing() is None), None)
    if found is None:
        raise InputError(
            expected=f"a backbone for {modality}",
            came="none whose packages are installed",
            do=able[0].missing() or "register one in radiotracer.backbones.BACKBONES",
        )
    return found
