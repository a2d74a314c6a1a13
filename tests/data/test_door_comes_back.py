"""What is written in any form comes back, also when it is written back by us."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from door_cases import Make, columns, pictures, png, put, write_columns
from door_faults import npz_bomb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiotracer.data import FORMATS, Dataset, format_of, open_data
from radiotracer.data.labels import MISSING

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1).filter(
    lambda name: bool(name.strip()) and name.strip() not in MISSING and name[0] != "["
)
LABELS = st.lists(st.sampled_from(range(5)), min_size=2, max_size=19)


@QUICK
@given(
    names=st.lists(
        NAMES.filter(lambda n: n.strip()[0] not in "+-.0123456789"),
        min_size=5,
        max_size=5,
        unique=True,
    ),
    numbers=LABELS,
)
@pytest.mark.parametrize("ending", ["csv", "jsonl", "json", "parquet", "feather"])
def test_any_labels_come_back(
    ending: str, names: list[str], numbers: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    labels = [names[number] for number in numbers]
    texts = [f"the text of row {row}" for row in range(len(labels))]
    path = tmp_path_factory.mktemp("any") / f"x.{ending}"
    if ending == "csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("text", "label"), *zip(texts, labels, strict=True)])
    else:
        write_columns(path, pa.table({"text": texts, "label": labels}))
    found = open_data(path)
    assert found.content == tuple(texts) and found.left_out == ()
    assert [found.class_names[each] for each in found.labels] == labels
    assert Counter(found.labels.tolist()).keys() == set(range(len(found.class_names)))


ROLES = {
    "train": ["train", "training"],
    "val": ["val", "valid", "validation", "dev"],
    "test": ["test", "testing", "eval"],
}


def _cased(name: str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.sampled_from([c, c.upper()]) for c in name)).map("".join)


@QUICK
@given(
    named=st.sets(st.sampled_from(["val", "test"]), min_size=1).flatmap(
        lambda others: st.fixed_dictionaries(
            {role: st.sampled_from(ROLES[role]).flatmap(_cased) for role in ("train", *others)}
        )
    ),
    files=st.booleans(),
)
def test_any_naming_of_splits(
    named: dict[str, str], files: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("splits")
    for role, name in named.items():
        if files:
            put(root, f"{name}.csv", f"text,label\nthe text of {role},a\n")
        else:
            put(root, f"{name}/a/1.txt", f"the text of {role}")
    train = open_data(root)
    assert train.content == ("the text of train",)
    assert train.validation == f"{root}:{'val' if 'val' in named else 'test'}"
    for role, name in named.items():
        assert open_data(f"{root}:{name.lower()}").content == (f"the text of {role}",)


TEXTS = [f"text number {row} of some" for row in range(6)]
KINDS = ["a", "b", "c"] * 2


def _listed(ending: str) -> Make:
    def make(root: Path) -> Path:
        names = [f"p/{row}.png" for row in range(6)]
        for name in names:
            put(root, name, png(name))
        if ending == "csv":
            rows = "".join(f"{name},{kind}\n" for name, kind in zip(names, KINDS, strict=True))
            return put(root, "x.csv", f"file,label\n{rows}")
        return columns(f"x.{ending}", file=names, label=KINDS)(root)

    return make


def _csv(labels: list[str], separator: str, encoding: str) -> Make:
    rows = [("schön", "label"), *zip(TEXTS, labels, strict=True)]
    text = "".join(separator.join(row) + "\n" for row in rows)
    return lambda root: put(root, "x.csv", text.encode(encoding))


WRITTEN: dict[str, Make] = {
    "class-folders": pictures(*(f"{kind}/{row}.png" for row, kind in enumerate(KINDS))),
    "csv": _csv(KINDS, ",", "utf-8"),
    "csv-semicolon": _csv(KINDS, ";", "cp1252"),
    "csv-utf-16": _csv(KINDS, ",", "utf-16"),
    "csv-numbers": _csv(["1.0", "2", "3"] * 2, ",", "utf-8-sig"),
    "json": columns("x.json", text=TEXTS, label=KINDS),
    "jsonl-numbers": columns("x.jsonl", text=TEXTS, label=[1, 2, 3] * 2),
    "jsonl-truth": columns("x.jsonl", text=TEXTS, label=[True, False] * 3),
    "parquet": columns("x.parquet", text=TEXTS, label=KINDS),
    "parquet-numbers": columns("x.parquet", text=TEXTS, label=[1.0, 2.0, 3.0] * 2),
    "parquet-images": columns("x.parquet", image=[png(each) for each in TEXTS], label=KINDS),
    "list-csv": _listed("csv"),
    "list-jsonl": _listed("jsonl"),
    "list-parquet": _listed("parquet"),
}


def _rows(data: Dataset, renamed: dict[str, str]) -> set[tuple[str, str, str]]:
    ids = [renamed.get(each, each) for each in data.ids.tolist()]
    names = [data.class_names[label] for label in data.labels.tolist()]
    return set(zip(ids, data.digests.tolist(), names, strict=True))


@pytest.mark.parametrize("name", list(WRITTEN))
@pytest.mark.parametrize("keep", [[1, 2, 3], [0, 1, 4, 5], [0, 1, 2, 3, 4, 5]])
def test_written_back_it_comes_back(name: str, keep: list[int], tmp_path: Path) -> None:
    root = tmp_path / "d"
    root.mkdir()
    made = WRITTEN[name](root)
    before = open_data(root if made is None else made)
    labels = before.labels.copy()
    labels[keep[0]] = (labels[keep[0]] + 1) % len(before.class_names)
    after = before.with_labels(labels).take(keep)
    (tmp_path / "back").mkdir()
    form = format_of(before.source)
    assert form is not None
    wrote = FORMATS[form.name].write(before, after, tmp_path / "back")
    again = open_data(tmp_path / "back" / wrote.name)
    assert _rows(again, {}) == _rows(after, dict(wrote.renamed))


MEASURED = """
import re, sys
from radiotracer.data import open_data
from radiotracer.errors import DataError
try:
    open_data(sys.argv[1])
except DataError as error:
    print(error)
# Of this process alone: what getrusage says begins with the process that started it.
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""


def _parquet_bomb(root: Path) -> Path:
    text = pa.array(["word " * 400])
    repeated = pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, np.int32)), text)
    part = pa.table({"text": repeated.cast(pa.string()), "label": np.zeros(20_000, np.int64)})
    import pyarrow.parquet as pq

    with pq.ParquetWriter(root / "x.parquet", part.schema) as writer:
        for _ in range(40):
            writer.write_table(part)
    return root / "x.parquet"


@pytest.mark.parametrize("bomb", [npz_bomb, _parquet_bomb])
def test_a_packed_file_is_refused_within_little_memory(bomb: Make, tmp_path: Path) -> None:
    path = bomb(tmp_path)
    assert path.stat().st_size < 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True
    )
    said, memory = done.stdout.splitlines()
    assert "of at most" in said and "packed" in said
    assert int(memory) < 1000
