"""Every library's scores against brute force, and the traps in them that the comparison names."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

pytest.importorskip("captum")
pytest.importorskip("dattri")

from speed_helpers import of_formula, tiny_case

from bench.speed.captum_peer import captum_methods
from bench.speed.dattri_peer import dattri_methods
from bench.speed.measure import difference
from bench.speed.method import Budget
from tiny_world import World

BUDGET = Budget(1e-5)
"""Room for a handful of gradients, so that everything happens in several batches."""

FORMULAS = ("sum", "self-influence", "pairs")
EXACT = [
    (formula, method)
    for formula in FORMULAS
    for method in (*captum_methods(formula), *dattri_methods(formula))
    if not method.note
]
PARTIAL = [
    (formula, method) for formula in FORMULAS for method in captum_methods(formula) if method.note
]


def name(value: object) -> str:
    return getattr(value, "name", str(value))


@pytest.mark.parametrize(("formula", "method"), EXACT, ids=name)
def test_exact_settings_agree_with_brute_force(tiny: World, formula, method) -> None:
    case = tiny_case(tiny)
    assert len({rate for _, rate in case.checkpoints}) > 1
    scores = method.scores(case, BUDGET)
    assert difference(scores, of_formula(formula, case)) < 1e-4


@pytest.mark.parametrize(("formula", "method"), PARTIAL, ids=name)
def test_sample_wise_gradients_leave_batch_norm_out(tiny: World, formula, method) -> None:
    case = tiny_case(tiny)
    scores = method.scores(case, BUDGET)
    norms = [
        f"{module}.{part}"
        for module, layer in case.model.named_modules()
        if isinstance(layer, torch.nn.BatchNorm2d)
        for part in ("weight", "bias")
    ]
    assert difference(scores, of_formula(formula, case)) > 1e-3
    assert difference(scores, of_formula(formula, case, without=norms)) < 1e-4


@pytest.mark.parametrize("method", captum_methods("last-layer"), ids=name)
def test_the_last_layer_is_without_its_bias(tiny: World, method) -> None:
    case = tiny_case(tiny)
    others = [each for each, _ in case.model.named_parameters() if each != "head.weight"]
    scores = method.scores(case, BUDGET)
    assert difference(scores, of_formula("pairs", case, without=others)) < 1e-4
    assert difference(scores, of_formula("pairs", case, without=others[:-1])) > 1e-3


def test_captum_in_training_mode_traces_another_network(tiny: World) -> None:
    case = tiny_case(tiny)
    training = dataclasses.replace(case, model=copy.deepcopy(case.model).train())
    # Batches of one hold no spread to normalise by: batches of several are what users have.
    method = next(each for each in captum_methods("self-influence") if each.note)
    scores = method.scores(training, Budget(1.0))
    right = method.scores(case, Budget(1.0))
    assert difference(scores, right) > 0.1


def test_dattri_projects_even_when_told_nothing(tiny: World) -> None:
    from dattri.algorithm.tracin import TracInAttributor
    from dattri.task import AttributionTask

    case = tiny_case(tiny)
    task = AttributionTask(lambda parameters, data: parameters.sum(), case.model, [{}])
    made = TracInAttributor(task, torch.ones(1), normalized_grad=False, projector_kwargs=None)
    assert made.projector_kwargs["proj_dim"] == 512
