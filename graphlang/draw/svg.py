"""A scene with its places as SVG, painted by ourselves: the same look whatever laid it out.

Colours stand as attributes, so that every renderer reads them; in the slide theme a style sheet changes them
where a dark ground is preferred. Everything has an `id`, a `class` and a `<title>` that a browser shows.
There is no script in it, and every text from the file is escaped (`marks.py`).
"""

from __future__ import annotations

from graphlang.draw.elements import Box, Item, Scene, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.geometry import Layout, Line, Placed, Point
from graphlang.draw.layout import lay_out
from graphlang.draw.marks import Marks, dark_style, escaped, name_markup, number
from graphlang.draw.sizes import (
    BRANCH_LINE,
    CAPTION_LINE,
    CAPTION_SIZES,
    DETAIL_SIZE,
    LINE,
    MARGIN,
    NAME_SIZE,
    PART_SIZE,
    SHAPE_SIZE,
    TITLE_SIZE,
    block_width,
    box_title_width,
    branch_texts,
    caption_lines,
    caption_width,
    gate_size,
    symbol_size,
)
from graphlang.draw.text import count_label
from graphlang.draw.theme import FONTS, THEMES, Theme

# Pixels per point, as browsers have them.
SCALE = 4 / 3
# Between a wire and the middle of the line of text above or below it, and beside it where it runs downwards.
_BESIDE, _SIDE = 10.0, 7.0


def svg_text(scene: Scene, layout: Layout | None = None) -> str:
    """A scene as an SVG document; the same scene in the same places gives the same text.

    Parameters
    ----------
    scene : Scene
    layout : Layout, optional
        Where everything is; by default our own layout says.

    Returns
    -------
    str
    """
    return _Painter(scene, lay_out(scene) if layout is None else layout).document()


def document_size(scene: Scene, layout: Layout) -> tuple[float, float]:
    """Width and height of a picture with its caption, in points."""
    caption = caption_lines(scene)
    below = CAPTION_LINE * len(caption) + (MARGIN if caption else 0)
    return max(layout.width, caption_width(caption), scene.least_width), layout.height + below


