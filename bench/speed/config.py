"""Sizes of the comparison."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from bench.speed.method import PEERS, Peer


class SpeedConfig(BaseModel):
    """What is measured, and on how much.

    Args:
        train: Training examples of every job.
        queries: Queries of Algorithm 1.
        pair_queries: Queries of the jobs that score every pair.
        width: Channels of the ResNet-18's first stage; 64 is the standard network.
        tokens_width: Numbers per token in the transformer.
        checkpoints: Recorded checkpoints.
        trained: Examples that the networks are trained on.
        rounds: Paired runs: each round runs every method once.
        part: Training examples that slow methods are measured on.
        part_queries: Queries that slow methods are measured on.
        gradient_memory: GiB that a peer's per-example gradients may fill; it decides batch sizes.
        growth_width: The ResNet-18's width while the examples grow.
        growth_train: Training sizes; the first is held while something else grows.
        growth_queries: Query counts; the first is held while something else grows.
        growth_widths: Widths while the parameters grow.
        growth_checkpoints: Recorded checkpoints of the growing cases.
        peers: The libraries to compare with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=2000, ge=2)
    queries: int = Field(default=1000, ge=2)
    pair_queries: int = Field(default=100, ge=2)
    width: int = Field(default=64, ge=1)
    tokens_width: int = Field(default=128, ge=4, multiple_of=4)
    checkpoints: int = Field(default=5, ge=1)
    trained: int = Field(default=2048, ge=64)
    rounds: int = Field(default=5, ge=1)
    part: int = Field(default=64, ge=1)
    part_queries: int = Field(default=32, ge=1)
    gradient_memory: float = Field(default=4.0, gt=0)
    growth_width: int = Field(default=16, ge=1)
    growth_train: tuple[int, ...] = (1000, 2000, 4000, 8000, 16000, 32000)
    growth_queries: tuple[int, ...] = (500, 1000, 2000, 4000, 8000)
    growth_widths: tuple[int, ...] = (8, 16, 32, 64)
    growth_checkpoints: int = Field(default=2, ge=1)
    peers: tuple[Peer, ...] = PEERS


QUICK: dict[str, object] = {
    "train": 256,
    "queries": 128,
    "pair_queries": 32,
    "width": 16,
    "tokens_width": 64,
    "checkpoints": 2,
    "trained": 512,
    "rounds": 3,
    "part": 16,
    "part_queries": 8,
    "gradient_memory": 0.5,
    "growth_width": 8,
    "growth_train": (250, 500, 1000, 2000),
    "growth_queries": (125, 250, 500, 1000),
    "growth_widths": (8, 16, 32),
    "growth_checkpoints": 1,
}
"""Settings of ``python -m bench speed --quick``: a narrow network and an eighth of the examples."""
