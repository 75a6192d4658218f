"""The functions of an exported script that compute: `forward`, `backward`, `expectations`.

The plan's nodes are parted among them: `forward` computes what the file names and what that needs, `backward`
what only gradients need, `expectations` the rest. What a later function needs of an earlier one is among its
results, by path.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphlang.emit.expect_text import sides
from graphlang.emit.formulas import is_number, uses_of
from graphlang.emit.gradients import Gradients, is_derivative
from graphlang.emit.kernels import Kernels
from graphlang.emit.numpy_block import Block, Home
from graphlang.emit.numpy_sizes import FreeSizes
from graphlang.emit.python_text import NUMPY, returned
from graphlang.emit.sweep import Sweep, find_hosts
from graphlang.emit.writer import Names, quoted
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Expectation, Model
from graphlang.graph.node import INPUT, Node
from graphlang.ops import registry
from graphlang.plan.schedule import Plan, make_plan
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType

_FORWARD, _BACKWARD, _CHECKS = range(3)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a script is to compute where that is not everything that the file names.

    Attributes
    ----------
    results : sequence of Node
        What `forward` returns, besides what `backward` needs.
    gradients : collection of str
        The paths of the nodes whose gradients `backward` returns.
    """

    results: Sequence[Node]
    gradients: Collection[str] = ()


