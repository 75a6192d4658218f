"""Comparisons, logic and the choice between two wires.

Comparisons give booleans, which carry no gradient. `where` passes the gradient on to the wire that was
taken, entry by entry, and nothing at all to the other: it selects instead of multiplying by 0, so that an
infinite gradient of the one cannot turn into NaN for the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import Any_, Bool, Number, Same, Sample
from graphlang.ops.registry import op
from graphlang.ops.rules import broadcasting, elementwise, sum_to, with_dtype
from graphlang.ops.wire import Wire
from graphlang.types.tensor import DType

_PAIRS = (Sample(((), ())), Sample(((3, 4), (4,))), Sample(((5,), (5,)), dtypes="ii", high=3))
_LOGIC = (Sample(((3, 4), (4,)), dtypes="bb"), Sample(((), ()), dtypes="bb"))
_truth = with_dtype(DType.BOOL)
_NO_SLOPE = "its result is true or false"


@op(rule=_truth, infix="==", label="=", scalar="{x} == {y}", samples=_PAIRS)
def eq(x: Same, y: Same) -> Bool:
    """Whether two entries are equal."""
    return x == y


@op(rule=_truth, infix="!=", label="≠", scalar="{x} != {y}", samples=_PAIRS)
def ne(x: Same, y: Same) -> Bool:
    """Whether two entries differ."""
    return x != y


@op(rule=_truth, infix="<", label="<", scalar="{x} < {y}", samples=_PAIRS)
def lt(x: Number, y: Number) -> Bool:
    """Whether the first entry is less than the second."""
    return x < y


@op(rule=_truth, infix="<=", label="≤", scalar="{x} <= {y}", samples=_PAIRS)
def le(x: Number, y: Number) -> Bool:
    """Whether the first entry is at most the second."""
    return x <= y


@op(rule=_truth, infix=">", label=">", scalar="{x} > {y}", samples=_PAIRS)
def gt(x: Number, y: Number) -> Bool:
    """Whether the first entry is greater than the second."""
    return x > y


@op(rule=_truth, infix=">=", label="≥", scalar="{x} >= {y}", samples=_PAIRS)
def ge(x: Number, y: Number) -> Bool:
    """Whether the first entry is at least the second."""
    return x >= y


@op(rule=_truth, infix="and", label="∧", scalar="{x} and {y}", samples=_LOGIC)
def logical_and(x: Bool, y: Bool) -> Bool:
    """Whether both entries are true."""
    return np.logical_and(x, y)


@op(rule=_truth, infix="or", label="∨", scalar="{x} or {y}", samples=_LOGIC)
def logical_or(x: Bool, y: Bool) -> Bool:
    """Whether at least one of two entries is true."""
    return np.logical_or(x, y)


@op(
    rule=elementwise,
    label="¬",
    scalar="not {x}",
    samples=(Sample(((3, 4),), dtypes="b"), Sample(((),), dtypes="b")),
)
def logical_not(x: Bool) -> Bool:
    """Whether an entry is false."""
    return np.logical_not(x)


for _op in (eq, ne, lt, le, gt, ge, logical_and, logical_or, logical_not):
    _op.no_gradient_because(_NO_SLOPE)


@op(rule=broadcasting, scalar="{x} if {condition} else {y}", samples=(
    Sample(((3, 4), (3, 4), (3, 4)), dtypes="bff"),
    Sample(((4,), (), (3, 4)), dtypes="bff"),
    Sample(((), (2, 3), (3,)), dtypes="bff"),
    Sample(((3,), (3,), (3,)), dtypes="bii"),
))  # fmt: skip
def where(condition: Bool, x: Same, y: Same) -> Same:
    """`x` where the condition is true, else `y`; both are computed."""
    return np.where(condition, x, y)


@where.gradient
def _(g: Wire, z: Wire, condition: Wire, x: Wire, y: Wire) -> Any:
    return None, lambda: sum_to(where(condition, g, 0.0), x), lambda: sum_to(where(condition, 0.0, g), y)


# --- conversions ---------------------------------------------------------------------------------

_CASTS = (Sample(((3, 4),), dtypes="i", high=3), Sample(((3,),), dtypes="b"), Sample(((),), dtypes="i"))


@op(
    is_view=True,
    rule=with_dtype(DType.FLOAT, elementwise),
    label="float",
    scalar="float({x})",
    samples=_CASTS,
)
def to_float(x: Any_, *, dtype: Any) -> Any:
    """Integers or booleans as floats of the run's precision; true is 1."""
    return np.asarray(x, dtype=dtype)


@to_float.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g if x.type.is_float else None


@op(is_view=True, rule=with_dtype(DType.INT, elementwise), label="int", samples=(*_CASTS, Sample(((3, 4),))))
def to_int(x: Any_) -> Any:
    """Floats or booleans as integers; the fraction is cut off, towards zero."""
    return np.asarray(x, dtype=np.int64)


to_int.no_gradient_because("it is constant between its jumps")


@op(
    is_view=True, rule=with_dtype(DType.BOOL, elementwise), label="bool", samples=(*_CASTS, Sample(((3, 4),)))
)
def to_bool(x: Any_) -> Any:
    """Whether a number is not 0."""
    return np.asarray(x, dtype=bool)


to_bool.no_gradient_because(_NO_SLOPE)
