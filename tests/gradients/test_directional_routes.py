"""How a route is chosen, how long it is kept, and what is left behind."""

from __future__ import annotations

import copy
import gc
import weakref
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from gradient_helpers import (
    CLASSES,
    N,
    all_along,
    kernel_settings,
    left_as_found,
    make,
    objective_of,
    random_direction,
)
from test_directional_fallbacks import CLOSE, Backward, Between, encoder, network, registered_tanh
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from radiotracer.errors import InputError
from radiotracer.gradients import (
    Batch,
    Objective,
    directional,
    directional_many,
    route_of,
    summed_gradient,
)
from radiotracer.gradients.derivatives import routes


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The engines that were checked, in order."""
    checked: list[Any] = []
    check = routes.is_right

    def noting(engine: Any, objective: Objective, batch: Batch) -> bool | None:
        checked.append(engine.__name__)
        return check(engine, objective, batch)

    monkeypatch.setattr(routes, "is_right", noting)
    return checked


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("encoder layer", ["forward_mode"]),
        ("backward only", ["double_backward"]),
        ("registered operation", ["forward_mode", "double_backward"]),
        ("backward outside torch", ["double_backward"]),
    ],
)
def test_the_choice_is_made_once(name: str, engines: list[str], probes: list[Any]) -> None:
    model, batch, route = network(name)
    objective = objective_of(model, batch)
    assert route_of(objective) is None
    direction = random_direction(objective)
    first = directional(objective, batch, direction)
    for _ in range(2):
        # Another checkpoint does not change the operations.
        moved = {key: 1.1 * value for key, value in model.state_dict().items()}
        objective.load(moved)
        later = directional(objective, batch, direction)
        assert later.route is first.route is route_of(objective)
        expected = all_along(objective, batch, [direction])[:, 0]
        torch.testing.assert_close(later.derivatives, expected, **CLOSE)
    assert first.route.name == route
    assert probes == engines


def test_reasons() -> None:
    def reason(name: str) -> str:
        model, batch, _ = network(name)
        objective = objective_of(model, batch)
        return directional(objective, batch, random_direction(objective)).route.reason

    no_rule = "forward-mode: NotImplementedError: You must implement the jvp function for custom"
    assert reason("gru") == "forward-mode: agrees with a backward pass"
    assert reason("backward only").startswith(no_rule)
    assert reason("no_grad") == "forward-mode: differs from a backward pass"
    for name in ("backward once", "backward outside torch"):
        # Even where a rule is marked as not differentiable, torch leaves its part out silently.
        assert reason(name).startswith(no_rule)
        assert reason(name).endswith("; double-backward: differs from a backward pass")


def test_a_zero_head_does_not_hide_what_is_below(probes: list[Any]) -> None:
    model, batch, _ = network("registered operation")
    for parameter in model.head.parameters():
        parameter.data.zero_()
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    assert directional(objective, batch, direction).route.name == "double-backward"
    # So is an untraced one.
    objective = objective_of(model, batch, layers=["first.*"])
    assert directional(objective, batch, direction).route.name == "double-backward"


def test_what_is_known_by_heart_is_no_reason_for_a_slow_route() -> None:
    """In single precision derivatives of losses near 0 are mostly rounding errors."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.Linear(20, 3))
    inputs = torch.randn(8, 6)
    with torch.no_grad():
        wanted = model(inputs).argmax(dim=1)
        for gain in (10.0, 30.0, 100.0, 300.0, 1000.0):
            batch = Batch(inputs, wanted)
            scaled = nn.Sequential(*model)
            objective = objective_of(scaled, batch)
            objective.model.get_parameter("2.weight").mul_(gain)
            objective.model.get_parameter("2.bias").mul_(gain)
            found = directional(objective, batch, random_direction(objective))
            assert found.route.name == "forward-mode", gain


def test_examples_without_gradient_decide_nothing(probes: list[Any]) -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch, loss=lambda z, y: F.relu(z[:, 0] - 100 * (y == 0)))
    direction = random_direction(objective)
    for _ in range(2):
        early = directional(objective, Batch(batch.inputs, torch.zeros(N)), direction)
        assert not early.derivatives.any()
        assert early.route.reason.startswith("not checked yet")
        assert route_of(objective) is None
    broken = Batch(torch.full_like(batch.inputs, torch.nan), batch.targets)
    assert directional(objective, broken, direction).route.reason.startswith("not checked yet")
    bias = objective.model.get_parameter("2.bias")
    bias.data += 100
    found = directional(objective, Batch(batch.inputs, torch.ones(N)), direction)
    assert found.route is route_of(objective)
    assert probes == ["forward_mode"] * 4


