"""Decisions on disk: only added, never lost, never silently replaced."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiotracer.errors import InputError
from radiotracer.review.decisions import Decision, StaleError, checked
from radiotracer.review.store import Store

IDENTITY = {"format": "1", "suspects": "a", "data": "b"}
KEEP, DROP = Decision("keep"), Decision("drop")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.sqlite"


def test_a_decision_is_there_again(path: Path) -> None:
    store = Store(path, IDENTITY)
    store.decide("x", Decision("relabel", "7"), version=0)
    store.close()
    again = Store(path, IDENTITY)
    event = again.current("x")
    assert (event.decision, event.seq, event.replaces) == (Decision("relabel", "7"), 1, 0)
    assert event.decided_at.endswith("Z")
    again.close()


def test_what_another_connection_sees_at_once(path: Path) -> None:
    store = Store(path, IDENTITY)
    store.decide("x", KEEP, version=0)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT example, decision FROM events").fetchall() == [("x", "keep")]
        assert store._database.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    store.close()


def test_a_stale_decision_is_refused(path: Path) -> None:
    store = Store(path, IDENTITY)
    store.decide("x", KEEP, version=0)
    with pytest.raises(StaleError) as caught:
        store.decide("x", DROP, version=0)
    assert caught.value.current.decision == KEEP
    assert store.current("x").decision == KEEP
    assert store.decide("x", DROP, version=1).replaces == 1
    store.close()


def test_undo_takes_back_one_after_the_other(path: Path) -> None:
    store = Store(path, IDENTITY)
    store.decide("x", KEEP, version=0)
    store.decide("x", DROP, version=1)
    store.decide("y", KEEP, version=0)
    store.undo(3)
    assert store.current("y").decision == Decision()
    store.close()
    store = Store(path, IDENTITY)
    with pytest.raises(InputError, match="not the newest"):
        store.undo(1)
    store.undo(2)
    assert store.current("x").decision == KEEP
    store.undo(1)
    assert store.current("x").decision == Decision()
    assert store.undoable() is None
    with pytest.raises(InputError, match="nothing left"):
        store.undo(1)
    assert [event.undoes for event in store.since(0)] == [None, None, None, 3, 2, 1]
    store.close()


@given(st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(["keep", "drop", None, "undo"]))))
def test_any_history_is_a_stack(moves: list[tuple[str, str | None]]) -> None:
    store = Store(Path(":memory:"), IDENTITY)
    stack: list[tuple[str, str | None]] = []
    state: dict[str, str | None] = {}
    for example, move in moves:
        if move == "undo":
            top = store.undoable()
            assert (top is None) == (not stack)
            if top is not None:
                store.undo(top.seq)
                name, before = stack.pop()
                state[name] = before
        else:
            stack.append((example, state.get(example)))
            verb = checked(move, None, label="0", class_names=("0",))
            store.decide(example, verb, version=store.current(example).seq)
            state[example] = move
        for name, verb_now in state.items():
            assert store.current(name).decision.verb == verb_now
    store.close()


@pytest.mark.parametrize("statement", ["UPDATE events SET decision = 'drop'", "DELETE FROM events"])
def test_history_cannot_be_rewritten(path: Path, statement: str) -> None:
    store = Store(path, IDENTITY)
    store.decide("x", KEEP, version=0)
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        store._database.execute(statement)
    store.close()


def test_decisions_of_another_scan(path: Path) -> None:
    Store(path, IDENTITY).close()
    with pytest.raises(InputError, match="decisions about another scan"):
        Store(path, {**IDENTITY, "suspects": "other"})


def test_a_damaged_file(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="damaged file"):
        Store(path, IDENTITY)


def test_a_file_with_a_hole(path: Path) -> None:
    store = Store(path, IDENTITY)
    for number in range(400):
        store.decide(f"example {number}", KEEP, version=0)
    store.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(InputError, match="damaged file"):
        Store(path, IDENTITY)


def test_a_database_of_something_else(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(InputError, match="something else"):
        Store(path, IDENTITY)


def test_the_sample_grows_and_never_changes(path: Path) -> None:
    store = Store(path, IDENTITY)
    store.decide("a", KEEP, version=0)
    store.keep_sample(["b", "a"], seed=4)
    store.keep_sample(["b", "a", "c"], seed=4)
    for other, seed in ((["b", "a", "c", "d"], 5), (["b"], 4), (["a", "b", "c"], 4)):
        with pytest.raises(InputError, match="go on with the sample"):
            store.keep_sample(other, seed=seed)
    store.close()
    store = Store(path, IDENTITY)
    assert (list(store.sample), store.sample_seed) == (["b", "a", "c"], 4)
    assert store.decide("c", DROP, version=0).sampled
    assert not store.decide("z", DROP, version=0).sampled
    store.close()


@pytest.mark.parametrize(
    ("verb", "label"),
    [
        ("remove", None),
        ("keep", "1"),
        ("relabel", None),
        ("relabel", "9"),
        ("relabel", "0"),
        (3, None),
    ],
)
def test_what_makes_no_sense(verb: object, label: object) -> None:
    with pytest.raises(InputError):
        checked(verb, label, label="0", class_names=("0", "1"))
