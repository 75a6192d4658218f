"""Where columns come from: one interface to CSV files, NumPy arrays, Parquet files and generated data.

A `Table` knows its columns by name or number and hands them out as arrays whose first axis is the rows. One
that was opened with `is_header_only` knows the names but has no rows to give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphlang.generators import GENERATORS
from graphlang.records import Record, field
from graphlang.run.csv_reader import read_csv, read_csv_header
from graphlang.run.files import Place
from graphlang.run.npy_reader import read_npy, read_npy_header, read_npz, read_npz_headers
from graphlang.run.parquet_reader import open_parquet

# Gives one column, or None after reporting why not.
Fetch = Callable[[int, Place], "np.ndarray | None"]


class Table(Record, frozen=False):
    """Columns by name or number.

    Attributes
    ----------
    called : str
        How messages call it: `"digits.csv"` in quotes, or the generator.
    names : tuple of str, or None
        Names of the columns; None if they are numbered.
    width : int
        How many there are.
    fetch : function
        `fetch(column, place)` gives a column: floats, integers or booleans, or None after an error.
    whole : array or None
        All columns together, where they are one array anyway.
    extra : dict of str to array
        Further arrays by name that are no columns of their own, such as the `x` of a generator.
    classes : dict of str to tuple of str
        Of the columns of text handed out so far, the classes in order.
    """

    called: str
    names: tuple[str, ...] | None
    width: int
    fetch: Fetch
    whole: np.ndarray | None = None
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, key: str | int) -> int | None:
        """Position of a column by name, or by number (from the end if negative)."""
        if isinstance(key, str):
            return self.names.index(key) if self.names is not None and key in self.names else None
        return key % self.width if -self.width <= key < self.width else None

    def name(self, column: int) -> str:
        """How messages call a column."""
        return self.names[column] if self.names is not None else str(column)

    def column(self, column: int, place: Place) -> np.ndarray | None:
        """One column; texts become class numbers."""
        array = self.fetch(column, place)
        if array is None:
            return None
        if array.dtype.kind == "U":
            values, numbers = np.unique(array, return_inverse=True)
            self.classes[self.name(column)] = tuple(str(v) for v in values)
            return numbers.reshape(array.shape).astype(np.int64)
        return array

    def columns(self, columns: Sequence[int], place: Place) -> np.ndarray | None:
        """Several columns side by side as floats, shape (rows, columns); those of rank 2 keep their width."""
        if self.whole is not None and self.whole.ndim >= 2:
            every = len(columns) == self.width
            return np.asarray(self.whole if every else self.whole[:, list(columns)], dtype=np.float64)
        parts: list[np.ndarray] = []
        for column in columns:
            part = self.column(column, place)
            if part is None:
                return None
            if part.ndim not in (1, 2):
                place.error(
                    f"`{self.name(column)}` of {self.called} has shape {list(part.shape)}:"
                    " only arrays of one or two axes stand side by side.",
                    suggestion=f'Take it by itself: `column("{self.name(column)}")`.',
                )
                return None
            if parts and len(part) != len(parts[0]):
                place.error(
                    f"`{self.name(column)}` of {self.called} has {len(part)} rows,"
                    f" `{self.name(columns[0])}` has {len(parts[0])}."
                )
                return None
            parts.append(np.asarray(part.reshape(len(part), -1 if part.size else 1), dtype=np.float64))
        return np.concatenate(parts, axis=1)


def open_table(
    kind: str, path: str, options: dict[str, Any], place: Place, *, is_header_only: bool
) -> Table | None:
    """The table behind a data source; `options` are checked already. None after an error."""
    if kind in GENERATORS:
        return _generated(kind, options, is_header_only)
    opener = {"csv": _csv, "npz": _npz, "npy": _npy, "parquet": _parquet}[kind]
    return opener(path, options, place, is_header_only)


def _nothing(column: int, place: Place) -> None:
    return None


def _csv(path: str, options: dict[str, Any], place: Place, is_header_only: bool) -> Table | None:
    settings = {"delimiter": options.get("delimiter"), "has_header": options.get("header")}
    called = f'"{path}"'
    if is_header_only:
        header = read_csv_header(path, place, **settings)
        return None if header is None else Table(called, header.names, header.width, _nothing)
    csv = read_csv(path, place, **settings)
    if csv is None:
        return None
    table = Table(called, csv.header.names, csv.header.width, _nothing, whole=csv.numbers)
    table.fetch = lambda column, at: _classed(table, column, csv.column(column, at), csv.classes)
    return table


def _classed(
    table: Table, column: int, array: np.ndarray | None, classes: dict[int, tuple[str, ...]]
) -> np.ndarray | None:
    """A column just read, after its classes have been noted under its name."""
    if column in classes:
        table.classes[table.name(column)] = classes[column]
    return array


def _npz(path: str, options: dict[str, Any], place: Place, is_header_only: bool) -> Table | None:
    if is_header_only:
        headers = read_npz_headers(path, place)
        return None if headers is None else Table(f'"{path}"', tuple(headers), len(headers), _nothing)
    arrays = read_npz(path, place)
    return None if arrays is None else _named(f'"{path}"', arrays)


def _named(called: str, arrays: dict[str, np.ndarray]) -> Table:
    every = list(arrays.values())
    return Table(called, tuple(arrays), len(arrays), lambda column, place: every[column])


def _npy(path: str, options: dict[str, Any], place: Place, is_header_only: bool) -> Table | None:
    if is_header_only:
        header = read_npy_header(path, place)
        if header is None:
            return None
        return Table(f'"{path}"', None, header.shape[1] if len(header.shape) > 1 else 1, _nothing)
    array = read_npy(path, place)
    if array is None:
        return None
    if array.ndim == 0:
        place.error(f'"{path}" holds a single number, not rows.')
        return None
    return array_table(f'"{path}"', array)


def array_table(called: str, array: np.ndarray) -> Table:
    """The table of one array, shape (rows,) or (rows, columns, …): its columns are numbered."""
    width = 1 if array.ndim == 1 else array.shape[1]
    whole = None if array.dtype.kind == "U" else array

    def fetch(column: int, place: Place) -> np.ndarray | None:
        return array if array.ndim == 1 else array[:, column]

    return Table(called, None, width, fetch, whole=whole)


def _parquet(path: str, options: dict[str, Any], place: Place, is_header_only: bool) -> Table | None:
    file = open_parquet(path, place)
    if file is None:
        return None
    table = Table(f'"{path}"', file.names, len(file.names), _nothing)
    if not is_header_only:
        table.fetch = lambda column, at: _classed(table, column, file.column(column, at), file.classes)
    return table


def _generated(kind: str, options: dict[str, Any], is_header_only: bool) -> Table:
    generator = GENERATORS[kind]
    settings = generator.options() | options
    # Names are known without drawing: one row will do.
    n = 1 if is_header_only else int(settings["n"])
    rng = np.random.default_rng(int(settings["seed"]))
    x, y = generator.make(rng, n, float(settings["noise"]), int(settings.get("classes", 2)))
    arrays = {f"x{k}": np.ascontiguousarray(x[:, k]) for k in range(generator.features)} | {"label": y}
    table = _named(f"`{kind}`", arrays)
    table.extra = {"x": x, "y": y}
    return table
