"""``radiotracer card``: what cards may say, and Croissant metadata that its own library takes."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import DatasetCardData
from PIL import Image

from audit_world import KEY, sample_evidence, small_release
from radiotracer.cli import run
from radiotracer.digested import digested
from radiotracer.files import sha256_file
from radiotracer.integrations.cards import card
from radiotracer.provenance.release import Release
from radiotracer.review.decisions import Decision
from radiotracer.review.scanned import read_scan
from tiny_world import World


@pytest.fixture(scope="module")
def folders(tiny: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A scan with a manifest and one without, and marked data."""
    root = tmp_path_factory.mktemp("cards")
    clean = root / "clean.npz"
    shutil.copyfile(tiny.archive, clean)
    network = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "16"]
    assert run(["train", str(clean), *network, "--out", str(root / "run")]) == 0
    assert run(["scan", str(root / "run"), "--top-k", "3", "--out", str(root / "unknown")]) == 1
    scanned = ["scan", str(tiny.folder), "--top-k", "5", "--out", str(root / "scan")]
    assert run(scanned) == 1
    marked = root / "marked"
    marked.mkdir()
    small_release(root).write(marked)
    return {"scan": root / "scan", "unknown": root / "unknown", "marked": marked, "root": root}


@pytest.fixture
def marked(folders: dict[str, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(folders["marked"], tmp_path / "marked"))


def validated(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The metadata and their records, after what Croissant 1.0 asks of each part.

    `mlcroissant` reads them as well where it is installed. It needs a package that there is no
    wheel of, so it is not among the locked ones.
    """
    said = json.loads(path.read_bytes())
    assert said["@type"] == "sc:Dataset" and said["conformsTo"].endswith("/croissant/1.0")
    for each in said["distribution"]:
        wanted = {"cr:FileObject": {"contentUrl", "sha256"}, "cr:FileSet": {"includes"}}
        missing = (wanted[each["@type"]] | {"@id", "name", "encodingFormat"}) - each.keys()
        assert not missing, f"{each['@id']} lacks {missing}"
    (classes,) = said["recordSet"]
    fields = {field["@id"] for field in classes["field"]}
    assert all(record.keys() == fields for record in classes["data"])
    assert classes["key"]["@id"] in fields
    if importlib.util.find_spec("mlcroissant"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that it uses
            mlcroissant: Any = importlib.import_module("mlcroissant")
            read = mlcroissant.Dataset(jsonld=str(path))
            assert list(read.records("classes")) == classes["data"]
    return said, classes["data"]


def front_matter(text: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    before, matter, _ = text.split("---\n", 2)
    assert before == ""
    found: dict[str, Any] = yaml.safe_load(matter)
    DatasetCardData(**found)
    return found


def test_a_scan_with_a_manifest(cli: Any, folders: dict[str, Path]) -> None:
    done = cli("card", folders["scan"])
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("## Scan for tampered training examples\n")
    summary = json.loads((folders["scan"] / "summary.json").read_bytes())
    row = summary["detectors"][summary["detector"]]
    assert "**5** (5.2 %) were flagged" in done.out
    assert "Measured against a manifest" in done.out
    assert f"average precision {row['auprc']:.4f}" in done.out
    assert summary["data_digest"] in done.out
    assert str(folders["root"]) not in done.out, "no path of this machine"


def test_a_scan_of_what_nobody_knows(cli: Any, folders: dict[str, Path], tmp_path: Path) -> None:
    text = cli("card", folders["unknown"]).out
    assert "No error rates are given: nobody knows" in text
    assert "recall" not in text and "false discovery rate" not in text
    scan = Path(shutil.copytree(folders["unknown"], tmp_path / "scan"))
    path = scan / "summary.json"
    summary = json.loads(path.read_bytes())

    def said(**changes: object) -> str:
        path.write_text(digested(summary | changes))
        return card(scan)

    rule = "false discovery rate at most 5 % (estimated)"
    assert "is an estimate: it assumes validation examples" in said(rule=rule)
    stuck = said(inconclusive="too few reference examples")
    assert "**Inconclusive**: too few reference examples. That is neither" in stuck
    assert "flagged as" not in stuck
    hostile = said(rule="<script>alert(1)</script>\n# x | `y`")
    assert "<script>" not in hostile and "\n# x" not in hostile


@pytest.mark.parametrize("verdict", ["trained-on-marked-data", "no-evidence", "inconclusive"])
def test_an_audit_says_what_its_p_value_supports(verdict: Any, tmp_path: Path) -> None:
    evidence = sample_evidence(verdict)
    evidence.write(tmp_path)
    text = card(tmp_path)
    assert evidence.claim.replace("_", "\\_") in text
    assert all(each in text for each in evidence.alternatives)
    assert evidence.commitment in text and "ab" * 32 in text
    assert "/models/" not in text, "no path of the machine that audited"
    assert ("proof" in text) == (verdict == "trained-on-marked-data")


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "trained-on-marked-data", "adjusted_log10_p_value": -0.4},
        {"verdict": "no-evidence"},
        {"verdict": "inconclusive"},
        {"alpha": 1e-9},
        {"controls": [{"name": "references", "expected": "a", "came": "b", "passed": False}]},
    ],
)
def test_evidence_that_claims_more_is_refused(
    cli: Any, changes: dict[str, object], tmp_path: Path
) -> None:
    sample_evidence().write(tmp_path)
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))
    done = cli("card", tmp_path)
    assert (done.status, done.out) == (2, "")
    assert "verdict follows from its p-value" in done.err and done.err.count("\n") == 1


def test_a_claim_in_the_file_is_not_repeated(tmp_path: Path) -> None:
    evidence = sample_evidence("no-evidence").model_copy(update={"claim": "It was stolen."})
    evidence.write(tmp_path)
    assert "stolen" not in card(tmp_path)


def test_marked_data(cli: Any, marked: Path) -> None:
    release = Release.read(marked)
    text = cli("card", marked).out
    found = front_matter(text)
    assert found["pretty_name"] == "marked"
    assert found["tags"] == ["radiotracer", "marked-data"]
    assert found["size_categories"] == ["n<1K"]
    assert release.commitment.digest in text and release.published.digest in text
    assert "turn to the publisher" in text and "not evidence of innocence" in text
    secrets = ("twins", KEY.fingerprint, release.protocol.source_digest, "80")
    bare = text.replace(release.commitment.digest, "").replace(release.published.digest, "")
    assert not any(each in bare for each in secrets)
    shutil.rmtree(marked / "sealed")
    assert cli("card", marked).out == text, "nothing sealed is needed"
    assert cli("card", marked / "release").out == text.replace('"marked"', '"release"').replace(
        "# marked\n", "# release\n"
    )
    as_json = json.loads(cli("card", marked, "--json").out)
    assert as_json == {"folder": str(marked), "card": text}


def test_croissant_of_marked_data(cli: Any, marked: Path) -> None:
    done = cli("card", marked, "--croissant")
    assert (done.status, done.err) == (0, "")
    said = json.loads(done.out)
    release = Release.read(marked)
    path = marked / "release" / "croissant.json"
    path.write_text(done.out)
    _, records = validated(path)
    assert said["name"] == "marked"
    assert [(r["classes/number"], r["classes/name"]) for r in records] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]
    values = {each["propertyID"]: each["value"] for each in said["identifier"]}
    assert values == {
        "radiotracer-data-sha256": release.published.digest,
        "radiotracer-commitment-sha256": release.commitment.digest,
    }
    assert release.commitment.digest in said["rai:dataManipulationProtocol"]
    assert release.commitment.digest in said["description"]
    for file in said["distribution"]:
        assert file["sha256"] == sha256_file(marked / "release" / file["contentUrl"])
    assert {file["name"] for file in said["distribution"]} == {
        each.name for each in (marked / "release").iterdir() if each != path
    }
    assert "sealed" not in done.out and "twins" not in done.out


def test_croissant_that_is_wrong_is_noticed(cli: Any, marked: Path) -> None:
    said = json.loads(cli("card", marked, "--croissant").out)
    del said["distribution"][0]["sha256"]
    path = marked / "release" / "croissant.json"
    path.write_text(json.dumps(said))
    with pytest.raises(AssertionError, match="sha256"):
        validated(path)


def test_another_commitment_is_refused(cli: Any, marked: Path) -> None:
    other = marked / "release" / "data.json"
    said = json.loads(other.read_bytes())
    said["provenance"]["commitment"] = "00" * 32
    other.write_text(json.dumps(said))
    for folder in (marked, marked / "release"):
        done = cli("card", folder)
        assert (done.status, done.out) == (2, "") and "expected one commitment" in done.err
    other.write_text(json.dumps(said | {"provenance": {}}))
    assert "expected one commitment" in cli("card", marked, "--croissant").err
    (marked / "commitment.json").write_text("{}")
    assert "restore it" in cli("card", marked).err


def test_stored_data_with_hostile_names(cli: Any, tmp_path: Path) -> None:
    path, names = tmp_path / "x.npz", ["<script>", "]: x\n---\n", 'b"\u202e']
    images = np.random.default_rng(0).integers(0, 255, (9, 8, 8), dtype=np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(9) % 3, class_names=np.array(names))
    stored = tmp_path / 'a "b": <i>\u202e'
    assert cli("data", "store", path, "--out", stored).status == 0
    text = cli("card", stored).out
    found = front_matter(text)
    assert found["pretty_name"] == 'a "b": <i>\\u202e'
    assert found["tags"] == ["radiotracer", "stored-data"] and "<i>" not in text.split("---\n")[2]
    assert "marked" not in text
    (stored / "croissant.json").write_text(cli("card", stored, "--croissant").out)
    _, records = validated(stored / "croissant.json")
    assert [r["classes/name"] for r in records] == ["<script>", "]: x\\n---\\n", 'b"\\u202e']


@pytest.mark.parametrize("kind", ["saved", "npz", "images"])
def test_cleaned_data(kind: str, cli: Any, tiny: World, tmp_path: Path) -> None:
    data: Path = tiny.data
    if kind == "npz":
        data = tmp_path / "pairs.npz"
        np.savez(data, images=tiny.tampered.content, labels=tiny.tampered.labels)
    if kind == "images":
        data = tmp_path / "photos"
        for row, (image, label) in enumerate(
            zip(tiny.tampered.content, tiny.tampered.labels, strict=True)
        ):
            (data / f"class{label}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(data / f"class{label}" / f"{row:03}.png")
    network = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "16"]
    sized = ["--image-size", "10"] if kind == "images" else []
    assert cli("train", data, *network, *sized, "--out", "run").status == 0
    assert cli("scan", "run", "--top-k", "2", "--validation", "none", "--out", "scan").status == 1
    scanned = read_scan(Path("scan"))
    decide(scanned)
    done = cli("review", "scan", "--export", "cleaned")
    assert done.status == 0, done.err
    text = cli("card", "cleaned").out
    assert front_matter(text)["tags"] == ["radiotracer", "cleaned-data"]
    assert "95 images in 3 classes" in text and "reviewed by a person" in text
    done = cli("card", "cleaned", "--croissant")
    assert done.status == 0, done.err
    Path("cleaned/croissant.json").write_text(done.out)
    said, _ = validated(Path("cleaned/croissant.json"))
    kinds = {each["@type"] for each in said["distribution"]}
    assert ("cr:FileSet" in kinds) == (kind == "images")
    assert "reviewed by a person" in said["description"]


def decide(scanned: Any) -> None:
    """Drop the first suspect."""
    from radiotracer.review.board import identity_of
    from radiotracer.review.store import FILE, Store

    store = Store(scanned.folder / FILE, identity_of(scanned))
    store.decide(str(scanned.ids[0]), Decision("drop"), version=0)
    store.close()


def test_what_has_no_card(cli: Any, tmp_path: Path) -> None:
    for options in ((), ("--croissant",)):
        done = cli("card", tmp_path, *options)
        assert (done.status, done.out) == (2, "")
        assert "pass a folder that radiotracer wrote" in done.err
    assert cli("card", tmp_path / "nothing").status == 2
