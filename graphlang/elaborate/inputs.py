"""Inputs: `input x: [N, 64]`, and the defaults that give its free sizes their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.leaves import declared_type, kind_of, literal_array
from graphlang.elaborate.names import declare
from graphlang.elaborate.values import BAD, is_constant
from graphlang.graph.node import INPUT, Node
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
        value, span = evaluate(ctx, statement.default), statement.default.span
        if name in ctx.overrides:
            # The file's own value says the type if nothing else does.
            if kind is None and is_constant(value):
                written = literal_array(ctx, name, value, span, None)
                kind = None if written is None else TensorType(kind_of(written), written.shape)
            value, span = ctx.overrides[name], statement.name.span
        default = literal_array(ctx, name, value, span, kind)
        if default is None:
            return None
        if kind is None:
            kind = TensorType(kind_of(default), default.shape)
        elif not _bind_default(ctx, kind, default, statement):
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


def _bind_default(ctx: Context, kind: TensorType, default: np.ndarray, statement: tree.Input) -> bool:
    """Let a default's shape give values to the free sizes of its input's type; False after an error."""
    if default.shape == () and kind.shape != () and not kind.names:
        return True
    if len(default.shape) != kind.rank:
        hint = "A single number fills an input only if every size is known: write a list instead."
        _misfit(ctx, kind, default, statement, suggestion=hint if default.shape == () else None)
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
            detail = f": {found} where {declared} is {value}" if related else ""
            _misfit(ctx, kind, default, statement, detail, related)
            return False
    return True


def _misfit(
    ctx: Context,
    kind: TensorType,
    default: np.ndarray,
    statement: tree.Input,
    detail: str = "",
    related: Sequence[Label] = (),
    suggestion: str | None = None,
) -> None:
    """Report a default that its input's type does not admit, or the value that `--set` puts in its place."""
    name, shape = statement.name.text, shape_text(default.shape)
    is_set = name in ctx.overrides
    assert statement.default is not None
    ctx.error(
        "E0903" if is_set else "E0402",
        statement.span if is_set else statement.default.span,
        f"`{name}` is declared {kind}, but {'what it is set to' if is_set else 'its start'} has shape {shape}"
        f"{detail}.",
        label="declared here" if is_set else f"this has shape {shape}",
        related=related,
        suggestion=suggestion,
    )


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
