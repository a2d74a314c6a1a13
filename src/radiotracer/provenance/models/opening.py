"""Open a suspect model by what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from radiotracer.errors import InputError
from radiotracer.provenance.models.protocol import Outputs, Suspect

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.runs import ModelSpec

_TAKES: dict[str, set[str]] = {
    "run": {"factory", "step"},
    "weights": {"factory", "model"},
    "onnx": set(),
    "python": set(),
    "http": {"headers_from"},
}
"""Which options a kind of suspect has a use for. Others are errors: they would change nothing."""


def open_suspect(
    text: str,
    *,
    channels: int,
    classes: int | None,
    build: Callable[[ModelSpec], nn.Module],
    factory: str | None = None,
    model: str | None = None,
    step: int | None = None,
    outputs: Outputs | None = None,
    headers_from: str | None = None,
) -> Suspect:
    """The suspect that `text` names.

    ==========================  ============================================
    a folder                    a recorded run (`factory`, `step`)
    ``.safetensors``            a state dict (`model` or `factory`)
    ``.pt``, ``.pth``           the same, in a process of its own
    ``.onnx``                   an ONNX model
    ``python:module:function``  a Python function, given uint8 images
    ``http://``, ``https://``   a service (`headers_from`); see `service.py`
    ==========================  ============================================

    Args:
        text: As above.
        channels: How many channels the audit's images have.
        classes: How many classes the audit's data have; a suspect may know more, these being its
            first. None: any number.
        build: Makes a reference network from its description.
        factory: ``module:function`` that makes the network without arguments.
        model: A reference network, as for `reference_spec`.
        step: Which checkpoint of a run, by its optimiser step; None: the last.
        outputs: What the model gives; None: logits, or what a service says of its scores.
        headers_from: The environment variable with the headers of a service.

    Raises:
        InputError: `text` is none of these, an option does not belong to it, or it cannot be
            opened (`RunError` and `NotFiniteError` are InputErrors too).
    """
    kind = _kind(text)
    options = {"factory": factory, "model": model, "step": step, "headers_from": headers_from}
    _require_fitting(text, kind, options)
    if kind == "http":
        from radiotracer.provenance.models.service import service_suspect

        if outputs not in (None, "labels"):
            raise InputError(
                expected='a service that says itself whether it gives "logits" or "probabilities"',
                came=f'outputs="{outputs}"',
                do="leave it out",
            )
        return service_suspect(
            text, classes=classes, labels_only=outputs == "labels", headers_from=headers_from
        )
    outputs = outputs or "logits"
    if kind == "python":
        from radiotracer.provenance.models.function import function_suspect

        return function_suspect(text.removeprefix("python:"), classes=classes, outputs=outputs)
    path = Path(text)
    if kind == "onnx":
        from radiotracer.provenance.models.onnx_model import onnx_suspect

        return onnx_suspect(path, channels=channels, classes=classes, outputs=outputs)
    from radiotracer.provenance.models.network import run_suspect, weights_suspect

    if kind == "run":
        return run_suspect(
            path,
            build,
            factory=factory,
            step=step,
            channels=channels,
            classes=classes,
            outputs=outputs,
        )
    spec = None if model is None else reference_spec(model, channels=channels, classes=classes)
    return weights_suspect(
        path, build, model=spec, factory=factory, classes=classes, outputs=outputs
    )


def reference_spec(text: str, *, channels: int, classes: int | None) -> ModelSpec:
    """A reference network for the audit's data, e.g. ``"small-cnn"`` or ``"resnet18,width=16"``.

    Raises:
        InputError: It is written otherwise, or the number of classes is not known.
    """
    from radiotracer.runs import ModelSpec

    name, *pairs = text.split(",")
    options = {"channels": channels, "classes": classes}
    for pair in pairs:
        key, _, value = pair.partition("=")
        if not (key.isidentifier() and value.isascii() and value.isdigit() and len(value) < 10):
            raise InputError(
                expected="a reference network and its options, such as resnet18,width=16",
                came=repr(text),
                do="write it so",
            )
        options[key] = int(value)
    if options["classes"] is None:
        raise InputError(
            expected=f"the number of classes of {name}",
            came="none",
            do=f"write {name},classes=10 or as many as it has",
        )
    return ModelSpec(name=name, options={key: n for key, n in options.items() if n is not None})


def _kind(text: str) -> str:
    if text.lower().startswith(("http://", "https://")):
        return "http"
    if text.startswith("python:"):
        return "python"
    path = Path(text)
    by_suffix = {
        ".safetensors": "weights",
        ".pt": "weights",
        ".pth": "weights",
        ".onnx": "onnx",
    }
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError:  # a name that no file can have, or nobody may look
        there, folder = False, False
    if folder:
        return "run"
    kind = by_suffix.get(path.suffix.lower())
    if kind is None:
        raise InputError(
            expected="a suspect model: a run folder, a .safetensors, .pt, .pth or .onnx file, "
            "python:module:function, or an http(s) address",
            came=f"{text!r}, {'another file' if there else 'which is not there'}",
            do="check the path, or wrap the model in a Python function",
        )
    return kind


def _require_fitting(text: str, kind: str, options: Mapping[str, object]) -> None:
    given = [name for name, value in options.items() if value is not None]
    used = _TAKES[kind]
    unused = [name for name in given if name not in used]
    if unused:
        raise InputError(
            expected=f"options that {text} has a use for ({', '.join(sorted(used)) or 'none'})",
            came=", ".join(unused),
            do="leave them out",
        )
    if "factory" in given and "model" in given:
        raise InputError(
            expected="either a reference network or a factory", came="both", do="leave one out"
        )
