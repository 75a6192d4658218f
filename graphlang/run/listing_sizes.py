"""One listing for two sizes of a batch.

Steps for batches of different sizes mostly differ in their sizes alone. Their texts are laid side by side: a
number that is the same in both stays, and one that is the same multiple of the rows of each, or one divided
by such a multiple, is written so: `4 * rows`, `1 / (4 * rows)`. What comes out is, with `rows` put in, one
text or the other. Where anything else differs, there is no such listing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.plan.listing import Listing
from graphlang.records import replace

_NUMBER = re.compile(r"(?<![\w.])(\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w.])")
# What no size enters. Memory is the same if one step has its arrays where the other has them.
_THE_SAME = (
    "dtype",
    "memory",
    "places",
    "gradients",
    "functions",
    "feeds",
    "reported",
    "following",
    "update",
    "scalars",
    "update_constants",
)


class _DifferError(Exception):
    """The listings differ in more than sizes."""


def both(usual: Listing, last: Listing) -> Listing | None:
    """The listing for the rows of both, if there is one; `last` is for fewer rows."""
    texts = _Texts(usual.counts[0], last.counts[0], np.dtype(usual.dtype).type)
    if any(getattr(usual, name) != getattr(last, name) for name in _THE_SAME):
        return None
    try:
        return replace(
            usual,
            counts=(*usual.counts, *last.counts),
            constants=texts.merged(usual.constants, last.constants),
            lines=texts.lines(usual.lines, last.lines),
        )
    except _DifferError:
        return None


class _Texts:
    def __init__(self, usual: int, last: int, dtype: type[np.floating[Any]]):
        self._usual, self._last, self._dtype = usual, last, dtype

    def merged(self, usual: Mapping[str, str], last: Mapping[str, str]) -> dict[str, str]:
        """Expressions by name, with `rows` for what depends on it."""
        if list(usual) != list(last):
            raise _DifferError
        return {name: self._text(usual[name], last[name]) for name in usual}

    def lines(self, usual: Sequence[str], last: Sequence[str]) -> tuple[str, ...]:
        """Statements in the same way."""
        if len(usual) != len(last):
            raise _DifferError
        return tuple(map(self._text, usual, last))

    def _text(self, usual: str, last: str) -> str:
        mine, others = _NUMBER.split(usual), _NUMBER.split(last)
        if len(mine) != len(others):
            raise _DifferError
        # Every second part is a number.
        return "".join(
            self._number(a, b) if k % 2 else self._same(a, b)
            for k, (a, b) in enumerate(zip(mine, others, strict=True))
        )

    def _same(self, usual: str, last: str) -> str:
        if usual != last:
            raise _DifferError
        return usual

    def _number(self, usual: str, last: str) -> str:
        if usual == last:
            return usual
        a, b = float(usual), float(last)
        factor = round(a / self._usual)
        if (a, b) == (factor * self._usual, factor * self._last):
            return "rows" if factor == 1 else f"{factor} * rows"
        factor = round(1 / a / self._usual) if a and b else 0
        if factor and (a, b) == (
            self._reciprocal(factor * self._usual),
            self._reciprocal(factor * self._last),
        ):
            return "1 / rows" if factor == 1 else f"1 / ({factor} * rows)"
        raise _DifferError

    def _reciprocal(self, number: int) -> float:
        """As it is in the step's precision."""
        return float(self._dtype(1 / number))
