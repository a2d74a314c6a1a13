"""Mixed precision: close to the precision of the weights, off by default, proved without itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from gradient_helpers import CASES, left_as_found, make, objective_of
from torch import Tensor, nn

from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Objective,
    directional,
    directional_many,
    engine_notes,
    route_of,
    square_norm,
    summed_gradient,
)
from radiotracer.gradients.derivatives import routes
from radiotracer.gradients.ghost import plan_for
from radiotracer.gradients.ghost.plan import dense_parameters

CLOSE = 0.03
"""bfloat16 has 8 bits: a relative rounding error of 2^-9 in each of some tens of operations."""


def single(name: str) -> tuple[nn.Module, Batch]:
    model, batch = make(name)
    floats = batch.inputs.is_floating_point()
    return model.float(), Batch(batch.inputs.float() if floats else batch.inputs, batch.targets)


def every(objective: Objective, batch: Batch, direction: dict[str, Tensor]) -> dict[str, Tensor]:
    seen = directional(objective, batch, direction)
    return {
        "losses": seen.losses,
        "gradient": torch.cat(
            [each.flatten() for each in summed_gradient(objective, [batch]).values()]
        ),
        "along": seen.derivatives,
        "ghost": directional_many(objective, batch, [direction] * 2).derivatives,
        "norm": square_norm(objective, batch, dict.fromkeys(objective.traced, 1.0)),
    }


@pytest.mark.parametrize("name", CASES)
def test_every_engine_is_close_and_gives_no_half_precision(name: str) -> None:
    model, batch = single(name)
    exact, mixed = objective_of(model, batch), objective_of(model, batch, precision="bfloat16")
    direction = summed_gradient(exact, [batch])
    expected = every(exact, batch, direction)
    with left_as_found(model):
        found = every(mixed, batch, direction)
    for key, wanted in expected.items():
        error = float((found[key] - wanted).norm() / wanted.norm())
        assert 0 < error < CLOSE, (key, error)
        assert found[key].dtype == wanted.dtype
    assert not torch.is_autocast_enabled("cpu")


def test_layers_are_given_bfloat16_and_the_loss_float32() -> None:
    model, batch = single("linear")
    seen: dict[str, torch.dtype] = {}
    model[2].register_forward_pre_hook(lambda _, given: seen.update(layer=given[0].dtype))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        seen["loss"] = outputs.dtype
        return nn.functional.cross_entropy(outputs, targets, reduction="none")

    objective = objective_of(model, batch, loss=loss, precision="bfloat16")
    evaluation = objective.evaluate(batch)
    assert seen == {"layer": torch.bfloat16, "loss": torch.float32}
    assert evaluation.features is not None and evaluation.features.dtype == torch.float32


def test_engines_prove_themselves_in_the_precision_of_the_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, batch = single("small-cnn")
    proved: list[str] = []
    real = routes.is_right

    def watched(engine: Any, objective: Objective, few: Batch) -> bool | None:
        def told(ours: Objective, *rest: Any) -> Any:
            proved.append(ours.precision)
            return engine(ours, *rest)

        return real(told, objective, few)

    monkeypatch.setattr(routes, "is_right", watched)
    mixed = objective_of(model, batch, precision="bfloat16")
    exact = objective_of(model, batch)
    directional(mixed, batch, summed_gradient(exact, [batch]))
    assert proved == ["float32"]
    route = route_of(mixed)
    assert route is not None and route.name == "forward-mode"
    assert plan_for(mixed, batch).steps == plan_for(exact, batch).steps
    assert dense_parameters(mixed) == {}
    assert engine_notes(mixed) == ("Forward passes in bfloat16, all else as the weights are.",)


def test_a_wrong_engine_is_found_out_in_mixed_precision_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, batch = single("linear")

    def wrong(*given: Any) -> Any:
        evaluation, derivatives = forward_mode(*given)
        return evaluation, 1.05 * derivatives

    forward_mode = routes.ENGINES["forward-mode"]
    monkeypatch.setitem(routes.ENGINES, "forward-mode", wrong)
    mixed = objective_of(model, batch, precision="bfloat16")
    found = directional(mixed, batch, summed_gradient(mixed, [batch]))
    assert found.route.name == "double-backward"


def test_the_default_is_the_precision_of_the_weights() -> None:
    model, batch = single("linear")
    objective = objective_of(model, batch)
    assert objective.precision == "float32" and objective.exact is objective
    mixed = dataclasses.replace(objective, precision="bfloat16")
    assert mixed.exact.precision == "float32" and mixed.exact.model is objective.model


@pytest.mark.parametrize("precision", ["float16", "float64", ""])
def test_other_precisions_are_refused(precision: Any) -> None:
    model, batch = single("linear")
    with pytest.raises(InputError, match="float32 or bfloat16"):
        objective_of(model, batch, precision=precision)


def test_other_weights_than_float32_are_refused() -> None:
    model, batch = make("linear")
    with pytest.raises(InputError, match="one with float64"):
        objective_of(model, batch, precision="bfloat16")


def test_a_device_without_mixed_precision_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = single("linear")
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda _: False)
    with pytest.raises(InputError, match=r"a device with mixed precision.*; got cpu"):
        objective_of(model, batch, precision="bfloat16")
