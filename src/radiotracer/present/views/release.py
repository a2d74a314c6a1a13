"""A marked release as people see it: what its evidence will say, and no secret.

Which examples are marked, their originals and their twins stay sealed.
"""

from __future__ import annotations

import pyarrow as pa

from radiotracer.data.modality import nouns
from radiotracer.legible import percent
from radiotracer.present import Figure, Glance
from radiotracer.present import notebook as shown
from radiotracer.present.scan_frame import named
from radiotracer.provenance.release import Release
from radiotracer.views import VIEWS, View


def notebook(release: Release) -> Glance:
    """What a notebook shows, which may be passed on."""
    published, protocol = release.published, release.protocol
    modality = published.modality
    shape = ", ".join(f"{name} {it}" for name, it in modality.shape(published.content).items())
    return Glance(
        kind="release",
        title=published.source.rstrip("/").rpartition("/")[2],
        headline=f"{nouns(modality, len(published))}, of which {len(release.places):,} are marked",
        text="Publish the folder release, and have the commitment time-stamped before. Whether all "
        "of it is what was committed to is for the key to say: radiotracer key check.",
        figures=(
            Figure(name="Design", value=protocol.design),
            Figure(
                name="Marked", value=percent(protocol.share), context=f"of the {modality.noun}s"
            ),
            Figure(name="Classes", value=str(len(protocol.class_names)), context="in the data"),
            Figure(name="Level", value=f"{protocol.alpha:g}", context="over all audits"),
        ),
        facts=(
            ("Commitment", release.commitment.digest),
            ("Published data, SHA-256", published.digest),
            *([(f"Each {modality.noun}", shape)] if shape else []),
            ("Marked with", f"radiotracer {protocol.version}"),
        ),
    )


def frame_of(release: Release) -> pa.Table:
    """One row per published example, marked or not: ``id, label, sha256``."""
    published = release.published
    return pa.table(
        {
            "id": pa.array(published.ids),
            "label": named(published.labels, published.class_names, len(published.labels)),
            "sha256": pa.array(published.digests),
        }
    )


VIEWS.register(
    View(of=Release, html=lambda release: shown.render(notebook(release)), frame=frame_of)
)
