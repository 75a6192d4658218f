"""What the leaves of the graph share: their written types, and the numbers that they start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.diagnostics import Label
from graphlang.elaborate.constants import as_array
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.scopes import Binding
from graphlang.elaborate.unknown import suggestion, unknown_name
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    INITIALISERS,
    Definition,
    declared_label,
    describe,
    is_constant,
    is_what,
    places,
)
from graphlang.elaborate.wires import ragged_rows
from graphlang.graph.node import Node
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType, TensorType

_DTYPES = {"float": DType.FLOAT, "int": DType.INT, "bool": DType.BOOL, None: DType.FLOAT}
_NUMPY = {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}


# --- types ----------------------------------------------------------------------------------------


def declared_type(ctx: Context, expr: tree.TypeExpr, *, may_be_free: bool) -> TensorType | None:
    """A leaf's written type; names that are not known yet become free sizes if they may."""
    if expr.kind not in _DTYPES:
        ctx.error(
            "E0507",
            expr.span,
            f"`{expr.kind}` is not the type of a wire.",
            notes=["Texts and functions are no wires: write `const name = …`, or a parameter of a network."],
            suggestion="Wires are `[sizes]`, `int[sizes]` or `bool[sizes]`; `[]` is a scalar.",
        )
        return None
    shape: list[int | Dim] = []
    for size in expr.shape or ():
        value = _declared_size(ctx, size, may_be_free=may_be_free)
        if value is BAD:
            return None
        shape.append(value)
    return TensorType(_DTYPES[expr.kind], tuple(shape))


def _declared_size(ctx: Context, expr: tree.Expr, *, may_be_free: bool) -> Any:
    if isinstance(expr, tree.Dots):
        return ctx.error(
            "E0408",
            expr.span,
            "`...` stands for any leading sizes in the signature of a gate or network;"
            " here every axis is written out.",
            suggestion="A size that the data decide has a name: `[N, 3]`.",
        )
    if may_be_free:
        for name in tree.walk(expr):
            if isinstance(name, tree.Name) and not _is_bound(ctx, name.id):
                ctx.env.names[name.id] = Binding(Dim.of(name.id), name.span)
                ctx.sizes.declared[name.id] = name.span
    elif isinstance(expr, tree.Name) and not _is_bound(ctx, expr.id):
        hint = suggestion(ctx, expr.id) or f"Write the number, or declare it above: `const {expr.id} = …`."
        return unknown_name(ctx, expr.id, expr.span, hint=hint)
    value = evaluate(ctx, expr)
    if value is BAD:
        return BAD
    if isinstance(value, Node):
        return ctx.error(
            "E0601",
            expr.span,
            f"A size must be known at compile time, but `{expr.span.text}` is {describe(value)}.",
            related=declared_label(value, expr.span),
            suggestion=f"Declare it as a constant: `const {expr.span.text} = …`."
            if expr.span.text.isidentifier()
            else None,
        )
    if isinstance(value, Dim):
        if may_be_free:
            return value
        return ctx.error(
            "E0407",
            expr.span,
            f"The size {value} is known only when data are fed, but a parameter or state needs it before.",
            related=[
                Label(ctx.sizes.declared[n], f"`{n}` is a free size, first used here")
                for n in sorted(value.names)
                if n in ctx.sizes.declared
            ],
            suggestion="Write the number, or declare it above: `const "
            f"{expr.span.text if expr.span.text.isidentifier() else 'D'} = …`.",
        )
    if isinstance(value, bool) or not isinstance(value, int):
        return ctx.error(
            "E0601",
            expr.span,
            f"A size must be an integer, but `{expr.span.text}` is {is_what(expr.span.text, value)}.",
        )
    if value < 0:
        return ctx.error("E0408", expr.span, f"A size cannot be negative, but this is {value}.")
    return value


def _is_bound(ctx: Context, name: str) -> bool:
    return ctx.env.find(name) is not None or ctx.frame.module.find(name) is not None


# --- starts ---------------------------------------------------------------------------------------


def literal_array(
    ctx: Context, name: str, value: Any, span: Span, kind: TensorType | None
) -> np.ndarray | None:
    """A compile-time value as an array: floats unless `kind` says otherwise."""
    if value is BAD:
        return None
    if isinstance(value, Node) or not is_constant(value) or _has_text_or_size(value):
        not_a_start(ctx, name, value, span)
        return None
    if isinstance(value, tuple):
        array = as_array(value)
        if array is None:
            ragged_rows(ctx, value, span)
            return None
    else:
        array = np.array(value)
    wanted = kind.dtype if kind else DType.BOOL if array.dtype == bool else DType.FLOAT
    trouble = None
    if wanted is DType.INT and array.dtype.kind not in "ib" and not np.all(array == np.floor(array)):
        fraction = array.flat[int(np.argmax(array != np.floor(array)))]
        trouble = (
            f"starts from {fraction:g}, which has a fraction",
            f"Write whole numbers, or declare `{name}` float.",
        )
    elif wanted is DType.BOOL and array.dtype != bool:
        trouble = ("starts from numbers", "Write `true` or `false`.")
    elif wanted is not DType.BOOL and array.dtype == bool:
        trouble = ("starts from true or false", f"Declare it `bool`, or write numbers such as `{name} = 1`.")
    if trouble is not None:
        ctx.error("E0403", span, f"`{name}` is declared `{wanted}`, but {trouble[0]}.", suggestion=trouble[1])
        return None
    result: np.ndarray = array.astype(_NUMPY[wanted])
    result.setflags(write=False)
    return result


def not_a_start(ctx: Context, name: str, value: Any, span: Span) -> None:
    """Report something that an input, a parameter or a state cannot start from."""
    hint = None
    value, span = _text_in(value, span)
    text = " ".join(span.text.split())
    if isinstance(value, Definition) and value.kind == "init":
        hint = f"Write `~ {value.name}({', '.join(p.name.text for p in value.syntax.parameters)})`."
    elif isinstance(value, Node):
        hint = f"A value computed from wires is bound without a keyword: `{name} = {text}`."
    elif isinstance(value, CALLABLES):
        hint = INITIALISERS
    ctx.error(
        "E0601",
        span,
        f"`{name}` starts from numbers known at compile time, but `{text}` is {is_what(text, value)}.",
        related=declared_label(value, span),
        suggestion=hint,
    )


def _text_in(value: Any, span: Span) -> tuple[Any, Span]:
    """The first text or size in a list, and its place; the value itself if there is none."""
    if isinstance(value, tuple):
        for item, place in zip(value, places(value, span), strict=True):
            if not isinstance(item, Node) and _has_text_or_size(item):
                return _text_in(item, place)
    return value, span


def _has_text_or_size(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_has_text_or_size(v) for v in value)
    return isinstance(value, (str, Dim))


def kind_of(array: np.ndarray) -> DType:
    """The type of entries that an array of a literal has."""
    return {"b": DType.BOOL, "i": DType.INT}.get(array.dtype.kind, DType.FLOAT)
