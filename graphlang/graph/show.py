"""Any graph as readable text: formulas in the language's own syntax, and listings of whole graphs and plans.

`formula` writes the right-hand side of one node. Operands that have no name of their own are written in their
place, so that `f = 1 / (1 + exp(-x))` reads back as it was written. What is written parses to the same
operation on the same operands: precedence decides where parentheses stand, a constant or a conversion is
left out or shortened only where the language puts it back (`2 * x` for `2.0 * x` when `x` is a float).

A text comes with its level, how tightly it binds; the levels are those of LANGUAGE section 4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from graphlang.graph.node import CONST, GRAD, Node, Scope
from graphlang.graph.op import CATALOGUE, Op
from graphlang.types.dims import Dim, Monomial
from graphlang.types.tensor import DType

if TYPE_CHECKING:
    from graphlang.graph.model import Model

# How tightly a text binds, from loosest to tightest.
PIPE, OR, AND, NOT, COMPARISON, SUM, PRODUCT, UNARY, POWER, POSTFIX = range(10)

# Operator -> its level, and the levels its operands must have to go without parentheses.
_OPERATORS = {
    "or": (OR, OR, AND),
    "and": (AND, AND, NOT),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), (COMPARISON, SUM, SUM)),
    **dict.fromkeys(("+", "-"), (SUM, SUM, PRODUCT)),
    **dict.fromkeys(("*", "/", "//", "%", "@"), (PRODUCT, PRODUCT, UNARY)),
    "^": (POWER, POSTFIX, UNARY),
}
# Bounds for inlining: nothing recurses deeper, no line of a table grows longer.
_MAX_DEPTH, _MAX_TEXT = 24, 160
# Calls with more operands are cut short.
_MAX_OPERANDS = 6
# Array constants of more entries are written by name.
_MAX_ENTRIES = 12


class Text(NamedTuple):
    """A piece of formula and how tightly it binds."""

    text: str
    level: int

    def within(self, level: int) -> str:
        """The text where something of at least `level` is needed."""
        return self.text if self.level >= level else f"({self.text})"


# --- formulas --------------------------------------------------------------------------------------


def formula(
    node: Node,
    inline: Callable[[Node], bool] | None = None,
    calls: Mapping[Node, Scope] | None = None,
) -> str:
    """The right-hand side of a node, in the language's own syntax.

    Parameters
    ----------
    node : Node
    inline : function, optional
        Which operands are written in their place rather than by path; by default those without a name.
        Long or deeply nested ones are written by path all the same.
    calls : mapping of Node to Scope, optional
        Nodes that are written as calls, `x -> dense(10)`, instead of what the call is made of: `calls_of`.
    """
    if inline is None:
        inline = _has_no_name

    def text_of(n: Node, depth: int) -> Text:
        if is_literal(n):
            return literal(n)
        if not n.is_leaf and n.op != GRAD and depth < _MAX_DEPTH and inline(n):
            found = written(n, depth)
            if len(found.text) <= _MAX_TEXT:
                return found
        return Text(n.path, POSTFIX)

    def written(n: Node, depth: int) -> Text:
        if calls and n in calls:
            return call(calls[n], lambda o: text_of(o, depth + 1))
        return operation(n, lambda o: text_of(o, depth + 1), inline)

    if node.is_const:
        return constant_text(node)
    if node.is_leaf:
        return node.op
    return written(node, 0).text


def calls_of(model: Model) -> dict[Node, Scope]:
    """The results of networks and gates that have one result, with the calls they come from.

    What a call only hands on, as `dropout` does after training, comes from elsewhere.
    """
    return {
        scope.outputs[0]: scope
        for scope in model.scopes.values()
        if scope.kind in ("network", "gate") and len(scope.outputs) == 1 and not scope.outputs[0].is_leaf
        if scope.outputs[0] not in scope.inputs
    }


def call(scope: Scope, text_of: Callable[[Node], Text]) -> Text:
    """A call as the file would write it: `cross_entropy(scores, y)`, `x -> dense(10)`."""
    shown = scope.inputs[:_MAX_OPERANDS]
    more = ["…"] if len(scope.inputs) > len(shown) else []
    title = scope.title.partition(": ")[0]  # of a named layer, its name
    if "(" not in title:
        return Text(f"{title}({', '.join([text_of(n).text for n in shown] + more)})", POSTFIX)
    if len(shown) == 1:
        return Text(f"{text_of(shown[0]).within(PIPE)} -> {title}", PIPE)
    entering = ", ".join([text_of(n).text for n in shown] + more)
    return Text(f"({entering}) -> {title}", PIPE)


def _has_no_name(node: Node) -> bool:
    return not node.is_named


def is_literal(node: Node) -> bool:
    """Whether a node is always written in its place: a number without a name, a size."""
    if node.is_named:
        return False
    if node.op == "size_value":
        return True
    if not node.is_const or node.type.is_poison:
        return False
    value = node.attrs["value"]
    return not isinstance(value, np.ndarray) or value.size <= _MAX_ENTRIES


def literal(node: Node) -> Text:
    """The text of what `is_literal`, with its kind: `2.0` for a float."""
    value = node.attrs["value"]
    if isinstance(value, Dim):
        return _size(value)
    if isinstance(value, np.ndarray):
        return Text(array_text(value), POSTFIX)
    return number(value)


def operation(node: Node, text_of: Callable[[Node], Text], is_inlined: Callable[[Node], bool]) -> Text:
    """A node that is no leaf, written with `text_of` each of its operands.

    `is_inlined` says of which operands the text is their formula and not a name: only of those may a
    conversion be left out.
    """
    op = CATALOGUE.get(node.op)
    if op is None:  # grad(f, x), before differentiation
        return Text(f"{node.op}({', '.join(text_of(n).text for n in node.inputs)})", POSTFIX)
    operands = _operands(node, op, text_of, is_inlined)
    if op.infix is not None:
        return _infix(op.infix, operands)
    if node.op == "neg":
        inner = operands[0].within(UNARY)
        return Text(f"-({inner})" if inner.startswith("-") else f"-{inner}", UNARY)
    if node.op == "logical_not":
        return Text(f"not {operands[0].within(NOT)}", NOT)
    if node.op == "transpose":
        return Text(f"{operands[0].within(POSTFIX)}.T", POSTFIX)
    if node.op == "index":
        return Text(f"{operands[0].within(POSTFIX)}{index_text(node.attrs['items'])}", POSTFIX)
    arguments = [*(o.text for o in operands), *_attributes(node, op)]
    if node.op == "einsum":
        arguments = [_string(node.attrs["equation"]), *(o.text for o in operands)]
    return Text(f"{node.op}({', '.join(arguments)})", POSTFIX)


def _infix(sign: str, operands: list[Text]) -> Text:
    level, left, right = _OPERATORS[sign]
    first, second = operands[0].within(left), operands[1].within(right)
    if second.startswith("-") and sign in ("+", "-"):
        second = f"({second})"
    if sign == "^" and first.startswith("-"):
        first = f"({first})"
    return Text(f"{first} {sign} {second}", level)


# What may be written otherwise than an operand that is a wire by itself.
_ODD = frozenset((CONST, "size_value", "to_float"))


# --- operands --------------------------------------------------------------------------------------


def _operands(
    node: Node, op: Op, text_of: Callable[[Node], Text], is_inlined: Callable[[Node], bool]
) -> list[Text]:
    """The operands' texts, without what the language puts back by converting operands to one kind."""
    inputs = node.inputs
    if _ODD.isdisjoint([n.op for n in inputs]):
        return [text_of(n) for n in inputs]
    kinds = [op.wire_kind(i) for i in range(len(inputs))]
    plain = [_is_plain(n) for n in inputs]
    conversions = [_is_conversion(n, is_inlined) for n in inputs]
    # An operand that is a float by itself makes floats of the others.
    has_float = any(
        n.type.is_float and not is_plain and not is_conversion and kind != "Any_"
        for n, kind, is_plain, is_conversion in zip(inputs, kinds, plain, conversions, strict=True)
    )
    # Numbers alone would be worked out by the language, as the integers they look like.
    has_wire = not all(plain)
    texts = []
    for n, kind, is_plain, is_conversion in zip(inputs, kinds, plain, conversions, strict=True):
        is_converted = kind == "Float" or (kind in ("Number", "Same") and has_float)
        inner = n.inputs[0] if is_conversion and is_converted else n
        if not (is_plain if inner is n else _is_plain(inner)):
            texts.append(text_of(inner))
        elif inner.is_const and inner is n and is_converted and has_wire and n.type.is_float:
            texts.append(short(n.attrs["value"]))
        else:
            # The conversion of a number must stay where nothing else would make a float of it.
            texts.append(text_of(n if inner.is_const else inner))
    return texts


