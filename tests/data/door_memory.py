"""Cases: data that a program has in memory."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
from door_cases import Case, Make, png, put
from PIL import Image

PIXELS = np.arange(4 * 16, dtype=np.uint8).reshape(4, 4, 4)
LABELS = ["a", "b", "a", "b"]
AB = {"a": 2, "b": 2}
NUMBERS = {"0": 2, "1": 2}
TEXTS = ["one long text", "two long texts", "three long texts", "four long texts"]


def _it(value: Any) -> Make:
    return lambda _: value() if callable(value) else value


def _paths(root: Path) -> Any:
    return [put(root, f"{row}.png", png(str(row))) for row in range(4)], LABELS


def _path_texts(root: Path) -> Any:
    paths, labels = _paths(root)
    return [str(each) for each in paths], labels


def _tensors() -> Any:
    import torch

    return torch.from_numpy(PIXELS), torch.tensor([0, 1, 0, 1])


def _tensor_dataset() -> Any:
    from torch.utils.data import TensorDataset

    return TensorDataset(*_tensors())


def _subset() -> Any:
    from torch.utils.data import Subset

    return Subset(_tensor_dataset(), [3, 0])


def _pandas() -> Any:
    import pandas as pd

    return pd.DataFrame({"text": TEXTS, "label": LABELS})


def _pandas_rows() -> Any:
    import pandas as pd

    kinds = pd.Categorical(["r", "s", "r", "s"])
    return pd.DataFrame({"height": [1.0, None, 3.0, 4.0], "kind": kinds, "label": LABELS})


def _polars() -> Any:
    import polars as pl

    return pl.DataFrame({"text": TEXTS, "label": LABELS})


def _arrow() -> Any:
    return pa.table({"image": [png(str(row)) for row in range(4)], "label": LABELS})


def _hugging_face(split: bool) -> Any:
    import datasets

    found = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    return datasets.DatasetDict(train=found, dev=found) if split else found


class _Items:
    """A data set of torch that shows nothing but its items."""

    def __init__(self, *, random: bool = False, **shown: Any) -> None:
        self._random = random
        self.__dict__ |= shown

    def __len__(self) -> int:
        return 4

    def __getitem__(self, row: int) -> Any:
        noise = random.getrandbits(20) if self._random else 0
        return PIXELS[row].astype(np.float64) / 63 + noise, row % 2


def _image_folder(root: Path) -> Any:
    samples = [(str(put(root, f"{'ab'[n % 2]}/{n}.png", png(str(n)))), n % 2) for n in range(4)]
    return _Items(samples=samples, classes=["a", "b"], transform=object(), root=str(root))


def _cifar(_: Path) -> Any:
    colours = np.stack([PIXELS] * 3, axis=3)
    return _Items(data=colours, targets=[0, 1, 0, 1], classes=["a", "b"], transform=None)


PILS = [Image.fromarray(each) for each in PIXELS]
ENCODED = [png(str(row)) for row in range(4)]
MEMORY = (
    Case("memory-arrays", _it((PIXELS, LABELS)), AB),
    Case("memory-arrays-number", _it((PIXELS, np.array([0, 1, 0, 1]))), NUMBERS),
    Case("memory-list", _it([PIXELS, LABELS]), refused=["a DATA argument, a pair", "a list"]),
    Case("memory-tensors", _it(_tensors), NUMBERS),
    Case("memory-vectors", _it((PIXELS.reshape(4, 16) / 7, LABELS)), AB, kind="vectors"),
    Case("memory-pil", _it((PILS, LABELS)), AB),
    Case("memory-bytes", _it((ENCODED, LABELS)), AB),
    Case("memory-paths", _paths, AB),
    Case("memory-path-texts", _path_texts, AB),
    Case("memory-list-of-arrays", _it((list(PIXELS), LABELS)), AB),
    Case("memory-texts", _it((TEXTS, LABELS)), AB, kind="texts"),
    Case("memory-mapping", _it({"images": PIXELS, "labels": LABELS}), AB),
    Case("memory-mapping-x", _it({"x": PIXELS, "y": [0, 1, 0, 1], "class_names": "ab"}), AB),
    Case("memory-mapping-other", _it({"pixels": PIXELS}), refused=["a mapping with one of images"]),
    Case("memory-pandas", _it(_pandas), AB, kind="texts"),
    Case("memory-pandas-rows", _it(_pandas_rows), AB, kind="tables"),
    Case("memory-polars", _it(_polars), AB, kind="texts"),
    Case("memory-arrow", _it(_arrow), AB),
    Case("memory-hugging-face", _it(lambda: _hugging_face(False)), AB, kind="texts"),
    Case("memory-hugging-face-splits", _it(lambda: _hugging_face(True)), AB, kind="texts"),
    Case("memory-tensor-dataset", _it(_tensor_dataset), NUMBERS),
    Case("memory-subset", _it(_subset), {"0": 1, "1": 1}),
    Case("memory-image-folder", _image_folder, AB, notes=["transforms of the data set were not"]),
    Case("memory-cifar", _cifar, AB),
    Case("memory-items", lambda _: _Items(), NUMBERS, notes=["0 to 1 became 0 to 255"]),
    Case("memory-random-items", lambda _: _Items(random=True), refused=["stay the same", "random"]),
    Case(
        "memory-none",
        _it((PIXELS, ["a", None, "b", "a"])),
        {"a": 2, "b": 1},
        left={"00001": "no label"},
    ),
    Case(
        "memory-nan",
        _it((PIXELS, [0.0, float("nan"), 1.0, 1.0])),
        {"0": 1, "1": 2},
        left={"00001": "no label"},
    ),
    Case("memory-one-hot", _it((PIXELS, np.eye(4))), refused=["one-hot", "argmax"]),
    Case(
        "memory-several-labels",
        _it((PIXELS, [["a"], ["a", "b"], [], ["b"]])),
        refused=["several labels"],
    ),
    Case("memory-lengths", _it((PIXELS, ["a", "b"])), refused=["4 examples and 2 labels"]),
    Case("memory-number", _it(3), refused=["a DATA argument", "a int"]),
    Case("memory-object", _it(lambda: SimpleNamespace(a=1)), refused=["a SimpleNamespace"]),
    Case("memory-empty", _it((PIXELS[:0], [])), refused=["none that can be read"]),
    Case(
        "memory-mixed-labels",
        _it((PIXELS, ["a", 1, 2.5, "b"])),
        refused=["labels of one kind", "float beside int beside str"],
    ),
    Case(
        "memory-twice-a-column",
        lambda _: pa.table([[1.0], [2.0], ["a"]], names=["x", "x", "label"]),
        refused=["the name x twice"],
    ),
)
