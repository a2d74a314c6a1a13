from __future__ import annotations

import dataclasses
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import DataError, NotFiniteError
from radiotracer.runs import ModelSpec, Run
from radiotracer.training.loop import TrainConfig, train

N, CLASSES = 24, 3


def examples(n: int = N, classes: int = CLASSES) -> Dataset:
    return Dataset(
        modality=IMAGES,
        content=np.random.default_rng(0).integers(0, 256, (n, 8, 8, 1), dtype=np.uint8),
        labels=np.arange(n) % CLASSES,
        ids=np.array([f"e{i:02}" for i in range(n)]),
        class_names=tuple("abcdef"[:classes]),
        source="made-up",
        validation="made-up#test",
    )


CONFIG = TrainConfig(architecture="small-cnn", width=2, epochs=2, batch_size=8, seed=3)


def digests(run: Run) -> list[str]:
    return [checkpoint.sha256 for checkpoint in run.checkpoints]


@pytest.mark.parametrize("model", ["small-cnn", "resnet18", "resnet9"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, model: str) -> None:
    config = CONFIG.model_copy(update={"architecture": model})
    torch.manual_seed(1)
    first, _ = train(examples(), config, tmp_path / "a")
    torch.manual_seed(2)
    second, _ = train(examples(), config, tmp_path / "b")
    assert len(first.checkpoints) == 2
    assert digests(first) == digests(second)
    assert first.steps().equals(second.steps())
    third, _ = train(examples(), config.model_copy(update={"seed": 4}), tmp_path / "c")
    assert not set(digests(first)) & set(digests(third))
    assert first.steps()["batch"] != third.steps()["batch"]


def test_random_states_are_left_as_found(tmp_path: Path) -> None:
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    train(examples(), CONFIG, tmp_path / "run")
    assert random.getstate() == before[0]
    assert str(np.random.get_state()) == before[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])


def test_what_is_recorded(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    run, model = train(
        dataclasses.replace(examples(), options={"image_size": 8}),
        CONFIG,
        tmp_path / "run",
        progress=lambda *what: told.append(what),
    )
    assert run.info.seed == 3
    assert run.info.model == ModelSpec(
        name="small-cnn", options={"channels": 1, "classes": 3, "width": 2}
    )
    assert run.info.data.source == "made-up"
    assert run.info.data.validation == "made-up#test"
    assert run.info.data.class_names == ("a", "b", "c")
    assert run.info.data.digest == examples().digest == run.identity().digest
    assert run.info.data.options.given() == {"image_size": 8}
    assert run.info.settings["epochs"] == 2
    assert told == [(f"epoch {epoch} of 2", done, N) for epoch in (1, 2) for done in (8, 16, 24)]
    batches = run.steps()["batch"].to_pylist()
    assert [sorted(itertools.chain(*batches[i : i + 3])) for i in (0, 3)] == [list(range(N))] * 2
    assert not model.training
    weights = run.weights(run.checkpoints[-1])
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name])
    # Momentum needs every step's rate to be on the schedule: up, then down to nearly nothing.
    rates = [rates[0] for rates in run.steps()["learning_rates"].to_pylist()]
    assert max(rates) <= CONFIG.learning_rate
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_a_training_that_diverges_is_interrupted(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"learning_rate": 1e30, "epochs": 5})
    before = torch.get_rng_state()
    with pytest.raises(NotFiniteError, match="lower"):
        train(examples(), config, tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), before)
    assert '"status": "interrupted"' in (tmp_path / "run" / "run.json").read_text()


def test_data_that_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"each of the 4 classes; got none in d; add examples"):
        train(examples(classes=4), CONFIG, tmp_path / "run")
    with pytest.raises(DataError) as caught:
        train(examples(6), CONFIG, tmp_path / "run")
    assert str(caught.value) == (
        "expected at least one batch of 8 images; got 6; pass a smaller batch_size="
    )
    assert not (tmp_path / "run").exists()


def test_a_training_of_one_step(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"epochs": 1, "batch_size": N})
    run, _ = train(examples(), config, tmp_path / "run")
    assert [c.step for c in run.checkpoints] == [1]


def test_images_too_small_for_the_network(tmp_path: Path) -> None:
    tiny = dataclasses.replace(examples(), content=examples().content[:, :4, :4])
    with pytest.raises(
        DataError, match="images that the network can take; got channels 1, height 4, width 4"
    ):
        train(tiny, CONFIG.model_copy(update={"architecture": "small-cnn"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
