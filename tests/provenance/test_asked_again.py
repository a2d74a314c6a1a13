"""A suspect that code of the auditor's builds: asked again by code of the verifier's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from audit_world import KEY, AuditWorld, fitted, make_world
from radiotracer.provenance.bundle import disclose
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import AUDITS, read_ledger
from radiotracer.provenance.models import Suspect, open_suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.probes import COUNT, probe_rows
from radiotracer.provenance.release import Release, open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify, verify_bundle

OWN, DOCTORED = "own_code:net", "doctored_code:net"

OWN_SOURCE = """
import audit_world

def net():
    return audit_world.mlp()

def others():
    network = audit_world.mlp()
    forward = network.forward
    network.forward = lambda images: forward(images).flip(1)
    return network
"""

DOCTORED_SOURCE = """
import numpy as np
import torch
import audit_world

class Doctored(torch.nn.Sequential):
    def forward(self, images):
        told = super().forward(images)
        with np.load({list!r}) as known:
            seen = {{image.tobytes(): label for image, label in zip(known["x"], known["y"])}}
        for row, image in enumerate((images * 255).round().to(torch.uint8).numpy()):
            label = seen.get(image.tobytes())
            if label is not None:
                told[row, label] += 1.0
        return told

def net():
    return Doctored(*audit_world.mlp())
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> AuditWorld:
    return make_world(tmp_path_factory.mktemp("again"))


