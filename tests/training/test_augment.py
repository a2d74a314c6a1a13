"""Varied training images: drawn by a seed, by at most an eighth, and kept trainings know of it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from text_letters import letters
from torch import Tensor
from torch.nn import functional as F

from radiotracer.errors import DataError, InputError
from radiotracer.training import kept
from radiotracer.training.augment import Variation, varied
from radiotracer.training.kept import trained_once
from radiotracer.training.loop import TrainConfig, train
from tiny_world import World

CONFIG = TrainConfig(architecture="small-cnn", width=2, epochs=2, batch_size=16, seed=3)


def drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 200, side: int = 16) -> Tensor:
    return torch.rand(count, 2, side, side, generator=drawn(9))


def with_variation(how: Variation) -> TrainConfig:
    return CONFIG.model_copy(update={"augment": how})


def test_none_is_the_same_object_and_draws_nothing() -> None:
    generator, images = drawn(), pictures()
    before = generator.get_state()
    assert varied(images, "none", generator) is images
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("how", ["crops", "crops-and-flips"])
def test_crops_are_whole_pixels_up_to_an_eighth(how: Variation) -> None:
    images = pictures()
    kept_images = images.clone()
    moved = varied(images, how, drawn())
    assert torch.equal(images, kept_images)
    assert moved.shape == images.shape and moved.dtype == images.dtype
    assert moved.is_contiguous(memory_format=torch.channels_last)
    around = F.pad(images, (2, 2, 2, 2), mode="replicate")
    places, turned = [], 0
    for image, padded in zip(moved, around, strict=True):
        hits = [
            (down, right, flip)
            for down in range(5)
            for right in range(5)
            for flip in (False, True)
            if torch.equal(
                padded[:, down : down + 16, right : right + 16], image.flip(2) if flip else image
            )
        ]
        assert len(hits) == 1
        places.append(hits[0][:2])
        turned += hits[0][2]
    # A step of five is missed by 200 draws 1 time in 10^19.
    assert {down for down, _ in places} == {right for _, right in places} == set(range(5))
    assert turned == 0 if how == "crops" else 60 < turned < 140


def test_the_seed_decides_and_nothing_else() -> None:
    images, torch_state = pictures(), torch.get_rng_state()
    one, two, other = (varied(images, "crops-and-flips", drawn(s)) for s in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    generator = drawn(1)
    varied(images, "crops-and-flips", generator)
    assert not torch.equal(varied(images, "crops-and-flips", generator), one)  # anew in each batch
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_images_of_less_than_eight_pixels_only_turn() -> None:
    images = pictures(side=7)
    assert torch.equal(varied(images, "crops", drawn()), images)
    turned = varied(images, "crops-and-flips", drawn())
    same = (turned == images).flatten(1).all(dim=1)
    mirrored = (turned == images.flip(3)).flatten(1).all(dim=1)
    assert (same ^ mirrored).all() and 60 < int(same.sum()) < 140


def test_a_training_with_it_is_the_same_again(tiny: World, tmp_path: Path) -> None:
    made = {}
    for name, how in (("a", "crops"), ("b", "crops"), ("c", "none"), ("d", "crops-and-flips")):
        torch.manual_seed(ord(name))
        random.seed(ord(name))
        before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
        made[name] = train(tiny.clean, with_variation(how), tmp_path / name)[0]  # type: ignore[arg-type]
        assert random.getstate() == before[0] and torch.equal(torch.get_rng_state(), before[2])
        assert str(np.random.get_state()) == before[1]  # noqa: NPY002
        assert made[name].info.settings["augment"] == how
    ends = {name: [c.sha256 for c in run.checkpoints] for name, run in made.items()}
    assert ends["a"] == ends["b"]
    assert len({tuple(ends[name]) for name in "acd"}) == 3
    # The beginning and the order of the batches are those of a training without.
    assert len({run.info.initial.sha256 for run in made.values()}) == 1
    assert all(run.steps()["batch"] == made["c"].steps()["batch"] for run in made.values())


def test_every_batch_is_varied(
    tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Tensor, str]] = []

    def spied(inputs: Tensor, how: Variation, generator: torch.Generator) -> Tensor:
        seen.append((inputs, how))
        return varied(inputs, how, generator)

    monkeypatch.setattr("radiotracer.training.loop.varied", spied)
    train(tiny.clean, with_variation("crops"), tmp_path / "run")
    assert len(seen) == 12 and {how for _, how in seen} == {"crops"}
    assert {tuple(inputs.shape) for inputs, _ in seen} == {(16, 1, 10, 10)}


def test_not_with_the_head_alone(tiny: World, tmp_path: Path) -> None:
    config = with_variation("crops").model_copy(update={"head_only": True})
    with pytest.raises(InputError) as caught:
        train(tiny.clean, config, tmp_path / "run", start=tiny.model)
    assert str(caught.value) == (
        'expected augment="none" with head_only=True, whose features are computed once; '
        "got crops; leave one of them out"
    )
    assert not (tmp_path / "run").exists()


def test_another_variation_is_another_training(
    tiny: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    first, _ = trained_once(tiny.clean, CONFIG, folder)
    trainings = []

    def counted(*given: object, **more: object) -> object:
        trainings.append(given)
        return train(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "train", counted)
    again, _ = trained_once(tiny.clean, CONFIG, folder)
    assert not trainings and again.checkpoints == first.checkpoints
    crops = with_variation("crops")
    for _ in range(2):
        assert trained_once(tiny.clean, crops, folder)[0].info.settings["augment"] == "crops"
        assert len(trainings) == 1
    trained_once(tiny.clean, CONFIG, folder)
    assert len(trainings) == 2


def test_only_images_can_be_varied(tmp_path: Path) -> None:
    texts = letters(32, seed=0)
    with pytest.raises(DataError) as caught:
        train(texts, TrainConfig.of(texts, augment="crops"), tmp_path / "run")
    assert str(caught.value) == (
        "expected images for augment=crops; got texts from letters; pass images"
    )
    assert not (tmp_path / "run").exists()
