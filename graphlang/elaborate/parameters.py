"""Parameters and states: the leaves that a model owns, where they start, and how a state is updated."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.leaves import declared_type, kind_of, literal_array, not_a_start
from graphlang.elaborate.names import declare, owned_path, path_of
from graphlang.elaborate.values import BAD, declared_label, describe, has_type
from graphlang.elaborate.wires import as_node
from graphlang.graph.node import PARAM, STATE, Node
from graphlang.graph.op import RuleError
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.tensor import TensorType, shape_text


def declare_param(ctx: Context, statement: tree.Param) -> None:
    """`param W: [64, H] ~ normal(0, 0.01)`."""
    _declare_kept(ctx, statement, PARAM)


def declare_state(ctx: Context, statement: tree.State) -> None:
    """`state m: [H] = 0`."""
    _declare_kept(ctx, statement, STATE)


def _declare_kept(ctx: Context, statement: tree.Param | tree.State, op: str) -> None:
    frame = ctx.frame
    path = owned_path(ctx, statement.name.text)
    node = _kept(ctx, statement, op, path)
    declare(ctx, statement.name, BAD if node is None else node)
    if node is None:
        ctx.is_incomplete = True
    elif frame.instance is not None:
        frame.instance.leaves[path[len(frame.instance.path) + 1 :]] = node


def _kept(ctx: Context, statement: tree.Param | tree.State, op: str, path: str) -> Node | None:
    kind = declared_type(ctx, statement.type, may_be_free=False) if statement.type else None
    if statement.type is not None and kind is None:
        return None
    start = start_node(ctx, statement, kind, path)
    if start is None:
        return None
    kind = kind or start.type
    shared = ctx.leaves.get(path)
    if shared is not None:
        return _shared(ctx, statement, shared, kind)
    if op == PARAM and not kind.is_float:
        ctx.error(
            "E0403",
            statement.type.span if statement.type else statement.span,
            f"The parameter `{statement.name.text}` must hold floats, since it is learned by its gradient;"
            f" {kind.dtype} entries have none.",
            suggestion=f"Use `state {statement.name.text}` for numbers that are kept but not learned.",
        )
        return None
    node = Node(path, op, (), {}, kind, statement.span, ctx.builder.scope, is_named=True, doc=statement.doc)
    ctx.builder.add(node)
    ctx.leaves[path] = node
    ctx.initial_of[path] = start
    return node


def _shared(ctx: Context, statement: tree.Param | tree.State, shared: Node, kind: TensorType) -> Node | None:
    """The leaf that an earlier call of the same layer has made."""
    if ctx.frame.instance is None:
        return shared
    if shared.type == kind:
        return shared
    ctx.error(
        "E0509",
        statement.span,
        f"The layer `{ctx.frame.instance.path}` is shared, but `{statement.name.text}` would be"
        f" {kind} here and was {shared.type} in an earlier call.",
        related=[Label(ctx.frame.instance.span, f"`{ctx.frame.instance.path}` is named here")],
        suggestion="Name a second layer for wires of another size.",
    )
    return None


# --- starts ---------------------------------------------------------------------------------------


def start_node(
    ctx: Context, statement: tree.Param | tree.State, kind: TensorType | None, path: str
) -> Node | None:
    """The node of the initial graph that a parameter or state starts from."""
    expr = statement.init if statement.init is not None else statement.start
    if expr is None:
        ctx.error(
            "E0409",
            statement.span,
            f"`{statement.name.text}` does not say where it starts.",
            suggestion=f"Write `{statement.span.text} ~ normal(0, 0.01)` to draw it,"
            f" or `{statement.span.text} = 0`.",
        )
        return None
    if kind is None and statement.init is not None:
        ctx.error(
            "E0409",
            statement.span,
            f"`{statement.name.text}` is drawn from an initialiser, which needs to know its shape.",
            suggestion="Write its sizes:"
            f" `{_op_word(statement)} {statement.name.text}: [3, 4] ~ {expr.span.text}`.",
        )
        return None
    shape = kind.shape if kind else ()
    builder = ctx.builder
    ctx.builder, ctx.init_target = ctx.initial, (path, shape)
    ctx.initial.prefix = path
    count = len(ctx.initial.nodes)
    value = evaluate(ctx, expr)
    if isinstance(value, Node) and (foreign := _foreign(value, set(ctx.initial.nodes[count:]))):
        not_a_start(ctx, statement.name.text, foreign if foreign is value else value, expr.span)
        value = BAD
    node = _start_node(ctx, value, expr.span, kind, statement)
    ctx.builder, ctx.init_target = builder, None
    return node


def _op_word(statement: tree.Param | tree.State) -> str:
    """The keyword that declares it."""
    return "param" if isinstance(statement, tree.Param) else "state"


def _foreign(value: Node, made: set[Node]) -> Node | None:
    """A wire of the model itself among what a start is computed from: a start must not depend on any."""
    stack = [value]
    while stack:
        node = stack.pop()
        if node not in made and not (node.is_const and node.span is None):
            return node
        stack.extend(node.inputs)
    return None


def _start_node(
    ctx: Context, value: Any, span: Span, kind: TensorType | None, statement: tree.Param | tree.State
) -> Node | None:
    if value is BAD:
        return None
    if not isinstance(value, Node):
        array = literal_array(ctx, statement.name.text, value, span, kind)
        if array is None:
            return None
        ctx.builder.span = span
        dtype = kind.dtype if kind else kind_of(array)
        value = ctx.builder.const(array.item() if array.shape == () else array, dtype)
    if value.type.is_poison:
        return None
    if kind is None or value.shape == kind.shape:
        return value  # type: ignore[no-any-return]
    ctx.builder.span = span
    try:
        return ctx.builder.apply(registry.find("broadcast"), (value,), {"shape": kind.shape})
    except RuleError:
        ctx.error(
            "E0402",
            span,
            f"`{statement.name.text}` is declared {kind}, but its start has shape {shape_text(value.shape)}.",
            label=f"this has shape {shape_text(value.shape)}",
        )
        return None


# --- updates --------------------------------------------------------------------------------------


def update_state(ctx: Context, statement: tree.Update) -> None:
    """`update m = 0.9 * m + 0.1 * x`: the value that a state has after a step."""
    found = ctx.env.find(statement.name.text)
    state = found.value if found else None
    if not isinstance(state, Node) or state.op != "state":
        if state is not BAD:
            name = statement.name.text
            ctx.error(
                "E0306",
                statement.name.span,
                f"`update` is about a state, but `{name}` is"
                f" {describe(state) if found else 'not known here'}.",
                related=declared_label(state, statement.name.span, is_value_needed=False),
                suggestion=f"Declare `state {name}: […] = 0` first."
                if not isinstance(state, Node) or state.op != "param"
                else "Parameters are changed by the optimizer; what you update yourself is a `state`.",
            )
        return
    earlier = ctx.frame.updated.get(state.path)
    if earlier is not None and not ctx.frame.loops:
        ctx.error(
            "E0304",
            statement.name.span,
            f"`{statement.name.text}` is updated twice.",
            related=[Label(earlier, "first updated here")],
            suggestion="Compute the whole change in one `update`.",
        )
        return
    ctx.frame.updated[state.path] = statement.name.span
    before, ctx.builder.prefix = ctx.builder.prefix, f"{path_of(ctx, statement.name.text)}.update"
    value = as_node(ctx, evaluate(ctx, statement.value), statement.value.span)
    ctx.builder.prefix = before
    if value.type.is_poison:
        return
    if value.shape != state.shape:
        ctx.error(
            "E0402",
            statement.value.span,
            f"The state `{statement.name.text}` {has_type(state)}, but its update {has_type(value)}.",
            label=f"this {has_type(value)}",
            related=declared_label(state, statement.name.span, is_value_needed=False),
        )
        return
    ctx.updates.append((state, ctx.builder.cast(value, state.type.dtype)))
