"""Activations and their kin as one operation each, where a formula would be slower or lose digits.

None of them overflows: exponentials are taken of numbers that are at most 0, and the greatest entry is
subtracted first where several are summed. Slopes at kinks: relu'(0) = 0, and `leaky_relu` and `elu` have
the slope of their left side at 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphlang.graph.op import Axes, Axis, Float, Number, Sample
from graphlang.ops.comparison import where
from graphlang.ops.elementwise import erf, exp, square
from graphlang.ops.reduction import sum_
from graphlang.ops.registry import op
from graphlang.ops.rules import checked_axis, elementwise, per_entry, reduction, regrown
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes
from graphlang.types.tensor import TensorType

_ANY = (Sample(((3, 4),)), Sample(((),)))
_ROWS = (Sample(((3, 4),)), Sample(((5,),)), Sample(((2, 3, 4),), {"axis": 1}))


# --- activations -----------------------------------------------------------------------------------


@op(rule=elementwise, scalar="0.0 if {x} <= 0.0 else {x}", samples=_ANY)
def relu(x: Number) -> Number:
    """Rectifier: the entry if it is positive, else 0."""
    return np.maximum(x, 0)


@relu.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return where(x > 0.0, g, 0.0)


@op(
    rule=elementwise,
    scalar="positive({x}) + {slope} * negative({x})",
    samples=(*_ANY, Sample(((3,),), {"slope": 0.2})),
)
def leaky_relu(x: Float, *, slope: float = 0.01) -> Float:
    """The entry if it is positive, else `slope` times the entry."""
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


@leaky_relu.gradient
def _(g: Wire, y: Wire, x: Wire, *, slope: float) -> Any:
    return where(x > 0.0, g, slope * g)


@op(
    rule=elementwise,
    flops=per_entry(3),
    scalar="{x} if {x} > 0.0 else {alpha} * expm1(negative({x}))",
    samples=(*_ANY, Sample(((3,),), {"alpha": 0.5})),
)
def elu(x: Float, *, alpha: float = 1.0) -> Float:
    """The entry if it is positive, else `alpha * (exp(x) - 1)`."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


@elu.gradient
def _(g: Wire, y: Wire, x: Wire, *, alpha: float) -> Any:
    return where(x > 0.0, g, g * (y + alpha))


@op(
    rule=elementwise,
    label="σ",
    flops=per_entry(4),
    scalar="exp(negative({x})) / (1.0 + exp(-abs({x})))",
    samples=_ANY,
)
def sigmoid(x: Float) -> Float:
    """Logistic function `1 / (1 + exp(-x))` of every entry."""
    return np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


@sigmoid.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * y * (1.0 - y)


@op(rule=elementwise, flops=per_entry(3), scalar="positive({x}) + log1p(exp(-abs({x})))", samples=_ANY)
def softplus(x: Float) -> Float:
    """`log(1 + exp(x))` of every entry, a smooth `relu`."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@softplus.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * sigmoid(x)


@op(
    rule=elementwise,
    flops=per_entry(5),
    scalar="{x} * exp(negative({x})) / (1.0 + exp(-abs({x})))",
    samples=_ANY,
)
def silu(x: Float) -> Float:
    """`x * sigmoid(x)` of every entry, also called swish."""
    return x * np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x)))


@silu.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    s = sigmoid(x)
    return g * (s + y * (1.0 - s))


@op(rule=elementwise, flops=per_entry(30), samples=(*_ANY, Sample(((6,),), low=-8.0, high=8.0)))
def gelu(x: Float) -> Float:
    """`x` times the probability that a standard normal variable is below `x`, exactly (no tanh).

    The probability is `(1 + erf(x / √2)) / 2`. Its lower tail is computed by itself, since in that
    formula all its digits would cancel.

    References
    ----------
    .. [1] Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.
    .. [2] S. L. Moshier, "Methods and Programs for Mathematical Functions", 1989 (Cephes, ndtr.c).
    """
    above = (9.60497373987051638749, 9.00260197203842689217e1, 2.23200534594684319226e3,
             7.00332514112805075473e3, 5.55923013010394962768e4)  # fmt: skip
    below = (1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
             2.26290000613890934246e4, 4.92673942608635921086e4)  # fmt: skip
    tail_above = (2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687,
                  4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
                  9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2)  # fmt: skip
    tail_below = (1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
                  9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
                  1.65666309194161350182e3, 5.57535340817727675546e2)  # fmt: skip
    flat = np.ravel(x)
    result = np.empty_like(flat)
    for start in range(0, flat.size, 8192):  # pieces that stay in the cache
        piece = flat[start : start + 8192]
        z = np.minimum(np.abs(piece) * 0.7071067811865476, 30.0)  # beyond 30 the tail is 0
        s = np.square(z)
        is_far = z > 1.0
        far = z[is_far]
        values = []
        for coefficients, t in ((above, s), (below, s), (tail_above, far), (tail_below, far)):
            value = np.full_like(t, coefficients[0])
            for c in coefficients[1:]:
                value *= t
                value += c
            values.append(value)
        # The probability of lying beyond |piece|.
        tail = 0.5 - 0.5 * z * (values[0] / values[1])
        tail[is_far] = 0.5 * np.exp(-np.square(far)) * (values[2] / values[3])
        result[start : start + 8192] = piece * np.where(piece < 0.0, tail, 1.0 - tail)
    return np.reshape(result, np.shape(x))


@gelu.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    below = 0.5 * (1.0 + erf(x * math.sqrt(0.5)))
    density = exp(-0.5 * square(x)) * (1.0 / math.sqrt(2.0 * math.pi))
    return g * (below + x * density)


# --- over an axis ----------------------------------------------------------------------------------


def _along_axis(sizes: Sizes, x: TensorType, *, axis: int = -1) -> TensorType:
    checked_axis(axis, x.rank)
    return x


@op(rule=_along_axis, flops=per_entry(5), samples=_ROWS)
def softmax(x: Float, *, axis: Axis = -1) -> Float:
    """Exponentials along `axis`, divided by their sum."""
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


@softmax.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: int) -> Any:
    return y * (g - sum_(g * y, axis=axis, keepdims=True))


@op(rule=_along_axis, flops=per_entry(5), samples=_ROWS)
def log_softmax(x: Float, *, axis: Axis = -1) -> Float:
    """Logarithm of `softmax`, without taking the logarithm of a number that was rounded to 0."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@log_softmax.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: int) -> Any:
    return g - exp(y) * sum_(g, axis=axis, keepdims=True)


def _logsumexp_type(sizes: Sizes, x: TensorType, *, axis: Axes = -1, keepdims: bool = False) -> TensorType:
    return reduction(sizes, x, axis=axis, keepdims=keepdims)


@op(rule=_logsumexp_type, flops=per_entry(4), samples=(
    *_ROWS, Sample(((2, 3),), {"axis": None}), Sample(((2, 3, 4),), {"axis": (0, 2), "keepdims": True}),
))  # fmt: skip
def logsumexp(x: Float, *, axis: Axes = -1, keepdims: bool = False) -> Float:
    """Logarithm of the sum of exponentials over `axis`; -inf if all entries are -inf."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    with np.errstate(divide="ignore", over="ignore"):
        total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis=axis)


@logsumexp.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes, keepdims: bool) -> Any:
    return regrown(g, x, axis, keepdims) * exp(x - regrown(y, x, axis, keepdims))
