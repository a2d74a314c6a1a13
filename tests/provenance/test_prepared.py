"""Two steps: what is prepared holds everything but the coins, and nothing of it can be changed."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marked_world import KEY, SPEC, by_carriers, by_tags, by_twins, examples, network
from radiotracer.errors import DataError, InputError
from radiotracer.provenance import Key
from radiotracer.provenance.designs.carriers import CarrierConfig
from radiotracer.provenance.designs.tags import TagConfig
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import prepare, publish
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.randomness import Randomness
from radiotracer.provenance.release import Release
from radiotracer.provenance.strengths.owner import owners
from text_world import by_canaries, letters

NETS = [network(1), network(2)]
ONE = [network(3)]


def twins(**more: Any) -> Prepared:
    config = TwinConfig(radius=6, steps=5, batch_size=32)
    return prepare(examples(), np.arange(60), KEY, NETS, config, **more)


STEPS: dict[str, tuple[Any, list[Any], Any]] = {
    "twins": (twins, [], by_twins),
    "tags": (
        lambda: prepare(
            examples(),
            np.arange(20),
            KEY,
            NETS,
            TagConfig(tags=12, radius=6, steps=3, batch_size=4),
        ),
        NETS,
        by_tags,
    ),
    "carriers": (
        lambda: prepare(
            examples(),
            np.flatnonzero(np.isin(examples().labels, (0, 2)))[:16],
            KEY,
            ONE,
            CarrierConfig(steps=2),
            spec=SPEC,
        ),
        ONE,
        lambda: by_carriers(ONE[0]),
    ),
    "canaries": (
        lambda: prepare(letters(), np.arange(60), KEY, (), "canaries"),
        [],
        by_canaries,
    ),
}


@pytest.mark.parametrize("design", STEPS)
def test_two_steps_through_files_are_one(tmp_path: Path, design: str) -> None:
    first, models, whole = STEPS[design]
    made = first()
    made.write(tmp_path / "prepared")
    held = Prepared.read(tmp_path / "prepared")
    assert held.commitment == made.commitment and held.protocol == made.protocol
    release, other = publish(held, KEY, owners(KEY), models), whole()
    assert release.record == other.record and release.commitment == made.commitment
    release.write(tmp_path / "marked")
    Release.read(tmp_path / "marked").opened(KEY)


def test_no_coin_can_be_told_before_it_is_drawn(tmp_path: Path) -> None:
    """What is prepared is the same whatever is drawn; another R publishes other twins."""
    made = twins(coins="beacon")
    releases = [
        publish(
            dataclasses.replace(made),
            KEY,
            Randomness(strength="beacon", value=f"{value:064x}"),
        )
        for value in range(2)
    ]
    one, two = (each.planted.columns["twin"] for each in releases)
    assert (one != two).any() and releases[0].commitment == releases[1].commitment
    assert releases[0].record.digest != releases[1].record.digest


def test_coins_of_another_strength() -> None:
    with pytest.raises(InputError, match=r"coins by beacon, as was .*; got coins by owner"):
        publish(twins(coins="beacon"), KEY, owners(KEY))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda p: {"laid": dataclasses.replace(p.laid, arrays={})}, "another root/laid"),
        (lambda p: {"laid": dataclasses.replace(p.laid, coins=p.laid.coins[1:])}, "root/coins"),
        (lambda p: {"rows": p.rows[:-1]}, "another root/originals, another root/rows"),
        (lambda p: {"data": examples(seed=3)}, "the data that were prepared"),
        (lambda p: {"protocol": p.protocol.model_copy(update={"alpha": 0.5})}, "another protocol"),
    ],
)
def test_nothing_can_be_changed_between_the_steps(change: Any, text: str) -> None:
    made = twins()
    with pytest.raises(InputError, match=text):
        publish(dataclasses.replace(made, **change(made)), KEY, owners(KEY))
    with pytest.raises(InputError, match="another key"):
        publish(made, Key(bytes(32)), owners(KEY))


def test_other_networks_than_were_committed_to() -> None:
    made = STEPS["carriers"][0]()
    for models in ([], [network(4)]):
        with pytest.raises(InputError, match="the marking networks that were committed to"):
            publish(made, KEY, owners(KEY), models)


def test_folders_that_are_none(tmp_path: Path) -> None:
    twins().write(tmp_path / "prepared")
    with pytest.raises(InputError, match=r"which has no release\.json: .* not released yet"):
        Release.read(tmp_path / "prepared")
    by_twins().write(tmp_path / "marked")
    with pytest.raises(InputError, match="it is released already"):
        Prepared.read(tmp_path / "marked")
    with pytest.raises(InputError, match="no folder"):
        Prepared.read(tmp_path / "none")
    path = tmp_path / "prepared/sealed/arrays.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="the sealed half"):
        Prepared.read(tmp_path / "prepared")


def test_a_record_of_another_release(tmp_path: Path) -> None:
    by_twins().write(tmp_path / "one")
    by_twins(Key(bytes(32))).write(tmp_path / "two")
    for name in ("release.json", "release/release.json"):
        shutil.copy(tmp_path / "two" / name, tmp_path / "one" / name)
    with pytest.raises(DataError, match="the record of a release by commitment"):
        Release.read(tmp_path / "one")
