"""A task's two numbers, on both sides of every formula, against loops over single examples."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from influence_helpers import CLASSES, Network, Pair, Training, train_and_record
from safetensors.torch import load_file
from store_helpers import LARGE, tracing_of
from task_oracle import Number, by_loop, cosine, gradients, inner
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.errors import InputError, RunError
from radiotracer.gradients import Batch, LossTask, causal_lm_loss, cross_entropy
from radiotracer.influence import (
    Store,
    Tracer,
    Tracing,
    influence_functions,
    influence_functions_self,
    representer_values,
)
from radiotracer.runs import Run, record

CLOSE = {"rtol": 1e-8, "atol": 1e-12}


class Margin:
    """Trained on smoothed labels; a query asks how far its label is behind the best other."""

    def train_loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return F.cross_entropy(
            model(batch.inputs), batch.targets, reduction="none", label_smoothing=0.2
        )

    def measurement(self, model: nn.Module, batch: Batch) -> Tensor:
        logits = model(batch.inputs)
        own = F.one_hot(batch.targets, CLASSES).bool()
        others = logits.masked_fill(own, -torch.inf).logsumexp(dim=1)
        return others - logits[own]


TASK = Margin()


@pytest.fixture(scope="module")
def by_hand(training: Training) -> Tensor:
    return by_loop(training, TASK, inner)


def tracer_of(training: Training, **options: object) -> Tracer:
    return Tracer(training.model, training.run, task=TASK, batch_size=4, **options)


def test_tracin_cp(training: Training, by_hand: Tensor) -> None:
    tracer = tracer_of(training)
    pairs = tracer.influence(training.train, training.queries)
    torch.testing.assert_close(pairs, by_hand, **CLOSE)
    summed = tracer.influence(training.train, training.queries, reduce="sum")
    torch.testing.assert_close(summed, by_hand.sum(dim=1), **CLOSE)
    # Neither side of the formula is that of the loss alone.
    plain = Tracer(training.model, training.run).influence(training.train, training.queries)
    assert not torch.allclose(pairs, plain, rtol=0.1)


def test_gas(training: Training) -> None:
    expected = by_loop(training, TASK, cosine)
    tracer = tracer_of(training)
    pairs = tracer.influence(training.train, training.queries, method="gas")
    torch.testing.assert_close(pairs, expected, **CLOSE)
    summed = tracer.influence(training.train, training.queries, reduce="sum", method="gas")
    torch.testing.assert_close(summed, expected.sum(dim=1), **CLOSE)


def test_self_influence_is_of_what_was_trained_on(training: Training) -> None:
    class Same:
        train_loss = Margin.train_loss
        measurement = Margin.train_loss

    own = Training(training.run, training.model, training.train, training.train, training.rates)
    torch.testing.assert_close(
        tracer_of(training).self_influence(training.train),
        by_loop(own, Same(), inner).diagonal(),
        **CLOSE,
    )


def test_top(training: Training, by_hand: Tensor) -> None:
    top = tracer_of(training).top(training.train, training.queries, 3)
    expected = by_hand.T.topk(3)
    assert torch.equal(top.proponents_rows, expected.indices)
    torch.testing.assert_close(top.proponents_scores, expected.values, **CLOSE)


def test_stores(training: Training, by_hand: Tensor, tmp_path: Path) -> None:
    tracer = tracer_of(training)
    store = tracer.write_store(training.train, tmp_path / "store", LARGE)
    torch.testing.assert_close(
        store.scores(training.queries), by_hand, rtol=1e-4, atol=1e-5 * float(by_hand.abs().max())
    )
    again = tracer.open_store(training.train, tmp_path / "store")
    assert torch.equal(again.scores(training.queries), store.scores(training.queries))
    with pytest.raises(RunError, match=r"store of the task .*cross_entropy in .*Margin"):
        Store.open(tmp_path / "store", tracing_of(training))


def test_inverse_hessian(training: Training) -> None:
    pytest.importorskip("captum")
    damping, names = 2.0**-3, ("head.weight", "head.bias")
    tracing = Tracing.of(training.model, training.run, training.train, task=TASK, layers=["head.*"])
    model = copy.deepcopy(training.model).eval()
    model.load_state_dict(load_file(max((training.run.folder / "checkpoints").iterdir())))
    sizes = [dict(model.named_parameters())[name].numel() for name in names]
    point = torch.cat([dict(model.named_parameters())[name].detach().flatten() for name in names])

    def mean_loss(flat: Tensor) -> Tensor:
        parts = dict(zip(names, flat.split(sizes), strict=True))
        held = {n: v.view_as(dict(model.named_parameters())[n]) for n, v in parts.items()}

        def outputs(inputs: Tensor) -> Tensor:
            return torch.func.functional_call(model, held, (inputs,))

        return TASK.train_loss(outputs, Batch(*training.train)).mean()  # type: ignore[arg-type]

    hessian = torch.autograd.functional.hessian(mean_loss, point)
    damped = hessian + damping * torch.eye(len(point), dtype=torch.float64)
    assert torch.linalg.eigvalsh(damped).min() > 0

    def rows(number: Number, pair: Pair) -> Tensor:
        return torch.stack(
            [torch.cat([g[n].flatten() for n in names]) for g in gradients(model, number, pair)]
        )

    left, right = rows(TASK.train_loss, training.train), rows(TASK.measurement, training.queries)
    expected = left @ damped.inverse() @ right.T / len(left)
    found = influence_functions(tracing, training.train, training.queries, damping=damping)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-12)
    own = influence_functions_self(tracing, training.train, damping=damping)
    torch.testing.assert_close(
        own, (left @ damped.inverse() * left).sum(dim=1) / len(left), rtol=1e-6, atol=1e-12
    )


def smoothed_run(folder: Path, batches: list[list[int]]) -> Training:
    """Trained on the task's own loss; plain gradient descent."""
    torch.manual_seed(0)
    model = Network().double()
    model.drop.p = 0.0
    training = train_and_record(folder / "other")  # for its data
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(folder / "run", model, optimizer, training.train) as recording:
        for rows in batches:
            batch = Batch(training.train[0][rows], training.train[1][rows])
            optimizer.zero_grad()
            TASK.train_loss(model.train(), batch).mean().backward()
            recording.batch(rows)
            optimizer.step()
        recording.checkpoint()
    run = Run.open(folder / "run")
    return Training(run, model, training.train, training.queries, [])


