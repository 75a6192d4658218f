"""Inputs: `input x: [N, 64]`, and the defaults that give its free sizes their values."""

from __future__ import annotations

import numpy as np

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.leaves import declared_type, kind_of, literal_array
from graphlang.elaborate.names import declare
from graphlang.elaborate.values import BAD
from graphlang.graph.node import INPUT, Node
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim, solve, substitute
from graphlang.types.tensor import DType, TensorType, shape_text


def declare_input(ctx: Context, statement: tree.Input) -> None:
    """`input x: [N, 64]`, `input t = 0.5`."""
    node = _input_node(ctx, statement)
    if node is None:
        declare(ctx, statement.name, BAD)
        return
    if ctx.env.names.get(statement.name.text) is None:
        ctx.builder.add(node)
    declare(ctx, statement.name, node)
    ctx.leaves.setdefault(node.path, node)


def _input_node(ctx: Context, statement: tree.Input) -> Node | None:
    kind = declared_type(ctx, statement.type, may_be_free=True) if statement.type else None
    if statement.type is not None and kind is None:
        return None
    default = None
    name = statement.name.text
    if statement.default is not None:
        value = evaluate(ctx, statement.default)
        if name in ctx.overrides:
            value = ctx.overrides[name]
        default = literal_array(ctx, name, value, statement.default.span, kind)
        if default is None:
            return None
        if kind is None:
            kind = TensorType(kind_of(default), default.shape)
        elif not _bind_default(ctx, kind, default, name, statement.default.span):
            return None
        else:
            default = _spread(ctx, kind, default, statement)
            if default is None:
                return None
    elif name in ctx.overrides:
        default = literal_array(ctx, name, ctx.overrides[name], statement.name.span, kind)
    if kind is None:
        kind = TensorType(DType.FLOAT, ())
    return Node(
        name,
        INPUT,
        (),
        {"default": default},
        kind,
        statement.span,
        ctx.builder.scope,
        is_named=True,
        doc=statement.doc,
    )


def _bind_default(ctx: Context, kind: TensorType, default: np.ndarray, name: str, span: Span) -> bool:
    """Let a default's shape give values to the free sizes of its input's type; False after an error."""
    if default.shape == () and kind.shape != () and not kind.names:
        return True
    if len(default.shape) != kind.rank:
        ctx.error(
            "E0402",
            span,
            f"`{name}` is declared {kind}, but its start has shape {shape_text(default.shape)}.",
            label=f"this has shape {shape_text(default.shape)}",
            suggestion="A single number fills an input only if every size is known: write a list instead."
            if default.shape == ()
            else None,
        )
        return False
    for declared, found in zip(kind.shape, default.shape, strict=True):
        value = substitute(declared, ctx.sizes.defaults)
        if isinstance(value, Dim):
            bound = solve(value, found)
            if bound is not None:
                ctx.sizes.defaults[bound[0]] = bound[1]
                continue
        if value != found:
            related = [
                Label(ctx.sizes.declared[n], f"`{n}` is first used here")
                for n in (sorted(declared.names) if isinstance(declared, Dim) else [])
                if n in ctx.sizes.declared
            ]
            ctx.error(
                "E0402",
                span,
                f"`{name}` is declared {kind}, but its start has shape {shape_text(default.shape)}"
                + (f": {found} where {declared} is {value}." if related else "."),
                label=f"this has shape {shape_text(default.shape)}",
                related=related,
            )
            return False
    return True


def _spread(ctx: Context, kind: TensorType, default: np.ndarray, statement: tree.Input) -> np.ndarray | None:
    shape = tuple(substitute(s, ctx.sizes.defaults) for s in kind.shape)
    if shape == default.shape:
        return default
    try:
        # A view, so that a mistyped size does not fill the memory.
        return np.broadcast_to(default, shape)  # type: ignore[arg-type]
    except ValueError:
        assert statement.type is not None
        ctx.error(
            "E0408",
            statement.type.span,
            f"`{statement.name.text}` would have {kind.size} entries: that is more than can be addressed.",
        )
        return None
