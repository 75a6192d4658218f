"""How wide text is: the advance widths of the fonts that come with graphlang, the same everywhere.

A reader's browser may use a narrower font (Helvetica, Arial), hardly ever a wider one.
"""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from importlib.resources import files

# Of a character that the fonts do not have, in thousandths of the font size.
_UNKNOWN, _UNKNOWN_WIDE = 650, 1000


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """The width of a line of text, in the unit of `size`."""
    widths = _widths()["bold" if is_bold else "regular"]
    return sum(widths.get(c) or _unknown(c) for c in text) * size / 1000


def has_glyphs(text: str) -> bool:
    """Whether the fonts that come with graphlang have every character of a text."""
    known = _widths()["regular"]
    return all(c in known for c in text)


@cache
def _widths() -> dict[str, dict[str, int]]:
    """For each style the width of each character, in thousandths of the font size."""
    source = files("graphlang.draw.fonts") / "widths.json"
    found: dict[str, dict[str, int]] = json.loads(source.read_text(encoding="utf-8"))
    return found


def _unknown(c: str) -> int:
    if unicodedata.combining(c):
        return 0
    return _UNKNOWN_WIDE if unicodedata.east_asian_width(c) in "WF" else _UNKNOWN
