"""Inputs that are several tensors by name, and outputs that have logits: every engine, exactly."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from radiotracer.data.inputs import logits
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import (
    Batch,
    Fitting,
    Objective,
    ProjectionConfig,
    count,
    directional,
    directional_many,
    find_head,
    first_input,
    gradient_cosine,
    in_batches,
    inner,
    keep,
    last_layer_gradients,
    layer_names,
    mean_gradient,
    measure,
    per_example_gradients,
    project,
    represent,
    square_norm,
    summed_gradient,
)
from radiotracer.gradients.ghost import dense_parameters

N, T, WORDS, CLASSES = 6, 5, 7, 3


class Weighted(nn.Module):
    """A bag of words, each with a weight of its own; one tensor or two, a tensor or an object."""

    def __init__(self, wrap: str = "") -> None:
        super().__init__()
        self.table = nn.Embedding(WORDS, 4)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, CLASSES)
        self.wrap = wrap

    def forward(self, words: Tensor, weights: Tensor | None = None) -> Any:
        hidden = self.mix(self.table(words)).tanh()
        if weights is not None:
            hidden = hidden * weights.unsqueeze(2)
        found = self.head(hidden.sum(dim=1))
        if self.wrap == "object":
            return types.SimpleNamespace(logits=found, loss=None)
        return {"logits": found, "other": 1} if self.wrap == "mapping" else found


def world(wrap: str = "") -> tuple[Objective, Batch]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Weighted(wrap).double()
        weights = torch.rand(N, T, dtype=torch.float64)
        inputs = {"words": torch.randint(0, WORDS, (N, T)), "weights": weights}
        targets = torch.randint(0, CLASSES, (N,))
    batch = Batch(inputs, targets)
    return Objective.of(model, example=batch.take(slice(1)).inputs), batch


def brute_force(objective: Objective, batch: Batch) -> Tensor:
    """One backward pass per example, shape (n, parameters)."""
    model, rows = objective.model, []
    model.requires_grad_(True)
    for i in range(len(batch)):
        one = {name: value[i : i + 1] for name, value in batch.inputs.items()}
        losses = objective.task.loss(logits(model(**one)), batch.targets[i : i + 1])
        found = torch.autograd.grad(losses.sum(), list(model.parameters()))
        rows.append(torch.cat([each.flatten() for each in found]))
    model.requires_grad_(False)
    return torch.stack(rows)


def flat(parts: Any, first: int = 0) -> Tensor:
    return torch.cat([part.flatten(first) for part in parts.values()], dim=first)


def near(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("wrap", ["", "object", "mapping"])
def test_every_engine_is_exact(wrap: str) -> None:
    objective, batch = world(wrap)
    g = brute_force(objective, batch)
    rates = dict.fromkeys(objective.traced, 0.5)
    direction = {
        name: torch.linspace(-1, 1, value.numel()).to(value).view(value.shape)
        for name, value in objective.parameters().items()
    }
    v = flat(direction)
    seen = directional(objective, batch, direction)
    assert seen.route.name == "forward-mode"
    near(seen.derivatives, g @ v)
    near(directional_many(objective, batch, [direction] * 2).derivatives[:, 1], g @ v)
    near(square_norm(objective, batch, rates), 0.5 * g.square().sum(dim=1))
    near(measure(objective, batch, [direction]).along[:, 0], g @ v)
    kept = keep(objective, batch.take(slice(4)))
    near(inner(objective, batch, kept, rates), 0.5 * g @ g[:4].T)
    near(flat(per_example_gradients(objective, batch), 1), g)
    near(flat(summed_gradient(objective, [batch])), g.sum(dim=0))
    # Wide enough to keep every number: then projections are exact.
    features = project(objective, batch, ProjectionConfig(dimension=100), rates)
    near(features @ features.T, 0.5 * g @ g.T)
    assert objective.head == "head" and not dense_parameters(objective)
    last = last_layer_gradients(objective, objective.evaluate(batch), batch.targets, rates)
    near(last.square_norm(), 0.5 * g[:, -15:].square().sum(dim=1))
    gradient = mean_gradient(objective, batch)
    near(gradient_cosine(gradient, gradient), torch.ones((), dtype=torch.float64))


def test_one_tensor_and_one_by_name_are_the_same() -> None:
    objective, batch = world()
    one = Batch(batch.inputs["words"], batch.targets)  # type: ignore[index]
    named = Batch({"words": one.inputs}, batch.targets)  # type: ignore[dict-item]
    rates = dict.fromkeys(objective.traced, 1.0)
    left, right = (square_norm(objective, each, rates) for each in (one, named))
    assert torch.equal(left, right)


def test_a_batch_of_one_example_proves_rules_too() -> None:
    objective, batch = world()
    rates = dict.fromkeys(objective.traced, 1.0)
    found = square_norm(objective, batch.take(slice(1)), rates)
    near(found, brute_force(objective, batch)[:1].square().sum(dim=1))


def test_inference_mode_is_no_hindrance() -> None:
    objective, batch = world()
    with torch.inference_mode():
        copied = Batch({name: value.clone() for name, value in batch.inputs.items()}, batch.targets)
        found = directional(objective, copied, objective.parameters()).derivatives
    near(found.clone(), brute_force(objective, batch) @ flat(objective.parameters()))


def test_layers_are_shown() -> None:
    objective, batch = world("object")
    model = objective.model
    assert find_head(model, batch.take(slice(1)).inputs) == "head"
    assert layer_names(model, batch.inputs) == ("table", "mix", "penultimate")
    shown = represent(model, batch.inputs, ("mix", "penultimate"))
    assert {name: tuple(each.shape) for name, each in shown.layers.items()} == {
        "mix": (N, 4),
        "penultimate": (N, 4),
    }
    near(shown.outputs, objective.evaluate(batch).outputs)


def test_what_does_not_fit_is_divided() -> None:
    _, batch = world()

    def do(part: Batch) -> Tensor:
        if len(part) > 2:
            raise MemoryError
        return part.inputs["weights"]  # type: ignore[index]

    parts = [found for _, found in Fitting().parts(batch, do)]
    assert max(map(len, parts)) <= 2
    assert torch.equal(torch.cat(parts), batch.inputs["weights"])


class Items:
    """Items as Hugging Face's data sets give them."""

    def __init__(self, batch: Batch, label: str) -> None:
        self.batch, self.label = batch, label

    def __len__(self) -> int:
        return N

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        one = {name: value[row] for name, value in self.batch.inputs.items()}
        return {**one, self.label: self.batch.targets[row]}


