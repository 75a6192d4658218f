"""A model as a Python script that needs NumPy alone and reads like one written by hand.

`parameters(seed)` says where learning starts, `forward(inputs, params)` computes every value by the file's
own names, `backward(values)` has one line for each step of the chain rule. Run with `--json` the script
prints the object of `graphlang run --json`, the same bits: it does the plan's operations, each as its own
kernel writes it (`kernels.py`), on numbers of the same kinds.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.emit import numpy_main
from graphlang.emit.chain import Chain, expected_gradient
from graphlang.emit.formulas import is_number, uses_of
from graphlang.emit.hosts import hosts, through
from graphlang.emit.kernels import Kernels
from graphlang.emit.numpy_block import Block, Home
from graphlang.emit.numpy_data import data_function
from graphlang.emit.python_text import NUMPY, array_text, dict_text, literal, returned, tuple_text
from graphlang.emit.writer import Names, data_path, quoted
from graphlang.graph.dag import ancestors
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import INPUT, Node
from graphlang.graph.show import size_text
from graphlang.ops import registry
from graphlang.plan.schedule import Plan, make_plan
from graphlang.types.dims import Dim, names_of, solve

_MAX_START = 160


def numpy_script(model: Model, *, folder: str = ".", seed: int = 0) -> str:
    """A differentiated model as a standalone NumPy script.

    Parameters
    ----------
    model : Model
        After `differentiate`; without a backward pass the script computes forward only.
    folder : str
        Where the script is going to lie: paths of data files are written as seen from there.
    seed : int
        The seed that the script draws with unless told otherwise.
    """
    return _Script(model, folder, seed).text()


class _Script:
    """The script while it is written."""

    def __init__(self, model: Model, folder: str, seed: int):
        self.model, self.folder, self.seed = model, folder, seed
        self.names = Names(_reserved(), form="NFKC")
        self.sizes: dict[str, str] = {}
        for node in model.inputs.values():
            for name in sorted(node.type.names):
                if name not in self.sizes:
                    self.sizes[name] = self.names.take(name)
        self.kernels = Kernels(lambda name: self.sizes.get(name, name))
        self.called: dict[Node, str] = {}
        self.written: dict[Node, str] = {}

        self.shown = [
            n for n in model.nodes if n.is_named and (not model.is_check(n) or n.path in model.metrics)
        ]
        self.gradients = {p: g for p, g in model.gradients.items() if model.by_path[p].is_named}
        self.sides = [s for e in model.expectations for s in (e.left, e.right) if isinstance(s, Node)]
        self._part()
        self._name()

    # --- which function computes what ------------------------------------------------------------

    def _part(self) -> None:
        """Part the plan: what is needed forward, what only backward, what only for expectations."""
        first = [*self.shown, *self.model.outputs, *self.model.metrics.values()]
        plan = make_plan(self.model.nodes, [*first, *self.gradients.values(), *self.sides])
        order = _order(plan)
        forward = ancestors(first)
        backward = ancestors(self.gradients.values()) - forward
        self.forward = [n for n in order if n in forward]
        self.backward = [n for n in order if n in backward]
        self.checks = [n for n in order if n not in forward and n not in backward]
        parts = (self.forward, self.backward, self.checks)
        self.part = {n: i for i, nodes in enumerate(parts) for n in nodes}
        self.uses = uses_of(order, lambda n: n.inputs)
        for side in self.sides:
            self.uses[side] = self.uses.get(side, 0) + 1
        # What a later function needs of an earlier one is kept.
        kept = {*self.shown, *self.gradients.values(), *self.model.outputs}
        for node in order:
            kept.update(o for o in node.inputs if self.part[o] != self.part[node])
        kept.update(s for s in self.sides if self.part[s] < 2)
        self.kept = {n for n in kept if not is_number(n)}

    def _name(self) -> None:
        for node in sorted(self.shown, key=lambda n: not n.path.isidentifier()):
            self.called[node] = self.names.take(node.path)
        model = self.model
        named = {model.by_path[path]: g for path, g in self.gradients.items()}
        self.chain = Chain(model, self.forward, lambda n: n.inputs, named.__contains__)
        # A gradient that several nodes share is called after the one that is nearest to the result.
        self.labels: dict[Node, Node] = {}
        self.waiting: list[Node] = []
        for x, g in reversed(named.items()):
            if g in self.labels or g in self.chain.position or is_number(g):
                self.waiting.append(x)
            else:
                self.labels[g] = x
        self.grad_names = {x: self.names.take(f"grad_{x.path}") for x in named}
        self.called.update({g: self.grad_names[x] for g, x in self.labels.items()})
        self.home = Home(model.of, self.kernels, self.chain, self.grad_names, self._size)
        for path, g in reversed(model.gradients.items()):
            if g in self.part and g not in self.called and g not in self.chain.position and not is_number(g):
                self.labels[g] = model.by_path[path]
                self.called[g] = self.names.take(f"grad_{path}")

    # --- the script ------------------------------------------------------------------------------

    def text(self) -> str:
        """All of it."""
        has_checks = bool(self.model.expectations)
        forward, backward = self._forward(), self._backward()
        checks = self._expectations() if has_checks else []
        parameters = self._parameters()
        data, data_imports = self._data()
        helpers = [d for d in self.kernels.definitions.values() if d]
        imports = {d for d in helpers if d.startswith("import ")}
        parts = [
            self._docstring() + "\n\n" + self._imports(imports | data_imports) + "\n\n" + self._constants(),
            *(d for d in helpers if d not in imports),
            *data,
            "\n".join(parameters),
            "\n".join(forward),
            *(["\n".join(backward)] if backward else []),
            *(["\n".join(checks)] if checks else []),
            numpy_main.functions(
                self.model,
                has_backward=bool(backward),
                has_checks=has_checks,
                has_data=bool(data),
                has_seed=self._draws(),
                has_inputs=bool(self.model.inputs),
                has_params=bool(self.model.initial_of),
                seed=self.seed,
            ),
        ]
        return "\n\n\n".join(p for p in parts if p) + "\n"

    def _docstring(self) -> str:
        model = self.model
        lines = [model.description.strip(), ""] if model.description.strip() else []
        lines.append(f"Written by graphlang from {model.name}.graph; needs NumPy alone.")
        if model.of is not None:
            lines.append(f"`backward` gives d({model.of.path})/d(node) for every node that the file names.")
        body = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"')
        return f'"""{body}\n"""'

    def _imports(self, extra: set[str]) -> str:
        return numpy_main.imports(extra, has_inputs=bool(self.model.inputs))

    def _constants(self) -> str:
        paths = tuple(n.path for n in self.shown)
        lines = ["# The nodes that the file names, in the order in which they are computed."]
        lines.append(f"NODES = {tuple_text(paths)}")
        if self.model.inputs:
            lines += ["", "# What the file itself feeds to its inputs."]
            lines.append(f"INPUTS = {dict_text(self._defaults())}")
            fixed = {
                name: repr(tuple(n.shape))
                for name, n in self.model.inputs.items()
                if all(isinstance(s, int) for s in n.shape)
            }
            lines += ["", "# Inputs whose shape is fixed: one number may be fed for all their entries."]
            lines.append(f"SHAPES = {dict_text(fixed)}")
        return "\n".join(lines)

    def _defaults(self) -> dict[str, str]:
        found = {}
        for name, node in self.model.inputs.items():
            default = node.attrs.get("default")
            if default is not None:
                found[name] = array_text(np.asarray(default))
        return found

    def _draws(self) -> bool:
        return any(not n.is_leaf and registry.find(n.op).is_random for n in self.forward)

    # --- parameters ------------------------------------------------------------------------------

    def _parameters(self) -> list[str]:
        """`parameters(seed)`: the initial graph, each start in one expression where that is possible."""
        model = self.model
        if not model.initial_of:
            return []
        plan = make_plan(model.initial, model.initial_of.values())
        order = _order(plan)
        uses = uses_of(order, lambda n: n.inputs)
        for node in model.initial_of.values():
            uses[node] = uses.get(node, 0) + 1
        block = Block(self.home, uses, set(), {}, self.names, max_inline=_MAX_START)
        lines = [f"def parameters(seed={self.seed}):", '    """Where parameters start, by path."""']
        lines += [f"    {line}" for node in order for line in block.statement(node)]
        lines.append("    return {")
        lines += [
            f"        {quoted(path)}: {block.number_or_operand(node).text},"
            for path, node in model.initial_of.items()
        ]
        return [*lines, "    }"]

    # --- forward ---------------------------------------------------------------------------------

    def _forward(self) -> list[str]:
        block = Block(self.home, self.uses, self.kept, self.called, self.names)
        parameters = (["inputs"] if self.model.inputs else []) + (["params"] if self.model.initial_of else [])
        if self._draws():
            parameters.append(f"seed={self.seed}")
        lines = [f"def forward({', '.join(parameters)}):", '    """Every value, by path."""']
        lines += [f"    {line}" for line in self._leaves()]
        scope = ""
        for node in self.forward:
            if node.op == INPUT:
                continue
            found = block.statement(node)
            if not found:
                continue
            if node.scope != scope:
                scope = node.scope
                title = self._heading(scope)
                lines += ["", f"    # --- {title} ---"] if title else [""]
            if node.doc:
                lines += [f"    # {line}".rstrip() for line in node.doc.split("\n")]
            lines += [f"    {line}" for line in found]
            self.written[node] = found[0]
        self.block = block
        results = [n for n in self.forward if n in self.kept]
        return [*lines, *returned({n.path: self.called[n] for n in results})]

    def _leaves(self) -> Iterator[str]:
        inputs = self.model.inputs
        for name, node in inputs.items():
            yield f"{self.called[node]} = np.asarray(inputs[{quoted(name)}], dtype={NUMPY[node.type.dtype]})"
        yield from self._size_lines(self.sizes)
        for node in inputs.values():
            if any(isinstance(s, Dim) for s in node.shape):
                shape = ", ".join(self._size(s) for s in node.shape) + ("," if len(node.shape) == 1 else "")
                yield f"assert {self.called[node]}.shape == ({shape}), {self.called[node]}.shape"

    def _size(self, size: int | Dim) -> str:
        return size_text(size, lambda name: self.sizes.get(name, name))

    def _size_lines(self, wanted: Iterable[str]) -> Iterator[str]:
        """`N = x.shape[0]`: free sizes from the inputs' shapes."""
        for name in wanted:
            source = self._size_source(name)
            if source is not None:
                yield f"{self.sizes[name]} = {source[1]}"

    def _size_source(self, name: str) -> tuple[Node, str] | None:
        """The input that tells a free size, and how."""
        for node in self.model.inputs.values():
            for axis, size in enumerate(node.shape):
                if size == Dim.of(name):
                    return node, f"{self.called[node]}.shape[{axis}]"
        for node in self.model.inputs.values():
            for axis, size in enumerate(node.shape):
                if isinstance(size, Dim) and names_of(size) == {name}:
                    # size = factor * name + rest
                    rest = size.substitute({name: 0})
                    total = size.substitute({name: 1})
                    if isinstance(rest, int) and isinstance(total, int) and solve(size, total) == (name, 1):
                        text = f"{self.called[node]}.shape[{axis}]"
                        text = f"({text} - {rest})" if rest else text
                        return node, f"{text} // {total - rest}" if total - rest != 1 else text.strip("()")
        return None

    def _heading(self, path: str) -> str:
        scope = self.model.scopes.get(path)
        if scope is None or scope.kind == "check":
            return ""
        return f"{path}: {' '.join(scope.title.split())}"

    # --- backward --------------------------------------------------------------------------------

    def _backward(self) -> list[str]:
        model = self.model
        if model.of is None:
            return []
        users = hosts(
            [n for n in self.forward if not n.path.startswith("grad(")],
            lambda n: n.inputs,
            self.block.is_inlined,
        )
        of = model.of.path
        lines = ["def backward(values):"]
        lines.append(f'    """d {_one_line(of)} / d node by path, from the result back."""')
        block = self._block(self.block)
        self._users = users
        self._last = ""
        body: list[str] = []
        for node in self.backward:
            found = block.statement(node)
            if not found:
                continue
            about = self.chain.about(node) if self.chain.is_step(node) else None
            if about is not None:
                body += self._passed_on(block, self.chain.position.get(about, -1))
            x = self.labels.get(node)
            body += self._through(x)
            comment = f"  # d {of} / d {x.path}" if x is not None and x.is_named else ""
            body += [f"{line}{comment}" for line in found]
            self.written[node] = found[0]
        body += self._passed_on(block, -1)
        results = {path: self._gradient(path, g, block) for path, g in self.gradients.items()}
        reported = set(self.gradients.values())
        results |= {n.path: self.called[n] for n in self.backward if n in self.kept and n not in reported}
        lines += [f"    {line}" for line in [*self._loaded(self.backward, block, {}), *body]]
        self.block = block
        return [*lines, *returned(results)]

    def _block(self, earlier: Block) -> Block:
        block = Block(self.home, self.uses, self.kept, self.called, self.names)
        block.take_over(earlier)
        return block

    def _through(self, x: Node | None) -> Iterator[str]:
        text = through(self._users.get(x, []), self.written, self.called) if x is not None else ""
        if text and text != self._last:
            self._last = text
            yield f"# through {text}"

    def _passed_on(self, block: Block, until: int) -> Iterator[str]:
        """Gradients that are no node of their own, as far as the sweep has come back: to position `until`."""
        assert self.model.of is not None
        later = []
        for x in self.waiting:
            g = self.gradients[x.path]
            is_known = g in self.written or g in self.chain.position or is_number(g)
            if self.chain.position[x] < until or not is_known:
                later.append(x)
                continue
            text = self._passed(x, g, block)
            if text is not None:
                yield from self._through(x)
                yield f"{self.grad_names[x]} = {text}  # d {self.model.of.path} / d {x.path}"
        self.waiting = later

    def _passed(self, x: Node, g: Node, block: Block) -> str | None:
        if x is self.model.of:
            return block.number_or_operand(g).text
        step = self.chain.step(x, g)
        if step is not None:
            return block.step(step).text
        return None if is_number(g) else block.number_or_operand(g).text

    def _gradient(self, path: str, g: Node, block: Block) -> str:
        x = self.model.by_path[path]
        if is_number(g) and x is not self.model.of and self.chain.step(x, g) is None:
            return literal(g).text
        return self.grad_names[x]

    def _loaded(self, nodes: Sequence[Node], block: Block, gradients: Mapping[Node, str]) -> Iterator[str]:
        """What a later function takes from the values and gradients computed before."""
        here = set(nodes)
        found = dict.fromkeys(n for n in block.used if n not in here)
        sizes = [name for name in self.sizes if name in _sizes_in(nodes)]
        for name in sizes:
            source = self._size_source(name)
            if source is not None:
                found.setdefault(source[0])
        for node in found:
            if node in gradients:
                yield f"{self.called[node]} = gradients[{quoted(gradients[node])}]"
            else:
                yield f"{self.called[node]} = values[{quoted(node.path)}]"
        yield from self._size_lines(sizes)

    # --- expectations ----------------------------------------------------------------------------

    def _expectations(self) -> list[str]:
        model = self.model
        place = {g: path for path, g in reversed(self.gradients.items())}
        place = {**{n: n.path for n in self.backward}, **place}
        backward = {n: place[n] for n in place if self.part.get(n) == 1}
        block = self._block(self.block)
        body = [line for node in self.checks for line in block.statement(node)]
        body += self._sizes_of_sides()
        body.append("return [")
        for e in model.expectations:
            names = expected_gradient(e, model)
            left, right = (self._side(s, n, block) for s, n in zip((e.left, e.right), names, strict=True))
            within = "" if e.within is None else f", {e.within!r}"
            body.append(f"    ({quoted(e.text)}, holds({left}, {quoted(e.op)}, {right}{within})),")
        body.append("]")
        lines = ["def expectations(values, gradients):"]
        lines.append('    """What the file expects, and whether it holds."""')
        return [*lines, *(f"    {line}" for line in [*self._loaded(self.checks, block, backward), *body])]

    def _sizes_of_sides(self) -> Iterator[str]:
        """Free sizes that an expectation names, unless the values it computes need them anyway."""
        named = {n for e in self.model.expectations for s in (e.left, e.right) for n in _names_in(s)}
        for name in self.sizes:
            source = self._size_source(name) if name in named - _sizes_in(self.checks) else None
            if source is not None:
                text = source[1].replace(self.called[source[0]], f"values[{quoted(source[0].path)}]", 1)
                yield f"{self.sizes[name]} = {text}"

    def _side(self, side: Any, path: str | None, block: Block) -> str:
        if path in self.gradients and self.model.of is not None:
            return f"gradients[{quoted(path)}]"
        if isinstance(side, Node):
            return block.number_or_operand(side).text
        if isinstance(side, tuple):
            inner = ", ".join(self._side(s, None, block) for s in side)
            return f"({inner},)" if len(side) == 1 else f"({inner})"
        return self._size(side) if isinstance(side, Dim) else repr(side)

    # --- data ------------------------------------------------------------------------------------

    def _data(self) -> tuple[list[str], set[str]]:
        spec = _data_of(self.model)
        if spec is None:
            return [], set()
        return data_function(self.model, spec, data_path(spec, self.folder), self.kernels)


