"""Signatures: unifying the sizes that a network declares with the shapes of the wires it is given."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.scopes import Binding
from graphlang.elaborate.values import BAD, CALLABLES, Definition, declared_label, describe, has_type
from graphlang.elaborate.wires import as_node
from graphlang.graph.node import Node
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim, solve, substitute
from graphlang.types.tensor import DType, shape_text

_DTYPES = {"float": DType.FLOAT, "int": DType.INT, "bool": DType.BOOL, None: DType.FLOAT}


def is_wire_parameter(parameter: tree.Parameter) -> bool:
    """Whether a parameter is a wire: annotated with a shape, or with nothing."""
    return parameter.type is None or parameter.type.shape is not None


def bind_wire(
    ctx: Context, frame: Frame, definition: Definition, parameter: tree.Parameter, value: Any, where: Span
) -> bool:
    """Bind a wire parameter, checking its kind and unifying its shape; False after an error."""
    if isinstance(value, (str, *CALLABLES)):
        ctx.error(
            "E0504",
            where,
            f"`{parameter.name.text}` of `{definition.name}` is a wire, but this is {describe(value)}.",
            related=[Label(parameter.span, "declared here")],
            suggestion=f"To pass a function, declare it so: `{parameter.name.text}: op`."
            if parameter.type is None and not isinstance(value, str) and not parameter.span.source.is_std
            else None,
        )
        return False
    node = as_node(ctx, value, where)
    if node.type.is_poison:
        return False
    declared = parameter.type
    if declared is not None:
        node = _convert(ctx, definition, parameter, declared, node, where)
        if node.type.is_poison or not _unify(ctx, frame, definition, parameter, declared, node, where):
            return False
    frame.env.names[parameter.name.text] = Binding(node, parameter.span)
    return True


def _convert(
    ctx: Context,
    definition: Definition,
    parameter: tree.Parameter,
    declared: tree.TypeExpr,
    node: Node,
    where: Span,
) -> Node:
    wanted = _DTYPES[declared.kind]
    if node.type.dtype is wanted:
        return node
    if wanted is DType.FLOAT:
        return ctx.builder.cast(node, wanted)
    text = _text(where)
    ctx.error(
        "E0403",
        where,
        f"`{parameter.name.text}` of `{definition.name}` holds {_ENTRIES[wanted]},"
        f" but `{text}` holds {_ENTRIES[node.type.dtype]} (its type is {node.type}).",
        related=[*declared_label(node, where, is_value_needed=False), Label(parameter.span, "declared here")],
        suggestion=_dtype_hint(node, wanted),
    )
    return ctx.builder.poison()


_ENTRIES = {DType.FLOAT: "floats", DType.INT: "integers", DType.BOOL: "true or false"}


def _text(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "…"


def _dtype_hint(node: Node, wanted: DType) -> str | None:
    if node.op == "input":
        shape = shape_text(node.shape) if node.shape else ""
        return f"Declare the input as `input {node.path}: {wanted}{shape}`."
    return "Compare it with something to get true or false." if wanted is DType.BOOL else None


def _unify(
    ctx: Context,
    frame: Frame,
    definition: Definition,
    parameter: tree.Parameter,
    declared: tree.TypeExpr,
    node: Node,
    where: Span,
) -> bool:
    pattern, shape = list(declared.shape or ()), list(node.shape)
    dots = next((i for i, p in enumerate(pattern) if isinstance(p, tree.Dots)), None)
    if dots is None:
        fits = len(pattern) == len(shape)
    else:
        fits = len(pattern) - 1 <= len(shape)
        middle = len(shape) - (len(pattern) - 1)
        if fits:
            shape = shape[:dots] + shape[dots + middle :]
            del pattern[dots]
    if not fits:
        count = len(node.shape)
        ctx.error(
            "E0402",
            where,
            f"`{definition.name}` takes `{parameter.name.text}: {declared.span.text}`,"
            f" but `{_text(where)}` has shape {shape_text(node.shape)}.",
            label=f"this has {count} {'axis' if count == 1 else 'axes'}",
            related=_origin(node, where, parameter),
            notes=[f"{_axes(pattern, dots)} expected, {count} found."],
            suggestion=_rank_hint(_text(where), len(pattern) - count, dots),
        )
        return False
    return all(
        _unify_size(ctx, frame, definition, parameter, expr, size, node, where)
        for expr, size in zip(pattern, shape, strict=True)
    )


def _rank_hint(text: str, missing: int, dots: int | None) -> str | None:
    if dots is None and missing == 1:
        return f"`expand({text}, axis = 0)` gives it a first axis of size 1."
    if dots is None and missing < 0:
        return f"`flatten({text})` joins all axes but the first." if missing < 0 else None
    return None


def _axes(pattern: list[tree.Expr], dots: int | None) -> str:
    count = len(pattern) - (1 if dots is not None and len(pattern) and dots < len(pattern) else 0)
    at_least = "At least " if dots is not None else ""
    return f"{at_least}{count} axes" if count != 1 else f"{at_least}1 axis"


def _unify_size(
    ctx: Context,
    frame: Frame,
    definition: Definition,
    parameter: tree.Parameter,
    expr: tree.Expr,
    size: int | Dim,
    node: Node,
    where: Span,
) -> bool:
    wanted = _pattern_size(ctx, frame, expr)
    if wanted is BAD:
        return False
    if isinstance(wanted, Dim):
        # Names the signature has yet to bind: `D`, `2*H`.
        free = sorted(n for n in wanted.names if n.startswith("?"))
        if free:
            bound = _solve(wanted, free[0], size)
            if bound is not None:
                frame.env.names[free[0][1:]] = Binding(bound, where)
                return True
    ctx.sizes.span = where
    if ctx.sizes.equal(wanted, size):
        return True
    _size_error(ctx, frame, definition, parameter, expr, wanted, size, node, where)
    return False


def _solve(wanted: Dim, name: str, size: int | Dim) -> int | Dim | None:
    if wanted == Dim.of(name):
        return size
    if isinstance(size, int):
        found = solve(wanted, size)
        return found[1] if found else None
    # 2*D against 2*N: try the quotient.
    factor = wanted // Dim.of(name)
    guess = size // factor if isinstance(factor, int) else None
    return guess if guess is not None and substitute(wanted, {name: guess}) == size else None


def _pattern_size(ctx: Context, frame: Frame, expr: tree.Expr) -> Any:
    """The size a signature asks for; names it has yet to bind appear as free sizes called `?D`."""
    names = [n.id for n in tree.walk(expr) if isinstance(n, tree.Name)]
    bound = [n for n in names if frame.env.find(n) is None and frame.module.find(n) is None]
    ctx.frames.append(frame)
    try:
        for name in bound:
            frame.env.names[name] = Binding(Dim.of("?" + name), None)
        value = ctx.evaluate(ctx, expr)
    finally:
        for name in bound:
            del frame.env.names[name]
        ctx.frames.pop()
    if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if value is not BAD:
        ctx.error("E0601", expr.span, f"A size must be an integer, but this is {describe(value)}.")
    return BAD


def _size_error(
    ctx: Context,
    frame: Frame,
    definition: Definition,
    parameter: tree.Parameter,
    expr: tree.Expr,
    wanted: int | Dim,
    size: int | Dim,
    node: Node,
    where: Span,
) -> None:
    text = expr.span.text
    related = _origin(node, where, parameter)
    of = f"`{parameter.name.text}` of `{definition.name}`"
    shape = f"`{_text(where)}` has shape {shape_text(node.shape)}"
    assert parameter.type is not None
    names = list(dict.fromkeys(n.id for n in tree.walk(expr) if isinstance(n, tree.Name)))
    known = [(n, b) for n in names if (b := frame.env.names.get(n)) is not None and b.span is not None]
    related[:0] = [Label(b.span, f"this makes `{n}` {b.value}") for n, b in known if b.span is not None]
    if isinstance(expr, tree.Name) and known:
        ctx.error(
            "E0402",
            where,
            f"The size `{text}` of `{definition.name}` is bound two ways: to {wanted}, and here to {size},"
            f" since {shape}.",
            label=f"this makes `{text}` {size}",
            related=related,
            notes=[f"{of} must have shape {parameter.type.span.text}."],
        )
        return
    where_known = f" with {', '.join(f'{n} = {b.value}' for n, b in known)}" if known else ""
    ctx.error(
        "E0402",
        where,
        f"{of} must have shape {parameter.type.span.text}{where_known}, but {shape}.",
        label=f"{size} where {wanted} is needed",
        related=related,
        notes=[f"`{text}` is {wanted}, found {size}."] if names else [],
    )


def _origin(node: Node, where: Span, parameter: tree.Parameter) -> list[Label]:
    labels = []
    if node.span is not None and node.span != where and not node.span.source.is_std:
        what = "declared" if node.is_leaf else "computed"
        labels.append(Label(node.span, f"`{node.path}` is {what} here and {has_type(node)}"))
    labels.append(Label(parameter.span, "the parameter is declared here"))
    return labels
