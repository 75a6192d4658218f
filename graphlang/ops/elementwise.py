"""Functions of one entry (`exp`, `sqrt`, `floor`, …), and `maximum` and `minimum` of two.

Gradients at kinks and jumps: |x| has slope 0 at 0; where the operands of `maximum` or `minimum` are equal
each takes half; `clip` has slope 1 on its bounds; `sign`, `floor`, `ceil` and `round` have slope 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphlang.graph.op import Any_, Float, Number, RuleError, Sample
from graphlang.ops.comparison import logical_and, where
from graphlang.ops.registry import op
from graphlang.ops.rules import broadcasting, elementwise, free, sum_to
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes
from graphlang.types.tensor import TensorType

_ANY = (Sample(((3, 4),)), Sample(((),)))
_ABOVE = (Sample(((3, 4),), low=0.5, high=3.0), Sample(((),), low=0.5, high=3.0))
_PAIRS = (Sample(((), ())), Sample(((3, 4), (4,))), Sample(((2, 1, 3), (4, 1))))
_JUMPS = "it is constant between its jumps"


# --- passing on ----------------------------------------------------------------------------------


@op(is_view=True, rule=elementwise, label="=", flops=free, scalar="{x}", samples=_ANY)
def identity(x: Any_) -> Any_:
    """The same wire."""
    return x


@identity.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g


@op(is_view=True, rule=elementwise, label="⊣", flops=free, scalar="{x}", samples=_ANY)
def stop_gradient(x: Any_) -> Any_:
    """The same values, treated as constants by differentiation."""
    return x


stop_gradient.no_gradient_because("it is there to stop gradients")


# --- exponentials and powers -----------------------------------------------------------------------


@op(rule=elementwise, scalar="exp({x})", samples=_ANY)
def exp(x: Float) -> Float:
    """Exponential function e^x of every entry."""
    return np.exp(x)


@exp.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * y


@op(rule=elementwise, scalar="log({x})", samples=_ABOVE)
def log(x: Float) -> Float:
    """Natural logarithm of every entry."""
    return np.log(x)


@log.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g / x


@op(
    rule=elementwise,
    label="log(1+x)",
    scalar="log1p({x})",
    samples=(Sample(((3, 4),), low=-0.5), Sample(((),), low=-0.5)),
)
def log1p(x: Float) -> Float:
    """`log(1 + x)`, exact for small entries too."""
    return np.log1p(x)


@log1p.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g / (1.0 + x)


@op(rule=elementwise, label="exp−1", scalar="expm1({x})", samples=_ANY)
def expm1(x: Float) -> Float:
    """`exp(x) - 1`, exact for small entries too."""
    return np.expm1(x)


@expm1.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * exp(x)


@op(rule=elementwise, label="√", scalar="sqrt({x})", samples=_ABOVE)
def sqrt(x: Float) -> Float:
    """Square root of every entry."""
    return np.sqrt(x)


@sqrt.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g / (2.0 * y)


@op(rule=elementwise, label="x²", scalar="{x} * {x}", samples=_ANY)
def square(x: Number) -> Number:
    """Every entry times itself."""
    return np.square(x)


@square.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * (2.0 * x)


@op(rule=elementwise, label="1/x", scalar="1.0 / {x}", samples=_ABOVE)
def reciprocal(x: Float) -> Float:
    """`1 / x` for every entry."""
    return 1 / x


@reciprocal.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return -(g * (y * y))


# --- angles ----------------------------------------------------------------------------------------


@op(rule=elementwise, scalar="sin({x})", samples=_ANY)
def sin(x: Float) -> Float:
    """Sine of every entry, in radians."""
    return np.sin(x)


@sin.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * cos(x)


@op(rule=elementwise, scalar="cos({x})", samples=_ANY)
def cos(x: Float) -> Float:
    """Cosine of every entry, in radians."""
    return np.cos(x)


@cos.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return -(g * sin(x))


@op(
    rule=elementwise,
    scalar="tan({x})",
    samples=(Sample(((3, 4),), low=-1, high=1), Sample(((),), low=-1, high=1)),
)
def tan(x: Float) -> Float:
    """Tangent of every entry, in radians."""
    return np.tan(x)


@tan.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * (1.0 + y * y)


@op(rule=elementwise, scalar="tanh({x})", samples=_ANY)
def tanh(x: Float) -> Float:
    """Hyperbolic tangent of every entry."""
    return np.tanh(x)


@tanh.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * (1.0 - y * y)


@op(rule=elementwise, flops=lambda x, out: 30 * x.size, samples=_ANY)
def erf(x: Float) -> Float:
    """Error function 2/√π ∫₀ˣ exp(-t²) dt of every entry, to the last digit but one.

    References
    ----------
    .. [1] S. L. Moshier, "Methods and Programs for Mathematical Functions", 1989 (Cephes, ndtr.c): a
       rational function in x² up to |x| = 1, exp(-x²) times one in |x| above.
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
        z = np.minimum(np.abs(piece), 6.0)  # erf(6) is 1 to the last digit
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
        value = z * (values[0] / values[1])
        value[is_far] = 1.0 - np.exp(-np.square(far)) * (values[2] / values[3])
        result[start : start + 8192] = np.copysign(value, piece)
    return np.reshape(result, np.shape(x))


