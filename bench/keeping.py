"""Finished parts of a benchmark, in files, so that one that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from radiotracer.errors import InputError
from radiotracer.files import write_text


def finished(
    path: Path, make: Callable[[], Mapping[str, Any]], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a file keeps; made and written there, whole or not at all, where there is none.

    Args:
        path: The file, JSON.
        make: What to do where it is missing: facts that JSON can hold.
        settings: What they depend on besides the file's name.

    Raises:
        InputError: The file was made with other settings.
    """
    if not path.is_file():
        print(f"{path} …", flush=True)
        write_json(path, {"settings": settings, "found": make()})
    kept = json.loads(path.read_bytes())
    wanted = json.loads(json.dumps(settings))
    if not isinstance(kept, dict) or kept.get("settings") != wanted:
        raise InputError(
            expected=f"{path} as made with {wanted}",
            came=f"{kept.get('settings') if isinstance(kept, dict) else 'something else'}",
            do="choose another --out, or the same settings",
        )
    return dict(kept["found"])


def write_json(path: Path | None, value: Any) -> None:
    """Write a value, if a file was asked for."""
    if path is not None:
        write_text(path, json.dumps(value, indent=2) + "\n")