def _order(plan: Plan) -> list[Node]:
    """A plan's nodes in the order in which they are computed, leaves where they stand in the model."""
    placed = [(slot, n) for n, slot in plan.leaves] + [(s.target, s.node) for s in plan.steps]
    return [n for _, n in sorted(placed, key=lambda pair: pair[0])]


def _reserved() -> set[str]:
    own = "np argparse csv json re math string Path NODES INPUTS SHAPES WHOLE inputs params values seed"
    own += " gradients parameters forward backward expectations holds plain data main read_feed read_table"
    own += " column columns"
    return {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *own.split(), *registry.all_ops()}


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _names_in(value: Any) -> set[str]:
    if isinstance(value, Dim):
        return set(names_of(value))
    return {n for v in value for n in _names_in(v)} if isinstance(value, tuple) else set()


def _sizes_in(nodes: Iterable[Node]) -> set[str]:
    return {name for n in nodes for v in _attrs_near(n) for name in _names_in(v)}


def _attrs_near(node: Node) -> Iterator[Any]:
    """A node's attributes, and those of the sizes that it is written with."""
    yield from node.attrs.values()
    for operand in node.inputs:
        inner = operand.inputs[0] if operand.op == "to_float" else operand
        if inner.op == "size_value":
            yield from inner.attrs.values()


def _data_of(model: Model) -> DataSpec | None:
    """The data that feed the inputs: the train block's, else the only source there is."""
    if model.training is not None and model.training.data is not None:
        return model.data.get(model.training.data)
    return next(iter(model.data.values())) if len(model.data) == 1 else None
