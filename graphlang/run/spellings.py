"""How operations are written so that they fill an array that is there already, instead of making a new one.

Each spelling gives statements of NumPy whose result has the same bits as the operation's kernel; which those
are is tested for every one of them (`tests/run/test_program.py`). An operation without a spelling, or with
operands that its spelling does not suit, is done by its kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphlang.plan.combine import selection
from graphlang.run import sliding
from graphlang.run.code import Statement
from graphlang.run.greatest import greatest_along
from graphlang.run.memory import order_of
from graphlang.run.operand import Operand, Spelling, Writer

# Entry by entry: the result may take the place of an operand that is not needed any more.
ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "neg": np.negative,
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "abs": np.abs,
    "sign": np.sign,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_not": np.logical_not,
}
# A table of rows from which `one_hot` takes them, so that it stays in the cache.
_TABLE_BYTES = 1 << 14
# Other operations whose result may take an operand's place.
IN_PLACE = frozenset({*ELEMENTWISE, "relu", "pow", "where", "softmax", "sigmoid"})


def elementwise(w: Any, op: str, operands: list[str], out: str) -> str:
    """The call of an operation in `ELEMENTWISE` that fills `out`; `w` names what stays."""
    # NumPy means to give a third positional operand of these two another meaning.
    keyword = "out=" if op in ("maximum", "minimum") else ""
    return f"{w.constant(ELEMENTWISE[op])}({', '.join(operands)}, {keyword}{out})"


def spelled(
    op: str,
    w: Writer,
    operands: list[Operand],
    out: Operand,
    attrs: dict[str, Any],
    *,
    is_exact: bool = True,
) -> list[str] | None:
    """The statements that fill `out`, or None where the kernel has to do it.

    With `is_exact` they give the kernel's bits, without it they may take sums in another order.
    """
    if not is_exact:
        from graphlang.run import loose

        found = loose.SPELLINGS.get(op)
        lines = None if found is None else found(w, operands, out, attrs)
        if lines is not None:
            return lines
    if op in ELEMENTWISE:
        return [elementwise(w, op, [o.text for o in operands], out.text)]
    found = _SPELLINGS.get(op)
    return None if found is None else found(w, operands, out, attrs)


def _relu(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str]:
    zero = w.constant(np.zeros((), out.dtype))
    return [elementwise(w, "maximum", [operands[0].text, zero], out.text)]


def _power(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    # NumPy squares for an exponent of 2.
    if operands[1].number != 2 or operands[0].shape != out.shape:
        return None
    return [f"{w.constant(np.square)}({operands[0].text}, {out.text})"]


def _where(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`where(mask, g, 0)` without a branch for each entry: the bits of `g` as an integer, times 1 or 0."""
    mask, chosen, other = operands
    is_mask = mask.shape == chosen.shape == out.shape and other.number == 0 and not _is_negative(other.number)
    if not is_mask or chosen.array is None or out.array is None or out.dtype.kind != "f":
        return None
    integer = np.dtype(f"i{out.dtype.itemsize}")
    a, b = w.constant(chosen.array.view(integer)), w.constant(out.array.view(integer))
    return [f"{w.constant(np.multiply)}({a}, {mask.text}, {b})"]


def _is_negative(value: float | None) -> bool:
    return value is not None and math.copysign(1.0, value) < 0


