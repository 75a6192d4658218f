"""What a picture shows, before anyone decides where: items, the wires between them, the boxes around them.

`make_scene` turns a model and the numbers of a run into a `Scene`. It chooses which nodes are drawn, folds
numbers into the gates that use them (`+1`, `1/x`), closes gates and networks to one item each, and writes
every text. DOT, our own layout and the painters read scenes only, so they all show the same.

Items and wires are numbered by nothing: an item's id is the path of what it stands for, a wire's id is the
path of its node and `>`, the name at the end of a wire has `>` before its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw import text
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import CONST, INPUT, PARAM, STATE, Node, Scope
from graphlang.ops import registry

# Pictures with more items than this close their boxes, and show no numbers unless asked to.
MANY_ITEMS = 60
SHOWABLE = frozenset({"values", "grads", "shapes", "names"})
BACKWARD_PREFIX = "grad("
# Gates of the standard library that are painted as losses.
_LOSSES = frozenset({"cross_entropy", "binary_cross_entropy", "mse", "mae", "huber", "hinge"})
_LONGEST_NAME = 40
# In pictures with many items an input that is used more often than this is drawn again at each use.
_OFTEN = 4


@dataclass(frozen=True, slots=True)
class View:
    """How a model is looked at.

    Attributes
    ----------
    depth : int or None
        How many levels of networks are open; None opens as many as keep the picture below some 60 items.
    open, close : tuple of str
        Paths of boxes, or names of definitions (`dense`: every one), to open or close whatever the depth.
        A gate is closed unless it is opened here.
    show : frozenset of str or None
        Of `values`, `grads`, `shapes`, `names`; None shows values and gradients if there are any and they
        fit, else shapes.
    theme : str
        `slide`, `colorblind` or `dark`.
    digits : int or None
        Decimals of every number; None chooses.
    backward : bool
        Draw the nodes of the backward pass too.
    """

    depth: int | None = None
    open: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    show: frozenset[str] | None = None
    theme: str = "slide"
    digits: int | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """Something a wire starts or ends at.

    Attributes
    ----------
    id : str
        Unique in the scene.
    kind : str
        `input`, `const`, `param`, `state`, `derivative` (all at the start of wires), `gate`, `loss`,
        `network` (a closed box) or `output` (a name at the end of a wire).
    label : str
        Its symbol or name.
    detail : str
        What stands below or after it, smaller: a shape, the number of parameters.
    box : str
        Id of the box it lies in, "" for none.
    tooltip : str
    is_nested : bool
        For a closed network: whether it contains networks.
    """

    id: str
    kind: str
    label: str
    detail: str = ""
    box: str = ""
    tooltip: str = ""
    is_nested: bool = False

    @property
    def is_source(self) -> bool:
        """Whether nothing flows into it."""
        return self.kind in ("input", "const", "param", "state", "derivative")


@dataclass(frozen=True, slots=True)
class Use:
    """One branch of a wire: where it ends, and its part of the gradient (`+ 2`) if the wire forks."""

    target: str
    position: int
    part: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """What flows out of one node: from an item to all that use it.

    `value` and `gradient` are lines of text, empty where there is none. `has_strange_value` and
    `has_strange_gradient` say that NaN or an infinity is in them.
    """

    id: str
    source: str
    uses: tuple[Use, ...]
    name: str = ""
    value: tuple[str, ...] = ()
    gradient: tuple[str, ...] = ()
    shape: str = ""
    tooltip: str = ""
    has_strange_value: bool = False
    has_strange_gradient: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """An open network, gate or loop: a frame with a title around the items that name it."""

    id: str
    kind: str
    title: str
    detail: str
    parent: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's content. Items are in topological order, sources in the order of the file.

    `shows_numbers` says that wires carry values or gradients (the slide style), else only shapes.
    """

    name: str
    items: tuple[Item, ...]
    wires: tuple[Wire, ...]
    boxes: tuple[Box, ...]
    theme: str = "slide"
    shows_numbers: bool = False
    description: str = ""


