"""Bindings: `a = x * y`, `q, k = split(x, 2)`, `layer enc = dense(64)`."""

from __future__ import annotations

from typing import Any

from graphlang.elaborate.arguments import Args, knows_names
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.instances import evaluate_function
from graphlang.elaborate.names import declare, owned_path, path_of
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Definition,
    Instance,
    Several,
    describe,
    is_what,
    passage,
)
from graphlang.elaborate.wires import as_node
from graphlang.graph.node import CONST, INPUT, PARAM, STATE, Node
from graphlang.syntax import tree
from graphlang.types.tensor import DType, TensorType

_LEAVES = frozenset((INPUT, PARAM, STATE))


def bind(ctx: Context, statement: tree.Bind) -> None:
    """`a = …`: an expression's node gets the name, several results one each."""
    builder = ctx.builder
    before = builder.prefix
    # An iteration's `h = f(h)` must see the old h while it names the new one.
    builder.prefix = path = path_of(ctx, statement.targets[0].text)
    start = len(builder.nodes)
    value = evaluate(ctx, statement.value)
    target = statement.targets[0]
    if len(statement.targets) > 1 or (type(value) is not Node and isinstance(value, Several)):
        _bind_several(ctx, statement, value, start)
    else:
        if type(value) is not Node and isinstance(value, CALLABLES):
            value = _not_a_wire(ctx, statement, value)
        declare(ctx, target, value if value is BAD else _named(ctx, value, path, target, statement, start))
    builder.prefix = before


def _not_a_wire(ctx: Context, statement: tree.Bind, value: Any) -> Any:
    hint = None
    if isinstance(value, Definition) and value.kind == "network":
        hint = f"Call it, `{value.name}(…)`, or name an instance: `layer {statement.targets[0].text} = …`."
    elif isinstance(value, Instance):
        hint = f"Call it: `{value.path}(…)`."
    else:
        hint = f"Call it: `{getattr(value, 'name', 'f')}(…)`."
    return ctx.error(
        "E0602",
        statement.value.span,
        f"A wire is needed here, but `{passage(statement.value.span)}` is"
        f" {is_what(passage(statement.value.span), value)}.",
        suggestion=hint,
    )


def _named(ctx: Context, value: Any, path: str, target: tree.Ident, statement: tree.Bind, start: int) -> Node:
    """The node for a binding, under the binding's name if the expression made it."""
    builder = ctx.builder
    is_users = not target.span.source.is_std
    if type(value) is Node:
        node: Node = value
    elif isinstance(value, (bool, int, float)):
        return _constant(ctx, value, path, statement, is_users)
    else:
        node = as_node(ctx, value, statement.value.span)
    if node.type.is_poison:
        return node
    if _was_made(ctx, node, start):
        builder.rename(node, path, is_named=is_users)
        node.doc = statement.doc or node.doc
        node.span = statement.span
    elif ctx.builder is ctx.main:
        ctx.aliases[path] = node
    return node


def _was_made(ctx: Context, node: Node, start: int) -> bool:
    nodes, op = ctx.builder.nodes, node.op
    if op in _LEAVES or (op == CONST and node.span is None):
        return False
    return (len(nodes) > start and nodes[-1] is node) or node in nodes[start:]


def _constant(ctx: Context, value: Any, path: str, statement: tree.Bind, is_users: bool) -> Node:
    """`a = 3`: a constant node of its own, so that it has a name."""
    dtype = {bool: DType.BOOL, int: DType.INT, float: DType.FLOAT}[type(value)]
    node = Node(
        path,
        CONST,
        (),
        {"value": value},
        TensorType(dtype, ()),
        statement.span,
        ctx.builder.scope,
        is_users,
        statement.doc,
    )
    return ctx.builder.add(node)


def _bind_several(ctx: Context, statement: tree.Bind, value: Any, start: int) -> None:
    items: tuple[Any, ...] = value.items if isinstance(value, Several) else ()
    if value is not BAD and len(items) != len(statement.targets):
        value = _wrong_number(ctx, statement, value)
    for i, target in enumerate(statement.targets):
        node: Any = BAD
        if value is not BAD:
            node = _named(ctx, items[i], path_of(ctx, target.text), target, statement, start)
        declare(ctx, target, node)


def _wrong_number(ctx: Context, statement: tree.Bind, value: Any) -> Any:
    count = len(statement.targets)
    bound = "1 name is bound" if count == 1 else f"{count} names are bound"
    if not isinstance(value, Several):
        return ctx.error(
            "E0508",
            statement.value.span,
            f"This is one value ({describe(value)}), but {bound}.",
            suggestion=f"Write `{statement.targets[0].text} = {passage(statement.value.span)}`.",
        )
    return ctx.error(
        "E0508",
        statement.value.span,
        f"`{value.of}` gives {len(value.items)} results ({', '.join(value.names)}), but {bound}.",
        suggestion=f"Write `{', '.join(value.names)} = {passage(statement.value.span)}`.",
    )


def bind_layer(ctx: Context, statement: tree.Layer) -> None:
    """`layer enc = dense(64)`: an instance, whose parameters its first call makes."""
    call = statement.value
    function: Any
    args: Args = []
    if isinstance(call, tree.Call):
        function = evaluate_function(ctx, call.function)
        args = [(a.name.text if a.name else None, evaluate(ctx, a.value), a.value.span) for a in call.args]
    else:
        function = evaluate(ctx, call)
    value: Any = BAD
    if function is not BAD and not any(v is BAD for _, v, _ in args):
        if isinstance(function, Definition) and function.kind in ("network", "gate"):
            path = owned_path(ctx, statement.name.text)
            if knows_names(ctx, function, args):
                value = Instance(function, args, path, statement.span)
        else:
            ctx.error(
                "E0509",
                call.span,
                f"`layer` names an instance of a network, but this is {describe(function)}.",
                suggestion=f"Drop `layer`: `{statement.name.text} = {passage(call.span)}`."
                if isinstance(function, Node)
                else "Write `layer enc = dense(64)`, for example.",
            )
    declare(ctx, statement.name, value)
