"""Where columns come from: one interface to CSV files, NumPy arrays, Parquet files and generated data.

A `Table` knows its columns by name or number and hands them out as arrays whose first axis is the rows. One
that was opened with `is_header_only` knows the names but has no rows to give.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang.run.csv_reader import CsvTable, read_csv, read_csv_header
from graphlang.run.files import Place, is_readable_file, printable, reason
from graphlang.run.generators import GENERATORS
from graphlang.run.npy_reader import read_npy, read_npy_header, read_npz, read_npz_headers

# Gives one column, or None after reporting why not.
Fetch = Callable[[int, Place], "np.ndarray | None"]


@dataclass(slots=True)
class Table:
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
    table.fetch = lambda column, at: _csv_column(csv, table, column, at)
    return table


def _csv_column(csv: CsvTable, table: Table, column: int, place: Place) -> np.ndarray | None:
    array = csv.column(column, place)
    if column in csv.classes:
        table.classes[csv.name(column)] = csv.classes[column]
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
    if array.dtype.kind == "U":
        return Table(f'"{path}"', None, 1 if array.ndim == 1 else array.shape[1], _texts(array))
    if array.ndim == 1:
        return Table(f'"{path}"', None, 1, lambda column, at: array, whole=array)
    return Table(f'"{path}"', None, array.shape[1], lambda column, at: array[:, column], whole=array)


def _texts(array: np.ndarray) -> Fetch:
    return lambda column, place: array if array.ndim == 1 else array[:, column]


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


# --- Parquet -----------------------------------------------------------------------------------------


def _parquet(path: str, options: dict[str, Any], place: Place, is_header_only: bool) -> Table | None:
    if not is_readable_file(path, place):
        return None
    try:
        # Only who reads Parquet needs pyarrow.
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        place.error(
            f'"{path}" is a Parquet file, and pyarrow is not installed.',
            suggestion="Install it: `pip install pyarrow`.",
        )
        return None
    try:
        file = parquet.ParquetFile(path)
        names = tuple(file.schema_arrow.names)
    except (arrow.ArrowException, OSError, ValueError, MemoryError) as error:
        place.error(f'"{path}" is not a complete Parquet file: {printable(reason(error))}.')
        return None
    called = f'"{path}"'
    if len(set(names)) < len(names):
        place.error(f"{called} has several columns of one name.")
        return None
    if is_header_only:
        return Table(called, names, len(names), _nothing)

    def fetch(column: int, at: Place) -> np.ndarray | None:
        try:
            return _arrow_column(arrow, file.read([names[column]]).column(0), names[column], called, at)
        except (arrow.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
            at.error(f"`{printable(names[column])}` of {called} cannot be read: {printable(reason(error))}.")
            return None

    return Table(called, names, len(names), fetch)


def _arrow_column(arrow: Any, column: Any, name: str, called: str, place: Place) -> np.ndarray | None:
    if column.null_count:
        gaps = column.null_count
        place.error(
            f"`{printable(name)}` of {called} has {gaps} gaps: nothing can be learned from them.",
            suggestion="Fill the gaps, or leave these rows out.",
        )
        return None
    kind, types = column.type, arrow.types
    if types.is_dictionary(kind):
        kind, column = kind.value_type, column.cast(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind):
        return np.array(column.to_pylist(), dtype=np.str_)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return np.asarray(column.to_numpy())
    place.error(f"`{printable(name)}` of {called} holds {kind}, neither numbers nor texts.")
    return None
