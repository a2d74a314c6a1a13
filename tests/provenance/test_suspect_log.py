from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from suspect_asked import IDENTITY, Asked, exact, image_digests, pixels
from suspect_helpers import by_the_book, listing, network, refusal

from radiotracer.data import IMAGES, Dataset
from radiotracer.errors import StorageError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.log import Logged
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.models.protocol import network_of
from radiotracer.provenance.models.query_log import QueryLog


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_digests_are_those_of_the_data() -> None:
    images = pixels(4)
    examples = Dataset(
        modality=IMAGES,
        content=images,
        labels=np.zeros(4, dtype=np.int64),
        ids=np.array(list("abcd")),
        class_names=("x",),
        source="here",
    )
    assert image_digests(images) == examples.digests.tolist()


def test_what_is_asked_and_said_is_written_down(tmp_path: Path) -> None:
    asked, path, images = Asked(), tmp_path / "log" / "queries.jsonl", pixels(7)
    logged = Logged(asked.suspect, path, batch=4)
    before = datetime.now(UTC)
    np.testing.assert_array_equal(logged.scores(images), exact(images))
    assert logged.asked == 7
    header, *rest = lines(path)
    assert header == {
        "kind": "radiotracer query log",
        "schema_version": 3,
        "time": header["time"],
        "name": "it",
        "suspect": IDENTITY,
    }
    assert [line["asked"] for line in rest if "asked" in line] == [4, 3]
    answers = [line for line in rest if "example" in line]
    assert [line["example"] for line in answers] == image_digests(images)
    assert [line["scores"] for line in answers] == exact(images).tolist()
    assert [line["answered"] for line in rest if "answered" in line] == [4, 3]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for line in lines(path):
        time = datetime.fromisoformat(line["time"])
        assert time.utcoffset() is not None and time.utcoffset().total_seconds() == 0  # type: ignore[union-attr]
        assert abs((time - before).total_seconds()) < 60


def test_the_same_image_is_asked_about_once(tmp_path: Path) -> None:
    asked, path, images = Asked(), tmp_path / "queries.jsonl", pixels(6)
    logged = Logged(asked.suspect, path, batch=4)
    twice = np.concatenate([images[:3], images])
    np.testing.assert_array_equal(logged.scores(twice), exact(twice))
    np.testing.assert_array_equal(logged.scores(images[::-1]), exact(images[::-1]))
    np.testing.assert_array_equal(logged.labels(images), exact(images).argmax(axis=1))
    assert asked.digests == image_digests(images)
    assert logged.asked == 6
    # Another audit, later: everything is known, to the last bit.
    other = Asked()
    np.testing.assert_array_equal(Logged(other.suspect, path).scores(images), exact(images))
    assert other.digests == []


def test_the_budget_is_never_exceeded(tmp_path: Path) -> None:
    asked, path, images = Asked(), tmp_path / "queries.jsonl", pixels(10)
    logged = Logged(asked.suspect, path, max_queries=6, batch=2)
    logged.scores(images[:4])
    kept = path.read_bytes()
    assert refusal(lambda: logged.scores(images[2:9])) == (
        "expected at most 6 images asked of it; got 5 new ones after 4; "
        "raise max_queries or ask about fewer; none of these was asked"
    )
    assert path.read_bytes() == kept
    assert len(asked.digests) == 4
    logged.scores(images[:6])  # exactly the budget
    assert logged.asked == 6
    logged.scores(images[:6])  # known ones cost nothing
    # The budget is the log's, not the process's.
    again = Logged(asked.suspect, path, max_queries=6)
    assert "got 1 new ones after 6" in refusal(lambda: again.scores(images[:7]))
    Logged(asked.suspect, path, max_queries=7).scores(images[:7])
    assert Counter(asked.digests).most_common(1)[0][1] == 1


def test_what_was_sent_counts_though_nothing_came(tmp_path: Path) -> None:
    asked, path, images = Asked(fail_after=4), tmp_path / "queries.jsonl", pixels(6)
    logged = Logged(asked.suspect, path, batch=2, max_queries=7)
    with pytest.raises(ConnectionError):
        logged.scores(images)
    assert logged.asked == 6
    asked.fail_after = 100
    again = Logged(asked.suspect, path, batch=2, max_queries=7)
    assert again.asked == 6
    assert "got 2 new ones after 6" in refusal(lambda: again.scores(images))
    np.testing.assert_array_equal(
        Logged(asked.suspect, path, max_queries=8).scores(images), exact(images)
    )
    assert asked.digests == image_digests(images)


def test_labels_are_kept_as_labels(tmp_path: Path) -> None:
    asked, path, images = Asked(labels_only=True), tmp_path / "queries.jsonl", pixels(5)
    logged = Logged(asked.suspect, path)
    assert logged.access == {"labels"}
    expected = exact(images).argmax(axis=1)
    np.testing.assert_array_equal(logged.labels(images), expected)
    found = Logged(asked.suspect, path).labels(images)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)
    assert [line["label"] for line in lines(path) if "label" in line] == expected.tolist()
    assert len(asked.digests) == 5
    assert "which gives labels" in refusal(lambda: logged.scores(images))


