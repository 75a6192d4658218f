"""Arithmetic: the operators `+ - * / // % ^` and negation.

Operands broadcast as NumPy's do, so the gradient with respect to each is summed over the axes along which
it was stretched (`sum_to`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import Float, Number, Sample
from graphlang.ops import registry
from graphlang.ops.registry import op
from graphlang.ops.rules import broadcasting, elementwise, sum_to
from graphlang.ops.wire import Wire

_PAIRS = (Sample(((), ())), Sample(((3, 4), (4,))), Sample(((2, 1, 3), (4, 1))))
_BELOW = (Sample(((3, 4), (4,)), low=0.5), Sample(((2, 3), (2, 1)), low=-3, high=-0.5))


@op(rule=broadcasting, infix="+", label="+", scalar="{x} + {y}", samples=_PAIRS)
def add(x: Number, y: Number) -> Number:
    """Sum, entry by entry."""
    return x + y


@add.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: sum_to(g, x), lambda: sum_to(g, y)


@op(rule=broadcasting, infix="-", label="−", scalar="{x} - {y}", samples=_PAIRS)
def sub(x: Number, y: Number) -> Number:
    """Difference, entry by entry."""
    return x - y


@sub.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: sum_to(g, x), lambda: sum_to(-g, y)


@op(rule=broadcasting, infix="*", label="×", scalar="{x} * {y}", samples=_PAIRS)
def mul(x: Number, y: Number) -> Number:
    """Product, entry by entry."""
    return x * y


@mul.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: sum_to(g * y, x), lambda: sum_to(g * x, y)


@op(rule=broadcasting, infix="/", label="÷", scalar="{x} / {y}", samples=_BELOW)
def div(x: Float, y: Float) -> Float:
    """Quotient, entry by entry; integers are converted to floats."""
    return x / y


@div.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: sum_to(g / y, x), lambda: sum_to(-(g * z) / y, y)


@op(rule=broadcasting, infix="//", label="//", scalar="{x} // {y}", samples=_BELOW)
def floordiv(x: Number, y: Number) -> Number:
    """Quotient rounded down to a whole number."""
    return x // y


floordiv.no_gradient_because("it is constant between its jumps")


@op(rule=broadcasting, infix="%", label="mod", scalar="{x} % {y}", samples=_BELOW)
def mod(x: Number, y: Number) -> Number:
    """Remainder `x - y * (x // y)`, with the sign of `y`."""
    return x % y


@mod.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    return lambda: sum_to(g, x), lambda: sum_to(-(g * registry.find("floordiv")(x, y)), y)


def _spelled_power(x: str, y: str) -> str:
    """As `np.power`, which calls the C library only for exponents that have no formula of their own."""
    exact = {"2.0": f"{x} * {x}", "1.0": x, "0.5": f"sqrt({x})", "(-1.0)": f"1.0 / {x}"}
    return exact.get(y, f"power({x}, {y})")


@op(rule=broadcasting, infix="^", label="xʸ", name="pow", scalar=_spelled_power, samples=(
    Sample(((3, 4), (3, 4)), low=0.5),
    Sample(((5,), ()), low=0.5),
))  # fmt: skip
def power(x: Number, y: Number) -> Number:
    """Power, entry by entry. An integer to a negative literal power is a float."""
    return np.power(x, y)


@power.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    # d/dx x^n = n x^(n-1) and d/dn x^n = x^n log x. Spelling out n = 2 keeps the picture and the exported
    # code as one would write them: 2 x.
    find = registry.find
    n = y.value

    def base() -> Any:
        if n == 1:
            return g
        if n == 2:
            return g * (2.0 * x)
        if n is not None:
            return g * (y * x ** (n - 1.0))
        # x^0 is 1 for every x, so its slope is 0 even at x = 0, where 0 * 0^(-1) would be NaN.
        safe = find("where")(find("logical_and")(x == 0.0, y == 0.0), 1.0, x)
        return sum_to(g * (y * safe ** (y - 1.0)), x)

    def exponent() -> Any:
        safe = find("where")(x > 0.0, x, 1.0)
        return sum_to(g * z * find("log")(safe), y)

    return None if n == 0 else base, exponent


@op(rule=elementwise, label="×−1", scalar="-{x}", samples=(Sample(((3, 4),)), Sample(((),))))
def neg(x: Number) -> Number:
    """The same with the other sign: `-x`."""
    return -x


@neg.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return -g
