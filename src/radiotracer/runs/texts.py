"""JSON that describes something, from a file that anybody may have written."""

from __future__ import annotations

import json
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from radiotracer.digested import DIGEST, undigested

Model = TypeVar("Model", bound=BaseModel)

WHOLE = "the file"
"""Where a problem is that is nowhere in particular."""


def parsed(kind: type[Model], content: bytes) -> Model:
    """What JSON says, as a model, with every name once in its object.

    Of two values under one name one reader takes the first and another the last: a file could be
    checked as one thing and used as another.

    Args:
        kind: What it should be.
        content: JSON in UTF-8.

    Raises:
        ValueError: It is something else (pydantic's `ValidationError` is one), or names something
            twice.
    """
    described = kind.model_validate_json(content)
    require_names_once(content)
    return described


def parsed_digested(kind: type[Model], content: bytes) -> Model:
    """The same of a file that holds a digest of itself.

    Raises:
        ValueError: As for `parsed`, or the digest is another.
    """
    try:
        rest, holds = undigested(content)
    except (ValueError, RecursionError):
        return parsed(kind, content)  # which says what it is
    require_names_once(content)
    described = parsed(kind, json.dumps(rest).encode())
    if not holds:
        raise ValueError(f"{DIGEST}: not that of the rest: it was edited or damaged")
    return described


def require_names_once(content: bytes) -> None:
    """Raise `ValueError` where an object of this JSON has two values under one name."""
    json.loads(content, object_pairs_hook=_once)


def first_problem(error: ValueError) -> str:
    """What is wrong, and where, in a few words: of values, as far as pydantic quotes them."""
    if not isinstance(error, ValidationError):
        return str(error)[:200]
    first = error.errors(include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or WHOLE
    return f"{where[:100]}: {first['msg'][:200]}"


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name[:100]!r} is there twice")
            seen.add(name)
    return found
