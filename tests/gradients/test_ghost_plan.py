"""How rules are proven, and how long that holds."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from ghost_helpers import (
    N,
    Parts,
    check,
    curved,
    linear,
    mixing,
    objective_for,
    seeded,
    tokens,
)
from gradient_helpers import make, objective_of
from test_ghost_uses import mixed
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from radiotracer.errors import InputError
from radiotracer.gradients import Batch, Objective
from radiotracer.gradients.ghost import (
    Form,
    NoRule,
    Outer,
    dense_parameters,
    plan,
    plan_for,
    register_rule,
    square_norm,
    walk,
)
from radiotracer.gradients.ghost.rules import RULES

EINSUM = "torch.functional.einsum"


@pytest.fixture
def rules() -> Iterator[None]:
    assert EINSUM not in RULES
    yield
    RULES.unregister(EINSUM)


def test_every_operation_has_one_rule(rules: None) -> None:
    assert {"torch.nn.functional.linear", "torch.Tensor.matmul", "torch.addmm"} <= RULES.keys()
    register_rule(torch.einsum, data="data")(right)
    first = RULES[EINSUM]
    with pytest.raises(InputError, match=r"one layer rule called 'torch.functional.einsum'"):
        register_rule(torch.einsum, data="data")(wrong)
    assert RULES[EINSUM] is first
    register_rule(torch.einsum, data="data", replace=True)(wrong)
    assert RULES[EINSUM].function is wrong


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that plans were made on."""
    seen: list[Batch] = []
    make_plan = plan.make_plan

    def noting(objective: Objective, batch: Batch) -> plan.Plan:
        seen.append(batch)
        return make_plan(objective, batch)

    monkeypatch.setattr(plan, "make_plan", noting)
    return seen


def right(errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor) -> Form:
    return Outer(tuple(weight.shape), data.flatten(1, -2), errors.flatten(1, -2))


def wrong(errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor) -> Form:
    return Outer(tuple(weight.shape), data.flatten(1, -2), 1.001 * errors.flatten(1, -2))


def of_another_shape(
    errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor
) -> Form:
    return Outer((4, 8), data.flatten(1, -2), errors.flatten(1, -2).repeat(1, 1, 2))


def raising(errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor) -> Form:
    raise ZeroDivisionError


def refusing(errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor) -> Form:
    raise NoRule("two capital letters")


def other_arguments(errors: Tensor, role: str, weight: Tensor, *, data: Tensor) -> Form:
    raise AssertionError


