"""A tracer opens its run once, says what it did, and how far it is."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from influence_helpers import Training, double_loop, draw
from store_helpers import LARGE
from torch import Tensor, nn

import radiotracer
from radiotracer.influence import Tracer, Tracing
from radiotracer.runs import Run, record

CLOSE = {"rtol": 1e-9, "atol": 1e-12}
FROZEN = "Left out, as the recorded optimiser did not train them: frozen.weight, frozen.bias."


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows by one each time that a network is copied to be traced."""
    found: list[object] = []
    original = Tracing.of

    def counting(*args: Any, **options: Any) -> Tracing:
        found.append(args)
        return original(*args, **options)

    monkeypatch.setattr(Tracing, "of", counting)
    return found


def test_a_run_is_opened_once(training: Training, opened: list[object]) -> None:
    tracer = Tracer(training.model, training.run)
    expected = double_loop(training, training.train, training.queries)
    for _ in range(2):
        for train in (training.train, draw(4, seed=8)):
            tracer.self_influence(train)
        tracer.top(training.train, training.queries, 2)
        tracer.replay(training.train, training.queries, reduce="sum")
        # Whatever was loaded before.
        found = tracer.influence(training.train, training.queries)
        torch.testing.assert_close(found, expected, **CLOSE)
    assert len(opened) == 1
    tracer.batch_size = 2
    found = tracer.influence(training.train, training.queries)
    torch.testing.assert_close(found, expected, **CLOSE)
    assert len(opened) == 1


