"""Pulses of beacons: real ones hold, and what is not one is refused in a line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulses_kept import (
    DEFAULT,
    DEFAULT_1,
    FASTNET,
    QUICKNET,
    QUICKNET_123,
    json_of,
)

from radiotracer.errors import DataError
from radiotracer.provenance import drand
from radiotracer.provenance.pulses import read_pulse

HASHES = {  # as drand's documentation gives them
    "quicknet": "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "default": "8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce",
}


def test_the_chains_parameters_are_those_that_their_hashes_bind() -> None:
    assert {each.name: each.hash for each in drand.CHAINS} == HASHES


@pytest.mark.parametrize(
    ("pulse", "chain", "time"),
    [
        (QUICKNET, "drand quicknet", datetime(2023, 9, 15, 11, 0, 3, tzinfo=UTC)),
        (QUICKNET_123, "drand quicknet", datetime(2023, 8, 23, 15, 15, 33, tzinfo=UTC)),
        (DEFAULT, "drand default", datetime(2023, 9, 15, 11, 55, tzinfo=UTC)),
        (DEFAULT_1, "drand default", datetime(2020, 7, 22, 15, 17, 30, tzinfo=UTC)),
    ],
)
def test_published_rounds_hold(
    pulse: dict[str, Any], chain: str, time: datetime, tmp_path: Path
) -> None:
    file = tmp_path / "pulse.json"
    file.write_bytes(json_of(pulse))
    read = read_pulse(file)
    drawn = read.verified()
    assert (drawn.value.hex(), drawn.chain, drawn.time) == (pulse["randomness"], chain, time)
    assert read.content == file.read_bytes()
    without = {name: value for name, value in pulse.items() if name != "randomness"}
    assert read_pulse(json_of(without)).verified() == drawn


def test_a_round_of_a_chain_that_is_not_known() -> None:
    with pytest.raises(DataError, match="of another chain"):
        read_pulse(json_of(FASTNET)).verified()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"round": 657414}, "bad, or of another chain"),
        ({"signature": QUICKNET_123["signature"], "randomness": None}, "bad, or of another"),
        ({"signature": "ff" * 48, "randomness": None}, "bad, or of another"),
        # The point at infinity: e(0, g) = 1 whatever the message were, were it not for H.
        ({"signature": "c0" + "00" * 47, "randomness": None}, "bad, or of another"),
        ({"randomness": "00" * 32}, "the SHA-256 of its signature as its randomness"),
    ],
)
def test_a_round_that_was_changed(change: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_pulse(json_of(QUICKNET | change)).verified()


def test_a_chained_round_without_what_it_is_chained_to() -> None:
    alone = {name: value for name, value in DEFAULT.items() if name != "previous_signature"}
    with pytest.raises(DataError, match="bad, or of another"):
        read_pulse(json_of(alone)).verified()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        json_of(QUICKNET)[:-30],
        json_of(QUICKNET | {"round": 0}),
        json_of(QUICKNET | {"round": "657413"}),
        json_of(QUICKNET | {"signature": "b7"}),
        json_of(QUICKNET)[:-1] + b', "round": 1}',
        b" " * 200_000,
    ],
)
def test_what_is_no_pulse(content: bytes) -> None:
    with pytest.raises(DataError) as raised:
        read_pulse(content)
    assert "\n" not in str(raised.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_pulse(tmp_path / "pulse.json")


@given(
    chain=st.sampled_from(drand.CHAINS),
    seconds=st.integers(0, 2_000_000_000),
)
def test_the_first_round_after_a_time(chain: drand.Chain, seconds: int) -> None:
    time = datetime.fromtimestamp(chain.genesis, UTC) + timedelta(seconds=seconds)
    first = chain.first_after(time)
    assert chain.time_of(first) > time >= chain.time_of(first - 1)


def test_before_the_first_round() -> None:
    assert drand.QUICKNET.first_after(datetime(2020, 1, 1, tzinfo=UTC)) == 1