def make_scene(
    model: Model,
    values: Mapping[str, Any] | None = None,
    gradients: Mapping[str, Any] | None = None,
    view: View = View(),
    parts: Mapping[tuple[str, int], Any] | None = None,
) -> Scene:
    """What a picture of a model shows.

    Parameters
    ----------
    model : Model
    values, gradients : mapping of str to array, optional
        Value of each node and d(of)/d(node), by path, of the node's shape. Those of unnamed nodes are shown
        too where given.
    view : View, optional
    parts : mapping of (str, int) to array, optional
        For the use of a wire as operand `position` of the node `path`: that use's part of the gradient,
        shown where a wire forks.

    Returns
    -------
    Scene

    Raises
    ------
    GraphlangError
        E0909 if `view` opens or closes a box that the model does not have.
    """
    _check_boxes(model, view)
    drawn = _drawn_nodes(model, view)
    outline = _outline(model, drawn, view)
    show = _shown(view, outline, values, gradients)
    numbers = _Numbers(values or {}, gradients or {}, parts or {}, show, view)
    wires = tuple(_wires(model, outline, numbers, show))
    items = _items(model, outline, wires, show)
    if len(items) > MANY_ITEMS:
        items, wires = _with_repeated_sources(items, wires)
    return Scene(
        name=model.name,
        items=tuple(items),
        wires=wires,
        boxes=tuple(_boxes(model, outline)),
        theme=view.theme,
        shows_numbers=bool(show & {"values", "grads"}),
        description=model.description,
    )


def _shown(
    view: View, outline: _Outline, values: Mapping[str, Any] | None, gradients: Mapping[str, Any] | None
) -> frozenset[str]:
    if view.show is not None:
        return view.show
    if (values or gradients) and outline.gate_count <= MANY_ITEMS:
        return frozenset({"values", "grads"})
    return frozenset({"shapes"})


# --- what is drawn -------------------------------------------------------------------------------


def _check_boxes(model: Model, view: View) -> None:
    known = {name for scope in model.scopes.values() for name in (scope.path, scope.name)}
    problems = Problems()
    for name in (*view.open, *view.close):
        if name not in known:
            boxes = ", ".join(p for p, s in model.scopes.items() if s.kind in ("network", "gate"))
            problems.error(
                "E0909",
                None,
                f"There is no box called `{name}` in the graph.",
                suggestion=f"Its boxes are: {boxes}." if boxes else "It has no boxes.",
            )
    if problems.has_errors:
        raise GraphlangError(problems)


def is_backward(node: Node) -> bool:
    """Whether differentiation made a node."""
    return node.path.startswith(BACKWARD_PREFIX)


def _drawn_nodes(model: Model, view: View) -> list[Node]:
    """What the outputs and the named nodes are computed from, without checks, in topological order.

    Unless the backward pass is asked for, a derivative that the forward graph uses is drawn as a source.
    """
    roots = [*model.outputs, *([model.of] if model.of is not None else [])]
    roots += [n for n in model.nodes if n.is_named and not n.is_leaf and not model.is_check(n)]
    if view.backward:
        roots += [model.gradients[p] for p, n in model.gradients.items() if model.by_path[p].is_named]
        needed = ancestors(roots)
        return [n for n in model.nodes if n in needed]
    found: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            if not _is_derivative(node):
                stack.extend(node.inputs)
    return [n for n in model.nodes if n in found]


def _is_derivative(node: Node) -> bool:
    """Whether a node is where the backward pass enters the forward graph: `g = grad(f, x)`, or unnamed."""
    return is_backward(node) or (node.op == "identity" and node.is_named and is_backward(node.inputs[0]))


def _number(node: Node) -> str | None:
    """The text of a plain number written in a formula, which is no node of the picture; else None."""
    if node.op == "size_value":
        return str(node.attrs["value"])
    if node.op in ("to_float", "to_int") and not node.is_named:
        return _number(node.inputs[0])
    if node.is_const and node.span is None and not node.is_named and node.shape == ():
        return text.constant_text(node.attrs["value"])
    return None


