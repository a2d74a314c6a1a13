"""Models of the Hugging Face hub or of a folder, and of timm, as backbones."""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.backbones.backbone import Backbone, Look
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.named import said

if TYPE_CHECKING:
    from radiotracer.data import Dataset

KINDS = ("images", "texts")
"""Kinds of examples that the hub's models are asked about."""


def hugging_face(name: str, modality: str) -> Backbone:
    """``hf:NAME``: a model of the hub, or of a folder as `save_pretrained` writes it.

    For texts the mean of the last hidden states over the tokens; for images the token of the whole
    image where the network has one, else the mean over the image. Code of the hub is never run.

    Raises:
        InputError: Another kind of example.
    """
    prefix = f"hf:{name}"
    _require_kind(modality, KINDS, prefix)
    return Backbone(
        name=prefix,
        summary=f"{name} of Hugging Face" if not Path(name).is_dir() else f"the model in {name}",
        modalities=frozenset((modality,)),
        open=functools.partial(_open_hugging_face, name, modality),
        identify=functools.partial(_identify_hugging_face, name),
        packages=("transformers",),
        install='pip install "radiotracer[transformers]"',
    )


def timm(name: str, modality: str) -> Backbone:
    """``timm:NAME``: a model of timm with its own weights, its head removed.

    Raises:
        InputError: Another kind of example than images.
    """
    prefix = f"timm:{name}"
    _require_kind(modality, ("images",), prefix)
    return Backbone(
        name=prefix,
        summary=f"{name} of timm",
        modalities=frozenset((modality,)),
        open=functools.partial(_open_timm, name),
        identify=functools.partial(_identify_timm, name),
        packages=("timm",),
        install="pip install timm",
    )


def _open_hugging_face(name: str, modality: str, _: Dataset) -> Look:
    from radiotracer.backbones.pictures import PictureEncoder, load_pictures
    from radiotracer.backbones.transformer import TextEncoder, load_texts

    here = Path(name).is_dir()
    try:
        if modality == "texts":
            return TextEncoder(*load_texts(name, here=here))
        return PictureEncoder(*load_pictures(name, here=here))
    except InputError:
        raise
    except Exception as error:  # the hub, the network, and every model have errors of their own
        raise _no_model(name, error) from error


def _identify_hugging_face(name: str) -> str:
    """The SHA-256 of a folder's files, or the commit of the hub."""
    folder = Path(name)
    if folder.is_dir():
        files = sorted(each for each in folder.rglob("*") if each.is_file())
        listed = [(each.relative_to(folder).as_posix(), sha256_file(each)) for each in files]
        digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()
        return f"hf folder {digest}; {_version('transformers')}"
    from radiotracer.backbones.transformer import quiet

    try:
        with quiet():
            transformers: Any = importlib.import_module("transformers")
            config = transformers.AutoConfig.from_pretrained(name)
    except Exception as error:  # as above
        raise _no_model(name, error) from error
    commit = getattr(config, "_commit_hash", None)
    return f"hf {name} {commit}; {_version('transformers')}"


def _no_model(name: str, error: Exception) -> InputError:
    if Path(name).is_dir():
        return InputError(
            expected=f"a model of transformers in {name}",
            came=said(error),
            do="write it with save_pretrained, its tokenizer or image processor beside it",
        )
    return InputError(
        expected=f"{name} on a Hugging Face hub that can be reached",
        came=said(error),
        do="check the name, or pass a folder that holds the model: hf:FOLDER",
    )


def _open_timm(name: str, _: Dataset) -> Look:
    from radiotracer.backbones.frozen import loading
    from radiotracer.backbones.pictures import TimmEncoder

    library: Any = importlib.import_module("timm")
    try:
        with loading():
            model = library.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # what can go wrong with names and downloads has no common class
        raise InputError(
            expected=f"{name}, a model of timm whose weights can be fetched",
            came=said(error),
            do="check the name, or pass another backbone=, such as hf:FOLDER",
        ) from error
    config = library.data.resolve_model_data_config(model)
    return TimmEncoder(model, config["input_size"][-2:], config["mean"], config["std"])


def _identify_timm(name: str) -> str:
    # Which weights a bare name has is decided by timm's release.
    return f"timm {name}; {_version('timm')}"


def _version(package: str) -> str:
    return f"{package} {importlib.metadata.version(package)}"


def _require_kind(modality: str, able: tuple[str, ...], name: str) -> None:
    if modality not in able:
        raise InputError(
            expected=f"{' or '.join(able)} for the backbone {name}",
            came=modality,
            do="choose another backbone=",
        )
