"""Many forms of data and many faults: what is read, what is said, and what is refused."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from door_cases import Case, pictures, put
from door_faults import FAULTS
from door_forms import FORMS
from door_memory import MEMORY
from door_tables import TABLES

from radiotracer.data import open_data
from radiotracer.data.quality import class_warnings
from radiotracer.errors import DataError

CASES = (*FORMS, *FAULTS, *TABLES, *MEMORY)
LONGEST = 260


def test_the_battery_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 150 and len({case.name for case in CASES}) == len(CASES)


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures("cat/1.png", "dog/1.png")(tmp_path)
    listing = Path.iterdir

    def closed(folder: Path) -> Iterator[Path]:
        if folder.name == "dog":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(DataError, match=r"to read the folder .*dog; got Permission denied"):
        open_data(tmp_path)


def test_classes_that_differ_by_blanks_or_case_are_warned_of(tmp_path: Path) -> None:
    put(tmp_path, "x.csv", "text,label\na b,cat\nc d,cat \ne f,Dog\ng h,dog\n")
    found = open_data(tmp_path / "x.csv")
    assert found.class_names == ("Dog", "cat", "cat ", "dog")
    said = " ".join(class_warnings(found))
    assert "'cat', 'cat '" in said and "'Dog', 'dog'" in said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_door(case: Case, tmp_path: Path) -> None:
    root = tmp_path / "d"
    root.mkdir()
    made = case.make(root)
    spec = root if made is None else made
    if isinstance(spec, Path):
        spec = f"{spec}:{case.split}" if case.split else str(spec)
    options = {
        name: [root / each for each in value] if name == "follow_links" else value
        for name, value in case.options.items()
    }
    if case.refused:
        with pytest.raises(DataError) as caught:
            open_data(spec, **options)
        said = str(caught.value)
        assert all(word in said for word in case.refused), said
        short = said.replace(str(tmp_path), "/data")
        assert len(short) <= LONGEST and "\n" not in said and "unpickl" not in said, said
        return
    found = open_data(spec, **options)
    labels = Counter(found.labels.tolist())
    counts = [(name, labels[number]) for number, name in enumerate(found.class_names)]
    assert counts == list(case.counts.items())
    assert found.modality.name == case.kind
    assert found.validation == (f"{root}:{case.validation}" if case.validation else None) or (
        case.validation and found.validation == f"{spec}:{case.validation}"
    )
    # Nothing is guessed or left out in silence, and nothing is said for nothing.
    assert len(found.notes) == len(case.notes), found.notes
    for note in case.notes:
        assert any(note in each for each in found.notes), found.notes
    reasons = {each.path: each.reason for each in found.left_out}
    assert list(reasons) == sorted(case.left), reasons
    for path, reason in case.left.items():
        assert reason in reasons[path], reasons
    if isinstance(spec, str) and isinstance(made, Path | None):
        assert open_data(found.source, **options).digest == found.digest