@pytest.mark.parametrize("label", ["label", "labels", "pairs", "pair"])
def test_data_in_any_form(label: str) -> None:
    _, batch = world()
    data: Any = Items(batch, label)
    if label == "pairs":
        whole = Items(batch, "label")
        data = [({k: v for k, v in x.items() if k != "label"}, x["label"]) for x in whole]
    elif label == "pair":
        data = (batch.inputs, batch.targets)
    assert count(data) == N and len(first_input(data)["words"]) == 1
    batches = list(in_batches(data, 4, range(1, N), device=torch.device("cpu")))
    assert [len(each) for each in batches] == [4, 1]
    for name, value in batch.inputs.items():
        assert torch.equal(torch.cat([each.inputs[name] for each in batches]), value[1:])
    assert torch.equal(torch.cat([each.targets for each in batches]), batch.targets[1:])


def test_not_finite_names_the_first_row() -> None:
    _, batch = world()
    batch.inputs["weights"][5, 1] = torch.inf  # type: ignore[index]
    batch.inputs["weights"][4, 1] = torch.nan  # type: ignore[index]
    other = torch.zeros(N, 2)
    other[3] = torch.nan
    with pytest.raises(NotFiniteError, match="row 4"):
        list(in_batches((batch.inputs, batch.targets), 3))
    with pytest.raises(NotFiniteError, match="row 3"):
        list(in_batches(({**batch.inputs, "other": other}, batch.targets), 6))


WORDS_OF = torch.zeros(N, T, dtype=torch.int64)
ZERO = torch.zeros(N, dtype=torch.int64)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"words": WORDS_OF, "labels": ZERO}, "got dict; wrap"),
        (({"words": WORDS_OF, "weights": WORDS_OF[:2]}, ZERO), r"\(6, 5\), shape \(2, 5\)"),
        (({"words": torch.tensor(1)}, ZERO), r"shape \(n, ...\); got a Tensor"),
        (({"words": [[1, 2]]}, ZERO), "got a list, shape"),
        (({}, ZERO), "named tensors; got none"),
        (("words", ZERO), "got str"),
        (({"words": WORDS_OF[:3]}, ZERO), r"shape \(3, 5\), shape \(6,\)"),
        (
            [({"words": WORDS_OF[0]}, 0), ({"words": WORDS_OF[0, :2]}, 0)],
            "of 'words'; pass a DataLoader",
        ),
        ([{"words": WORDS_OF[0], "label": 0}, {"word": WORDS_OF[0], "label": 0}], "same names"),
        ([{"words": "cat", "label": 0}], "got str at some row under 'words'"),
        ([{"words": WORDS_OF[0]}], "'labels' or 'label'"),
    ],
)
def test_bad_data_is_one_line(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(in_batches(data, 4))


def test_networks_that_take_or_give_something_else() -> None:
    with pytest.raises(InputError, match=r"keywords; got text: .*'text'"):
        Objective.of(Weighted(), example={"text": WORDS_OF[:1]})
    model = Weighted()
    model.register_forward_hook(lambda *_: ("words", None))
    with pytest.raises(InputError, match="logits; got a tuple; wrap"):
        Objective.of(model, example=WORDS_OF[:1])
    with pytest.raises(InputError, match="got a SimpleNamespace"):
        logits(types.SimpleNamespace(logits=None))
