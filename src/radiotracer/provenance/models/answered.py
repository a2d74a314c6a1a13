"""A suspect that was asked elsewhere: its answers as somebody brought them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality, nouns
from radiotracer.errors import InputError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores


def answered_suspect(
    content: Any,
    answers: ArrayLike,
    *,
    modality: Modality = IMAGES,
    classes: int | None = None,
    outputs: Outputs = "logits",
    name: str = "answers",
) -> Answering:
    """A model by what it said of the examples that an audit asks about.

    Args:
        content: The n examples that it was asked about, in the form of their modality.
        answers: What it said, in their order, shape (n, columns) or (n,), from a file of any kind.
        modality: What they are.
        classes: The least number of columns; None: any.
        outputs: What the answers are.
        name: For people.

    Raises:
        InputError: Another number of answers than of examples.
    """
    modality.require(content, "what was asked")
    given, n = np.asarray(answers), modality.length(content)
    if given.ndim < 1 or len(given) != n:
        raise InputError(
            expected=f"one answer to each of {nouns(modality, n)}",
            came=f"answers of shape {given.shape}",
            do="answer all that the audit asks, in its order",
        )
    row_of = {digest: row for row, digest in enumerate(modality.hashes(content))}

    def ask(batch: Any) -> Scores | Labels:
        digests = list(modality.hashes(batch))
        missing = sum(digest not in row_of for digest in digests)
        if missing:
            raise InputError(
                expected=f"answers of {name} to all that the audit asks",
                came=f"none to {missing} of {nouns(modality, len(digests))}",
                do="answer what the audit asks for this release and access",
            )
        raw = given[[row_of[digest] for digest in digests]]
        return checked(
            raw, outputs=outputs, n=len(digests), classes=classes, who=name, noun=modality.noun
        )

    identity = {"kind": "answers", "outputs": outputs}
    # Nothing more can be asked than was answered.
    return Answering(ask, name, identity, classes, outputs, modality, costly=True)
