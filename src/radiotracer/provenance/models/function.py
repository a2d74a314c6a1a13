"""A suspect behind a Python function of the auditor's: any model that Python can reach."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np

from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.named import named_function, said
from radiotracer.provenance.models.protocol import Images, Labels, Outputs, Scores


def function_suspect(
    text: str, *, classes: int | None = None, outputs: Outputs = "logits"
) -> Answering:
    """The function that ``module:function`` names.

    It is given uint8 images as they are, shape (n, height, width, channels), 0 to 255: a copy, to
    scale as its model asks. It gives an array or nested lists of shape (n, columns), or (n,) for
    labels. Its identity has the digest of the file that it was defined in; what that file imports
    or asks over a network is not covered.

    Args:
        text: ``module:function``; modules of the current folder are found.
        classes: The least number of columns; None: any.
        outputs: What the function gives.

    Raises:
        InputError: It cannot be imported or is not callable.
    """
    function = named_function(text, "python:")

    def ask(images: Images) -> Scores | Labels:
        try:
            raw = np.asarray(function(images.copy()))
        except Exception as error:  # the auditor's code, and whatever it asks
            raise InputError(
                expected=f"answers to {len(images)} images from {text}",
                came=said(error),
                do="repair the function",
            ) from error
        return checked(raw, outputs=outputs, n=len(images), classes=classes, who=text)

    identity = {"kind": "python", "function": text, "outputs": outputs}
    source = inspect.getsourcefile(function) if inspect.isroutine(function) else None
    if source and Path(source).is_file():
        identity |= {"path": source, "sha256": sha256_file(Path(source))}
    return Answering(ask, text, identity, classes, outputs == "labels")
