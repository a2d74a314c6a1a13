"""One way to compute scores, and how its time grows beyond what was measured."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from bench.speed.case import Case

Formula = Literal["sum", "self-influence", "pairs", "last-layer"]
"""Algorithm 1 (summed over the queries), self-influence, every pair, every pair by the last layer.
"""

Peer = Literal["captum", "dattri"]

PEERS: tuple[Peer, ...] = ("captum", "dattri")
"""The libraries that are compared with ours."""

BYTES = 4
"""Of one number of a gradient in single precision."""


@dataclass(frozen=True)
class Budget:
    """How much memory per-example gradients may fill, which decides the peers' batch sizes.

    Args:
        gigabytes: For the gradients that are held at once, in GiB.
    """

    gigabytes: float

    def fits(self, parameters: int) -> int:
        """How many per-example gradients of that many parameters fit: at least 2."""
        return max(2, int(self.gigabytes * 2**30 / (BYTES * parameters)))


@dataclass(frozen=True)
class Method:
    """One way to compute the scores of a formula.

    Args:
        name: What the table shows.
        library: ``"radiotracer"``, ``"torch"``, ``"captum"`` or ``"dattri"``.
        compute: Scores of a case: shape (n_train,) or (n_train, n_queries), positive for
            proponents; None when the method is no influence but a yardstick.
        gradients: How many per-example gradients it computes at each checkpoint. A method that has
            this is slow: it is measured on a part, and its time is scaled by this count. None: it
            is measured in full.
        note: What to know about its scores.
        share: A very slow method is measured on the part divided by this, and in the first round
            alone where it is more than 1.
    """

    name: str
    library: str
    compute: Callable[[Case, Budget], Tensor | None]
    gradients: Callable[[Case, Budget], int] | None = None
    note: str = ""
    share: int = 1

    def scores(self, case: Case, budget: Budget) -> Tensor | None:
        """`compute` as it is measured."""
        # Attention by its plain formula, for every method: the processor's fused attention has
        # neither a forward-mode rule nor a batching rule in torch.
        with sdpa_kernel(SDPBackend.MATH), _quiet(self.library):
            return self.compute(case, budget)


@contextlib.contextmanager
def _quiet(library: str) -> Iterator[None]:
    """Peers draw progress bars and warn of what they set on their own tensors."""
    if library not in PEERS:
        yield
        return
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