class _Painter:
    def __init__(self, scene: Scene, layout: Layout):
        self.scene = scene
        self.layout = layout
        self.theme: Theme = THEMES[scene.theme]
        self.marks = Marks(self.theme)
        self.flow = Flow(scene)
        self.wires = {w.id: w for w in scene.wires}
        self.boxes = {b.id: b for b in scene.boxes}

    def document(self) -> str:
        caption = caption_lines(self.scene)
        width, height = document_size(self.scene, self.layout)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}"'
            f' width="{number(width * SCALE)}" height="{number(height * SCALE)}" role="img"'
            f' aria-label="{escaped(self.scene.name)}">',
            f"<title>{escaped(self.scene.description or self.scene.name)}</title>",
            f"<desc>{escaped(self._description())}</desc>",
            *([dark_style()] if self.scene.theme == "slide" else []),
            f'<rect class="bg" width="100%" height="100%" fill="{self.theme.ground}"/>',
            f'<g font-family="{FONTS}" text-anchor="middle" fill="{self.theme.text}">',
        ]
        for placed in self.layout.placed:
            if placed.kind == "box":
                parts += self._box(self.boxes[placed.id], placed)
        for line in self.layout.lines:
            parts += self._line(line)
        if self.scene.direction == "TB":
            # Wires come in from above, through the title: it stands before them, on a ground of its own.
            for placed in self.layout.placed:
                if placed.kind == "box":
                    box = self.boxes[placed.id]
                    title = [self._ground(placed), self._title(box, placed)]
                    parts += [f'<g data-title="{escaped(box.element)}">', *title, "</g>"]
        for placed in self.layout.placed:
            if placed.kind == "item":
                parts += self._item(self.flow.item(placed.id), placed)
            elif placed.kind == "wire":
                parts += self._wire(self.wires[placed.id], placed)
        for i, said in enumerate(caption):
            at = (MARGIN, self.layout.height + CAPTION_LINE * (i + 0.5))
            parts.append(self.marks.text(said, at, CAPTION_SIZES[min(i, 1)], "c", ' text-anchor="start"'))
        return "\n".join([*parts, "</g>", "</svg>", ""])

    def _description(self) -> str:
        """What the picture shows, for those who do not see it."""
        items = self.scene.items
        gates = sum(item.kind in ("gate", "loss") for item in items)
        networks = sum(item.kind == "network" for item in items)
        words = [count_label(gates, "gate")]
        words += [count_label(networks, "closed network")] if networks else []
        boxes = len(self.scene.boxes)
        words += [f"{boxes} open {'box' if boxes == 1 else 'boxes'}"] if boxes else []
        return f"A computation graph of {' and '.join(words)}."

    # --- boxes and items -----------------------------------------------------------------------

    def _box(self, box: Box, placed: Placed) -> list[str]:
        theme, odd = self.theme, self.flow.depth(box.id) % 2
        return [
            f'<g class="{box.kind}" id="{escaped(box.element)}"><title>{escaped(box.id)}</title>',
            self.marks.frame(placed, f"b{odd}", theme.gate if odd else theme.box, theme.box_outline, 1),
            *([self._title(box, placed)] if self.scene.direction != "TB" else []),
            "</g>",
        ]

    def _title(self, box: Box, placed: Placed) -> str:
        markup = f'<tspan font-weight="bold">{escaped(box.title)}</tspan>'
        if box.detail:
            markup += f" {self.marks.small(box.detail, SHAPE_SIZE, 4)}"
        at = (placed.x - placed.width / 2 + 10, placed.y - placed.height / 2 + 14)
        return self.marks.text("", at, TITLE_SIZE, more=' text-anchor="start"', markup=markup)

    def _ground(self, placed: Placed) -> str:
        """What is behind a title."""
        theme, odd = self.theme, self.flow.depth(placed.id) % 2
        left, top = placed.x - placed.width / 2 + 8, placed.y - placed.height / 2 + 6
        width = box_title_width(self.boxes[placed.id]) - 16
        return (
            f'<rect class="k{odd}" x="{number(left)}" y="{number(top)}" width="{number(width)}" height="16"'
            f' fill="{theme.gate if odd else theme.box}"/>'
        )

    def _item(self, item: Item, placed: Placed) -> list[str]:
        title = f"<title>{escaped(item.tooltip or item.id)}</title>"
        ring = [self.marks.ring(placed, self.scene.accent)] if item.is_current else []
        if item.kind == "gate":
            marks = self._gate(item, placed)
        elif item.kind in ("loss", "network"):
            marks = self._closed(item, placed)
        elif item.kind in ("param", "state"):
            marks = self._parameter(item, placed)
        else:
            marks = [self.marks.text("", (placed.x, placed.y), NAME_SIZE, markup=name_markup(item.label))]
        return [f'<g class="{item.kind}" id="{escaped(item.id)}">{title}', *ring, *marks, "</g>"]

    def _gate(self, item: Item, placed: Placed) -> list[str]:
        theme, circle = self.theme, gate_size(item.label)
        if circle is None:
            shape, size = self.marks.frame(placed, "g", item.fill or theme.gate, theme.outline, 1.4), 14.0
        else:
            size = symbol_size(item.label, placed.width)
            shape = (
                f'<circle class="g" cx="{number(placed.x)}" cy="{number(placed.y)}"'
                f' r="{number(placed.width / 2)}" fill="{item.fill or theme.gate}" stroke="{theme.outline}"'
                ' stroke-width="1.4"/>'
            )
        return [shape, self.marks.text(item.label, (placed.x, placed.y), size)]

    def _closed(self, item: Item, placed: Placed) -> list[str]:
        theme = self.theme
        kind, fill = ("l", theme.loss) if item.kind == "loss" else ("g", theme.gate)
        fill = item.fill or fill
        result = [self.marks.frame(placed, kind, fill, theme.outline, 1.2)]
        if item.kind == "network" and (item.is_nested or not item.box):
            result.append(self.marks.frame(placed, kind, fill, theme.outline, 1.2, grow=-4))
        up = 6.5 if item.detail else 0
        result.append(
            self.marks.text(item.label, (placed.x, placed.y - up), TITLE_SIZE, more=' font-weight="bold"')
        )
        if item.detail:
            result.append(self.marks.text(item.detail, (placed.x, placed.y + 8), DETAIL_SIZE, "s"))
        return result

    def _parameter(self, item: Item, placed: Placed) -> list[str]:
        theme, markup = self.theme, name_markup(item.label)
        frame = self.marks.frame(placed, "p", theme.param, theme.param_outline, 1)
        if item.kind == "state":
            frame = frame.replace("/>", ' stroke-dasharray="4 2"/>')
        if item.detail:
            markup += self.marks.small(item.detail, DETAIL_SIZE, 5)
        return [frame, self.marks.text("", (placed.x, placed.y), TITLE_SIZE, markup=markup)]

    # --- wires ---------------------------------------------------------------------------------

    def _wire(self, wire: Wire, placed: Placed) -> list[str]:
        """The labelled middle of a wire: value above or left of it, gradient below or right."""
        x, y = placed.x, placed.y
        is_down = self.scene.direction == "TB"
        path = (
            f"M{number(x)},{number(y - placed.height / 2)}V{number(y + placed.height / 2)}"
            if is_down
            else f"M{number(x - placed.width / 2)},{number(y)}H{number(x + placed.width / 2)}"
        )
        value_width, gradient_width = block_width(wire.value, is_bold=True), block_width(wire.gradient)
        up, down = (LINE * (len(lines) - 1) / 2 + _BESIDE for lines in (wire.value, wire.gradient))
        if is_down:
            value_at, gradient_at = (x - _SIDE - value_width, y), (x + _SIDE, y)
        else:
            value_at, gradient_at = (x - value_width / 2, y - up), (x - gradient_width / 2, y + down)
        above = "n" if wire.has_strange_value else "v"
        below = "n" if wire.has_strange_gradient else "d"
        thick = ' stroke-width="3"' if wire.is_current else ""
        return [
            f'<g class="wire" id="{escaped(wire.id)}"><title>{escaped(wire.tooltip)}</title>',
            f'<path class="w" stroke="{self.theme.line}"{thick} d="{path}"/>',
            *self._wire_name(wire, placed, is_down),
            '<g class="value">',
            *self.marks.block(wire.value, *value_at, above, is_bold=True),
            '</g><g class="gradient">',
            *self.marks.block(wire.gradient, *gradient_at, below, is_bold=False),
            "</g></g>",
        ]

    def _wire_name(self, wire: Wire, placed: Placed, is_down: bool) -> list[str]:
        if not wire.name:
            return []
        markup = name_markup(wire.name)
        if is_down:
            at, more = (placed.x - _SIDE, placed.y - LINE * max(len(wire.value), 1)), ' text-anchor="end"'
        else:
            at, more = (placed.x, placed.y - _BESIDE - LINE * len(wire.value)), ""
        return [self.marks.text("", at, PART_SIZE, "s", more, markup=markup)]

    def _line(self, line: Line) -> list[str]:
        parts = [self.marks.curve(line.points)]
        if line.tip is not None:
            parts.append(self.marks.head(line.points[-1], line.tip))
        if line.label is not None:
            parts += self._beside(line, line.label)
        return parts

    def _beside(self, line: Line, middle: Point) -> list[str]:
        """What stands beside a stretch: a local derivative, a part of a gradient, or a shape."""
        wire, (x, y) = self.wires[line.wire], middle
        texts = branch_texts(wire.uses[line.use]) if line.use >= 0 else ()
        if not texts:
            return [self.marks.text(wire.shape, middle, SHAPE_SIZE, "s")] if wire.shape else []
        use, result = wire.uses[line.use], []
        y -= BRANCH_LINE * (len(texts) - 1) / 2
        if use.local:
            result += [] if use.is_local_hidden else [self.marks.text(use.local, (x, y), PART_SIZE)]
            y += BRANCH_LINE
        if use.part.strip():
            more = f' font-style="italic" data-node="{escaped(wire.node)}"'
            result.append(self.marks.text(use.part, (x, y), PART_SIZE, "d", more))
        return result
