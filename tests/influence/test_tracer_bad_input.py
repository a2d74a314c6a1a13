"""Wrong arguments of a tracer and of formulas: one line each, before anything is computed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from influence_helpers import CLASSES, Network, Training, double_loop, draw
from store_helpers import tracing_of
from torch import Tensor, nn
from torch.nn import functional as F

import radiotracer
from radiotracer.errors import InputError
from radiotracer.influence import (
    Tracer,
    influence_functions,
    representer_values,
    write_store,
)
from radiotracer.runs import Run, record


def per_example(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none")


class Locked(Network):
    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()


class Failing(Network):
    def forward(self, inputs: Tensor) -> Tensor:
        raise KeyError("boom")


def targets_of(*last: int) -> Callable[[Training], Any]:
    return lambda training: (training.queries[0][: len(last)], torch.tensor(last))


OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "batch_size 0": ({"batch_size": 0}, "batch_size= of at least 1; got 0; pass, say"),
    "batch_size 2.5": ({"batch_size": 2.5}, "batch_size= of at least 1; got 2.5"),
    "module": ({"layers": ["head"]}, "pass 'head.*', which matches head.weight, head.bias"),
    "text": ({"layers": "head.*"}, "layers= as a list of patterns, which are texts; got 'head.*'"),
    "number": ({"layers": [3]}, "a list of patterns, which are texts; got [3]"),
    "none": ({"layers": None}, "a list of patterns, which are texts; got None"),
    "class": ({"model": Network}, "a network, as a torch.nn.Module; got the class Network"),
    "name": ({"model": "Network"}, "a network, as a torch.nn.Module; got 'Network'"),
    "folder": ({"run": "runs/mine"}, "got a str; pass radiotracer.Run.open(folder)"),
    "lock": ({"model": Locked().double()}, "copied (copy.deepcopy); got TypeError: cannot pickle"),
    "failing": ({"model": Failing().double()}, "take 1 of these examples; got KeyError: 'boom'"),
    "mean": ({"loss": F.cross_entropy}, "a loss per example, shape (2,); got shape ()"),
    "column": ({"loss": lambda o, t: per_example(o, t)[:, None]}, "got shape (2, 1); use"),
    "list": ({"loss": lambda o, t: [*per_example(o, t)]}, "got a list; return a tensor"),
    "errors": ({"loss": lambda o, t: (o.argmax(1) != t).long()}, "got int64; return floating"),
    "rounded": (
        {"loss": lambda o, t: (o.argmax(1) != t).double()},
        "a loss that can be differentiated in the network's weights; got one without",
    ),
    "detached": ({"loss": lambda o, t: per_example(o, t).detach()}, "got one without a gradient"),
    "one argument": ({"loss": lambda o: o}, "got TypeError: "),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options(training: Training, kind: str) -> None:
    options, message = OPTIONS[kind]
    with pytest.raises(InputError) as caught:
        Tracer(**{"model": training.model, "run": training.run, **options}).self_influence(
            training.train
        )
    assert message in str(caught.value) and "\n" not in str(caught.value)


CALLS: dict[str, tuple[Callable[[Training, Tracer], object], str]] = {
    "label": (
        lambda w, t: t.influence(w.train, targets_of(0, CLASSES)(w)),
        "have room for; got Target 3 is out of bounds.; repair the labels",
    ),
    "negative": (lambda w, t: t.influence(w.train, targets_of(0, -1)(w)), "Target -1 is out of"),
    "top_k": (lambda w, t: t.top(w.train, w.queries, 2.5), "top_k= from 1 to"),
    "width": (
        lambda w, t: t.self_influence((torch.randn(3, 2, 6, 6).double(), torch.zeros(3).long())),
        "take 1 of these examples; got RuntimeError: Given groups=1",
    ),
    "training_loss": (
        lambda w, t: t.replay(w.train, w.queries, training_loss=lambda o, _: 1.0),
        "a training loss that is a single number; got 1.0",
    ),
    "no function": (
        lambda w, t: t.replay(w.train, w.queries, training_loss="mean"),
        "training_loss= as a function of outputs and targets; got 'mean'",
    ),
    "config": (
        lambda w, t: t.write_store(w.train, "never", 64),
        "config= as a ProjectionConfig; got 64",
    ),
}


@pytest.mark.parametrize("kind", CALLS)
def test_calls(training: Training, kind: str) -> None:
    call, message = CALLS[kind]
    with pytest.raises(InputError) as caught:
        call(training, Tracer(training.model, training.run))
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not Path("never").exists()


@pytest.mark.parametrize("value", [0, -1.0, "x", None, float("nan"), float("inf")])
def test_settings_of_other_formulas(training: Training, value: Any) -> None:
    tracing = tracing_of(training)
    for formula, name in ((representer_values, "ridge"), (influence_functions, "damping")):
        with pytest.raises(InputError, match=f"expected a positive {name}; got {value}"):
            formula(tracing, training.train, training.queries, **{name: value})
    with pytest.raises(InputError, match="fit_to= predictions or labels; got 'truth'"):
        representer_values(tracing, training.train, training.queries, fit_to="truth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": 0.05}, "rule= as a radiotracer.Rule; got 0.05"),
        ({"clean_reference": [1]}, r"clean_reference= as a radiotracer.Reference; got \[1\]"),
        ({"manifest": "truth.parquet"}, "manifest= as a radiotracer.Manifest; got 'truth"),
        ({"run": "runs/mine"}, "a recorded run, as radiotracer.Run; got a str"),
        ({"batch_size": 1.5}, "batch_size= of at least 1; got 1.5"),
    ],
)
def test_scans(training: Training, options: dict[str, Any], message: str) -> None:
    given = {"model": training.model, "run": training.run, "train": training.train, **options}
    with pytest.raises(InputError, match=message):
        radiotracer.scan(**given)


class Normed(nn.Module):
    """The older weight_norm keeps a tensor with a graph, which torch refuses to copy."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.utils.weight_norm(nn.Linear(36, 5))
        self.head = nn.Linear(5, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(inputs.flatten(1))))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_the_older_weight_norm_is_traced(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, train = Normed().double(), draw(6, seed=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    with record(tmp_path / "run", model, optimizer, train) as recording:
        F.cross_entropy(model(train[0]), train[1]).backward()
        recording.batch(range(6))
        optimizer.step()
        recording.checkpoint()
    run = Run.open(tmp_path / "run")
    rates = dict.fromkeys(dict(model.named_parameters()), 0.2)
    assert set(rates) >= {"hidden.weight_g", "hidden.weight_v"}
    world = Training(run, model, train, draw(3, seed=2), [rates])
    held = model.hidden.weight
    found = Tracer(model, run).influence(train, world.queries)
    expected = double_loop(world, train, world.queries, model=Normed().double())
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert model.hidden.weight is held and held.grad_fn is not None
    assert write_store(tracing_of(world), train, tmp_path / "store").info.rows == 6