def _is_plain(node: Node) -> bool:
    """A number or size without a name: it takes the kind of what it meets."""
    if node.op == "size_value":
        return not node.is_named
    return node.is_const and not node.is_named and not isinstance(node.attrs["value"], np.ndarray)


def _is_conversion(node: Node, is_inlined: Callable[[Node], bool]) -> bool:
    return node.op == "to_float" and not node.is_named and is_inlined(node)


# --- attributes ------------------------------------------------------------------------------------


def _attributes(node: Node, op: Op) -> list[str]:
    """Named arguments, those at their default left out; a draw's numbers come first, without names."""
    result = []
    is_positional = op.is_random
    for parameter in op.attrs:
        value = node.attrs.get(parameter.name, parameter.default)
        if parameter.name == "shape":
            is_positional = False
        if is_positional:
            result.append(value_text(value))
        elif value is not parameter.default and not _same(value, parameter.default):
            if value is None:  # the language has no word for it: all axes
                value = tuple(range(node.inputs[0].type.rank))
            result.append(f"{parameter.name} = {value_text(value)}")
    return result


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def value_text(value: Any) -> str:
    """A compile-time value as the language writes it."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Dim):
        return size_text(value)
    if isinstance(value, tuple):
        return f"[{', '.join(value_text(v) for v in value)}]"
    if isinstance(value, float):
        return short(value).text
    return number(value).text


def _string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in escaped) + '"'


def index_text(items: tuple[Any, ...]) -> str:
    """An index as it is written behind a wire: `[:, 1:3]`."""
    return f"[{', '.join(_item(i) for i in items)}]"


def _item(item: Any) -> str:
    if not isinstance(item, tuple):
        return item if item == "..." else value_text(item)
    start, stop, step = ("" if part is None else value_text(part) for part in item[1:])
    return f"{start}:{stop}" + (f":{step}" if step else "")


# --- numbers and sizes -----------------------------------------------------------------------------


def number(value: bool | int | float) -> Text:
    """A number that reads back as the same number of the same kind."""
    if isinstance(value, bool):
        return Text("true" if value else "false", POSTFIX)
    if isinstance(value, float) and not math.isfinite(value):
        # There is no literal for them, but there are formulas.
        if math.isnan(value):
            return Text("log(-1.0)", POSTFIX)
        return Text("log(0.0)", POSTFIX) if value < 0 else Text("-log(0.0)", UNARY)
    text = repr(value)
    return Text(text, UNARY if text.startswith("-") else POSTFIX)


def short(value: float) -> Text:
    """A number where only a float can stand: `2` for 2.0."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6 and not _is_minus_zero(value):
        return number(int(value))
    return number(float(value))


