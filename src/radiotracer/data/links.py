"""Symbolic links among data: followed only into folders that the caller named."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

_DEEPEST = 40


class Links:
    """What may be read from within a folder.

    Args:
        root: The folder of the data; links that stay in it lead to what is read anyway.
        allowed: Folders into which links may lead.
    """

    def __init__(self, root: Path, allowed: Sequence[str] = ()) -> None:
        self._home = root.resolve()
        self._allowed = [Path(each).resolve() for each in allowed]
        self._refused: Counter[str] = Counter()

    def problem(self, path: Path) -> str:
        """Why a path is not followed; empty where it is, or is no link."""
        if not path.is_symlink():
            return ""
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return "a symbolic link to nothing"
        if not any(target.is_relative_to(each) for each in self._allowed):
            self._refused[str(target if target.is_dir() else target.parent)] += 1
            return f"a symbolic link to {target}, which was not named with follow_links="
        if target.is_dir() and (
            path.parent.resolve().is_relative_to(target) or len(path.parts) > _DEEPEST
        ):
            return "a symbolic link to a folder around it"
        return ""

    def may_read(self, path: Path) -> bool:
        """Whether a file lies, links resolved, with the data or in a folder that was named."""
        try:
            target = path.resolve()
        except (OSError, RuntimeError, ValueError):
            return False
        return any(target.is_relative_to(each) for each in (self._home, *self._allowed))

    @property
    def refused(self) -> tuple[int, str]:
        """How many links were not followed, and the folder that most of them lead into."""
        if not self._refused:
            return 0, ""
        around = os.path.commonpath(self._refused)
        commonest = self._refused.most_common(1)[0][0]
        return self._refused.total(), around if around != os.sep else commonest

    def notes(self) -> list[str]:
        """A sentence about the links that were not followed; none where there was none."""
        count, folder = self.refused
        links = "1 symbolic link was" if count == 1 else f"{count:,} symbolic links were"
        said = f"{links} not followed; follow_links={folder!r} reads what they lead to"
        return [said] * bool(count)
