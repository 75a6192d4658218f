"""Parquet files: columns of numbers, of texts that stand for classes, and of short vectors of numbers.

pyarrow reads them, and is imported by the first Parquet file and by nothing else. A column is read when it is
asked for; a gap in a column that nobody uses is no mistake.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from graphlang.records import Record, field
from graphlang.run.files import MAX_BYTES, Place, is_readable_file, printable, reason


class ParquetTable(Record, frozen=False):
    """A Parquet file's columns.

    Attributes
    ----------
    path : str
    names : tuple of str
    file : pyarrow.parquet.ParquetFile
    arrow : module
        pyarrow itself.
    classes : dict of int to tuple of str
        Of the columns of text converted so far, their classes in order.
    """

    path: str
    names: tuple[str, ...]
    file: Any
    arrow: Any
    classes: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def column(self, column: int, place: Place) -> np.ndarray | None:
        """One column: numbers, shape (rows,) or (rows, k), texts as class numbers; None after an error."""
        what = f'`{printable(self.names[column])}` of "{self.path}"'
        try:
            found = self.file.read([self.names[column]]).column(self.names[column])
            return self._converted(column, found, what, place)
        except (self.arrow.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
            place.error(f"{what} cannot be read: {printable(reason(error))}.")
            return None

    def _converted(self, column: int, cells: Any, what: str, place: Place) -> np.ndarray | None:
        types = self.arrow.types
        if types.is_dictionary(cells.type):
            cells = cells.cast(cells.type.value_type)
        kind, gaps = cells.type, cells.null_count
        if types.is_fixed_size_list(kind) and not gaps:
            parts = [chunk.flatten() for chunk in cells.chunks]
            gaps = sum(part.null_count for part in parts)
        if gaps:
            place.error(
                f"{what} has {gaps} {'gap' if gaps == 1 else 'gaps'}: nothing can be learned from a gap.",
                suggestion="Fill the gaps, or leave these rows out.",
            )
        elif _is_number(types, kind):
            return np.asarray(cells.to_numpy())
        elif types.is_fixed_size_list(kind) and _is_number(types, kind.value_type):
            entries = np.asarray(self.arrow.chunked_array(parts, kind.value_type).to_numpy())
            return entries.reshape(len(cells), kind.list_size)
        elif types.is_string(kind) or types.is_large_string(kind):
            return self._class_numbers(column, cells)
        else:
            _report_kind(types, kind, what, place)
        return None

    def _class_numbers(self, column: int, texts: Any) -> np.ndarray:
        compute: Any = importlib.import_module("pyarrow.compute")
        classes = sorted(texts.unique().to_pylist())
        self.classes[column] = tuple(classes)
        numbers = compute.index_in(texts, value_set=self.arrow.array(classes, texts.type))
        return np.asarray(numbers.to_numpy(), dtype=np.int64)


def open_parquet(path: str, place: Place) -> ParquetTable | None:
    """Read what a Parquet file says of its columns.

    Parameters
    ----------
    path : str
    place : Place
        Where to report that pyarrow is missing, a file that is damaged or declares more than 16 GiB, and two
        columns of one name.

    Returns
    -------
    ParquetTable, or None after an error
    """
    if not is_readable_file(path, place):
        return None
    try:
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
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
    except (arrow.ArrowException, OSError, ValueError, MemoryError) as error:
        place.error(f'"{path}" is not a complete Parquet file: {printable(reason(error))}.')
        return None
    if len(set(names)) < len(names):
        place.error(f'"{path}" has several columns of one name.')
        return None
    if size > MAX_BYTES:
        place.error(f'"{path}" declares more than {MAX_BYTES >> 30} GiB; a Parquet file is read at once.')
        return None
    return ParquetTable(path, names, file, arrow)


def _is_number(types: Any, kind: Any) -> bool:
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _report_kind(types: Any, kind: Any, what: str, place: Place) -> None:
    is_list = types.is_list(kind) or types.is_large_list(kind)
    advice = "Save lists of one length as `fixed_size_list`, or each entry as a column." if is_list else None
    place.error(
        f"{what} holds `{printable(str(kind))[:60]}`: neither numbers, nor texts,"
        " nor lists of one length of numbers.",
        suggestion=advice,
    )
