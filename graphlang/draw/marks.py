"""The marks that our painter makes: texts, frames, curves and matrices as SVG elements.

Colours stand as attributes, so that every renderer reads them; a class on each lets a style sheet change
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from graphlang.draw.geometry import Placed, Point
from graphlang.draw.quoting import cleaned
from graphlang.draw.sizes import COLUMN_GAP, LINE, VALUE_SIZE, block_width, column_widths
from graphlang.draw.text import COLUMN, is_grid, name_parts
from graphlang.draw.theme import DARK, Theme

# Class -> what it paints, and with which colour of the theme.
CLASSES = {
    "bg": ("fill", "ground"),
    "t": ("fill", "text"),
    "s": ("fill", "faint"),
    "v": ("fill", "value"),
    "d": ("fill", "gradient"),
    "n": ("fill", "warning"),
    "c": ("fill", "text"),
    "vr": ("stroke", "value"),
    "dr": ("stroke", "gradient"),
    "vl": ("stroke", "value"),
    "dl": ("stroke", "gradient"),
    "nl": ("stroke", "warning"),
    "w": ("stroke", "line"),
    "h": ("fill", "line"),
}
# Where a text's baseline lies below its middle, in font sizes: set by hand, since office programs ignore
# `dominant-baseline`.
_BASELINE = 0.35


def dark_style() -> str:
    """The style sheet that changes all colours where a dark ground is preferred."""
    rules = [f".{name}{{{what}:{getattr(DARK, colour)}}}" for name, (what, colour) in CLASSES.items()]
    rules += [
        f".g{{fill:{DARK.gate};stroke:{DARK.outline}}}",
        f".l{{fill:{DARK.loss};stroke:{DARK.outline}}}",
        f".p{{fill:{DARK.param};stroke:{DARK.param_outline}}}",
        f".b0{{fill:{DARK.box};stroke:{DARK.box_outline}}}",
        f".b1{{fill:{DARK.gate};stroke:{DARK.box_outline}}}",
        f".k0{{fill:{DARK.box}}}.k1{{fill:{DARK.gate}}}",
    ]
    return f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"


def escaped(text: str) -> str:
    """Any text inside an element or an attribute."""
    return escape(cleaned(text), quote=True)


def number(x: float) -> str:
    """A coordinate: two decimals at most."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class Marks:
    """Makes marks in the colours of one theme."""

    def __init__(self, theme: Theme):
        self.theme = theme

    # --- text ----------------------------------------------------------------------------------

    def text(
        self, text: str, at: Point, size: float, kind: str = "t", more: str = "", markup: str = ""
    ) -> str:
        """Text whose middle is at a point, whatever the renderer thinks of baselines."""
        what, colour = CLASSES[kind]
        return (
            f'<text class="{kind}" x="{number(at[0])}" y="{number(at[1] + _BASELINE * size)}"'
            f' font-size="{number(size)}" {what}="{getattr(self.theme, colour)}"{more}>'
            f"{markup or escaped(text)}</text>"
        )

    def small(self, text: str, size: float, before: float) -> str:
        """A smaller continuation of a text."""
        return (
            f'<tspan class="s" font-size="{number(size)}" fill="{self.theme.faint}" dx="{number(before)}">'
            f"{escaped(text)}</tspan>"
        )

    def block(
        self, lines: Sequence[str], left: float, middle: float, kind: str, *, is_bold: bool
    ) -> list[str]:
        """A value's or gradient's lines; a matrix has its columns aligned and brackets around it."""
        if not any(line.strip() for line in lines):
            return []  # not computed yet
        more = ' font-weight="bold"' if is_bold else ""
        top = middle - LINE * (len(lines) - 1) / 2
        width = block_width(lines, is_bold=is_bold)
        if not is_grid(lines):
            return [
                self.text(line, (left + width / 2, top + LINE * i), VALUE_SIZE, kind, more)
                for i, line in enumerate(lines)
            ]
        result = self._brackets(left, top - LINE / 2, width, LINE * len(lines), kind)
        more += ' text-anchor="end"'
        for i, line in enumerate(lines):
            right = left + 5
            widths = column_widths(lines, is_bold=is_bold)
            for cell, column in zip(line.split(COLUMN), widths, strict=True):
                right += column
                result.append(self.text(cell, (right, top + LINE * i), VALUE_SIZE, kind, more))
                right += COLUMN_GAP
        return result

    def _brackets(self, left: float, top: float, width: float, height: float, kind: str) -> list[str]:
        colour = getattr(self.theme, CLASSES[kind][1])
        right, up, down = left + width, number(top + 1), number(top + height - 1)
        path = (
            f"M{number(left + 3)},{up}H{number(left)}V{down}H{number(left + 3)}"
            f"M{number(right - 3)},{up}H{number(right)}V{down}H{number(right - 3)}"
        )
        return [f'<path class="{kind}l" fill="none" stroke="{colour}" d="{path}"/>']

    # --- shapes --------------------------------------------------------------------------------

    def frame(self, placed: Placed, kind: str, fill: str, stroke: str, width: float, grow: float = 0) -> str:
        """A rounded box around a place."""
        w, h = placed.width + 2 * grow, placed.height + 2 * grow
        return (
            f'<rect class="{kind}" x="{number(placed.x - w / 2)}" y="{number(placed.y - h / 2)}"'
            f' width="{number(w)}" height="{number(h)}" rx="9" fill="{fill}" stroke="{stroke}"'
            f' stroke-width="{number(width)}"/>'
        )

    def ring(self, placed: Placed, accent: str) -> str:
        """What makes something the current one: a thick dashed ring, so that colour is not the only cue."""
        kind, colour = ("vr", self.theme.value) if accent == "value" else ("dr", self.theme.gradient)
        radius = placed.height / 2 + 5 if abs(placed.width - placed.height) < 0.01 else 12
        frame = self.frame(placed, f"ring {kind}", "none", colour, 3, grow=5)
        return frame.replace(' rx="9"', f' rx="{number(radius)}" stroke-dasharray="7 3"')

    def curve(self, points: Sequence[Point]) -> str:
        """A line along Bézier curves; straight stretches are written as such."""
        path = f"M{_point(points[0])}"
        for i in range(1, len(points) - 2, 3):
            a, b, end = points[i : i + 3]
            if _is_straight(points[i - 1], a, b, end):
                path += f"L{_point(end)}"
            else:
                path += f"C{_point(a)} {_point(b)} {_point(end)}"
        return f'<path class="w" fill="none" stroke="{self.theme.line}" d="{path}"/>'

    def head(self, base: Point, tip: Point) -> str:
        """The head of an arrow."""
        dx, dy = (base[1] - tip[1]) * 0.42, (tip[0] - base[0]) * 0.42
        corners = [(base[0] + dx, base[1] + dy), tip, (base[0] - dx, base[1] - dy)]
        return f'<path class="h" fill="{self.theme.line}" d="M{"L".join(map(_point, corners))}z"/>'


def name_markup(name: str) -> str:
    """A name in italics, with its subscript."""
    stem, subscript = name_parts(name)
    return f'<tspan font-style="italic">{escaped(stem)}</tspan>{escaped(subscript)}'


def _point(p: Point) -> str:
    return f"{number(p[0])},{number(p[1])}"


def _is_straight(start: Point, a: Point, b: Point, end: Point) -> bool:
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = max((dx * dx + dy * dy) ** 0.5, 1e-9)
    return all(abs((p[0] - start[0]) * dy - (p[1] - start[1]) * dx) / length < 0.05 for p in (a, b))
