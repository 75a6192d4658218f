"""A curve in one line of text: ▇▅▃▂▂▁ for a loss that falls, × where it is not a number.

Eight heights show only the coarse course, so the scale is logarithmic where the numbers span more than two
decades, as for the pictures. Pure Python: a training run on a bare machine can print it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "×"
# Beyond this ratio of the largest to the smallest number, a linear scale shows only the largest.
WIDE = 100.0


def sparkline(values: Sequence[float], width: int = 40) -> str:
    """A curve as text.

    Parameters
    ----------
    values : sequence of float
        The curve, in order.
    width : int, optional
        The most characters; more values are averaged in groups of (nearly) equal size.

    Returns
    -------
    str
        At most `width` characters. A group with a NaN or an infinity is `×`, a constant curve is level at
        half height. The scale runs from the smallest to the largest number shown, logarithmic if all are
        positive and span more than a factor of 100.

    Raises
    ------
    ValueError
        If `width` is less than 1.
    """
    if width < 1:
        raise ValueError(f"a sparkline of {width} characters")
    shown = _grouped([float(v) for v in values], width)
    finite = [v for v in shown if math.isfinite(v)]
    if is_wide(finite):
        shown = [math.log(v) if math.isfinite(v) else v for v in shown]
        finite = [math.log(v) for v in finite]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(_block(v, low, high) for v in shown)


def is_wide(values: Sequence[float]) -> bool:
    """Whether positive numbers span more than two decades, so that a logarithmic scale shows them better."""
    return bool(values) and min(values) > 0 and max(values) / WIDE > min(values)


def _grouped(values: list[float], width: int) -> list[float]:
    if len(values) <= width:
        return values
    bounds = [i * len(values) // width for i in range(width + 1)]
    return [_mean(values[a:b]) for a, b in itertools.pairwise(bounds)]


def _mean(values: list[float]) -> float:
    """The mean; NaN if any is not finite, so that no breakdown is averaged away."""
    if not all(map(math.isfinite, values)):
        return math.nan
    # As shares of the largest: a sum of numbers near 1e308 would be infinite.
    largest = max(map(abs, values))
    return largest * (math.fsum(v / largest for v in values) / len(values)) if largest else 0.0


def _block(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return NOT_FINITE
    # Halved, since high − low may be too large for a float.
    extent = high / 2 - low / 2
    if extent <= 0:
        return BLOCKS[3]
    return BLOCKS[min(7, int(8 * ((value / 2 - low / 2) / extent)))]
