"""The style and scripts that a page carries inside it, and the policy that lets only them run."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from importlib import resources
from typing import Any

from markupsafe import Markup

SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js", "report.js")
"""In the order in which the page runs them."""


@functools.cache
def text(name: str) -> str:
    """A file of ``static/``, as text with line feeds only (browsers hash it that way)."""
    file = resources.files("radiotracer.present") / "static" / name
    return file.read_text(encoding="utf-8").replace("\r\n", "\n")


@functools.cache
def script(name: str) -> str:
    """A script as it stands in the page: without its source map, and not a module."""
    body = text(name)
    if name == "vega-interpreter.js":
        body = _as_classic_script(body)
    body = "\n".join(line for line in body.split("\n") if not line.startswith("//# sourceMapping"))
    if "</script" in body.lower() or "<!--" in body:
        raise ValueError(f"{name} cannot stand inside an HTML script element")
    return body


def policy(styles: tuple[str, ...], scripts: tuple[str, ...]) -> str:
    """A content security policy under which nothing but exactly these texts may run or style."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            "style-src " + " ".join(map(_source_hash, styles)),
            "script-src " + " ".join(map(_source_hash, scripts)),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def data_block(value: Any) -> Markup:
    """JSON that can stand inside a script element: no character of it can end the element."""
    body = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        body = body.replace(character, f"\\u{ord(character):04x}")
    return Markup(body)  # noqa: S704  # ASCII without <, > and &: nothing is left to escape


def inline(body: str) -> Markup:
    """Mark one of our own files as ready to stand in the page as it is."""
    return Markup(body)  # noqa: S704  # only ever the files of static/, checked by SHA256SUMS


def _as_classic_script(module: str) -> str:
    """The interpreter comes as an ES module: its one import and one export become plain code."""
    head = "import { ascending, isString, DisallowedObjectProperties } from 'vega-util';"
    tail = "export { expression as expressionInterpreter };"
    if module.count(head) != 1 or module.count(tail) != 1:
        raise ValueError("vega-interpreter.js has another shape: see static/README.md")
    opening = "(() => {\nconst { ascending, isString, DisallowedObjectProperties } = vega;"
    closing = "vega.expressionInterpreter = expression;\n})();"
    return module.replace(head, opening).replace(tail, closing)


def _source_hash(body: str) -> str:
    digest = hashlib.sha256(body.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
