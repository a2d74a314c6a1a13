"""What an attack means to do: its measure of success, its file, and what is no attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recipe_helpers import Digits, nothing_disturbed
from torch import nn

from radiotracer.data.npz import write_npz
from radiotracer.errors import DataError
from radiotracer.recipes import ATTACK_FILE, Attack, success

GREY = np.array([0, 100, 200, 255], dtype=np.uint8).reshape(4, 1, 1, 1)


def parts(**changes: Any) -> dict[str, Any]:
    return {
        "images": GREY,
        "true_labels": np.array([0, 0, 1, 1]),
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
    attack = Attack(**parts(true_labels=np.array(true), intended=np.array(intended)))
    model, state = IsBright().train(), torch.get_rng_state()
    assert success(model, attack, batch_size) == expected
    assert model.training and torch.equal(torch.get_rng_state(), state)


def test_success_leaves_the_network_as_it_was(digits: Digits) -> None:
    right = digits.test.take(np.arange(40))
    attack = Attack(right.content, right.labels, (right.labels + 1) % 10, "target")
    with nothing_disturbed(digits.model, digits.test):
        assert success(digits.model, attack) < 0.2


@pytest.mark.parametrize("kind", ["target", "trigger"])
def test_an_attack_survives_its_file(kind: Any, tmp_path: Path) -> None:
    attack = Attack(**parts(kind=kind))
    attack.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ATTACK_FILE]
    found = Attack.read(tmp_path)
    assert found is not None and found.kind == kind
    for name in ("images", "true_labels", "intended"):
        expected, got = getattr(attack, name), getattr(found, name)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == expected.dtype


def test_no_attack(tmp_path: Path) -> None:
    assert Attack.read(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 half an archive"])
def test_a_broken_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ATTACK_FILE).write_bytes(content)
    with pytest.raises(DataError) as caught:
        Attack.read(tmp_path)
    assert str(caught.value).startswith(
        f"expected an archive of plain arrays in {tmp_path / ATTACK_FILE}; got one that cannot be"
    )
    assert "\n" not in str(caught.value)


def test_half_a_file(tmp_path: Path) -> None:
    Attack(**parts()).write(tmp_path)
    path = tmp_path / ATTACK_FILE
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(DataError):
        Attack.read(tmp_path)


def test_a_file_with_an_array_missing(tmp_path: Path) -> None:
    write_npz(tmp_path / ATTACK_FILE, {"images": GREY, "true_labels": np.array([0, 0, 1, 1])})
    with pytest.raises(DataError) as caught:
        Attack.read(tmp_path)
    assert str(caught.value) == (
        f"expected an attack at {tmp_path / ATTACK_FILE}; got an archive without 'intended'; "
        "restore or remove it"
    )


WRONG = [
    (
        {"images": GREY.astype(np.float32)},
        "expected uint8 images of shape (k, height, width, channels), at least one; "
        "got float32 of shape (4, 1, 1, 1); give the images that the victim will be shown",
    ),
    (
        {"images": GREY[:0]},
        "expected uint8 images of shape (k, height, width, channels), at least one; "
        "got uint8 of shape (0, 1, 1, 1); give the images that the victim will be shown",
    ),
    (
        {"intended": np.array([1, 1])},
        "expected int64 labels of shape (4,); got int64 of shape (4,) and int64 of shape (2,); "
        "give a true and an intended class for each image",
    ),
    (
        {"true_labels": np.zeros(4)},
        "expected int64 labels of shape (4,); got float64 of shape (4,) and int64 of shape (4,); "
        "give a true and an intended class for each image",
    ),
    (
        {"intended": np.array([1, 1, 1, 0])},
        "expected intended classes that differ from the true ones, both at least 0; got others; "
        "leave out the images that already are of the intended class",
    ),
    (
        {"intended": np.array([1, 1, 0, -1])},
        "expected intended classes that differ from the true ones, both at least 0; got others; "
        "leave out the images that already are of the intended class",
    ),
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
    # The same is refused when it comes from a file.
    arrays = {name: np.asarray(value) for name, value in parts(**changes).items()}
    write_npz(tmp_path / ATTACK_FILE, arrays)
    with pytest.raises(DataError) as caught:
        Attack.read(tmp_path)
    path = tmp_path / ATTACK_FILE
    assert str(caught.value) == f"expected an attack at {path}; got {text}; restore or remove it"