@erf.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * (2.0 / math.sqrt(math.pi) * exp(-square(x)))


# --- kinks and jumps -------------------------------------------------------------------------------


@op(rule=elementwise, label="|x|", scalar="abs({x})", samples=_ANY)
def abs_(x: Number) -> Number:
    """Absolute value of every entry."""
    return np.abs(x)


@abs_.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return g * sign(x)


@op(rule=elementwise, scalar="sign({x})", samples=_ANY)
def sign(x: Number) -> Number:
    """-1, 0 or 1 for negative, zero and positive entries."""
    return np.sign(x)


@op(rule=elementwise, label="⌊x⌋", samples=_ANY)
def floor(x: Float) -> Float:
    """The greatest whole number that is at most the entry, as a float."""
    return np.floor(x)


@op(rule=elementwise, label="⌈x⌉", samples=_ANY)
def ceil(x: Float) -> Float:
    """The least whole number that is at least the entry, as a float."""
    return np.ceil(x)


@op(rule=elementwise, samples=_ANY)
def round_(x: Float) -> Float:
    """The nearest whole number, as a float; halves go to the even one."""
    return np.round(x)


for _op in (sign, floor, ceil, round_):
    _op.no_gradient_because(_JUMPS)


def _clip_type(
    sizes: Sizes, x: TensorType, *, low: float | None = None, high: float | None = None
) -> TensorType:
    if low is None and high is None:
        raise RuleError("`clip` needs a lower or an upper bound.", suggestion="clip(x, 0, 1)")
    if low is not None and high is not None and low > high:
        raise RuleError(f"The lower bound {low:g} is above the upper bound {high:g}.")
    return x


def _spelled_clip(x: str, *, low: str, high: str) -> str:
    """As `np.clip`, which is `np.maximum` or `np.minimum` where there is one bound."""
    if low == "None":
        return f"{x} if {x} < {high} or {x} != {x} else {high}"
    if high == "None":
        return f"{x} if {x} > {low} or {x} != {x} else {low}"
    return f"{low} if {x} < {low} else {high} if {x} > {high} else {x}"


@op(rule=_clip_type, scalar=_spelled_clip, samples=(
    Sample(((3, 4),), {"low": -0.5, "high": 1.0}),
    Sample(((3, 4),), {"low": 0.25}),
    Sample(((),), {"high": 0.25}),
))  # fmt: skip
def clip(x: Float, *, low: float | None = None, high: float | None = None) -> Float:
    """Every entry, but at least `low` and at most `high`; either bound may be left out."""
    return np.clip(x, low, high)


@clip.gradient
def _(g: Wire, y: Wire, x: Wire, *, low: float | None, high: float | None) -> Any:
    # On a bound the slope is 1, as in PyTorch.
    if low is None:
        return where(x <= high, g, 0.0)
    if high is None:
        return where(x >= low, g, 0.0)
    return where(logical_and(x >= low, x <= high), g, 0.0)


@op(rule=broadcasting, label="max", scalar="{x} if {x} > {y} or {x} != {x} else {y}", samples=_PAIRS)
def maximum(x: Number, y: Number) -> Number:
    """The greater of two entries."""
    return np.maximum(x, y)


@maximum.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: _winner_takes(g, x > y, x == y, x), lambda: _winner_takes(g, y > x, x == y, y)


@op(rule=broadcasting, label="min", scalar="{x} if {x} < {y} or {x} != {x} else {y}", samples=_PAIRS)
def minimum(x: Number, y: Number) -> Number:
    """The smaller of two entries."""
    return np.minimum(x, y)


@minimum.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: _winner_takes(g, x < y, x == y, x), lambda: _winner_takes(g, y < x, x == y, y)


def _winner_takes(g: Wire, wins: Wire, ties: Wire, x: Wire) -> Wire:
    """`g` where the operand `x` wins; where the two are equal, they share it equally."""
    return sum_to(where(wins, g, where(ties, 0.5 * g, 0.0)), x)