def test_an_operation_that_comes_later() -> None:
    class Sometimes(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return Backward.apply(values) if len(values) > 3 else values.tanh()

    model = Between(Sometimes()).double()
    _, batch, _ = network("gru")
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    few = Batch(batch.inputs[:3], batch.targets[:3])
    assert directional(objective, few, direction).route.name == "forward-mode"
    for part in (batch, few):
        found = directional(objective, part, direction)
        assert found.route.name == "double-backward"
        assert "jvp" in found.route.reason
        expected = all_along(objective, batch, [direction])[:, 0][: len(part.inputs)]
        torch.testing.assert_close(found.derivatives, expected, **CLOSE)
    assert route_of(objective) == found.route


def test_choices_do_not_outlive_their_objective() -> None:
    @dataclass  # Defines equality, so it cannot be hashed.
    class Weighted:
        weight: float

        def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return self.weight * F.cross_entropy(outputs, targets, reduction="none")

    model, batch, _ = network("gru")
    objective = objective_of(model, batch, loss=Weighted(2.0))
    directional(objective, batch, random_direction(objective))
    route = route_of(objective)
    assert route is not None
    for other in (copy.copy(objective), copy.deepcopy(objective), objective_of(model, batch)):
        assert route_of(other) is None
    gone = weakref.ref(route)
    del objective, route
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("flash", [True, False])
@pytest.mark.parametrize("name", ["encoder layer", "lstm", "backward once", "registered operation"])
def test_kernel_settings_are_left_as_found(name: str, flash: bool) -> None:
    model, batch, _ = network(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    backends = [SDPBackend.FLASH_ATTENTION] if flash else [SDPBackend.EFFICIENT_ATTENTION]
    default = kernel_settings()
    with sdpa_kernel(backends), left_as_found(objective.model), left_as_found(model):
        torch.backends.mha.set_fastpath_enabled(flash)
        torch.backends.mkldnn.enabled = flash
        torch.backends.cudnn.enabled = flash
        try:
            before = kernel_settings()
            assert (before == default) is False
            for _ in range(2):
                directional(objective, batch, direction)
                assert kernel_settings() == before
            with pytest.raises(InputError):
                directional(objective, Batch(batch.inputs[..., 1:], batch.targets), direction)
            assert kernel_settings() == before
        finally:
            torch.backends.mha.set_fastpath_enabled(True)
            torch.backends.mkldnn.enabled = True
            torch.backends.cudnn.enabled = True
    assert kernel_settings() == default


def test_other_libraries_are_on_outside_recurrent_layers() -> None:
    seen = []

    def noting(values: Tensor) -> Tensor:
        seen.append((torch.backends.mkldnn.enabled, torch.backends.cudnn.enabled))
        return values.tanh()

    model = Between(nn.LSTM(8, 8, batch_first=True))
    model.head = nn.Sequential(nn.Linear(8, CLASSES), Noting(noting))
    model.double()
    _, batch, _ = network("gru")
    objective = objective_of(model, batch)
    directional(objective, batch, random_direction(objective))
    assert set(seen) == {(True, True)}
    # They are on again when such a layer fails.
    objective.model.first = nn.Linear(8, 7).double()
    before = kernel_settings()
    with pytest.raises(InputError, match=r"got forward-mode: .*; loop: "):
        directional(objective, batch, random_direction(objective))
    assert kernel_settings() == before


class Noting(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)


@pytest.mark.parametrize("name", ["gru", "backward only", "backward once", "registered operation"])
@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_in_every_mode_of_the_caller(name: str, mode: Any) -> None:
    model, batch, route = network(name)
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    expected = all_along(objective, batch, [direction])[:, 0]
    with mode():
        before = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        made_here = Batch(batch.inputs + 0, batch.targets + 0)
        along_here = {key: value + 0 for key, value in direction.items()}
        found = directional(objective, made_here, along_here)
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    assert found.route.name == route
    torch.testing.assert_close(found.derivatives, expected, **CLOSE)


def test_directions_that_do_not_fit() -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch)
    direction = random_direction(objective)
    with pytest.raises(InputError, match="expected at least one direction; got none"):
        directional_many(objective, batch, [])
    for bad, came in (
        (None, "none"),
        (torch.zeros(6, 4), r"shape \(6, 4\), float32"),
        (torch.zeros(6, dtype=torch.float64), r"shape \(6,\), float64"),
    ):
        wrong = {key: value for key, value in direction.items() if key != "0.weight"}
        wrong |= {} if bad is None else {"0.weight": bad}
        with pytest.raises(
            InputError,
            match=rf"a direction with 0.weight of shape \(6, 4\), float64; got {came}; give one",
        ):
            directional_many(objective, batch, [direction, wrong])


def test_lack_of_memory_is_not_a_reason_for_another_route(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Any:
        raise torch.OutOfMemoryError("full")

    model, batch = make("linear")
    objective = objective_of(model, batch)
    monkeypatch.setitem(routes.ENGINES, "forward-mode", full)
    with pytest.raises(torch.OutOfMemoryError):
        directional(objective, batch, random_direction(objective))


def test_a_network_of_everything() -> None:
    layers = nn.Sequential(encoder(), Noting(Backward.apply), encoder(), Noting(registered_tanh))
    model = Between(layers).double()
    _, batch, _ = network("gru")
    objective = objective_of(model, batch)
    direction = summed_gradient(objective, [batch])
    found = directional(objective, batch, direction)
    assert found.route.name == "double-backward"
    torch.testing.assert_close(
        found.derivatives, all_along(objective, batch, [direction])[:, 0], **CLOSE
    )
