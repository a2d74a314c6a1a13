"""A suspect behind an HTTP endpoint.

The request is a POST of JSON with one key, the name of the modality, and a list of examples as
`Modality.to_json` has them: ``{"images": [PNG in base64, ...]}``, 8-bit, grey or RGB, pixels
exactly as they are in the data; ``{"texts": ["...", ...]}``; ``{"vectors": [[0.5, ...], ...]}``.
The answer has status 200 and is JSON, one row or label per example, in their order; other keys are
ignored:

- ``{"scores": [[0.1, 0.9], ...], "kind": "probabilities"}``, one number per class,
- ``{"scores": [[-2.0, 0.2], ...], "kind": "logits"}``, log-probabilities too, or
- ``{"labels": [1, ...]}``, class numbers from 0.

Headers, such as a token, come from an environment variable, one ``Name: value`` per line. Neither
errors nor identities show them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores
from radiotracer.provenance.models.transport import Patience, client_library, post
from radiotracer.runs.texts import WHOLE, first_problem, parsed

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e]|[\x21-\x7e][\x20-\x7e]*)")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class _Answer(BaseModel):
    """What a service says."""

    model_config = ConfigDict(strict=True, frozen=True)

    kind: Literal["logits", "probabilities"] | None = None
    scores: list[list[float]] | None = None
    labels: list[Annotated[int, Field(ge=0, lt=2**31)]] | None = None


def service_suspect(
    url: str,
    *,
    modality: Modality = IMAGES,
    classes: int | None = None,
    labels_only: bool = False,
    headers_from: str | None = None,
    batch: int = 32,
    patience: Patience | None = None,
) -> Answering:
    """A model behind `url`, asked as this module says. Nothing is sent yet.

    Args:
        url: ``https://...`` or ``http://...``. The evidence quotes it: no secret may be in it.
        modality: What it is asked about.
        classes: The least number of columns; None: any.
        labels_only: Whether the service gives labels and no scores.
        headers_from: The environment variable with the headers.
        batch: How many examples one request holds.
        patience: Time, size and retries.

    Raises:
        InputError: httpx is missing, the address is none or has a password in it, the variable is
            not set or holds other things, or headers would travel in the clear.
    """
    httpx = client_library()
    patience = patience or Patience()
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise InputError(
            expected="an address such as https://host/path, without a user name or password",
            came="another" if parsed.userinfo else repr(url),
            do="put secrets into an environment variable with headers",
        )
    headers = {} if headers_from is None else _headers(headers_from)
    if headers and parsed.scheme != "https" and parsed.host not in _THIS_MACHINE:
        raise InputError(
            expected="an https address, since headers are sent",
            came=url,
            do="ask the service for one, or send no headers",
        )
    name = f"{parsed.host}{parsed.path}"

    def ask(content: Any) -> Scores | Labels:
        n = modality.length(content)
        body: dict[str, object] = {modality.name: modality.to_json(content, slice(0, n))}
        raw, outputs = _taken(_parsed(post(url, body, headers, patience), name), labels_only, name)
        return checked(raw, outputs=outputs, n=n, classes=classes, who=name, noun=modality.noun)

    gives: Outputs = "labels" if labels_only else "logits"
    identity = {"kind": "http", "url": url, "outputs": "labels" if labels_only else "scores"}
    return Answering(ask, name, identity, classes, gives, modality, batch, costly=True)


def _taken(answer: _Answer, labels_only: bool, who: str) -> tuple[NDArray[Any], Outputs]:
    """The numbers of an answer, and what they are."""
    if labels_only:
        if answer.labels is None:
            raise _lacking("labels", "none", "make the service give them", who)
        return np.array(answer.labels, dtype=np.int64), "labels"
    if answer.scores is None:
        came = "none" if answer.labels is None else "labels only"
        raise _lacking("scores", came, 'open it with outputs="labels" if it gives labels', who)
    if answer.kind is None:
        do = 'make the service say "kind": "logits" or "kind": "probabilities"'
        raise _lacking("the kind of its scores", "none", do, who)
    widths = sorted({len(row) for row in answer.scores})
    if len(widths) > 1:
        came = f"rows of {widths[0]} and of {widths[-1]}"
        raise _lacking("rows of one length", came, "repair the service", who)
    # With no rows at all, NumPy could not tell how many columns there are.
    rows = np.array(answer.scores, dtype=np.float64).reshape(len(answer.scores), sum(widths))
    return rows, answer.kind


def _parsed(content: bytes, who: str) -> _Answer:
    try:
        return parsed(_Answer, content)
    except ValueError as error:  # pydantic's are of these
        raise _lacking(
            'JSON with "scores" and "kind", or "labels",',
            first_problem(error).removeprefix(f"{WHOLE}: "),
            "repair the service, or ask it through python:module:function",
            who,
        ) from error


def _lacking(expected: str, came: str, do: str, who: str) -> InputError:
    return InputError(expected=f"{expected} from {who}", came=came, do=do)


def _headers(variable: str) -> Mapping[str, str]:
    text = os.environ.get(variable, "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [_HEADER.fullmatch(line) for line in lines]
    if not lines or None in found:
        raise InputError(
            expected=f"one header per line, Name: value, in the environment variable {variable}",
            came="other text, which is not shown" if lines else "nothing",
            do=f"set it, e.g. {variable}='Authorization: Bearer ...'",
        )
    return {match[1]: match[2] for match in found if match}
