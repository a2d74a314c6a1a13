"""What an audit may ask of a suspect model, whatever kind of model it is and whatever it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from radiotracer.data.modality import Modality
from radiotracer.errors import InputError

if TYPE_CHECKING:
    from torch import nn

Access = Literal["weights", "scores", "labels"]
"""What can be had of a suspect: its network, a score per class, or only the class it names."""

Outputs = Literal["logits", "probabilities", "labels", "losses"]
"""What a model's answers to n examples are: a row each, (n, columns), or for the last two (n,).

Log-probabilities are logits too: normalising leaves them alone. Losses are those of a language
model: minus the natural logarithm of the probability of the whole example.
"""

Answers = Literal["classes", "losses"]
"""What scores are about: the classes of an example, or the example itself."""

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]


class Suspect(Protocol):
    """A model under audit.

    What it is asked about are examples in the own form of its modality: images as uint8 of shape
    (n, height, width, channels), texts as a sequence of n; n may be 0.

    Args:
        name: A short text for people.
        identity: For the evidence: its kind, its path or address, the SHA-256 of what files it has.
        modality: What it is asked about.
        answers: What its scores are about.
        classes: How many classes its scores have at least, which are the audit's first ones; None
            where that was not asked.
        access: What it gives. Scores of classes come with labels, weights with both.
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
    def modality(self) -> Modality:
        """What it is asked about."""
        ...

    @property
    def answers(self) -> Answers:
        """What its scores are about."""
        ...

    @property
    def classes(self) -> int | None:
        """The least number of columns that scores have; None: any number."""
        ...

    @property
    def access(self) -> frozenset[Access]:
        """What can be had of it."""
        ...

    def scores(self, content: Any) -> Scores:
        """Log-probabilities, finite: of the classes, or with ``answers="losses"`` of the examples.

        Args:
            content: n examples in the form that its modality has for them.

        Returns:
            Shape (n, columns), columns >= `classes`, normalised over the columns in float64; of
            examples, shape (n, 1).

        Raises:
            InputError: It gives labels only, the content is of another kind, or its answers cannot
                be used.
        """
        ...

    def labels(self, content: Any) -> Labels:
        """The class that it names for each example: the first best score, where there are scores.

        Args:
            content: As for `scores`.

        Returns:
            Shape (n,), each 0 or more.

        Raises:
            InputError: It gives losses only, the content is of another kind, or its answers cannot
                be used.
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
            came=f"{suspect.name}, which gives {what_it_gives(suspect)}",
            do="choose a test that needs no more, or open the model in another way",
        )


def what_it_gives(suspect: Suspect) -> str:
    """What can be had of it, in words."""
    return "losses" if suspect.answers == "losses" else ", ".join(sorted(suspect.access))


def scores_of_none(suspect: Suspect) -> Scores:
    """The scores of no examples, shape (0, columns)."""
    return np.empty((0, 1 if suspect.answers == "losses" else suspect.classes or 0))
