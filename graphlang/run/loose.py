"""Spellings that take sums in another order than the kernels do: the fast ones of `--fast` and `--threads`.

Sums along rows or columns are products with a vector of ones, which BLAS computes several times as fast as
NumPy adds; a stack of matrices times one matrix is a single product of all their rows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphlang.run.greatest import greatest_along
from graphlang.run.memory import order_of
from graphlang.run.operand import Operand, Spelling, Writer

# Sums of fewer terms are left to NumPy.
_LEAST = 8


def _call(w: Writer, function: Any, *arrays: np.ndarray) -> str:
    return f"{w.constant(function)}({', '.join(w.constant(a) for a in arrays)})"


def _summed(w: Writer, x: np.ndarray, axis: Any, out: np.ndarray, factor: float = 1.0) -> str | None:
    """`factor` times the sum of `x` over some axes, if these lie first or last in memory."""
    rank = x.ndim
    axes = (
        set(range(rank))
        if axis is None
        else {a % rank for a in (axis if isinstance(axis, tuple) else (axis,))}
    )
    order = order_of(x) or tuple(range(rank))
    dense = x.transpose(order)
    kept = [k for k in order if k not in axes]
    count = math.prod(x.shape[k] for k in axes)
    rest = math.prod(x.shape[k] for k in kept)
    is_usable = dense.flags.c_contiguous and out.flags.c_contiguous and kept == sorted(kept)
    if not is_usable or count < _LEAST or rest < 2:
        return None
    ones = np.full(count, factor, x.dtype)
    if set(order[: len(axes)]) == axes:
        return _call(w, np.dot, ones, dense.reshape(count, rest), out.reshape(rest))
    if set(order[len(kept) :]) == axes:
        return _call(w, np.dot, dense.reshape(rest, count), ones, out.reshape(rest))
    return None


def _sum(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    (x,) = operands
    if x.array is None or out.array is None or x.dtype != out.dtype or out.dtype.kind != "f":
        return None
    line = _summed(w, x.array, attrs["axis"], out.array)
    return None if line is None else [line]


def _mean(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    (x,) = operands
    if x.array is None or out.array is None or x.dtype != out.dtype or not out.array.size:
        return None
    line = _summed(w, x.array, attrs["axis"], out.array, out.array.size / max(1, x.array.size))
    return None if line is None else [line]


def _inner(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    x, y = operands
    if out.array is None or not (x.dtype == y.dtype == out.dtype):
        return None
    into = w.constant(out.array[..., 0] if attrs["keepdims"] else out.array)
    return [f"{w.constant(np.vecdot)}({x.text}, {y.text}, {into})"]


def _matmul(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """A stack of matrices times one matrix."""
    x, y = operands
    if x.array is None or y.array is None or out.array is None or len(x.shape) < 3 or len(y.shape) != 2:
        return None
    is_plain = x.array.flags.c_contiguous and out.array.flags.c_contiguous and x.dtype == y.dtype == out.dtype
    if not is_plain or out.dtype.kind != "f":
        return None
    rows = x.array.reshape(-1, x.shape[-1])
    return [_call(w, np.dot, rows, y.array, out.array.reshape(-1, out.shape[-1]))]


def _softmax(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    (x,), last = operands, len(out.shape) - 1
    is_last = attrs["axis"] % len(out.shape) == last
    if not is_last or out.array is None or not out.array.flags.c_contiguous or out.shape[-1] < 4 * _LEAST:
        return None
    rows = w.room((*out.shape[:-1], 1), out.dtype)
    t, exp = w.constant(rows), w.constant(np.exp)
    total = _summed(w, out.array, -1, rows)
    if total is None:
        return None
    return [
        *greatest_along(w, x, -1, rows),
        f"{w.constant(np.subtract)}({x.text}, {t}, {out.text})",
        f"{exp}({out.text}, {out.text})",
        total,
        f"{w.constant(np.reciprocal)}({t}, {t})",
        f"{w.constant(np.multiply)}({out.text}, {t}, {out.text})",
    ]


def _sigmoid(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """1 / (1 + exp(-x)); where the exponential is infinite, this is 0, as it should be."""
    (x,) = operands
    if x.dtype != out.dtype or out.array is None:
        return None
    one = np.ones((), out.dtype)
    return [
        f"{w.constant(np.negative)}({x.text}, {out.text})",
        _call(w, np.exp, out.array, out.array),
        _call(w, np.add, out.array, one, out.array),
        _call(w, np.reciprocal, out.array, out.array),
    ]


SPELLINGS: dict[str, Spelling] = {
    "sigmoid": _sigmoid,
    "sum": _sum,
    "mean": _mean,
    "inner": _inner,
    "matmul": _matmul,
    "softmax": _softmax,
}