@dataclass(slots=True)
class _Outline:
    """Which item stands for each drawn node, and the box each item lies in."""

    nodes: list[Node] = field(default_factory=list)
    item_of: dict[Node, str] = field(default_factory=dict)
    closed: dict[str, Scope] = field(default_factory=dict)  # item id -> the closed box it is
    box_of: dict[str, str] = field(default_factory=dict)  # item id -> the innermost open box
    boxes: dict[str, str] = field(default_factory=dict)  # open box -> the open box around it
    gate_count: int = 0
    is_backward_drawn: bool = False
    contents: dict[str, _Contents] = field(default_factory=dict)


def _outline(model: Model, drawn: list[Node], view: View) -> _Outline:
    chains = _Chains(model)
    levels = [chains.level(path) + 1 for path, scope in model.scopes.items() if scope.kind == "network"]
    depths = [view.depth] if view.depth is not None else range(max(levels, default=0), -1, -1)
    outline = _Outline()
    for depth in depths:
        outline = _at_depth(model, drawn, view, chains, depth)
        if outline.gate_count <= MANY_ITEMS:
            break
    outline.contents = _contents(model, chains)
    return outline


class _Chains:
    """For each scope the scopes around it, outermost first, itself last."""

    def __init__(self, model: Model):
        self.scopes = model.scopes
        self._chains: dict[str, tuple[Scope, ...]] = {"": ()}

    def __getitem__(self, path: str) -> tuple[Scope, ...]:
        missing = []
        while path not in self._chains:
            scope = self.scopes.get(path)
            if scope is None:
                self._chains[path] = ()
                break
            missing.append(scope)
            path = scope.parent
        chain = self._chains[path]
        for scope in reversed(missing):
            chain = self._chains[scope.path] = (*chain, scope)
        return chain

    def level(self, path: str) -> int:
        """How many networks lie around a scope."""
        return sum(s.kind == "network" for s in self[path][:-1])


def _at_depth(model: Model, drawn: list[Node], view: View, chains: _Chains, depth: int) -> _Outline:
    is_closed = _closing(view, chains, depth)
    outline = _Outline(is_backward_drawn=view.backward)
    placed: dict[str, tuple[Scope | None, str]] = {}
    for node in drawn:
        if _number(node) is not None:
            continue
        # The backward pass is drawn flat: inside a closed box it would flow out of and back into it.
        scope = "" if is_backward(node) else node.scope
        if scope not in placed:
            placed[scope] = _place(scope, chains, is_closed, outline)
        closed, box = placed[scope]
        item = closed.path if closed is not None else node.path
        outline.nodes.append(node)
        outline.item_of[node] = item
        outline.box_of[item] = box
        if closed is not None:
            outline.closed[item] = closed
    outline.gate_count = len({i for n, i in outline.item_of.items() if i in outline.closed or not n.is_leaf})
    return outline


def _closing(view: View, chains: _Chains, depth: int) -> Mapping[str, bool]:
    """Whether each scope is drawn as one item."""
    opened = {
        around.path
        for path, scope in chains.scopes.items()
        if path in view.open or scope.name in view.open
        for around in chains[path]
    }
    result = {}
    for path, scope in chains.scopes.items():
        if path in view.close or scope.name in view.close:
            result[path] = True
        elif path in opened:
            result[path] = False
        else:
            result[path] = scope.kind == "gate" or (scope.kind == "network" and chains.level(path) >= depth)
    return result


def _place(
    path: str, chains: _Chains, is_closed: Mapping[str, bool], outline: _Outline
) -> tuple[Scope | None, str]:
    """The outermost closed scope around a node, if any, and the innermost open box around that."""
    box = ""
    for scope in chains[path]:
        if is_closed[scope.path]:
            return scope, box
        if scope.kind in ("network", "gate"):
            outline.boxes.setdefault(scope.path, box)
            box = scope.path
    return None, box


