"""Losses that do not repeat are refused by name, and ordinary ones never are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from influence_helpers import Network, Training, draw
from store_helpers import LARGE, tracing_of
from torch import Tensor, nn
from torch.nn import functional as F

import radiotracer
from radiotracer.errors import DataError, InputError
from radiotracer.gradients import Batch, Objective, cross_entropy
from radiotracer.influence import Tracer, Tracing
from radiotracer.influence.steady import require_steady
from radiotracer.runs import Run

DRAWS = "draws random numbers; let dropout and sampling follow self.training"
DEPENDS = "does not depend on the other examples of a batch"
READS = "expected data that are the same examples at each reading; got others"

Calls = dict[str, Callable[[Any, Any], object]]


def recorded(folder: Path, model: nn.Module, data: Any) -> Run:
    """A run of the weights as they are; a recording would refuse these at its beginning."""
    return Run.from_checkpoints(model.state_dict(), data=data, out=folder)


class Dropping(Network):
    """Dropout that forgot to follow the mode."""

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = F.gelu(self.norm(self.conv(inputs))).mean(dim=(2, 3))
        return self.head(F.dropout(hidden, 0.5))


class NewHead(Dropping):
    """A head of zeros, behind which nothing of the dropout is seen."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.head.weight)


class AlwaysTraining(Network):
    """Stays in training mode, so that batch statistics take part."""

    def __init__(self) -> None:
        super().__init__()
        self.drop.p = 0.0

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(True)


class Vectors(AlwaysTraining):
    """The same with one number per channel, which one example alone cannot normalise."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(36)
        self.head = nn.Linear(36, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.norm(inputs.flatten(1)))


class Augmented(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Flips half of the images at each reading."""

    def __init__(self) -> None:
        self.inputs, self.targets = draw(64, seed=3)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image = self.inputs[row]
        return image.flip(-1) if torch.rand(()) < 0.5 else image, int(self.targets[row])


WRONG: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any], str]] = {
    "dropout": (Dropping, lambda: draw(9, seed=1), DRAWS),
    "dropout behind zeros": (NewHead, lambda: draw(9, seed=1), DRAWS),
    "statistics": (AlwaysTraining, lambda: draw(9, seed=1), DEPENDS),
    "statistics of two": (AlwaysTraining, lambda: draw(2, seed=1), DEPENDS),
    "statistics of vectors": (Vectors, lambda: draw(9, seed=1), "ValueError: Expected more than 1"),
    "augmentation": (Network, Augmented, READS),
}

