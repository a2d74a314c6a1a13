"""Open a suspect model by what it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.data import IMAGES, Dataset
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.provenance.models.kind import KINDS, Given, Kind, Request
from radiotracer.provenance.models.mapped import Mapped, said_map
from radiotracer.provenance.models.preparation import OPTIONS, Layout, preparation_of
from radiotracer.provenance.models.protocol import Outputs, Suspect

if TYPE_CHECKING:
    from torch import nn

    from radiotracer.runs import ModelSpec


def open_suspect(
    given: str | os.PathLike[str] | Callable[[Any], Any],
    *,
    like: Dataset | None = None,
    modality: Modality | None = None,
    channels: int | None = None,
    classes: int | None = None,
    outputs: Outputs | None = None,
    architecture: str | None = None,
    factory: str | None = None,
    build: Callable[[ModelSpec], nn.Module] | None = None,
    step: int | None = None,
    headers_from: str | None = None,
    layout: Layout | None = None,
    scale: float | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    size: Sequence[int] | None = None,
    classes_map: Sequence[int] | None = None,
) -> Suspect:
    """The suspect model that `given` names.

    ==========================  ====================================================
    a folder                    a recorded run (`factory`, `step`)
    ``.safetensors``            a state dict (`architecture` or `factory`)
    ``.pt``, ``.pth``           the same, in a process of its own
    ``.onnx``                   an ONNX model of examples that are numbers
    ``python:module:function``  a Python function, given examples as they are
    ``http://``, ``https://``   a service (`headers_from`); see `service.py`
    ==========================  ====================================================

    Args:
        given: As above, or the Python function itself.
        like: Examples as the audit asks about: what follows from them need not be said.
        modality: What it is asked about; None: what `like` is, or images.
        channels: Of images, where there is no `like`: how many channels they have.
        classes: How many classes the audit's data have; a suspect may know more, these being its
            first. None: as many as `like` has, or any number.
        outputs: What the model gives; None: logits, or what a service says of its scores.
        architecture: The reference network that weights are for, with its options:
            ``"resnet18,width=16"``.
        factory: ``module:function`` that makes the network without arguments. It is run.
        build: Makes a reference network from its description; None: radiotracer does.
        step: Which checkpoint of a run, by its optimiser step; None: the last.
        headers_from: The environment variable with the headers of a service.
        layout: The order of axes in which a network takes images; see `Preparation`.
        scale: The value of a white pixel there: 1 or 255.
        mean: What is taken off each channel after that.
        std: What it is divided by then.
        size: Height and width that images are resized to.
        classes_map: For each class of the audit's data the number of the model's own class for it;
            None: they are the same.

    Raises:
        InputError: It is none of these, an option does not belong to it, or it cannot be opened
            (`RunError` and `NotFiniteError` are InputErrors too).
    """
    what: Given = os.fspath(given) if isinstance(given, os.PathLike) else given
    options = {
        "architecture": architecture,
        "build": build,
        "factory": factory,
        "headers_from": headers_from,
        "step": step,
        "layout": layout,
        "scale": scale,
        "mean": mean,
        "std": std,
        "size": size,
    }
    options = {name: value for name, value in options.items() if value is not None}
    kind = _kind(what)
    unused = [name for name in options if name not in kind.options and name != "build"]
    if unused:
        used = ", ".join(sorted(kind.options - {"build"})) or "none"
        raise InputError(
            expected=f"options that {what} has a use for ({used})",
            came=", ".join(unused),
            do="leave them out",
        )
    kind_of_examples = modality or (IMAGES if like is None else like.modality)
    prepared = sorted(OPTIONS & options.keys())
    if prepared and kind_of_examples is not IMAGES:
        raise InputError(
            expected=f"{prepared[0]}= for models of images alone",
            came=f"{what}, which is asked about {kind_of_examples.name}",
            do="leave it out",
        )
    if classes is None and like is not None:
        classes = max(len(like.class_names), 1 + max(classes_map or (), default=0))
    opened = kind.open(
        Request(
            given=what,
            modality=kind_of_examples,
            like=like,
            channels=channels,
            classes=classes,
            outputs=outputs,
            options={
                name: value
                for name, value in options.items()
                if name in kind.options and name not in OPTIONS
            },
            preparation=preparation_of(options),
        )
    )
    if classes_map is None:
        return opened
    return Mapped(opened, classes_map, None if like is None else len(like.class_names))


def reopened(identity: Mapping[str, str], *, like: Dataset) -> Suspect:
    """The suspect that evidence names, from where it was.

    Args:
        identity: Of the suspect.
        like: Examples as the audit asks about.

    Raises:
        InputError: It is of a kind that is not opened again so, or no longer there.
    """
    for kind in KINDS.values():
        arguments = kind.arguments(identity)
        if arguments is not None:
            return open_suspect(like=like, classes_map=said_map(identity), **arguments)
    raise InputError(
        expected="evidence about a run or a file of weights",
        came=f"a suspect of kind {identity.get('kind')!r}",
        do="pass the suspect (suspect=)",
    )


def _kind(given: Given) -> Kind:
    found = next((kind for kind in KINDS.values() if kind.matches(given)), None)
    if found is not None:
        return found
    forms = [kind.form for kind in KINDS.values()]
    failed = [f"{name}: {why}" for name, why in KINDS.failures.items()]
    raise InputError(
        expected=f"a suspect model: {', '.join(forms[:-1])}, or {forms[-1]}",
        came=f"{given!r:.200}, {'another file' if _is_there(given) else 'which is not there'}",
        do="check the path, or wrap the model in a Python function"
        + f" ({'; '.join(failed)})" * bool(failed),
    )


def _is_there(given: Given) -> bool:
    try:
        return Path(str(given)).exists()
    except OSError:  # a name that no file can have, or nobody may look
        return False
