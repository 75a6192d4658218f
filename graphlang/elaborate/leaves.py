"""Leaves of the graph: inputs with their defaults, parameters and states with where they start."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.diagnostics import Label
from graphlang.elaborate import constants
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate, ragged_rows
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
)
from graphlang.graph.node import INPUT, PARAM, STATE, Node
from graphlang.graph.op import RuleError
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim, solve, substitute
from graphlang.types.tensor import DType, TensorType, shape_text

_DTYPES = {"float": DType.FLOAT, "int": DType.INT, "bool": DType.BOOL, None: DType.FLOAT}
_NUMPY = {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}


def _declare(ctx: Context, statement: Any, value: Any) -> None:
    from graphlang.elaborate.statements import declare

    declare(ctx, statement.name, value)


# --- types ---------------------------------------------------------------------------------------


def _declared_type(ctx: Context, expr: tree.TypeExpr, *, may_be_free: bool) -> TensorType | None:
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


# --- inputs --------------------------------------------------------------------------------------


def declare_input(ctx: Context, statement: tree.Input) -> None:
    """`input x: [N, 64]`, `input t = 0.5`."""
    node = _input_node(ctx, statement)
    if node is None:
        _declare(ctx, statement, BAD)
        return
    if ctx.env.names.get(statement.name.text) is None:
        ctx.builder.add(node)
    _declare(ctx, statement, node)
    ctx.leaves.setdefault(node.path, node)


def _input_node(ctx: Context, statement: tree.Input) -> Node | None:
    kind = _declared_type(ctx, statement.type, may_be_free=True) if statement.type else None
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
            kind = TensorType(_kind_of(default), default.shape)
        elif not bind_default(ctx, kind, default, name, statement.default.span):
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
        array = constants.as_array(value)
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


def _has_text_or_size(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_has_text_or_size(v) for v in value)
    return isinstance(value, (str, Dim))


def _kind_of(array: np.ndarray) -> DType:
    return {"b": DType.BOOL, "i": DType.INT}.get(array.dtype.kind, DType.FLOAT)


def bind_default(ctx: Context, kind: TensorType, default: np.ndarray, name: str, span: Span) -> bool:
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


# --- parameters and states -----------------------------------------------------------------------


def declare_param(ctx: Context, statement: tree.Param) -> None:
    """`param W: [64, H] ~ normal(0, 0.01)`."""
    _declare_kept(ctx, statement, PARAM)


def declare_state(ctx: Context, statement: tree.State) -> None:
    """`state m: [H] = 0`."""
    _declare_kept(ctx, statement, STATE)


def _declare_kept(ctx: Context, statement: tree.Param | tree.State, op: str) -> None:
    from graphlang.elaborate.statements import path_of

    frame = ctx.frame
    name = statement.name.text
    path = path_of(ctx, name)
    if frame.node_prefix:
        path = frame.param_prefix + path[len(frame.node_prefix) :]
    node = _kept(ctx, statement, op, path)
    _declare(ctx, statement, BAD if node is None else node)
    if node is None:
        ctx.is_incomplete = True
    elif frame.instance is not None:
        frame.instance.leaves[path[len(frame.instance.path) + 1 :]] = node


def _kept(ctx: Context, statement: tree.Param | tree.State, op: str, path: str) -> Node | None:
    kind = _declared_type(ctx, statement.type, may_be_free=False) if statement.type else None
    if statement.type is not None and kind is None:
        return None
    start = _start(ctx, statement, kind, path)
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


def _start(
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
            f" `{op_word(statement)} {statement.name.text}: [3, 4] ~ {expr.span.text}`.",
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


def op_word(statement: tree.Param | tree.State) -> str:
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
        dtype = kind.dtype if kind else _kind_of(array)
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
