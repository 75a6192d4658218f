"""CSV files: a header of names, numbers, and words that stand for classes.

A file in which every cell is a number is read by NumPy in one go. Any other is kept as cells, and a column
is converted only when it is asked for: a gap in a column that nobody uses is no mistake. Every complaint
points at its cell.

- The delimiter is whichever of `,` `;` and tab is commonest in the first line.
- A first line of numbers only is data: the columns are then numbered from 0. Otherwise it names them.
- A column of whole numbers becomes int64, any other column of numbers float64.
- A column in which no cell is a number becomes class numbers, in the sorted order of its texts.
- A gap, a NaN, and a word among numbers are errors.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from graphlang.csv_digits import read_digits
from graphlang.records import Record, field
from graphlang.run.files import Place, is_readable_file, listed, printable, read_text, reason
from graphlang.source import SourceFile, Span

DELIMITERS = (",", ";", "\t")
_MISSING = frozenset({"", "na", "n/a", "nan", "+nan", "-nan", "?"})
# Among numbers these stand for a gap; among texts they may be classes.
_MISSING_NUMBERS = _MISSING | {"null", "none", "-"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+\Z")
# Whole numbers beyond this are not exact as float64, so such a column stays one of floats.
_EXACT = float(2**53)
_LONGEST_LINE = 1 << 20


class CsvHeader(Record):
    """What the first line says: names of the columns (None: they are numbered), how many, the delimiter."""

    names: tuple[str, ...] | None
    width: int
    delimiter: str


class CsvTable(Record, frozen=False):
    """A CSV file's rows.

    Attributes
    ----------
    source : SourceFile
        Its text, for messages.
    header : CsvHeader
    rows : int
        How many there are below the header.
    numbers : float64 array, shape (rows, width), or None
        All cells, when all are finite numbers.
    cells : list of list of str
        All cells otherwise, row by row.
    lines : list of int
        The line on which each row begins, from 1 (empty while `numbers` is set).
    classes : dict of int to tuple of str
        Of the columns of text converted so far, their classes in order.
    """

    source: SourceFile
    header: CsvHeader
    rows: int
    numbers: np.ndarray | None = None
    cells: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    classes: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def name(self, column: int) -> str:
        """How messages call a column."""
        return self.header.names[column] if self.header.names is not None else str(column)

    def column(self, column: int, place: Place) -> np.ndarray | None:
        """One column, int64 or float64 of shape (rows,); None after an error at one of its cells."""
        if self.numbers is not None:
            return _narrowed(self.numbers[:, column])
        texts = [row[column].strip() for row in self.cells]
        values = _numbers(texts)
        if values is not None:
            return _narrowed(values)
        trouble = _trouble(self.name(column), texts)
        if trouble is not None:
            row, message, suggestion = trouble
            place.error_in(self.cell_span(row, column), message, suggestion=suggestion)
            return None
        return self._class_numbers(column, texts)

    def cell_span(self, row: int, column: int) -> Span:
        """Where a cell stands in the file."""
        start = self.source.line_starts[self.lines[row] - 1]
        text = self.source.text
        for _ in range(column):
            start = _cell_end(text, start, self.header.delimiter) + 1
        return Span(self.source, start, max(start + 1, _cell_end(text, start, self.header.delimiter)))

    def _class_numbers(self, column: int, texts: list[str]) -> np.ndarray:
        classes = tuple(sorted(set(texts)))
        number = {text: i for i, text in enumerate(classes)}
        self.classes[column] = classes
        return np.array([number[t] for t in texts], dtype=np.int64)


def read_csv(
    path: str, place: Place, *, delimiter: str | None = None, has_header: bool | None = None
) -> CsvTable | None:
    """Read a CSV file.

    Parameters
    ----------
    path : str
    place : Place
        Where to report a file that cannot be read, is empty, has rows of different lengths, or two columns
        of one name.
    delimiter : str, optional
        What separates cells; found out by default.
    has_header : bool, optional
        Whether the first line names the columns; by default, unless it holds only numbers.

    Returns
    -------
    CsvTable, or None after an error
    """
    source = read_text(path, place)
    if source is None:
        return None
    if not source.text.strip():
        place.error(f'"{path}" is empty.')
        return None
    delimiter = delimiter or _sniffed(source.text)
    return _from_numbers(source, delimiter, has_header, place) or _from_cells(
        source, delimiter, has_header, place
    )


def read_csv_header(
    path: str, place: Place, *, delimiter: str | None = None, has_header: bool | None = None
) -> CsvHeader | None:
    """Read only what the first line of a CSV file says."""
    if not is_readable_file(path, place):
        return None
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = list(islice(_short_lines(file), 64))
    except UnicodeDecodeError:
        # Reading all of it finds the line and says what to do.
        source = read_text(path, place)
        return (
            None
            if source is None
            else _header_of(source.text.split("\n", 64)[:64], place, path, delimiter, has_header)
        )
    except (OSError, MemoryError) as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
        return None
    return _header_of(lines, place, path, delimiter, has_header)


def _short_lines(file: Any) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        yield line


def _header_of(
    lines: Sequence[str], place: Place, path: str, delimiter: str | None, has_header: bool | None
) -> CsvHeader | None:
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        place.error(f'"{path}" is empty.')
        return None
    if "\0" in first:
        place.error(f'"{path}" has a NUL character in its first line: it is not plain text.')
        return None
    delimiter = delimiter or _sniffed(first)
    try:
        row = next(r for r in csv.reader(lines, delimiter=delimiter, strict=True) if _has_cells(r))
    except (csv.Error, StopIteration) as error:
        place.error(f'"{path}" is not a CSV file: {reason(error)}.')
        return None
    return _header(row, delimiter, has_header, place, path)


# --- the fast way ----------------------------------------------------------------------------------


def _from_numbers(
    source: SourceFile, delimiter: str, has_header: bool | None, place: Place
) -> CsvTable | None:
    """The table if every cell below the header is a finite number, else None without a word."""
    lines = [line for line in source.text.split("\n") if line.strip(" \r")]
    try:
        first = next(csv.reader(lines[:1], delimiter=delimiter, strict=True))
    except (csv.Error, StopIteration):
        return None
    names = None
    if _names_columns(first, has_header):
        # Names that cannot stand are reported by the other way.
        names = tuple(c.strip() for c in first)
        if len(set(_given(names))) < len(_given(names)):
            return None
    body = lines[1:] if names is not None else lines
    if not body:
        return None
    try:
        numbers = read_digits(body, len(first), delimiter)
        if numbers is None:
            numbers = np.loadtxt(
                body, delimiter=delimiter, comments=None, quotechar='"', ndmin=2, dtype=np.float64
            )
    except (ValueError, MemoryError, OverflowError):
        return None
    if numbers.shape != (len(body), len(first)) or not np.isfinite(numbers).all():
        return None
    return CsvTable(source, CsvHeader(names, len(first), delimiter), len(body), numbers)


# --- the careful way -------------------------------------------------------------------------------


def _from_cells(source: SourceFile, delimiter: str, has_header: bool | None, place: Place) -> CsvTable | None:
    path = source.name
    # Lines end at "\n" alone, as they do for spans.
    reader = csv.reader(io.StringIO(source.text, newline="\n"), delimiter=delimiter, strict=True)
    cells: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for row in reader:
            if _has_cells(row):
                cells.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        at = max(1, min(reader.line_num, len(source.line_starts)))
        place.error_in(_line_span(source, at), f'"{path}" is not a CSV file: {reason(error)} in line {at}.')
        return None
    header = _header(cells[0], delimiter, has_header, place, path) if cells else None
    if header is None:
        if not cells:
            place.error(f'"{path}" is empty.')
        return None
    if header.names is not None:
        del cells[0], lines[0]
    if not cells:
        place.error(f'"{path}" names its columns but has no rows.')
        return None
    for row, at in zip(cells, lines, strict=True):
        if len(row) != header.width:
            place.error_in(
                _line_span(source, at),
                f"This row has {_cells(len(row))}, but the first line has {header.width}.",
                suggestion=f"Cells are separated by {_delimiter_name(delimiter)}; a cell that contains one"
                ' is written in quotes: `"a, b"`.',
            )
            return None
    return CsvTable(source, header, len(cells), None, cells, lines)


def _header(
    first: list[str], delimiter: str, has_header: bool | None, place: Place, path: str
) -> CsvHeader | None:
    if not _names_columns(first, has_header):
        return CsvHeader(None, len(first), delimiter)
    names = tuple(c.strip() for c in first)
    given = _given(names)
    twice = sorted({n for n in given if given.count(n) > 1}) if len(set(given)) < len(given) else []
    if twice:
        place.error(
            f'"{path}" has several columns called {listed(map(printable, twice))}.',
            suggestion="Give every column its own name.",
        )
        return None
    return CsvHeader(names, len(first), delimiter)


def _given(names: tuple[str, ...]) -> list[str]:
    return [n for n in names if n]


def _names_columns(first: list[str], has_header: bool | None) -> bool:
    return has_header if has_header is not None else not all(_is_number(c.strip()) for c in first)


def _has_cells(row: list[str]) -> bool:
    return bool(row) and (len(row) > 1 or bool(row[0].strip()))


def _sniffed(text: str) -> str:
    first = next((line for line in text.split("\n", 64) if line.strip()), "")
    outside = "".join(first.split('"')[::2])  # of quotation marks
    return max(DELIMITERS, key=outside.count)


def _numbers(texts: list[str]) -> np.ndarray | None:
    """The texts as finite floats, or None if one is not."""
    try:
        values = np.array([float(t) for t in texts], dtype=np.float64)
    except ValueError:
        return None
    # Python reads 1_000, CSV files do not.
    return values if np.isfinite(values).all() and not any("_" in t for t in texts) else None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text)) and "_" not in text
    except ValueError:
        return False


def _is_infinite(text: str) -> bool:
    try:
        return math.isinf(float(text))
    except ValueError:
        return False


def _trouble(name: str, texts: list[str]) -> tuple[int, str, str | None] | None:
    """Why a column is neither numbers nor classes: the row, what is wrong there, and what to do."""
    different = set(texts)
    has_numbers = any(_is_number(t) for t in different)
    missing = _MISSING_NUMBERS if has_numbers else _MISSING
    gaps = {t for t in different if t.lower() in missing}
    if gaps:
        row, count = _first(texts, gaps), sum(t in gaps for t in texts)
        what = f"has `{texts[row]}`" if texts[row] else "has no value"
        message = f"`{name}` {what} here: nothing can be learned from a gap ({count} of {len(texts)} rows)."
        return row, message, "Fill the gaps, or leave these rows out."
    infinite = {t for t in different if _is_infinite(t)}
    if infinite:
        row = _first(texts, infinite)
        return row, f"`{name}` has `{texts[row][:40]}` here, which is no finite number.", None
    if has_numbers:
        row = _first(texts, {t for t in different if not _is_number(t)})
        message = f"`{name}` is a column of numbers, but this is `{printable(texts[row][:40])}`."
        return row, message, "A column holds numbers only, or texts only."
    if all(_DECIMAL_COMMA.match(t) for t in different):
        better = texts[0][:40].replace(",", ".")
        return 0, f"`{name}` is written with a decimal comma.", f"Write it with a point: `{better}`."
    return None


def _first(texts: list[str], bad: set[str]) -> int:
    return next(i for i, t in enumerate(texts) if t in bad)


def _narrowed(values: np.ndarray) -> np.ndarray:
    """Whole numbers as int64, others as they are."""
    is_whole = bool((values == np.floor(values)).all()) and bool((np.abs(values) <= _EXACT).all())
    return values.astype(np.int64) if is_whole else np.ascontiguousarray(values)


def _cell_end(text: str, start: int, delimiter: str) -> int:
    """Offset of the delimiter or line end that closes the cell which begins at `start`."""
    at, is_quoted = start, False
    while at < len(text):
        c = text[at]
        if c == '"':
            is_quoted = not is_quoted
        elif not is_quoted and (c == delimiter or c in "\r\n"):
            break
        at += 1
    return at


def _line_span(source: SourceFile, line: int) -> Span:
    start = source.line_starts[line - 1]
    return Span(source, start, max(start + 1, start + len(source.line(line))))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _delimiter_name(delimiter: str) -> str:
    return {"\t": "tabs", ",": "commas", ";": "semicolons"}.get(delimiter, f"`{delimiter}`")