class Once:
    """Right the first time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(
        self, errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor
    ) -> Form:
        self.calls += 1
        return right(self.calls * errors, role, equation, data, weight)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (right, None),
        (wrong, "no rule agrees with its use in torch.functional.einsum"),
        (of_another_shape, "no rule agrees with its use in torch.functional.einsum"),
        (raising, "the rule of torch.functional.einsum raises ZeroDivisionError"),
        (refusing, "torch.functional.einsum with two capital letters"),
        (Once(), "its gradients depend on how the others are found"),
        (other_arguments, "torch.functional.einsum has no rule"),
    ],
)
def test_rules_of_one_s_own(rules: None, rule: Callable[..., Form], reason: str | None) -> None:
    register_rule(torch.einsum, data="data")(rule)
    model, batch = seeded(mixing)
    objective = objective_for(model, batch)
    assert dense_parameters(objective) == {}
    check(objective, batch, dense=[] if reason is None else ["mix"])
    assert dense_parameters(objective) == ({} if reason is None else {"mix": reason})


def test_a_network_that_notices() -> None:
    """It is passed unwatched from then on."""

    def forward(m: Any, x: Tensor) -> Tensor:
        return m.step(x) + torch.overrides.has_torch_function((x,))

    model, batch = seeded(lambda: (Parts(forward, step=linear()), tokens()))
    objective = objective_for(model, batch, loss=lambda z, _: z.flatten(1).sum(dim=1))
    check(objective, batch, dense=["step.weight", "step.bias"])
    seen = walk(objective, batch, lambda name, form, rows: None)
    assert torch.equal(seen.losses, objective.evaluate(batch).losses)


def test_a_rule_that_fails_later(rules: None) -> None:
    def for_some(errors: Tensor, role: str, equation: str, data: Tensor, weight: Tensor) -> Form:
        if len(data) == 3:
            raise NoRule("three examples")
        return right(errors, role, equation, data, weight)

    register_rule(torch.einsum, data="data")(for_some)
    model, batch = seeded(mixing)
    objective = objective_for(model, batch)
    for size in (5, 3, 5):
        check(objective, Batch(batch.inputs[:size], batch.targets[:size]))
    assert dense_parameters(objective) == {"mix": "torch.functional.einsum with three examples"}


def test_a_layer_at_zero_hides_nothing() -> None:
    """Where the examples are is found out although no gradient passes at first."""

    def forward(m: Any, x: Tensor) -> Tensor:
        return m.head(mixed(m, x)) * m.gain

    model, batch = seeded(
        lambda: (Parts(forward, step=linear(), head=linear(), gain=torch.ones(4)), tokens())
    )
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    model.head.weight.data.zero_()
    model.gain.data.fill_(1e-6)
    objective = objective_for(model, batch)
    check(objective, batch)
    objective.load(trained)
    check(objective, batch)


def test_examples_without_gradient_prove_nothing(made: list[Batch]) -> None:
    def hinge(outputs: Tensor, targets: Tensor) -> Tensor:
        return curved(outputs, targets) * (targets > 0)

    model, batch = seeded(lambda: (Parts(mixed, step=linear()), tokens()))
    objective = objective_for(model, batch, loss=hinge)
    silent = Batch(batch.inputs, -torch.ones(N))
    rates = dict.fromkeys(objective.traced, 1.0)
    for _ in range(2):
        assert not square_norm(objective, silent, rates).any()
        assert dense_parameters(objective) == {}
    assert plan_for(objective, silent).dense.keys() == {"step.weight", "step.bias"}
    # Later examples of a batch are asked, too.
    mixture = Batch(batch.inputs, torch.tensor([-1.0, -1, -1, 2, 3]).double())
    made.clear()
    check(objective, mixture)
    assert len(made) == 2
    check(objective, batch)
    assert len(made) == 2


def test_losses_that_are_not_finite_prove_nothing(made: list[Batch]) -> None:
    model, batch = seeded(lambda: (Parts(mixed, step=linear()), tokens()))
    objective = objective_for(model, batch)
    broken = Batch(batch.inputs.clone(), batch.targets)
    broken.inputs[0] = torch.nan
    # The caller says where: at which checkpoint, in which row.
    found = square_norm(objective, broken, dict.fromkeys(objective.traced, 1.0))
    assert found.isnan().tolist() == [True, False, False, False, False]
    assert len(made) == 2
    check(objective, batch)


@pytest.mark.parametrize("loss", [lambda z, y: z.mean(), lambda z, y: z.mean().reshape(1)])
def test_a_loss_that_is_already_reduced(loss: Callable[..., Tensor]) -> None:
    model, batch = make("linear")
    objective = objective_of(model, batch, loss=loss)
    with pytest.raises(InputError, match=r"^expected a loss per example, shape \(\d,\); got ") as e:
        square_norm(objective, batch, dict.fromkeys(objective.traced, 1.0))
    assert "\n" not in str(e.value)


def test_made_once_and_gone_with_the_objective(made: list[Batch]) -> None:
    @dataclass  # Defines equality, so it cannot be hashed.
    class Weighted:
        weight: float

        def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return self.weight * F.cross_entropy(outputs, targets, reduction="none")

    model, batch = make("norms")
    objective = objective_of(model, batch, loss=Weighted(2.0))
    rates = dict.fromkeys(objective.traced, 1.0)
    for factor in (1, 2, 3):
        objective.load({key: factor * value for key, value in model.state_dict().items()})
        square_norm(objective, batch, rates)
    assert len(made) == 1
    gone = weakref.ref(plan_for(objective, batch))
    assert len(made) == 1
    del objective
    gc.collect()
    assert gone() is None


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_a_network_without_a_backward_pass() -> None:
    model = Parts(
        lambda m, x: checkpoint(m.step, m.first(x), use_reentrant=True),
        first=linear(),
        step=linear(),
    ).double()
    batch = Batch(tokens().double(), torch.zeros(N))
    objective = objective_for(model, batch)
    with pytest.raises(
        InputError, match="can be differentiated; got RuntimeError: When use_reentr"
    ):
        square_norm(objective, batch, dict.fromkeys(objective.traced, 1.0))
