"""Every error that radiotracer raises on purpose.

    RadiotracerError
    └── InputError            what the caller gave cannot be used (exit status 2)
        ├── DataError         examples, labels, data files
        ├── RunError          recorded trainings and their checkpoints
        ├── NotFiniteError    NaN or infinity where a number is needed
        ├── StorageError      the disk: full, read-only, no permission
        └── WorkerError       worker processes that die again and again

A message is one line with three parts, in this order: what was expected, what came, what to do.
It names arguments as ``seed=``; the command line shows its own options in their place.
Anything else that escapes is a bug of ours (exit status 3).
"""

from __future__ import annotations

from typing import Any


class RadiotracerError(Exception):
    """The root: catch this to catch everything that radiotracer raises on purpose."""


class InputError(RadiotracerError):
    """What the caller gave cannot be used.

    Args:
        expected: What would have been right, e.g. ``"share= in (0, 1)"``.
        came: What was found instead, e.g. ``"1.5"``.
        do: What the reader should do next, e.g. ``"pass share=0.1"``.
    """

    def __init__(self, *, expected: str, came: str, do: str) -> None:
        self.expected = _one_line(expected)
        self.came = _one_line(came)
        self.do = _one_line(do)
        super().__init__(f"expected {self.expected}; got {self.came}; {self.do}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors come back from workers in other processes."""
        return _again, (type(self), self.expected, self.came, self.do)


class DataError(InputError):
    """Examples, labels or data files cannot be used."""


class RunError(InputError):
    """A recorded training, or one of its checkpoints, cannot be used."""


class NotFiniteError(InputError):
    """NaN or infinity where a number is needed."""


class StorageError(InputError):
    """The disk refused: full, read-only, or no permission."""


class WorkerError(InputError):
    """Worker processes died; what they had finished is kept."""


def _again(kind: type[InputError], expected: str, came: str, do: str) -> InputError:
    return kind(expected=expected, came=came, do=do)


def _one_line(text: str) -> str:
    """Names may hold line breaks and terminal escapes: show them, do not obey them."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