CALLS: Calls = {
    "self": lambda tracer, data: tracer.self_influence(data),
    "pairs": lambda tracer, data: tracer.influence(data, draw(4, seed=2)),
    "replay": lambda tracer, data: tracer.replay(data, draw(4, seed=2)),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", WRONG)
def test_what_does_not_repeat_is_refused(tmp_path: Path, kind: str, call: str) -> None:
    make, data, message = WRONG[kind]
    torch.manual_seed(0)
    model, examples = make().double(), data()
    tracer = Tracer(model, recorded(tmp_path / "run", model, examples))
    before = torch.random.get_rng_state()
    with pytest.raises(InputError) as caught:
        CALLS[call](tracer, examples)
    assert message in str(caught.value) and len(str(caught.value)) < 350
    assert torch.equal(torch.random.get_rng_state(), before)


def test_scan_and_explain_refuse_it_too(tmp_path: Path) -> None:
    data = Augmented()
    model = Network().double()
    run = recorded(tmp_path / "run", model, data)
    with pytest.raises(DataError, match=READS):
        radiotracer.scan(model, run, data)
    with pytest.raises(DataError, match=READS):
        radiotracer.explain(model, run, data, draw(2, seed=1))
    pair = draw(9, seed=1)
    run = recorded(tmp_path / "other", Dropping().double(), pair)
    with pytest.raises(InputError, match=DRAWS):
        radiotracer.scan(Dropping().double(), run, pair)


def test_queries_are_looked_at_too(training: Training, tmp_path: Path) -> None:
    tracer = Tracer(training.model, training.run)
    with pytest.raises(DataError, match=READS):
        tracer.influence(training.train, Augmented())
    with pytest.raises(DataError, match=READS):
        tracer.top(training.train, Augmented(), 2)
    store = tracer.write_store(training.train, tmp_path / "store", LARGE)
    with pytest.raises(DataError, match=READS):
        store.scores(Augmented())


class Contrast:
    """A query is compared with the others of its batch; or examples are, in training."""

    def __init__(self, *, asked: bool) -> None:
        self.asked = asked

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self._number(model, batch, among=not self.asked)

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        return self._number(model, batch, among=self.asked)

    def _number(self, model: nn.Module, batch: Batch, *, among: bool) -> Tensor:
        losses = cross_entropy(model(batch.inputs), batch.targets)
        return losses - losses.mean() if among else losses


@pytest.mark.parametrize("asked", [True, False])
def test_a_task_that_compares_examples(training: Training, asked: bool) -> None:
    tracer = Tracer(training.model, training.run, task=Contrast(asked=asked))
    name = "measurement" if asked else "train_loss"
    with pytest.raises(InputError, match=f"expected a {name} that {DEPENDS}"):
        tracer.influence(training.train, training.queries)
    if asked:  # the training side is sound, and alone it is asked for nothing else
        assert (tracer.self_influence(training.train) >= 0).all()


def test_an_error_of_the_caller_s_is_named(training: Training) -> None:
    with pytest.raises(InputError) as caught:
        Tracer(training.model, training.run).self_influence((torch.randn(3, 5), torch.zeros(3)))
    assert str(caught.value).startswith(
        "expected a network and a loss that take 1 of these examples; got RuntimeError: "
    )


def deep() -> nn.Module:
    return nn.Sequential(
        *(
            nn.Sequential(nn.Conv2d(c, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
            for c in (1, *(32,) * 6)
        ),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, 3),
    )


def by_heart() -> nn.Module:
    """Losses near 0, of which single precision keeps few digits or none."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 64), nn.Tanh(), nn.Linear(64, 3))
    inputs, targets = draw(16, seed=4, dtype=torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    return model


def large() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 500), nn.ReLU(), nn.Linear(500, 3))
    with torch.no_grad():
        model[1].weight *= 1e3
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [deep, by_heart, large, Network])
@pytest.mark.parametrize("n", [1, 3, 20])
def test_rounding_is_no_difference(
    make: Callable[[], nn.Module], dtype: torch.dtype, n: int
) -> None:
    torch.manual_seed(n)
    model = make().to(dtype)
    inputs, targets = draw(n, seed=4)
    inputs = inputs.to(dtype)
    objective = Objective.of(model, example=inputs[:1])
    require_steady(objective, (inputs, targets))


@pytest.mark.parametrize(
    ("dtype", "share"), [(torch.float32, 1e-3), (torch.float64, 1e-9), (torch.bfloat16, 0.8)]
)
def test_a_small_dependence_is_one(dtype: torch.dtype, share: float) -> None:
    """Even where all losses are small; with few digits it has to be a large one."""

    class Shared:
        def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
            unlike = batch.inputs.flatten(1)[:, 0].square()
            losses = 1e-6 * unlike * model(batch.inputs).square().sum(dim=1)
            return (1 - share) * losses + share * losses.mean()

        measurement = train_loss

    torch.manual_seed(0)
    inputs, targets = draw(9, seed=4)
    inputs = inputs.to(dtype)
    objective = Objective.of(Network().to(dtype), task=Shared(), example=inputs[:1])
    with pytest.raises(InputError, match=DEPENDS):
        require_steady(objective, (inputs, targets))


def test_opening_takes_few_passes(training: Training) -> None:
    """Five in all, of at most two examples, whatever the data."""
    sizes: list[int] = []

    class Counting(Network):
        def forward(self, inputs: Tensor) -> Tensor:
            sizes.append(len(inputs))
            return super().forward(inputs)

    train = draw(100, seed=1)
    model = Counting().double()
    tracing = Tracing.of(model, training.run, train)
    assert sizes == [1, 2, 2, 1, 1]
    assert tracing.objective.found == {}
    assert tracing_of(training).objective.found == {}


def test_data_are_looked_at_once(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[bool] = []
    original = require_steady

    def counting(objective: Objective, data: Any, *options: Any) -> None:
        looked.append(objective.asking)
        original(objective, data, *options)

    for place in ("tracer", "tracing"):
        monkeypatch.setattr(f"radiotracer.influence.{place}.require_steady", counting)
    task = Sound()
    tracer = Tracer(training.model, training.run, task=task)
    for _ in range(2):
        tracer.influence(training.train, training.queries)
        tracer.influence((*training.train,), (*training.queries,))
    assert looked == [False, True]
    # As queries the training examples are asked something else.
    tracer.influence(training.train, training.train)
    assert looked == [False, True, True]
    tracer.self_influence([(*pair,) for pair in zip(*training.train, strict=True)])
    assert len(looked) == 4


class Sound:
    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return cross_entropy(model(batch.inputs), batch.targets)

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        return 2 * cross_entropy(model(batch.inputs), batch.targets)
