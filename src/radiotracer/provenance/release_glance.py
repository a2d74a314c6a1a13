"""What a notebook shows of a marked release: what its evidence will say, and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from radiotracer.provenance.release import Release


def html(release: Release) -> str:
    """The display; which examples are marked, originals and twins stay sealed."""
    # Here, because pages need libraries that marks do not.
    from radiotracer.present import Figure, Glance, notebook, wording

    protocol = release.protocol
    glance = Glance(
        kind="release",
        title=release.published.source.rstrip("/").rpartition("/")[2],
        headline=f"{len(release.published):,} examples, of which {protocol.marked:,} are marked",
        text="Publish the folder release, and have the commitment time-stamped before. Whether all "
        "of it is what was committed to is for the key to say: radiotracer key commit.",
        figures=(
            Figure(name="Design", value=protocol.design),
            Figure(name="Marked", value=wording.percent(protocol.share), context="of the examples"),
            Figure(name="Classes", value=str(len(protocol.class_names)), context="in the data"),
            Figure(name="Level", value=f"{protocol.alpha:g}", context="of audits, over all looks"),
        ),
        facts=(
            ("Commitment", release.commitment.digest),
            ("Published data, SHA-256", release.published.digest),
            ("Images", " x ".join(map(str, protocol.image_shape))),
            ("Marked with", f"radiotracer {protocol.version}"),
        ),
    )
    shown: str = notebook.render(glance)
    return shown
