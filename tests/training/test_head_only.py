"""Training the last layer alone, from given weights; and trainings that are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError, RunError
from radiotracer.influence import Tracing, self_influence
from radiotracer.scanning import scan
from radiotracer.training.kept import trained_once
from radiotracer.training.loop import TrainConfig, train
from tiny_world import World

CONFIG = TrainConfig(architecture="small-cnn", width=2, epochs=3, batch_size=16, seed=5)
HEAD = CONFIG.model_copy(update={"head_only": True})


def test_only_the_head_moves_and_the_run_can_be_scanned(tiny: World, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in tiny.model.state_dict().items()}
    run, model = train(tiny.tampered, HEAD, tmp_path / "run", start=tiny.model)
    moved = {n for n, v in model.state_dict().items() if not torch.equal(v, before[n])}
    assert moved == {"head.weight", "head.bias"}
    assert all(torch.equal(v, before[n]) for n, v in tiny.model.state_dict().items())
    assert not model.training and all(p.requires_grad for p in model.parameters())
    assert run.info.optimizer.groups == (("head.weight", "head.bias"),)
    assert set(run.summed_rates(run.checkpoints[0])) == {"head.weight", "head.bias"}
    assert run.info.settings["head_only"] is True
    found = scan(model, run, tiny.tampered, tiny.queries, manifest=tiny.manifest)
    assert found.source.tracing.objective.traced == ("head.weight", "head.bias")
    assert "tracin-cp" in found.rankings
    assert (self_influence(Tracing.of(model, run, tiny.tampered), tiny.tampered) > 0).all()


def test_the_same_as_a_plain_loop_through_the_whole_network(tiny: World, tmp_path: Path) -> None:
    run, model = train(tiny.tampered, HEAD, tmp_path / "run", start=tiny.model)
    _, again = train(
        tiny.tampered, HEAD.model_copy(update={"epochs": 1}), tmp_path / "x", start=tiny.model
    )
    again.load_state_dict(run.initial_weights())
    again.eval()
    optimizer = torch.optim.SGD(
        again.head.parameters(), lr=1.0, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    inputs, labels = to_inputs(tiny.tampered.content), torch.from_numpy(tiny.tampered.labels)
    for step in run.steps().to_pylist():
        (optimizer.param_groups[0]["lr"],) = step["learning_rates"]
        loss = F.cross_entropy(again(inputs[step["batch"]]), labels[step["batch"]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for name in ("weight", "bias"):
        torch.testing.assert_close(getattr(again.head, name), getattr(model.head, name))


def test_the_whole_network_from_given_weights(tiny: World, tmp_path: Path) -> None:
    run, model = train(tiny.tampered, CONFIG, tmp_path / "run", start=tiny.model)
    begun = run.initial_weights()
    assert all(torch.equal(v, begun[n]) for n, v in tiny.model.state_dict().items())
    assert not torch.equal(begun["features.0.weight"], model.state_dict()["features.0.weight"])
    # Another data set would be normalised otherwise; what the weights were made for stays.
    assert torch.equal(model.normalise.mean, tiny.model.normalise.mean)


def test_a_constant_rate(tiny: World, tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"schedule": "constant"})
    run, _ = train(tiny.tampered, config, tmp_path / "run")
    assert {rates[0] for rates in run.steps()["learning_rates"].to_pylist()} == {0.05}


def test_bad_beginnings(tiny: World, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        train(tiny.tampered, HEAD, tmp_path / "run")
    assert str(caught.value) == (
        "expected a network to start from with head_only=True; got none; "
        "pass start= or architecture=efficientnet-lite0, or train the whole network"
    )
    with pytest.raises(RunError, match=r"got head\.weight of shape|got features"):
        train(
            tiny.tampered, HEAD.model_copy(update={"width": 3}), tmp_path / "run", start=tiny.model
        )
    assert not (tmp_path / "run").exists()


def test_a_training_is_kept_until_something_differs(tiny: World, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first, model = trained_once(tiny.tampered, HEAD, folder, start=tiny.model)
    again, same = trained_once(tiny.tampered, HEAD, folder, start=tiny.model)
    assert again.info == first.info
    assert torch.equal(same.head.weight, model.head.weight)
    other = HEAD.model_copy(update={"seed": 6})
    assert trained_once(tiny.tampered, other, folder, start=tiny.model)[0].info.seed == 6
    changed, _ = trained_once(tiny.clean, other, folder, start=tiny.model)
    assert changed.info.data.digest == tiny.clean.digest
    started, _ = trained_once(tiny.clean, other, folder, start=model)
    assert started.info.initial != changed.info.initial
