"""Setting numbers to zero that are too small to count (`plan/fading.py` says which, and why)."""

from __future__ import annotations

import numpy as np

from graphlang.run.flat_update import PIECE


def fade(array: np.ndarray) -> None:
    """Set numbers below the smallest normal one to 0, in place, and piece by piece to need little memory."""
    least = np.finfo(array.dtype).tiny
    flat = array.reshape(-1)  # a view: states are contiguous
    for start in range(0, flat.size, PIECE):
        piece = flat[start : start + PIECE]
        piece[np.abs(piece) < least] = 0
