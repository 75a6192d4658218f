"""A scene as DOT text, for Graphviz and for people, built with pydot.

In the slide style the labelled middle of every wire is a node: a table of two rows with a rule between them.
The rule is the wire; the edges on both sides meet it horizontally at the ports `:w` and `:e`. All tables of
a picture have one width, since `dot` leaves gaps where widths differ within a rank. Input names share a
rank, so do their wires, and an unseen point between two wires of a rank centres the gate that they feed.

In layer views an edge carries its shape as a label that floats above the line, and the longest path is kept
straight. A wire that enters an open box passes a pin at its left, not its title.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.flow import Flow
from graphlang.draw.quoting import attributes_of, cleaned, html, quoted
from graphlang.draw.sizes import branch_texts, caption_lines, wire_width
from graphlang.draw.styles import ITEM_STYLES
from graphlang.draw.tables import wire_table
from graphlang.draw.theme import FONT, THEMES, Theme
from graphlang.draw.view import MANY_ITEMS

if TYPE_CHECKING:
    import pydot


def dot_text(scene: Scene) -> str:
    """A scene in the DOT language; the same scene gives the same text."""
    text: str = to_pydot(scene).to_string(indent="  ")
    return text


def to_pydot(scene: Scene) -> pydot.Dot:
    """A scene as a pydot graph, which can be changed before it is written.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    pydot.Dot
    """
    return Writer(scene).graph()


class Writer:
    """One translation: names handed out, the flow of the scene, and the graph being built.

    The methods without an underscore say how things look; `skeleton.py` has others for them.
    """

    def __init__(self, scene: Scene):
        self.scene = scene
        self.theme: Theme = THEMES[scene.theme]
        self.flow = Flow(scene)
        self._names: dict[tuple[str, str], str] = {}
        self.meaning: dict[
            str, tuple[str, str]
        ] = {}  # a node's name -> the kind and id of what it stands for
        self.enter, self.leave = ("n", "s") if scene.direction == "TB" else ("w", "e")
        self.wire_width = wire_width(scene.wires)
        for item in scene.items:
            self.name("item", item.id)

    def name(self, kind: str, id: str) -> str:
        """The quoted node name for an item, wire or pin; different things have different names."""
        key = (kind, id)
        if key not in self._names:
            plain = self.plain_name(id)
            self.meaning[plain] = key
            self._names[key] = quoted(plain)
        return self._names[key]

    def plain_name(self, id: str) -> str:
        """A node name that is not taken."""
        wanted, count = cleaned(id), 1
        while wanted in self.meaning:
            count += 1
            wanted = f"{cleaned(id)} {count}"
        return wanted

    def cluster_name(self, box: Box) -> str:
        """The name of a box's cluster."""
        return f"cluster_{cleaned(box.id)}"

    # --- the whole -----------------------------------------------------------------------------

    def graph(self) -> pydot.Dot:
        import pydot

        scene, theme = self.scene, self.theme
        graph = pydot.Dot(quoted(scene.name), graph_type="digraph")
        ranksep, nodesep = _spacing(scene)
        _set(graph, rankdir=scene.direction, bgcolor=theme.ground, pad=0.2, ranksep=ranksep, nodesep=nodesep,
             fontname=FONT, fontcolor=theme.text, fontsize=13)  # fmt: skip
        if len(scene.items) > MANY_ITEMS:
            # Graphviz's own limits on perfecting a layout; the picture is as good, and done in seconds.
            _set(graph, nslimit=2, nslimit1=2, mclimit=0.5)
        if scene.caption:
            text = '<BR ALIGN="LEFT"/>'.join(html(line) for line in caption_lines(scene))
            _set(graph, label=f'<{text}<BR ALIGN="LEFT"/>>', labelloc="b", labeljust="l", fontsize=16)
        if scene.description:
            _set(graph, tooltip=quoted(scene.description))
        defaults = {
            "fontname": FONT,
            "fontsize": 15,
            "fontcolor": theme.text,
            "color": theme.outline,
            "penwidth": 1.4,
        }
        graph.add_node(pydot.Node("node", **attributes_of(defaults)))
        defaults = {
            "color": theme.line,
            "penwidth": 1,
            "arrowsize": 0.6,
            "fontname": FONT,
            "fontsize": 11,
            "fontcolor": theme.faint,
        }
        graph.add_node(pydot.Node("edge", **attributes_of(defaults)))
        self._fill(graph, "")
        for wire in scene.wires:
            self._edges(graph, wire)
        return graph

    def _fill(self, graph: Any, box: str) -> None:
        """Put the items, wires, pins and inner boxes of a box into its (sub)graph."""
        flow = self.flow
        for item in flow.items_in(box):
            self._item(graph, item)
        if self.scene.shows_numbers:
            for wire in flow.wires_in(box):
                self._wire(graph, wire)
        for pin in flow.pins_in(box):
            self._pin(graph, pin)
        self._ranks(graph, box)
        for inner in flow.boxes_in(box):
            self._box(graph, inner)

    def _box(self, graph: Any, box: Box) -> None:
        import pydot

        theme, depth = self.theme, self.flow.depth(box.id)
        cluster = pydot.Subgraph(quoted(self.cluster_name(box)))
        _set(cluster, label=self.box_label(box), labeljust="l", style="rounded,filled",
             fillcolor=theme.gate if depth % 2 else theme.box, color=theme.box_outline,
             margin=9 if depth else 12, id=quoted(box.element), **{"class": box.kind})  # fmt: skip
        self._fill(cluster, box.id)
        graph.add_subgraph(cluster)

    # --- nodes ---------------------------------------------------------------------------------

    def _item(self, graph: Any, item: Item) -> None:
        attributes = self.item_attributes(item)
        if not self.scene.shows_numbers and item.id in self.flow.spine:
            attributes["group"] = "spine"
        attributes["class"] = item.kind
        if item.is_current:
            # Thick and doubled, so that colour is not the only cue.
            attributes |= {"color": getattr(self.theme, self.scene.accent), "penwidth": 3, "peripheries": 2}
        self.node(graph, self.name("item", item.id), attributes, item.id, item.tooltip)

    def _wire(self, graph: Any, wire: Wire) -> None:
        attributes = {**self.wire_attributes(wire), "class": "wire"}
        self.node(graph, self.name("wire", wire.id), attributes, wire.id, wire.tooltip)

    def item_attributes(self, item: Item) -> dict[str, Any]:
        """How an item looks."""
        attributes = ITEM_STYLES[item.kind](item, self.theme)
        if item.fill:
            attributes["fillcolor"] = item.fill
        return attributes

    def wire_attributes(self, wire: Wire) -> dict[str, Any]:
        """How the labelled middle of a wire looks."""
        table = wire_table(wire, self.theme, self.wire_width, self.scene.direction)
        return {"shape": "plain", "fontsize": 13, "label": f"<{table}>"}

    def box_label(self, box: Box) -> str:
        """The title of an open box."""
        label = f"<B>{html(box.title)}</B>"
        if box.detail:
            label += f'  <FONT POINT-SIZE="10.5" COLOR="{self.theme.faint}">{html(box.detail)}</FONT>'
        return f"<{label}>"

    def _pin(self, graph: Any, pin: str) -> None:
        attributes = {"shape": "point", "width": 0.02, "color": self.theme.line, "label": '""'}
        attributes["class"] = "pin"
        if not self.scene.shows_numbers and pin in self.flow.spine_pins:
            attributes["group"] = "spine"
        self.node(graph, self.name("pin", pin), attributes)

    def node(
        self, graph: Any, name: str, attributes: dict[str, Any], id: str = "", tooltip: str = ""
    ) -> None:
        """A node; those that stand for something have an id and a tooltip."""
        import pydot

        if id:
            attributes |= {"id": quoted(id), "tooltip": quoted(tooltip or id)}
        graph.add_node(pydot.Node(name, **attributes_of(attributes)))

    # --- ranks ---------------------------------------------------------------------------------

    def _ranks(self, graph: Any, box: str) -> None:
        """What stands in one rank: in slides sources and their wires, in open boxes pins and parameters."""
        import pydot

        flow = self.flow
        sources = [self.name("item", i.id) for i in flow.items_in(box) if i.is_source]
        if box:
            pins = [self.name("pin", pin) for pin in flow.pins_in(box)]
            self._same_rank(graph, [*pins, *sources])
            return
        if not self.scene.shows_numbers:
            return
        self._same_rank(graph, sources if flow.has_source_rank else [])
        for group in flow.wire_ranks():
            names = []
            for wire, gate in group:
                names.append(self.name("wire", wire))
                if gate:
                    point = self.name("point", f"{gate}<")
                    unseen = {"shape": "point", "width": 0.01, "style": "invis", "label": '""'}
                    graph.add_node(pydot.Node(point, **attributes_of(unseen)))
                    graph.add_edge(pydot.Edge(point, self.name("item", gate), style="invis", weight=20))
                    names.append(point)
            self._same_rank(graph, names)

    def _same_rank(self, graph: Any, names: Sequence[str]) -> None:
        import pydot

        if len(names) < 2:
            return
        group = pydot.Subgraph("", rank="same")
        for name in names:
            group.add_node(pydot.Node(name))
        for a, b in itertools.pairwise(names):
            group.add_edge(pydot.Edge(a, b, style="invis"))
        graph.add_subgraph(group)

    # --- edges ---------------------------------------------------------------------------------

    def _edges(self, graph: Any, wire: Wire) -> None:
        source = self.name("item", wire.source)
        if self.scene.shows_numbers:
            middle = self.name("wire", wire.id)
            self.edge(graph, f"{source}:{self.leave}", f"{middle}:{self.enter}", wire, -1,
                      arrowhead="none", headclip="false", weight=20)  # fmt: skip
            self._branches(graph, wire, f"{middle}:{self.leave}", {"tailclip": "false", "weight": 2})
        else:
            self._branches(graph, wire, source, {})

    def _branches(self, graph: Any, wire: Wire, start: str, style: dict[str, Any]) -> None:
        """One edge per use; uses inside one open box share the way to its pins."""
        entered: set[str] = set()
        is_labelled = False
        for index, use in enumerate(wire.uses):
            here, attributes = start, dict(style)
            is_on_spine = (wire.source, use.target) in self.flow.spine_edges
            if not self.scene.shows_numbers:
                attributes["weight"] = self._weight(wire, is_on_spine)
            for pin in self.flow.pins_of(wire, use):
                name = self.name("pin", pin)
                if pin not in entered:
                    entered.add(pin)
                    label = {} if is_labelled else self.shape_label(wire)
                    is_labelled = True
                    if self.scene.shows_numbers:
                        attributes["weight"] = 10
                    self.edge(graph, here, name, wire, -1, arrowhead="none", headclip="false",
                              **(attributes | label))  # fmt: skip
                here, attributes = name, attributes | {"tailclip": "false"}
            target = self.name("item", use.target)
            if branch_texts(use):
                attributes |= {"class": "branch", **self.part_label(use)}
            elif not is_labelled:
                attributes |= self.shape_label(wire)
            is_labelled = True
            self.edge(graph, here, target, wire, index, **attributes)

    def _weight(self, wire: Wire, is_on_spine: bool) -> int:
        if is_on_spine:
            return 30
        return 1 if self.flow.item(wire.source).is_source else 3

    def edge(self, graph: Any, tail: str, head: str, wire: Wire, use: int, **attributes: Any) -> None:
        """Part of a wire: up to the use at this place in the wire's `uses`, or -1."""
        import pydot

        graph.add_edge(pydot.Edge(tail, head, **attributes_of(attributes)))

    def shape_label(self, wire: Wire) -> dict[str, Any]:
        """The shape beside an edge, in layer views."""
        if not wire.shape or self.scene.shows_numbers:
            return {}
        # An empty row below lets the text float above the line.
        return {
            "label": '<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR><TD>'
            f'<FONT POINT-SIZE="10.5">{html(wire.shape)}</FONT></TD></TR>'
            '<TR><TD HEIGHT="5"></TD></TR></TABLE>>'
        }

    def part_label(self, use: Use) -> dict[str, Any]:
        """The local derivative at a branch, and the part of the gradient that it brings."""
        rows = []
        if use.local:
            local = "&#160;" * len(use.local) if use.is_local_hidden else html(use.local)
            rows.append(f'<FONT COLOR="{self.theme.text}" POINT-SIZE="11">{local}</FONT>')
        if use.part:
            rows.append(f'<FONT COLOR="{self.theme.gradient}" POINT-SIZE="11"><I>{html(use.part)}</I></FONT>')
        cells = "".join(f"<TR><TD>{row}</TD></TR>" for row in rows)
        table = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">'
        return {"label": f"<{table}{cells}</TABLE>>"}


def _spacing(scene: Scene) -> tuple[float, float]:
    """Distance between ranks and between neighbours in a rank, in inches: less for large pictures."""
    gates = sum(item.kind == "gate" for item in scene.items)
    if scene.shows_numbers:
        if any(use.part for wire in scene.wires for use in wire.uses):
            return 0.22, 0.2
        return (0.25, 0.22) if gates < 5 else (0.17, 0.12)
    if scene.boxes:
        return (0.32, 0.28) if gates < 5 else (0.24, 0.16)
    return 0.35, 0.3


def _set(graph: Any, **attributes: Any) -> None:
    for key, value in attributes_of(attributes).items():
        graph.set(key, value)
