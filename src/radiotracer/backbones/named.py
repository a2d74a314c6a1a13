"""Which backbone is meant: by its name, by the model of a hub, or by a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from radiotracer.backbones.backbone import BACKBONES, Backbone

FORMS = "a registered name, hf:NAME, hf:FOLDER, timm:NAME, or module:function"
"""How a backbone is written, for help texts."""


def backbone_of(given: str | Callable[..., Any] | Backbone, modality: str) -> Backbone:
    """The backbone that is meant, which nothing was loaded of yet.

    Args:
        given: The name of a registered one; ``hf:NAME`` of the Hugging Face hub or ``hf:FOLDER``;
            ``timm:NAME``; ``module:function`` or a callable (`own_backbone`); or a backbone.
        modality: The name of the kind of examples, such as ``"images"``.

    Raises:
        InputError: There is none of this name; it is for other examples; a package is missing, and
            the text has the command that brings it.
    """
    found = _found(given, modality)
    found.require(modality)
    return found


def _found(given: str | Callable[..., Any] | Backbone, modality: str) -> Backbone:
    if isinstance(given, Backbone):
        return given
    if not isinstance(given, str):
        from radiotracer.backbones.called import own_backbone

        return own_backbone(given, modality)
    prefix, colon, name = given.partition(":")
    if not colon or given in BACKBONES:
        return BACKBONES[given]
    if prefix in ("hf", "timm"):
        from radiotracer.backbones import hub

        return hub.hugging_face(name, modality) if prefix == "hf" else hub.timm(name, modality)
    from radiotracer.backbones.called import own_backbone

    return own_backbone(given, modality)
