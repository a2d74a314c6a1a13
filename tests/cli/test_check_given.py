"""`check` on vectors, and on features and probabilities that somebody has: found, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax

from radiotracer.data import open_data

N, CLASSES = 600, 3


def drawn(n: int, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    points = random.normal(size=(n, 6)) + 5.0 * np.eye(CLASSES, 6)[labels]
    return points.astype(np.float32), labels


def flipped(true: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every tenth label another one, any of the others."""
    moved = np.random.default_rng(7).integers(1, CLASSES, len(true))
    return np.where(np.arange(len(true)) % 10 == 7, (true + moved) % CLASSES, true)


@pytest.fixture
def vectors(cli: Any) -> tuple[str, NDArray[np.int64], NDArray[np.int64]]:
    """A file, true labels and labels as given."""
    points, true = drawn(N, 100)
    labels = flipped(true)
    np.savez("data.npz", x=points, y=labels)
    return "data.npz", true, labels


def ranked() -> list[dict[str, Any]]:
    return pq.read_table("checked/scan/ranking.parquet").to_pylist()


def good() -> NDArray[np.float64]:
    """What the vectors that `drawn` draws are, by Bayes' rule: models could not be better."""
    found: NDArray[np.float64] = softmax(5.0 * drawn(N, 100)[0][:, :CLASSES].astype(float), axis=1)
    return found


@pytest.mark.parametrize("how", ["alone", "validation", "features", "probabilities"])
def test_flips_are_found(cli: Any, vectors: Any, how: str) -> None:
    """Most of them, and at most three times as many others as the rate allows."""
    data, true, labels = vectors
    options: dict[str, tuple[str, ...]] = {
        "alone": (),
        "validation": ("--validation", "validation.npz"),
        "features": ("--features", "features.npy"),
        "probabilities": ("--probabilities", "chances.npy"),
    }
    shown, theirs = drawn(300, 101)
    np.savez("validation.npz", x=shown, y=theirs)
    np.save("features.npy", np.concatenate([drawn(N, 100)[0]] * 2, axis=1))
    np.save("chances.npy", good())
    done = cli("check", data, *options[how], "--json")
    assert done.status == 1, done
    summary = json.loads(done.out)
    rows = ranked()
    wrong = set(open_data(data).ids[true != labels].tolist())
    flagged = [row["id"] for row in rows if row["is_flagged"]]
    assert len(flagged) == summary["flagged"]
    assert len(wrong & set(flagged)) >= 0.8 * len(wrong)
    assert sum(each not in wrong for each in flagged) <= 0.15 * len(flagged)
    assert [row["is_flagged"] for row in rows] == sorted(
        [row["is_flagged"] for row in rows], reverse=True
    )
    assert (rows[0]["p_value"] is not None) == (how == "validation")
    grounds = summary["grounds"]
    assert grounds["wrong_share_interval"][0] <= 0.1 <= grounds["wrong_share_interval"][1]
    if how == "validation":
        assert 20 <= grounds["at_least_wrong"] <= len(wrong)
    words = {"features": "given features", "probabilities": "given probabilities"}
    assert words.get(how, "as-is") in grounds["models"] or "columns" in grounds["models"]


def test_clean_labels_are_left_alone(cli: Any) -> None:
    points, true = drawn(N, 102)
    np.savez("data.npz", x=points, y=true)
    shown, theirs = drawn(300, 103)
    np.savez("validation.npz", x=shown, y=theirs)
    for more in ((), ("--validation", "validation.npz")):
        done = cli("check", "data.npz", *more)
        # A flag or two are what a rate of false discoveries allows; most often there is none.
        flagged = sum(row["is_flagged"] for row in ranked())
        assert flagged <= 2 and done.status == (1 if flagged else 0), done
        if not flagged:
            assert f"No label of {N} to check." in done.out
        assert "tampered" not in done.out


def test_a_rate_of_ones_own(cli: Any, vectors: Any) -> None:
    flagged = []
    for rate in ("0.01", "0.3"):
        summary = json.loads(cli("check", vectors[0], "--fdr", rate, "--json").out)
        assert f"at most {float(rate) * 100:g} %" in summary["rule"]
        flagged.append(summary["flagged"])
    assert flagged[0] < flagged[1]
    done = cli("check", vectors[0], "--fdr", "1.5")
    assert (done.status, done.out) == (2, "") and "expected --fdr in (0, 1)" in done.err


def test_verbose_tells_of_every_detector(cli: Any, vectors: Any) -> None:
    done = cli("check", vectors[0], "--verbose")
    assert "* decides: false discovery rate at most 5 %" in done.out
    for name in ("out-of-fold", "label-posterior", "loss", "margin", "random"):
        assert name in done.out
    quiet = cli("check", vectors[0])
    assert "label-posterior" not in quiet.out


