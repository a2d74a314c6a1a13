"""Where everything random of a mark comes from: bytes by label, from a key or from its coins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Source(ABC):
    """Independent bytes for every label: the same label gives the same bytes."""

    @abstractmethod
    def derive(self, label: str, length: int = 32) -> bytes:
        """Bytes for one purpose.

        Args:
            label: The purpose, e.g. ``"carrier/512/class/17"``; not empty.
            length: In [1, 8160]. Shorter results are the beginnings of longer ones.

        Raises:
            InputError: An empty label, or a length outside its range.
        """

    @abstractmethod
    def each(self, label: str, names: Iterable[str]) -> list[bytes]:
        """32 bytes for each of n names, independent of all others and of the order of the names.

        Args:
            label: The purpose.
            names: n texts; one that comes twice gets the same bytes twice.
        """

    def coins(self, label: str, names: Iterable[str]) -> NDArray[np.bool_]:
        """One fair coin per name, shape (n,): the first bit of `each`."""
        import numpy as np

        return np.array([each[0] >> 7 for each in self.each(label, names)], dtype=np.bool_)

    def generator(self, label: str) -> np.random.Generator:
        """A random generator for one purpose: Philox with 128 derived bits as its key.

        What must come out the same in ten years may only use ``bit_generator.random_raw``: NumPy
        promises that stream for ever, but not how its distributions are made from it (NEP 19).
        """
        import numpy as np

        words = np.frombuffer(self.derive(label, 16), dtype="<u8").astype(np.uint64)
        return np.random.Generator(np.random.Philox(key=words))
