"""A small real release, innocent networks, and what an owner can do with both."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from radiotracer.data import IMAGES, Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.provenance import Key
from radiotracer.provenance.concluding import conclude
from radiotracer.provenance.designs._twins.testing import audit_twins, preferences
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.drawing import Drawing
from radiotracer.provenance.evidence import Asked, Evidence
from radiotracer.provenance.ledger import PastAudit, adjusted
from radiotracer.provenance.marking import prepare, publish
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.models.network import network_suspect
from radiotracer.provenance.planted import Laid
from radiotracer.provenance.prepared import Prepared
from radiotracer.provenance.randomness import STRENGTHS, Randomness
from radiotracer.provenance.references import counts
from radiotracer.provenance.release import Release
from radiotracer.provenance.strengths.owner import owners

Level = Literal["owner", "beacon"]
MARKED, LEVEL, CONTROLS = 400, 0.01, 20


@dataclass(frozen=True, eq=False)
class Ground:
    """What a dishonest owner begins with.

    Args:
        data: Real handwritten digits, 8 x 8.
        maker: Networks that mark.
        oracle: Clean networks that the owner asks before.
        innocents: Clean networks that will be accused.
        laid: Honest twins of the first `MARKED` images.
    """

    data: Dataset
    maker: Sequence[nn.Module]
    oracle: Sequence[Suspect]
    innocents: Sequence[Suspect]
    laid: Laid


@dataclass(frozen=True)
class Outcome:
    """What came of a strategy.

    Args:
        log10_p: The smallest that an innocent was shown with.
        deciding: After Holm and the allowance; None: it never came to a verdict.
        told: Why it is no accusation, or what the claim says of it.
    """

    log10_p: float | None
    deciding: float | None
    told: str

    @property
    def accuses(self) -> bool:
        """Whether an innocent is accused by evidence that holds."""
        return self.deciding is not None and self.deciding <= np.log10(LEVEL)


Strategy = Callable[[Ground, Level], Outcome]


def ground(innocents: int = 6) -> Ground:
    """Train everything; a minute."""
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    data = Dataset(
        modality=IMAGES,
        content=images[:1200],
        labels=digits.target[:1200].astype(np.int64),
        ids=np.array([f"digit/{row:04d}" for row in range(1200)]),
        class_names=tuple(map(str, range(10))),
        source="digits",
    )
    maker = [trained(data, seed) for seed in (1, 2)]
    made = prepare(data, np.arange(MARKED), Key(bytes(32)), maker, TwinConfig(steps=5, radius=16))
    return Ground(
        data=data,
        maker=maker,
        oracle=[asked(trained(data, seed)) for seed in (10, 11)],
        innocents=[asked(trained(data, 20 + seed)) for seed in range(innocents)],
        laid=made.laid,
    )


def trained(data: Dataset, seed: int, steps: int = 200) -> nn.Module:
    """A network that knows these data."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
        inputs, labels = to_inputs(data.content), torch.from_numpy(data.labels)
        adam = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(steps):
            rows = torch.randint(len(data), (128,))
            adam.zero_grad()
            F.cross_entropy(net(inputs[rows]), labels[rows]).backward()
            adam.step()
    return net.eval()


def asked(net: nn.Module, name: str = "innocent") -> Suspect:
    """A network as a suspect."""
    return network_suspect(net, name, {"kind": "network", "sha256": f"{id(net):064x}"})


def prepared(at: Ground, key: Key, level: Level, laid: Laid | None = None, **more: Any) -> Prepared:
    """What is committed to: honest twins, or those that the owner laid."""
    made = prepare(
        at.data,
        np.arange(MARKED),
        key,
        at.maker,
        TwinConfig(steps=1, radius=16),
        coins=level,
        **more,
    )
    return Prepared.make(at.data, made.rows, laid or at.laid, made.protocol, key)


def drawn(made: Prepared, key: Key, level: Level, value: bytes | None = None) -> Release:
    """Published as the coins fell: by the key alone, or by a pulse, which nobody knew before."""
    if level == "owner":
        return publish(made, key, owners(key))
    value = value or secrets.token_bytes(32)
    return publish(made, key, Randomness(strength="beacon", value=value.hex()))


def drawing(level: Level, *, stamped: bool = True) -> Drawing:
    """What evidence says of the coins; pulses of this bench are numbers, not signed ones."""
    strength = STRENGTHS[level if stamped else "owner"]
    nothing = Randomness(strength="owner", value="0" * 64)
    return Drawing(
        strength=strength.name,
        meant=level,
        because=None if stamped else "no stamp",
        sentence=strength.sentence,
        log10_allowance=strength.log10_allowance(nothing),
        allowed_for=strength.allowed_for(nothing),
        value="0" * 64,
        drawn_at=None,
        stamped_at=None,
    )


def judged(
    release: Release,
    key: Key,
    suspect: Suspect,
    level: Level,
    *,
    before: Sequence[PastAudit] = (),
    references: Sequence[Suspect] = (),
    stamped: bool = True,
    access: Access = "scores",
) -> Evidence:
    """The evidence of an audit with few fresh keys, written nowhere."""
    counting = [each for each in references if counts(each.identity, release.protocol)]
    finding = audit_twins(
        release, release.coins(key), suspect, access, references=counting, controls=CONTROLS
    )
    present = past(suspect, finding.log10_p, access)
    audits = (*before, present)
    after = adjusted(audits, present)
    return conclude(
        finding,
        release,
        key.fingerprint,
        adjusted=0.0 if after is None else after,
        audits=audits,
        drawing=drawing(level, stamped=stamped),
        suspect=Asked(
            name=suspect.name, identity=dict(suspect.identity), queries=0, log_sha256="0" * 64
        ),
        references=(),
        held_out=None,
        created=present.time,
        version="0",
    )


def past(suspect: Suspect, log10_p: float, access: Access = "scores") -> PastAudit:
    """A line of the ledger."""
    return PastAudit(
        time="2026-01-31T12:00:00+00:00",
        version="0",
        name=suspect.name,
        suspect=dict(suspect.identity),
        access=access,
        log10_p=log10_p,
    )


def outcome(found: Sequence[Evidence]) -> Outcome:
    """The strongest evidence against an innocent, and what its claim says of the coins."""
    worst = min(found, key=lambda each: each.deciding_log10_p_value)
    told = worst.drawing.sentence.partition(",")[0]
    return Outcome(worst.log10_p_value, worst.deciding_log10_p_value, told)


def liked(at: Ground, laid: Laid) -> np.ndarray:
    """By how much clean networks prefer the first of these twins, shape (k,)."""
    made = Prepared.make(
        at.data,
        np.arange(MARKED),
        laid,
        prepared(at, Key(bytes(32)), "owner").protocol,
        Key(bytes(32)),
    )
    release = publish(made, Key(bytes(32)), owners(Key(bytes(32))))
    asked = [preferences(each, release, "scores", Key(bytes(32))) for each in at.oracle]
    return np.asarray(np.mean(asked, axis=0))
