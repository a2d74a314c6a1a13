"""What an attack means to do: its measure of success, its folder, and what is no attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_helpers import Digits, nothing_disturbed
from torch import nn

from radiotracer.data import IMAGES, Dataset, open_data
from radiotracer.data.npz import write_npz
from radiotracer.errors import DataError
from radiotracer.recipes import Attack, success
from radiotracer.recipes.parts.attack import AIMS_FILE, ATTACK_FOLDER

GREY = np.array([0, 100, 200, 255], dtype=np.uint8).reshape(4, 1, 1, 1)


def grey(labels: list[int]) -> Dataset:
    return Dataset(
        modality=IMAGES,
        content=GREY[: len(labels)],
        labels=np.array(labels, dtype=np.int64),
        ids=np.array([str(row) for row in range(len(labels))], dtype=np.str_),
        class_names=("dark", "bright"),
        source="a test",
    )


def parts(**changes: Any) -> dict[str, Any]:
    return {
        "shown": grey([0, 0, 1, 1]),
        "intended": np.array([1, 1, 0, 0]),
        "kind": "trigger",
        **changes,
    }


class IsBright(nn.Module):
    """Class 1 for pixels above one half; draws numbers and notes its mode."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        assert not self.training
        torch.rand(3)
        bright = inputs.mean(dim=(1, 2, 3))
        return torch.stack([0.5 - bright, bright - 0.5], dim=1)


@pytest.mark.parametrize(
    ("true", "intended", "expected"),
    [([0, 0, 1, 1], [1, 1, 0, 0], 0.0), ([1, 1, 0, 0], [0, 0, 1, 1], 1.0),
     ([0, 1, 0, 0], [1, 0, 1, 1], 0.75)],
)  # fmt: skip
@pytest.mark.parametrize("batch_size", [1, 3, 512])
def test_success(true: list[int], intended: list[int], expected: float, batch_size: int) -> None:
    attack = Attack(**parts(shown=grey(true), intended=np.array(intended)))
    model, state = IsBright().train(), torch.get_rng_state()
    assert success(model, attack, batch_size) == expected
    assert model.training and torch.equal(torch.get_rng_state(), state)


def test_success_leaves_the_network_as_it_was(digits: Digits) -> None:
    right = digits.test.take(np.arange(40))
    attack = Attack(right, (right.labels + 1) % 10, "target")
    with nothing_disturbed(digits.model, digits.test):
        assert success(digits.model, attack) < 0.2


@pytest.mark.parametrize("kind", ["target", "trigger"])
def test_an_attack_survives_its_file(kind: Any, tmp_path: Path) -> None:
    attack = Attack(**parts(kind=kind))
    attack.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ATTACK_FOLDER]
    found = Attack.read(str(tmp_path))
    assert found is not None and found.kind == kind
    np.testing.assert_array_equal(found.intended, attack.intended)
    assert found.intended.dtype == attack.intended.dtype
    assert found.shown.digest == attack.shown.digest
    # What the victim will be shown are data like others.
    assert open_data(str(tmp_path / ATTACK_FOLDER)).digest == attack.shown.digest
    assert len(repr(attack)) < 300


def test_no_attack(tmp_path: Path) -> None:
    assert Attack.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half an archive"])
def test_a_broken_file(content: bytes, tmp_path: Path) -> None:
    Attack(**parts()).write(tmp_path)
    path = tmp_path / ATTACK_FOLDER / AIMS_FILE
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Attack.read(tmp_path)
    assert str(caught.value).startswith(
        f"expected an archive of plain arrays in {path}; got one that cannot be"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [AIMS_FILE, "images.npy", "data.json", "examples.npz"])
def test_half_a_file(name: str, tmp_path: Path) -> None:
    Attack(**parts()).write(tmp_path)
    path = tmp_path / ATTACK_FOLDER / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(DataError):
        Attack.read(tmp_path)


def test_a_file_with_an_array_missing(tmp_path: Path) -> None:
    Attack(**parts()).write(tmp_path)
    place = tmp_path / ATTACK_FOLDER
    write_npz(place / AIMS_FILE, {"kind": np.array(["target"])})
    with pytest.raises(DataError) as caught:
        Attack.read(tmp_path)
    assert str(caught.value) == (
        f"expected an attack at {place}; got an archive without 'intended'; restore or remove it"
    )


DIFFER = (
    "expected intended classes of the data that differ from the true ones; got others; "
    "leave out each image that already is of the intended class"
)
WRONG = [
    (
        {"shown": grey([]), "intended": np.array([], np.int64)},
        "expected images that the victim will be shown; got none; give some",
    ),
    (
        {"intended": np.array([1, 1])},
        "expected int64 classes of shape (4,); got int64 of shape (2,); "
        "give an intended class for each image",
    ),
    (
        {"intended": np.ones(4)},
        "expected int64 classes of shape (4,); got float64 of shape (4,); "
        "give an intended class for each image",
    ),
    ({"intended": np.array([1, 1, 1, 0])}, DIFFER),
    ({"intended": np.array([1, 1, 0, -1])}, DIFFER),
    ({"intended": np.array([1, 2, 0, 0])}, DIFFER),
    (
        {"kind": "other"},
        "expected an attack of the kind 'target' or 'trigger'; got 'other'; choose one of them",
    ),
]


@pytest.mark.parametrize(("changes", "text"), WRONG)
def test_what_is_no_attack(changes: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Attack(**parts(**changes))
    assert str(caught.value) == text
    # The same is refused when it comes from a folder.
    Attack(**parts()).write(tmp_path)
    place = tmp_path / ATTACK_FOLDER
    wrong = {**parts(), **changes}
    if len(wrong["shown"]):
        aims = {"intended": wrong["intended"], "kind": np.array([wrong["kind"]])}
        write_npz(place / AIMS_FILE, aims)
        with pytest.raises(DataError) as caught:
            Attack.read(tmp_path)
        assert str(caught.value) == (
            f"expected an attack at {place}; got {text}; restore or remove it"
        )
