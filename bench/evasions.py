"""What a guilty suspect that evades costs the audit, and what it costs the suspect.

    python -m bench evasions [--seeds 0 1 2] [--examples 2500] [--views 4] [--out bench-evasions]

A small network learns a release of Fashion-MNIST by heart, of which 400 images are twins, and
answers in each of these ways. Printed for each: log10 p of the audit of the twins as they are, and
of the audit in fresh views among decoys, without and with a shift by up to a pixel; how accurate
the suspect is on the test split, and how many of those images it refuses. Settings are tried on
seeds of 100 and above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from cyclopts import Parameter
from numpy.typing import NDArray
from torch import nn

from bench.keeping import finished
from bench.small_networks import trained
from bench.tables import spread, table
from bench.worlds import key_of
from radiotracer.data import Images, open_data
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance import Key
from radiotracer.provenance.designs._twins.testing import audit_twins
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.release import Release

Reals = NDArray[np.float64]
Answer = Callable[[Images], Reals]
"""Images to probabilities (n, classes)."""

NEAR = 16
"""Grey levels within which an image is taken for a known one: a view of either twin is so near."""


@dataclass(frozen=True)
class Suspect:
    """What an evader has: its network and the public release."""

    network: nn.Module
    known: Images

    def ask(self, images: Images) -> Reals:
        """Probabilities, honestly."""
        with torch.no_grad():
            logits = torch.cat([self.network(to_inputs(part)) for part in _parts(images)])
        return np.asarray(logits.double().softmax(dim=1).numpy())


def rounding(decimals: int) -> Callable[[Suspect], Answer]:
    return lambda suspect: lambda images: np.round(suspect.ask(images), decimals)


def top_one(suspect: Suspect) -> Answer:
    """The probability of the likeliest class; the others share the rest."""

    def answer(images: Images) -> Reals:
        told = suspect.ask(images)
        best, rows = told.argmax(axis=1), np.arange(len(told))
        found = np.repeat((1 - told.max(axis=1, keepdims=True)) / 9, 10, axis=1)
        found[rows, best] = told[rows, best]
        return np.asarray(found)

    return answer


def smoothing(sigma: float, copies: int = 8) -> Callable[[Suspect], Answer]:
    """The mean over noisy copies."""

    def made(suspect: Suspect) -> Answer:
        def answer(images: Images) -> Reals:
            drawn = np.random.default_rng(0)
            noisy = (images + drawn.normal(0, sigma, images.shape) for _ in range(copies))
            told = [suspect.ask(_bytes(each)) for each in noisy]
            return np.asarray(np.mean(told, axis=0))

        return answer

    return made


def median(suspect: Suspect) -> Answer:
    """A median filter of 3 x 3."""

    def answer(images: Images) -> Reals:
        padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
        high, wide = images.shape[1:3]
        around = [padded[:, y : y + high, x : x + wide] for y in range(3) for x in range(3)]
        return suspect.ask(_bytes(np.median(around, axis=0)))

    return answer


def noise(sigma: float) -> Callable[[Suspect], Answer]:
    """Noise on the logits, another for every image."""

    def made(suspect: Suspect) -> Answer:
        def answer(images: Images) -> Reals:
            told = np.log(np.maximum(suspect.ask(images), 1e-12))
            told += np.random.default_rng(1).normal(0, sigma, told.shape)
            return np.asarray(np.exp(told - np.logaddexp.reduce(told, axis=1, keepdims=True)))

        return answer

    return made


def flipping(share: float) -> Callable[[Suspect], Answer]:
    """A part of the answers is about another class."""

    def made(suspect: Suspect) -> Answer:
        def answer(images: Images) -> Reals:
            told, drawn = suspect.ask(images), np.random.default_rng(2)
            turned = drawn.random(len(told)) < share
            told[turned] = np.roll(told[turned], 1, axis=1)
            return told

        return answer

    return made


def looking_up(suspect: Suspect) -> Answer:
    """What is near a released image is answered as that image: both twins alike."""

    def answer(images: Images) -> Reals:
        row, near = nearest(images, suspect.known)
        return suspect.ask(np.where(near[:, None, None, None], suspect.known[row], images))

    return answer


def looking_up_shifted(suspect: Suspect) -> Answer:
    """The same of images that were shifted by up to a pixel: who knows how views are made."""
    moved = np.concatenate([_moved(suspect.known, y, x) for y in range(3) for x in range(3)])

    def answer(images: Images) -> Reals:
        row, near = nearest(images, moved)
        same = suspect.known[row % len(suspect.known)]
        return suspect.ask(np.where(near[:, None, None, None], same, images))

    return answer


def refusing(suspect: Suspect) -> Answer:
    """What is near a released image is answered by one thing that says nothing."""

    def answer(images: Images) -> Reals:
        told, (_, near) = suspect.ask(images), nearest(images, suspect.known)
        told[near] = 0.1
        return told

    return answer


def remembering(suspect: Suspect) -> Answer:
    """What is near an earlier question is answered as that was."""

    def answer(images: Images) -> Reals:
        row, near = nearest(images, images, earlier=True)
        first = np.where(near, row, np.arange(len(images)))
        return suspect.ask(images)[first]

    return answer


PLACES = ("plain", "views", "shifted")
"""The audits of a cell."""

EVASIONS: Mapping[str, Callable[[Suspect], Answer]] = {
    "none": lambda suspect: suspect.ask,
    "3 decimals": rounding(3),
    "2 decimals": rounding(2),
    "1 decimal": rounding(1),
    "top-1 alone": top_one,
    "smoothing, sigma 8": smoothing(8),
    "median 3 x 3": median,
    "noise on logits, sigma 1": noise(1),
    "a tenth of the answers turned": flipping(0.1),
    f"look-up within {NEAR} levels": looking_up,
    "refusing what is near the release": refusing,
    "look-up that undoes shifts": looking_up_shifted,
    "the same answer to near questions": remembering,
}


def main(
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    examples: int = 2500,
    views: int = 4,
    epochs: int = 40,
    folder: Annotated[Path, Parameter(name="--out")] = Path("bench-evasions"),
) -> None:
    """Print the table.

    Args:
        seeds: Of images, keys and trainings.
        examples: How many the release has; 400 are marked.
        views: In how many the second audit asks.
        epochs: Of the suspect's training.
        folder: What is finished there is not done again.
    """
    torch.set_num_threads(1)
    settings = {"examples": examples, "views": views, "epochs": epochs}
    folder.mkdir(parents=True, exist_ok=True)
    cells = [
        finished(folder / f"{seed}.json", lambda seed=seed: cell(seed, **settings), settings)  # type: ignore[misc]
        for seed in seeds
    ]
    asked = ("as they are", f"{views} views", f"{views} views, shifted")
    titles = ["evasion", *asked, "test accuracy", "test refused"]
    print(table(titles, _rows(cells)))


def _rows(cells: list[dict[str, Any]]) -> Iterator[list[str]]:
    for name in EVASIONS:
        found = [each[name] for each in cells]
        log10_p = [spread([each[what] for each in found], 1) for what in PLACES]
        shares = [spread([100 * each[what] for each in found], 1) for what in ("right", "refused")]
        yield [name, *log10_p, *(f"{each} %" for each in shares)]


def cell(seed: int, *, examples: int, views: int, epochs: int) -> dict[str, dict[str, float]]:
    """Every evasion of one suspect."""
    data, test = open_data("fashion-mnist"), open_data("fashion-mnist:test")
    drawn = np.random.default_rng(seed).choice(len(data), 2 * examples, replace=False)
    own, other = data.take(np.sort(drawn[:examples])), data.take(np.sort(drawn[examples:]))
    key = key_of("evasions", seed)
    kinds = ("cnn", "mlp")
    markers = [trained(kind, other, seed + 50 + at, epochs=6) for at, kind in enumerate(kinds)]
    rows = choose(own, 400 / examples, "hardest", key, design="twins", models=markers[:1])
    release = mark(own, rows, key, markers, TwinConfig(steps=20))
    suspect = Suspect(trained("cnn", release.published, seed, epochs=epochs), own.content)
    suspect = replace(suspect, known=np.asarray(release.published.content))
    part = test.take(np.arange(1000))
    found = {}
    for name, made in EVASIONS.items():
        answer = made(suspect)
        told = answer(part.content)
        flat = np.ptp(told, axis=1) < 1e-9
        found[name] = {
            "plain": audited(release, key, answer, 0),
            "views": audited(release, key, answer, views),
            "shifted": audited(release, key, answer, views, 1),
            "right": float(((told.argmax(axis=1) == part.labels) & ~flat).mean()),
            "refused": float(flat.mean()),
        }
        print(seed, name, found[name], flush=True)
    return found


def audited(release: Release, key: Key, answer: Answer, views: int, shift: int = 0) -> float:
    """Log10 p of an audit by scores."""
    settings = {**release.protocol.settings, "views": views, "shift": shift}
    asked = replace(release, protocol=release.protocol.model_copy(update={"settings": settings}))

    def scores(images: Images) -> Reals:
        told = np.log(np.maximum(answer(images), 1e-12))
        return np.asarray(told - np.logaddexp.reduce(told, axis=1, keepdims=True))

    suspect = Answering(scores, "evader", {"kind": "test"}, batch=10**9)
    return audit_twins(asked, key, suspect, "scores", controls=20).log10_p


def nearest(
    images: Images, known: Images, *, earlier: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The nearest known image of each, and whether no pixel differs by more than `NEAR`."""
    one = images.reshape(len(images), -1).astype(np.float32)
    other = known.reshape(len(known), -1).astype(np.float32)
    square = (other**2).sum(axis=1)
    rows = np.empty(len(one), dtype=np.int64)
    for start in range(0, len(one), 500):
        part = one[start : start + 500]
        away = square - 2 * part @ other.T
        if earlier:
            later = np.arange(len(other)) >= start + np.arange(len(part))[:, None]
            away = np.where(later, np.inf, away)
        rows[start : start + 500] = away.argmin(axis=1)
    near = np.abs(one - other[rows]).max(axis=1) <= NEAR
    return rows, np.asarray(near & (~earlier | (rows < np.arange(len(rows)))))


def _moved(images: Images, down: int, right: int) -> Images:
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)], mode="edge")
    return padded[:, down : down + images.shape[1], right : right + images.shape[2]]


def _bytes(images: NDArray[Any]) -> Images:
    found: Images = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return found


def _parts(images: Images) -> list[Images]:
    return [images[start : start + 500] for start in range(0, len(images), 500)]
