"""CSV and its kin: which encoding, which separator, and what stands in the columns."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from radiotracer.data.dataset import LeftOut
from radiotracer.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
"""What may stand between columns, the commonest first."""

NAMES_OF = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

UTF_8 = "UTF-8"

LARGEST = (1 << 31) - 1
"""Bytes of a file of CSV or JSON lines, which is read at once."""

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_LOOKED_AT = 50
_BEGINNING = 1 << 18


@dataclass(frozen=True)
class Delimited:
    """A table without types.

    Args:
        text: All of it.
        encoding: How it was written: ``"UTF-8"``.
        separator: What stands between its columns.
        names: Of its columns, in order; made unique and never empty.
        unnamed: Those of them that have no name in the file.
    """

    text: str
    encoding: str
    separator: str
    names: tuple[str, ...]
    unnamed: frozenset[str]

    def notes(self, suffix: str) -> list[str]:
        """What was not as usual, in sentences."""
        usual = "\t" if suffix == ".tsv" else ","
        said = []
        if self.encoding != UTF_8:
            said.append(f"the table was read as {self.encoding}")
        if self.separator != usual and len(self.names) > 1:
            said.append(f"its columns are divided by {NAMES_OF[self.separator]}")
        return said


def decoded(content: bytes, path: Path) -> tuple[str, str]:
    """Bytes as text, and the encoding: what a mark says, UTF-8, or else Western European.

    Raises:
        DataError: They are no text.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(name), UTF_8 if name == "utf-8-sig" else "UTF-16"
            except UnicodeDecodeError as error:
                raise _no_text(path, f"damaged {name}") from error
    if b"\0" in content[:_BEGINNING]:
        raise _no_text(path, "bytes that are no text")
    try:
        return content.decode(), UTF_8
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def parse_header(content: bytes, path: Path, suffix: str) -> Delimited:
    """The names of the columns.

    Args:
        content: The file, or its beginning.
        path: The file, for errors.
        suffix: Its ending: ``".tsv"`` prefers tabs.

    Raises:
        DataError: No text, or no row of names.
    """
    text, encoding = decoded(content, path)
    text = text.replace("\0", "")
    separator = _separator(text, suffix)
    try:
        first = next(iter(csv.reader(io.StringIO(text, newline=""), delimiter=separator)), [])
    except csv.Error as error:
        raise _no_table(path, str(error)) from error
    if not any(name.strip() for name in first):
        raise _no_table(path, "no names in its first row")
    names, unnamed = _unique(first, path)
    return Delimited(text, encoding, separator, names, unnamed)


def sample(found: Delimited, rows: int = 1000) -> list[list[str]]:
    """The first rows below the names that have as many columns."""
    reader = csv.reader(io.StringIO(found.text, newline=""), delimiter=found.separator)
    kept: list[list[str]] = []
    try:
        for number, row in enumerate(reader):
            if number and len(row) == len(found.names):
                kept.append(row)
            if len(kept) == rows:
                break
    except csv.Error:
        pass  # reading all of it tells
    return kept


def read_delimited(
    found: Delimited, wanted: Sequence[str], path: Path
) -> tuple[pa.Table, list[LeftOut]]:
    """Some columns as texts, and the rows that have more or fewer columns than there are names.

    Raises:
        DataError: They cannot be read.
    """
    wrong: list[LeftOut] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        came = f"{row.actual_columns} columns instead of {row.expected_columns}"
        wrong.append(LeftOut(f"{path.name}, row {row.number}", came))
        return "skip"

    body = found.text.encode()
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(body),
            # One block, so that no row is longer than it.
            read_options=pa.csv.ReadOptions(
                use_threads=False, block_size=max(len(body), 1), column_names=list(found.names)
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=found.separator, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=list(wanted),
                column_types={each: pa.string() for each in wanted},
                null_values=[],
                strings_can_be_null=False,
            ),
        ).slice(1)
    except (ValueError, LookupError, pa.ArrowException, MemoryError) as error:
        raise _no_table(path, str(error) or type(error).__name__) from error
    if len(wrong) > max(3, len(table) // 10):
        raise DataError(
            expected=f"rows of {len(found.names)} columns in {path}",
            came=f"{len(wrong):,} others, the first with {wrong[0].reason.split()[0]}",
            do="put texts that hold the separator in quotation marks",
        )
    return table, wrong


def rows_of(found: Delimited) -> list[list[str]]:
    """All rows that have as many columns as there are names, as `read_delimited` counts them."""
    reader = csv.reader(io.StringIO(found.text, newline=""), delimiter=found.separator)
    before = csv.field_size_limit(LARGEST)
    try:
        return [row for row in list(reader)[1:] if len(row) == len(found.names)]
    finally:
        csv.field_size_limit(before)


def _separator(text: str, suffix: str) -> str:
    """What divides the first lines into the same number of columns, and into most."""
    lines = text[:_BEGINNING].splitlines()[:_LOOKED_AT]
    order = ("\t", *SEPARATORS) if suffix == ".tsv" else SEPARATORS
    best, most = order[0], (0.0, 1)
    for each in order:
        try:
            counts = Counter(len(row) for row in csv.reader(lines, delimiter=each) if row)
        except csv.Error:
            continue
        columns, rows = max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if columns < 2:
            continue
        agreement = rows / counts.total()
        if (round(agreement, 1), min(columns, 2)) > most:
            best, most = each, (round(agreement, 1), min(columns, 2))
    return best


def _unique(first: Sequence[str], path: Path) -> tuple[tuple[str, ...], frozenset[str]]:
    given = [name.strip() for name in first]
    twice = [name for name, count in Counter(given).items() if name and count > 1]
    if twice:
        raise _no_table(path, f"the name {twice[0]} twice in its first row")
    unnamed = {f"column {place + 1}" for place, name in enumerate(given) if not name} - {*given}
    return tuple(name or f"column {place + 1}" for place, name in enumerate(given)), frozenset(
        unnamed
    )


def _no_text(path: Path, came: str) -> DataError:
    return DataError(expected=f"text in {path}", came=came, do="write it in UTF-8")


def _no_table(path: Path, came: str) -> DataError:
    return DataError(
        expected=f"a table with a row of names in {path}",
        came=f"one that cannot be read: {came[:100]}",
        do="write it again",
    )
