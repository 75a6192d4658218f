"""A picture as a sequence of steps: the forward pass wire by wire, then the backward pass wire by wire.

Forward, each step writes one value, in the order in which the file computes them. Backward, each writes one
gradient: first that of the result, then gate by gate from the result back those of the gate's operands, the
last operand first, as soon as all gates that a wire feeds have sent their part. So a picture with n wires
that carry both has 2n frames: ten for f = (x + y) z.

A step names what appears and where, and says in words and numbers how it is computed. Only wires of the
picture take part: what happens in a closed box stays in there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from graphlang.draw.captions import Captions
from graphlang.draw.elements import Item, Scene, Use, Wire
from graphlang.draw.sizes import caption_width
from graphlang.draw.text import COLUMN
from graphlang.graph.model import Model


@dataclass(frozen=True, slots=True)
class Step:
    """One number that appears.

    Attributes
    ----------
    is_backward : bool
        Whether it is a gradient.
    node : str
        Path of the node whose number it is.
    items : tuple of str
        Ids of the items that work: forward the gate, backward the gates that send something back.
    lines : tuple of str
        How it is computed, `df/dq = z = −4`; a second line has the local derivative if there is more to say.
    also : tuple of str
        Nodes whose gradient appears at the same time: those that have no influence, whose gradient is zero.
    """

    is_backward: bool
    node: str
    items: tuple[str, ...]
    lines: tuple[str, ...]
    also: tuple[str, ...] = ()


def make_steps(
    model: Model,
    scene: Scene,
    values: Mapping[str, Any] | None,
    gradients: Mapping[str, Any] | None,
    local: Mapping[tuple[str, int], Any] | None = None,
    digits: int | None = None,
) -> tuple[Step, ...]:
    """The steps of a picture.

    Parameters
    ----------
    model : Model
        With its backward pass, if there is one.
    scene : Scene
        The finished picture.
    values, gradients : mapping of str to array
        By path; a wire without a value takes no step.
    local : mapping of (str, int) to array, optional
        Local derivatives by use.
    digits : int, optional
        Decimals of the numbers in the captions.
    """
    carried = {wire.key: wire for wire in scene.wires}
    captions = Captions(model, scene, values or {}, gradients or {}, local or {}, digits)
    source = {item.id: item for item in scene.items}
    forward = [
        Step(False, n, (carried[n].source,) if _works(source[carried[n].source]) else (), captions.forward(n))
        for n in carried
        if n in (values or {})
    ]
    return (*forward, *_backward(model, scene, gradients or {}, captions))


def _works(item: Item) -> bool:
    return not item.is_source


def _backward(model: Model, scene: Scene, gradients: Mapping[str, Any], captions: Captions) -> list[Step]:
    if model.of is None:
        return []
    order = [n for n in backward_order(model, scene) if n in gradients and model.by_path[n].type.is_float]
    uses = _uses_by_node(scene)
    reached = {n.path for n in _reached(model)}
    idle = tuple(n for n in order if n not in reached)
    steps = []
    for node in (n for n in order if n in reached):
        items = tuple(dict.fromkeys(use.target for use in uses[node] if not use.target.startswith(">")))
        is_first = node == model.of.path
        senders = () if is_first else items
        steps.append(Step(True, node, senders, captions.backward(node), idle if is_first else ()))
    return steps


def _reached(model: Model) -> set[Any]:
    from graphlang.graph.dag import ancestors

    return ancestors([model.of]) if model.of is not None else set()


def backward_order(model: Model, scene: Scene) -> list[str]:
    """The nodes on a picture's wires from the result back: last operand of the last gate first."""
    uses = _uses_by_node(scene)
    into: dict[str, list[tuple[int, str]]] = {}
    waiting = {node: len(found) for node, found in uses.items()}
    for node, found in uses.items():
        for use in found:
            into.setdefault(use.target, []).append((use.position, node))
    made_by: dict[str, list[str]] = {}
    for wire in scene.wires:
        made_by.setdefault(wire.source, []).append(wire.key)
    order: list[str] = []
    items = [item.id for item in scene.items if not item.is_source]
    last = model.of.path if model.of is not None else ""
    for item in reversed(_behind_their_operands(items, into, made_by)):
        for _, node in sorted(into.get(item, ()), key=lambda pair: -pair[0]):
            waiting[node] -= 1
            if waiting[node] == 0 and node not in order and node != last:
                order.append(node)
    rest = [n for n in uses if n not in set(order) and n != last]
    return [*([last] if last in uses else []), *order, *rest]


