"""What commands tell of a release that was made, or prepared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.cli.console import emit, out

if TYPE_CHECKING:
    from pydantic import JsonValue

    from radiotracer.provenance.prepared import Prepared
    from radiotracer.provenance.protocol import Protocol
    from radiotracer.provenance.release import Release


def tell(
    made: Release | Prepared, folder: Path, key: Path, told: dict[str, Any] | None = None
) -> None:
    """What came out, and what to do with it.

    Args:
        made: A release, or what is to become one when its coins are drawn.
        folder: Where it was written.
        key: The file of its key.
        told: More for scripts, in one JSON object; None: text.
    """
    from radiotracer.provenance.release import Release

    if isinstance(made, Release):
        _tell_release(made, folder, key, told)
    else:
        _tell_prepared(made, folder, key, told)


def _announced(protocol: Protocol) -> dict[str, JsonValue]:
    """What was fixed, for scripts."""
    return {
        "design": protocol.design,
        "modality": protocol.modality,
        "marked": protocol.marked,
        "examples": protocol.examples,
        "share": protocol.share,
        "alpha": protocol.alpha,
    }


def _tell_prepared(
    prepared: Prepared, folder: Path, key: Path, told: dict[str, Any] | None
) -> None:
    from radiotracer.data.modality import nouns

    protocol, digest = prepared.protocol, prepared.commitment.digest
    if told is not None:
        emit(
            {
                **_announced(protocol),
                "coins": protocol.coins,
                "commitment": digest,
                **told,
            }
        )
        return
    whole = nouns(prepared.data.modality, protocol.examples)
    out.print(f"{protocol.marked:,} of {whole} prepared ({protocol.share:.2%}); no coin is drawn")
    out.print(f"written to {folder}: publish nothing of it yet")
    out.print(f"commitment {digest}: have it time-stamped now")
    source = {"beacon": "a later pulse", "witness": "the statement of the witness"}
    out.print(
        f"then: radiotracer release {folder} --key {key} --coins-from FILE --out marked, with "
        f"{source.get(protocol.coins, 'nothing')} in FILE"
    )


def _tell_release(release: Release, folder: Path, key: Path, told: dict[str, Any] | None) -> None:
    from radiotracer.data.modality import nouns
    from radiotracer.provenance.audit import design_of
    from radiotracer.provenance.bound import PUBLISHED
    from radiotracer.provenance.randomness import STRENGTHS

    design, protocol, strength = design_of(release), release.protocol, release.record.randomness
    change = design.change(release)
    floors = [design.least_log10_p(release, access) for access in design.accesses]
    counted = [floor for floor in floors if floor is not None]
    least = min(counted) if len(counted) == len(floors) else None
    if told is not None:
        emit(
            {
                **_announced(protocol),
                **change.numbers,
                "smallest_log10_p": least,
                "commitment": release.commitment.digest,
                "coins": strength.strength,
                "record": release.record.digest,
                **told,
            }
        )
        return
    whole = nouns(release.published.modality, protocol.examples)
    out.print(f"{protocol.marked:,} of {whole} marked ({protocol.share:.2%}), {change.text}")
    if least is not None:
        out.print(f"no audit can show less than p = 10^{least:.1f}: {design.choices}")
    published = folder / PUBLISHED
    out.print(f"written to {folder}: publish {published} and nothing else of it")
    digest = release.commitment.digest
    if strength.strength == "owner":
        out.print(f"commitment {digest}: have it time-stamped before you publish {published}")
        out.print("coins drawn by the owner: weak evidence; --coins beacon or witness is better")
    else:
        out.print(f"commitment {digest}, coins drawn by {strength.strength} {strength.value[:12]}")
        out.print(STRENGTHS[strength.strength].sentence)
    out.print(f"before that: radiotracer power {folder} --key {key}")
    out.print(f"next: radiotracer train {published} --out run")
    out.print(f"and, of a suspect: radiotracer audit SUSPECT --key {key} --marked {folder}")
