"""Wires: turning values into nodes, and adding the nodes of operations to the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import constants
from graphlang.elaborate.context import Context
from graphlang.elaborate.values import BAD, Definition, Instance, Operation, Several, excerpt, is_what, places
from graphlang.graph.node import Node
from graphlang.graph.op import Op, RuleError
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim

# What a builder takes as an operand.
_OPERANDS = frozenset((Node, bool, int, float))


def wire(ctx: Context, expr: tree.Expr) -> Node:
    """The value of an expression as a node; after an error, a poisoned one."""
    return as_node(ctx, ctx.evaluate(ctx, expr), expr.span)


def as_node(ctx: Context, value: Any, span: Span) -> Node:
    """A value as a node: numbers and lists of numbers become constants, lists of wires are stacked."""
    if isinstance(value, Node):
        return value
    if value is BAD:
        return ctx.builder.poison()
    if isinstance(value, (bool, int, float, Dim)):
        ctx.builder.span = span
        return ctx.builder.const(value)
    if isinstance(value, tuple):
        return _list_node(ctx, value, span)
    not_a_wire(ctx, value, span)
    return ctx.builder.poison()


def not_a_wire(ctx: Context, value: Any, span: Span) -> Any:
    """Report something that stands where a wire is needed."""
    return ctx.error(
        "E0602",
        span,
        f"A wire is needed here, but `{excerpt(span)}` is {is_what(excerpt(span), value)}.",
        suggestion=_how_to_make_a_wire(value),
    )


def _how_to_make_a_wire(value: Any) -> str | None:
    if isinstance(value, Several):
        names = ", ".join(value.names) or "a, b"
        return f"Bind them to names first: `{names} = {value.of or '…'}(…)`."
    if isinstance(value, Definition):
        return f"Call it: `{value.name}({', '.join(p.name.text for p in value.syntax.parameters[:1])}…)`."
    if isinstance(value, (Instance, Operation)):
        return f"Call it: `{value.path if isinstance(value, Instance) else value.name}(…)`."
    return None


def _list_node(ctx: Context, items: tuple[Any, ...], span: Span) -> Node:
    if _is_numeric(items):
        array = constants.as_array(items)
        if array is None:
            ragged_rows(ctx, items, span)
            return ctx.builder.poison()
        ctx.builder.span = span
        return ctx.builder.const(array)
    spans = places(items, span)
    nodes = [as_node(ctx, item, where) for item, where in zip(items, spans, strict=True)]
    return apply(ctx, registry.find("stack"), list(zip(nodes, spans, strict=True)), {"axis": 0}, span)


def _is_numeric(items: tuple[Any, ...]) -> bool:
    return all(_is_numeric(v) if isinstance(v, tuple) else isinstance(v, (bool, int, float)) for v in items)


def ragged_rows(ctx: Context, items: tuple[Any, ...], span: Span) -> None:
    """Report a list of numbers that is no tensor, pointing at the first row that differs."""
    if constants.depth(items) > constants.MAX_AXES:
        ctx.error("E0405", span, f"A tensor has at most {constants.MAX_AXES} axes.")
        return
    message = "The rows of a tensor literal must have the same length"
    spans = places(items, span)
    shapes = [constants.shape_of(item) for item in items]
    if None in shapes:
        at = shapes.index(None)
        ragged_rows(ctx, items[at], spans[at] if spans[at].source is span.source else span)
        return
    odd = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
    first, other = (_row_text(shapes[i]) for i in (0, odd))
    is_here = span.start <= spans[odd].start < span.end and span.source is spans[odd].source
    rows = [] if spans[0] == span else [Label(spans[0], f"the first row is {first}")]
    if rows and not is_here:
        rows.append(Label(spans[odd], f"this row is {other}"))
    which = "this" if is_here and spans[odd] != span else f"row {odd + 1}"
    ctx.error(
        "E0405",
        spans[odd] if is_here else span,
        f"{message}: the first is {first}, {which} is {other}.",
        related=rows,
    )


def _row_text(shape: tuple[int, ...] | None) -> str:
    if not shape:
        return "a single number"
    return f"{shape[0]} long" if len(shape) == 1 else f"of shape {list(shape)}"


def apply(
    ctx: Context,
    op: Op,
    operands: list[tuple[Any, Span]],
    attrs: dict[str, Any],
    span: Span,
    attr_spans: Mapping[str, Span] | None = None,
) -> Node:
    """Add the node of an operation, reporting what its shape rule refuses.

    `attr_spans` says where the attributes are written, those that are.
    """
    builder = ctx.builder
    builder.span = span
    inputs = [v if type(v) in _OPERANDS else as_node(ctx, v, w) for v, w in operands]
    if ctx.stand_ins is not None:
        inputs = [stand_in(ctx, v) if isinstance(v, Node) else v for v in inputs]
    if op.is_random and not attrs.get("stream"):
        attrs = {**attrs, "stream": ctx.init_target[0] if ctx.init_target else builder.child(op.name)}
    try:
        return builder.apply(op, inputs, attrs)
    except RuleError as error:
        shown = [(n, where) for n, (_, where) in zip(inputs, operands, strict=True)]
        return ctx.rule_error(error, op, span, shown, attr_spans)


def apply_to(
    ctx: Context, op: Op, operands: tuple[Any, ...], written: Sequence[tree.Expr], span: Span
) -> Node:
    """The same for an operation without attributes, given the expressions that its operands were."""
    if ctx.stand_ins is not None or op.is_random or not _OPERANDS.issuperset(map(type, operands)):
        return apply(ctx, op, [(v, e.span) for v, e in zip(operands, written, strict=True)], {}, span)
    builder = ctx.builder
    builder.span = span
    try:
        return builder.apply(op, operands)
    except RuleError as error:
        # Only a message asks where the operands stand.
        return ctx.rule_error(error, op, span, [(v, e.span) for v, e in zip(operands, written, strict=True)])


def stand_in(ctx: Context, node: Node) -> Node:
    """What stands for a node of the main graph inside the template of a backward block."""
    assert ctx.stand_ins is not None
    found = ctx.stand_ins.get(node)
    if found is None and node not in ctx.template_nodes():
        found = ctx.builder.add(Node(f"${node.path}", "input", (), {}, node.type, node.span))
        ctx.stand_ins[node] = found
    return found or node