class Functions:
    """Writes the functions, in the order in which they are called.

    Parameters
    ----------
    model : Model
        After `differentiate`.
    kernels : Kernels
    names : Names
    sizes : FreeSizes
    called : dict of Node to str
        The variables of all functions.
    seed : int
        What the script draws with unless told otherwise.
    asked : Asked, optional
        By default all that the file names and expects.
    types : mapping of DType to str
        NumPy's types.

    Attributes
    ----------
    shown : list of Node
        The nodes that the file names, in order.
    draws : bool
        Whether computing forward draws numbers.
    """

    def __init__(
        self,
        model: Model,
        kernels: Kernels,
        names: Names,
        sizes: FreeSizes,
        called: dict[Node, str],
        seed: int,
        asked: Asked | None = None,
        types: Mapping[DType, str] = NUMPY,
    ):
        self._model, self._sizes, self._called, self._seed = model, sizes, called, seed
        self._types = types
        self.shown = list(asked.results) if asked else [n for n in model.nodes if self._is_shown(n)]
        self._gradient_of = {
            p: g
            for p, g in model.gradients.items()
            if (p in asked.gradients if asked else model.by_path[p].is_named)
        }
        self._sides = [s for e in model.expectations for s in (e.left, e.right) if isinstance(s, Node)]
        self._parts = self._parted()
        self._part_of = {n: i for i, part in enumerate(self._parts) for n in part}
        named = [n for n in self._part_of if self._is_shown(n)] if asked else self.shown
        for node in sorted(named, key=lambda n: not n.path.isidentifier()):
            called[node] = names.take(node.path)
        self._gradients = Gradients(model, lambda x: x.path in self._gradient_of, called, names)
        self._kept = self._all_kept()
        self._written: dict[Node, str] = {}
        self._home = self._make_home(kernels, names)
        self._block = Block(self._home)
        self.draws = any(not n.is_leaf and registry.find(n.op).is_random for n in self._parts[_FORWARD])

    def _is_shown(self, node: Node) -> bool:
        return node.is_named and (not self._model.is_check(node) or node.path in self._model.metrics)

    def _parted(self) -> tuple[list[Node], list[Node], list[Node]]:
        # Every input is there, since it may tell what the free sizes are.
        inputs = self._model.inputs.values()
        first = [*self.shown, *inputs, *self._model.outputs, *self._model.metrics.values()]
        order = in_order(make_plan(self._model.nodes, [*first, *self._gradient_of.values(), *self._sides]))
        # What is drawn is drawn once, with the seed that `forward` is given.
        forward = ancestors([*first, *(n for n in order if not n.is_leaf and registry.find(n.op).is_random)])
        backward = ancestors(self._gradient_of.values()) - forward
        return (
            [n for n in order if n in forward],
            [n for n in order if n in backward],
            [n for n in order if n not in forward and n not in backward],
        )

    def _all_kept(self) -> set[Node]:
        """The results, and what a later function needs of an earlier one."""
        part = self._part_of
        kept = {*self.shown, *self._gradient_of.values(), *self._model.outputs}
        for node in part:
            kept.update(n for n in node.inputs if part[n] != part[node])
        kept.update(s for s in self._sides if part[s] < _CHECKS)
        kept.update(self._sizes.sources(self._sizes.names_at(self._parts[_BACKWARD])))
        return {n for n in kept if not is_number(n)}

    def _make_home(self, kernels: Kernels, names: Names) -> Home:
        uses = uses_of(self._part_of, lambda n: n.inputs)
        for side in self._sides:
            uses[side] = uses.get(side, 0) + 1
        gradients = self._gradients
        # The formula of `slope = grad(f, x)` is the derivative's, however long.
        whole = {n.inputs[0] for n in self._part_of if n.op == "identity"}
        return Home(
            kernels,
            self._sizes.text,
            uses,
            self._kept,
            self._called,
            names,
            gradients.wanted,
            gradients.told,
            lambda node, text: node in whole or len(text) <= gradients.room(node),
            self._types,
        )

    # --- forward ----------------------------------------------------------------------------------

    def forward(self, name: str = "forward", doc: str = "Every value, by path.") -> list[str]:
        """`forward(inputs, params)`: every value by the file's own names."""
        model = self._model
        parameters = (["inputs"] if model.inputs else []) + (["params"] if model.initial_of else [])
        if self.draws:
            parameters.append(f"seed={self._seed}")
        body = [*self._inputs(), *self._statements()]
        results = {n.path: self._called[n] for n in self._parts[_FORWARD] if n in self._kept}
        results |= {n.path: self._block.operand(n).text for n in self.shown if is_number(n)}
        return _function(f"{name}({', '.join(parameters)})", doc, body, returned(results))

    def _inputs(self) -> Iterator[str]:
        for name, node in self._model.inputs.items():
            kind = self._types[node.type.dtype]
            yield f"{self._called[node]} = np.asarray(inputs[{quoted(name)}], dtype={kind})"
        yield from self._sizes.lines(self._sizes.variables)
        yield from self._sizes.checks()

    def _statements(self) -> Iterator[str]:
        scope = ""
        for node in self._parts[_FORWARD]:
            lines = self._block.statement(node) if node.op != INPUT else []
            if not lines:
                continue
            here = "" if is_derivative(node) else node.scope
            if here != scope:
                scope = here
                yield from ("", *self._heading(scope))
            if node.doc:
                yield from (f"# {line}".rstrip() for line in node.doc.split("\n"))
            yield from lines
            self._written[node] = lines[0]

    def _heading(self, path: str) -> list[str]:
        scope = self._model.scopes.get(path)
        if scope is None or scope.kind == "check":
            return []
        return [f"# --- {path}: {' '.join(scope.title.split())} ---"]

    # --- backward ---------------------------------------------------------------------------------

    def backward(self) -> list[str]:
        """`backward(values)`: one line for each step of the chain rule; nothing if there is none."""
        of = self._model.of
        if of is None:
            return []
        hosts = find_hosts(
            self._parts[_FORWARD], lambda n: n.inputs, self._block.is_inlined, self._sends_back
        )
        block = self._block = Block(self._home, self._block)
        sweep = Sweep(
            self._gradients, hosts, self._written, self._called, lambda n: block.operand(n).text, self._remark
        )
        body = list(sweep.head())
        for node in self._parts[_BACKWARD]:
            body += sweep.step(node, block.statement(node))
        body += sweep.rest()
        results = {path: self._gradients.names[self._model.by_path[path]] for path in self._gradient_of}
        results |= self._for_later(set(self._gradient_of.values()))
        for g in self._gradient_of.values():
            block.operand(g)  # so that it is loaded if `forward` computes it
        doc = f"d {_one_line(of.path)} / d node by path, from the result back."
        loaded = self._loaded(self._parts[_BACKWARD], {}, [])
        return _function("backward(values)", doc, [*loaded, *body], returned(results))

    def _sends_back(self, node: Node, operand: Node) -> bool:
        parts = self._model.parts
        return any(n is operand and (node.path, i) in parts for i, n in enumerate(node.inputs))

    def _remark(self, x: Node) -> str:
        of = self._model.of
        if of is None:
            return ""
        by = f"({self._block.operand(x).text})" if self._block.is_inlined(x) else x.path
        return f"  # d {_one_line(of.path)} / d {by}"

    def _for_later(self, told: set[Node]) -> dict[str, str]:
        """What else the expectations need of the backward pass."""
        later = [n for n in self._parts[_BACKWARD] if n in self._kept and n not in told]
        return {n.path: self._called[n] for n in later}

    def _loaded(self, nodes: Sequence[Node], gradients: dict[Node, str], values: list[Any]) -> Iterator[str]:
        """What a function takes from the values and gradients computed before, free sizes among them."""
        here = {*nodes, self._gradients.seed} - gradients.keys()
        names = self._sizes.names_at(nodes, values)
        found = dict.fromkeys(n for n in self._block.used if n not in here)
        for node in (*found, *(n for n in self._sizes.sources(names) if n not in found)):
            if node in gradients:
                yield f"{self._called[node]} = gradients[{quoted(gradients[node])}]"
            else:
                yield f"{self._called[node]} = values[{quoted(node.path)}]"
        yield from self._sizes.lines(names)

    # --- expectations -----------------------------------------------------------------------------

    def expectations(self) -> list[str]:
        """`expectations(values, gradients)`: each text with its sides; nothing if there is none."""
        if not self._model.expectations:
            return []
        block = self._block = Block(self._home, self._block)
        body = [line for node in self._parts[_CHECKS] for line in block.statement(node)]
        rows = [f"    {self._expectation(e, block)}," for e in self._model.expectations]
        values = [s for e in self._model.expectations for s in (e.left, e.right) if not isinstance(s, Node)]
        loaded = self._loaded(self._parts[_CHECKS], self._places(), values)
        doc = "What the file expects: its text, the left side, the comparison, the right side, the tolerance."
        head = "expectations(values, gradients)"
        return _function(head, doc, [*loaded, *body], ["return [", *rows, "]"])

    def _places(self) -> dict[Node, str]:
        """Where the nodes of the backward pass are found among the gradients."""
        places = {n: n.path for n in self._parts[_BACKWARD]}
        places |= {g: path for path, g in reversed(self._gradient_of.items()) if g in places}
        if self._gradients.seed is not None and self._model.of is not None:
            places[self._gradients.seed] = self._model.of.path
        return places

    def _expectation(self, e: Expectation, block: Block) -> str:
        text = sides(e)
        left, right = self._side(e.left, text.left, block), self._side(e.right, text.right, block)
        within = "" if e.within is None else f", {e.within!r}"
        return f"({quoted(e.text)}, {left}, {quoted(e.op)}, {right}{within})"

    def _side(self, side: Any, text: str, block: Block) -> str:
        x = self._gradients.asked_for(side, text)
        if x is not None and x.path in self._gradient_of:
            return f"gradients[{quoted(x.path)}]"
        if isinstance(side, Node):
            return block.operand(side).text
        if isinstance(side, tuple):
            inner = ", ".join(self._side(s, "", block) for s in side)
            return f"({inner},)" if len(side) == 1 else f"({inner})"
        return self._sizes.text(side) if isinstance(side, Dim) else repr(side)


def in_order(plan: Plan) -> list[Node]:
    """A plan's nodes in the order in which they are computed, leaves where they stand in the model."""
    placed = [(slot, n) for n, slot in plan.leaves] + [(s.target, s.node) for s in plan.steps]
    return [n for _, n in sorted(placed, key=lambda pair: pair[0])]


def _function(head: str, doc: str, body: Sequence[str], result: Sequence[str]) -> list[str]:
    lines = [f'"""{doc}"""', *body, *result]
    return [f"def {head}:", *(f"    {line}" if line else "" for line in lines)]


def _one_line(text: str) -> str:
    return " ".join(text.split())
