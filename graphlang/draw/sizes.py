"""How large things are drawn and written, the same for every layout engine; lengths are in points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.metrics import text_width
from graphlang.draw.text import COLUMN, is_grid

# Font sizes: names of inputs and outputs, of parameters and boxes, what stands small beside them, values, the
# names and parts on wires, shapes.
NAME_SIZE, TITLE_SIZE, DETAIL_SIZE, VALUE_SIZE, PART_SIZE, SHAPE_SIZE = 17, 13, 10, 13, 11, 10.5
# Height of a line of text, and what lies between the columns of a matrix.
LINE, COLUMN_GAP = 16.0, 9.0
# Between a wire and the text above or below it, what is left around the text, and the least width of both.
_BESIDE, _AROUND, _NARROWEST = 6.0, 10.0, 30.0
# Around a picture, for a line of its caption, and the sizes of the caption's first and later lines.
MARGIN, CAPTION_LINE = 14.0, 24.0
CAPTION_SIZES = (16.0, 14.0)
# Height of a line of what stands beside a branch.
BRANCH_LINE = 13.0
# In DOT: points per character of a wire's text, what is left around it, and the least width.
_DOT_CHARACTER, _DOT_AROUND, _DOT_NARROWEST = 8, 8, 24


def item_size(item: Item) -> tuple[float, float]:
    """Width and height of an item."""
    detail = text_width(item.detail, DETAIL_SIZE)
    if item.kind == "gate":
        circle = gate_size(item.label)
        if circle is not None:
            return circle[0] * 72, circle[0] * 72
        return text_width(item.label, 14) + 20, 32.0
    if item.kind in ("loss", "network"):
        rows = 2 if item.detail else 1
        return max(text_width(item.label, TITLE_SIZE, is_bold=True), detail) + 28, 15.0 * rows + 18
    if item.kind in ("param", "state"):
        return text_width(item.label, TITLE_SIZE) + (detail + 5 if item.detail else 0) + 14, 22.0
    return text_width(item.label, NAME_SIZE) + 8, 24.0


def gate_size(symbol: str) -> tuple[float, int] | None:
    """Diameter in inches and font size of a gate's circle; None for a symbol that needs a box."""
    if len(symbol) == 1:
        return 0.54, 19
    if len(symbol) <= 3:
        return 0.54, 14
    if len(symbol) == 4:
        return 0.6, 13
    return (0.72, 12) if len(symbol) <= 6 else None


def symbol_size(symbol: str, diameter: float) -> float:
    """The font size of a symbol in a circle: smaller where it would touch the circle."""
    circle = gate_size(symbol)
    size = float(circle[1]) if circle is not None else 14.0
    return min(size, size * 0.8 * diameter / max(text_width(symbol, size), 1.0))


def box_title_width(box: Box) -> float:
    """How wide an open box must be for its title."""
    detail = text_width(box.detail, SHAPE_SIZE) + 12 if box.detail else 0.0
    return text_width(box.title, TITLE_SIZE, is_bold=True) + detail + 20


# --- wires ---------------------------------------------------------------------------------------


def wire_size(wire: Wire, direction: str) -> tuple[float, float]:
    """Width and height of a wire's label: as much room on both sides of the wire."""
    above = block_width(wire.value, is_bold=True)
    if wire.name:
        above = max(above, text_width(wire.name, PART_SIZE))
    wide = max(above, block_width(wire.gradient))
    rows = max(len(wire.value) + bool(wire.name), len(wire.gradient), 1)
    if direction == "TB":
        return 2 * (wide + _BESIDE + 2), LINE * rows + 8
    return max(wide + _AROUND, _NARROWEST), 2 * (LINE * rows + _BESIDE)


def block_width(lines: Sequence[str], *, is_bold: bool = False) -> float:
    """The width of a value's or gradient's lines, with the brackets of a matrix."""
    if is_grid(lines):
        columns = column_widths(lines, is_bold=is_bold)
        return sum(columns) + COLUMN_GAP * (len(columns) - 1) + 10
    return max((text_width(line, VALUE_SIZE, is_bold=is_bold) for line in lines), default=0.0)


def column_widths(lines: Sequence[str], *, is_bold: bool = False) -> list[float]:
    """The widths of a matrix's columns."""
    rows = [line.split(COLUMN) for line in lines]
    return [
        max(text_width(cell, VALUE_SIZE, is_bold=is_bold) for cell in cells)
        for cells in zip(*rows, strict=True)
    ]


def branch_texts(use: Use) -> tuple[str, ...]:
    """What stands beside a branch, from above: its local derivative, its part of the gradient."""
    return tuple(text for text in (use.local, use.part) if text)


def branch_size(use: Use) -> tuple[float, float]:
    """Width and height of what stands beside a branch."""
    texts = branch_texts(use)
    width = max((text_width(text, PART_SIZE) for text in texts), default=0.0)
    return width, BRANCH_LINE * (len(texts) - 1) + PART_SIZE if texts else 0.0


def _characters(lines: Sequence[str]) -> int:
    """How wide lines are, in characters as wide as the widest of most texts."""
    if is_grid(lines):
        return ceil(block_width(lines, is_bold=True) / _DOT_CHARACTER)
    return max((len(line) for line in lines), default=0)


def wire_width(wires: Iterable[Wire]) -> int:
    """In DOT, the width of every wire's label in a picture."""
    longest = 0
    for wire in wires:
        lines = [_characters(wire.value), _characters(wire.gradient)]
        if wire.name and wire.value:
            lines.append(len(wire.value[-1]) + len(wire.name) + 1)
        longest = max([longest, *lines])
    return max(_DOT_NARROWEST, _DOT_CHARACTER * longest + _DOT_AROUND)


# --- captions ------------------------------------------------------------------------------------


def caption_lines(scene: Scene) -> tuple[str, ...]:
    """The lines below a picture; two as soon as there is one, so that frames are equally high."""
    return (*scene.caption, "")[:2] if scene.caption else ()


def caption_width(lines: Iterable[str]) -> float:
    """The width that a caption needs."""
    widths = [text_width(line, CAPTION_SIZES[min(i, 1)]) for i, line in enumerate(lines) if line]
    return max(widths, default=0.0) + 2 * MARGIN if widths else 0.0
