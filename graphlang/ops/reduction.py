"""Reductions: `sum`, `mean`, `max`, … over all axes or some, and `cumsum`.

`axis` is an axis, a list of axes, or nothing for all of them; `argmax` and `argmin` take the last axis by
default, so that `argmax(scores)` is the class of each row. With `keepdims` the reduced axes stay, of size 1.
Each gradient is the derivative by one entry times `g`, stretched back over the axes that were reduced.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import Axes, Axis, Bool, Float, Number, RuleError, Sample
from graphlang.ops import registry
from graphlang.ops.comparison import where
from graphlang.ops.registry import op
from graphlang.ops.rules import (
    checked_axes,
    checked_axis,
    count,
    per_entry,
    reduction,
    regrown,
    spread,
    with_dtype,
)
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes
from graphlang.types.tensor import DType, TensorType, shape_text

_ALL = (
    Sample(((3, 4),)),
    Sample(((),)),
    Sample(((3, 4),), {"axis": 0}),
    Sample(((2, 3, 4),), {"axis": (0, -1)}),
    Sample(((2, 3),), {"axis": 1, "keepdims": True}),
)
_ONE = (Sample(((3, 4),)), Sample(((5,),)), Sample(((2, 3, 4),), {"axis": 1, "keepdims": True}))
_TRUTH = (Sample(((3, 4),), dtypes="b"), Sample(((3, 4),), {"axis": 0, "keepdims": True}, dtypes="b"))


# --- sums ------------------------------------------------------------------------------------------


@op(rule=reduction, label="Σ", flops=per_entry(1), samples=_ALL)
def sum_(x: Number, *, axis: Axes = None, keepdims: bool = False) -> Number:
    """Sum of the entries over `axis`."""
    return np.sum(x, axis=axis, keepdims=keepdims)


@sum_.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    return spread(g, x, axis, keepdims)


@op(rule=reduction, flops=per_entry(1), samples=_ALL)
def mean(x: Float, *, axis: Axes = None, keepdims: bool = False) -> Float:
    """Mean of the entries over `axis`."""
    return np.mean(x, axis=axis, keepdims=keepdims)


@mean.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    return spread(g / count(x, axis), x, axis, keepdims)


_SPREAD = (*(s for s in _ALL if s.shapes != ((),)), Sample(((3, 4),), {"axis": 1, "ddof": 1}))


@op(rule=reduction, flops=per_entry(4), samples=_SPREAD)
def var(x: Float, *, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Float:
    """Variance over `axis`: the mean squared distance from the mean, dividing by the count minus `ddof`."""
    return np.var(x, axis=axis, keepdims=keepdims, ddof=ddof)


@var.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool, ddof: int) -> Any:
    distance = x - mean(x, axis=axis, keepdims=True)
    return regrown(2.0 * g / (count(x, axis) - ddof), x, axis, keepdims) * distance


@op(rule=reduction, flops=per_entry(4), samples=_SPREAD)
def std(x: Float, *, axis: Axes = None, keepdims: bool = False, ddof: int = 0) -> Float:
    """Standard deviation over `axis`, the square root of `var`; its gradient is 0 where it is 0."""
    return np.std(x, axis=axis, keepdims=keepdims, ddof=ddof)


@std.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool, ddof: int) -> Any:
    distance = x - mean(x, axis=axis, keepdims=True)
    return regrown(g / (_nonzero(y) * (count(x, axis) - ddof)), x, axis, keepdims) * distance


@op(rule=reduction, label="‖x‖", flops=per_entry(2), samples=_ALL)
def norm(x: Float, *, axis: Axes = None, keepdims: bool = False) -> Float:
    """Euclidean norm over `axis`, the square root of the sum of squares; its gradient is 0 where it is 0."""
    return np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims))


@norm.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    return regrown(g / _nonzero(y), x, axis, keepdims) * x


def _nonzero(y: Wire) -> Wire:
    """`y`, but 1 where it is 0: there it divides a 0."""
    safe: Wire = where(y == 0.0, 1.0, y)
    return safe


# --- products --------------------------------------------------------------------------------------


@op(rule=reduction, label="Π", flops=per_entry(1), samples=_ALL)
def prod(x: Number, *, axis: Axes = None, keepdims: bool = False) -> Number:
    """Product of the entries over `axis`."""
    return np.prod(x, axis=axis, keepdims=keepdims)


@prod.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    # The derivative by an entry is the product of the others, which is y / x only where nothing is 0.
    axes = checked_axes(axis, len(x.shape))
    if not axes:
        return g
    if len(axes) == 1:
        return regrown(g, x, axis, keepdims) * prod_others(x, axis=axes[0])
    # Bring the reduced axes to the end and make them one.
    kept = tuple(i for i in range(len(x.shape)) if i not in axes)
    order = kept + axes
    moved = registry.find("permute")(x, axes=order)
    flat = registry.find("reshape")(moved, shape=(*(x.shape[i] for i in kept), count(x, axes)))
    others = registry.find("reshape")(prod_others(flat, axis=-1), shape=moved.shape)
    back = tuple(order.index(i) for i in range(len(order)))
    return regrown(g, x, axis, keepdims) * registry.find("permute")(others, axes=back)


def _along_axis(sizes: Sizes, x: TensorType, *, axis: int = -1) -> TensorType:
    checked_axis(axis, x.rank)
    return x


@op(rule=_along_axis, label="Π others", flops=per_entry(3), samples=(
    Sample(((3, 4),), {"axis": -1}), Sample(((3, 2),), {"axis": 0}), Sample(((1,),), {"axis": 0}),
))  # fmt: skip
def prod_others(x: Number, *, axis: Axis = -1) -> Number:
    """For each entry the product of all others along `axis`; zeros are no exception."""
    x = np.moveaxis(x, axis, -1)
    ones = np.ones_like(x[..., :1])
    before = np.cumprod(np.concatenate([ones, x[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, x[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return np.moveaxis(before * after, -1, axis)


@prod_others.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: int) -> Any:
    # d y_i / d x_k is the product of all but x_i and x_k: in a square of copies of x, row i, put 1 in place
    # of x_i and take the products of the others once more.
    expand, reshape = registry.find("expand"), registry.find("reshape")
    axis = checked_axis(axis, len(x.shape))
    n, after = x.shape[axis], len(x.shape) - 1 - axis
    place = x.builder.wire(registry.find("arange"), (), {"size": n})
    place = reshape(place, shape=(n, *(1,) * after))
    is_own = expand(place, axis=1) == expand(place, axis=0)
    pairs = prod_others(where(is_own, 1.0, expand(x, axis=axis)), axis=axis + 1)
    # Row i, column k of `pairs` belongs to x_i and x_k.
    return sum_(expand(g, axis=axis + 1) * where(is_own, 0.0, pairs), axis=axis)


# --- extremes --------------------------------------------------------------------------------------


def _nonempty(sizes: Sizes, x: TensorType, *, axis: Axes = None, keepdims: bool = False) -> TensorType:
    if any(x.shape[a] == 0 for a in checked_axes(axis, x.rank)):
        raise RuleError(f"`{{0}}` has no entries: its shape is {shape_text(x.shape)}.", operand=0)
    return reduction(sizes, x, axis=axis, keepdims=keepdims)


@op(rule=_nonempty, label="max", flops=per_entry(1), samples=_ALL)
def max_(x: Number, *, axis: Axes = None, keepdims: bool = False) -> Number:
    """The greatest entry over `axis`; entries that share the first place share its gradient equally."""
    return np.max(x, axis=axis, keepdims=keepdims)


@op(rule=_nonempty, label="min", flops=per_entry(1), samples=_ALL)
def min_(x: Number, *, axis: Axes = None, keepdims: bool = False) -> Number:
    """The smallest entry over `axis`; entries that share the last place share its gradient equally."""
    return np.min(x, axis=axis, keepdims=keepdims)


@max_.gradient
@min_.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    is_best = registry.find("to_float")(x == regrown(y, x, axis, keepdims))
    share = g / sum_(is_best, axis=axis, keepdims=keepdims)
    return is_best * regrown(share, x, axis, keepdims)


def _position(sizes: Sizes, x: TensorType, *, axis: int = -1, keepdims: bool = False) -> TensorType:
    return _nonempty(sizes, x, axis=axis, keepdims=keepdims).with_dtype(DType.INT)


@op(rule=_position, flops=per_entry(1), samples=_ONE)
def argmax(x: Number, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Position of the greatest entry along `axis`, the first if there are several."""
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(rule=_position, flops=per_entry(1), samples=_ONE)
def argmin(x: Number, *, axis: Axis = -1, keepdims: bool = False) -> Any:
    """Position of the smallest entry along `axis`, the first if there are several."""
    return np.argmin(x, axis=axis, keepdims=keepdims)


