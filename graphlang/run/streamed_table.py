"""Tables of NumPy files that are larger than one wants in memory: any rows of them make a `Table`.

A column is either streamed, its rows read from the file for each table, or held: arrays that are small,
compressed, or texts (whose class numbers are those of all rows) are read once, when they are first needed.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from graphlang.records import Record, field
from graphlang.run.files import Place, is_readable_file, printable, reason
from graphlang.run.npy_reader import (
    ArrayHeader,
    BadArrayError,
    Entry,
    read_npy_header,
    read_npz,
    read_npz_entries,
)
from graphlang.run.streamed_array import StreamedArray, can_be_streamed, stamp_of
from graphlang.run.tables import Table, array_table

# Arrays of more bytes than this are streamed; smaller ones are quicker in memory.
STREAM_ABOVE = 64 << 20
# What is read at once although it is not meant for streaming: compressed arrays, arrays stored column by
# column, and what a formula over all rows needs. More would rather exhaust the memory than train.
MEMORY_LIMIT = 4 << 30


class StreamedTable(Record, frozen=False):
    """A file of which any rows can be had as a table.

    Attributes
    ----------
    path : str
    names : tuple of str, or None
        Names of the arrays of a `.npz` file; None for a `.npy` file, whose columns are numbered.
    headers : tuple of ArrayHeader
        Of every array: one for a `.npy` file.
    streams : dict of int to StreamedArray
        Those that are streamed, by position in `headers`.
    held : dict of int to array
        Those read so far of the others.
    classes : dict of str to tuple of str
        Of the texts among them, the classes in order.
    """

    path: str
    names: tuple[str, ...] | None
    headers: tuple[ArrayHeader, ...]
    streams: dict[int, StreamedArray]
    held: dict[int, np.ndarray] = field(default_factory=dict)
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def positions(self, columns: Iterable[int]) -> list[int]:
        """Which arrays hold these columns of its tables."""
        return [0 for _ in columns][:1] if self.names is None else list(columns)

    def hold(self, position: int, place: Place) -> bool:
        """Read an array that is not streamed; False after an error."""
        if position in self.streams or position in self.held:
            return True
        assert self.names is not None
        name, size = self.names[position], self.headers[position].nbytes
        if size > MEMORY_LIMIT:
            place.error(
                f'`{printable(name)}` in "{self.path}" holds {gib(size)} but cannot be read row by row:'
                " it is compressed, stored column by column, or texts.",
                suggestion="Save it uncompressed, with `numpy.savez`, or alone as a .npy file.",
            )
            return False
        arrays = read_npz(self.path, place, only=name)
        if arrays is None or name not in arrays:
            return False
        # A table of this array alone turns texts into class numbers as any other table does.
        small = Table(f'"{self.path}"', (name,), 1, lambda column, at: arrays[name])
        array = small.column(0, place)
        self.classes |= small.classes
        if array is not None:
            self.held[position] = array
        return array is not None

    def table(self, indices: np.ndarray, place: Place) -> Table | None:
        """The table of some rows, in which every array counts them alike; None after an error."""
        called = f'"{self.path}"'
        if self.names is None:
            array = self._rows(0, indices, place)
            return None if array is None else array_table(called, array)
        read: dict[int, np.ndarray | None] = {}

        def fetch(column: int, at: Place) -> np.ndarray | None:
            if column not in read:
                read[column] = self._rows(column, indices, at)
            return read[column]

        return Table(called, self.names, len(self.names), fetch)

    def _rows(self, position: int, indices: np.ndarray, place: Place) -> np.ndarray | None:
        stream = self.streams.get(position)
        if stream is None:
            array = self.held[position]
            return array[indices] if array.ndim else array
        try:
            return stream.rows(indices)
        except (BadArrayError, OSError, MemoryError) as error:
            Place(place.problems, "E0804", place.span).error(
                f'"{self.path}" cannot be read: {reason(error)}.'
            )
            return None


def open_streamed(kind: str, path: str, place: Place) -> StreamedTable | None:
    """The table of a `.npy` or `.npz` file that has something to stream.

    Parameters
    ----------
    kind : str
        "npy" or "npz"; of any other nothing is streamed.
    path : str
    place : Place
        Gets the errors of a file that cannot be read, or is too large to be read at once.

    Returns
    -------
    StreamedTable, or None after an error or if the file is better read at once
    """
    if kind not in ("npy", "npz") or not is_readable_file(path, place):
        return None
    try:
        stamp = stamp_of(path)
    except OSError as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
        return None
    return _open_npy(path, stamp, place) if kind == "npy" else _open_npz(path, stamp, place)


def _open_npy(path: str, stamp: tuple[int, int], place: Place) -> StreamedTable | None:
    # A small file is small however its numbers are stored.
    header = read_npy_header(path, place) if stamp[0] > STREAM_ABOVE else None
    if header is None:
        return None
    if not can_be_streamed(header):
        if header.nbytes > MEMORY_LIMIT:
            place.error(
                f'"{path}" holds {gib(header.nbytes)} but cannot be read row by row: it is stored column'
                " by column, or texts.",
                suggestion="Save it row by row: `numpy.save(path, numpy.ascontiguousarray(array))`.",
            )
        return None
    return StreamedTable(path, None, (header,), {0: StreamedArray(path, header, header.start, stamp)})


def _open_npz(path: str, stamp: tuple[int, int], place: Place) -> StreamedTable | None:
    entries: dict[str, Entry] | None = read_npz_entries(path, place)
    if entries is None or all(e.header.nbytes <= STREAM_ABOVE for e in entries.values()):
        return None
    headers = tuple(e.header for e in entries.values())
    streams = {
        i: StreamedArray(path, e.header, e.start, stamp)
        for i, e in enumerate(entries.values())
        if e.start is not None and e.header.nbytes > STREAM_ABOVE and can_be_streamed(e.header)
    }
    return StreamedTable(path, tuple(entries), headers, streams)


def gib(size: int) -> str:
    """A number of bytes for a message."""
    return f"{size / (1 << 30):.1f} GiB"
