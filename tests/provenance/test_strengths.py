"""What each strength shows of R, offline, and what it costs."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pulses_kept import FASTNET, QUICKNET, QUICKNET_123, json_of

from marked_world import KEY
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.drawing import drawing_of
from radiotracer.provenance.randomness import STRENGTHS, Randomness, reachable
from radiotracer.provenance.record import Record
from radiotracer.provenance.strengths.owner import owners
from radiotracer.provenance.witness import draw
from radiotracer.signing import SigningKey

SIGNER = SigningKey(bytes(range(32)))
DIGEST, OTHER = "1" * 64, "2" * 64


def pulse(folder: Path, of: dict[str, Any] = QUICKNET) -> Randomness:
    file = folder / "pulse.json"
    file.write_bytes(json_of(of))
    return STRENGTHS["beacon"].read(file)


def witnessed(folder: Path, number: int = 1) -> Randomness:
    file = folder / "witness.json"
    file.write_text(draw(DIGEST, SIGNER, number=number).text())
    return STRENGTHS["witness"].read(file)


def test_a_pulse_that_came_after_the_stamp(tmp_path: Path) -> None:
    drawn = pulse(tmp_path)
    time = drawn.require_holds(DIGEST, None)
    assert time is not None and drawn.value == QUICKNET["randomness"]
    before = time - timedelta(seconds=1)
    told = drawing_of(drawn, DIGEST, before)
    assert (told.strength, told.because, told.drawn_at) == ("beacon", None, time.isoformat())
    assert told.log10_allowance == pytest.approx(40 * math.log10(2))
    assert told.allowed_for == "2^40 commitments that may have been thrown away"
    for stamped in (time, time + timedelta(days=1)):
        with pytest.raises(DataError, match=r"a pulse after the time stamp .*; draw by a later"):
            drawing_of(drawn, DIGEST, stamped)


def test_a_pulse_without_a_stamp_is_worth_the_owners_word(tmp_path: Path) -> None:
    told = drawing_of(pulse(tmp_path), DIGEST, None)
    assert (told.strength, told.meant) == ("owner", "beacon") and told.log10_allowance == 0
    assert "the owner's word" in told.sentence and "no time stamp shows" in told.sentence


def test_a_pulse_of_another_chain_or_with_another_value(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        pulse(tmp_path, FASTNET)
    forged = QUICKNET | {"signature": QUICKNET_123["signature"]}
    with pytest.raises(DataError):
        pulse(tmp_path, forged)
    drawn = pulse(tmp_path)
    changed = drawn.model_copy(update={"value": QUICKNET_123["randomness"]})
    with pytest.raises(DataError, match="coins drawn by the pulse beside them"):
        changed.require_holds(DIGEST, None)
    with pytest.raises(DataError):
        drawn.model_copy(update={"proof": {}}).require_holds(DIGEST, None)


@pytest.mark.parametrize("number", [1, 7, 1000])
def test_a_witness_is_charged_by_number(tmp_path: Path, number: int) -> None:
    """n(n + 1): whichever of all statements is shown, they cannot add up to more than the level."""
    drawn = witnessed(tmp_path, number)
    told = drawing_of(drawn, DIGEST, None)
    assert told.strength == "witness" and told.because is None
    assert told.log10_allowance == pytest.approx(math.log10(number * (number + 1)))
    assert told.drawn_at is not None
    assert abs(datetime.fromisoformat(told.drawn_at) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_witness_of_another_commitment_or_value(tmp_path: Path) -> None:
    drawn = witnessed(tmp_path)
    with pytest.raises(DataError, match="of commitment 2222"):
        drawn.require_holds(OTHER, None)
    with pytest.raises(DataError, match="coins drawn by the witness"):
        drawn.model_copy(update={"value": OTHER}).require_holds(DIGEST, None)
    with pytest.raises(DataError, match="a witness's statement beside the coins"):
        drawn.model_copy(update={"proof": {}}).require_holds(DIGEST, None)


def test_the_owner_shows_nothing(tmp_path: Path) -> None:
    drawn = owners(KEY)
    assert drawn == owners(KEY) and drawn.require_holds(DIGEST, None) is None
    assert KEY.secret.hex() not in drawn.model_dump_json()
    with pytest.raises(DataError, match="no proof beside coins that the owner drew"):
        drawn.model_copy(update={"proof": {"pulse": "x"}}).require_holds(DIGEST, None)
    with pytest.raises(InputError, match="no file for coins that the owner draws"):
        STRENGTHS["owner"].read(tmp_path / "x")


def test_what_a_marking_has_to_reach() -> None:
    assert reachable(0.01, "owner") == 0.01
    assert reachable(0.01, "witness") == pytest.approx(0.005)
    assert reachable(0.01, "beacon") == pytest.approx(0.01 / 2**40)


def test_a_record_cannot_be_changed(tmp_path: Path) -> None:
    record = Record.of(DIGEST, pulse(tmp_path), OTHER)
    held = json.loads(record.model_dump_json())
    assert Record.model_validate(held) == record
    for change in (
        {"commitment": OTHER},
        {"published": DIGEST},
        {"randomness": held["randomness"] | {"value": DIGEST}},
        {"randomness": held["randomness"] | {"strength": "owner"}},
        {"digest": OTHER},
    ):
        with pytest.raises(ValueError, match="the digest is not that of the record"):
            Record.model_validate(held | change)
