"""Operations written as an expression with a new result, where that is cheaper than filling an array.

Arithmetic of single numbers takes a tenth of the time with NumPy's scalars, whose bits are the same; views of
arrays that change from run to run are made anew; a few entries picked out of an array come as a copy anyway.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphlang.run.operand import Operand, Writer

# So many truth values are counted as soon by finding all that are true: `count_nonzero` takes a microsecond
# to be called. More than that, so that the text for the last rows of an epoch seldom differs.
_FEW = 4096
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def inlined(
    op: str, w: Writer, operands: list[Operand], shape: tuple[int, ...], kind: Any, attrs: dict[str, Any]
) -> str | None:
    """The expression that gives an operation's result, or None where an array is better filled."""
    if op == "transpose" and operands[0].array is None:
        return f"{operands[0].text}.{'T' if len(shape) == 2 else 'swapaxes(-1, -2)'}"
    if op == "index" and operands[0].array is None:
        return f"{operands[0].text}[{', '.join(map(_place, attrs['items']))}]"
    if op == "gather":
        return _picked(w, operands) if is_pick(operands[0].shape, operands[1].shape, attrs["axis"]) else None
    if op in ("sum", "mean") and operands[0].dtype == np.bool_ and np.dtype(kind).kind == "f":
        return _counted(w, op, operands[0], kind)
    if shape != () or np.dtype(kind).kind != "f" or any(o.dtype != kind for o in operands):
        return None
    if op in _SIGNS and all(o.shape == () for o in operands):
        return f" {_SIGNS[op]} ".join(_number(w, o) for o in operands)
    if op == "neg" and operands[0].shape == ():
        return f"-{_number(w, operands[0])}"
    if op in ("sum", "mean") and np.dtype(kind).itemsize >= 4:
        return _total(w, op, operands[0], attrs["axis"])
    return None


def _place(item: Any) -> str:
    """One part of an index, as Python writes it."""
    if isinstance(item, tuple):
        return ":".join("" if part is None else str(int(part)) for part in item[1:])
    return "..." if item == "..." else str(int(item))


def _number(w: Writer, o: Operand) -> str:
    """A scalar's text; one that lies in an array is taken out of it, since it may change there."""
    if o.number is not None and o.array is not None:
        return w.constant(o.array[()])
    return f"{o.text}[()]" if o.array is not None else o.text


def _total(w: Writer, op: str, x: Operand, axis: Any) -> str | None:
    if not x.shape:
        return None
    total = f"{w.constant(np.add.reduce)}({x.text}, {axis!r})"
    return total if op == "sum" else _divided(w, total, x, x.dtype)


def _divided(w: Writer, total: str, x: Operand, kind: Any) -> str:
    return f"{total} / {w.constant(np.array(math.prod(x.shape), kind)[()])}"


def _counted(w: Writer, op: str, mask: Operand, kind: Any) -> str:
    """The sum or the mean of truth values, at most 2^24, as a float: counting them is exact."""
    if math.prod(mask.shape) <= _FEW:
        count = f"len({mask.text}.nonzero()[0])"
    else:
        count = f"int({w.constant(np.count_nonzero)}({mask.text}))"
    return _divided(w, count, mask, kind) if op == "mean" else f"{w.constant(np.dtype(kind).type)}({count})"


def is_pick(shape: tuple[int, ...], indices: tuple[int, ...], axis: int) -> bool:
    """Whether a `gather` takes one entry of each row of a matrix."""
    return len(shape) == 2 and len(indices) == 1 and axis in (-1, 1)


def _picked(w: Writer, operands: list[Operand]) -> str:
    x, indices = operands
    return f"{x.text}[{w.constant(np.arange(x.shape[0]))}, {indices.text}]"
