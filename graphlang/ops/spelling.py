"""What the spelling of an operation for plain floats may call (`Op.scalar`).

The functions are the C library's, by way of `math`, and a few of our own where Python's answer would differ
from NumPy's. They take and return Python floats. Where NumPy answers NaN or an infinity, those of `math` may
raise `ValueError` or `OverflowError`; whoever calls them asks NumPy then (`plan/spelled.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def power(x: float, y: float) -> float:
    """`x ** y` as `np.power` computes it: exponents 2, 1/2 and -1 are exactly rounded."""
    if y == 2.0:
        return x * x
    if y == 0.5:
        return math.sqrt(x)
    if y == -1.0:
        return 1.0 / x
    return math.pow(x, y)


def sign(x: float) -> float:
    """-1, 0 or 1; NaN stays, and zero has no sign."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x + 0.0


def positive(x: float) -> float:
    """`np.maximum(x, 0)`: NaN stays, zero has no sign."""
    if x <= 0.0:
        return 0.0
    return x


def negative(x: float) -> float:
    """`np.minimum(x, 0)`: NaN stays, zero has no sign."""
    if x >= 0.0:
        return 0.0
    return x


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "cos": math.cos,
    "exp": math.exp,
    "expm1": math.expm1,
    "float": float,
    "log": math.log,
    "log1p": math.log1p,
    "negative": negative,
    "positive": positive,
    "power": power,
    "sign": sign,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
}
