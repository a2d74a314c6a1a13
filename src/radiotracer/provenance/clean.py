"""A verifier's own clean networks, asked under the same coins: their p-values must be uniform.

What innocents share can be ground against: an owner who tried many keys on clean networks chose
coins that any clean network seems to know. So whoever doubts the coins trains networks of their own
on other data, or on the originals, and asks them: coins that were not chosen say nothing of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from radiotracer.provenance.audit import audit_opened
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.controls import SOUND
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.models import Access, Suspect
from radiotracer.provenance.release import Opened
from radiotracer.stats import uniformity


def clean_networks(
    opened: Opened, access: Access, networks: Sequence[Suspect], inputs: Inputs
) -> Checked:
    """Whether the test rejects the null for networks that never saw the release as it should.

    Args:
        opened: The release, opened by its key or by a bundle.
        access: As in the evidence.
        networks: The verifier's own, at least one.
        inputs: As in the evidence; references are left out.
    """
    plain = replace(inputs, references=())
    found = np.array([audit_opened(opened, each, access, plain).log10_p for each in networks])
    return Checked(
        "your clean networks",
        uniformity(found).excess_log10_p > SOUND,
        f"log10 p {', '.join(f'{each:z.2f}' for each in found)}",
    )
