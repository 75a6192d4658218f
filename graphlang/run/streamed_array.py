"""An array that stays in its file: rows are read when they are asked for.

Rows are read with ordinary reads at their offsets, not through a memory map. A map counts every page that it
touches into the memory of the process, and a file that is cut short while it is mapped ends the process with
a signal; a read that comes back short is a diagnostic.
"""

from __future__ import annotations

import math
import os
from itertools import pairwise

import numpy as np

from graphlang.records import Record
from graphlang.run.npy_reader import ArrayHeader, BadArrayError, fill


class StreamedArray(Record):
    """The rows of an array in a file, in C order and not compressed.

    Attributes
    ----------
    path : str
    header : ArrayHeader
        Checked against the size of the file.
    start : int
        Where its first number stands in the file, in bytes.
    stamp : tuple of two ints
        Size and time of change of the file when the header was read; see `stamp_of`.
    """

    path: str
    header: ArrayHeader
    start: int
    stamp: tuple[int, int]

    def rows(self, indices: np.ndarray) -> np.ndarray:
        """Some rows, in any order and perhaps repeated.

        Parameters
        ----------
        indices : int64 array, shape (n,), from 0 to the number of rows - 1

        Returns
        -------
        array, shape (n, …), in the machine's byte order

        Raises
        ------
        BadArrayError
            If the file is not the one that was checked, or ends too early.
        OSError
            If it cannot be read.
        """
        wanted, places = np.unique(indices, return_inverse=True)
        array = self._read(wanted)
        is_as_read = len(wanted) == len(indices) and bool((places[1:] > places[:-1]).all())
        return array if is_as_read else array[places]

    def _read(self, wanted: np.ndarray) -> np.ndarray:
        """Rows in ascending order, each stretch of neighbours with one read."""
        dtype, shape = self.header.dtype, self.header.shape[1:]
        width = math.prod(shape) * dtype.itemsize
        buffer = np.empty(len(wanted) * width, dtype=np.uint8)
        breaks = np.flatnonzero(np.diff(wanted) != 1) + 1
        with open(self.path, "rb", buffering=0) as file:
            if stamp_of(file.fileno()) != self.stamp:
                raise BadArrayError("it has changed since it was opened")
            for first, stop in pairwise([0, *breaks.tolist(), len(wanted)] if len(wanted) else []):
                file.seek(self.start + int(wanted[first]) * width)
                fill(file, buffer[first * width : stop * width])
        array = buffer.view(dtype).reshape(len(wanted), *shape)
        return array.astype(dtype.newbyteorder("="), copy=False)


def stamp_of(file: int | str) -> tuple[int, int]:
    """What changes when a file is written: its size in bytes, and when that was, in nanoseconds."""
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def can_be_streamed(header: ArrayHeader) -> bool:
    """Whether rows of such an array stand together in the file, and need no look at the others.

    Texts do: their classes are those of all rows.
    """
    is_by_rows = not header.is_fortran or len(header.shape) < 2
    return is_by_rows and header.dtype.kind != "U" and header.nbytes > 0 and len(header.shape) > 0
