"""A state dict, and the network that it is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiotracer.errors import InputError
from radiotracer.provenance.models.kind import KINDS, Given, Request, has_suffix
from radiotracer.provenance.models.network_identity import architecture_of, usual_outputs
from radiotracer.provenance.models.preparation import OPTIONS, said_preparation
from radiotracer.provenance.models.protocol import Suspect

_SUFFIXES = (".safetensors", ".pt", ".pth")


class Weights:
    """``.safetensors``, ``.pt`` or ``.pth``, these in a process of their own; see `network.py`."""

    name = "weights"
    form = "a .safetensors, .pt or .pth file"
    options = frozenset(("architecture", "build", "factory")) | OPTIONS

    def matches(self, given: Given) -> bool:
        """By its suffix."""
        return has_suffix(given, *_SUFFIXES)

    def open(self, request: Request) -> Suspect:
        """Make the network, and put the weights into it."""
        from radiotracer.provenance.models.network import weights_suspect
        from radiotracer.training.making import reference_spec

        options = dict(request.options)
        architecture = options.pop("architecture", None)
        if architecture is not None and "factory" in options:
            raise InputError(
                expected="either a reference network (architecture=) or a factory=",
                came="both",
                do="leave one out",
            )
        spec = architecture and reference_spec(
            architecture, like=request.like, channels=request.channels, classes=request.classes
        )
        return weights_suspect(
            request.path,
            modality=request.modality,
            spec=spec,
            classes=request.classes,
            outputs=request.outputs or "logits",
            preparation=request.preparation,
            **options,
        )

    def arguments(self, identity: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The file, and the reference network that it is for."""
        if f".{identity.get('kind')}" not in _SUFFIXES:
            return None
        return {
            "given": identity.get("path", ""),
            "architecture": architecture_of(identity),
            "outputs": usual_outputs(identity),
            **said_preparation(identity),
        }


KINDS.register(Weights())
