"""What stands between an audit and a suspect has everything of the suspect's but its answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from radiotracer.data.modality import Modality
from radiotracer.provenance.models.protocol import Access, Answers, Suspect, network_of

if TYPE_CHECKING:
    from torch import nn


class Wrapped:
    """Another suspect's name, identity, modality and access.

    Args:
        suspect: The other.
    """

    def __init__(self, suspect: Suspect) -> None:
        self.suspect = suspect

    @property
    def name(self) -> str:
        """The suspect's."""
        return self.suspect.name

    @property
    def identity(self) -> Mapping[str, str]:
        """The suspect's."""
        return self.suspect.identity

    @property
    def modality(self) -> Modality:
        """The suspect's."""
        return self.suspect.modality

    @property
    def answers(self) -> Answers:
        """The suspect's."""
        return self.suspect.answers

    @property
    def classes(self) -> int | None:
        """The suspect's."""
        return self.suspect.classes

    @property
    def access(self) -> frozenset[Access]:
        """The suspect's."""
        return self.suspect.access

    @property
    def costly(self) -> bool:
        """The suspect's: whether its answers may cost something."""
        return bool(getattr(self.suspect, "costly", False))

    def network(self) -> nn.Module:
        """The suspect's network, if it gives weights; see `network_of`."""
        return network_of(self.suspect)
