"""Exact copies against a slow oracle, held-out parts, and what looks wrong about classes."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.data import IMAGES, TEXTS, Dataset, LeftOut
from radiotracer.data.account import (
    DUPLICATES_FILE,
    LEFT_OUT_FILE,
    Account,
    write_duplicates,
    write_left_out,
)
from radiotracer.data.quality import (
    class_warnings,
    conflicts,
    duplicates,
    held_out,
    listed,
    shared,
)

NAMES = ("a", "b", "c")


def of_texts(
    pairs: list[tuple[str, int]], part: str = "t", names: tuple[str, ...] = NAMES
) -> Dataset:
    return Dataset(
        modality=TEXTS,
        content=[text for text, _ in pairs],
        labels=np.array([label for _, label in pairs], dtype=np.int64),
        ids=np.array([f"{part}{row}" for row in range(len(pairs))], dtype=np.str_),
        class_names=names,
        source=f"/somewhere/{part}.csv",
    )


PAIRS = st.lists(st.tuples(st.sampled_from("pqrst"), st.integers(0, 2)), min_size=1, max_size=12)


@given(pairs=PAIRS)
def test_conflicts_are_all_copies_under_several_labels(pairs: list[tuple[str, int]]) -> None:
    by_text = defaultdict(list)
    for row, (text, _) in enumerate(pairs):
        by_text[text].append(row)
    wanted = [rows for rows in by_text.values() if len({pairs[row][1] for row in rows}) > 1]
    data = of_texts(pairs)
    assert [rows.tolist() for rows in conflicts(data)] == sorted(wanted)
    assert duplicates(data) == len(pairs) - len(set(pairs))


@given(train=PAIRS, validation=PAIRS)
def test_copies_across_both_parts(
    train: list[tuple[str, int]], validation: list[tuple[str, int]]
) -> None:
    whole = [text for text, _ in [*train, *validation]]
    both = {text for text, _ in train} & {text for text, _ in validation}
    wanted = [[row for row, text in enumerate(whole) if text == one] for one in both]
    ours, theirs = of_texts(train), of_texts(validation, "v")
    assert [rows.tolist() for rows in shared(ours, theirs)] == sorted(wanted)
    account = Account(ours, theirs)
    groups = list(account.certain())
    assert account.groups == len(groups)
    told = account.certain_as_json()
    for kind, key in (("labels", "under_different_labels"), ("parts", "in_both_parts")):
        own = [group for group in groups if group.kind == kind]
        assert told[key] == sum(len(group.copies) for group in own)
        assert all((len({c.label for c in g.copies}) > 1) == (kind == "labels") for g in own)
    seen = [(c.part, c.id) for group in groups for c in group.copies]
    assert len(seen) == len(set(seen)), "no example is told twice"
    texts = {("train", f"t{row}"): text for row, (text, _) in enumerate(train)}
    texts |= {("validation", f"v{row}"): text for row, (text, _) in enumerate(validation)}
    assert all(len({texts[c.part, c.id] for c in group.copies}) == 1 for group in groups)


def test_copies_of_training_examples_are_not_held_out() -> None:
    train = of_texts([("p", 0), ("q", 1), ("p", 0), *((f"x{i}", 2) for i in range(20))])
    pairs = [("p", 0), ("q", 2), *((f"y{i}", 2) for i in range(30))]
    validation = of_texts(pairs, "v")
    left = held_out(train, validation)
    assert left.ids.tolist() == validation.ids.tolist()[2:]
    assert [(each.path, each.reason) for each in left.left_out] == [
        ("v0", "the same as the training example t0"),
        ("v1", "the same as the training example t1"),
    ]
    assert left.notes == (
        "2 of 32 examples are among the training ones, too, and were left out: they are not held "
        "out.",
    )
    # What is known of the copies stays known when they are gone.
    for account in (Account(train, validation), Account(train, left)):
        assert account.certain_lines() == [
            "2 examples lie under two labels: t1 (b) = v1 (c)",
            "3 examples are in the training and in the validation part: t0 (a) = t2 (a) = v0 (a)",
        ]
    assert held_out(train, left) is left


def test_many_copies_stay_and_are_told() -> None:
    train = of_texts([("p", 0), ("q", 1)])
    kept = held_out(train, train)
    assert len(kept) == 2 and kept.left_out == ()
    assert "is not held out" in kept.notes[0]


def test_images_of_other_shapes_are_no_copies() -> None:
    def images(shape: tuple[int, ...]) -> Dataset:
        pixels = np.zeros(shape, np.uint8)
        n = len(pixels)
        ids = np.array([str(row) for row in range(n)])
        return Dataset(IMAGES, pixels, np.arange(n, dtype=np.int64) % 2, ids, ("a", "b"), "x")

    assert len(conflicts(images((2, 2, 3, 1)))) == 1
    assert len(shared(images((2, 2, 3, 1)), images((2, 3, 2, 1)))) == 0


def test_very_many() -> None:
    """There is no loop over all of them."""
    n = 300_000
    data = of_texts([("p", 0)])
    generator = np.random.default_rng(0)
    hashes = generator.integers(0, 256, (n, 32), dtype=np.uint8)
    hashes[7], hashes[9] = hashes[n - 1], hashes[n - 2]
    many = dataclasses.replace(data)
    many.__dict__["hashes"] = hashes
    many.__dict__["labels"] = np.arange(n, dtype=np.int64) % 2
    assert [rows.tolist() for rows in conflicts(many)] == [[9, n - 2]], "7 has the same label"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("Cat", "dog", "cat "), "The classes 'Cat', 'cat ' differ only by case, blanks"),
        (("fire truck", "firetruck", "x"), "The classes 'fire truck', 'firetruck' differ"),
        (("é", "e\u0301", "x"), "differ only by case, blanks or Unicode form"),
        (("__MACOSX", "b", "x"), "'__MACOSX' is a class here, but archives"),
        (("System Volume Information", "b", "x"), "leave such folders behind"),
    ],
)
def test_names_that_look_like_mistakes(names: tuple[str, ...], words: str) -> None:
    data = of_texts([(f"{i}", i % 3) for i in range(9)], names=names)
    (warning,) = class_warnings(data)
    assert words in warning


def test_classes_of_one_and_of_none() -> None:
    data = of_texts([("p", 0), ("q", 0), ("r", 1)])
    validation = of_texts([("s", 0), ("t", 2)], "v")
    assert class_warnings(data, validation) == [
        "Classes without an example: 'c'.",
        "Classes of one example: 'b'.",
        "The validation part has no example of 'b'.",
    ]
    assert class_warnings(of_texts([(f"{i}", i % 3) for i in range(9)])) == []
    assert listed([str(i) for i in range(10)]).endswith("'7' and 2 more")


def test_what_was_read_in_words_and_lists(tmp_path: Path) -> None:
    names = tuple(f"c{i}" for i in range(10))
    train = of_texts([(f"{i}", i % 10) for i in range(2000)], names=names)
    train = dataclasses.replace(
        train, left_out=(LeftOut("=bad", "no text"),), notes=("Latin-1 was assumed.",)
    )
    validation = dataclasses.replace(
        of_texts([("x", i) for i in range(1)], "v", names=names),
        source="/data/photos:test",
        left_out=(LeftOut("w", "why"),),
    )
    account = Account(train, validation)
    counts = ", ".join(f"c{i} 200" for i in range(8))
    assert account.sentence == (
        f"2,000 texts, 10 classes ({counts}, …), 1 validation text from `test`; 2 files left out"
    )
    lines = account.lines(listed=True)
    assert lines[0] == f"{account.sentence} (left-out.csv)"
    assert lines[1:4] == ["left out =bad: no text", "left out w: why", "Latin-1 was assumed."]
    write_left_out(account, tmp_path)
    write_duplicates(account, tmp_path)
    assert (tmp_path / LEFT_OUT_FILE).read_text() == (
        "part,path,reason\ntrain,'=bad,no text\nvalidation,w,why\n"
    )
    assert not (tmp_path / DUPLICATES_FILE).exists()
    # An earlier list does not outlive what it was of.
    (tmp_path / DUPLICATES_FILE).touch()
    nothing = Account(of_texts([("p", 0)]))
    write_left_out(nothing, tmp_path)
    write_duplicates(nothing, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_summary_is_capped_and_counts_all(tmp_path: Path) -> None:
    pairs = list(itertools.product([f"x{i}" for i in range(150)], [0, 1]))
    account = Account(of_texts(pairs))
    told = account.certain_as_json()
    assert told["under_different_labels"] == 300 and len(told["groups"]) == 100
    (line,) = account.certain_lines()
    assert line.startswith("300 examples lie under two labels: t0 (a) = t1 (b), ")
    assert line.endswith(", …")
    write_duplicates(account, tmp_path)
    rows = (tmp_path / DUPLICATES_FILE).read_text().splitlines()
    assert rows[:3] == ["kind,group,part,id,label", "labels,0,train,t0,a", "labels,0,train,t1,b"]
    assert len(rows) == 301
