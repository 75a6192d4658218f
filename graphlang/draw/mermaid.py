"""A scene as a Mermaid flowchart, which GitHub, GitLab and many wikis draw inside Markdown.

Mermaid lays out and paints by itself: wires carry the value and under it the gradient, boxes are subgraphs.
Ids are numbers of our own, and texts are quoted with everything special as an entity, so that no
name can end a label or begin a link.
"""

from __future__ import annotations

from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.quoting import cleaned
from graphlang.draw.text import COLUMN, is_grid, name_parts
from graphlang.draw.theme import THEMES

# Kind of item -> what stands around its label.
_SHAPES = {
    "gate": ("((", "))"),
    "loss": ("[", "]"),
    "network": ("[[", "]]"),
    "param": ("(", ")"),
    "state": ("(", ")"),
}
_NAME = ("([", "])")
_HARMLESS = frozenset(" ,.;:=+−×÷·[]()∂/…'!?_")


def mermaid_text(scene: Scene) -> str:
    """A scene in the Mermaid language; the same scene gives the same text."""
    return "\n".join(_Writer(scene).lines()) + "\n"


class _Writer:
    def __init__(self, scene: Scene):
        self.scene = scene
        self.flow = Flow(scene)
        self.ids = {item.id: f"n{i}" for i, item in enumerate(scene.items)}
        self.boxes = {box.id: f"b{i}" for i, box in enumerate(scene.boxes)}

    def lines(self) -> list[str]:
        """The lines of the text."""
        result = [f"flowchart {self.scene.direction}", *self._inside("", 1)]
        for wire in self.scene.wires:
            result += [self._edge(wire, use) for use in wire.uses]
        return [*result, *self._classes()]

    def _inside(self, box: str, depth: int) -> list[str]:
        indent = "  " * depth
        result = [f"{indent}{self._item(item)}" for item in self.flow.items_in(box)]
        for inner in self.flow.boxes_in(box):
            result += [
                f"{indent}subgraph {self._title(inner)}",
                *self._inside(inner.id, depth + 1),
                f"{indent}end",
            ]
        return result

    def _title(self, box: Box) -> str:
        title = f"{box.title} · {box.detail}" if box.detail else box.title
        return f"{self.boxes[box.id]}[{_quoted(title)}]"

    def _item(self, item: Item) -> str:
        opening, closing = _SHAPES.get(item.kind, _NAME)
        label = (
            item.label if item.kind in _SHAPES and item.kind != "param" else "".join(name_parts(item.label))
        )
        text = _quoted(f"{label}\n{item.detail}" if item.detail else label)
        return f"{self.ids[item.id]}{opening}{text}{closing}:::{item.kind}"

    def _edge(self, wire: Wire, use: Use) -> str:
        said = [_one_line(wire.value), _one_line(wire.gradient)] if self.scene.shows_numbers else [wire.shape]
        if use.part:
            said.append(f"({use.part})")
        label = "\n".join(text for text in said if text)
        arrow = f"-- {_quoted(label)} -->" if label else "-->"
        return f"  {self.ids[wire.source]} {arrow} {self.ids[use.target]}"

    def _classes(self) -> list[str]:
        theme = THEMES[self.scene.theme]
        fills = {
            "gate": (theme.gate, theme.outline),
            "loss": (theme.loss, theme.outline),
            "network": (theme.gate, theme.outline),
            "param": (theme.param, theme.param_outline),
            "state": (theme.param, theme.param_outline),
        }
        used = {item.kind for item in self.scene.items}
        return [
            f"  classDef {kind} fill:{fill},stroke:{stroke},color:{theme.text}"
            for kind, (fill, stroke) in fills.items()
            if kind in used
        ]


def _one_line(lines: tuple[str, ...]) -> str:
    """A value's lines in one: a matrix with brackets around its rows."""
    if not is_grid(lines):
        return " ".join(lines)
    rows = (f"[{line.replace(COLUMN, ', ')}]" for line in lines)
    return f"[{', '.join(rows)}]"


def _quoted(text: str) -> str:
    """Text as Mermaid takes it: every other character as an entity, line ends as breaks."""
    return '"' + "<br>".join(_entities(line) for line in text.split("\n")) + '"'


def _entities(text: str) -> str:
    return "".join(c if c.isalnum() or c in _HARMLESS else f"#{ord(c)};" for c in cleaned(text))
