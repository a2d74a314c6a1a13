"""Repair on a case whose numbers are known: networks that only look at who is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from bench.detect.repair import Outcome, repair, retrain_by
from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import InputError
from radiotracer.recipes import Attack
from radiotracer.training.loop import TrainConfig
from tiny_world import World

TAMPERED = np.isin(np.arange(10), [0, 1])
SUSPECTS = np.isin(np.arange(10), [0, 1, 5])


class Voter(nn.Module):
    """Dark images are class 0, all others class 1 or, where it is wrong, 0."""

    def __init__(self, says: int) -> None:
        super().__init__()
        self.says = says

    def forward(self, inputs: Tensor) -> Tensor:
        labels = torch.where(inputs.mean(dim=(1, 2, 3)) < 0.5, 0, self.says)
        return nn.functional.one_hot(labels, 2).float()


def examples(labels: list[int], levels: list[int]) -> Dataset:
    images = np.array(levels, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Dataset(
        modality=IMAGES,
        content=images,
        labels=np.array(labels, dtype=np.int64),
        ids=np.array([f"e{i}" for i in range(len(labels))]),
        class_names=("dark", "light"),
        source="made-up",
    )


DATA = examples([0, 1] * 5, [0, 255] * 5)
TEST = examples([0, 1, 1, 1], [0, 255, 255, 255])
ATTACK = Attack(TEST.take([1]), np.array([0]), "target")


def test_the_four_outcomes() -> None:
    seen: list[set[str]] = []

    def retrain(left: Dataset) -> nn.Module:
        seen.append(set(left.ids.tolist()))
        return Voter(0 if seen[-1] & {"e0", "e1"} else 1)

    found = repair(
        Voter(0), DATA, TAMPERED, SUSPECTS, test=TEST, retrain=retrain, attack=ATTACK, seed=3
    )
    assert found.before == Outcome(tampered=0, clean=0, attack_success=1.0, accuracy=0.25)
    assert found.flagged == Outcome(tampered=2, clean=1, attack_success=0.0, accuracy=1.0)
    assert found.perfect == Outcome(tampered=2, clean=0, attack_success=0.0, accuracy=1.0)
    everyone = set(DATA.ids.tolist())
    assert everyone - seen[0] == {"e0", "e1", "e5"}
    assert everyone - seen[1] == {"e0", "e1"}
    random = everyone - seen[2]
    assert len(random) == 3
    assert found.random.tampered == len(random & {"e0", "e1"})
    assert found.random.attack_success == (1.0 if seen[2] & {"e0", "e1"} else 0.0)


def test_nothing_found_is_nothing_trained() -> None:
    def retrain(_: Dataset) -> nn.Module:
        raise AssertionError("nothing was taken out")

    nobody = np.zeros(10, dtype=bool)
    found = repair(Voter(1), DATA, nobody, nobody, test=TEST, retrain=retrain)
    assert found.before == found.flagged == found.random == Outcome(0, 0, None, 1.0)


def test_by_the_victims_own_training(tiny: World) -> None:
    config = TrainConfig(architecture="small-cnn", width=2, epochs=1, batch_size=16, seed=3)
    truth = tiny.manifest.is_tampered
    found = repair(
        tiny.model, tiny.tampered, truth, truth, test=tiny.queries, retrain=retrain_by(config)
    )
    assert found.flagged == found.perfect
    assert (found.flagged.tampered, found.flagged.clean) == (truth.sum(), 0)
    assert found.random.tampered + found.random.clean == truth.sum()
    assert 0 <= found.perfect.accuracy <= 1


def test_arrays_of_another_length() -> None:
    with pytest.raises(InputError, match="a verdict for each of 10 examples"):
        repair(Voter(1), DATA, TAMPERED, SUSPECTS[:9], test=TEST, retrain=lambda _: Voter(1))