def _behind_their_operands(
    items: list[str], into: Mapping[str, list[tuple[int, str]]], made_by: Mapping[str, list[str]]
) -> list[str]:
    """Items so that each stands behind those that feed it; ends of wires first of all."""
    import networkx as nx

    maker = {node: item for item, nodes in made_by.items() for node in nodes}
    graph = nx.DiGraph()
    graph.add_nodes_from(items)
    known = set(items)
    place = {item: i for i, item in enumerate(items)}
    for item in items:
        for _, node in into.get(item, ()):
            before = maker[node]
            # A wire may leave a closed box and come back into it; it counts where it runs with the file.
            if before in known and (place[before] < place[item]):
                graph.add_edge(before, item)
    return list(nx.lexicographical_topological_sort(graph, key=place.__getitem__))


def _uses_by_node(scene: Scene) -> dict[str, list[Use]]:
    """The uses of each node on the picture: an input may be drawn several times."""
    found: dict[str, list[Use]] = {}
    for wire in scene.wires:
        found.setdefault(wire.key, []).extend(wire.uses)
    return found


# --- frames --------------------------------------------------------------------------------------


def frame(scene: Scene, steps: tuple[Step, ...], number: int) -> Scene:
    """The picture after `number` steps, the last of them highlighted and explained.

    What is not computed yet is written as blanks of the same length, so that nothing moves between frames.
    """
    done, current = steps[:number], steps[number - 1]
    values = {s.node for s in done if not s.is_backward}
    worked = {wire.source for wire in scene.wires if wire.node in values}
    gradients = {n for s in done if s.is_backward for n in (s.node, *s.also)}
    count = sum(s.is_backward == current.is_backward for s in steps)
    place = sum(s.is_backward == current.is_backward for s in done)
    title = f"{'backward' if current.is_backward else 'forward'} {place} of {count}"
    return replace(
        scene,
        items=tuple(replace(item, is_current=item.id in current.items) for item in scene.items),
        wires=tuple(_so_far(wire, values, gradients, worked, current) for wire in scene.wires),
        caption=_caption(title, current),
        accent="gradient" if current.is_backward else "value",
        full=scene,
        least_width=_widest_caption(steps),
    )


@lru_cache(maxsize=1)
def _widest_caption(steps: tuple[Step, ...]) -> float:
    """The room that every caption fits in, so that all frames are equally wide; under the longest title."""
    return max(caption_width(_caption(f"backward {len(steps)} of {len(steps)}", s)) for s in steps)


def _caption(title: str, step: Step) -> tuple[str, ...]:
    return (f"{title}:  {step.lines[0]}", *step.lines[1:])


def _so_far(wire: Wire, values: set[str], gradients: set[str], worked: set[str], current: Step) -> Wire:
    has_value, has_gradient = wire.node in values, wire.node in gradients
    is_complete = has_value and (has_gradient or not wire.gradient)
    return replace(
        wire,
        value=wire.value if has_value else _blank(wire.value),
        gradient=wire.gradient if has_gradient else _blank(wire.gradient),
        uses=tuple(
            replace(
                use,
                part=use.part if has_gradient else _blank((use.part,))[0],
                # A gate knows its local derivatives as soon as it has its value.
                is_local_hidden=use.target not in worked,
            )
            for use in wire.uses
        ),
        tooltip=wire.tooltip if is_complete else wire.node,
        has_strange_value=wire.has_strange_value and has_value,
        has_strange_gradient=wire.has_strange_gradient and has_gradient,
        is_current=wire.node == current.node,
    )


def _blank(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("".join(c if c == COLUMN else "\u00a0" for c in line) for line in lines)
