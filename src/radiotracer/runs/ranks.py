"""The processes of one training: each learns from rows of its own, and one of them writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import distributed

Found = TypeVar("Found")


@dataclass(frozen=True)
class Ranks:
    """Which process this is of how many, from 0.

    What processes do together each has to call, in the same order: otherwise the others wait.
    """

    rank: int = 0
    count: int = 1

    @staticmethod
    def joined() -> Ranks:
        """Those of torch.distributed where it was set up; this process alone otherwise."""
        if distributed.is_available() and distributed.is_initialized():
            return Ranks(distributed.get_rank(), distributed.get_world_size())
        return Ranks()

    @property
    def writes(self) -> bool:
        """Whether it is this one that writes."""
        return self.rank == 0

    def every(self, mine: Found) -> list[Found]:
        """What each has, in the order of ranks."""
        if self.count == 1:
            return [mine]
        found: list[Any] = [None] * self.count
        distributed.all_gather_object(found, mine)
        return found

    def once(self, act: Callable[[], Found]) -> Found:
        """What one process does for all; its result, or its error, is everybody's."""
        if self.count == 1:
            return act()
        said: list[Any] = [None, None]
        if self.writes:
            try:
                said[0] = act()
            except Exception as error:
                said[1] = error
        distributed.broadcast_object_list(said, src=0)
        if said[1] is not None:
            raise said[1]
        result: Found = said[0]
        return result
