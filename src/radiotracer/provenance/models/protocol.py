"""What an audit may ask of a suspect model, whatever kind of model it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from torch import nn

Access = Literal["weights", "scores", "labels"]
"""What can be had of a suspect: its network, a score per class, or only the class it names."""

Outputs = Literal["logits", "probabilities", "labels"]
"""What a model's answers are. Log-probabilities are logits too: normalising leaves them alone."""

Images = NDArray[np.uint8]
Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


class Suspect(Protocol):
    """A model under audit.

    Args:
        name: A short text for people.
        identity: For the evidence: its kind, its path or address, the SHA-256 of what files it has.
        classes: How many classes its scores have at least, which are the audit's first ones; None
            where that was not asked.
        access: What it gives. Scores come with labels, weights with both.
    """

    @property
    def name(self) -> str:
        """A short text for people."""
        ...

    @property
    def identity(self) -> Mapping[str, str]:
        """What the evidence says about which model this was."""
        ...

    @property
    def classes(self) -> int | None:
        """The least number of columns that scores have; None: any number."""
        ...

    @property
    def access(self) -> frozenset[Access]:
        """What can be had of it."""
        ...

    def scores(self, images: Images) -> Scores:
        """Log-probabilities, finite, normalised over the columns in float64.

        Args:
            images: uint8, shape (n, height, width, channels), 0 to 255; n may be 0.

        Returns:
            Shape (n, columns), columns >= `classes`.

        Raises:
            InputError: It gives labels only, or its answers cannot be used.
        """
        ...

    def labels(self, images: Images) -> Labels:
        """The class that it names for each image: the first best score, where there are scores.

        Args:
            images: As for `scores`.

        Returns:
            Shape (n,), each 0 or more.

        Raises:
            InputError: Its answers cannot be used.
        """
        ...


class OpenSuspect(Suspect, Protocol):
    """A suspect whose network can be had."""

    def network(self) -> nn.Module:
        """The network in evaluation mode; nobody else holds it."""
        ...


def network_of(suspect: Suspect) -> nn.Module:
    """The suspect's network.

    Raises:
        InputError: It gives no weights.
    """
    require_access(suspect, "weights")
    network: nn.Module = suspect.network()  # type: ignore[attr-defined]  # access says so
    return network


def require_access(suspect: Suspect, access: Access) -> None:
    """Raise `InputError` unless `access` can be had of the suspect."""
    if access not in suspect.access:
        raise InputError(
            expected=f"a suspect model that gives {access}",
            came=f"{suspect.name}, which gives {', '.join(sorted(suspect.access))}",
            do="choose a test that needs no more, or open the model in another way",
        )
