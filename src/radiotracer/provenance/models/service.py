"""A suspect behind an HTTP endpoint.

The request is a POST of JSON with one key, the name of the modality, and a list of examples as
`Modality.to_json` has them: ``{"images": [PNG in base64, ...]}``, 8-bit, grey or RGB, pixels
exactly as they are in the data; ``{"texts": ["...", ...]}``; ``{"vectors": [[0.5, ...], ...]}``.
The answer has status 200 and is JSON, one row or label per example, in their order, in one of the
forms of `service_answers.py`.

Headers, such as a token, come from an environment variable, one ``Name: value`` per line. Neither
errors nor identities show them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from radiotracer.data import IMAGES
from radiotracer.data.modality import Modality
from radiotracer.errors import InputError
from radiotracer.provenance.models.answering import Answering
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.identities import shown_address
from radiotracer.provenance.models.protocol import Labels, Outputs, Scores
from radiotracer.provenance.models.service_answers import numbers
from radiotracer.provenance.models.transport import Patience, client_library, post

_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e]|[\x21-\x7e][\x20-\x7e]*)")
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def service_suspect(
    url: str,
    *,
    modality: Modality = IMAGES,
    classes: int | None = None,
    names: Sequence[str] = (),
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
        names: The classes', where a service may name them.
        labels_only: Whether the service gives labels and no scores.
        headers_from: The environment variable with the headers.
        batch: How many examples one request holds.
        patience: Time, size and retries.

    Raises:
        InputError: httpx is missing; the address is none, or has a password or a query in it, where
            keys are and evidence would quote them; the variable is not set or holds other things;
            or headers would travel in the clear.
    """
    httpx = client_library()
    patience = patience or Patience()
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL("")
    secret = parsed.userinfo or parsed.query or parsed.fragment or "?" in url
    if parsed.scheme not in ("http", "https") or not parsed.host or secret:
        raise InputError(
            expected="an address such as https://host/path, without user name, password or query",
            came=shown_address(url) if secret else repr(url),
            do="put keys and tokens into an environment variable with headers (headers_from=)",
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
        answer = post(url, body, headers, patience)
        raw, outputs = numbers(answer, names, labels_only=labels_only, who=name)
        return checked(raw, outputs=outputs, n=n, classes=classes, who=name, noun=modality.noun)

    gives: Outputs = "labels" if labels_only else "logits"
    identity = {"kind": "http", "url": url, "outputs": "labels" if labels_only else "scores"}
    return Answering(ask, name, identity, classes, gives, modality, batch, costly=True)


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
