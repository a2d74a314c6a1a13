"""Which column of a table is which: as they are named, by convention, or by what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from radiotracer.data.format import Options
from radiotracer.data.labels import FEW, MISSING
from radiotracer.data.opening import SUFFIXES as PICTURES
from radiotracer.errors import DataError

IMAGES = ("image", "img", "picture", "photo")
"""Names of a column of encoded images."""

FILES = ("file_name", "filename", "file", "filepath", "file_path", "path", "image_path", *IMAGES)
"""Names of a column of paths to images; in small letters, as all names here are compared."""

NAMED_ALIKE = ("id", "image_id", "img_id", "image_name", "name")
"""Names of a column that may hold the names of images without their endings."""

TEXTS = ("text", "sentence", "content", "document", "review", "message", "comment", "tweet")
"""Names of a column of texts; the first four count whatever they hold."""

LABELS = ("label", "labels", "fine_label")
"""Names of a column of labels."""

ALSO_LABELS = ("class", "target", "category", "y", "classes", "class_name", "label_name")
"""Names of a column that is taken for the labels, and said, where none is called like `LABELS`."""

IDS = "id"
"""Name of the column of ids, of text or integers, where there is one."""

INDEXES = ("index", "__index_level_0__", "unnamed: 0", "level_0")
"""Names of the column in which other programs write the number of the row."""

Holds = Literal["images", "files", "texts", "rows"]
"""What a row of a table is an example of: encoded images, names of files of such, and so on."""

_CERTAIN = 4


@dataclass(frozen=True)
class Peek:
    """What the beginning of a table says.

    Args:
        names: Of the columns, in order.
        kinds: By name: ``"bytes"``, ``"text"``, ``"number"`` or ``"other"``.
        sample: By name the first values, None where there is none; of bytes none at all.
        features: Hugging Face's types by column; empty without them.
        typed: Whether the file knows types: in CSV all is text.
        unnamed: Columns that have no name in the file.
    """

    names: Sequence[str]
    kinds: Mapping[str, str]
    sample: Mapping[str, Sequence[Any]]
    features: Mapping[str, Any] = field(default_factory=dict)
    typed: bool = True
    unnamed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Roles:
    """What the columns are.

    Args:
        holds: What a row is an example of.
        item: The column of images, files or texts; None for rows, which have many.
        label: The column of labels.
        id: The column of ids; None: rows are numbered.
        ignored: Columns that are nothing: row numbers, and empty ones without a name.
        notes: What was guessed, in sentences.
    """

    holds: Holds
    item: str | None
    label: str
    id: str | None = None
    ignored: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """The columns that are read where rows are not the examples."""
        return [each for each in (self.item, self.label, self.id) if each is not None]


Resolve = Callable[[Sequence[str]], bool]
"""Whether most of these names are those of images that lie beside the table."""


def holds(peek: Peek, options: Options, resolve: Resolve) -> Holds:
    """What the rows of such a table are examples of."""
    return _item(peek, options, resolve)[0]


def roles_of(peek: Peek, options: Options, resolve: Resolve, root: object) -> Roles:
    """Which column is which.

    Args:
        peek: The beginning of the table.
        options: Names that the caller gave.
        resolve: Tells names of files.
        root: Where, for errors.

    Raises:
        DataError: A column that is not there, or several that may be meant.
    """
    given = (options.image_column, options.text_column, options.label_column, options.id_column)
    for name in given:
        if name is not None and name not in peek.names:
            raise DataError(
                expected=f"a column called {name} in {root}",
                came=f"columns {_listed(peek.names)}",
                do="check the spelling",
            )
    kind, items = _item(peek, options, resolve)
    if len(items) > 1:
        argument = "text_column" if kind == "texts" else "image_column"
        raise DataError(
            expected=f"one column of {'texts' if kind == 'texts' else 'images'} in {root}",
            came=f"both {' and '.join(items[:5])}",
            do=f"pass {argument}=",
        )
    item = items[0] if items else None
    ignored = _ignored(peek)
    names = [name for name in peek.names if name != item and name not in ignored]
    if options.label_column is None and not peek.typed and _are_numbers(peek.names):
        raise _no_names(peek, root)
    label, guessed = _label(peek, names, options.label_column, kind, root)
    id = options.id_column or next(
        (each for each in peek.names if each == IDS and each not in (item, label)), None
    )
    notes = []
    if guessed:
        _require_names(peek, label, root)
        notes.append(f"labels are taken from the column {label!r}")
    if item is not None and options.text_column is None and _is_guess(item, kind):
        notes.append(f"{'texts' if kind == 'texts' else 'images'} are taken from {item!r}")
    return Roles(kind, item, label, None if kind == "files" else id, ignored, tuple(notes))


def _item(peek: Peek, options: Options, resolve: Resolve) -> tuple[Holds, list[str]]:
    """What rows hold, and the columns that may hold it: several where nobody can tell."""
    if options.image_column is not None:
        name = options.image_column
        return ("files" if peek.kinds.get(name) == "text" else "images"), [name]
    if options.text_column is not None:
        return "texts", [options.text_column]
    features = peek.features
    by_name = [name for name in peek.names if _low(name) in IMAGES]
    by_type = [
        name
        for name in peek.names
        if isinstance(features.get(name), dict) and features[name].get("_type") == "Image"
    ]
    of_bytes = [name for name in peek.names if peek.kinds[name] == "bytes"]
    for names in (by_name, by_type, of_bytes):
        images = [name for name in names if peek.typed and peek.kinds[name] != "text"]
        if images:
            return "images", images
    return _named_or_prose(peek, {options.label_column, options.id_column}, resolve, by_name)


def _named_or_prose(
    peek: Peek, taken: Set[str | None], resolve: Resolve, by_name: Sequence[str]
) -> tuple[Holds, list[str]]:
    """Columns of names of files, or of texts."""
    texts = [name for name in peek.names if peek.kinds[name] == "text" and name not in taken]
    files = [name for name in texts if _are_files(peek.sample[name])] or [
        name
        for name in peek.names
        if name not in taken
        and _low(name) in (*FILES, *NAMED_ALIKE)
        and resolve([str(each) for each in peek.sample[name] if each is not None])
    ]
    if files:
        named = [name for name in files if _low(name) in FILES]
        return "files", named[:1] or files
    certain = [name for name in peek.names if _low(name) in TEXTS[:_CERTAIN] and name not in taken]
    if certain:
        return "texts", certain
    if by_name and peek.kinds[by_name[0]] == "text":
        return "files", [*by_name[:1]]
    return _prose(peek, texts)


def _prose(peek: Peek, texts: Sequence[str]) -> tuple[Holds, list[str]]:
    """Columns of sentences, where nothing else is there that rows could be told apart by."""
    prose = [name for name in texts if _is_prose(peek.sample[name])]
    named = [name for name in prose if _low(name) in TEXTS]
    ignored = _ignored(peek)
    others = [
        name
        for name in peek.names
        if name not in ignored and name not in prose and _low(name) != IDS
    ]
    # One of the others is the label; numbers besides make it a table with a column of notes.
    if named or (prose and len(others) <= 1):
        return "texts", named or prose
    return "rows", []


def _label(
    peek: Peek, names: Sequence[str], given: str | None, kind: Holds, root: object
) -> tuple[str, bool]:
    """The column of labels, one of these names, and whether it was guessed."""
    if given is not None:
        return given, False
    features = peek.features
    by_name = [name for name in names if _low(name) in LABELS]
    by_type = [
        name
        for name in names
        if isinstance(features.get(name), dict) and features[name].get("_type") == "ClassLabel"
    ]
    certain = by_name or by_type
    if len(certain) > 1:
        raise _which(f"both {' and '.join(certain)}", root)
    if certain:
        return certain[0], False
    also = [name for name in names if _low(name) in ALSO_LABELS]
    if len(also) == 1:
        return also[0], True
    if not also:
        candidates = [name for name in names if _low(name) != IDS and _are_classes(peek, name)]
        texts = [name for name in candidates if peek.kinds[name] == "text"]
        if kind == "rows":
            texts = [name for name in texts if not _are_numbers(peek.sample[name])]
            candidates = (
                texts if texts else candidates[-1:] if candidates[-1:] == names[-1:] else []
            )
        if len(candidates) == 1:
            return candidates[0], True
    raise _which(f"columns {_listed(peek.names)}", root)


def _which(came: str, root: object) -> DataError:
    return DataError(
        expected=f"one column called {' or '.join(LABELS)} in {root}",
        came=came,
        do="pass label_column=",
    )


def _require_names(peek: Peek, label: str, root: object) -> None:
    """Raise where the first row seems to be an example: its label occurs among the labels."""
    if not peek.typed and label in peek.sample[label]:
        raise _no_names(peek, root)


def _no_names(peek: Peek, root: object) -> DataError:
    return DataError(
        expected=f"a first row of names in {root}",
        came=f"what looks like an example: {_listed(peek.names)[:80]}",
        do="write a row of names above, such as label,text",
    )


def _ignored(peek: Peek) -> frozenset[str]:
    """Row numbers of other programs, and columns without a name that are empty."""
    found = set()
    for name in peek.names:
        values = [each for each in peek.sample[name] if each not in (None, "")]
        if (
            _low(name) in INDEXES
            or (name in peek.unnamed and _count_up(values))
            or (name in peek.unnamed and not values)
        ):
            found.add(name)
    return frozenset(found)


def _count_up(values: Sequence[Any]) -> bool:
    try:
        numbers = [int(each) for each in values]
    except (TypeError, ValueError):
        return False
    return bool(numbers) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _are_files(values: Sequence[Any]) -> bool:
    known = [each for each in values if isinstance(each, str) and each]
    ends = [each for each in known if any(each.lower().endswith(end) for end in PICTURES)]
    return len(ends) > 0.8 * len(known) > 0


def _is_prose(values: Sequence[Any]) -> bool:
    """Mostly different texts of a few words and more."""
    known = [each for each in values if isinstance(each, str) and each.strip()]
    if len(known) < 2:
        return False
    words = sum(len(each.split()) for each in known) / len(known)
    return words >= 3 and len(set(known)) > len(known) / 2


def _are_classes(peek: Peek, name: str) -> bool:
    """Few different values, each of which occurs again."""
    if peek.kinds[name] not in ("text", "number"):
        return False
    known = [each for each in peek.sample[name] if each is not None and each not in MISSING]
    different = len(set(known))
    return 2 <= different <= max(FEW, len(known) // 5) and different < len(known)


def _are_numbers(values: Sequence[Any]) -> bool:
    try:
        return all(float(each) is not None for each in values if each not in (None, *MISSING))
    except (TypeError, ValueError):
        return False


def _is_guess(item: str, kind: Holds) -> bool:
    known = {"images": IMAGES, "files": FILES, "texts": TEXTS[:_CERTAIN], "rows": ()}[kind]
    return _low(item) not in known


def _low(name: str) -> str:
    return name.strip().casefold()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + ", …" * (len(names) > 10)
