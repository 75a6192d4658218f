"""Rows of a data source, had when they are needed, so that training works on data larger than memory.

A source that is small, generated, or a CSV or Parquet file is computed at once, and taking rows indexes the
arrays. Of a large NumPy file (`streamed_table.py`) the rows are read from the file each time, and the lines
of the block are computed on those rows alone. Either way the numbers are those of `load_data`, bit for bit.

A line that needs every row of the file, such as `columns() - mean(columns(), axis = 0)`, is computed at once
like a small source, up to a limit. It is not summed up in a pass over the file, since that would round
differently from the same file in memory.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.model import Column, DataSpec
from graphlang.records import Record, replace
from graphlang.run import streamed_table
from graphlang.run.columns import meant_columns, references
from graphlang.run.datasets import classes_of, lines_of, load_data, open_header, path_of
from graphlang.run.files import Place, printable
from graphlang.run.formulas import Block
from graphlang.run.streamed_table import StreamedTable, gib, open_streamed
from graphlang.run.tables import Table
from graphlang.source import SourceFile, Span

_KINDS = {".csv": "csv", ".npz": "npz", ".npy": "npy", ".parquet": "parquet"}


class Rows(Record):
    """What a data source feeds to the inputs of a model, row by row.

    Attributes
    ----------
    spec : DataSpec
        The source; its file is the one that is read.
    count : int
        How many rows there are, at least 1.
    names : tuple of str
        The names of the block's lines, which are the inputs that they feed.
    classes : dict of str to tuple of str
        Of each text column of the file that was used, the classes in order: class number i is entry i.
    classes_of : dict of str to tuple of str
        The same by the names in `names`, for those that are just a column.
    held : dict of str to array, shape (count, …)
        Of the lines that were computed at once.
    streamed : tuple of Column
        The other lines, computed when their rows are taken.
    source : StreamedTable or None
        Where those come from; None if there are none.
    """

    spec: DataSpec
    count: int
    names: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    classes_of: Mapping[str, tuple[str, ...]]
    held: Mapping[str, np.ndarray]
    streamed: tuple[Column, ...] = ()
    source: StreamedTable | None = None

    @property
    def file(self) -> str | None:
        """The path of the file that they are from, if they are from one."""
        return path_of(self.spec) if self.spec.path else None

    @property
    def is_in_memory(self) -> bool:
        """Whether every line was computed at once."""
        return self.source is None

    @property
    def arrays(self) -> dict[str, np.ndarray] | None:
        """All rows of every line, as `load_data` gives them; None unless all is in memory."""
        return {name: self.held[name] for name in self.names} if self.is_in_memory else None

    def take(self, indices: np.ndarray | Sequence[int]) -> dict[str, np.ndarray]:
        """Some rows of every line.

        Parameters
        ----------
        indices : int array, shape (n,)
            In any order and perhaps repeated; negative ones count from the end. Neighbours are quick to read.

        Returns
        -------
        dict of str to array, shape (n, …)
            By name: the entries and dtypes of `load_data`'s arrays at `indices`.

        Raises
        ------
        IndexError
            If an index is not an integer or there is no such row.
        GraphlangError
            E0804 if the file has changed or cannot be read any more, E0807 if a line cannot be computed for
            one of the rows or is not finite there; the message gives the number of the row in the file.
        """
        problems = Problems()
        taken = self._taken(_checked(indices, self.count), problems)
        if taken is None:
            raise GraphlangError(problems)
        return taken

    def extended(self, more: Mapping[str, np.ndarray]) -> Rows:
        """These rows, which must be in memory, with more after them; lines that `more` lacks are left out."""
        assert self.is_in_memory
        held = {name: np.concatenate([self.held[name], added]) for name, added in more.items()}
        count = len(next(iter(held.values())))
        classes_of = {name: c for name, c in self.classes_of.items() if name in held}
        return replace(self, count=count, names=tuple(held), held=held, classes_of=classes_of)

    def _taken(self, indices: np.ndarray, problems: Problems) -> dict[str, np.ndarray] | None:
        taken = {name: array[indices] for name, array in self.held.items()}
        if self.source is not None:
            # NumPy adds up the columns of a single row in another order than those of many rows.
            few = np.resize(indices, 2) if len(indices) < 2 <= self.count else indices
            few = few if len(few) else np.zeros(1, dtype=np.int64)
            table = self.source.table(few, Place(problems, "E0804", self.spec.span))
            arrays = None if table is None else _lines(self, table, few, problems)
            if arrays is None:
                return None
            taken |= {name: array[: len(indices)] for name, array in arrays.items()}
        return {name: taken[name] for name in self.names}


def open_rows(spec: DataSpec, problems: Problems, path: str | None = None) -> Rows | None:
    """Open a data source for taking rows.

    Parameters
    ----------
    spec : DataSpec
    problems : Problems
        Gets the errors of `load_data`. Of a file that stays where it is, only the headers and the first row
        are checked here, the others when they are taken.
    path : str, optional
        A file to read instead of the source's own, relative to the working directory; its ending says of
        which kind it is.

    Returns
    -------
    Rows, or None after an error
    """
    found = spec if path is None else _on_file(spec, path, problems)
    if found is None:
        return None
    before = len(problems.errors)
    source = open_streamed(found.kind, path_of(found), Place(problems, "E0804", found.span))
    if len(problems.errors) > before:
        return None
    if source is not None:
        return _open_source(found, source, problems)
    data = load_data(found, problems)
    if data is None:
        return None
    return Rows(found, data.rows, tuple(data.arrays), data.classes, data.classes_of, data.arrays)


def _on_file(spec: DataSpec, path: str, problems: Problems) -> DataSpec | None:
    kind = _KINDS.get(os.path.splitext(path)[1].lower())
    if kind is None:
        problems.error(
            "E0804",
            spec.span,
            f'"{printable(path)}" cannot be read as data: it is not clear what kind of file it is.',
            notes=["Files of data end in .csv, .npz, .npy or .parquet."],
        )
        return None
    # Options are about the file that is replaced, unless the other one is of the same kind.
    options = spec.options if kind == spec.kind else {}
    return replace(spec, kind=kind, path=path, options=options, source=SourceFile(path, "", None))


def _checked(indices: np.ndarray | Sequence[int], count: int) -> np.ndarray:
    chosen = np.asarray(indices)
    if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
        raise IndexError("rows are taken by a list of integers")
    chosen = chosen.astype(np.int64)
    if chosen.size and (chosen.min() < -count or chosen.max() >= count):
        raise IndexError(f"there are {count} rows, counted from 0")
    return np.where(chosen < 0, chosen + count, chosen)


def _lines(rows: Rows, table: Table, numbers: np.ndarray, problems: Problems) -> dict[str, np.ndarray] | None:
    """The streamed lines for some rows; None after an error."""
    block = Block(rows.spec, table, problems, numbers)
    arrays = {line.name: block.line(line) for line in rows.streamed}
    found = {name: array for name, array in arrays.items() if array is not None}
    return found if len(found) == len(arrays) else None


# --- opening -----------------------------------------------------------------------------------------


def _open_source(spec: DataSpec, source: StreamedTable, problems: Problems) -> Rows | None:
    before = len(problems.errors)
    header = open_header(spec, problems)
    lines = None if header is None else lines_of(spec, header, problems)
    if header is None or lines is None:
        return None
    count = _count(spec, header, source, lines, problems)
    if len(problems.errors) > before:
        return None
    streamed = _streamed(spec, header, source, lines, problems)
    held = None if streamed is None else _held(spec, source, count, lines, streamed, problems)
    if streamed is None or held is None:
        return None
    rows = Rows(
        spec,
        count,
        tuple(line.name for line in lines),
        source.classes,
        classes_of(lines, header, source.classes),
        held,
        streamed,
        source if streamed else None,
    )
    # What is wrong with a formula is wrong in the first row.
    return rows if rows._taken(np.zeros(1, dtype=np.int64), problems) is not None else None


def _count(
    spec: DataSpec, header: Table, source: StreamedTable, lines: Sequence[Column], problems: Problems
) -> int:
    """The number of rows, on which all columns have to agree; reads the arrays that are not streamed."""
    block = Block(spec, header, problems)
    place = Place(problems, "E0804", spec.span)
    for line in lines:
        block.span = line.span
        for reference in references(line.formula):
            positions = meant_columns(header, reference, line.span, problems) or ()
            span = reference[-1] if isinstance(reference[-1], Span) else line.span
            for position in source.positions(positions):
                if source.hold(position, place):
                    block.counted(_stand_in(source, position), span)
    return block.rows or 0


def _stand_in(source: StreamedTable, position: int) -> np.ndarray:
    """An array of a column's shape and dtype that takes no memory."""
    if position in source.held:
        return source.held[position]
    header = source.headers[position]
    return np.broadcast_to(np.zeros((), dtype=header.dtype), header.shape)


