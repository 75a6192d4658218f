"""The forms that the language itself knows: `grad(f, x)`, `params("*.W")`, `shape(x)`, `size(x)`."""

from __future__ import annotations

import fnmatch
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate import gates
from graphlang.elaborate.arguments import Args
from graphlang.elaborate.context import Context
from graphlang.elaborate.values import BAD, describe, excerpt, has_type
from graphlang.elaborate.wires import as_node
from graphlang.graph.node import GRAD, Node
from graphlang.source import Span
from graphlang.types.dims import product
from graphlang.types.tensor import DType, shape_text


def call(ctx: Context, name: str, args: Args, span: Span) -> Any:
    """Call one of the forms."""
    if name == "grad" and ctx.frame.gradients is not None and len(args) == 1:
        return gates.arriving(ctx, args[0][1], args[0][2])
    count = {"grad": (2, 2), "params": (0, 1), "shape": (1, 1), "size": (1, 1)}[name]
    named = next((a for a in args if a[0] is not None), None)
    if named is not None or not count[0] <= len(args) <= count[1]:
        usage = {
            "grad": "grad(f, x)",
            "params": 'params("*.W")',
            "shape": "shape(x)",
            "size": "size(x)",
        }[name]
        if named is not None:
            given, where = f"`{named[0]} = …`", named[2]
        else:
            given, where = f"{len(args)} argument{'' if len(args) == 1 else 's'}", span
        return ctx.error("E0505", where, f"`{name}` is called as `{usage}`, but is given {given}.")
    return {"grad": _grad, "params": _params, "shape": _shape, "size": _size}[name](ctx, args, span)


def _grad(ctx: Context, args: Args, span: Span) -> Any:
    """A `grad` node: the derivative of a scalar with respect to a node, worked out by `differentiate`."""
    if ctx.frame.gradients is not None:
        return ctx.error(
            "E0705",
            span,
            "In a backward block, `grad(y)` takes one name: it is the gradient that arrives at `y`.",
        )
    f, x = (_differentiable(ctx, value, where) for _, value, where in args)
    if f is None or x is None:
        return BAD
    if f.shape != ():
        return ctx.error(
            "E0701",
            args[0][2],
            f"Only a scalar can be differentiated, but `{excerpt(args[0][2])}` has shape {f.type}.",
            related=_made(f, args[0][2]),
            suggestion=f"Reduce it first: `sum({excerpt(args[0][2])})` or `mean({excerpt(args[0][2])})`.",
        )
    builder = ctx.builder
    builder.span = span
    node = Node(builder.child(GRAD), GRAD, (f, x), {}, x.type, span, builder.scope)
    builder.add(node)
    ctx.grad_spans.append((node, args[0][2], args[1][2]))
    return node


def _differentiable(ctx: Context, value: Any, where: Span) -> Node | None:
    if not isinstance(value, Node):
        ctx.error(
            "E0703",
            where,
            f"`grad` is about wires, but `{excerpt(where)}` is {describe(value)}.",
            suggestion=f"Make it an input: `input {where.text} = {value}`."
            if isinstance(value, (int, float)) and where.text.isidentifier()
            else None,
        )
        return None
    if value.type.is_poison:
        return None
    if not value.type.is_float:
        ctx.error(
            "E0702",
            where,
            f"`{excerpt(where)}` holds {_ENTRIES[value.type.dtype]} (type {value.type}),"
            " and those have no gradient.",
            related=_made(value, where),
            suggestion=f"Declare it with floats: `input {value.path}: {shape_text(value.shape)}`."
            if value.op == "input"
            else None,
        )
        return None
    return value


_ENTRIES = {DType.INT: "integers", DType.BOOL: "true or false"}


def _made(node: Node, where: Span) -> list[Label]:
    """Where a wire is from, unless that is here."""
    if node.span is None or node.span == where:
        return []
    what = "is declared" if node.is_leaf else "is computed"
    return [Label(node.span, f"`{node.path}` {what} here and {has_type(node)}")]


def _params(ctx: Context, args: Args, span: Span) -> Any:
    pattern = "*"
    if args:
        pattern = args[0][1]
        if not isinstance(pattern, str):
            return ctx.error(
                "E0504", args[0][2], f'`params` takes a text such as "*.W", not {describe(pattern)}.'
            )
    found = matching_params(ctx, pattern)
    if not found and args and ctx.is_incomplete:
        return BAD  # A call that was left out might have made it.
    if not found and args:
        paths = [p for p, n in ctx.leaves.items() if n.op == "param"]
        meant = nearest(pattern, paths)
        return ctx.error(
            "E0305",
            span,
            f'No parameter so far matches "{pattern}".',
            notes=[f"There are: {', '.join(paths[:8])}{', …' if len(paths) > 8 else ''}."]
            if paths
            else ["There are none above this line."],
            suggestion=f'Did you mean "{meant}"?' if meant else None,
        )
    ctx.param_queries.append((pattern, len(found), span))
    return found


def matching_params(ctx: Context, pattern: str) -> tuple[Node, ...]:
    """The parameters made so far whose path matches a shell-style pattern (`[` is literal)."""
    literal = pattern.replace("[", "[[]")
    return tuple(n for p, n in ctx.leaves.items() if n.op == "param" and fnmatch.fnmatchcase(p, literal))


def _shape(ctx: Context, args: Args, span: Span) -> Any:
    node = as_node(ctx, args[0][1], args[0][2])
    return BAD if node.type.is_poison else node.shape


def _size(ctx: Context, args: Args, span: Span) -> Any:
    value = args[0][1]
    if isinstance(value, tuple) and value and all(isinstance(v, Node) for v in value):
        total: Any = 0
        for node in value:
            total = total + node.type.size
        return total
    if value == ():
        return 0
    node = as_node(ctx, value, args[0][2])
    return BAD if node.type.is_poison else product(node.shape)
