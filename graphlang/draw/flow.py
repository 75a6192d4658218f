"""The shape of a scene, before geometry: what lies in which box, ranks, the spine, where wires enter boxes.

DOT writer and own layout both start from here.
"""

from __future__ import annotations

from functools import cached_property
from itertools import zip_longest

from graphlang.draw.elements import Box, Item, Scene, Use, Wire
from graphlang.draw.view import MANY_ITEMS


class Flow:
    """Answers about one scene, each worked out once.

    A pin is the point where a wire enters an open box; its id is the box's and the wire's.
    """

    def __init__(self, scene: Scene):
        self.scene = scene
        self._items = {item.id: item for item in scene.items}
        self._parents = {box.id: box.parent for box in scene.boxes}

    def item(self, id: str) -> Item:
        """The item with this id."""
        return self._items[id]

    # --- boxes ---------------------------------------------------------------------------------

    def around(self, box: str) -> list[str]:
        """A box and the boxes around it, innermost first; the picture itself (``""``) last."""
        chain = []
        while box:
            chain.append(box)
            box = self._parents[box]
        return [*chain, ""]

    @cached_property
    def has_source_rank(self) -> bool:
        """Whether all sources outside boxes stand at the left: in slides, unless nobody could follow them."""
        return self.scene.shows_numbers and sum(i.is_source for i in self.items_in("")) <= MANY_ITEMS

    def depth(self, box: str) -> int:
        """How many boxes lie around a box."""
        return len(self.around(box)) - 2

    @cached_property
    def _in_box(self) -> dict[str, tuple[list[Item], list[Wire], list[str], list[Box]]]:
        found: dict[str, tuple[list[Item], list[Wire], list[str], list[Box]]] = {
            box: ([], [], [], []) for box in ("", *self._parents)
        }
        for item in self.scene.items:
            found[item.box][0].append(item)
        for wire in self.scene.wires:
            found[self.box_of_wire(wire)][1].append(wire)
            for box, pin in self._pins_by_wire[wire.id].items():
                found[box][2].append(pin)
        for inner in self.scene.boxes:
            found[inner.parent][3].append(inner)
        return found

    def items_in(self, box: str) -> list[Item]:
        """The items directly in a box."""
        return self._in_box[box][0]

    def wires_in(self, box: str) -> list[Wire]:
        """The wires whose labels lie directly in a box."""
        return self._in_box[box][1]

    def pins_in(self, box: str) -> list[str]:
        """The pins of a box."""
        return self._in_box[box][2]

    def boxes_in(self, box: str) -> list[Box]:
        """The boxes directly in a box."""
        return self._in_box[box][3]

    def box_of_wire(self, wire: Wire) -> str:
        """The box that a wire's label lies in.

        That of its source if it is used there, else the innermost box around it and all that it goes to.
        """
        common = self.around(self._items[wire.source].box)
        if any(common[0] in self.around(self._items[use.target].box) for use in wire.uses):
            return common[0]
        for use in wire.uses:
            target = set(self.around(self._items[use.target].box))
            common = [box for box in common if box in target]
        return common[0]

    # --- pins ----------------------------------------------------------------------------------

    @cached_property
    def _pins_by_wire(self) -> dict[str, dict[str, str]]:
        """For each wire: the boxes it enters with a pin, and the pin."""
        result: dict[str, dict[str, str]] = {}
        for wire in self.scene.wires:
            source = self._items[wire.source]
            outside = set(self.around(source.box))
            entered: dict[str, str] = {}
            for use in wire.uses:
                box = self._items[use.target].box
                # A parameter shared with another box stands in its own rank of pins already.
                if box not in outside and not (source.box and source.is_source):
                    entered.setdefault(box, f"{box}<{wire.id}")
            result[wire.id] = entered
        return result

    def pins_of(self, wire: Wire, use: Use) -> list[str]:
        """The pins that a branch passes, from the outside in."""
        entered = self._pins_by_wire[wire.id]
        box = self._items[use.target].box
        return [entered[box]] if box in entered else []

    # --- ranks and the spine -------------------------------------------------------------------

    @cached_property
    def _links(self) -> dict[str, list[str]]:
        """From each item to those that use it, without cycles."""
        import networkx as nx

        links: dict[str, list[str]] = {item.id: [] for item in self.scene.items}
        for wire in self.scene.wires:
            links[wire.source] += [use.target for use in wire.uses]
        if nx.is_directed_acyclic_graph(nx.DiGraph(links)):
            return links
        # A wire may leave a closed box and come back into it; it counts where it runs with the file.
        order = {id: i for i, id in enumerate(links)}
        return {a: [b for b in targets if order[a] < order[b]] for a, targets in links.items()}

    @cached_property
    def generations(self) -> list[list[str]]:
        """Item ids by rank: the length of the longest path from a source."""
        import networkx as nx

        graph = nx.DiGraph(self._links)
        return [list(generation) for generation in nx.topological_generations(graph)]

    @cached_property
    def rank(self) -> dict[str, int]:
        """Each item's rank."""
        return {item: r for r, generation in enumerate(self.generations) for item in generation}

    @cached_property
    def spine(self) -> tuple[str, ...]:
        """The longest path that starts at an input: kept straight in layer views."""
        before: dict[str, str] = {}
        length: dict[str, int] = {}
        for generation in self.generations:
            for item in generation:
                if item not in length:
                    kind = self._items[item].kind
                    length[item] = 0 if kind == "input" or not self._items[item].is_source else -10
                for target in self._links[item]:
                    if length[item] + 1 > length.get(target, -100):
                        length[target] = length[item] + 1
                        before[target] = item
        if not length:
            return ()
        last = max(length, key=lambda i: length[i])
        path = [last]
        while path[-1] in before:
            path.append(before[path[-1]])
        return tuple(reversed(path))

    @cached_property
    def spine_edges(self) -> frozenset[tuple[str, str]]:
        """Consecutive items of the spine."""
        return frozenset(zip(self.spine, self.spine[1:], strict=False))

    @cached_property
    def spine_pins(self) -> frozenset[str]:
        """The pins that the spine passes."""
        return frozenset(
            pin
            for wire in self.scene.wires
            for use in wire.uses
            if (wire.source, use.target) in self.spine_edges
            for pin in self.pins_of(wire, use)
        )

    # --- what centres gates --------------------------------------------------------------------

    def wire_ranks(self) -> list[list[tuple[str, str]]]:
        """Wires outside boxes that share a rank; with each the gate to centre between it and the next.

        First the sources' wires; then pairs that feed one gate and come from different sources.
        """
        wires = self.wires_in("")
        sources = [w for w in wires if self._items[w.source].is_source and not self._items[w.source].box]
        first = [(a.id, self._centred(a, b)) for a, b in zip_longest(sources, sources[1:])]
        groups = [first] if first and self.has_source_rank else []
        order = {w.source: i for i, w in enumerate(sources)}
        spans = self._source_spans(order)
        into: dict[str, list[Wire]] = {}
        for wire in wires:
            for use in wire.uses:
                into.setdefault(use.target, []).append(wire)
        for feeding in into.values():
            if len(feeding) != 2 or any(w.source in order for w in feeding):
                continue
            a, b = sorted(feeding, key=lambda w: spans.get(w.source, (0, 0)))
            gate = self._centred(a, b)
            if not gate or self.rank[a.source] != self.rank[b.source]:
                continue
            if a.source in spans and b.source in spans and spans[a.source][1] < spans[b.source][0]:
                groups.append([(a.id, gate), (b.id, "")])
        return groups

    def _centred(self, a: Wire, b: Wire | None) -> str:
        """The gate that just these two wires feed, if they feed nothing else; else nothing."""
        if b is None or len(a.uses) != 1 or len(b.uses) != 1 or a.uses[0].target != b.uses[0].target:
            return ""
        gate = a.uses[0].target
        if self._items[gate].box or self._fan_in[gate] != 2:
            return ""
        return gate

    @cached_property
    def _fan_in(self) -> dict[str, int]:
        count = {item.id: 0 for item in self.scene.items}
        for wire in self.scene.wires:
            for use in wire.uses:
                count[use.target] += 1
        return count

    def _source_spans(self, order: dict[str, int]) -> dict[str, tuple[int, int]]:
        """For each item the first and the last source that it depends on."""
        spans: dict[str, tuple[int, int]] = {source: (i, i) for source, i in order.items()}
        for generation in self.generations:
            for item in generation:
                if item in spans:
                    for target in self._links[item]:
                        low, high = spans.get(target, spans[item])
                        spans[target] = (min(low, spans[item][0]), max(high, spans[item][1]))
        return spans
