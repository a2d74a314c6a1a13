"""What a kind of suspect model has to say: which models are of it, and how one is opened.

A kind is one object in one file of `models/kinds/`, or of another package (entry points
``radiotracer.suspects``). Nothing else knows kinds by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from radiotracer.data import Dataset
from radiotracer.data.modality import Modality
from radiotracer.provenance.models.preparation import PLAIN, Preparation
from radiotracer.provenance.models.protocol import Outputs, Suspect
from radiotracer.registry import Registry

Given = str | Callable[[Any], Any]
"""What people pass: a path, an address, a name, or a Python function."""


@dataclass(frozen=True)
class Request:
    """A model to be opened, as `open_suspect` was asked for it; its arguments say more.

    Args:
        given: What the model is.
        modality: What it will be asked about.
        like: Examples of that kind; None: there are none yet.
        channels: Of images, where there are none yet; None: not known.
        classes: The least number of columns of its scores; None: any.
        outputs: What it gives; None: what is usual.
        options: What only some kinds have a use for, by name, where it is not None.
        preparation: In which form it takes images.
    """

    given: Given
    modality: Modality
    like: Dataset | None
    channels: int | None
    classes: int | None
    outputs: Outputs | None
    options: Mapping[str, Any]
    preparation: Preparation = PLAIN

    @property
    def path(self) -> Path:
        """Where the model lies, if it is a file or a folder."""
        return Path(str(self.given))


class Kind(Protocol):
    """One kind of suspect model."""

    name: str
    """``"onnx"``."""

    form: str
    """How people pass one, in words: ``"a .onnx file"``."""

    options: frozenset[str]
    """Which of `Request.options` it has a use for. Others are errors: they would change nothing.
    Of `preparation.OPTIONS` all or none: what they say is `Request.preparation`."""

    def matches(self, given: Given) -> bool:
        """Whether this is one, judged by its form: it need not be there."""

    def open(self, request: Request) -> Suspect:
        """Open it; `InputError` where that cannot be done."""

    def arguments(self, identity: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The arguments of `open_suspect` that open the model of an identity again.

        None where it is of another kind, or would have to be asked again to be the same.
        """


KINDS: Registry[Kind] = Registry(
    "kind of suspect model",
    home="radiotracer.provenance.models.kinds",
    group="radiotracer.suspects",
)
"""Every kind of suspect model, by name."""


def is_folder(given: Given) -> bool:
    """Whether it is a folder that is there."""
    try:
        return isinstance(given, str) and Path(given).is_dir()
    except OSError:  # a name that no file can have, or nobody may look
        return False


def has_suffix(given: Given, *suffixes: str) -> bool:
    """Whether it is the name of a file that ends so, in capitals or not; no folder."""
    if not isinstance(given, str) or is_folder(given):
        return False
    return Path(given).suffix.lower() in suffixes
