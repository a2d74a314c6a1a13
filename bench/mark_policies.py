"""Which images to mark: the same number by each policy, marked in one data set, audited apart.

    python benchmarks/mark_policies.py [--examples 30000] [--marked 200] [--seeds 100]

One suspect per seed is trained from scratch on data in which every policy marked images of its own
(none twice; which policy chooses first goes round with the seeds), so that all of them are compared
in the very same training.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from radiotracer.data import open_data
from radiotracer.provenance import Key
from radiotracer.provenance.audit import audit
from radiotracer.provenance.choosing import Policy
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.marking import choose, mark
from radiotracer.provenance.models.network import network_suspect
from radiotracer.reproduce.radioactive.cell import marking_networks
from radiotracer.reproduce.radioactive.config import AuditConfig
from radiotracer.training.loop import train
from radiotracer.training.predictions import accuracy

POLICIES: tuple[Policy, ...] = ("hardest", "self-influence", "random")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=30_000)
    parser.add_argument("--marked", type=int, default=200, help="by each policy")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100])
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = AuditConfig(examples=options.examples, epochs=options.epochs)
    data = open_data("fashion-mnist")
    drawn = np.random.default_rng(0).choice(len(data), options.examples, replace=False)
    data = data.take(np.sort(drawn))
    print("| seed | images chosen | log10 p, scores | log10 p, labels | learned |")
    print("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        models = marking_networks(data, config, Path(folder))
        for seed in options.seeds:
            key = Key(seed.to_bytes(32, "big"))
            published, releases, free = data, {}, np.arange(len(data))
            for turn in range(len(POLICIES)):
                policy = POLICIES[(turn + seed) % len(POLICIES)]
                share = options.marked / len(free)
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
                print(
                    f"| {seed} | {policy} | {scores:.1f} | {labels:.1f} | {learned:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
