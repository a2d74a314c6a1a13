"""The experiment that the project starts from: its published score, and a tiny run of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from radiotracer.cli import run
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError
from radiotracer.influence import Tracer
from radiotracer.reproduce.tracein import SCALES, TraceInConfig, markdown, run_tracein
from radiotracer.reproduce.tracein.methods import published_score
from radiotracer.runs import Run
from tiny_world import World

TINY: dict[str, Any] = {
    "seeds": (0,),
    "examples": 90,
    "model": "small-cnn",
    "width": 4,
    "epochs": 4,
    "checkpoint_every": 2,
    "batch_size": 8,
    "learning_rate": 0.05,
    "tampered": 6,
    "clean_asked": 40,
    "queries": 5,
    "validation": 30,
    "source": 0,
    "target": 2,
    "craft_steps": 3,
}


def test_the_published_score_is_two_backward_passes_without_zeroing(tiny: World) -> None:
    rows, columns = 6, 4
    asked, queries = tiny.tampered.take(range(rows)), tiny.queries.take(range(columns))
    model = copy.deepcopy(tiny.model).double().eval()
    scores = torch.zeros(rows, columns, dtype=torch.float64)

    def backward(examples: Any, row: int) -> list[torch.Tensor]:
        inputs = to_inputs(examples.content[row : row + 1]).double()
        F.cross_entropy(model(inputs), torch.from_numpy(examples.labels[row : row + 1])).backward()
        return [p.grad.clone() for p in model.parameters()]

    for checkpoint in tiny.run.checkpoints:
        model.load_state_dict(tiny.run.weights(checkpoint))
        (rate,) = set(tiny.run.summed_rates(checkpoint).values())
        for i in range(rows):
            for j in range(columns):
                model.zero_grad()
                of_point = backward(asked, i)
                of_query = backward(queries, j)  # the point's gradient is still in there
                inner = sum((a * b).sum() for a, b in zip(of_point, of_query, strict=True))
                scores[i, j] += rate * inner
    found = published_score(Tracer(tiny.model, tiny.run), asked, queries)
    torch.testing.assert_close(found, scores.amax(dim=1), rtol=1e-4, atol=1e-7)


def test_the_experiment(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = TraceInConfig(data=str(archive), **TINY)
    result = run_tracein(config, out)
    kept = json.loads((out / "result.json").read_text())
    assert kept["settings"] == result.settings and len(kept["trials"]) == 3
    flips = [trial for trial in result.trials if trial.kind.endswith("flips")]
    assert len(flips) == 2 and all(trial.failure is None for trial in flips)
    for trial in flips:
        assert (trial.tampered, trial.asked) == (6, 46)
        for column in ("clean model", "poisoned model"):
            found = trial.found[column]
            for each in found.values():
                assert each.recall_top * 6 + each.false_positive_rate_top * 40 == pytest.approx(6)
            assert found["tracin-cp"].recall is None
            assert found["Algorithm 1 as printed"].recall == 0.0  # gamma is far away here
    clean, poisoned = (Run.open(out / "runs" / "0" / n) for n in ("clean", "random-flips"))
    assert (clean.identity().labels != poisoned.identity().labels).sum() == 6
    page = markdown(result)
    assert "gamma 300.0" in page and "### targeted flips" in page
    assert "| Algorithm 1 as printed (sum >= 300) | 0.000 / 0.000 |" in page
    # A second start finds the trainings that the first one left, and says the same.
    made = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    again = run_tracein(config, out)
    assert again == result
    assert made == {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}


def test_a_low_gamma_flags_one_tail_or_the_other(archive: Path) -> None:
    config = TraceInConfig(data=str(archive), **{**TINY, "gamma": 0.0})
    trial = run_tracein(config).trials[0]
    found = trial.found["poisoned model"]
    printed, opposite = found["Algorithm 1 as printed"], found["the opposite tail"]
    assert printed.recall is not None and opposite.recall is not None
    assert printed.recall + opposite.recall == pytest.approx(1)
    # Squared norms outweigh all else: at gamma 0 the published code flags nearly everything.
    assert found["the published code"].recall == 1.0


def test_a_tampering_that_cannot_be_done_is_a_result(archive: Path) -> None:
    result = run_tracein(TraceInConfig(data=str(archive), **{**TINY, "tampered": 60}))
    targeted, *_ = result.trials
    assert targeted.failure is not None and targeted.failure.startswith("expected share= in (0, 1)")
    assert "- seed 0: expected share= in (0, 1)" in markdown(result)


def test_the_source_sizes_are_the_defaults() -> None:
    paper = TraceInConfig(**SCALES["paper"])
    assert (paper.examples, paper.width, paper.epochs, paper.checkpoint_every) == (
        60_000,
        64,
        50,
        5,
    )
    assert (paper.batch_size, paper.learning_rate, paper.gamma) == (256, 0.001, 300.0)
    assert (paper.tampered, paper.queries) == (100, 20)
    training = paper.training(0)
    assert (training.momentum, training.weight_decay, training.schedule) == (0, 0, "constant")


def test_a_folder_with_other_things(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(InputError, match=r"a new folder, or one that holds result\.json"):
        run_tracein(TraceInConfig(data=str(archive), **TINY), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "tiny.npz"] == ["mine"]


def test_the_command(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scales = {"quick": {**TINY, "data": str(archive)}}
    monkeypatch.setattr("radiotracer.reproduce.tracein.SCALES", scales)
    assert run(["reproduce", "tracein", "--seed", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["seeds"] == [3] and len(found["trials"]) == 3
    assert run(["reproduce", "tracein", "--seed", "3"]) == 0
    assert "### random flips" in capsys.readouterr().out.splitlines()
    assert run(["reproduce", "tracein", "--seed", "-1"]) == 2
    assert capsys.readouterr().err == (
        "radiotracer: expected --seed of at least 0; got -1; pass, say, --seed 0\n"
    )
    assert run(["reproduce", "tracein", "--scale", "huge"]) == 2
    assert capsys.readouterr().err.startswith("radiotracer: Invalid value")
