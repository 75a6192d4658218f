"""What the two sides of an expectation say: `grad(f, x) == -4 within 1e-9`.

The graph cannot tell everything: nodes that share a gradient share its node, and a number that was worked out
at compile time has forgotten its formula. So the text is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from graphlang.graph.model import Expectation

_GRADIENT = re.compile(r"grad\(\s*([^\s(),]+)\s*,\s*([^\s(),]+)\s*\)")
_NUMBER = re.compile(r"\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
# Formulas of numbers, names and operators: no paths, no indices, no strings.
_PLAIN = re.compile(rf"(?:[^\W\d]\w*|{_NUMBER.pattern}|[ ()+\-*/^,])*")
_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")


class Sides(NamedTuple):
    """The texts of an expectation's parts; a tolerance that is no plain number is left out."""

    left: str
    right: str
    within: str


def sides(e: Expectation) -> Sides:
    """The texts left and right of the comparison, and behind `within`."""
    left, _, rest = e.text.partition(e.op)
    right, *within = re.split(r"\swithin\s", rest)
    tolerance = within[0].strip() if within else ""
    return Sides(left.strip(), right.strip(), tolerance if _NUMBER.fullmatch(tolerance) else "")


def gradient_by(text: str, of: str) -> str | None:
    """`x` for the text `grad(of, x)`; None for any other."""
    found = _GRADIENT.fullmatch(text)
    return found[2] if found and found[1] == of else None


def means_the_same(text: str, is_kept: Callable[[str], bool]) -> bool:
    """Whether a text may be repeated in a file that keeps some of the names, as `is_kept` says."""
    return bool(_PLAIN.fullmatch(text)) and all(n == "grad" or is_kept(n) for n in _NAME.findall(text))
