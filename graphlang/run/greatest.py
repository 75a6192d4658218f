"""The greatest entry of each row, as softmax needs it.

NumPy takes long for every row. Halves of rows against one another, and at last columns, are several times as
fast, and a maximum does not depend on the order.
"""

from __future__ import annotations

import numpy as np

from graphlang.run.operand import Operand, Writer

# Rows whose greatest entry is found by columns: how long they may be, how narrow they are made first, and how
# many there are at least.
_LONG, _NARROW, _MANY = 256, 16, 16


def greatest_along(w: Writer, x: Operand, axis: int, into: np.ndarray) -> list[str]:
    """The statements that fill `into` with the maximum along an axis.

    Parameters
    ----------
    x : Operand
    axis : int
    into : array
        Of the shape of `x` with 1 for the axis.
    """
    size = x.shape[axis]
    is_usable = x.array is not None and x.array.flags.c_contiguous and axis % len(x.shape) == len(x.shape) - 1
    if not is_usable or not 1 < size <= _LONG or into.size < _MANY:
        return [f"{w.constant(np.maximum.reduce)}({x.text}, {axis!r}, None, {w.constant(into)}, True)"]
    rows, maximum = x.array.reshape(-1, size), w.constant(np.maximum)
    lines: list[str] = []
    while size > _NARROW and size % 2 == 0:
        half = w.room((into.size, size // 2), x.dtype)
        a, b, size = rows[:, : size // 2], rows[:, size // 2 :], size // 2
        lines.append(f"{maximum}({w.constant(a)}, {w.constant(b)}, out={w.constant(half)})")
        rows = half
    columns = w.room((size, into.size), x.dtype)
    lines.append(f"{w.constant(np.copyto)}({w.constant(columns)}, {w.constant(rows.T)})")
    out = w.constant(into.reshape(-1))
    return [*lines, f"{w.constant(np.maximum.reduce)}({w.constant(columns)}, 0, None, {out})"]
