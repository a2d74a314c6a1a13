"""A suspect behind a Python function of the auditor's: any model that Python can reach."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality, nouns
from radiotracer.errors import InputError
from radiotracer.files import sha256_file
from radiotracer.named import named_function, said
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores


def function_suspect(
    function: str | Callable[[Any], Any],
    *,
    modality: Modality = IMAGES,
    classes: int | None = None,
    outputs: Outputs = "logits",
    name: str | None = None,
    batch: int = 256,
) -> Answering:
    """A function, or the one that ``module:function`` names.

    It is given a batch of examples as they are: images as uint8 of shape (n, height, width,
    channels), 0 to 255, to scale as its model asks; texts as a list. It may change what it is
    given. It gives an array or nested lists of shape (n, columns), or (n,) for labels and losses.
    Its identity has the digest of the file that it was defined in; what that file imports or asks
    over a network is not covered.

    Args:
        function: The function, or ``module:function``; modules of the current folder are found.
        modality: What it is asked about.
        classes: The least number of columns; None: any.
        outputs: What the function gives.
        name: For people; what it is called by default.
        batch: How many examples it is given at a time.

    Raises:
        InputError: It cannot be imported or is not callable.
    """
    if isinstance(function, str):
        called, found = function, named_function(function, "python:")
    else:
        called, found = getattr(function, "__qualname__", type(function).__name__), function
    if not callable(found):
        raise InputError(
            expected=f"a function of {modality.noun}s",
            came=f"a {type(found).__name__}",
            do="pass a function, or module:function",
        )
    who = name or called

    def ask(content: Any) -> Scores | Labels:
        n = modality.length(content)
        try:
            # Most libraries take a list of texts; few take a tuple.
            raw = np.asarray(found(list(content) if isinstance(content, tuple) else content))
        except Exception as error:  # the auditor's code, and whatever it asks
            raise InputError(
                expected=f"answers to {nouns(modality, n)} from {who}",
                came=said(error),
                do="repair the function",
            ) from error
        return checked(raw, outputs=outputs, n=n, classes=classes, who=who, noun=modality.noun)

    identity = {"kind": "python", "function": called, "outputs": outputs}
    source = inspect.getsourcefile(found) if inspect.isfunction(found) else None
    if source and Path(source).is_file():
        identity |= {"path": source, "sha256": sha256_file(Path(source))}
    return Answering(ask, who, identity, classes, outputs, modality, batch, costly=True)
