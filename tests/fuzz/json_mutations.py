"""JSON with other values than were meant: one at a time, anywhere in it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_MARK = "\0odd\0"
"""Stands in a tree for text that no value has."""

_RAW = (
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 400, "9" * 5000, "-0", "1.0", "0.5",
    "1e-400", "-1", "0", "1", "2", "9223372036854775807", "9223372036854775808", "null", "true",
    "false", '""', '"\\ud800"', '"\\u0000"', '"é"', '"a\\nb"', '"\\u001b[2J"', '"../../x"',
    '"/etc/passwd"', f'"{"a" * 300}"', f'"{"0" * 64}"', "[]", "{}", "[[]]", "[null]", '{"": null}',
    '{"__class__": 1}', "[" * 200 + "]" * 200, "[" * 5000, '{"a":' * 3000, "'", "",
)  # fmt: skip


def mutated_json(content: bytes, rng: random.Random) -> bytes:
    """JSON with one or a few values replaced, removed, swapped, or named twice.

    Raises:
        ValueError: It is no JSON.
    """
    tree = json.loads(content)
    odd: list[str] = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(tree, rng, odd)
    text = json.dumps(tree, ensure_ascii=rng.random() < 0.5)
    for each in odd:
        text = text.replace(json.dumps(_MARK), each, 1)
    return text.encode("utf-8", "surrogatepass")


def mutated_lines(content: bytes, rng: random.Random) -> bytes:
    """JSON lines with one changed, left out, repeated or moved.

    Raises:
        ValueError: The changed line is no JSON.
    """
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    way = rng.randrange(4)
    if way == 0:
        lines[at] = mutated_json(lines[at], rng)
    elif way == 1:
        del lines[at]
    elif way == 2:
        lines.insert(rng.randint(0, len(lines)), lines[at])
    else:
        rng.shuffle(lines)
    return b"\n".join(lines)


def _changed(tree: Any, rng: random.Random, odd: list[str]) -> Any:
    places = list(_places(tree))
    if not places or rng.random() < 0.02:
        odd.append(rng.choice(_RAW))
        return _MARK
    holder, key = rng.choice(places)
    way = rng.randrange(5)
    if way <= 1:
        odd.append(rng.choice(_RAW))
        holder[key] = _MARK
    elif way == 2:
        del holder[key]
    elif way == 3:
        other, other_key = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[other_key]))
    elif isinstance(holder, dict):
        holder[rng.choice((f"{key}x", "", "extra", f"{key}\0", "é"))] = holder[key]
    else:
        holder.insert(key, holder[key])
    return tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a tree, as what holds it and under which key."""
    if isinstance(tree, dict | list):
        for key, value in list(tree.items() if isinstance(tree, dict) else enumerate(tree)):
            yield tree, key
            yield from _places(value)