argmax.no_gradient_because("its result is a position")
argmin.no_gradient_because("its result is a position")


# --- logic -----------------------------------------------------------------------------------------


@op(rule=with_dtype(DType.BOOL, reduction), flops=per_entry(1), samples=_TRUTH)
def any_(x: Bool, *, axis: Axes = None, keepdims: bool = False) -> Bool:
    """Whether at least one entry over `axis` is true."""
    return np.any(x, axis=axis, keepdims=keepdims)


@op(rule=with_dtype(DType.BOOL, reduction), flops=per_entry(1), samples=_TRUTH)
def all_(x: Bool, *, axis: Axes = None, keepdims: bool = False) -> Bool:
    """Whether every entry over `axis` is true."""
    return np.all(x, axis=axis, keepdims=keepdims)


any_.no_gradient_because("its result is true or false")
all_.no_gradient_because("its result is true or false")


# --- running sums ----------------------------------------------------------------------------------


@op(rule=_along_axis, label="Σ…", samples=(
    Sample(((5,),)), Sample(((3, 4),)), Sample(((3, 2),), {"axis": 0}),
))  # fmt: skip
def cumsum(x: Number, *, axis: Axis = -1) -> Number:
    """Running sum along `axis`: entry i is the sum of the entries 0 to i."""
    return np.cumsum(x, axis=axis)


@cumsum.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: int) -> Any:
    # Entry i counts in all later sums, so its gradient is the running sum from the end.
    flip = registry.find("flip")
    return flip(cumsum(flip(g, axis=axis), axis=axis), axis=axis)
