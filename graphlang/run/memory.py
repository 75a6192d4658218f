"""Where a program's arrays lie: memory that is used again, and the order of axes that NumPy would choose.

A sum's last bits depend on the order in which memory is walked, so every array of a program has its axes in
the order that the result of the same call would have in a new array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Order = tuple[int, ...]


class Pool:
    """Arrays that can be used again once their contents are no longer needed."""

    def __init__(self) -> None:
        self._free: dict[int, list[np.ndarray]] = {}
        self.nbytes = 0
        # All memory there is, used or free.
        self.blocks: list[np.ndarray] = []

    def take(
        self, shape: tuple[int, ...], dtype: Any, order: Order | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """An array with its axes in memory in this order, and the bytes it lies in, to be given back."""
        count = math.prod(shape) * np.dtype(dtype).itemsize
        free = self._free.get(count)
        if free:
            raw = free.pop()
        else:
            raw = np.empty(count, np.uint8)
            self.nbytes += count
            self.blocks.append(raw)
        return arranged(raw.view(dtype), shape, order), raw

    def give_back(self, raw: np.ndarray) -> None:
        """Let the bytes be used for something else."""
        self._free.setdefault(raw.nbytes, []).append(raw)


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
    """Zeros that lie in memory as a skeleton says."""
    return np.zeros_like(bones, subok=False)
