"""A Python function."""

from __future__ import annotations

from collections.abc import Mapping

from radiotracer.provenance.models.kind import KINDS, Given, Request
from radiotracer.provenance.models.protocol import Suspect

_PREFIX = "python:"


class Python:
    """``python:module:function``, or the function itself; see `function.py`."""

    name = "python"
    form = "python:module:function"
    options = frozenset[str]()

    def matches(self, given: Given) -> bool:
        """By its prefix, or as it can be called."""
        return given.startswith(_PREFIX) if isinstance(given, str) else callable(given)

    def open(self, request: Request) -> Suspect:
        """Import it, if it is named."""
        from radiotracer.provenance.models.function import function_suspect

        given = request.given
        return function_suspect(
            given.removeprefix(_PREFIX) if isinstance(given, str) else given,
            modality=request.modality,
            classes=request.classes,
            outputs=request.outputs or "logits",
        )

    def arguments(self, identity: Mapping[str, str]) -> None:
        """Evidence about it is checked from its answers: no code is run that a file names."""


KINDS.register(Python())
