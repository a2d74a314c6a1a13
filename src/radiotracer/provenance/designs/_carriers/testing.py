"""Audit by carriers: from a release to a finding, by weights or by scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from radiotracer.data import Images
from radiotracer.errors import DataError
from radiotracer.gradients import frozen_copy, require_linear_head
from radiotracer.provenance.coins import CONTROL
from radiotracer.provenance.controls import CONTROLS, silent_control, uniform_control
from radiotracer.provenance.designs._carriers.directions import carriers as carriers_of
from radiotracer.provenance.designs._carriers.distillation import audit_distilled
from radiotracer.provenance.designs._carriers.white_box import WhiteBoxResult, audit_weights
from radiotracer.provenance.finding import Finding
from radiotracer.provenance.key import Key
from radiotracer.provenance.models import Access, Suspect, network_of, require_access
from radiotracer.provenance.pixels import image_shape
from radiotracer.provenance.release import Release
from radiotracer.provenance.source import Source
from radiotracer.runs import ModelSpec, put_weights
from radiotracer.runs.random_state import random_state_kept

Build = Callable[[ModelSpec], nn.Module]

_NULL = (
    "exact: each carrier was drawn uniformly from the sphere and independently of the others, so "
    "its cosine with a row that does not depend on it has a known distribution; Fisher over the "
    "classes"
)


def audit_carriers(  # noqa: PLR0917 - an audit's whole input
    release: Release,
    coins: Source,
    suspect: Suspect,
    access: Access,
    held_out: Images,
    build: Build,
    *,
    controls: int = CONTROLS,
) -> Finding:
    """Hold a suspect's classifier rows, its own or fitted ones, against the drawn carriers.

    Args:
        release: Of the design ``carriers``.
        coins: What was drawn in it.
        suspect: Of the classes of the data, for weights; of at least these, for scores.
        access: Weights or scores.
        held_out: Unmarked images that neither network was trained on, uint8, shape (n, h, w, c),
            n above the extractor's features.
        build: Makes the extractor from its description.
        controls: How many sets of fresh carriers the same test is repeated with.

    Raises:
        InputError: The suspect does not give that, or a network does not fit the images.
        DataError: Too few held-out images, or a suspect of other classes.
        NotFiniteError: Weights or features are NaN or infinite.
    """
    require_access(suspect, access)
    require_shape(held_out, release)
    extractor = extractor_of(release, build)
    protocol = release.protocol
    with frozen_copy(extractor, held_out, seed=0) as network:
        drawn = carriers_of(coins, *require_linear_head(network).weight.shape)
    marked = protocol.marked_classes
    seed = int.from_bytes(Key(coins.derive(CONTROL)).derive("carriers", 6))
    rest = (extractor, drawn, held_out, marked)
    if access == "weights":
        found = audit_weights(network_of(suspect), *rest, controls=controls, seed=seed)
    else:
        found = audit_distilled(suspect.scores, *rest, controls=controls, seed=seed)
    return _finding(found, access)


def extractor_of(release: Release, build: Build) -> nn.Module:
    """The network that the data were marked with, in evaluation mode.

    Raises:
        DataError: The release has none.
        InputError: It cannot be made.
    """
    spec, weights = release.protocol.extractor, release.laid.extractor
    if spec is None or weights is None:
        raise DataError(
            expected="a release with its extractor",
            came=f"one of {release.protocol.design}, which needs none",
            do="choose the access that its design is for",
        )
    with random_state_kept():  # fresh weights are drawn, and overwritten
        model = build(spec)
    put_weights(model, dict(weights))
    return model.eval()


def _finding(found: WhiteBoxResult, access: Access) -> Finding:
    checked = [uniform_control(found.control_log10_p, name="fresh carriers")]
    if found.unmarked is not None:
        about = f"{len(found.unmarked.classes)} classes"
        checked.append(silent_control("unmarked classes", found.unmarked.combined, about))
    low, middle, high = found.alignment.quartiles
    return Finding(
        access=access,
        statistic="cosines of classifier rows with the carriers, combined over the marked classes",
        null=_NULL,
        log10_p=found.log10_p,
        effect=found.marked.mean_cosine,
        effect_means="mean cosine over the marked classes, from -1 to 1",
        coins=len(found.marked.classes),
        control_log10_p=tuple(found.control_log10_p.tolist()),
        controls=tuple(checked),
        details={
            "classes": len(found.marked.classes),
            "dimensions": found.marked.dimensions,
            "sigma": found.marked.sigma,
            "extractor_frozen": found.alignment.frozen,
            "alignment_images": found.alignment.examples,
            "alignment_rank": found.alignment.rank,
            "alignment_residual": found.alignment.residual,
            "alignment_r_squared": [low, middle, high],
            "beyond_extractors_own_rows": found.beyond_reference,
        },
    )


def require_shape(images: Images, release: Release) -> None:
    """Raise `DataError` unless these are uint8 images of the shape of the marked ones."""
    wanted = image_shape(release.protocol)
    if images.dtype != np.uint8 or images.shape[1:] != wanted or not len(images):
        raise DataError(
            expected=f"held-out uint8 images of shape {wanted}, as the marked ones",
            came=f"{len(images)} {images.dtype} images of shape {images.shape[1:]}",
            do="pass others (held_out=)",
        )
