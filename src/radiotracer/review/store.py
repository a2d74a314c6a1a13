"""Decisions on disk: an append-only table in SQLite, committed before anybody is told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from radiotracer.errors import InputError, StorageError
from radiotracer.review.decisions import UNDECIDED, Decision, Event, StaleError, Verb

FILE = "decisions.sqlite"

_APPLICATION = 0x72746478
"""In the header of the file: it is one of ours."""

_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
CREATE TABLE scan (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    example TEXT NOT NULL,
    decision TEXT CHECK (decision IN ('keep', 'relabel', 'drop', 'unsure')),
    new_label TEXT CHECK ((new_label IS NOT NULL) = (decision IS 'relabel')),
    sampled INTEGER NOT NULL,
    decided_at TEXT NOT NULL,
    replaces INTEGER NOT NULL,
    undoes INTEGER UNIQUE REFERENCES events (seq),
    UNIQUE (example, replaces)
);
CREATE TABLE draws (
    seed INTEGER NOT NULL,
    size INTEGER NOT NULL PRIMARY KEY,
    drawn_at TEXT NOT NULL
);
CREATE TABLE sample (place INTEGER PRIMARY KEY, example TEXT NOT NULL UNIQUE);
CREATE TRIGGER events_stay BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'decisions are only ever added'); END;
CREATE TRIGGER events_last BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'decisions are only ever added'); END;
"""