def _streamed(
    spec: DataSpec, header: Table, source: StreamedTable, lines: Sequence[Column], problems: Problems
) -> tuple[Column, ...] | None:
    """The lines that read streamed arrays and keep rows apart; None if one of the others is too large."""
    # Two rows tell whether a formula mixes them; what else is wrong with it is reported later.
    table = source.table(np.zeros(2, dtype=np.int64), Place(problems, "E0804", spec.span))
    if table is None:
        return None
    block = Block(spec, table, Problems())
    found: list[Column] = []
    is_good = True
    for line in lines:
        used = _streams(header, source, line)
        mixing = block.mixes_rows(line) if used else None
        if used and mixing is None:
            found.append(line)
        # Formulas are computed in 64 bits.
        size = sum(math.prod(source.headers[p].shape) * 8 for p in used)
        if mixing is not None and size > streamed_table.MEMORY_LIMIT:
            _report_mixing(line, mixing, size, problems)
            is_good = False
    return tuple(found) if is_good else None


def _streams(header: Table, source: StreamedTable, line: Column) -> list[int]:
    """The streamed arrays that a line reads."""
    found: set[int] = set()
    for reference in references(line.formula):
        positions = meant_columns(header, reference, line.span, Problems()) or ()
        found.update(p for p in source.positions(positions) if p in source.streams)
    return sorted(found)


def _held(
    spec: DataSpec,
    source: StreamedTable,
    count: int,
    lines: Sequence[Column],
    streamed: Sequence[Column],
    problems: Problems,
) -> dict[str, np.ndarray] | None:
    """The lines that are computed at once; None after an error."""
    others = [line for line in lines if line not in streamed]
    if not others:
        return {}
    table = source.table(np.arange(count), Place(problems, "E0804", spec.span))
    if table is None:
        return None
    block = Block(spec, table, problems)
    arrays = {line.name: block.line(line) for line in others}
    found = {name: array for name, array in arrays.items() if array is not None}
    return found if len(found) == len(arrays) else None


def _report_mixing(line: Column, mixing: str, size: int, problems: Problems) -> None:
    problems.error(
        "E0807",
        line.span,
        f"`{mixing}` needs all rows of the file at once here, which takes {gib(size)} of memory.",
        notes=[f"Up to {gib(streamed_table.MEMORY_LIMIT)} is computed at once."],
        suggestion="Compute what it says about the whole file once, and write the numbers here.",
    )
