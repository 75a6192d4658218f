"""Where a program's arrays lie: memory that is used again, and the order of axes that NumPy would choose.

A sum's last bits depend on the order in which memory is walked, so every array of a program has its axes in
the order that the result of the same call would have in a new array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Order = tuple[int, ...]
# Arrays begin at multiples of so many bytes of their block.
_ALIGNED = 64
# Smaller arrays than this have blocks of their own.
_SMALL = 1 << 16
# Blocks are made larger than they need to be up to so many bytes.
_LARGEST = 1 << 26


class Piece(NamedTuple):
    """Bytes of a block, from `start` up to `stop`."""

    block: int
    start: int
    stop: int


class Pool:
    """Arrays that can be used again once their contents are no longer needed.

    What is asked for gets a piece that was given back and has its size, the last one first: it is likely to
    be in the cache. Otherwise neighbours become one, and it gets the smallest piece that is large enough.
    Small arrays have blocks of their own: there is little to gain, and what lies where something else was
    just read cannot go through one loop with it (`loops.py`).

    Parameters
    ----------
    likely : int
        How many bytes will be asked for in all. The block for large arrays is made no smaller, since one that
        is too large costs nothing: memory that nobody ever touches is never there.
    beside : Pool, optional
        The pool of a program that never runs at the same time: all of its memory may be used.

    Attributes
    ----------
    blocks : list of array
        All memory there is, used or free.
    used : list of int
        How many bytes of each block, from its beginning, were ever given away.
    taken : list of Piece
        Every piece that was given away, in order.
    """

    def __init__(self, likely: int = 0, beside: Pool | None = None) -> None:
        self._least = min(likely, _LARGEST)
        self.blocks: list[np.ndarray] = [] if beside is None else list(beside.blocks)
        self.used: list[int] = [0] * len(self.blocks)
        self.taken: list[Piece] = []
        self._free: dict[int, list[Piece]] = {}
        for k, block in enumerate(self.blocks):
            self.give_back(Piece(k, 0, len(block)))
        # The block for large arrays that is not full, and where the rest of it begins.
        self._open, self._end = -1, 0

    def take(
        self, shape: tuple[int, ...], dtype: Any, order: Order | None = None
    ) -> tuple[np.ndarray, Piece]:
        """An array with its axes in memory in this order, and the piece it lies in, to be given back."""
        count = math.prod(shape) * np.dtype(dtype).itemsize
        # One line of the cache more than needed, so that arrays whose size is a power of two do not all begin
        # in the same of its sets.
        size = (-(-count // _ALIGNED) + 1) * _ALIGNED
        piece = self._piece(size)
        self.used[piece.block] = max(self.used[piece.block], piece.stop)
        self.taken.append(piece)
        raw = self.blocks[piece.block][piece.start : piece.start + count]
        return arranged(raw.view(dtype), shape, order), piece

    def _piece(self, size: int) -> Piece:
        free = self._free.get(size)
        return free.pop() if free else (size >= _SMALL and self._part(size)) or self._new(size)

    def give_back(self, piece: Piece) -> None:
        """Let the bytes be used for something else."""
        self._free.setdefault(piece.stop - piece.start, []).append(piece)

    def _part(self, size: int) -> Piece | None:
        """The beginning of a larger piece."""
        self._join()
        lengths = [length for length, pieces in self._free.items() if pieces and length >= size]
        if not lengths:
            return None
        found = min(lengths)
        block, start, stop = self._free[found].pop()
        if found > size:
            self.give_back(Piece(block, start + size, stop))
        return Piece(block, start, start + size)

    def _join(self) -> None:
        """Make one piece of those that lie side by side."""
        pieces = sorted(piece for free in self._free.values() for piece in free)
        self._free.clear()
        joined: list[Piece] = []
        for piece in pieces:
            last = joined[-1] if joined else None
            if last is not None and last.block == piece.block and last.stop == piece.start:
                joined[-1] = Piece(last.block, last.start, piece.stop)
            else:
                joined.append(piece)
        for piece in joined:
            if piece.block == self._open and piece.stop == self._end:
                self._end = piece.start
            else:
                self.give_back(piece)

    def _new(self, size: int) -> Piece:
        """The next bytes of the block for large arrays, or a new block."""
        if size < _SMALL:
            return Piece(self._block(size), 0, size)
        room = len(self.blocks[self._open]) - self._end if self._open >= 0 else 0
        if room < size:
            if room:
                self.give_back(Piece(self._open, self._end, self._end + room))
            self._open, self._end = self._block(max(size, self._least)), 0
        start, self._end = self._end, self._end + size
        return Piece(self._open, start, self._end)

    def _block(self, length: int) -> int:
        self.blocks.append(aligned(length, np.uint8))
        self.used.append(0)
        return len(self.blocks) - 1


class SamePlaces(Pool):
    """The pieces of another pool, for a program that takes arrays in the same order, and none larger.

    The two programs must not run at the same time.
    """

    def __init__(self, other: Pool) -> None:
        super().__init__()
        self.blocks, self.used = other.blocks, other.used
        self._left = iter(other.taken)

    def _piece(self, size: int) -> Piece:
        piece = next(self._left, None)
        if piece is None or piece.stop - piece.start < size:
            raise OtherPlacesError
        return piece

    def give_back(self, piece: Piece) -> None:
        """Nothing: where the next array lies is known."""


class OtherPlacesError(Exception):
    """A program takes other arrays than the one whose places it was to have."""


def aligned(size: int, dtype: Any) -> np.ndarray:
    """A vector of zeros that begins where a line of the cache does, so that no vector register takes two."""
    count = size * np.dtype(dtype).itemsize
    if not count:
        return np.zeros(0, dtype)
    raw = np.zeros(count + _ALIGNED, np.uint8)
    start = -raw.__array_interface__["data"][0] % _ALIGNED
    # By a memory view, so that what is cut from it says that this is its base.
    return np.frombuffer(raw.data[start : start + count], dtype)


def arranged(flat: np.ndarray, shape: tuple[int, ...], order: Order | None) -> np.ndarray:
    """A vector as an array whose axes lie in memory in this order, the outermost first."""
    if order is None:
        return flat.reshape(shape)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return flat.reshape([shape[k] for k in order]).transpose(inverse)


def order_of(array: np.ndarray) -> Order | None:
    """The axes as memory has them, the outermost first; None for the usual order."""
    if array.flags.c_contiguous:
        return None
    order = tuple(sorted(range(array.ndim), key=lambda k: -abs(array.strides[k])))
    return None if order == tuple(range(array.ndim)) else order


def order_of_result(operands: Sequence[np.ndarray]) -> Order | None:
    """The order that NumPy gives to what an operation makes of these entry by entry."""
    walk = np.nditer([*operands, None], ["zerosize_ok", "refs_ok"])
    return order_of(walk.operands[-1])


def skeleton(array: Any) -> np.ndarray:
    """An array of the same shape and strides without its entries, which must not be read."""
    array = np.asarray(array)
    bone = np.zeros(1, array.dtype)
    return np.lib.stride_tricks.as_strided(bone, array.shape, array.strides, writeable=False)


def specimen(bones: np.ndarray) -> np.ndarray:
    """Zeros that lie in memory as a skeleton says, with gaps where it is a part of something larger."""
    if not bones.size:
        return np.zeros_like(bones, subok=False)
    reach = [(size - 1) * stride for size, stride in zip(bones.shape, bones.strides, strict=True)]
    before = -sum(r for r in reach if r < 0)
    room = np.zeros(sum(map(abs, reach)) + bones.itemsize, np.uint8)
    return np.ndarray(bones.shape, bones.dtype, room, before, bones.strides)