def test_replay_trains_on_the_task(tmp_path: Path) -> None:
    training = smoothed_run(tmp_path, [[0, 1, 2], [3, 4], [1, 5, 6, 7]])
    tracer = tracer_of(training)
    found = tracer.replay(training.train, training.queries)
    assert found.fidelity.exact
    model = copy.deepcopy(training.model)
    model.load_state_dict(load_file(training.run.folder / "initial.safetensors"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    expected = torch.zeros_like(found.scores)
    for rows in ([0, 1, 2], [3, 4], [1, 5, 6, 7]):
        part = (training.train[0][rows], training.train[1][rows])
        lefts = gradients(model, TASK.train_loss, part)
        rights = gradients(model, TASK.measurement, training.queries)
        for row, left in zip(rows, lefts, strict=True):
            for column, right in enumerate(rights):
                expected[row, column] += inner(left, right, dict.fromkeys(left, 0.1 / len(rows)))
        optimizer.zero_grad()
        TASK.train_loss(model.train(), Batch(*part)).mean().backward()
        optimizer.step()
    torch.testing.assert_close(found.scores, expected, **CLOSE)
    summed = tracer.replay(training.train, training.queries, reduce="sum")
    torch.testing.assert_close(summed.scores, expected.sum(dim=1), **CLOSE)


def test_tracin_ideal_takes_away_from_the_measurement(tmp_path: Path) -> None:
    training = smoothed_run(tmp_path, [[3], [1], [3], [0]])
    found = tracer_of(training).replay(training.train, training.queries, formula="tracin-ideal")
    assert found.fidelity.exact

    def measured(file: str) -> Tensor:
        training.model.load_state_dict(load_file(training.run.folder / file))
        with torch.no_grad():
            return TASK.measurement(training.model.eval(), Batch(*training.queries))

    change = measured("initial.safetensors") - measured(training.run.checkpoints[-1].file)
    torch.testing.assert_close(found.scores.sum(dim=0), change, **CLOSE)


def test_the_closed_form_is_of_a_loss(training: Training) -> None:
    message = r"a loss of the network's outputs.*; got the task Margin; pass loss="
    with pytest.raises(InputError, match=message):
        tracer_of(training, last_layer_only=True)
    tracing = Tracing.of(training.model, training.run, training.train, task=TASK)
    with pytest.raises(InputError, match=message):
        representer_values(tracing, training.train, training.queries)
    assert tracing.objective.head is None and tracing.asked.head is None


def test_a_loss_is_a_task_with_one_side(training: Training) -> None:
    tracing = tracing_of(training)
    assert tracing.asked is tracing.objective
    given = Tracer(training.model, training.run, task=LossTask(cross_entropy))
    short = Tracer(training.model, training.run)
    assert torch.equal(
        given.influence(training.train, training.queries),
        short.influence(training.train, training.queries),
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": Margin}, "got the class Margin"),
        ({"task": cross_entropy}, "without train_loss and measurement"),
        ({"task": TASK, "loss": causal_lm_loss}, "expected loss= or task=; got both"),
        ({"loss": "cross-entropy"}, "got a str; pass a function, or task="),
    ],
)
def test_wrong_tasks(training: Training, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tracer(training.model, training.run, **options)
