"""Images that a table names: found by their path, their name, or their name without its ending."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from radiotracer.data.links import Links
from radiotracer.data.opening import SUFFIXES
from radiotracer.data.splits import named

_LOOKED_AT = 50


class Listed:
    """The images below a folder.

    Args:
        folder: Where the table lies.
        links: What may be read; by default what lies in the folder.
        split: The split that the table is of: of several images of one name that one is meant
            which lies in a folder of this split.
    """

    def __init__(self, folder: Path, links: Links | None = None, split: str = "") -> None:
        self._folder = folder
        self._links = links or Links(folder)
        self._split = split

    def __len__(self) -> int:
        """How many images."""
        return len(self._images)

    def knows(self, names: Sequence[str]) -> bool:
        """Whether most of the first names are those of images."""
        few = names[:_LOOKED_AT]
        return sum(self.find(each) is not None for each in few) > len(few) / 2

    def find(self, name: str) -> Path | None:
        """The image that a name stands for; None where there is none, or there are several."""
        found = self.look(name)
        return found if isinstance(found, Path) else None

    def look(self, name: str) -> Path | str:
        """The image that a name stands for, or why there is none.

        Args:
            name: A path, absolute or from the folder or one below; a file's name; or that without
                its ending.
        """
        try:
            whole = self._folder / name
            if whole.is_file() and whole.suffix.lower() in SUFFIXES:
                return self._if_allowed(whole, name)
            if Path(name).is_absolute() or ".." in Path(name).parts:
                return f"no image at {name}"
        except (OSError, ValueError):
            return "no name that a file can have"
        alike = self._alike(name.replace("\\", "/").strip("/"))
        if len(alike) != 1:
            return f"{len(alike)} images of this name" if alike else "no such image"
        return self._if_allowed(alike[0], name)

    def _if_allowed(self, path: Path, name: str) -> Path | str:
        allowed = self._links.may_read(path)
        return path if allowed else f"{name} leads out of the folder; follow_links= allows it"

    def _alike(self, key: str) -> list[Path]:
        """The images whose paths end so; of several those in folders of the split."""
        last = key.rpartition("/")[2]
        found = self._by_name.get(last) or self._by_stem.get(last, [])
        alike = [each for each in found if _ends(each, key)]
        if len(alike) < 2 or not self._split:
            return alike
        here = {each: each.relative_to(self._folder).parts for each in alike}
        ours = [each for each, parts in here.items() if self._split in map(named, parts)]
        return ours or alike

    @functools.cached_property
    def _images(self) -> list[Path]:
        found = []
        for top, folders, files in os.walk(self._folder, followlinks=False):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for each in sorted(files):
                path = Path(top) / each
                if not each.startswith(".") and path.suffix.lower() in SUFFIXES:
                    found.append(path)
        return found

    @functools.cached_property
    def _by_name(self) -> Mapping[str, list[Path]]:
        return _gathered((each.name, each) for each in self._images)

    @functools.cached_property
    def _by_stem(self) -> Mapping[str, list[Path]]:
        return _gathered((each.stem, each) for each in self._images)


def _gathered(pairs: object) -> Mapping[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for name, path in pairs:  # type: ignore[attr-defined]
        found.setdefault(name, []).append(path)
    return found


def _ends(path: Path, key: str) -> bool:
    """Whether a path ends like a key, whose last part may lack its ending."""
    parts = key.split("/")
    there = path.parts[-len(parts) :]
    return there[:-1] == tuple(parts[:-1]) and parts[-1] in (path.name, path.stem)
