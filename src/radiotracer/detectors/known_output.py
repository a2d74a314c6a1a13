"""Who taught a known wrong output: examples whose gradients point where its own does.

Given are examples j that say what a network without classes wrongly gives (an *incident*): of a
language model a prompt with the completion that it gave, asked about the completion alone; of a
regression an input with the number that it predicted. What lowered the loss of such an example
taught it, so its proponents are the suspicious ones. By direction alone (GAS, Hammoudeh and Lowd
2022), because a long text has a large gradient, which leads every list of plain influence:

    score_i = sum_c eta_c <g_i, sum_j g_j / ||g_j||> / ||g_i||

Of a classifier's incident the true label is given, not the wrong one, and its layers are asked:
`known_target.py`.

Where there are validation examples, which did not teach anything, they are scored likewise, which
gives the p-values of the others (`contrast/tail.py`). Without, nothing says how high an innocent
example scores: that is a ranking, and nothing is flagged by it.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from radiotracer.detectors.contrast.tail import p_values
from radiotracer.detectors.protocol import Need, Observation, Ranking, Trace
from radiotracer.detectors.registry import DETECTORS, KNOWN_OUTPUT


@dataclass(frozen=True)
class KnownOutput:
    """Influence by direction on what a network wrongly gives; see the module's text."""

    name: str = KNOWN_OUTPUT
    summary: str = "influence by direction on a known wrong output, all layers (GAS)"
    needs: frozenset[Need] = frozenset({Need.OUTPUT, Need.SAME_LOOK})
    baseline: bool = False

    def observe(self, seen: Observation) -> Tensor:
        """This checkpoint's influence, shape (n, 1)."""
        assert seen.taught is not None  # noqa: S101
        return seen.taught.unsqueeze(1)

    def rank(self, trace: Trace) -> Ranking:
        """The sum over the checkpoints; p-values where validation examples were scored, too."""
        scores = trace.train[:, 0]
        if trace.validation is None:
            return Ranking(scores)
        return Ranking(scores, p_values=p_values(scores, trace.validation[:, 0]))


DETECTORS.register(KnownOutput())