# --- numbers -------------------------------------------------------------------------------------


class _Numbers:
    """The values and gradients of a picture, all in one style."""

    def __init__(
        self,
        values: Mapping[str, Any],
        gradients: Mapping[str, Any],
        parts: Mapping[tuple[str, int], Any],
        show: frozenset[str],
        view: View,
    ):
        self.values = values if "values" in show else {}
        self.gradients = gradients if "grads" in show else {}
        self.parts = parts if "grads" in show else {}
        self.digits = view.digits
        self.style = text.NumberStyle(None)

    def choose_style(self, nodes: list[Node], part_of: list[Any]) -> None:
        """Look at all that will be shown."""
        shown: list[float] = []
        for node in nodes:
            for source in (self.values, self.gradients):
                if node.path in source:
                    shown += text.shown_numbers(source[node.path])
        for part in part_of:
            shown += text.shown_numbers(part)
        self.style = text.number_style(shown, self.digits)


def _wires(model: Model, outline: _Outline, numbers: _Numbers, show: frozenset[str]) -> list[Wire]:
    uses = _uses(model, outline)
    carrying = [n for n in outline.nodes if uses.get(n)]
    parts = {(n, use): part for n in carrying if len(uses[n]) > 1
             for use in uses[n] if (part := _part(n, use, numbers, outline)) is not None}  # fmt: skip
    numbers.choose_style(carrying, list(parts.values()))
    all_scalar = all(n.shape == () for n in carrying)
    return [
        _wire(node, outline, tuple(_with_part(use, parts.get((node, use)), numbers) for use in uses[node]),
              numbers, show, all_scalar)
        for node in carrying
    ]  # fmt: skip


def _with_part(use: Use, part: Any, numbers: _Numbers) -> Use:
    if part is None:
        return use
    lines = text.value_lines(part, numbers.style)
    return Use(use.target, use.position, text.signed(lines[0]) if len(lines) == 1 else "")


def _part(node: Node, use: Use, numbers: _Numbers, outline: _Outline) -> Any:
    """The part of a wire's gradient that one branch brings; a closed box brings the sum of its uses."""
    found = None
    for user in outline.nodes if use.target in outline.closed else ():
        if outline.item_of[user] == use.target:
            for position, operand in enumerate(user.inputs):
                part = numbers.parts.get((user.path, position)) if operand is node else None
                if part is not None:
                    found = part if found is None else found + part
    return numbers.parts.get((use.target, use.position)) if use.target not in outline.closed else found


def _uses(model: Model, outline: _Outline) -> dict[Node, list[Use]]:
    """Where each node's wire goes: once per operand of a gate, once per closed box."""
    uses: dict[Node, list[Use]] = {}
    for user in outline.nodes:
        target = outline.item_of[user]
        if _is_derivative(user) and not outline.is_backward_drawn:
            continue
        for position, operand in enumerate(user.inputs):
            source = outline.item_of.get(operand)
            if source is None or source == target:
                continue
            if source in outline.closed and _shares(outline, target, operand):
                continue
            found = uses.setdefault(operand, [])
            if target not in outline.closed or all(u.target != target for u in found):
                found.append(Use(target, position))
    ends = {n for n in outline.nodes if n.is_named and not n.is_leaf and n not in uses}
    ends = {n for n in ends if outline.item_of[n] not in outline.closed or _is_result(model, n)}
    named = {*model.outputs, *ends}
    if model.of is not None and model.of not in uses:
        named.add(model.of)
    for node in outline.nodes:
        if node in named:
            uses.setdefault(node, []).append(Use(f">{node.path}", 0))
    if outline.is_backward_drawn and model.of is not None:
        for path, node in model.gradients.items():
            if node in outline.item_of and model.by_path[path].is_named:
                uses.setdefault(node, []).append(Use(f">∂{model.of.path}/∂{path}", 0))
    return uses