def test_what_is_given_is_refused_where_it_is_not_of_these_data(cli: Any, vectors: Any) -> None:
    data, _, labels = vectors
    chances, points = good(), drawn(N, 100)[0]
    almost = np.full((N, CLASSES), 0.05)
    almost[np.arange(N), labels] = 0.9
    bad: dict[str, Any] = {
        "sums": chances * 0.9,
        "rows": chances[:-1],
        "columns": chances[:, :2],
        "negative": np.log(chances) - 1.0,
        "nan": np.where(np.arange(N)[:, np.newaxis] == 4, np.nan, chances),
        "seen": almost,
        "constant": np.ones((N, 4), dtype=np.float32),
        "nan-features": np.where(np.arange(N)[:, np.newaxis] == 4, np.nan, points),
        "few-features": points[:50],
    }
    for name, values in bad.items():
        np.save(f"{name}.npy", values)
    np.savez("other.npz", probabilities=chances, digest=np.array("0" * 64))
    before = sorted(each.name for each in Path().iterdir())
    for option, name, words in [
        ("--probabilities", "sums.npy", "expected probabilities that sum to 1 in sums.npy"),
        ("--probabilities", "rows.npy", "got 599 rows"),
        ("--probabilities", "columns.npy", "expected 3 probabilities per vector"),
        ("--probabilities", "negative.npy", "turn logits into probabilities"),
        ("--probabilities", "nan.npy", "got NaN or infinity for 1 of 600 vectors"),
        ("--probabilities", "seen.npy", "expected out-of-sample probabilities, by models that did"),
        ("--probabilities", "other.npz", "got probabilities of another data set (000000000000...)"),
        ("--probabilities", "nowhere.npy", "nowhere.npy"),
        ("--features", "constant.npy", "constant.npy"),
        ("--features", "nan-features.npy", "NaN or infinity"),
        ("--features", "few-features.npy", "got 50 rows"),
        ("--backbone", "nobody", "nobody"),
    ]:
        done = cli("check", data, option, name)
        assert (done.status, done.out) == (2, ""), (name, done)
        last = done.err.splitlines()[-1]
        assert last.startswith("radiotracer: expected ") and words in last, (name, last)
        assert sorted(each.name for each in Path().iterdir()) == before
    done = cli("check", data, "--features", "rows.npy", "--probabilities", "rows.npy")
    assert done.status == 2 and "expected one of --backbone, --features, --probabili" in done.err
    assert not Path("checked").exists()


def test_backbones_of_ones_own(cli: Any, vectors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data, *_ = vectors
    Path("lenses.py").write_text(
        "import numpy as np\n\n\n"
        "def same(examples):\n    return np.ones((len(examples), 3), dtype=np.float32)\n\n\n"
        "def nothing(examples):\n    return np.full((len(examples), 3), np.nan, np.float32)\n\n\n"
        "def first(examples):\n    return np.asarray(examples, dtype=np.float32)[:, :4]\n"
    )
    monkeypatch.syspath_prepend(".")
    for name, words in (("same", "lenses:same"), ("nothing", "lenses:nothing")):
        done = cli("check", data, "--backbone", f"lenses:{name}")
        assert (done.status, done.out) == (2, ""), done
        last = done.err.splitlines()[-1]
        assert last.startswith("radiotracer: expected ") and words in last, last
    assert not Path("checked").exists()
    done = cli("check", data, "--backbone", "lenses:first")
    assert done.status == 1 and "lenses:first" in done.out


def test_rare_classes(cli: Any) -> None:
    """A class of one example, and more classes than can be learned: no crash, and it is said."""
    points, true = drawn(60, 104)
    labels = true.copy()
    labels[0] = 3
    np.savez("data.npz", x=points, y=labels)
    done = cli("check", "data.npz", "--json")
    assert done.status in (0, 1, 4), done
    summary = json.loads(done.out)
    assert summary["grounds"]["accuracy_by_class"]["3"] == 0.0
    assert len(ranked()) == 60

    np.savez("many.npz", x=points, y=np.arange(60) // 2)
    done = cli("check", "many.npz", "--json")
    assert done.status == 4 and json.loads(done.out)["flagged"] == 0
    assert json.loads(done.out)["inconclusive"].startswith("models fitted to the other examples")

    np.savez("one.npz", x=points, y=np.zeros(60, dtype=np.int64))
    done = cli("check", "one.npz", "--out", "one")
    assert done.status == 2 and "at least 2 classes" in done.err and not Path("one").exists()

    np.savez("few.npz", x=points[:19], y=true[:19])
    done = cli("check", "few.npz", "--out", "few")
    assert done.status == 2 and "got 19; check more of them" in done.err
    assert not Path("few").exists()


def test_noise_is_inconclusive_whatever_is_asked(cli: Any) -> None:
    random = np.random.default_rng(105)
    np.savez("data.npz", x=random.normal(size=(200, 5)).astype("f4"), y=np.arange(200) % 4)
    done = cli("check", "data.npz", "--fdr", "0.5")
    assert done.status == 4
    assert "inconclusive: models fitted to the other examples name the given label" in done.out
    assert "What would help: more examples of each class" in done.out
    assert "likely wrong" not in done.out and "Expected to be wrong" not in done.out
    assert not any(row["is_flagged"] for row in ranked())
    assert "nconclusive" in Path("checked/scan/report.html").read_text("utf-8")


def test_certain_errors_count_although_nothing_is_flagged(cli: Any) -> None:
    """Clear classes, and one image that lies under two of them."""
    random = np.random.default_rng(106)
    for row in range(120):
        label = row % 2
        pixels = random.integers(0, 60, (16, 16, 3)) + 150 * label
        path = Path("photos") / "ab"[label] / f"{row:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    copy = Path("photos/b/copy.png")
    copy.write_bytes(Path("photos/a/000.png").read_bytes())
    done = cli("check", "photos")
    assert done.status == 1 and "a/000.png (a) = b/copy.png (b)" in done.out
    assert Path("checked/scan/duplicates.csv").is_file()
