"""A recorded run, at one of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radiotracer.provenance.models.kind import KINDS, Given, Request, is_folder
from radiotracer.provenance.models.network_identity import architecture_of, usual_outputs
from radiotracer.provenance.models.preparation import OPTIONS, said_preparation
from radiotracer.provenance.models.protocol import Suspect


class RecordedRun:
    """A folder that `record` wrote; see `network.py`."""

    name = "run"
    form = "a run folder"
    options = frozenset(("build", "factory", "step")) | OPTIONS

    def matches(self, given: Given) -> bool:
        """Any folder."""
        return is_folder(given)

    def open(self, request: Request) -> Suspect:
        """Read the run, and put a checkpoint's weights into its network."""
        from radiotracer.provenance.models.network import run_suspect

        return run_suspect(
            request.path,
            modality=request.modality,
            like=request.like,
            channels=request.channels,
            classes=request.classes,
            outputs=request.outputs or "logits",
            preparation=request.preparation,
            **request.options,
        )

    def arguments(self, identity: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The folder, and the step of the checkpoint."""
        if identity.get("kind") != self.name:
            return None
        from radiotracer.runs import Run

        architecture_of(identity)  # which the run says itself
        path = identity.get("path", "")
        run = Run.open(Path(path), allow_interrupted=True)
        file = identity.get("checkpoint")
        return {
            "given": path,
            "step": next((each.step for each in run.checkpoints if each.file == file), None),
            "outputs": usual_outputs(identity),
            **said_preparation(identity),
        }


KINDS.register(RecordedRun())
