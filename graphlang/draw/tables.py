"""The labelled middle of a wire in DOT: a table with the value, a rule that is the wire, and the gradient."""

from __future__ import annotations

from collections.abc import Sequence

from graphlang.draw.elements import Wire
from graphlang.draw.quoting import html, name_html
from graphlang.draw.sizes import block_width
from graphlang.draw.text import COLUMN, is_grid
from graphlang.draw.theme import Theme

# Points per line of a wire's text, and what is left around it.
_LINE, _AROUND = 16, 8


def wire_table(wire: Wire, theme: Theme, width: int, direction: str) -> str:
    """The table of a wire that runs to the right (`LR`) or down (`TB`), `width` points wide."""
    return _columns(wire, theme, width) if direction == "TB" else _rows(wire, theme, width)


def _rows(wire: Wire, theme: Theme, width: int) -> str:
    """The value over a rule, the gradient under it."""
    # Both cells have as many lines, so that the rule between them is at the ports.
    height = max(len(wire.value) + (bool(wire.name) and is_grid(wire.value)), len(wire.gradient), 1)
    value, gradient = _cells(wire, height, theme, width)
    # Lines of bold and of regular text differ in height by a fraction, which several lines would add up.
    tall = f' HEIGHT="{_LINE * height + _AROUND}"' if height > 1 else ""
    return (
        f"{_start(theme)}<TR>"
        f'<TD WIDTH="{width}"{tall}>{value}</TD>'
        f"</TR><HR/>"
        f"<TR><TD{tall}>{gradient}</TD></TR></TABLE>"
    )


def _columns(wire: Wire, theme: Theme, width: int) -> str:
    """For wires that run downwards: the value left of a rule, the gradient right of it."""
    value, gradient = _cells(wire, 1, theme, width)
    wide = f'WIDTH="{width}"'
    return (
        f'{_start(theme)}<TR><TD {wide} ALIGN="RIGHT">{value}</TD><VR/>'
        f'<TD {wide} ALIGN="LEFT">{gradient}</TD></TR></TABLE>'
    )


def _start(theme: Theme) -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{theme.line}">'


def _cells(wire: Wire, height: int, theme: Theme, width: int) -> tuple[str, str]:
    """The contents of a wire's two cells."""
    above = theme.warning if wire.has_strange_value else theme.value
    below = theme.warning if wire.has_strange_gradient else theme.gradient
    name = f'<FONT COLOR="{theme.faint}"><I>{name_html(wire.name)}</I></FONT> ' if wire.name else ""
    value = [f"<B>{html(line)}</B>" for line in wire.value]
    gradient = [html(line) for line in wire.gradient]
    if is_grid(wire.value) or is_grid(wire.gradient):
        return _matrix(width, wire.value, above, name, "B"), _matrix(width, wire.gradient, below)
    value = ["&#160;"] * (height - len(value)) + value
    gradient += ["&#160;"] * (height - len(gradient))
    value[-1] = name + value[-1]
    return (
        f'<FONT COLOR="{above}">{"<BR/>".join(value)}</FONT>',
        f'<FONT COLOR="{below}">{"<BR/>".join(gradient)}</FONT>',
    )


def _matrix(width: int, lines: Sequence[str], colour: str, name: str = "", tag: str = "") -> str:
    """A matrix as a table in a cell, with a line at both sides and its name above it."""
    rows = []
    for line in lines:
        texts = [f"<{tag}>{html(cell)}</{tag}>" if tag else html(cell) for cell in line.split(COLUMN)]
        cells = [f'<TD ALIGN="RIGHT"><FONT COLOR="{colour}">{text}</FONT></TD>' for text in texts]
        rows.append(f"<TR>{''.join(cells)}</TR>")
    if not rows:
        return name or "&#160;"
    # A table in a cell grows to fill it; empty cells at both sides take that room.
    is_known = any(line.strip() for line in lines)
    room = max(int(width - block_width(lines, is_bold=bool(tag))) // 2, 0)
    side = f'<TD WIDTH="{room}"></TD>'
    title = f'<TR><TD COLSPAN="3">{name}</TD></TR>' if name else ""
    return (
        f'<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="0">{title}<TR>{side}<TD>'
        f'<TABLE BORDER="{int(is_known)}" SIDES="LR" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"'
        f' COLOR="{colour}">{"".join(rows)}</TABLE></TD>{side}</TR></TABLE>'
    )
