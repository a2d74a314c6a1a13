"""Withheld examples: what is published, what is not, and an exact test of who knows which."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from marked_world import FALSE_FAILURE, KEY, answering, examples, network, noisy, normalised
from radiotracer.data import Dataset, open_data
from radiotracer.errors import DataError, InputError
from radiotracer.provenance.bundle import disclose
from radiotracer.provenance.coins import published_twins
from radiotracer.provenance.controls import control_keys
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._withheld.pairing import NAMES, PAIRS, REFERENCE
from radiotracer.provenance.designs._withheld.testing import (
    audit_withheld,
    preferences,
    questions_of,
)
from radiotracer.provenance.designs._withheld.views import SHIFTS, views_of
from radiotracer.provenance.designs.withheld import WithheldConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.protocol import Suspect
from radiotracer.provenance.release import Release, open_marked
from radiotracer.provenance.run_audit import run_audit
from radiotracer.provenance.verify import verify_bundle
from radiotracer.stats import uniformity
from text_world import letters


def rows_of_numbers(count: int = 60) -> Dataset:
    """A table, as somebody has it."""
    rng = np.random.default_rng(0)
    frame = {
        "length": rng.normal(size=count).tolist(),
        "colour": rng.choice(["red", "blue"], count).tolist(),
        "label": [str(row % 3) for row in range(count)],
    }
    pandas = pytest.importorskip("pandas")
    return open_data(pandas.DataFrame(frame), label_column="label")


def vectors(count: int = 60) -> Dataset:
    points = np.random.default_rng(1).normal(size=(count, 5)).astype(np.float32)
    return open_data((points, np.arange(count) % 3))


WORLDS = {
    "images": examples,
    "texts": letters,
    "tables": rows_of_numbers,
    "vectors": vectors,
}


def withheld(data: Dataset, networks: Any = (), views: int = 3, k: int = 40) -> Release:
    return mark(data, np.arange(k), KEY, networks, WithheldConfig(views=views))


def hidden(release: Release) -> NDArray[np.int64]:
    """Which of the chosen examples are withheld."""
    shown = release.planted.shown
    assert shown is not None
    return np.flatnonzero(~shown)


def remembering(release: Release, much: float) -> Suspect:
    """Surer by so much of the images that are published, in every view of them."""
    learned = set()
    for view in views_of(release.chosen.modality, 26):
        learned |= {each.tobytes() for each in view(release.published.content)}

    def scores(images: Any) -> Any:
        logits = noisy(images, 3)
        for row, image in enumerate(images):
            if image.tobytes() in learned:
                logits[row, _class_of(image)] += much
        return normalised(logits)

    return answering(scores)


def _class_of(image: Any) -> int:
    """As `examples` makes them; of a mirrored one its mirror, which is good enough for a test."""
    known = examples()
    for view in views_of(known.modality, 26):
        seen = {
            each.tobytes(): label
            for each, label in zip(view(known.content), known.labels, strict=True)
        }
        if image.tobytes() in seen:
            return int(seen[image.tobytes()])
    raise AssertionError("an image that nobody has")


@pytest.mark.parametrize("kind", WORLDS)
def test_one_of_each_pair_is_published_and_the_other_nowhere(tmp_path: Path, kind: str) -> None:
    data = WORLDS[kind]()
    made = withheld(data)
    made.write(tmp_path / "marked")
    release = Release.read(tmp_path / "marked")
    release.opened(KEY)
    pairs, shown = release.laid.arrays[PAIRS], release.planted.shown
    assert (
        shown is not None
        and len(pairs) >= 18
        and len(set(pairs.reshape(-1).tolist())) == pairs.size
    )
    tossed = published_twins(release.coins(KEY), release.laid.arrays[NAMES].tolist())
    at = np.arange(len(pairs))
    assert shown[pairs[at, tossed]].all() and not shown[pairs[at, 1 - tossed]].any()
    assert (release.labels[pairs[:, 0]] == release.labels[pairs[:, 1]]).all()
    # All else is published as it was, in its order.
    stays = np.setdiff1d(np.arange(len(data)), hidden(release))
    assert release.published.digest == data.take(stays).digest
    assert release.published.ids.tolist() == data.ids[stays].tolist()
    # The folder to publish has nothing of the others, their ids neither.
    out = set(data.take(hidden(release)).digests)
    there = open_data(tmp_path / "marked/release")
    assert not out & set(there.digests)
    every = b"".join(path.read_bytes() for path in (tmp_path / "marked/release").iterdir())
    for name in data.ids[hidden(release)].tolist():
        assert name not in there.ids.tolist() and (kind == "tables" or name.encode() not in every)
    assert release.places.tolist() == [stays.tolist().index(row) for row in np.flatnonzero(shown)]
    assert DESIGNS["withheld"].change(release).numbers == {"withheld": len(pairs)}
    assert f"Release({int(shown.sum())} of {len(stays)} " in repr(release)


def test_pairs_are_alike_for_the_networks() -> None:
    """Neighbours in ease: no pairing of a class has smaller differences, added up."""
    release = withheld(examples(), [network(0), network(1)], views=1)
    differences = np.abs(release.laid.arrays[REFERENCE])
    shuffled = withheld(examples(), views=1)
    names = dict(zip(release.laid.arrays[PAIRS].reshape(-1).tolist(), range(80), strict=False))
    assert len(names) == release.laid.arrays[PAIRS].size
    ease = np.zeros(40)
    from radiotracer.provenance.models.network import network_suspect
    from radiotracer.provenance.preferences import log_odds

    for seed in (0, 1):
        scores = network_suspect(network(seed), "it", {}).scores(examples().content[:40])
        ease += log_odds(scores, examples().labels[:40]) / 2
    pairs = release.laid.arrays[PAIRS]
    np.testing.assert_allclose(
        release.laid.arrays[REFERENCE], ease[pairs[:, 0]] - ease[pairs[:, 1]]
    )
    other = shuffled.laid.arrays[PAIRS]
    assert differences.sum() < 0.5 * np.abs(ease[other[:, 0]] - ease[other[:, 1]]).sum()


def test_networks_of_fewer_classes_are_refused() -> None:
    with pytest.raises(InputError, match="4"):
        withheld(examples(), [network(classes=3)], views=1)


def test_by_hand() -> None:
    """The preference is the mean over views of the difference of log odds, in float64."""
    release = withheld(examples(), views=4)
    suspect = answering(lambda images: normalised(noisy(images, 5)))
    pairs, labels = release.laid.arrays[PAIRS], release.labels
    expected = np.zeros(len(pairs))
    for view in views_of(release.chosen.modality, 4):
        p = np.exp(suspect.scores(view(release.originals)))
        own = p[np.arange(40), labels]
        odds = np.log(own / (1 - own))
        expected += (odds[pairs[:, 0]] - odds[pairs[:, 1]]) / 4
    found = preferences(suspect, release, "scores", release.coins(KEY))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_views_of_images() -> None:
    images = examples().content
    views = [view(images) for view in views_of(examples().modality, 64)]
    assert len(views) == 26 == 2 * len(SHIFTS)
    np.testing.assert_array_equal(views[0], images)
    np.testing.assert_array_equal(views[1], images[:, :, ::-1])
    np.testing.assert_array_equal(views[2][:, :, 1:], images[:, :, :-1])  # one to the right
    np.testing.assert_array_equal(views[2][:, :, 0], images[:, :, 0])
    assert all(each.shape == images.shape and each.dtype == np.uint8 for each in views)
    assert len({each.tobytes() for each in views}) == 26


def test_views_of_texts_and_of_what_has_none() -> None:
    whole, first, second, middle = views_of(letters().modality, 10)
    text = ("one two three four five six seven eight", "a b")
    assert whole(text) == text and first(text) == ("one two three four", "a b")
    assert second(text)[0] == "five six seven eight" and middle(text)[0] == "three four five six"
    assert [len(views_of(WORLDS[kind]().modality, 10)) for kind in ("tables", "vectors")] == [1, 1]


def test_the_order_of_the_questions_tells_nothing() -> None:
    """It follows from a coin; both examples of a pair are asked in the same views."""
    release = withheld(examples(), views=4)
    one, other = (questions_of(release, coins) for coins in (release.coins(KEY), KEY))
    assert (one.places != other.places).any()
    for found in (one, other):
        assert sorted(found.places.reshape(-1).tolist()) == list(range(4 * 40))
        asked = found.content[found.places[1]]
        both = release.originals[release.laid.arrays[PAIRS]]
        np.testing.assert_array_equal(asked, both[..., ::-1, :])


@pytest.mark.parametrize("access", ["scores", "labels"])
def test_uniform_or_larger_for_a_suspect_that_knows_no_coin(access: Any) -> None:
    """Each of the two fails by chance once in a million runs."""
    release = withheld(examples(), [network(0)], views=2)
    suspect = answering(lambda images: normalised(noisy(images, 1)), labels_only=access == "labels")
    p = [
        audit_withheld(release, release.coins(key), suspect, access, controls=1).log10_p
        for key in control_keys(KEY, 400)
    ]
    assert uniformity(np.array(p)).excess_log10_p > FALSE_FAILURE


def test_who_learned_the_release_is_found() -> None:
    release = withheld(examples(), views=4)
    coins = release.coins(KEY)
    guilty = audit_withheld(release, coins, remembering(release, 4.0), "scores", controls=50)
    contrary = audit_withheld(release, coins, remembering(release, -4.0), "scores", controls=50)
    assert guilty.log10_p < -4 and guilty.effect > 0.3 and contrary.log10_p > -0.5
    assert guilty.details["pairs"] == 20 and all(each.passed for each in guilty.controls)
    assert DESIGNS["withheld"].least_log10_p(release, "scores") == pytest.approx(-20 * np.log10(2))


def test_a_language_model_is_asked_per_byte() -> None:
    release = withheld(letters(classes=1), views=1)
    published = set(release.published.content)

    def losses(texts: Any) -> Any:
        return np.array(
            [len(text.encode()) * (1.0 if text in published else 1.2) for text in texts]
        )

    suspect = Answering(
        ask=lambda texts: -losses(texts)[:, None],
        name="a language model",
        identity={"kind": "function"},
        classes=None,
        outputs="losses",
        modality=release.chosen.modality,
    )
    found = audit_withheld(release, release.coins(KEY), suspect, "scores", controls=10)
    assert found.log10_p == pytest.approx(-len(release.laid.arrays[PAIRS]) * np.log10(2))


def test_copies_are_never_withheld() -> None:
    """A copy of what is withheld would be published."""
    data = examples(80)
    content = data.content.copy()
    content[40:80] = content[:40]
    data = dataclasses.replace(data, content=content)
    with pytest.raises(DataError, match=r"images that come once.*got copies alone"):
        choose(data, 0.1, "random", KEY, design="withheld")
    content = examples(80).content.copy()
    content[40:60] = content[:20]
    data = dataclasses.replace(data, content=content)
    rows = choose(data, 0.2, "random", KEY, design="withheld")
    assert set(rows.tolist()) <= {*range(20, 40), *range(60, 80)} and len(rows) == 16


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.5, "share= below 0.5"), (0.99, "share= below 0.5"), (0.0, "in \\(0, 1\\)")],
)
def test_shares_that_leave_no_pairs(share: float, text: str) -> None:
    with pytest.raises(InputError, match=text):
        choose(examples(), share, "random", KEY, design="withheld")


def test_too_few_pairs_are_refused_before_the_work() -> None:
    design, settings = DESIGNS["withheld"], WithheldConfig()
    candidates = design.candidates(examples(), 0.05, KEY, settings)
    with pytest.raises(InputError, match=r"at least 7 pairs.*share=0\.05, which makes 4"):
        design.require_enough(examples(), candidates, settings, 0.01)
    with pytest.raises(DataError, match="two images of a class"):
        mark(examples(), np.array([0, 1, 2]), KEY, (), "withheld")


def test_the_hardest_are_taken_whole() -> None:
    """Its pairs need no example that survives a cleaning: a pair with a removed one is as fair."""
    data = examples()
    wrong = data.with_labels((data.labels + (np.arange(60) < 4)) % 4)
    from marked_world import trained

    rows = choose(wrong, 0.05, "hardest", KEY, design="withheld", models=[trained(data)])
    assert set(range(4)) <= set(rows.tolist())


def test_labels_and_ids_of_published_ones_are_those_of_the_release(tmp_path: Path) -> None:
    """The sealed half cannot say otherwise; labels of the test are committed to."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    withheld(examples()).write(tmp_path / "marked")
    path = tmp_path / "marked/sealed/manifest.parquet"
    table = pq.read_table(path)
    labels = table["label"].to_pylist()
    row = table["published"].to_pylist().index(True)
    labels[row] = (labels[row] + 1) % 4
    pq.write_table(
        table.set_column(table.column_names.index("label"), "label", pa.array(labels)), path
    )
    with pytest.raises(DataError, match="the manifest speaks of other examples"):
        Release.read(tmp_path / "marked")
    release = withheld(examples())
    arrays = {**release.laid.arrays, "labels": release.laid.arrays["labels"][::-1].copy()}
    edited = dataclasses.replace(release, laid=dataclasses.replace(release.laid, arrays=arrays))
    with pytest.raises(InputError, match="another root/laid/labels"):
        edited.opened(KEY)


def test_a_stranger_checks_an_audit_without_the_key(tmp_path: Path) -> None:
    release = withheld(examples(), [network(0)], views=2)
    release.write(tmp_path / "marked")
    run_audit(tmp_path / "marked", KEY, remembering(release, 5.0), tmp_path / "audit")
    bundle = tmp_path / "bundle"
    disclose(open_marked(tmp_path / "marked", KEY), tmp_path / "audit", bundle)
    assert all(each.holds for each in verify_bundle(bundle))
    said = json.loads((bundle / "bundle.json").read_text())
    assert sum(said["shown"]) == 20 == len(said["paths"])
    # Whoever turns what was published turns nothing of the test, and is told.
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    said["shown"] = [not each for each in said["shown"]]
    (other / "bundle.json").write_text(json.dumps(said))
    assert not all(each.holds for each in verify_bundle(other))
