"""A model in an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping

from radiotracer.provenance.models.kind import KINDS, Given, Request, has_suffix
from radiotracer.provenance.models.preparation import OPTIONS
from radiotracer.provenance.models.protocol import Suspect


class Onnx:
    """``.onnx``; see `onnx_model.py`."""

    name = "onnx"
    form = "a .onnx file"
    options = OPTIONS

    def matches(self, given: Given) -> bool:
        """By its suffix."""
        return has_suffix(given, ".onnx")

    def open(self, request: Request) -> Suspect:
        """Read it, look through it, and load it."""
        from radiotracer.provenance.models.onnx_model import onnx_suspect

        return onnx_suspect(
            request.path,
            modality=request.modality,
            like=request.like,
            channels=request.channels,
            classes=request.classes,
            outputs=request.outputs or "logits",
            preparation=request.preparation,
        )

    def arguments(self, identity: Mapping[str, str]) -> None:
        """Evidence about it is checked from its answers."""


KINDS.register(Onnx())
