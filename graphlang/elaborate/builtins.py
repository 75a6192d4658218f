"""The forms that the language itself knows: `grad(f, x)`, `params("*.W")`, `shape(x)`, `size(x)`."""

from __future__ import annotations

import fnmatch
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate import gates
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import as_node
from graphlang.elaborate.values import BAD, Builtin, describe
from graphlang.graph.node import GRAD, Node
from graphlang.source import Span
from graphlang.types.dims import product

Args = list[tuple[str | None, Any, Span]]


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
        return ctx.error("E0505", span, f"`{name}` is called as `{usage}`.")
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
            f"Only a scalar can be differentiated, but `{args[0][2].text}` has type {f.type}.",
            related=[Label(f.span, "made here")] if f.span and f.span != args[0][2] else [],
            suggestion=f"Reduce it first: `sum({args[0][2].text})` or `mean({args[0][2].text})`.",
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
            f"`grad` is about wires, but `{where.text}` is {describe(value)}.",
            suggestion=f"Make it an input: `input {where.text} = …`." if where.text.isidentifier() else None,
        )
        return None
    if value.type.is_poison:
        return None
    if not value.type.is_float:
        ctx.error(
            "E0702",
            where,
            f"`{where.text}` holds {value.type.dtype} entries, and those have no gradient.",
            related=[Label(value.span, "made here")] if value.span and value.span != where else [],
            suggestion="Start it from a float, or declare it without `int`." if value.op == "input" else None,
        )
        return None
    return value


def _params(ctx: Context, args: Args, span: Span) -> Any:
    pattern = "*"
    if args:
        pattern = args[0][1]
        if not isinstance(pattern, str):
            return ctx.error(
                "E0504", args[0][2], f'`params` takes a string such as "*.W", not {describe(pattern)}.'
            )
    found = matching_params(ctx, pattern)
    if not found and args:
        paths = [p for p, n in ctx.leaves.items() if n.op == "param"]
        meant = nearest(pattern, paths)
        return ctx.error(
            "E0305",
            span,
            f'No parameter so far matches "{pattern}".',
            notes=[f"There are: {', '.join(paths[:8])}{', …' if len(paths) > 8 else ''}."] if paths else [],
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
    if isinstance(value, Builtin) and value.name == "params":
        value = _params(ctx, [], span)
    if isinstance(value, tuple) and value and all(isinstance(v, Node) for v in value):
        total: Any = 0
        for node in value:
            total = total + node.type.size
        return total
    if value == ():
        return 0
    node = as_node(ctx, value, args[0][2])
    return BAD if node.type.is_poison else product(node.shape)