class Store:
    """The decisions about one scan.

    Every method may be called from any thread. What a method that writes has returned is on the
    disk (write-ahead log, ``synchronous=FULL``): neither a killed process nor a power cut loses it.

    Args:
        path: The database; made if it is not there.
        identity: What makes the scan this one, kept in the database and compared with it.

    Raises:
        InputError: The database is damaged, or belongs to another scan.
        StorageError: It cannot be written.
    """

    def __init__(self, path: Path, identity: Mapping[str, str]) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._events: list[Event] = []
        self._current: dict[str, Event] = {}
        self._done: list[Event] = []
        self._sample: list[str] = []
        self._members: frozenset[str] = frozenset()
        self._seed: int | None = None
        with _sound(path):
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            with _sound(path):
                self._prepare(identity)
                self._load()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Fold the log into the database."""
        with self._guard:
            self._database.close()

    @property
    def last(self) -> int:
        """The number of the newest event; 0 when there is none."""
        return len(self._events)

    def current(self, example: str) -> Event:
        """What holds for an example."""
        return self._current.get(example, UNDECIDED)

    def decided(self) -> list[Event]:
        """What holds for each example that is decided, in the order of deciding."""
        with self._guard:
            found = [each for each in self._current.values() if each.decision.verb is not None]
        return sorted(found, key=lambda each: each.seq)

    def since(self, seq: int) -> list[Event]:
        """Every event after number `seq`, oldest first."""
        with self._guard:
            return self._events[max(seq, 0) :]

    def history(self, example: str) -> list[Event]:
        """Every event of one example, oldest first."""
        with self._guard:
            return [each for each in self._events if each.example == example]

    def undoable(self) -> Event | None:
        """The newest decision that was not taken back."""
        return self._done[-1] if self._done else None

    def decide(self, example: str, decision: Decision, *, version: int) -> Event:
        """Add a decision that was made having seen `version` of the example.

        Raises:
            StaleError: Another decision came in between.
            StorageError: The disk refused; nothing was added.
        """
        with self._guard:
            return self._add(example, decision, version, None)

    def undo(self, target: int) -> Event:
        """Add the inverse of event `target`, which is the newest that was not taken back.

        Raises:
            InputError: It is not the newest any more, or was taken back.
            StorageError: The disk refused; nothing was added.
        """
        with self._guard:
            newest = self._done[-1] if self._done else None
            if newest is None or newest.seq != target:
                raise InputError(
                    expected="the newest decision, to take it back",
                    came="nothing left to undo" if newest is None else "one that is not the newest",
                    do="look at what is decided now, and try again",
                )
            before = self._events[newest.replaces - 1] if newest.replaces else UNDECIDED
            version = self._current[newest.example].seq
            return self._add(newest.example, before.decision, version, target)

    @property
    def sample(self) -> Sequence[str]:
        """The ids of the random sample, in the order of drawing."""
        return self._sample

    @property
    def sample_seed(self) -> int | None:
        """What the sample was drawn with; None without a sample."""
        return self._seed

    def keep_sample(self, examples: Sequence[str], *, seed: int) -> None:
        """Write a sample down, or a longer one that begins with the one that there is.

        Raises:
            InputError: There is another one: what was seen of one must not decide about the next.
            StorageError: The disk refused; the sample is as it was.
        """
        with self._guard:
            known = len(self._sample)
            same = list(examples[:known]) == self._sample and self._seed in (None, seed)
            if not same:
                raise InputError(
                    expected=f"the sample of {known:,} that was drawn with seed {self._seed}, "
                    "or a longer one with that seed",
                    came=f"{len(examples):,} with seed {seed}",
                    do="go on with the sample that there is",
                )
            if len(examples) == known:
                return
            added = list(enumerate(examples))[known:]
            with _written(self._database, self.path) as database:
                database.execute("INSERT INTO draws VALUES (?, ?, ?)", (seed, len(examples), now()))
                database.executemany("INSERT INTO sample VALUES (?, ?)", added)
            self._sample, self._seed = list(examples), seed
            self._members = frozenset(examples)

    def _prepare(self, identity: Mapping[str, str]) -> None:
        database = self._database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        (ours,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables == 0:
            with _written(database, self.path):
                for statement in _statements(_SCHEMA):
                    database.execute(statement)
                database.executemany("INSERT INTO scan VALUES (?, ?)", identity.items())
            return
        (check,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if ours != _APPLICATION or check != "ok":
            raise _damaged(self.path, check if check != "ok" else "a database of something else")
        if dict(database.execute("SELECT key, value FROM scan")) != dict(identity):
            raise InputError(
                expected=f"decisions about this scan in {self.path}",
                came="decisions about another scan",
                do=f"move {self.path.name} to the scan that it belongs to, or away",
            )

    def _load(self) -> None:
        for row in self._database.execute(
            "SELECT seq, example, decision, new_label, sampled, decided_at, replaces, undoes "
            "FROM events ORDER BY seq"
        ):
            event = Event(row[0], row[1], Decision(row[2], row[3]), bool(row[4]), *row[5:])
            if event.seq != len(self._events) + 1:
                raise _damaged(self.path, f"no decision number {len(self._events) + 1}")
            self._take_in(event)
        rows = self._database.execute("SELECT example FROM sample ORDER BY place")
        self._sample = [each for (each,) in rows]
        self._members = frozenset(self._sample)
        (self._seed,) = self._database.execute("SELECT max(seed) FROM draws").fetchone()

    def _take_in(self, event: Event) -> None:
        self._events.append(event)
        self._current[event.example] = event
        if event.undoes is None:
            self._done.append(event)
        else:
            self._done.pop()

    def _add(self, example: str, decision: Decision, version: int, undoes: int | None) -> Event:
        current = self._current.get(example, UNDECIDED)
        if current.seq != version:
            raise StaleError(current)
        event = Event(
            seq=len(self._events) + 1,
            example=example,
            decision=decision,
            sampled=example in self._members,
            decided_at=now(),
            replaces=version,
            undoes=undoes,
        )
        verb: Verb | None = decision.verb
        with _written(self._database, self.path) as database:
            database.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    event.seq,
                    example,
                    verb,
                    decision.new_label,
                    event.sampled,
                    event.decided_at,
                    version,
                    undoes,
                ),
            )
        self._take_in(event)
        return event


def now() -> str:
    """The time, UTC, ISO 8601, in milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _written(database: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: on the disk when this ends without an error, gone otherwise."""
    try:
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        raise StorageError(
            expected=f"to write {path}",
            came=f"a refusal: {error}",
            do="nothing was saved; free space or check the file, then decide again",
        ) from error


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """What SQLite says of a file that it cannot use, in one line."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageError(
            expected=f"to open {path} for writing",
            came=str(error),
            do="check its permissions and the space on the disk",
        ) from error
    except (sqlite3.DatabaseError, IndexError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, why: str) -> InputError:
    return InputError(
        expected=f"decisions in {path} that can be read",
        came=f"a damaged file: {why}",
        do="put a backup in its place, or move it away to begin anew",
    )


def _statements(script: str) -> list[str]:
    """The statements of a script, to be run inside a transaction; triggers hold semicolons."""
    found, part = [], ""
    for line in script.strip().splitlines():
        part += line + "\n"
        if sqlite3.complete_statement(part):
            found.append(part)
            part = ""
    return found
