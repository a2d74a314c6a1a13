"""What a suspect shows by the key's marks among control keys', by the steps of their marking.

    python -m bench control_keys [--suspects scratch] [--steps 1 3] [--images 20] [--out FOLDER]

Marks a share of a few thousand images of MNIST by carriers, trains a suspect on what is published
and another network on the originals, and prints for each: log10 p of the classifier fitted to
scores, and of held-out images with the key's marks among those of 99 control keys, before and after
the line of the extractor is taken off; how far marks moved the features, and the seconds that
marking took. Keys and suspects have seeds of 100 and above: settings are chosen here. Minutes for
each line.
"""

from __future__ import annotations

import time
from itertools import product
from pathlib import Path
from typing import Any

from radiotracer.provenance.audit import audit
from radiotracer.provenance.designs._carriers.held_out_marks import make_questions
from radiotracer.provenance.designs._carriers.held_out_test import beyond_extractor, changes, ranked
from radiotracer.provenance.designs._carriers.testing import extractor_of
from radiotracer.provenance.models.network import network_suspect
from radiotracer.reproduce.radioactive import QUICK, AuditConfig, SuspectKind
from radiotracer.reproduce.radioactive.bench import training_and_test
from radiotracer.reproduce.radioactive.cell import made
from radiotracer.reproduce.radioactive.result import Place
from radiotracer.training.networks import build_model

SETTINGS: dict[str, Any] = {
    **QUICK,
    "data": ("mnist",),
    "choose": "random",
    "epochs": 8,
    "marking_networks": 1,
}


def main(
    *,
    suspects: tuple[SuspectKind, ...] = ("scratch", "frozen"),
    share: float = 0.2,
    steps: tuple[int, ...] = (1,),
    images: tuple[int, ...] = (20,),
    keys: int = 99,
    seed: int = 100,
    out: Path = Path("bench-control-keys"),
) -> None:
    """Print a line for each network, number of steps and number of images.

    Args:
        suspects: Whether it is trained from scratch, or a fresh last layer on the extractor.
        share: Of the images that are marked.
        steps: Of the marking of held-out images.
        images: Held-out images of each class.
        keys: Control keys.
        seed: Of the key and the suspect.
        out: Where networks are kept.
    """
    config = AuditConfig(**SETTINGS)
    train, test = training_and_test("mnist", config, print)
    print("suspect    network   steps  images  fitted   ranks  beyond  ahead  shift  seconds")
    for kind in suspects:
        place = Place("mnist", "carriers", share, 10, "none", kind, seed)
        cell = made(place, config, train, out / "mnist")
        extractor = extractor_of(cell.release, build_model)
        networks = {"marked": cell.suspect, "clean": cell.references[0]}
        asked = {
            name: network_suspect(network, name, {"kind": "network"})
            for name, network in networks.items()
        }
        fitted = {
            name: audit(cell.release, cell.key, each, "scores", held_out=test).log10_p
            for name, each in asked.items()
        }
        own = network_suspect(extractor, "extractor", {"kind": "network"})
        for step, each in product(steps, images):
            begun = time.perf_counter()
            questions = make_questions(
                cell.release,
                cell.release.coins(cell.key),
                extractor,
                test.content,
                test.labels,
                keys,
                images_per_class=each,
                steps=step,
            )
            seconds = time.perf_counter() - begun
            reference = changes(questions, own.scores(questions.images))
            for name, asker in asked.items():
                raised = changes(questions, asker.scores(questions.images))
                plain, left = ranked(raised), ranked(beyond_extractor(raised, reference))
                print(
                    f"{kind:<10} {name:<8} {step:>6} {each:>7} {fitted[name]:>7.2f} "
                    f"{plain.combined:>7.2f} {left.combined:>7.2f} {left.ahead.mean():>6.2f} "
                    f"{questions.shift.mean():>6.3f} {seconds:>8.0f}",
                    flush=True,
                )
