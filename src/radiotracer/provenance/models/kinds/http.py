"""A service behind an address."""

from __future__ import annotations

from collections.abc import Mapping

from radiotracer.errors import InputError
from radiotracer.provenance.models.kind import KINDS, Given, Request
from radiotracer.provenance.models.protocol import Suspect


class Service:
    """``http://`` or ``https://``; see `service.py`."""

    name = "http"
    form = "an http(s) address"
    options = frozenset(("headers_from",))

    def matches(self, given: Given) -> bool:
        """By its scheme."""
        return isinstance(given, str) and given.lower().startswith(("http://", "https://"))

    def open(self, request: Request) -> Suspect:
        """Nothing is sent yet."""
        from radiotracer.provenance.models.service import service_suspect

        if request.outputs not in (None, "labels"):
            raise InputError(
                expected='a service that says itself whether it gives "logits" or "probabilities"',
                came=f'outputs="{request.outputs}"',
                do="leave it out",
            )
        return service_suspect(
            str(request.given),
            modality=request.modality,
            classes=request.classes,
            names=() if request.like is None else request.like.class_names,
            labels_only=request.outputs == "labels",
            **request.options,
        )

    def arguments(self, identity: Mapping[str, str]) -> None:
        """A service may be another by now."""


KINDS.register(Service())
