"""A differentiated model as `.graph` text: forward pass and chain rule, statement by statement.

The text is a file of its own. It is flat: networks and loops are unrolled, their boxes are comments, and dots
and brackets in paths become underscores. Inputs keep their names and defaults, parameters start from the
same numbers (each draw names its stream). The gradient of a node `q` is called `grad_q`.

What is written means the same graph: the file runs, gives the same values and gradients, and differentiating
it once more gives the same gradients again. Gates with a backward pass of their own are therefore written as
gates, and at its end the file expects each of its gradients to be what `grad` derives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from graphlang.emit.chain import Chain, Step, expected_gradient
from graphlang.emit.data_text import data_block
from graphlang.emit.formulas import Formulas, is_number, put_back, uses_of
from graphlang.emit.gate_text import Gates
from graphlang.emit.hosts import hosts, through
from graphlang.emit.writer import Names, data_path, identifier, without_result
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, PARAM, STATE, Node
from graphlang.graph.show import (
    POSTFIX,
    PRODUCT,
    SUM,
    UNARY,
    Text,
    operation,
    short,
    size_text,
    value_of_list,
    value_text,
)
from graphlang.ops import registry
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType, TensorType

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
    return "\n".join(_Text(model, folder).lines()) + "\n"


class _Text:
    """The file while it is written."""

    def __init__(self, model: Model, folder: str):
        self.model, self.folder = model, folder
        self.names = Names()
        position = {n: i for i, n in enumerate(model.nodes)}
        reserved = {*KEYWORDS, *_BUILTINS, *registry.all_ops()}
        self.gates = Gates(model.gate_rules, position, self.names, reserved)
        self.hidden = _inside_gates(model)
        # The statements written so far, and the users of each node: for comments.
        self.written: dict[Node, str] = {}
        self.users: dict[Node, list[Node]] | None = None

        self.forward = [
            n for n in model.nodes if n.is_named and not model.is_check(n) and not self._is_hidden(n)
        ]
        self.gradients = self._named_gradients()
        self.metrics = {n: name for name, n in model.metrics.items()}
        self.sides = [s for e in model.expectations for s in (e.left, e.right) if isinstance(s, Node)]
        roots = [
            *self.forward,
            *model.outputs,
            *([model.of] if model.of is not None else []),
            *self.gradients.values(),
            *self.metrics,
            *self.sides,
            *(value for _, value in model.updates),
        ]
        self.needed = self._needed(roots)
        first = self._needed([*self.forward, *model.outputs, *self.metrics, *(v for _, v in model.updates)])
        self.chain = Chain(model, first, self.gates.operands, self.gradients.__contains__)
        self._name_all()
        self.formulas = Formulas(
            self.called,
            self._statements_for_sure(),
            self._uses(),
            self.names,
            self._wanted,
            self._formula,
            self._group,
        )

    # --- what is written -----------------------------------------------------------------------

    def _is_hidden(self, node: Node) -> bool:
        return node.scope in self.hidden and node not in self.gates.rule_of

    def _named_gradients(self) -> dict[Node, Node]:
        """Each named float node with the node that holds its gradient."""
        by_path = self.model.by_path
        found = {by_path[path]: g for path, g in self.model.gradients.items() if path in by_path}
        of = self.model.of
        return {n: g for n, g in found.items() if n is of or (n.is_named and not self._is_hidden(n))}

    def _needed(self, roots: Iterable[Node]) -> list[Node]:
        found: set[Node] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(self.gates.operands(node))
        return [n for n in self.model.nodes if n in found]

    def _uses(self) -> Mapping[Node, int]:
        uses = uses_of(self.needed, self.gates.operands)
        for node in (*self.sides, *(value for _, value in self.model.updates)):
            uses[node] = uses.get(node, 0) + 1
        return uses

    def _statements_for_sure(self) -> set[Node]:
        of = self.model.of
        return {*self.forward, *self.model.outputs, *self.metrics, *([of] if of is not None else [])}

    # --- names ---------------------------------------------------------------------------------

    def _name_all(self) -> None:
        """Names for all that has one in the model: inputs first, they are what others feed."""
        model = self.model
        used = {n.op for n in self.needed}
        called = {n for n, op in registry.all_ops().items() if n in used and op.infix is None} - _SIGNS
        self.names.reserve({*KEYWORDS, "grad", "log", "pad", *called})
        self.names.reserve(model.sizes.declared)
        self.called: dict[Node, str] = {}
        for node in sorted(self.forward, key=lambda n: (n.op != INPUT, not n.path.isidentifier())):
            self.called[node] = self.names.take(node.path)
        for node, name in self.metrics.items():
            if node not in self.called:
                self.called[node] = self.names.take(name)
        self.names.reserve((*_BUILTINS, *registry.all_ops()))
        # A gradient that several nodes share is called after the one that is nearest to the result.
        self.labels: dict[Node, Node] = {}
        self.waiting: list[Node] = []
        for node, g in reversed(self.gradients.items()):
            if g in self.labels or g in self.chain.position or is_number(g):
                self.waiting.append(node)
            else:
                self.labels[g] = node
        # The gradients of nodes without a name are called after these too.
        self.hints: dict[Node, Node] = {}
        for path, g in reversed(model.gradients.items()):
            self.hints.setdefault(g, model.by_path[path])
        self.grad_names = {n: self.names.take(f"grad_{self._label(n)}") for n in self.gradients}
        for g, node in self.labels.items():
            self.called[g] = self.grad_names[node]

    def _label(self, node: Node) -> str:
        return self.called.get(node) or identifier(node.path)

    def _wanted(self, node: Node) -> str:
        """The name of a node that has none: after what it is the gradient of, without the result's name."""
        if node in self.hints:
            return without_result(f"grad_{self._label(self.hints[node])}", None)
        return without_result(node.path, self.model.of)

    # --- formulas ------------------------------------------------------------------------------

    def _formula(self, node: Node, text_of: Callable[[Node], Text]) -> Text | None:
        rule = self.gates.rule_of.get(node)
        if rule is not None:
            return self.gates.call(rule, text_of)
        if self.chain.is_step(node):
            inputs = self.chain.operands(node)
            if any(isinstance(i, Step) for i in inputs):
                return self._with_steps(node, inputs, text_of)
        return _constant_fold(node, text_of)

    def _with_steps(
        self, node: Node, inputs: tuple[Node | Step, ...], text_of: Callable[[Node], Text]
    ) -> Text:
        """A formula in which gradients stand under their names."""
        texts: dict[Node, Text] = {}
        operands: list[Node] = []
        for operand, given in zip(node.inputs, inputs, strict=True):
            if isinstance(given, Step):
                given = Node(operand.path, "step", (), {}, operand.type, is_named=True)
                texts[given] = self._step(inputs[len(operands)], text_of)
            operands.append(given)
        written = Node(node.path, node.op, tuple(operands), node.attrs, node.type)

        def text(n: Node) -> Text:
            return texts[n] if n in texts else text_of(n)

        if node.op == "unindex":
            return put_back(written, text)
        return operation(written, text, self.formulas.is_inlined)

    def _step(self, step: Any, text_of: Callable[[Node], Text]) -> Text:
        name = Text(self.grad_names[step.through], POSTFIX)
        if step.times is None:
            return name
        return Text(f"{name.text} * {text_of(step.times).within(UNARY)}", PRODUCT)

    def _group(self, node: Node) -> tuple[Node, ...]:
        rule = self.gates.rule_of.get(node)
        return rule.outputs if rule is not None else (node,)

    # --- the file ------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        """All lines, in order; no two empty ones follow each other."""
        body = list(self._body())
        definitions = [line for d in self.gates.definitions for line in ("", *d.split("\n"))]
        last = ""
        for line in [*self._head(), *definitions, "", *body, *self._tail()]:
            if line or last:
                yield line
            last = line

    def _head(self) -> Iterator[str]:
        model = self.model
        if model.description:
            yield from _comment(model.description)
            yield "#"
        of = f", with d({model.of.path})/d(node) written out as grad_node" if model.of is not None else ""
        yield f"# {model.name}{of}."

    def _body(self) -> Iterator[str]:
        state = _Comments(self.hidden)
        is_backward = False
        for node in self.needed:
            if node.op in (INPUT, PARAM, STATE):
                yield from state.scope(self.model, node)
                yield from self._leaf(node)
                continue
            is_gradient = self.chain.is_step(node)
            if is_gradient and not is_backward:
                is_backward = True
                yield from self._backward_head()
            lines = self.formulas.statement(node)
            if not lines:
                continue
            self.written[node] = lines[0]
            if is_gradient:
                yield from self._gradient(node, lines, state)
                continue
            yield from state.scope(self.model, node)
            if node.doc:
                yield from _comment(node.doc)
            yield from (f"metric {line}" for line in lines) if node in self.metrics else lines
        if not is_backward:
            yield from self._backward_head()
        yield from self._passed_on(state, -1)

    def _backward_head(self) -> Iterator[str]:
        of = self.model.of
        if of is None:
            return
        yield ""
        yield f"# --- backward: grad_node is d({self.called[of]})/d(node), from the result back ---"
        yield ""
        if self.waiting and self.waiting[0] is of:
            del self.waiting[0]
            yield f"{self.grad_names[of]} = {self.formulas.operand(self.gradients[of]).text}"

    def _gradient(self, node: Node, lines: list[str], state: _Comments) -> Iterator[str]:
        about = self.chain.about(node)
        if about is not None:
            yield from self._passed_on(state, self.chain.position[about])
        yield from state.through(self._through(self.labels.get(node) or self.hints.get(node)))
        yield from lines

    def _passed_on(self, state: _Comments, until: int) -> Iterator[str]:
        """Gradients that are no node of their own, as far as the sweep has come back: to position `until`."""
        later = []
        for node in self.waiting:
            g = self.gradients[node]
            is_known = g in self.written or g in self.chain.position or is_number(g)
            if self.chain.position[node] < until or not is_known:
                later.append(node)
                continue
            yield from state.through("" if is_number(g) else self._through(node))
            yield f"{self.grad_names[node]} = {self._passed(node, g).text}"
        self.waiting = later

    def _passed(self, node: Node, g: Node) -> Text:
        """The formula of a gradient that is another's, a number, or a node of the forward pass."""
        step = self.chain.step(node, g)
        if step is None:
            return self.formulas.passed_on(g)
        text = self._step(step, self.formulas.operand)
        # On its own it would only be another name.
        return Text(f"{text.text} * 1", PRODUCT) if step.times is None else text

    def _tail(self) -> Iterator[str]:
        model = self.model
        for state, value in model.updates:
            yield f"update {self.called[state]} = {self.formulas.operand(value).text}"
        if model.outputs:
            yield ""
            yield "output " + ", ".join(dict.fromkeys(self.formulas.operand(n).text for n in model.outputs))
        for spec in model.data.values():
            yield ""
            yield from data_block(spec, data_path(spec, self.folder), self._input_name)
        if model.of is not None and model.outputs != [model.of]:
            yield ""
            yield f"train {{ minimize = {self.called[model.of]} }}"
        expectations = [*self._expectations(), *self._derived()]
        if expectations:
            yield ""
            yield from expectations

    def _input_name(self, name: str) -> str:
        node = self.model.find(name)
        return self.called.get(node, name) if node is not None else name

    # --- leaves --------------------------------------------------------------------------------

    def _leaf(self, node: Node) -> Iterator[str]:
        if node.doc:
            yield from _comment(node.doc)
        name = self.called[node]
        if node.op == INPUT:
            yield f"input {name}{_declared(node.type, node.attrs.get('default'))}"
        else:
            yield f"{node.op} {name}{_annotation(node.type)} {self._start(node)}"

    def _start(self, node: Node) -> str:
        """Where a parameter or state starts: `= 0`, or `~` a formula with draws."""
        start = self.model.initial_of[node.path]
        if start.op == "broadcast" and start.inputs[0].shape == ():
            start = start.inputs[0]
        if start.is_const:
            value = start.attrs["value"]
            if isinstance(value, np.ndarray):
                return f"= {_array(value)}"
            return f"= {short(value).text if node.type.is_float else value_text(value)}"
        text = _initial_formula(start)
        sign = "~" if any(registry.find(n.op).is_random for n in ancestors([start]) if not n.is_leaf) else "="
        return f"{sign} {text}"

    # --- comments and checks -------------------------------------------------------------------

    def _through(self, x: Node | None) -> str:
        """The statements that use a node: through them its gradient arrives."""
        if x is None:
            return ""
        if self.users is None:
            is_check = self.model.is_check
            forward = [n for n in self.needed if not n.path.startswith("grad(") and not is_check(n)]
            self.users = hosts(forward, self.gates.operands, self.formulas.is_inlined)
        return through(self.users.get(x, []), self.written, self.called)

    def _expectations(self) -> Iterator[str]:
        for e in self.model.expectations:
            if not isinstance(e.left, Node) and not isinstance(e.right, Node):
                continue
            names = expected_gradient(e, self.model)
            left, right = (self._side(s, n) for s, n in zip((e.left, e.right), names, strict=True))
            within = f" within {value_text(e.within)}" if e.within is not None else ""
            yield f"expect {left} {e.op} {right}{within}"

    def _side(self, side: Any, path: str | None) -> str:
        x = self.model.by_path.get(path) if path is not None else None
        if x is not None and x in self.grad_names:
            return self.grad_names[x]
        if not isinstance(side, Node):
            return value_text(side)
        return self.formulas.operand(side).within(SUM)

    def _derived(self) -> Iterator[str]:
        of = self.model.of
        if of is None:
            return
        reached = self._needed_for(of)
        for node in self.gradients:
            if node.op in (INPUT, PARAM) and node in reached:
                yield f"expect {self.grad_names[node]} == grad({self.called[of]}, {self.called[node]})"

    def _needed_for(self, of: Node) -> set[Node]:
        found: set[Node] = set()
        stack = [of]
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(self.gates.operands(node))
        return found