def test_what_was_proved_is_kept(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    tracer = Tracer(training.model, training.run)
    first = tracer.influence(training.train, training.queries)
    summed = tracer.influence(training.train, training.queries, reduce="sum")

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("radiotracer.gradients.ghost.plan.make_plan", never)
    monkeypatch.setattr("radiotracer.gradients.derivatives.routes.is_right", never)
    assert torch.equal(tracer.influence(training.train, training.queries), first)
    again = tracer.influence(training.train, training.queries, reduce="sum")
    assert torch.equal(again, summed)


def test_the_caller_s_weights_do_not_matter(training: Training) -> None:
    model = copy.deepcopy(training.model)
    tracer = Tracer(model, training.run)
    first = tracer.self_influence(training.train)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(tracer.self_influence(training.train), first)


def test_another_kind_of_data_or_place_is_opened_anew(
    training: Training, opened: list[object]
) -> None:
    model = copy.deepcopy(training.model)
    tracer = Tracer(model, training.run)
    for size in (6, 8):
        inputs, targets = torch.randn(3, 1, size, size, dtype=torch.float64), torch.zeros(3).long()
        tracer.self_influence((inputs, targets))
    assert len(opened) == 2
    model.float()
    tracer.self_influence((inputs.float(), targets))
    assert len(opened) == 3


def test_a_call_within_a_call(training: Training) -> None:
    """What is in use is out of reach: the inner one's checkpoints are not the outer one's."""
    inner: list[Tensor] = []

    def progress(*_: object) -> None:
        if not inner:
            inner.append(torch.empty(0))
            inner.append(tracer.self_influence(training.train))

    tracer = Tracer(training.model, training.run, batch_size=2, progress=progress)
    found = tracer.influence(training.train, training.queries)
    expected = double_loop(training, training.train, training.queries)
    torch.testing.assert_close(found, expected, **CLOSE)
    own = double_loop(training, training.train, training.train).diagonal()
    torch.testing.assert_close(inner[1], own, **CLOSE)


def test_a_store_has_a_network_of_its_own(training: Training, tmp_path: Path) -> None:
    tracer = Tracer(training.model, training.run)
    store = tracer.write_store(training.train, tmp_path / "store", LARGE)
    tracer.self_influence(training.train)
    kept = next(iter(tracer._kept.values()))
    assert kept.objective.model is not store.tracing.objective.model


def test_an_error_leaves_it_usable(training: Training, opened: list[object]) -> None:
    tracer = Tracer(training.model, training.run)
    with pytest.raises(radiotracer.InputError):
        tracer.top(training.train, training.queries, 100)
    assert tracer.self_influence(training.train).shape == (9,)
    again = pickle.loads(pickle.dumps(tracer))  # noqa: S301
    assert torch.equal(again.self_influence(training.train), tracer.self_influence(training.train))


def test_progress(training: Training) -> None:
    told: list[tuple[str, int, int]] = []
    tracer = Tracer(training.model, training.run, batch_size=4, progress=lambda *x: told.append(x))
    stages = [f"checkpoint {c} of 3" for c in (1, 2, 3)]

    def heard() -> list[tuple[str, int, int]]:
        found = told[:]
        told.clear()
        return found

    one_by_one = [(stage, done, 9) for stage in stages for done in (4, 8, 9)]
    tracer.self_influence(training.train)
    assert heard() == one_by_one
    for method in ("tracin-cp", "gas"):
        tracer.influence(training.train, training.queries, reduce="sum", method=method)
        assert heard() == one_by_one
        # Five queries in blocks of four and of one, each held against all nine.
        tracer.influence(training.train, training.queries, method=method)
        assert heard() == [
            (stage, done, 45) for stage in stages for done in (16, 32, 36, 40, 44, 45)
        ]
    last = Tracer(
        training.model, training.run, last_layer_only=True, batch_size=4, progress=tracer.progress
    )
    for reduce in ("sum", None):
        last.influence(training.train, training.queries, reduce=reduce)
        assert heard() == one_by_one
    tracer.replay(training.train, training.queries)
    steps = training.run.checkpoints[-1].step
    assert heard() == [("steps of the replay", n, steps) for n in range(1, steps + 1)]


def test_notes(training: Training) -> None:
    tracer = Tracer(training.model, training.run, layers=["conv.*", "head.*"])
    assert tracer.notes == ()
    tracer.influence(training.train, training.queries, reduce="sum")
    left = "Left out, as layers= does not name them: norm.weight, norm.bias."
    route = "Directional derivatives by forward mode."
    assert tracer.notes == (FROZEN, left, route)
    tracer.self_influence(training.train)
    rules = "Gradients by the rules of their operations: 4 of 4 tensors."
    assert tracer.notes == (FROZEN, left, route, rules)
    last = Tracer(training.model, training.run, last_layer_only=True)
    last.self_influence(training.train)
    assert last.notes == (FROZEN, "By its closed form, the last layer alone: head.")


class Odd(nn.Module):
    """A parameter whose use has no rule."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(4, 3)
        self.slope = nn.PReLU(4)
        self.bend = nn.Bilinear(4, 4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.slope(self.bend(inputs, inputs)))


def adam_run(folder: Path) -> tuple[nn.Module, Run, tuple[Tensor, Tensor]]:
    torch.manual_seed(0)
    model, data = Odd(), (torch.randn(12, 4), torch.randint(3, (12,)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    with record(folder, model, optimizer, data) as recording:
        for rows in ([0, 1, 2, 3], [8, 2, 1, 0], [5, 6, 1, 1]):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(data[0][rows]), data[1][rows]).backward()
            recording.batch(rows)
            optimizer.step()
        recording.checkpoint()
    return model, Run.open(folder), data


NEVER = (
    "5 of 12 examples are in no recorded step: their scores say what training on them would have "
    "done."
)


def test_notes_of_the_run_and_of_fallbacks(tmp_path: Path) -> None:
    model, run, data = adam_run(tmp_path / "run")
    tracer = Tracer(model, run)
    adam, never = tracer.notes
    assert adam.startswith("TracIn's derivation is for plain gradient descent; the run used AdamW")
    assert never == NEVER
    tracer.self_influence(data)
    fallbacks = [note for note in tracer.notes if note.startswith("By the slow dense engine")]
    dense = sum(note.count(".weight") + note.count(".bias") for note in fallbacks)
    (rules,) = (note for note in tracer.notes if note.startswith("Gradients by the rules"))
    assert rules == f"Gradients by the rules of their operations: {5 - dense} of 5 tensors."


def test_a_scan_s_summary_has_them(tmp_path: Path) -> None:
    model, run, data = adam_run(tmp_path / "run")
    found = radiotracer.scan(model, run, data)
    summary = radiotracer.write_scan(found, tmp_path / "scan")
    assert summary["notes"][1] == NEVER
    assert "AdamW" in summary["notes"][0]
    page = (tmp_path / "scan" / "report.html").read_text()
    assert page.count("derivation is for plain gradient descent") == 1
    reasons = radiotracer.write_explanation(
        radiotracer.explain(model, run, data, data, rows=[0], top_k=2), tmp_path / "explained"
    )
    assert NEVER in reasons.notes and "AdamW" in reasons.notes[0]


def test_steps_that_are_not_known(tmp_path: Path) -> None:
    _, run, _ = adam_run(tmp_path / "run")
    for step in (tmp_path / "run" / "steps").iterdir():
        step.unlink()
    _, note = Tracer(Odd(), run).notes
    assert note.startswith("Nothing is known of the steps: ")


def test_a_run_of_checkpoints_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = Odd(), (torch.randn(6, 4), torch.randint(3, (6,)))
    torch.save(model.state_dict(), tmp_path / "one.pt")
    run = Run.from_checkpoints(tmp_path / "one.pt", data=data, model=model)
    first, second = Tracer(model, run).notes
    assert first.endswith("what the run used is not known.")
    assert second.startswith("Nothing is known of the steps: ")