def _is_minus_zero(value: float) -> bool:
    return value == 0 and math.copysign(1.0, value) < 0


def array_text(array: np.ndarray) -> str:
    """A tensor literal."""
    return value_of_list(array.tolist())


def value_of_list(value: Any) -> str:
    """Nested lists of numbers as a tensor literal; floats keep their point."""
    if isinstance(value, list):
        return f"[{', '.join(value_of_list(v) for v in value)}]"
    return number(value).text


def constant_text(node: Node) -> str:
    """The value of a constant."""
    value = node.attrs["value"]
    return array_text(value) if isinstance(value, np.ndarray) else number(value).text


def size_text(size: int | Dim, rename: Callable[[str], str] = str) -> str:
    """A size as the language and Python write it: `2*N`, `N*N`, `(N + 1) // 2`.

    `rename` gives the free names as they are to be written.
    """
    return _size(size, rename).text


def _size(size: int | Dim, rename: Callable[[str], str] = str) -> Text:
    if not isinstance(size, Dim):
        return number(size)
    pieces: list[tuple[str, Text]] = []
    for monomial, factor in sorted(size.terms, key=lambda t: (not t[0], t[1] < 0, str(t[0]))):
        pieces.append(("-" if factor < 0 else "+", _monomial(monomial, abs(factor), rename)))
    sign, first = pieces[0]
    text = first.text if sign == "+" else f"-{first.within(UNARY)}"
    if len(pieces) == 1:
        return Text(text, first.level if sign == "+" else min(UNARY, first.level))
    return Text(text + "".join(f" {s} {t.within(PRODUCT)}" for s, t in pieces[1:]), SUM)


