"""A verifier's own references: the same test, made with networks that the owner never saw.

References that the owner brings count only if they were committed to before the coins. Whoever
verifies needs no such promise of their own networks: trained as the suspect may have been, on the
originals or on other data, they take off what a suspect shares with any clean network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from radiotracer.provenance.audit import audit_opened
from radiotracer.provenance.checked import Checked
from radiotracer.provenance.design import Inputs
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.ledger import adjusted
from radiotracer.provenance.models import Suspect
from radiotracer.provenance.release import Opened


def by_own_references(
    evidence: Evidence,
    opened: Opened,
    suspect: Suspect,
    references: Sequence[Suspect],
    inputs: Inputs,
) -> Checked:
    """The test with these references and no others, and whether they know no coin.

    What it gives is the verifier's own number. That it is larger than the evidence's is no
    contradiction: references can cost statistical power.

    Args:
        evidence: What was said.
        opened: The release, opened by its key or by a bundle.
        suspect: As it answers.
        references: The verifier's own, at least one.
        inputs: As in the evidence.

    Raises:
        InputError: The design has no use for references, or one cannot be asked.
    """
    own = replace(inputs, references=references)
    finding = audit_opened(opened, suspect, evidence.access, own)
    present = evidence.present.model_copy(update={"log10_p": finding.log10_p})
    audits = [present if each.is_again(evidence.present) else each for each in evidence.audits]
    after_holm = adjusted(audits, present)
    decides = (0.0 if after_holm is None else after_holm) + evidence.drawing.log10_allowance
    failed = [each.name for each in finding.controls if not each.passed]
    return Checked(
        "your references",
        not failed,
        f"log10 p {finding.log10_p:z.2f} with {len(references)} of yours and no others, "
        f"{min(0.0, decides):z.2f} decides" + (f"; failed: {', '.join(failed)}" if failed else ""),
    )