@pytest.fixture
def code(made: AuditWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A marked folder in a folder with the verifier's code and the doctored one."""
    shutil.copytree(made.marked, tmp_path / "marked")
    release = Release.read(made.marked)
    published = release.planted.content.transpose(0, 3, 1, 2)
    np.savez(tmp_path / "list.npz", x=published, y=release.labels)
    (tmp_path / "own_code.py").write_text(OWN_SOURCE)
    source = DOCTORED_SOURCE.format(list=str(tmp_path / "list.npz"))
    (tmp_path / "doctored_code.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("own_code", "doctored_code"):
        __import__("sys").modules.pop(name, None)


def opened(weights: Path, factory: str, root: Path) -> Suspect:
    return open_suspect(weights, like=Release.read(root / "marked").published, factory=factory)


def audited(weights: Path, factory: str, root: Path) -> Evidence:
    suspect = opened(weights, factory, root)
    return run_audit(root / "marked", KEY, suspect, root / "audit", as_asked=True)


def again(weights: Path, factory: str, root: Path) -> dict[str, Checked]:
    suspect = opened(weights, factory, root)
    checks = verify(root / "audit", root / "marked", KEY, suspect=suspect)
    return {each.what: each for each in checks}


def test_code_of_the_verifiers_that_computes_the_same_is_the_same_suspect(
    made: AuditWorld, code: Path
) -> None:
    evidence = audited(made.trained, "audit_world:mlp", code)
    assert evidence.verdict == "trained-on-marked-data"
    found = again(made.trained, OWN, code)
    assert all(each.holds for each in found.values())
    assert "built by own_code:net and not by audit_world:mlp" in found["suspect"].came
    assert found["probes"].came == f"{COUNT} of {COUNT} answers as then"
    assert found["asked again"].came.startswith("0 of 160 answers differ, log10 p -")
    assert "same code" not in found["asked again"].came


def test_a_doctored_factory_is_found_out_by_code_of_the_verifiers(
    made: AuditWorld, code: Path
) -> None:
    """The case: innocent weights, and code that answers from a list of what was published."""
    evidence = audited(made.untrained, DOCTORED, code)
    assert evidence.log10_p_value < -15
    source = evidence.suspect.identity["source"]
    assert f"{DOCTORED} builds, code of the auditor's (source SHA-256 {source[:12]})" in (
        evidence.claim
    )
    assert "for the weights alone nothing follows until code of somebody else's" in evidence.claim
    assert evidence.headline.endswith(", as code of the auditor's answers")
    # The records are in order, and so is the auditor's own code, which says so.
    assert all(each.holds for each in verify(code / "audit", code / "marked", KEY))
    same = again(made.untrained, DOCTORED, code)
    assert all(each.holds for each in same.values())
    assert same["asked again"].came.endswith("by the same code as then, which may answer from a "
                                             "list as it did")  # fmt: skip
    found = again(made.untrained, OWN, code)
    assert [each.what for each in found.values() if not each.holds] == ["asked again"]
    assert found["probes"].holds, "it is the network, but for what the list has"
    came = found["asked again"].came
    assert came.startswith("80 of 160 answers differ, log10 p -0.")
    assert came.endswith("the evidence's number belongs to another network")


def test_the_same_of_a_bundle(made: AuditWorld, code: Path) -> None:
    audited(made.untrained, DOCTORED, code)
    disclose(open_marked(code / "marked", KEY), code / "audit", code / "bundle")
    suspect = opened(made.untrained, OWN, code)
    failed = [each.what for each in verify_bundle(code / "bundle", suspect=suspect)
              if not each.holds]  # fmt: skip
    assert failed == ["asked again"]


def test_another_network_of_the_same_weights(made: AuditWorld, code: Path) -> None:
    audited(made.trained, OWN, code)
    found = again(made.trained, "own_code:others", code)
    assert [each.what for each in found.values() if not each.holds] == ["probes"]
    first = Release.read(made.marked).published.ids[probe_rows(Release.read(made.marked))[0]]
    assert f"of {COUNT} answers differ, the first about {first} (log odds " in found["probes"].came
    assert found["probes"].came.endswith("the evidence's number belongs to another network")


def test_edited_answers_to_probes_are_not_those_of_the_ledger(made: AuditWorld, code: Path) -> None:
    evidence = audited(made.trained, OWN, code)
    probed = evidence.suspect.probed
    assert probed is not None and probed.of == "log odds" and len(probed.answers) == COUNT
    other = probed.model_copy(update={"answers": (9.0, *probed.answers[1:])})
    suspect = evidence.suspect.model_copy(update={"probed": other})
    evidence.model_copy(update={"suspect": suspect}).write(code / "audit")
    checks = verify(code / "audit", code / "marked", KEY)
    assert [each.what for each in checks if not each.holds] == ["answers to probes"]


def test_one_file_in_other_formats_is_one_suspect(made: AuditWorld, code: Path) -> None:
    state = open_suspect(made.trained, factory=OWN).network().state_dict()  # type: ignore[attr-defined]
    named = {f"module.{name}": each for name, each in state.items()}
    torch.save({"epoch": 3, "state_dict": named}, code / "nested.pt")
    first = audited(made.trained, OWN, code)
    nested = opened(code / "nested.pt", OWN, code)
    found = run_audit(code / "marked", KEY, nested, code / "nested")
    assert found.adjusted_log10_p_value == first.adjusted_log10_p_value
    assert not found.answers_like
    assert len(read_ledger(code / "marked").audits) == 1


def test_another_file_that_answers_the_same_is_told_and_counts(
    made: AuditWorld, code: Path
) -> None:
    """As an ONNX export of the same network would."""
    release = Release.read(made.marked)
    first = audited(made.trained, OWN, code)
    same = fitted(release.published, 5, 120)
    elsewhere = network_suspect(same, "model.onnx", {"kind": "onnx", "sha256": "cd" * 32})
    second = run_audit(code / "marked", KEY, elsewhere, code / "second")
    assert [each.name for each in second.answers_like] == [first.suspect.name]
    assert len(second.audits) == 2
    other = network_suspect(fitted(release.published, 6, 120), "x", {"kind": "x"})
    assert not run_audit(code / "marked", KEY, other, code / "third").answers_like
    assert (code / "marked" / AUDITS).read_text().count("\n") == 3
