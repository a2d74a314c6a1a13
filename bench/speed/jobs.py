"""The jobs of the comparison: each one formula on one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.speed.case import CaseSpec, Network
from bench.speed.config import SpeedConfig
from bench.speed.method import Formula


@dataclass(frozen=True)
class Job:
    """One formula on one network."""

    title: str
    formula: Formula
    network: Network

    def spec(self, config: SpeedConfig) -> CaseSpec:
        """The case of this job, at the sizes of `config`."""
        queries = config.queries if self.formula == "sum" else config.pair_queries
        return CaseSpec(
            network=self.network,
            width=config.width if self.network == "resnet18" else config.tokens_width,
            checkpoints=config.checkpoints,
            trained=config.trained,
            train=config.train,
            # Self-influence asks no query.
            queries=0 if self.formula == "self-influence" else queries,
        )


JOBS: Mapping[str, Job] = {
    "sum": Job("TracInCP summed over the queries (Algorithm 1)", "sum", "resnet18"),
    "self-influence": Job("Self-influence over all parameters", "self-influence", "resnet18"),
    "pairs": Job("TracInCP of every pair", "pairs", "resnet18"),
    "last-layer": Job("TracInCP of every pair, last layer alone", "last-layer", "resnet18"),
    "transformer-sum": Job("TracInCP summed over the queries", "sum", "transformer"),
    "transformer-self-influence": Job(
        "Self-influence over all parameters", "self-influence", "transformer"
    ),
    "transformer-pairs": Job("TracInCP of every pair", "pairs", "transformer"),
}
"""Jobs that compare methods, by the name that ``--jobs`` takes."""

GROWTH_JOBS = ("growth-train", "growth-queries", "growth-parameters")
"""Jobs that follow our own tracers to larger sizes."""

JOB_NAMES = (*JOBS, *GROWTH_JOBS)
