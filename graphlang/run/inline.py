"""Operations written as an expression with a new result, where that is cheaper than filling an array.

Arithmetic of single numbers takes a tenth of the time with NumPy's scalars, whose bits are the same; views of
arrays that change from run to run are made anew; a few entries picked out of an array come as a copy anyway.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphlang.run.operand import Operand, Writer

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
        return _picked(w, operands, attrs)
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
    return total if op == "sum" else f"{total} / {w.constant(np.array(math.prod(x.shape), x.dtype)[()])}"


def _picked(w: Writer, operands: list[Operand], attrs: dict[str, Any]) -> str | None:
    x, indices = operands
    if len(x.shape) != 2 or len(indices.shape) != 1 or attrs["axis"] not in (-1, 1):
        return None
    return f"{x.text}[{w.constant(np.arange(x.shape[0]))}, {indices.text}]"