def _shares(outline: _Outline, target: str, param: Node) -> bool:
    """Whether a closed box uses a parameter because both are calls of one layer, not as an argument."""
    scope = outline.closed.get(target)
    return (
        param.op in (PARAM, STATE)
        and scope is not None
        and scope.kind == "network"
        and param not in scope.inputs
    )


def _is_result(model: Model, node: Node) -> bool:
    scope = model.scopes.get(node.scope)
    return scope is not None and node in scope.outputs


def _wire(
    node: Node,
    outline: _Outline,
    uses: tuple[Use, ...],
    numbers: _Numbers,
    show: frozenset[str],
    all_scalar: bool,
) -> Wire:
    value, gradient = numbers.values.get(node.path), numbers.gradients.get(node.path)
    if not node.type.is_float:
        gradient = None
    said = [text.shape_label(node.type)] if node.shape else []
    if value is not None:
        said.append(f"value {text.exact_text(value)}")
    if gradient is not None:
        said.append(f"gradient {text.exact_text(gradient)}")
    is_param = node.op in (PARAM, STATE)
    return Wire(
        id=f"{node.path}>",
        source=outline.item_of[node],
        uses=uses,
        name=text.short_name(node.path) if "names" in show and node.is_named and not node.is_leaf else "",
        value=() if value is None else text.value_lines(value, numbers.style),
        gradient=() if gradient is None else text.value_lines(gradient, numbers.style),
        shape=text.shape_label(node.type) if "shapes" in show and not is_param and not all_scalar else "",
        tooltip=f"{node.path}: {', '.join(said)}" if said else node.path,
        has_strange_value=value is not None and text.is_strange(value),
        has_strange_gradient=gradient is not None and text.is_strange(gradient),
    )


# --- items and boxes -----------------------------------------------------------------------------


def _items(model: Model, outline: _Outline, wires: tuple[Wire, ...], show: frozenset[str]) -> list[Item]:
    """Sources that feed something, then gates and closed boxes, then the names at the ends of wires."""
    feeding = {w.source for w in wires}
    items: dict[str, Item] = {}
    for node in outline.nodes:
        item = outline.item_of[node]
        if item in items or (node.is_leaf and item not in outline.closed and item not in feeding):
            continue
        scope = outline.closed.get(item)
        items[item] = (
            _closed_item(outline, scope) if scope is not None else _item(node, outline, "shapes" in show)
        )
    for wire in wires:
        for use in wire.uses:
            if use.target.startswith(">") and use.target not in items and use.target not in outline.box_of:
                label = _shortened(use.target[1:])
                items[use.target] = Item(use.target, "output", label, tooltip=wire.tooltip)
    return list(items.values())


_SOURCE_KINDS = {INPUT: "input", PARAM: "param", STATE: "state", CONST: "const"}


def _item(node: Node, outline: _Outline, with_shape: bool) -> Item:
    item = outline.item_of[node]
    box = outline.box_of[item]
    if _is_derivative(node) and not outline.is_backward_drawn:
        return Item(item, "derivative", _derivative_label(node), "", box, node.path)
    kind = _SOURCE_KINDS.get(node.op)
    if kind is None:
        return Item(item, "gate", _symbol(node), "", box, node.doc or node.path)
    if kind == "const" and not node.is_named:
        label = " ".join(text.value_lines(node.attrs["value"], text.NumberStyle(None, 6)))
        return Item(item, kind, label, "", box, node.path)
    label = text.short_name(node.path) if box else node.path
    is_boxed = kind in ("param", "state")
    detail = text.shape_label(node.type) if is_boxed and (node.shape or (with_shape and box)) else ""
    return Item(item, kind, _shortened(label), detail, box, node.doc or node.path)


def _derivative_label(node: Node) -> str:
    if node.is_named:
        return node.path
    # Its path tells only what was differentiated: one node may be the derivative by several others.
    return f"∂{node.path.removeprefix(BACKWARD_PREFIX).partition(',')[0]}"


