"""`train`, `scan` and `check` on texts, rows of a table and vectors: the same commands."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from radiotracer.data import open_data
from radiotracer.errors import InputError
from radiotracer.runs import Run
from radiotracer.training import NETWORKS, Network

CLASSES = ("ham", "spam")
WORDS = (
    ["lunch", "home", "meeting", "mother", "later", "call", "dinner", "thanks"],
    ["prize", "winner", "free", "cash", "claim", "urgent", "offer", "click"],
)
COMMON = ["the", "of", "and", "a", "to", "we", "you", "is"]
ROWS, WRONG = 240, 20


def drawn() -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
    """A generator, the true classes, and the classes as given: one in twenty is wrong."""
    true = np.arange(ROWS) % 2
    given = np.where(np.isin(np.arange(ROWS) % (2 * WRONG), (3, 6)), 1 - true, true)
    return np.random.default_rng(0), true, given


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def messages(path: Path) -> Path:
    """Short texts in a table whose columns are called as nobody would guess."""
    rng, true, given = drawn()
    rows = []
    for label, called in zip(true, given, strict=True):
        words = [*rng.choice(WORDS[label], 5), *rng.choice(COMMON, 5)]
        rows.append({"v1": CLASSES[called], "v2": " ".join(rng.permutation(words)), "v3": ""})
    return write(path, rows)


def customers(path: Path) -> Path:
    """Two numbers, one of them missing now and then, and a category that all tell the class."""
    rng, true, given = drawn()
    rows = [
        {
            "age": round(float(rng.normal(30 + 20 * label, 4)), 1),
            "income": "" if rng.random() < 0.1 else int(rng.normal(40_000 + 20_000 * label, 5_000)),
            "town": rng.choice(["Ulm", "Bonn"] if label else ["Graz", "Bonn"]),
            "label": CLASSES[called],
        }
        for label, called in zip(true, given, strict=True)
    ]
    return write(path, rows)


def vectors(path: Path) -> Path:
    """Eight numbers each, of which the first tells the class."""
    rng, true, given = drawn()
    values = rng.normal(size=(ROWS, 8)).astype(np.float32)
    values[:, 0] += 6 * true
    np.savez(path, vectors=values, labels=given)
    return path


Made = tuple[Callable[[Path], Path], str, tuple[str, ...], str, str]
KINDS: dict[str, Made] = {
    "texts": (
        messages,
        "sms.csv",
        ("--text-column", "v2", "--label-column", "v1"),
        "texts",
        "bag-of-words",
    ),
    "tables": (customers, "customers.csv", (), "rows", "mlp"),
    "vectors": (vectors, "features.npz", (), "vectors", "mlp"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_train_and_scan(cli: Any, kind: str) -> None:
    make, name, options, _, network = KINDS[kind]
    data = make(Path(name))
    done = cli("train", data, *options, "--epochs", 3, "--batch-size", 16, "--out", "run")
    assert done.status == 0, done
    run = Run.open("run")
    assert run.info.model.name == network
    assert run.info.settings["epochs"] == 3
    recorded = run.info.data.options.given()
    assert recorded == dict(zip(["text_column", "label_column"], options[1::2], strict=False))
    # The run alone says how the data were opened.
    done = cli("scan", "run", "--validation", data, "--out", "scan", "--json")
    assert done.status in (0, 1), done
    assert json.loads(done.out)["examples"] == ROWS


@pytest.mark.parametrize("kind", KINDS)
def test_check_finds_what_is_wrong(cli: Any, kind: str) -> None:
    make, name, options, *_ = KINDS[kind]
    data = make(Path(name))
    done = cli("check", data, *options, "--json")
    assert done.status in (1, 4), done
    summary = json.loads(done.out)
    rows = pq.read_table("checked/scan/ranking.parquet").to_pylist()
    _, true, given = drawn()
    assert len({row["id"] for row in rows}) == ROWS
    flips = {str(each) for each in open_data(data, **opened(options)).ids[true != given]}
    assert len({row["id"] for row in rows[:WRONG]} & flips) >= 9
    assert (summary["flagged"] > 0) == (done.status == 1)
    assert Path("checked/scan/report.html").is_file()


def opened(options: tuple[str, ...]) -> dict[str, Any]:
    names = [each.removeprefix("--").replace("-", "_") for each in options[::2]]
    return dict(zip(names, options[1::2], strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_what_such_a_training_cannot_do(cli: Any, kind: str) -> None:
    make, name, options, *_ = KINDS[kind]
    data = make(Path(name))
    before = sorted(Path().iterdir())
    train = ("train", data, *options, "--out", "run")
    for more, words in [
        (("--architecture", "resnet18"), "got resnet18, which is for images"),
        (("--augment", "crops"), "expected images for --augment crops"),
        (("--head-only",), "expected a network to start from with --head-only"),
        (("--image-size", "8"), "--image-size"),
    ]:
        done = cli(*train, *more)
        assert (done.status, done.out) == (2, ""), done
        last = done.err.splitlines()[-1]
        assert words in last and last.startswith("radiotracer: expected "), last
        assert sorted(Path().iterdir()) == before


class Sums(torch.nn.Module):
    """The smallest network there is: a linear layer."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(size, classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(inputs)


@pytest.fixture
def sums() -> Iterator[str]:
    network = Network(
        name="sums",
        build=Sums,
        sizes=lambda data: {"size": data.content.shape[1]},
        modalities=frozenset(("vectors",)),
        default=True,
        settings={"epochs": 2, "batch_size": 8},
    )
    NETWORKS.register(network)
    yield network.name
    NETWORKS.unregister(network.name)


def test_a_network_of_ones_own(cli: Any, sums: str) -> None:
    """One object, registered: it is trained with by default, and scanned."""
    data = vectors(Path("features.npz"))
    assert cli("train", data, "--out", "run").status == 0
    run = Run.open("run")
    assert run.info.model.name == sums
    assert run.info.model.options == {"size": 8, "classes": 2}
    assert (len(run.checkpoints), run.info.settings["batch_size"]) == (2, 8)
    assert cli("scan", "run", "--out", "scan").status == 4  # without validation examples
    assert cli("train", data, "--architecture", "mlp", "--epochs", 1, "--out", "other").status == 0
    with pytest.raises(InputError, match="one network called 'sums'"):
        NETWORKS.register(Network("sums", Sums, lambda _: {}, None))