def _matmul(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    x, y = operands
    if x.dtype != y.dtype or out.dtype.kind != "f" or min(len(x.shape), len(y.shape)) < 1:
        return None
    is_plain = len(x.shape) == len(y.shape) == 2 and out.array is not None and out.array.flags.c_contiguous
    # `dot` is called sooner, but may sum in another order what is a part of a larger matrix.
    is_plain = is_plain and all(o.bones.flags.c_contiguous or o.bones.flags.f_contiguous for o in operands)
    function = np.dot if is_plain else np.matmul
    if len(out.shape) < 2 and not is_plain:
        return None
    return [f"{w.constant(function)}({x.text}, {y.text}, {out.text})"]


def _reduction(ufunc: Any) -> Spelling:
    def spell(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
        (x,) = operands
        if x.dtype != out.dtype:
            return None
        return [_reduced(w, ufunc, x.text, attrs["axis"], out.text, attrs["keepdims"])]

    return spell


def _reduced(w: Writer, ufunc: Any, x: str, axis: Any, out: str, keepdims: bool) -> str:
    return f"{w.constant(ufunc.reduce)}({x}, {axis!r}, None, {out}, {keepdims!r})"


def _mean(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    (x,) = operands
    if x.dtype != out.dtype or out.dtype.itemsize < 4:
        return None
    entries = math.prod(x.shape) // max(1, math.prod(out.shape))
    total = _reduced(w, np.add, x.text, attrs["axis"], out.text, attrs["keepdims"])
    count = w.constant(np.array(entries, out.dtype))
    return [total, f"{w.constant(np.true_divide)}({out.text}, {count}, {out.text})"]


def _softmax(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str]:
    (x,), axis = operands, attrs["axis"]
    rows = w.room(_flattened(x.shape, axis), out.dtype)
    t = w.constant(rows)
    return [
        *greatest_along(w, x, axis, rows),
        f"{w.constant(np.subtract)}({x.text}, {t}, {out.text})",
        f"{w.constant(np.exp)}({out.text}, {out.text})",
        _reduced(w, np.add, out.text, axis, t, True),
        f"{w.constant(np.true_divide)}({out.text}, {t}, {out.text})",
    ]


def _log_softmax(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str]:
    """With an operand `beside` in the attributes, the softmax itself is written there too.

    With a name `kept` in them, what is to be subtracted of every row at last is kept under it instead.
    """
    (x,), axis, beside, kept = operands, attrs["axis"], attrs.get("beside"), attrs.get("kept")
    shape = _flattened(x.shape, axis)
    rows = w.room(shape, out.dtype) if kept is None else w.lasting(shape, out.dtype)
    t, total = w.constant(rows), w.scratch(shape, out.dtype)
    e = w.constant(w.room(out.shape, out.dtype, order_of(out.bones))) if beside is None else beside.text
    lines = [
        *greatest_along(w, x, axis, rows),
        f"{w.constant(np.subtract)}({x.text}, {t}, {out.text})",
        f"{w.constant(np.exp)}({out.text}, {e})",
        _reduced(w, np.add, e, axis, total, True),
        f"{w.constant(np.log)}({total}, {t})",
    ]
    if kept is None:
        lines.append(f"{w.constant(np.subtract)}({out.text}, {t}, {out.text})")
    else:
        w.keep(kept, rows)
    return lines if beside is None else [*lines, f"{w.constant(np.true_divide)}({e}, {total}, {e})"]


def _flattened(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    at = axis % len(shape)
    return (*shape[:at], 1, *shape[at + 1 :])


def is_looked_up(shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether the rows of a `one_hot` of this shape are few enough for a table of all."""
    return bool(shape[-1] ** 2 * np.dtype(dtype).itemsize <= _TABLE_BYTES)


def _one_hot(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str]:
    (x,), classes = operands, out.shape[-1]
    places = w.constant(np.arange(classes))
    if out.dtype == np.bool_:
        return [f"{w.constant(np.equal)}({x.text}[..., None], {places}, {out.text})"]
    mask = w.scratch(out.shape, np.bool_)
    compared = [
        f"{w.constant(np.equal)}({x.text}[..., None], {places}, {mask})",
        f"{w.constant(np.copyto)}({out.text}, {mask})",
    ]
    if not is_looked_up(out.shape, out.dtype) or x.dtype != np.int64 or not out.bones.flags.c_contiguous:
        return compared
    # A row of zeros before those of the classes and one after them, for integers that are none.
    table, rows = w.constant(np.eye(classes + 2, classes, -1, out.dtype)), w.scratch(x.shape, np.int64)
    one = w.constant(np.ones((), np.int64))
    return [
        Statement(f"{w.constant(np.add)}({x.text}, {one}, {rows})", ()),
        Statement(f"{table}.take({rows}, 0, {out.text}, 'clip')", compared),
    ]


def _to_float(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str]:
    return [f"{w.constant(np.copyto)}({out.text}, {operands[0].text}, 'unsafe')"]


def _argmax(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    if attrs["keepdims"] or operands[0].array is None:
        return None
    return [f"{operands[0].text}.argmax({attrs['axis']!r}, {out.text})"]


def _reshape(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """A copy, row by row, of what does not lie in memory that way."""
    (x,) = operands
    if out.array is None or not out.array.flags.c_contiguous or x.bones.flags.c_contiguous:
        return None
    rows = w.constant(out.array.reshape(x.shape))
    return [f"{w.constant(np.copyto)}({rows}, {x.text})"]


def _assemble(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    if out.array is None or any(o.dtype != out.dtype for o in operands):
        return None
    places = [out.array[selection(items)] for items in attrs["items"]]
    zero = w.constant(np.zeros((), out.dtype))
    is_full = sum(place.size for place in places) == out.array.size
    lines = [] if is_full else [f"{w.constant(np.copyto)}({out.text}, {zero})"]
    for o, place in zip(operands, places, strict=True):
        lines.append(f"{w.constant(np.add)}({o.text}, {zero}, {w.constant(place)})")
    return lines


def _unindex(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    if out.array is None or operands[0].dtype != out.dtype:
        return None
    place = out.array[selection(attrs["items"])]
    copy = w.constant(np.copyto)
    lines = [] if place.size == out.array.size else [f"{copy}({out.text}, 0)"]
    return [*lines, f"{copy}({w.constant(place)}, {operands[0].text})"]


def _var(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """As NumPy does it: the mean, the squares of the distances from it, and their mean."""
    (x,), axis = operands, attrs["axis"]
    if x.dtype != out.dtype or out.dtype.itemsize < 4 or out.array is None:
        return None
    entries = math.prod(x.shape) // max(1, math.prod(out.shape))
    axes = range(len(x.shape)) if axis is None else {a % len(x.shape) for a in _several(axis)}
    mean = w.room(tuple(1 if k in axes else s for k, s in enumerate(x.shape)), out.dtype)
    apart = w.constant(w.room(x.shape, out.dtype, order_of(x.bones)))
    m, count, rest = w.constant(mean), np.array(entries, out.dtype), max(0, entries - attrs["ddof"])
    divide = w.constant(np.true_divide)
    return [
        _reduced(w, np.add, x.text, axis, m, True),
        f"{divide}({m}, {w.constant(count)}, {m})",
        f"{w.constant(np.subtract)}({x.text}, {m}, {apart})",
        f"{w.constant(np.multiply)}({apart}, {apart}, {apart})",
        _reduced(w, np.add, apart, axis, out.text, attrs["keepdims"]),
        f"{divide}({out.text}, {w.constant(np.array(rest, out.dtype))}, {out.text})",
    ]


def _several(axis: Any) -> tuple[int, ...]:
    return axis if isinstance(axis, tuple) else (axis,)


def _sigmoid(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """exp(min(x, 0)) / (1 + exp(-|x|))"""
    (x,) = operands
    if x.dtype != out.dtype:
        return None
    below = w.constant(w.room(out.shape, out.dtype, order_of(out.bones)))
    zero, one = w.constant(np.zeros((), out.dtype)), w.constant(np.ones((), out.dtype))
    exp = w.constant(np.exp)
    return [
        f"{w.constant(np.abs)}({x.text}, {below})",
        f"{w.constant(np.negative)}({below}, {below})",
        f"{exp}({below}, {below})",
        f"{w.constant(np.add)}({one}, {below}, {below})",
        f"{w.constant(np.minimum)}({x.text}, {zero}, out={out.text})",
        f"{exp}({out.text}, {out.text})",
        f"{w.constant(np.true_divide)}({out.text}, {below}, {out.text})",
    ]


_SPELLINGS: dict[str, Spelling] = {
    **sliding.SPELLINGS,
    "assemble": _assemble,
    "unindex": _unindex,
    "var": _var,
    "sigmoid": _sigmoid,
    "reshape": _reshape,
    "flatten": _reshape,
    "relu": _relu,
    "pow": _power,
    "where": _where,
    "matmul": _matmul,
    "sum": _reduction(np.add),
    "reduce_max": _reduction(np.maximum),
    "mean": _mean,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "one_hot": _one_hot,
    "to_float": _to_float,
    "argmax": _argmax,
}