def test_a_network_is_looked_at_and_not_counted(tmp_path: Path) -> None:
    module = network()
    logged = Logged(network_suspect(module, "it", IDENTITY), tmp_path / "queries.jsonl")
    assert network_of(logged) is module
    assert logged.asked == 0
    np.testing.assert_allclose(logged.scores(pixels(3)), by_the_book(module, pixels(3)), atol=1e-5)
    assert logged.asked == 3
    assert (logged.name, logged.identity, logged.classes) == ("it", IDENTITY, None)
    assert logged.scores(pixels(0)).shape == (0, 0)
    assert logged.labels(pixels(0)).shape == (0,)


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from suspect_asked import Asked, pixels
    from radiotracer.provenance.models.log import Logged

    path, told = Path(sys.argv[1]), Path(sys.argv[2])
    asked = Asked()
    inside = asked.ask

    def ask(images):
        if len(asked.digests) == 6:  # in the middle of a batch, after it was sent
            os.kill(os.getpid(), signal.SIGKILL)
        answer = inside(images)
        told.write_text("\\n".join(asked.digests))
        return answer

    asked.suspect = type(asked.suspect)(ask, "it", asked.suspect.identity, 3)
    Logged(asked.suspect, path, batch=3).scores(pixels(12))
"""


def test_a_killed_audit_goes_on_where_it_was(tmp_path: Path) -> None:
    path, told, images = tmp_path / "queries.jsonl", tmp_path / "told", pixels(12)
    here = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(told)],
        env=os.environ | {"PYTHONPATH": here, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    before = told.read_text().splitlines()
    assert before == image_digests(images[:6])
    # As if the kill had come within a write.
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:40])
    asked = Asked()
    logged = Logged(asked.suspect, path, batch=3, max_queries=15)
    assert logged.asked == 9  # six that were answered, three that were only sent
    np.testing.assert_array_equal(logged.scores(images), exact(images))
    assert asked.digests == image_digests(images[6:])
    assert logged.asked == 15
    assert path.read_bytes().startswith(whole)
    np.testing.assert_array_equal(Logged(asked.suspect, path).scores(images), exact(images))


def test_a_crash_at_any_byte_can_be_continued(tmp_path: Path) -> None:
    path, images = tmp_path / "queries.jsonl", pixels(3)
    Logged(Asked().suspect, path, batch=2).scores(images)
    whole = path.read_bytes()
    ends = {at for at, byte in enumerate(whole) if byte == ord("\n")}
    for size in sorted({*range(0, len(whole), 29), *ends, *(end + 1 for end in ends)}):
        path.write_bytes(whole[:size])
        np.testing.assert_array_equal(Logged(Asked().suspect, path).scores(images), exact(images))
        assert all("time" in line for line in lines(path))


def test_a_log_of_another_suspect(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    Logged(Asked().suspect, path).scores(pixels(2))
    kept = path.read_bytes()
    other = Answering(exact, "other", IDENTITY | {"sha256": "cd"})
    assert refusal(lambda: Logged(other, path)) == (
        f"expected a log of this suspect model at {path}; got one of it; "
        "choose another file for the log"
    )
    assert path.read_bytes() == kept
    moved = Answering(exact, "it", IDENTITY | {"path": "/elsewhere/it"})
    assert Logged(moved, path).asked == 2
    unhashed = {"kind": "test", "path": "/models/it"}
    QueryLog(tmp_path / "u.jsonl", "it", unhashed)
    assert "a log of this suspect" in refusal(
        lambda: QueryLog(tmp_path / "u.jsonl", "it", unhashed | {"path": "/elsewhere"})
    )


def test_two_audits_at_once(tmp_path: Path) -> None:
    path, images = tmp_path / "queries.jsonl", pixels(4)
    one, other = Asked(), Asked()
    first, second = Logged(one.suspect, path), Logged(other.suspect, path)
    first.scores(images[:2])
    assert refusal(lambda: second.scores(images)) == (
        f"expected nobody else to write to {path}; got another audit that does; "
        "let it end, then run this one again"
    )
    assert other.digests == []
    first.scores(images)


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, images, asked = tmp_path / "queries.jsonl", pixels(4), Asked()
    logged = Logged(asked.suspect, path, batch=2)
    logged.scores(images[:2])
    kept = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert refusal(lambda: logged.scores(images), StorageError) == (
            f"expected to write {path}; got a refusal: no space is left; "
            "nothing was left half-written; free space or choose another folder, then try again"
        )
    assert path.read_bytes() == kept
    assert len(asked.digests) == 2  # what cannot be noted is not sent
    np.testing.assert_array_equal(logged.scores(images), exact(images))


def test_answers_of_two_widths(tmp_path: Path) -> None:
    def ask(images: np.ndarray) -> np.ndarray:
        return -np.ones((len(images), 2 + len(images)))

    logged = Logged(Answering(ask, "it", IDENTITY), tmp_path / "queries.jsonl", batch=2)
    assert refusal(lambda: logged.scores(pixels(3))) == (
        "expected as many scores for one image as for another from it; got 3 and 4; "
        "repair the suspect model's answers, and begin another log"
    )


@pytest.mark.parametrize("settings", [{"max_queries": -1}, {"batch": 0}])
def test_numbers_out_of_range(tmp_path: Path, settings: dict[str, int]) -> None:
    assert "expected max_queries of 0 or more and a batch of 1 or more; got " in refusal(
        lambda: Logged(Asked().suspect, tmp_path / "queries.jsonl", **settings)  # type: ignore[arg-type]
    )
    assert listing(tmp_path) == []
