"""A differentiated model as `.graph` text: forward pass and chain rule, statement by statement.

The text is a file of its own. It is flat: networks and loops are unrolled, their boxes are comments, and dots
and brackets in paths become underscores. Inputs keep their names and defaults, parameters start from the
same numbers (each draw names its stream). The gradient of a node `q` is called `grad_q`.

What is written means the same graph: the file runs, gives the same values and gradients, and differentiating
it once more gives the same gradients again. Gates with a backward pass of their own are therefore written as
gates, and at its end the file expects each of its gradients to be what `grad` derives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from graphlang.emit.data_text import data_block
from graphlang.emit.expect_text import means_the_same, sides
from graphlang.emit.formulas import Formulas, is_number, uses_of
from graphlang.emit.gate_text import Gates
from graphlang.emit.gradients import Gradients, is_derivative, is_zero
from graphlang.emit.leaf_text import declaration
from graphlang.emit.sweep import Sweep, find_hosts
from graphlang.emit.writer import Names, data_path
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, PARAM, STATE, Node
from graphlang.graph.show import POSTFIX, SUM, UNARY, Text, value_of_list, value_text
from graphlang.ops import registry
from graphlang.types.tensor import DType

KEYWORDS = frozenset((
    "input", "param", "state", "const", "network", "gate", "layer", "optimizer", "init", "for", "in", "if",
    "else", "output", "expect", "assert", "metric", "data", "train", "update", "import", "from", "backward",
    "and", "or", "not", "true", "false",
))  # fmt: skip
# What the language knows besides operations; `log` spells infinities.
_BUILTINS = frozenset(("grad", "params", "shape", "size", "training", "fan_in", "fan_out", "log"))
# Operations that are written with a sign, not as a call.
_SIGNS = frozenset(("neg", "logical_not", "transpose", "index"))


def graph_text(model: Model, *, folder: str = ".") -> str:
    """A differentiated model as readable `.graph` text that runs and gives the same gradients.

    Parameters
    ----------
    model : Model
        After `differentiate`; without a backward pass only the forward pass is written.
    folder : str
        Where the text is going to lie: paths of data files are written as seen from there.
    """
    return "\n".join(GraphText(model, folder).lines()) + "\n"


class GraphText:
    """The file while it is written.

    Attributes
    ----------
    forward : list of Node
        The nodes that the original file names, in order.
    called : dict of Node to str
        What every statement binds.
    gradients : Gradients
    """

    def __init__(self, model: Model, folder: str):
        self.model, self._folder = model, folder
        self._names = Names()
        position = {n: i for i, n in enumerate(model.nodes)}
        reserved = {*KEYWORDS, *_BUILTINS, *registry.all_ops()}
        self._gates = Gates(model.gate_rules, position, self._names, reserved)
        self._hidden = _inside_gates(model)
        self.forward = [n for n in model.nodes if self._is_told(n)]
        self._metrics = {n: name for name, n in model.metrics.items()}
        self.called: dict[Node, str] = {}
        self._name_forward()
        # What a loop binds anew in every turn, `h` and then `h[1]`, `h[2]`, is the last of them at the end.
        self._rebound = {n.path.partition("[")[0] for n in self.forward if "[" in n.path}
        self._sides = self._sides_to_write()
        self._needed = self._all_needed()
        self.gradients = Gradients(model, self._is_told, self.called, self._names)
        self._written: dict[Node, str] = {}
        self._formulas = self._make_formulas()

    def lines(self) -> Iterator[str]:
        """All lines, in order; no two empty ones follow each other."""
        body = list(self._body())
        definitions = [line for d in self._gates.definitions for line in ("", *d.split("\n"))]
        last = ""
        for line in [*self._head(), *definitions, "", *body, *self._tail()]:
            if line or last:
                yield line
            last = line

    # --- what is written, and under which names ---------------------------------------------------

    def _is_told(self, node: Node) -> bool:
        if not node.is_named or self.model.is_check(node):
            return False
        return node.scope not in self._hidden or node in self._gates.rule_of

    def _all_needed(self) -> list[Node]:
        model = self.model
        roots = [*self.forward, *model.outputs, *self._metrics, *self._sides, *(v for _, v in model.updates)]
        if model.of is not None:
            roots.append(model.of)
        roots += [g for path, g in model.gradients.items() if self._is_told(model.by_path[path])]
        found = self._ancestors(roots)
        return [n for n in model.nodes if n in found]

    def _ancestors(self, roots: Iterable[Node]) -> set[Node]:
        """The roots and all that they are computed from when gates are single steps."""
        found: set[Node] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(self._gates.operands(node))
        return found

    def _name_forward(self) -> None:
        """Names for all that the file names: inputs first, they are what others feed."""
        used = {n.op for n in self.model.nodes}
        functions = {n for n, op in registry.all_ops().items() if n in used and op.infix is None} - _SIGNS
        self._names.reserve({*KEYWORDS, "grad", "log", "pad", *functions})
        self._names.reserve(self.model.sizes.declared)
        for node in sorted(self.forward, key=lambda n: (n.op != INPUT, not n.path.isidentifier())):
            self.called[node] = self._names.take(node.path)
        for node, name in self._metrics.items():
            if node not in self.called:
                self.called[node] = self._names.take(name)
        self._names.reserve((*_BUILTINS, *registry.all_ops()))

    def _sides_to_write(self) -> list[Node]:
        """Sides of expectations that cannot be repeated as they stand."""
        return [
            side
            for e in self.model.expectations
            for side, text in zip((e.left, e.right), sides(e), strict=False)
            if isinstance(side, Node) and not means_the_same(text, self._is_kept)
        ]

    def _is_kept(self, name: str) -> bool:
        node = self.model.by_path.get(name)
        return node is not None and self.called.get(node) == name and name not in self._rebound

    def _make_formulas(self) -> Formulas:
        model = self.model
        kept = {*self.forward, *model.outputs, *self._metrics}
        if model.of is not None:
            kept.add(model.of)
        uses = uses_of(self._needed, self._gates.operands)
        for node in (*self._sides, *(value for _, value in model.updates)):
            uses[node] = uses.get(node, 0) + 1
        # The formula of `slope = grad(f, x)` is the derivative's, however long.
        whole = {n.inputs[0] for n in self._needed if n.op == "identity"}
        return Formulas(
            self.called,
            kept,
            uses,
            self._names,
            self.gradients.wanted,
            self._special,
            self._group,
            self.gradients.told,
            lambda node, text: node in whole or len(text) <= self.gradients.room(node),
        )

    def _special(self, node: Node, text_of: Callable[[Node], Text]) -> Text | None:
        rule = self._gates.rule_of.get(node)
        if rule is not None:
            return self._gates.call(rule, text_of)
        return None if self.gradients.told(node) is not node else _of_numbers(node)

    def _group(self, node: Node) -> tuple[Node, ...]:
        rule = self._gates.rule_of.get(node)
        return rule.outputs if rule is not None else (node,)

    # --- the file ---------------------------------------------------------------------------------

    def _head(self) -> Iterator[str]:
        model = self.model
        if model.description:
            yield from _comment(model.description)
            yield "#"
        of = f", with d({model.of.path})/d(node) written out as grad_node" if model.of is not None else ""
        yield f"# {model.name}{of}."

    def _body(self) -> Iterator[str]:
        boxes = _Boxes(self.model, self._hidden)
        forward, later = self._parted()
        is_after_leaf = False
        for node in forward:
            is_leaf = node.op in (INPUT, PARAM, STATE)
            lines = self._leaf(node) if is_leaf else self._statement(node)
            if lines:
                yield from boxes.entered(node)
                if is_after_leaf and not is_leaf and not boxes.here:
                    yield ""
                yield from lines
                is_after_leaf = is_leaf
        yield from self._backward(forward, later)

    def _parted(self) -> tuple[list[Node], list[Node]]:
        """The nodes before the backward pass, and those that are part of it or computed from it."""
        later: set[Node] = set()
        for node in self._needed:
            if self.gradients.is_step(node) or any(n in later for n in self._gates.operands(node)):
                later.add(node)
        return [n for n in self._needed if n not in later], [n for n in self._needed if n in later]

    def _leaf(self, node: Node) -> list[str]:
        start = self.model.initial_of.get(node.path)
        return [*_comment(node.doc), declaration(node, self.called[node], start)]

    def _statement(self, node: Node) -> list[str]:
        lines = self._formulas.statement(node)
        if not lines:
            return []
        self._written[node] = lines[0]
        if node in self._metrics:
            lines = [f"metric {line}" for line in lines]
        return [*_comment(node.doc), *lines]

    def _backward(self, forward: Iterable[Node], later: Iterable[Node]) -> Iterator[str]:
        of = self.model.of
        if of is None:
            return
        yield ""
        yield f"# --- backward: grad_node is d({self.called[of]})/d(node), from the result back ---"
        yield ""
        sweep = self._sweep(forward)
        yield from sweep.head()
        for node in later:
            if self.gradients.is_step(node):
                yield from sweep.step(node, self._formulas.statement(node))
            else:
                yield from sweep.aside(self._statement(node))
        yield from sweep.rest()

    def _sweep(self, forward: Iterable[Node]) -> Sweep:
        model = self.model
        forward = [n for n in forward if not model.is_check(n)]
        hosts = find_hosts(forward, self._gates.operands, self._formulas.is_inlined, self._sends_back)
        return Sweep(self.gradients, hosts, self._written, self.called, self._operand, self._remark)

    def _operand(self, node: Node) -> str:
        return self._formulas.operand(node).text

    def _remark(self, x: Node) -> str:
        """What a gradient is by, where that has no name."""
        of = self.model.of
        if of is None or not self._formulas.is_inlined(x):
            return ""
        return f"  # d({self.called[of]})/d({self._operand(x)})"

    def _sends_back(self, node: Node, operand: Node) -> bool:
        if node in self._gates.rule_of:
            g = self.model.gradients.get(node.path)
            return g is not None and not is_zero(g)
        return any(n is operand and (node.path, i) in self.model.parts for i, n in enumerate(node.inputs))

    def _tail(self) -> Iterator[str]:
        model = self.model
        for state, value in model.updates:
            yield f"update {self.called[state]} = {self._operand(value)}"
        if model.outputs:
            yield ""
            yield "output " + ", ".join(dict.fromkeys(map(self._operand, model.outputs)))
        for spec in model.data.values():
            yield ""
            yield from data_block(spec, data_path(spec, self._folder), self._input_name)
        if model.of is not None and model.outputs != [model.of]:
            yield ""
            yield f"train {{ minimize = {self.called[model.of]} }}"
        yield ""
        yield from self._expectations()
        yield from self._derived()

    def _input_name(self, name: str) -> str:
        node = self.model.find(name)
        return self.called.get(node, name) if node is not None else name

    def _expectations(self) -> Iterator[str]:
        """What the original file expects of its nodes."""
        for e in self.model.expectations:
            if not isinstance(e.left, Node) and not isinstance(e.right, Node):
                continue
            text = sides(e)
            left, right = self._side(e.left, text.left), self._side(e.right, text.right)
            within = "" if e.within is None else f" within {text.within or value_text(e.within)}"
            yield f"expect {left} {e.op} {right}{within}"

    def _side(self, side: Any, text: str) -> str:
        x = self.gradients.asked_for(side, text)
        if x is not None:
            return self.gradients.names[x]
        if means_the_same(text, self._is_kept):
            return text
        return self._formulas.operand(side).within(SUM) if isinstance(side, Node) else value_text(side)

    def _derived(self) -> Iterator[str]:
        """That the gradients as written are those that the language derives."""
        of = self.model.of
        if of is None:
            return
        reached = self._ancestors([of])
        for node, name in self.gradients.names.items():
            if node.op in (INPUT, PARAM) and node in reached:
                yield f"expect {name} == grad({self.called[of]}, {self.called[node]})"


class _Boxes:
    """Says where a network or a loop's iteration begins and ends; `here` is the path of the last one."""

    def __init__(self, model: Model, hidden: set[str]) -> None:
        self._scopes, self._hidden = model.scopes, hidden
        self.here = ""

    def entered(self, node: Node) -> Iterator[str]:
        """A comment where a box begins, an empty line where it ends."""
        scope = None if is_derivative(node) else self._scopes.get(node.scope)
        if scope is not None and scope.path in self._hidden:
            scope = self._scopes.get(scope.parent)
        path = scope.path if scope is not None and scope.kind != "check" else ""
        if path != self.here:
            self.here = path
            yield ""
            if scope is not None and path:
                yield f"# {path}: {' '.join(scope.title.split())}"


def _inside_gates(model: Model) -> set[str]:
    """The boxes that lie in a gate with a backward pass of its own, that gate's included."""
    ruled = {rule.scope for rule in model.gate_rules}
    found: set[str] = set()
    if not ruled:
        return found
    # Boxes are entered from outside in, so a parent is decided before its children.
    for path, scope in model.scopes.items():
        if path in ruled or scope.parent in found:
            found.add(path)
    return found


def _comment(text: str | None) -> list[str]:
    return [f"# {line}".rstrip() for line in text.split("\n")] if text else []


def _of_numbers(node: Node) -> Text | None:
    """An operator between numbers only: its value, since the language would work it out in its own way."""
    if not all(n.is_const and is_number(n) for n in node.inputs):
        return None
    op = registry.lookup(node.op)
    if op is None or op.infix is None:
        return None
    with np.errstate(all="ignore"):
        value = op.kernel(*(_typed(n) for n in node.inputs)).item()
    text = value_of_list(value)
    return Text(text, UNARY if text.startswith("-") else POSTFIX)


def _typed(node: Node) -> Any:
    value = node.attrs["value"]
    return {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype](value)
