"""Colours. Each pair of text and ground has a contrast of at least 5 : 1.

Colour never carries a meaning alone: a value stands above its wire in bold, a gradient below it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FONT = "Helvetica,Arial,sans-serif"  # in DOT
FONTS = "Helvetica,Arial,DejaVu Sans,sans-serif"  # in SVG


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture, by what they paint."""

    ground: str
    text: str
    faint: str  # shapes, counts
    line: str  # wires
    value: str
    gradient: str
    warning: str  # NaN and infinities
    gate: str
    outline: str
    loss: str
    param: str
    param_outline: str
    box: str  # an open network; boxes inside it alternate with `gate`
    box_outline: str


SLIDE = Theme(
    ground="#ffffff",
    text="#1a1a1a",
    faint="#5a5a5a",
    line="#444444",
    value="#0a7a1e",
    gradient="#cc0000",
    warning="#a3008f",
    gate="#ffffff",
    outline="#1a1a1a",
    loss="#fff4e0",
    param="#eef3fb",
    param_outline="#8aa4c8",
    box="#f6f7f9",
    box_outline="#b9c0ca",
)
# For black-and-white paper: nothing but blacks and greys.
PRINT = replace(
    SLIDE,
    text="#000000",
    faint="#4d4d4d",
    line="#333333",
    value="#000000",
    gradient="#4d4d4d",
    warning="#000000",
    outline="#000000",
    loss="#e9e9e9",
    param="#f2f2f2",
    param_outline="#8c8c8c",
    box="#f7f7f7",
    box_outline="#999999",
)
COLORBLIND = replace(SLIDE, value="#0067a3", gradient="#b34700")
DARK = Theme(
    ground="#14181d",
    text="#e6edf3",
    faint="#a8b3be",
    line="#9aa4af",
    value="#7ee787",
    gradient="#ff8a80",
    warning="#ff9cf2",
    gate="#1f262d",
    outline="#c9d1d9",
    loss="#33290f",
    param="#1c2a3a",
    param_outline="#5d7fa8",
    box="#1a2027",
    box_outline="#48525e",
)
THEMES = {"slide": SLIDE, "print": PRINT, "colorblind": COLORBLIND, "dark": DARK}