class _Comments:
    """Which box and which step of the backward pass was announced last."""

    def __init__(self, hidden: set[str]) -> None:
        self._hidden = hidden
        self._scope = ""
        self._through = ""

    def scope(self, model: Model, node: Node) -> Iterator[str]:
        """A comment where a network or a loop's iteration begins, an empty line where it ends."""
        scope = model.scopes.get(node.scope)
        if node.scope in self._hidden and scope is not None:
            scope = model.scopes.get(scope.parent)
        path = scope.path if scope is not None and scope.kind != "check" else ""
        if path == self._scope:
            return
        self._scope = path
        yield f"# {path}: {' '.join(scope.title.split())}" if path and scope is not None else ""

    def through(self, text: str) -> Iterator[str]:
        """A comment where the chain rule passes on to another statement."""
        if text and text != self._through:
            self._through = text
            yield f"# through {text}"


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


def _comment(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"# {line}".rstrip()


def _constant_fold(node: Node, text_of: Callable[[Node], Text]) -> Text | None:
    """An operator between numbers only: its value, since the language would work it out in its own way."""
    op = registry.lookup(node.op)
    if op is None or op.infix is None or not all(is_number(n) and n.is_const for n in node.inputs):
        return None
    with np.errstate(all="ignore"):
        value = op.kernel(*(_typed(n) for n in node.inputs)).item()
    text = value_of_list(value)
    return Text(text, UNARY if text.startswith("-") else POSTFIX)


def _typed(node: Node) -> Any:
    value = node.attrs["value"]
    return {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype](value)


def _annotation(kind: TensorType) -> str:
    shape = f"[{', '.join(size_text(s) for s in kind.shape)}]"
    if kind.is_float:
        return f": {shape}" if kind.shape else ""
    return f": {kind.dtype}{shape if kind.shape else ''}"


def _declared(kind: TensorType, default: np.ndarray | None) -> str:
    """The type and default of an input, the type only where the default does not tell it."""
    is_free = any(isinstance(s, Dim) for s in kind.shape)
    if default is None:
        return _annotation(kind) or ": []"
    if not is_free and default.size > 1 and _is_uniform(default):
        return f"{_annotation(kind)} = {_array(default.reshape(-1)[0])}"
    is_told = kind.dtype is not DType.INT and not is_free and 0 not in default.shape
    return f"{'' if is_told else _annotation(kind)} = {_array(default)}"


def _is_uniform(array: np.ndarray) -> bool:
    first = array.reshape(-1)[0]
    return bool((array == first).all()) and bool((np.signbit(array) == np.signbit(first)).all())


def _array(array: Any) -> str:
    """Numbers that a leaf starts from: its type makes floats of whole numbers."""

    def spelled(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(spelled(v) for v in value)}]"
        return short(value).text if isinstance(value, float) else value_text(value)

    return spelled(np.asarray(array).tolist())


def _initial_formula(start: Node) -> str:
    """A start with draws, whose shape is the parameter's and need not be written."""

    def text_of(node: Node) -> Text:
        if is_number(node):
            return Text(value_of_list(node.attrs["value"]), POSTFIX)
        if node.is_const:
            return Text(value_of_list(node.attrs["value"].tolist()), POSTFIX)
        is_draw = registry.find(node.op).is_random
        bare = {k: v for k, v in node.attrs.items() if not (is_draw and k == "shape")}
        return operation(_with_attrs(node, bare), text_of, lambda _: True)

    return text_of(start).text


def _with_attrs(node: Node, attrs: Mapping[str, Any]) -> Node:
    return Node(node.path, node.op, node.inputs, attrs, node.type, is_named=node.is_named)
