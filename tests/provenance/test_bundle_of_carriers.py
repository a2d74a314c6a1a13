"""Bundles of carriers: directions, the marking network and held-out images, and not the key."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from torch import nn

from marked_world import (
    COINS,
    KEY,
    answering,
    build,
    by_carriers,
    examples,
    normalised,
    pushed,
    trained,
)
from radiotracer.data import save_examples
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError
from radiotracer.provenance.bundle import disclose, open_bundle
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.release import open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify_bundle

HELD_OUT = examples(80, seed=7)
AUDITS: dict[str, dict[str, Any]] = {
    "weights": {"access": "weights"},
    "scores": {"access": "scores"},
    "control keys": {"access": "scores", "control_keys": 19},
}


@pytest.fixture(scope="module")
def guilty() -> nn.Module:
    return pushed(trained(examples(), steps=40), 20, (0, 2), COINS)


def by_weights(net: nn.Module) -> Suspect:
    return network_suspect(net, "it", {"kind": "network", "sha256": "ab" * 32})


def by_scores(net: nn.Module) -> Suspect:
    def scores(images: Any) -> np.ndarray:
        return normalised(net(to_inputs(images)).detach().double().numpy())

    return answering(scores)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, guilty: nn.Module) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("carriers")
    by_carriers(trained(examples(), steps=40)).write(root / "marked")
    made = {}
    for name, more in AUDITS.items():
        suspect = (by_weights if name == "weights" else by_scores)(guilty)
        audit = root / f"audit {name}"
        given = {"held_out": HELD_OUT, "build": build, "as_asked": True}
        run_audit(root / "marked", KEY, suspect, audit, **given, **more)
        made[name] = root / f"bundle {name}"
        disclose(open_marked(root / "marked", KEY), audit, made[name], held_out=HELD_OUT)
    shutil.rmtree(root / "marked")
    return made


def checked(folder: Path, net: nn.Module | None = None, **more: Any) -> dict[str, bool]:
    suspect = None if net is None else by_weights(net)
    return {
        each.what: each.holds
        for each in verify_bundle(folder, suspect=suspect, build=build, **more)
    }


@pytest.mark.parametrize("name", AUDITS)
def test_a_stranger_checks_it_without_the_key(
    bundles: dict[str, Path], guilty: nn.Module, name: str
) -> None:
    found = checked(bundles[name], guilty if name == "weights" else None)
    assert all(found.values()) and len(found) > 10
    evidence = Evidence.read(bundles[name])
    assert evidence.access == AUDITS[name]["access"]
    assert evidence.control_keys == AUDITS[name].get("control_keys")
    assert evidence.log10_p_value < (-1.7 if name == "control keys" else -6)


@pytest.mark.parametrize("name", AUDITS)
def test_the_key_is_not_opened(bundles: dict[str, Path], name: str) -> None:
    content = b"".join(e.read_bytes() for e in bundles[name].rglob("*") if e.is_file())
    hidden = [KEY.secret, KEY.derive("nonce")]
    hidden += [KEY.derive(f"commitment/salt/{part}") for part in ("key", "root/originals")]
    for secret in hidden:
        assert secret not in content and secret.hex().encode() not in content.lower()
    opened = open_bundle(bundles[name])
    assert opened.key is None and opened.release.originals is None


@pytest.fixture
def scores(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(bundles["scores"], tmp_path / "bundle"))


def test_a_network_that_was_changed(scores: Path) -> None:
    """Chosen afterwards, it could make any direction out of an innocent's."""
    file = scores / "extractor.safetensors"
    weights = load_file(file)
    save_file({name: value * 1.5 for name, value in weights.items()}, file)
    assert checked(scores) == {"bundle": False}
    file.write_bytes(b"nothing")
    assert checked(scores) == {"bundle": False}
    file.unlink()
    assert checked(scores) == {"bundle": False}


def test_held_out_images_that_were_changed(scores: Path, tmp_path: Path) -> None:
    shutil.rmtree(scores / "held-out")
    assert checked(scores) == {"bundle": False}
    (scores / "held-out").mkdir()
    save_examples(examples(80, seed=8), scores / "held-out")
    with pytest.raises(InputError, match="the held-out examples of the audit"):
        checked(scores)


def test_another_network_in_the_suspects_place(bundles: dict[str, Path], guilty: nn.Module) -> None:
    innocent = pushed(trained(examples(), steps=40), 0, (0, 2), COINS)
    suspect = dataclasses.replace(by_weights(innocent), identity={"kind": "x", "sha256": "cd" * 32})
    found = {
        each.what: each.holds
        for each in verify_bundle(bundles["weights"], suspect=suspect, build=build)
    }
    assert found.pop("suspect") is False and all(found.values())
    with pytest.raises(InputError):
        verify_bundle(bundles["weights"], build=build)


def test_other_held_out_data_are_not_disclosed(bundles: dict[str, Path], tmp_path: Path) -> None:
    by_carriers(trained(examples(), steps=40)).write(tmp_path / "marked")
    opened = open_marked(tmp_path / "marked", KEY)
    with pytest.raises(InputError, match="the held-out examples of the audit"):
        disclose(opened, bundles["scores"], tmp_path / "out", held_out=examples(80, seed=8))
    assert not (tmp_path / "out").exists()
