"""Which images to mark: the same number by each policy, marked in one data set, audited apart.

    python -m bench mark_policies [--examples 30000] [--marked 200] [--seeds 100]

One suspect per seed is trained from scratch on data in which every policy marked images of its own
(none twice; which policy chooses first goes round with the seeds), so that all of them are compared
in the very same training.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from bench.tables import head, row
from radiotracer.data import open_data
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.choosing import Policy
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models.network import network_suspect
from radiotracer.reproduce.demo import sample
from radiotracer.reproduce.radioactive.cell import marking_networks
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.training.loop import train
from radiotracer.training.predictions import accuracy

POLICIES: tuple[Policy, ...] = ("hardest", "self-influence", "random")


def main(
    *,
    examples: int = 30_000,
    marked: int = 200,
    epochs: int = 20,
    seeds: tuple[int, ...] = (100,),
) -> None:
    """Print the table.

    Args:
        examples: Training examples.
        marked: Images that each policy marks.
        epochs: Of the suspects.
        seeds: Of the keys and the suspects.
    """
    config = AuditConfig(examples=examples, epochs=epochs)
    data = sample(open_data("fashion-mnist"), examples, 0)
    print(head(["seed", "images chosen", "log10 p, scores", "log10 p, labels", "learned"]))
    with tempfile.TemporaryDirectory() as folder:
        models = marking_networks(data, config, Path(folder))
        for seed in seeds:
            key = Key(seed.to_bytes(32, "big"))
            published, releases, free = data, {}, np.arange(len(data))
            for turn in range(len(POLICIES)):
                policy = POLICIES[(turn + seed) % len(POLICIES)]
                share = marked / len(free)
                rows = free[choose(data.take(free), share, policy, key, models=models)]
                releases[policy] = mark(published, rows, key, models, TwinConfig())
                published = releases[policy].published
                free = np.setdiff1d(free, rows)
            training = config.training("scratch", "none", seed)
            model = train(published, training, Path(folder) / f"suspect-{seed}")[1]
            suspect = network_suspect(model, "suspect", {"kind": "network"})
            for policy in POLICIES:
                release = releases[policy]
                scores, labels = (
                    audit(release, key, suspect, access).log10_p for access in ("scores", "labels")
                )
                learned = accuracy(model, published.take(release.rows))
                cells = (f"{scores:.1f}", f"{labels:.1f}", f"{learned:.1%}")
                print(row([seed, policy, *cells]), flush=True)
