"""How large things are drawn, the same in DOT and in our own layout."""

from __future__ import annotations

from collections.abc import Iterable

from graphlang.draw.elements import Item, Scene, Wire
from graphlang.draw.text import text_width

# Points per line of text in our own layout.
LINE = 16.0
# Around a picture, for a line of its caption, and the sizes of the caption's first and later lines.
MARGIN, CAPTION_LINE = 14.0, 24.0
CAPTION_SIZES = (16.0, 14.0)
# The size of a local derivative, and the longest straight end of a branch that is kept for one.
LOCAL_SIZE, _LONGEST_END = 11.0, 150.0
# Points per character of a wire's text, what is left around it, and the least width.
_CHARACTER, _AROUND, _NARROWEST = 8, 8, 24


def item_size(item: Item) -> tuple[float, float]:
    """Width and height of an item."""
    detail = text_width(item.detail, 10)
    if item.kind == "gate":
        circle = gate_size(item.label)
        if circle is not None:
            return circle[0] * 72, circle[0] * 72
        return text_width(item.label, 14) + 20, 32.0
    if item.kind in ("loss", "network"):
        rows = 2 if item.detail else 1
        return max(text_width(item.label, 13, is_bold=True), detail) + 28, 16.0 * rows + 20
    if item.kind in ("param", "state"):
        return text_width(item.label, 13) + (detail + 4 if item.detail else 0) + 14, 24.0
    return text_width(item.label, 17) + 8, 24.0


def gate_size(symbol: str) -> tuple[float, int] | None:
    """Diameter in inches and font size of a gate's circle; None for a symbol that needs a box."""
    if len(symbol) == 1:
        return 0.54, 19
    if len(symbol) <= 3:
        return 0.54, 14
    if len(symbol) == 4:
        return 0.6, 13
    return (0.72, 12) if len(symbol) <= 6 else None


def wire_width(wires: Iterable[Wire]) -> int:
    """The width of every wire's label in a picture, in points."""
    longest = 0
    for wire in wires:
        lines = [len(line) for line in (*wire.value, *wire.gradient)]
        if wire.name and wire.value:
            lines.append(len(wire.value[-1]) + len(wire.name) + 1)
        longest = max([longest, *lines])
    return max(_NARROWEST, _CHARACTER * longest + _AROUND)


def wire_height(wire: Wire) -> float:
    """The height of a wire's label."""
    return 2 * (LINE * max(len(wire.value), len(wire.gradient), 1) + 6)


def caption_lines(scene: Scene) -> tuple[str, ...]:
    """The lines below a picture; two as soon as there is one, so that frames are equally high."""
    return (*scene.caption, "")[:2] if scene.caption else ()


def caption_width(lines: Iterable[str]) -> float:
    """The width that a caption needs."""
    widths = [text_width(line, CAPTION_SIZES[min(i, 1)]) for i, line in enumerate(lines) if line]
    return max(widths, default=0.0) + 2 * MARGIN if widths else 0.0


def straight_end(wire: Wire, use: int) -> float:
    """How much of a branch before its end is straight: as much as its local derivative needs."""
    local = wire.uses[use].local if use >= 0 else ""
    return min(text_width(local, LOCAL_SIZE) + 16, _LONGEST_END) if local else 0.0
