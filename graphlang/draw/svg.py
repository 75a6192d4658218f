"""A scene as SVG, painted by ourselves on our own layout: needs no other program.

Colours stand as attributes, so that every renderer reads them; in the slide theme a style sheet changes them
where a dark ground is preferred. Everything has an `id`, a `class` and a `<title>` that a browser shows.
"""

from __future__ import annotations

from html import escape
from itertools import pairwise

from graphlang.draw.elements import Box, Item, Scene, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.geometry import Layout, Line, Placed
from graphlang.draw.layout import lay_out
from graphlang.draw.quoting import cleaned
from graphlang.draw.sizes import (
    CAPTION_LINE,
    CAPTION_SIZES,
    LINE,
    LOCAL_SIZE,
    MARGIN,
    caption_lines,
    caption_width,
    gate_size,
)
from graphlang.draw.text import name_parts, text_width
from graphlang.draw.theme import DARK, FONT, THEMES, Theme

_SCALE = 1.2
_HEAD = 6.0  # length of an arrow's head
_AT_LEFT = ' text-anchor="start"'
# Class -> what it paints, and with which colour of the theme.
_CLASSES = {
    "bg": ("fill", "ground"),
    "t": ("fill", "text"),
    "s": ("fill", "faint"),
    "v": ("fill", "value"),
    "d": ("fill", "gradient"),
    "n": ("fill", "warning"),
    "c": ("fill", "text"),
    "vr": ("stroke", "value"),
    "dr": ("stroke", "gradient"),
    "w": ("stroke", "line"),
    "h": ("fill", "line"),
}


def svg_text(scene: Scene) -> str:
    """A scene as an SVG document; the same scene gives the same text."""
    return _Painter(scene).document()


