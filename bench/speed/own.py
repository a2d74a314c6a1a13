"""Our side: the functions of `radiotracer.influence`, as a user calls them."""

from __future__ import annotations

from torch import Tensor

from bench.speed.case import Case
from bench.speed.method import Budget, Formula, Method
from radiotracer.influence import (
    Tracing,
    last_layer_pairs,
    self_influence,
    tracin_cp_pairs,
    tracin_cp_sum,
)


def own_method(formula: Formula) -> Method:
    """The exact tracer of a formula."""
    names = {
        "sum": "tracin_cp_sum",
        "self-influence": "self_influence",
        "pairs": "tracin_cp_pairs",
        "last-layer": "last_layer_pairs",
    }

    def compute(case: Case, _: Budget) -> Tensor:
        tracing = Tracing.of(case.model, case.run, case.train)
        if formula == "self-influence":
            return self_influence(tracing, case.train)
        formulas = {
            "sum": tracin_cp_sum,
            "pairs": tracin_cp_pairs,
            "last-layer": last_layer_pairs,
        }
        return formulas[formula](tracing, case.train, case.queries)

    return Method(names[formula], "radiotracer", compute)