def _monomial(monomial: Monomial, factor: int, rename: Callable[[str], str]) -> Text:
    parts: list[Text] = []
    for atom, power in monomial:
        if atom.op:
            left, right = _size(atom.left, rename), _size(atom.right, rename)
            text = Text(f"{left.within(PRODUCT)} {atom.op} {right.within(UNARY)}", PRODUCT)
        else:
            text = Text(rename(atom.name), POSTFIX)
        parts.extend([text] * power)
    if factor != 1 or not parts:
        parts.insert(0, Text(str(factor), POSTFIX))
    if len(parts) == 1:
        return parts[0]
    return Text("*".join(p.within(UNARY) for p in parts), PRODUCT)


# --- whole graphs ----------------------------------------------------------------------------------


def show_graph(model: Model) -> str:
    """One line per node, in order: `path = op(operands): type   # box, line`; then the gradients."""
    rows = [(_line(n), _place(n)) for n in model.nodes]
    lines = list(_commented(rows))
    if model.of is not None:
        lines += ["", f"# d({model.of.path})/d(node)"]
        lines += [f"{path}: {g.path}" for path, g in model.gradients.items()]
    if model.initial:
        lines += ["", "# where parameters and states start"]
        lines += _commented([(_line(n), "") for n in model.initial])
        lines += [f"{path}: {n.path}" for path, n in model.initial_of.items()]
    return "\n".join(lines)


def _line(node: Node) -> str:
    if node.is_const:
        value = node.attrs["value"]
        is_large = isinstance(value, np.ndarray) and value.size > _MAX_ENTRIES
        return f"{node.path} = const{'' if is_large else ' ' + constant_text(node)}: {_type(node)}"
    if node.is_leaf:
        return f"{node.path} = {node.op}: {_type(node)}"
    op = CATALOGUE.get(node.op)
    arguments = [n.path for n in node.inputs]
    if node.op == "index":
        arguments.append(index_text(node.attrs["items"])[1:-1])
    elif op is not None:
        arguments += _attributes(node, op)
    return f"{node.path} = {node.op}({', '.join(arguments)}): {_type(node)}"


def _type(node: Node) -> str:
    if node.type.is_poison:
        return "?"
    return str(node.type) if node.shape or node.type.dtype is not DType.FLOAT else "[]"


def _place(node: Node) -> str:
    parts = [f"in {node.scope}"] if node.scope else []
    if node.span is not None:
        source = node.span.source
        parts.append(f"{source.name}:{node.span.line}" if source.is_std else f"line {node.span.line}")
    return ", ".join(parts)


def _commented(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = list(rows)
    width = min(max((len(left) for left, _ in rows), default=0), 64)
    for left, comment in rows:
        yield f"{left:<{width}}  # {comment}" if comment else left


class _Step(Protocol):
    """What is shown of a plan's step: see `plan/schedule.py`."""

    @property
    def node(self) -> Node: ...
    @property
    def op(self) -> Op: ...
    @property
    def sources(self) -> tuple[int, ...]: ...
    @property
    def target(self) -> int: ...
    @property
    def frees(self) -> tuple[int, ...]: ...


class _Plan(Protocol):
    """What is shown of a plan."""

    @property
    def leaves(self) -> tuple[tuple[Node, int], ...]: ...
    @property
    def steps(self) -> Sequence[_Step]: ...
    @property
    def wanted(self) -> Mapping[Node, int]: ...


def show_plan(plan: _Plan) -> str:
    """The steps in order, with the slots they read and write and those that are free afterwards."""
    rows = [(f"s{slot} = {n.op}", _called(n)) for n, slot in plan.leaves]
    for step in plan.steps:
        arguments = [f"s{s}" for s in step.sources]
        if step.node.op == "index":
            arguments.append(index_text(step.node.attrs["items"])[1:-1])
        else:
            arguments += _attributes(step.node, step.op)
        left = f"s{step.target} = {step.op.name}({', '.join(arguments)})"
        freed = ", ".join(f"s{s}" for s in step.frees)
        rows.append((left, _called(step.node) + (f"; frees {freed}" if freed else "")))
    lines = list(_commented(rows))
    lines.append("")
    lines += [f"s{slot}: {n.path}" for n, slot in plan.wanted.items()]
    return "\n".join(lines)


def _called(node: Node) -> str:
    return f"{node.path}: {_type(node)}"