class _Painter:
    def __init__(self, scene: Scene):
        self.scene = scene
        self.theme: Theme = THEMES[scene.theme]
        self.flow = Flow(scene)
        self.layout: Layout = lay_out(scene)
        self.wires = {w.id: w for w in scene.wires}
        self.boxes = {b.id: b for b in scene.boxes}

    def document(self) -> str:
        width, height = self.layout.width, self.layout.height
        caption = caption_lines(self.scene)
        top, height = height, height + CAPTION_LINE * len(caption) + (MARGIN if caption else 0)
        width = max(width, caption_width(caption), self.scene.least_width)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}"'
            f' width="{_n(width * _SCALE)}" height="{_n(height * _SCALE)}" role="img"'
            f' aria-label="{_escaped(self.scene.name)}">',
            f"<title>{_escaped(self.scene.description or self.scene.name)}</title>",
            *self._style(),
            f'<rect class="bg" width="100%" height="100%" fill="{self.theme.ground}"/>',
            f'<g font-family="{FONT}" text-anchor="middle" fill="{self.theme.text}">',
        ]
        for placed in self.layout.placed:
            if placed.kind == "box":
                parts += self._box(self.boxes[placed.id], placed)
        for line in self.layout.lines:
            parts += self._line(line)
        for placed in self.layout.placed:
            if placed.kind == "item":
                parts += self._item(self.flow.item(placed.id), placed)
            elif placed.kind == "wire":
                parts += self._wire(self.wires[placed.id], placed)
        for i, said in enumerate(caption):
            size = CAPTION_SIZES[min(i, 1)]
            parts.append(self._text(said, MARGIN, top + CAPTION_LINE * (i + 0.5), size, "c", _AT_LEFT))
        return "\n".join([*parts, "</g>", "</svg>", ""])

    def _style(self) -> list[str]:
        if self.scene.theme != "slide":
            return []
        rules = [f".{name}{{{what}:{getattr(DARK, colour)}}}" for name, (what, colour) in _CLASSES.items()]
        rules += [
            f".g{{fill:{DARK.gate};stroke:{DARK.outline}}}",
            f".l{{fill:{DARK.loss};stroke:{DARK.outline}}}",
            f".p{{fill:{DARK.param};stroke:{DARK.param_outline}}}",
            f".b0{{fill:{DARK.box};stroke:{DARK.box_outline}}}",
            f".b1{{fill:{DARK.gate};stroke:{DARK.box_outline}}}",
        ]
        return [f"<style>@media (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"]

    # --- parts ---------------------------------------------------------------------------------

    def _text(
        self, text: str, x: float, y: float, size: float, kind: str = "t", more: str = "", markup: str = ""
    ) -> str:
        """Text centred on a point, whatever the renderer thinks of baselines."""
        what, colour = _CLASSES[kind]
        return (
            f'<text class="{kind}" x="{_n(x)}" y="{_n(y + 0.35 * size)}" font-size="{_n(size)}"'
            f' {what}="{getattr(self.theme, colour)}"{more}>{markup or _escaped(text)}</text>'
        )

    def _small(self, text: str, size: float) -> str:
        return (
            f'<tspan class="s" font-size="{size}" fill="{self.theme.faint}" dx="3">{_escaped(text)}</tspan>'
        )

    def _frame(self, placed: Placed, kind: str, fill: str, stroke: str, width: float, grow: float = 0) -> str:
        w, h = placed.width + 2 * grow, placed.height + 2 * grow
        return (
            f'<rect class="{kind}" x="{_n(placed.x - w / 2)}" y="{_n(placed.y - h / 2)}" width="{_n(w)}"'
            f' height="{_n(h)}" rx="9" fill="{fill}" stroke="{stroke}" stroke-width="{width}"/>'
        )

    def _box(self, box: Box, placed: Placed) -> list[str]:
        theme, odd = self.theme, self.flow.depth(box.id) % 2
        left, top = placed.x - placed.width / 2, placed.y - placed.height / 2
        title = f'<tspan font-weight="bold">{_escaped(box.title)}</tspan>'
        if box.detail:
            title += f" {self._small(box.detail, 10.5)}"
        return [
            f'<g class="{box.kind}" id="{_escaped(box.id)}"><title>{_escaped(box.id)}</title>',
            self._frame(placed, f"b{odd}", theme.gate if odd else theme.box, theme.box_outline, 1),
            self._text("", left + 9, top + 14, 13, more=' text-anchor="start"', markup=title),
            "</g>",
        ]

    def _item(self, item: Item, placed: Placed) -> list[str]:
        theme, x, y = self.theme, placed.x, placed.y
        tooltip = _escaped(item.tooltip or item.id)
        start = f'<g class="{item.kind}" id="{_escaped(item.id)}"><title>{tooltip}</title>'
        if item.is_current:
            start += self._ring(placed)
        if item.kind == "gate":
            circle = gate_size(item.label)
            if circle is None:
                shape, size = self._frame(placed, "g", item.fill or theme.gate, theme.outline, 1.4), 14
            else:
                size = circle[1]
                shape = (
                    f'<circle class="g" cx="{_n(x)}" cy="{_n(y)}" r="{_n(placed.width / 2)}"'
                    f' fill="{item.fill or theme.gate}" stroke="{theme.outline}" stroke-width="1.4"/>'
                )
            return [start, shape, self._text(item.label, x, y, size), "</g>"]
        if item.kind in ("loss", "network"):
            kind, fill = ("l", theme.loss) if item.kind == "loss" else ("g", theme.gate)
            fill = item.fill or fill
            double = item.kind == "network" and (item.is_nested or not item.box)
            outer = [self._frame(placed, kind, fill, theme.outline, 1.2)]
            if double:
                outer.append(self._frame(placed, kind, fill, theme.outline, 1.2, grow=-4))
            up = 6.5 if item.detail else 0
            label = [self._text(item.label, x, y - up, 13, more=' font-weight="bold"')]
            if item.detail:
                label.append(self._text(item.detail, x, y + 8, 10, "s"))
            return [start, *outer, *label, "</g>"]
        markup = _name_markup(item.label)
        if item.kind in ("param", "state"):
            frame = self._frame(placed, "p", theme.param, theme.param_outline, 1)
            if item.kind == "state":
                frame = frame.replace("/>", ' stroke-dasharray="4 2"/>')
            if item.detail:
                markup += (
                    f' <tspan class="s" font-size="10" fill="{theme.faint}">{_escaped(item.detail)}</tspan>'
                )
            return [start, frame, self._text("", x, y, 13, markup=markup), "</g>"]
        return [start, self._text("", x, y, 17, markup=markup), "</g>"]

    def _ring(self, placed: Placed) -> str:
        """What makes something the current one: a thick dashed ring, so that colour is not the only cue."""
        kind, colour = ("v", self.theme.value) if self.scene.accent == "value" else ("d", self.theme.gradient)
        radius = placed.height / 2 + 5 if abs(placed.width - placed.height) < 0.01 else 12
        frame = self._frame(placed, f"ring {kind}r", "none", colour, 3, grow=5)
        return frame.replace(' rx="9"', f' rx="{_n(radius)}" stroke-dasharray="7 3"')

    def _wire(self, wire: Wire, placed: Placed) -> list[str]:
        x, y, half = placed.x, placed.y, placed.width / 2
        thick = ' stroke-width="3"' if wire.is_current else ""
        parts = [
            f'<g class="wire" id="{_escaped(wire.id)}"><title>{_escaped(wire.tooltip)}</title>',
            f'<path class="w" stroke="{self.theme.line}"{thick} d="M{_n(x - half)},{_n(y)}H{_n(x + half)}"/>',
        ]
        above = "n" if wire.has_strange_value else "v"
        if wire.name:
            up = 10 + LINE * len(wire.value)
            parts.append(self._text("", x, y - up, 11, "s", markup=_name_markup(wire.name)))
        parts.append('<g class="value">')
        for i, line in enumerate(reversed(wire.value)):
            parts.append(self._text(line, x, y - 10 - LINE * i, 13, above, ' font-weight="bold"'))
        below = "n" if wire.has_strange_gradient else "d"
        parts.append('</g><g class="gradient">')
        for i, line in enumerate(wire.gradient):
            parts.append(self._text(line, x, y + 10 + LINE * i, 13, below))
        return [*parts, "</g></g>"]

    def _line(self, line: Line) -> list[str]:
        points, wire = line.points, self.wires[line.wire]
        end_x, end_y = points[-1]
        before = _HEAD if line.has_head else 0.0
        path = f"M{_n(points[0][0])},{_n(points[0][1])}"
        for (x0, y0), (x1, y1) in pairwise([*points[:-1], (end_x - before, end_y)]):
            if abs(y1 - y0) < 0.5:
                path += f"L{_n(x1)},{_n(y1)}"
            else:
                middle = (x0 + x1) / 2
                path += f"C{_n(middle)},{_n(y0)} {_n(middle)},{_n(y1)} {_n(x1)},{_n(y1)}"
        parts = [f'<path class="w" fill="none" stroke="{self.theme.line}" d="{path}"/>']
        if line.has_head:
            x, y = _n(end_x - before), end_y
            head = f"M{x},{_n(y - 2.6)}L{_n(end_x)},{_n(y)}L{x},{_n(y + 2.6)}z"
            parts.append(f'<path class="h" fill="{self.theme.line}" d="{head}"/>')
        part = wire.uses[line.use].part if line.use >= 0 else ""
        local = wire.uses[line.use].local if line.use >= 0 else ""
        if local and line.has_head and not wire.uses[line.use].is_local_hidden:
            # On the straight end of a branch: outside the fan of the gate's operands, where nothing bends.
            up = -7 if line.side <= 0 else 8
            more = ' text-anchor="end"'
            parts.append(self._text(local, end_x - _HEAD - 6, end_y + up, LOCAL_SIZE, "t", more))
        if part:
            # Above the end of a branch that comes from below, below it otherwise.
            off = -9 if points[-2][1] > end_y + 1 else 10
            back = text_width(local, LOCAL_SIZE) + 10 if local else 0
            more = f' font-style="italic" text-anchor="end" data-node="{_escaped(wire.node)}"'
            parts.append(self._text(part, end_x - 8 - back, end_y + off, 11, "d", more))
        elif wire.shape and line.is_first and not self.scene.shows_numbers:
            x0, y0 = points[0]
            parts.append(self._text(wire.shape, x0 + 6, y0 - 8, 10.5, "s", ' text-anchor="start"'))
        return parts


def _name_markup(name: str) -> str:
    stem, subscript = name_parts(name)
    return f'<tspan font-style="italic">{_escaped(stem)}</tspan>{_escaped(subscript)}'


def _escaped(text: str) -> str:
    return escape(cleaned(text), quote=True)


def _n(x: float) -> str:
    """A coordinate: two decimals at most."""
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