def _symbol(node: Node) -> str:
    """What stands in a gate's circle, with the plain numbers among its operands."""
    op = registry.lookup(node.op)
    label = op.label_text(node.attrs) if op is not None else node.op
    return text.folded_symbol(label, node.op, [_number(n) for n in node.inputs])


def _closed_item(outline: _Outline, scope: Scope) -> Item:
    box = outline.box_of[scope.path]
    if scope.kind != "network":
        op = registry.lookup(scope.name)
        symbol = op.label if op is not None and isinstance(op.label, str) else scope.name
        kind = "loss" if scope.name in _LOSSES else "gate"
        return Item(scope.path, kind, _shortened(symbol), "", box, scope.path)
    contents = outline.contents[scope.path]
    layers, count = contents.layers, contents.parameter_count
    words = [text.count_label(layers, "layer")] if layers else []
    if count:
        words.append(f"{count:,}" if box else text.count_label(count, "parameter"))
        words += [] if contents.has_own else ["shared"]
    return Item(
        scope.path, "network", _shortened(scope.title), " · ".join(words), box, scope.path, layers > 0
    )


def _with_repeated_sources(items: list[Item], wires: tuple[Wire, ...]) -> tuple[list[Item], tuple[Wire, ...]]:
    """Long wires from one input across a large picture are hard to follow: write its name at each use."""
    by_id = {item.id: item for item in items}
    loose = {item.id for item in items if item.is_source and not item.box}
    many = {wire.source for wire in wires if len(wire.uses) > _OFTEN and wire.source in loose}
    copies: list[Item] = []
    result: list[Wire] = []
    for wire in wires:
        if wire.source not in many:
            result.append(wire)
            continue
        for count, use in enumerate(wire.uses, start=1):
            item = replace(by_id[wire.source], id=f"{wire.source} {count}", box=by_id[use.target].box)
            copies.append(item)
            result.append(replace(wire, id=f"{item.id}>", source=item.id, uses=(replace(use, part=""),)))
    return [*copies, *(item for item in items if item.id not in many)], tuple(result)


def _boxes(model: Model, outline: _Outline) -> list[Box]:
    """The open boxes that have something in them, outer ones first."""
    used: set[str] = set()
    for box in outline.box_of.values():
        while box and box not in used:
            used.add(box)
            box = outline.boxes[box]
    result = []
    for path, parent in outline.boxes.items():
        if path in used:
            scope = model.scopes[path]
            count = outline.contents[path].parameter_count
            detail = f"{count:,}" if parent else text.count_label(count, "parameter")
            result.append(Box(path, scope.kind, _shortened(scope.title), detail if count else "", parent))
    return result


@dataclass(slots=True)
class _Contents:
    """What a scope and the scopes in it hold: parameters, those declared there, layers with parameters."""

    used: dict[Node, None] = field(default_factory=dict)
    has_own: bool = False
    layers: int = 0

    @property
    def parameter_count(self) -> int:
        """Learned numbers; a free size counts as none."""
        sizes = [param.type.size for param in self.used]
        return sum(size for size in sizes if isinstance(size, int))


def _contents(model: Model, chains: _Chains) -> dict[str, _Contents]:
    """The contents of every scope, in one pass over the nodes."""
    found = {path: _Contents() for path in model.scopes}
    given = {path: set(scope.inputs) for path, scope in model.scopes.items()}
    for node in model.nodes:
        params = [p for p in node.inputs if p.op == PARAM] if not is_backward(node) else []
        for scope in chains[node.scope] if params or node.op == PARAM else ():
            contents = found[scope.path]
            if node.op == PARAM:
                contents.used[node] = None
                contents.has_own = True
            for param in params:
                if param not in given[scope.path]:
                    contents.used[param] = None
    for path, scope in model.scopes.items():
        if scope.kind == "network" and found[path].used:
            for around in chains[path][:-1]:
                found[around.path].layers += 1
    return found


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…"
