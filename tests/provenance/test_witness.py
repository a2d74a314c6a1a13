"""Witnesses: one draw for a commitment, a statement that cannot be changed, not the owner's own."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from radiotracer.errors import DataError, InputError
from radiotracer.provenance.witness import WitnessStatement, draw, witnessed
from radiotracer.signing import SigningKey

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(range(32, 64)))
ONE, TWO = "1" * 64, "2" * 64


def test_a_statement_holds_and_says_what_was_drawn(tmp_path: Path) -> None:
    made = draw(ONE, KEY)
    file = tmp_path / "witness.json"
    file.write_text(made.text())
    read = WitnessStatement.read(file)
    assert read == made
    drawn = read.verified(ONE, owner=OTHER.public)
    assert drawn.value == bytes.fromhex(made.value)
    assert drawn.chain == f"witness {KEY.public}"
    assert abs(drawn.time - datetime.now(UTC)) < timedelta(minutes=1)
    assert KEY.secret.hex() not in made.text()


def test_every_draw_is_another() -> None:
    values = {draw(ONE, KEY).value for _ in range(100)}
    assert len(values) == 100


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"time": "2020-01-01T00:00:00Z"},
        {"value": "0" * 64},
        {"public_key": OTHER.public},
        {"signature": "0" * 128},
    ],
)
def test_a_statement_that_was_changed(change: dict[str, Any]) -> None:
    held = json.loads(draw(ONE, KEY).text()) | change
    with pytest.raises(DataError, match="with a good signature"):
        WitnessStatement.model_validate_json(json.dumps(held)).verified(ONE)


def test_a_statement_of_another_commitment_or_by_the_owner() -> None:
    with pytest.raises(DataError, match="of commitment 222222222222"):
        draw(ONE, KEY).verified(TWO)
    with pytest.raises(DataError, match="by the owner's own key"):
        draw(ONE, KEY).verified(ONE, owner=KEY.public)


def test_what_the_key_signed_otherwise_is_no_statement() -> None:
    made = draw(ONE, KEY)
    message = made._signed()
    other = KEY.sign(message.replace(b"witness statement", b"folder signature!"))
    with pytest.raises(DataError, match="with a good signature"):
        made.model_copy(update={"signature": other.hex()}).verified(ONE)


@pytest.mark.parametrize("content", ["", "{}", "[]", draw(ONE, KEY).text()[:-40]])
def test_what_is_no_statement(content: str, tmp_path: Path) -> None:
    file = tmp_path / "witness.json"
    file.write_text(content)
    with pytest.raises(DataError) as raised:
        WitnessStatement.read(file)
    assert "\n" not in str(raised.value)
    with pytest.raises(DataError, match="No such file"):
        WitnessStatement.read(tmp_path / "none.json")


def test_a_commitment_is_drawn_for_once_and_statements_are_counted(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    one, two = witnessed(ONE, KEY, book), witnessed(TWO, KEY, book)
    assert witnessed(ONE, KEY, book) == one
    assert (one.number, two.number) == (1, 2)
    assert len(book.read_text().splitlines()) == 2


def test_a_damaged_book_or_one_of_another_key(tmp_path: Path) -> None:
    book = tmp_path / "book.jsonl"
    witnessed(ONE, KEY, book)
    with pytest.raises(InputError, match="another key's statement"):
        witnessed(ONE, OTHER, book)
    whole = book.read_bytes()
    for content in (whole[:-20], b"{}\n" + whole):
        book.write_bytes(content)
        with pytest.raises(InputError, match="drawn for twice"):
            witnessed(TWO, KEY, book)
        assert book.read_bytes() == content


def test_two_who_ask_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Each statement has a number of its own, and the same commitment one statement."""
    book = tmp_path / "book.jsonl"
    asked = [f"{n // 2:064x}" for n in range(48)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda each: witnessed(each, KEY, book), asked))
    assert sorted({each.number for each in made}) == list(range(1, 25))
    assert len({each.value for each in made}) == 24
    assert len(book.read_bytes().splitlines()) == 24
