"""Setting numbers to zero that are too small to count (`plan/fading.py` says which, and why)."""

from __future__ import annotations

import numpy as np

# Entries that are looked at together, so that little memory is needed.
_PIECE = 32_768


def fade(array: np.ndarray) -> None:
    """Set numbers below the smallest normal one to 0, in place."""
    least = np.finfo(array.dtype).tiny
    flat = array.reshape(-1)  # a view: states are contiguous
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        piece[np.abs(piece) < least] = 0
