"""Seeds of experiments that are repeated."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from radiotracer.errors import InputError


def _not_negative(seeds: tuple[int, ...]) -> tuple[int, ...]:
    for seed in seeds:
        if seed < 0:
            raise InputError(expected="seed= of at least 0", came=str(seed), do="pass, say, seed=0")
    return seeds


Seeds = Annotated[tuple[int, ...], AfterValidator(_not_negative)]
"""Each at least 0; `InputError` otherwise."""
