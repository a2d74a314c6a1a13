"""Query logs that are not as they were written: refused, or mended where that is asked for."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import numpy as np
import pytest
from suspect_asked import Asked, exact, image_digests, pixels
from suspect_helpers import refusal

from radiotracer.provenance.models.log import Logged


@pytest.mark.parametrize("content", ["hello", "hello\n", '{"a": 1}\n', "\n", '{"kind":"other'])
def test_another_file_is_left_as_it_was(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content)
    assert refusal(lambda: Logged(Asked().suspect, path)) == (
        f"expected a radiotracer query log at {path}; got another file; "
        "choose another file, or restore this one"
    )
    assert path.read_text() == content


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        '{"time": "now", "asked": 0}',
        '{"time": "now", "asked": "3"}',
        '{"time": "now", "example": "ab", "label": 1}',
        '{"time": "now", "example": "' + "a" * 64 + '", "scores": []}',
        '{"time": "now", "example": "' + "a" * 64 + '", "scores": [NaN]}',
        '{"time": "now", "example": "' + "a" * 64 + '", "label": -1}',
    ],
)
def test_a_damaged_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "queries.jsonl"
    Logged(Asked().suspect, path).scores(pixels(1))
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first, line, *rest, ""]))
    kept = path.read_bytes()
    assert refusal(lambda: Logged(Asked().suspect, path)) == (
        f"expected a question or an answer in each line at {path}; got another text in line 2; "
        "choose another file, or restore this one"
    )
    assert path.read_bytes() == kept


def test_whatever_was_damaged_is_asked_again(tmp_path: Path) -> None:
    path, images = tmp_path / "queries.jsonl", pixels(3)
    Logged(Asked().suspect, path, batch=2).scores(images)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    # The times of the lines that vouch, which no answer depends on.
    free = {
        at for m in re.finditer(rb'"time":"([^"]*)","answered"', whole) for at in range(*m.span(1))
    }
    for at in sorted(set(range(header, len(whole), 13)) - free):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        damaged = path.read_bytes()
        if at != len(whole) - 1:  # without its end, the last line alone is dropped
            line = refusal(lambda: Logged(Asked().suspect, path))
            assert "another text in line " in line or "not as they were written" in line
            assert path.read_bytes() == damaged
        said: list[str] = []
        asked = Asked()
        logged = Logged(asked.suspect, path, batch=2, mended=said.append)
        assert logged.asked >= 3, "what was sent was sent"
        np.testing.assert_array_equal(logged.scores(images), exact(images))
        assert bool(said) == bool(asked.digests)
        assert logged.asked >= 3 + len(asked.digests)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        # What was mended is whole.
        np.testing.assert_array_equal(Logged(Asked().suspect, path).scores(images), exact(images))


def test_an_answer_that_was_edited_is_named(tmp_path: Path) -> None:
    path, images, said = tmp_path / "queries.jsonl", pixels(5), list[str]()
    Logged(Asked(labels_only=True).suspect, path, batch=2).labels(images)
    edited = path.read_text().splitlines()
    assert '"label":' in edited[6]
    edited[6] = edited[6][:-2] + ("1}" if edited[6][-2] != "1" else "2}")
    path.write_text("\n".join(edited) + "\n")
    asked = Asked(labels_only=True)
    Logged(asked.suspect, path, batch=2, mended=said.append).labels(images)
    assert said == [
        f"{path}: lines 6 to 9 were damaged since they were written: "
        "what was asked there is asked again"
    ]
    assert asked.digests == image_digests(images[2:4])


def test_a_log_of_another_version(tmp_path: Path) -> None:
    path = tmp_path / "queries.jsonl"
    Logged(Asked().suspect, path).scores(pixels(3))
    text = path.read_text().replace('"schema_version":3', '"schema_version":2')
    path.write_text(text)
    assert "got another file; " in refusal(lambda: Logged(Asked().suspect, path))
    assert path.read_text() == text
