"""Compile-time evaluation: arithmetic on numbers, sizes, strings and lists known before anything runs."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.elaborate.values import describe, is_number
from graphlang.syntax import tree
from graphlang.types.dims import Dim

if TYPE_CHECKING:
    from graphlang.elaborate.context import Context

NOT_CONSTANT = object()
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
MAX_AXES = 32  # of a tensor literal
MAX_TERMS = 500  # of a size such as N*M + 2*N

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "^": operator.pow,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def free_size_note(size: Dim) -> str:
    """Why a size is not known at compile time."""
    names = " and ".join(f"`{n}`" for n in sorted(size.names))
    if len(size.names) == 1:
        return f"{names} is a free size: it is known only when data are fed."
    return f"{names} are free sizes: they are known only when data are fed."


def free_sizes_in(ctx: Context, expr: tree.Expr) -> list[str]:
    """Why a condition on free sizes is not known at compile time."""
    for node in tree.walk(expr):
        if isinstance(node, tree.Name):
            found = ctx.env.find(node.id)
            if found is not None and isinstance(found.value, Dim):
                return [free_size_note(found.value)]
    return []


def fold_unary(ctx: Context, expr: tree.Unary, value: Any) -> Any:
    """`-value` or `not value` for a compile-time value."""
    if expr.op == "not":
        if isinstance(value, bool):
            return not value
        return ctx.error(
            "E0404", expr.operand.span, f"`not` needs true or false, but this is {describe(value)}."
        )
    if isinstance(value, (int, float, Dim)):
        return checked(ctx, expr, -value)
    return ctx.error("E0404", expr.operand.span, f"`-` needs a number, but this is {describe(value)}.")


def fold_binary(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    """The value of an operator on two compile-time values, or `NOT_CONSTANT` if it must become a node."""
    op = expr.op
    if op in ("and", "or"):
        if isinstance(left, bool) and isinstance(right, bool):
            return left and right if op == "and" else left or right
        return ctx.error(
            "E0404",
            expr.span,
            f"`{op}` needs true or false on both sides, but has {describe(left)} and {describe(right)}.",
        )
    if op in _COMPARISONS:
        if (isinstance(left, str) or isinstance(right, str)) and type(left) is not type(right):
            return _unlike(ctx, expr, left, right)
        return _compare(op, left, right)
    if op in _ARITHMETIC:
        if isinstance(left, (int, float)) and isinstance(right, (int, float)):
            # Booleans take part as 0 and 1, as on wires.
            plain = [int(v) if isinstance(v, bool) else v for v in (left, right)]
            return _number(ctx, expr, *plain)
        if _is_size(left) and _is_size(right) and op in ("+", "-", "*", "//", "%"):
            return _size(ctx, expr, left, right)
        if isinstance(left, str) and isinstance(right, str) and op == "+":
            return left + right
        if isinstance(left, str) or isinstance(right, str):
            return _unlike(ctx, expr, left, right)
    return NOT_CONSTANT


def _unlike(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    what = f"has {describe(left)} and {describe(right)}"
    rule = "compares two of a kind" if expr.op in _COMPARISONS else "needs numbers"
    return ctx.error("E0404", expr.span, f"`{expr.op}` {rule}, but {what}.")


def _compare(op: str, left: Any, right: Any) -> Any:
    if isinstance(left, tuple) or isinstance(right, tuple):
        same_kind = isinstance(left, tuple) and isinstance(right, tuple) and op in ("==", "!=")
        return _COMPARISONS[op](left, right) if same_kind else NOT_CONSTANT
    if isinstance(left, Dim) or isinstance(right, Dim):
        if left == right:
            return op in ("==", "<=", ">=")
        return NOT_CONSTANT
    plain = (is_number(left) and is_number(right)) or type(left) is type(right)
    if plain and isinstance(left, (bool, int, float, str)):
        return _COMPARISONS[op](left, right)
    return NOT_CONSTANT


def _is_size(value: Any) -> bool:
    return isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool))


def _number(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    if expr.op in ("/", "//", "%") and right == 0:
        return ctx.error("E0604", expr.right.span, "This divides by zero.", label="is 0")
    if expr.op == "^":
        return _power(ctx, expr, left, right)
    try:
        value = _ARITHMETIC[expr.op](left, right)
    except OverflowError:
        return ctx.error("E0604", expr.span, "This number is too large.", notes=[_FLOAT_LIMIT])
    return checked(ctx, expr, value)


def _power(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    if left == 0 and right < 0:
        return ctx.error("E0604", expr.span, "Zero has no negative power.")
    try:
        if isinstance(left, int) and isinstance(right, int) and right >= 0:
            # Kept from being astronomically large before it is computed.
            if abs(left) > 1 and right * math.log2(abs(left)) > 64:
                raise OverflowError
            return checked(ctx, expr, left**right)
        value = float(left) ** float(right)
    except OverflowError:
        if isinstance(left, int) and isinstance(right, int):
            return ctx.error("E0604", expr.span, "This integer does not fit 64 bits.", notes=[_INT_LIMIT])
        return ctx.error("E0604", expr.span, "This number is too large.", notes=[_FLOAT_LIMIT])
    if isinstance(value, complex):
        return ctx.error("E0604", expr.span, "A negative number has no real power with a fraction.")
    return value


def _size(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    if expr.op in ("//", "%") and right == 0:
        return ctx.error("E0604", expr.right.span, "This divides by zero.", label="is 0")
    terms = [len(v.terms) if isinstance(v, Dim) else 1 for v in (left, right)]
    if (expr.op == "*" and terms[0] * terms[1] > MAX_TERMS) or max(terms) > MAX_TERMS:
        return ctx.error("E0604", expr.span, f"This size has more than {MAX_TERMS} terms.")
    return checked(ctx, expr, _ARITHMETIC[expr.op](left, right))


_INT_LIMIT = "Integers lie between -2^63 and 2^63 - 1; write `2.0 ^ 64` for a float."
_FLOAT_LIMIT = "Floats end at about 1.8e308."


def checked(ctx: Context, expr: tree.Expr, value: Any) -> Any:
    """`value`, unless it is an integer that does not fit 64 bits, or no finite float."""
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        return ctx.error("E0604", expr.span, "This integer does not fit 64 bits.", notes=[_INT_LIMIT])
    if isinstance(value, float) and not math.isfinite(value):
        return ctx.error("E0604", expr.span, "This number is too large.", notes=[_FLOAT_LIMIT])
    return value


def as_array(items: tuple[Any, ...]) -> np.ndarray | None:
    """Nested tuples of numbers as an array; None if the rows differ in length or nest too deep."""
    if shape_of(items) is None or depth(items) > MAX_AXES:
        return None
    array = np.array(items)
    return array if array.size or array.dtype != object else array.astype(float)


def depth(value: Any) -> int:
    """How deep lists nest, judged by the first entries."""
    count = 0
    while isinstance(value, tuple):
        count += 1
        value = value[0] if value else None
    return count


def shape_of(value: Any) -> tuple[int, ...] | None:
    """The shape of nested tuples; None if the rows differ."""
    if not isinstance(value, tuple):
        return ()
    below = {shape_of(v) for v in value}
    if len(below) > 1 or None in below:
        return None
    return (len(value), *(next(iter(below)) or ())) if below else (0,)


def index_list(ctx: Context, expr: tree.Index, items: tuple[Any, ...], at: list[Any]) -> Any:
    """`list[k]` for compile-time lists, counted from 0, negative from the end."""
    value: Any = items
    for position, item in zip(at, expr.items, strict=True):
        if not isinstance(value, tuple):
            return ctx.error("E0406", item.span, f"Too many indices: {describe(value)} has no entries.")
        if isinstance(position, tuple):
            if any(isinstance(p, Dim) for p in position[1:]) or position[3] == 0:
                return ctx.error("E0406", item.span, "The bounds of a list's slice are known integers.")
            value = value[slice(*position[1:])]
        elif not isinstance(position, int):
            return ctx.error(
                "E0406",
                item.span,
                f"The index of a list is a known integer, but this is {describe(position)}.",
            )
        elif not -len(value) <= position < len(value):
            return ctx.error(
                "E0406",
                item.span,
                f"There is no entry {position}: the list has {len(value)}"
                + (" entry." if len(value) == 1 else " entries."),
                suggestion=f"Entries count from 0 to {len(value) - 1}." if value else None,
            )
        else:
            value = value[position]
    return value


def fold_function(ctx: Context, name: str, kernel: Any, args: list[Any], span: Any) -> Any:
    """A function such as `sqrt` of plain numbers, computed at once; `NOT_CONSTANT` if it cannot be."""
    if not all(is_number(a) for a in args):
        return NOT_CONSTANT
    with np.errstate(all="ignore"):
        try:
            value = kernel(*(np.float64(a) if isinstance(a, float) else np.int64(a) for a in args))
        except (ValueError, TypeError, IndexError):
            return NOT_CONSTANT  # Its shape rule will say why.
    if np.ndim(value) or not np.isfinite(value):
        return NOT_CONSTANT
    return value.item()
