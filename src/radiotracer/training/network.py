"""What a reference network has to say: which examples it takes, how it is built and trained.

A network is one object in one file of `training/networks/`, or of another package (entry points
``radiotracer.networks``). Everything else here, the loop, `radiotracer train` and `radiotracer
check`, knows networks by these objects alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radiotracer.errors import InputError
from radiotracer.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.data import Dataset


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """One reference network.

    Args:
        name: What ``architecture=`` calls it, and runs record. It never changes.
        build: Makes it with fresh weights drawn from torch's global generator, from keywords: those
            of `sizes`, ``classes``, and ``width`` where it has a choice of it. The module gives
            logits, shape (n, classes), and its last linear layer is called ``head``.
        sizes: What of a data set it is built for, as keywords of `build`: ``{"channels": 3}``.
        modalities: Names of the kinds of examples that it takes; None for every kind whose inputs
            are one tensor of floats.
        default: Whether it is what these kinds are trained with where nothing is said.
        settings: Where `TrainConfig` has other defaults for it, by name.
        quick: Settings of a training on n examples that takes minutes on a processor, by name.
        fit: Makes fresh weights fit for the data, such as by their mean and spread.
        packaged: Whether it begins with weights of a package, which the module's method
            ``put_packaged_weights`` takes over, and not with fresh ones.
    """

    name: str
    build: Callable[..., nn.Module]
    sizes: Callable[[Dataset], Mapping[str, int]]
    modalities: frozenset[str] | None
    default: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    quick: Callable[[int], Mapping[str, Any]] = lambda _: {}
    fit: Callable[[nn.Module, Dataset], None] = lambda *_: None
    packaged: bool = False

    def __repr__(self) -> str:
        """Its name, and what it takes."""
        return f"Network({self.name!r} for {self._takes})"

    @property
    def _takes(self) -> str:
        return "floats" if self.modalities is None else ", ".join(sorted(self.modalities))

    def require_takes(self, data: Dataset) -> None:
        """Raise `InputError` where it is no network for this kind of example."""
        if self.modalities is not None and data.modality.name not in self.modalities:
            kind = data.modality.name
            own = [each for each in NETWORKS.values() if kind in (each.modalities or ())]
            others = [each.name for each in own or NETWORKS.values() if each.is_for(kind)]
            raise InputError(
                expected=f"a network for {kind} ({', '.join(sorted(others))})",
                came=f"{self.name}, which is for {self._takes}",
                do="choose another architecture=",
            )

    def is_for(self, modality: str) -> bool:
        """Whether it takes this kind of example; of floats, as far as can be said beforehand."""
        return self.modalities is None or modality in self.modalities


NETWORKS: Registry[Network] = Registry(
    "network", home="radiotracer.training.networks", group="radiotracer.networks", of=Network
)
"""Every reference network, by name."""


def default_network(data: Dataset) -> Network:
    """What examples of this kind are trained with where nothing is said."""
    kind = data.modality.name
    able = [each for each in NETWORKS.values() if each.is_for(kind)]
    # A network for this very kind before one for anything, and what calls itself the default first.
    able.sort(key=lambda each: (each.modalities is None, not each.default, each.name))
    if not able:
        raise InputError(
            expected=f"a network for {kind}",
            came=f"none: {', '.join(sorted(NETWORKS))} are for others",
            do="register one in radiotracer.training.NETWORKS",
        )
    return able[0]
