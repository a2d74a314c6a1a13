"""What marks could show at most: refused before the work where even all of it is too little."""

from __future__ import annotations

import math

from radiotracer.data import Dataset
from radiotracer.errors import InputError
from radiotracer.provenance.choosing import how_many, smallest_share
from radiotracer.provenance.release import Release
from radiotracer.provenance.tag_mark import TagConfig


def require_power(examples: Dataset, fraction: float, alpha: float, *, per_class: bool) -> None:
    """Raise where not even a model that gives away every coin could be found out."""
    marked = how_many(examples, fraction, per_class=per_class)
    needed = max(1, math.ceil(-math.log2(alpha) - 1e-9))
    if marked >= needed:
        return
    enough = smallest_share(examples, needed, per_class=per_class)
    raise InputError(
        expected=f"at least {needed} images to mark, for n fair coins cannot show less than 2^-n "
        f"and --alpha is {alpha:g}",
        came=f"--fraction {fraction:g}, which marks {marked} of {len(examples):,}",
        do="bring more images, or raise --alpha"
        if enough is None
        else f"pass --fraction {enough:g} or more",
    )


def require_tags(tags: int, classes: int, alpha: float) -> None:
    """Raise where not even a model that names the label of every tag could be found out."""
    needed = max(1, math.ceil(-math.log(alpha) / math.log(max(classes, 2)) - 1e-9))
    if tags < needed:
        raise InputError(
            expected=f"at least {needed} tags: with {classes} classes, n tags cannot show less "
            f"than {classes}^-n, and --alpha is {alpha:g}",
            came=str(tags),
            do=f"pass --tags {needed} or more",
        )


def smallest_log10_p(release: Release) -> float | None:
    """The least log10 p that an audit can show, where choices can be counted."""
    protocol = release.protocol
    match protocol.design:
        case "twins":
            return -protocol.marked * math.log10(2)
        case "tags":
            tags = TagConfig.model_validate(protocol.settings).tags
            return -tags * math.log10(len(protocol.class_names))
        case _:
            return None
