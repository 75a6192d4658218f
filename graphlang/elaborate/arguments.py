"""Arguments: matching what a call gives with what a definition or an operation takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate import constants
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.expressions import apply, evaluate
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Definition,
    Operation,
    Several,
    describe,
    is_number,
)
from graphlang.graph.node import Node
from graphlang.graph.op import REQUIRED, AttrParameter, Op
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim

Args = list[tuple[str | None, Any, Span]]
Given = dict[str, tuple[Any, Span]]

# --- definitions ---------------------------------------------------------------------------------


def match(
    ctx: Context, definition: Definition, parameters: Sequence[tree.Parameter], args: Args, span: Span
) -> Given | None:
    """Each parameter's value and place, from positional and named arguments and defaults."""
    given: Given = {}
    names = [p.name.text for p in parameters]
    if not _place(ctx, definition.name, names, args, given, definition.syntax.name.span):
        return None
    missing = []
    for parameter in parameters:
        name = parameter.name.text
        if name in given:
            continue
        if parameter.default is None:
            missing.append(name)
            continue
        given[name] = (_default(ctx, definition, parameter, given), parameter.default.span)
    if missing:
        listed = ", ".join(f"`{m}`" for m in missing)
        ctx.error(
            "E0505",
            span,
            f"`{definition.name}` is not given {listed}.",
            related=[Label(definition.syntax.name.span, "defined here")],
            notes=[f"It takes {_signature(parameters)}."],
        )
        return None
    return None if any(value is BAD for value, _ in given.values()) else given


def _place(ctx: Context, name: str, names: list[str], args: Args, given: Given, where: Span) -> bool:
    positional = [a for a in args if a[0] is None]
    for key, value, span in args:
        if key is None:
            continue
        if key not in names:
            meant = nearest(key, names)
            ctx.error(
                "E0505",
                span,
                f"`{name}` has no parameter `{key}`.",
                related=[Label(where, "defined here")],
                notes=[f"It has: {', '.join(names)}."] if names else ["It has none."],
                suggestion=f"Did you mean `{meant}`?" if meant else None,
            )
            return False
        if key in given:
            ctx.error("E0505", span, f"`{key}` is given twice.")
            return False
        given[key] = (value, span)
    # Positional arguments fill the parameters that no name has claimed, in order.
    free = [n for n in names if n not in given]
    if len(positional) > len(free):
        extra = positional[len(free)]
        ctx.error(
            "E0505",
            extra[2],
            f"`{name}` takes {len(names)} argument{'s' if len(names) != 1 else ''},"
            f" but is given {len(args)}.",
            related=[Label(where, "defined here")],
        )
        return False
    for n, (_, value, span) in zip(free, positional, strict=False):
        given[n] = (value, span)
    return True


def _signature(parameters: Sequence[tree.Parameter]) -> str:
    return ", ".join(p.span.text for p in parameters) or "nothing"


def _default(ctx: Context, definition: Definition, parameter: tree.Parameter, given: Given) -> Any:
    env = Env()
    env.names.update({name: Binding(value, span) for name, (value, span) in given.items()})
    ctx.frames.append(Frame(definition.kind, definition.module, env, definition=definition))
    assert parameter.default is not None
    value = evaluate(ctx, parameter.default)
    ctx.frames.pop()
    return value


def bind_constant(
    ctx: Context, frame: Frame, definition: Definition, parameter: tree.Parameter, value: Any, where: Span
) -> bool:
    """Bind a compile-time parameter, checking its kind; False after an error."""
    assert parameter.type is not None
    kind = parameter.type.kind
    if kind == "list" and isinstance(value, Node):
        value = (value,)
    if isinstance(value, Node):
        ctx.error(
            "E0601",
            where,
            f"`{parameter.name.text}` of `{definition.name}` must be known at compile time,"
            f" but `{where.text}` is a wire.",
            related=[Label(parameter.span, "declared here")],
            suggestion=f"Declare it as a constant: `const {where.text} = …`."
            if where.text.isidentifier()
            else None,
        )
        return False
    fits = {
        "int": isinstance(value, (int, Dim)) and not isinstance(value, bool),
        "float": is_number(value),
        "bool": isinstance(value, bool),
        "string": isinstance(value, str),
        "op": isinstance(value, CALLABLES),
        "list": isinstance(value, tuple),
    }
    if kind not in fits:
        ctx.error(
            "E0507",
            parameter.type.span,
            f"`{kind}` is not a type.",
            suggestion="Wires are `[sizes]`, `int[…]`, `bool[…]`; constants int, float, bool, string, op, list.",
        )
        return False
    if not fits[kind]:
        ctx.error(
            "E0504",
            where,
            f"`{parameter.name.text}` of `{definition.name}` is {_article(kind)},"
            f" but this is {describe(value)}.",
            related=[Label(parameter.span, "declared here")],
        )
        return False
    frame.env.names[parameter.name.text] = Binding(value, where)
    return True


def _article(kind: str) -> str:
    words = {"int": "an integer", "op": "a function", "bool": "true or false", "float": "a number"}
    return words.get(kind, f"a {kind}")


# --- operations ----------------------------------------------------------------------------------

# `max(a, b)` is the gate, `max(x, axis = 0)` the reduction.
_PAIRED = {"max": "maximum", "min": "minimum"}


def call_operation(ctx: Context, operation: Operation, args: Args, span: Span) -> Any:
    """Call a primitive operation."""
    op = operation.op
    if op.name in _PAIRED and sum(1 for key, _, _ in args if key is None) >= 2:
        return _pairwise(ctx, registry.find(_PAIRED[op.name]), args, span)
    if op.name == "split":
        return _split(ctx, args, span)
    placed = _place_operation(ctx, op, args, span)
    if placed is None:
        return BAD
    operands, attrs = placed
    if op.name == "identity":
        return operands[0][0]  # as `h = x` makes no node: LANGUAGE, section 4
    if not op.is_random and not attrs and operands:
        folded = constants.fold_function(ctx, op.name, op.kernel, [v for v, _ in operands], span)
        if folded is not constants.NOT_CONSTANT:
            return folded
    return apply(ctx, op, operands, attrs, span)


def _pairwise(ctx: Context, op: Op, args: Args, span: Span) -> Any:
    """`max(a, b, c)` as `max(max(a, b), c)`."""
    if any(key is not None for key, _, _ in args):
        key, _, where = next(a for a in args if a[0] is not None)
        return ctx.error(
            "E0505",
            where,
            f"`{key}` belongs to the reduction, which takes one wire: `max(x, {key} = …)`.",
        )
    value, where = args[0][1], args[0][2]
    for _, other, at in args[1:]:
        if is_number(value) and is_number(other):
            value = max(value, other) if op.name == "maximum" else min(value, other)
        else:
            value = apply(ctx, op, [(value, where), (other, at)], {}, span)
        where = where.to(at) if where.source is at.source else at
    return value


def _split(ctx: Context, args: Args, span: Span) -> Any:
    """`split(x, parts, axis = 0)`: equal parts along an axis, as several results."""
    op = registry.find("split")
    placed = _place_operation(ctx, op, [*args, ("index", 0, span)], span)
    if placed is None:
        return BAD
    operands, attrs = placed
    nodes: list[Any] = []
    for i in range(max(1, attrs["parts"])):
        node = apply(ctx, op, operands, {**attrs, "index": i}, span)
        if node.type.is_poison:
            return BAD
        nodes.append(node)
    return Several(tuple(nodes)) if len(nodes) > 1 else nodes[0]


def _place_operation(
    ctx: Context, op: Op, args: Args, span: Span
) -> tuple[list[tuple[Any, Span]], dict[str, Any]] | None:
    operands: list[tuple[Any, Span]]
    if op.name == "einsum":
        args = [("equation", *args[0][1:]), *args[1:]] if args and args[0][0] is None else args
    if op.is_variadic:
        operands, rest = _variadic(args)
        names: list[str] = []
    else:
        operands, rest, names = [], args, [w.name for w in op.wires]
    given: Given = {}
    all_names = names + [a.name for a in op.attrs]
    if ctx.init_target is not None and op.is_random:
        all_names.remove("shape")
        given["shape"] = (ctx.init_target[1], span)
    if not _place_op_args(ctx, op, all_names, rest, given, span):
        return None
    for name in names:
        if name not in given:
            ctx.error("E0505", span, f"`{op.name}` is not given `{name}`.", notes=[f"It is {usage(op)}."])
            return None
        operands.append(given[name])
    if op.is_variadic and not operands:
        ctx.error("E0505", span, f"`{op.name}` needs at least one wire.", notes=[f"It is {usage(op)}."])
        return None
    attrs = _attributes(ctx, op, given, span)
    return None if attrs is None else (operands, attrs)


def _variadic(args: Args) -> tuple[list[tuple[Any, Span]], Args]:
    """Operands of an operation that takes any number: one list, or positional arguments."""
    if args and args[0][0] is None and isinstance(args[0][1], tuple):
        return [(value, args[0][2]) for value in args[0][1]], args[1:]
    operands = [(value, span) for key, value, span in args if key is None]
    return operands, [a for a in args if a[0] is not None]


def _place_op_args(ctx: Context, op: Op, names: list[str], args: Args, given: Given, span: Span) -> bool:
    taken = dict(given)
    for key, value, where in args:
        if key is not None and key not in names:
            meant = nearest(key, names)
            ctx.error(
                "E0505",
                where,
                f"`{op.name}` has no parameter `{key}`.",
                notes=[f"It is {usage(op)}."],
                suggestion=f"Did you mean `{meant}`?" if meant else None,
            )
            return False
        if key is not None:
            taken[key] = (value, where)
    free = [n for n in names if n not in taken]
    positional = [a for a in args if a[0] is None]
    if len(positional) > len(free):
        ctx.error(
            "E0505",
            positional[len(free)][2],
            f"`{op.name}` is given {len(args)} arguments.",
            notes=[f"It is {usage(op)}."],
        )
        return False
    for n, (_, value, where) in zip(free, positional, strict=False):
        taken[n] = (value, where)
    given.update(taken)
    return True


def usage(op: Op) -> str:
    """An operation's signature as the language writes it: `sum(x, axis = …, keepdims = false)`."""
    parts = [("*" if w.is_variadic else "") + w.name for w in op.wires]
    for a in op.attrs:
        if a.name == "stream":
            continue
        default = a.default
        text = "…" if default is REQUIRED or default is None else str(default).lower()
        parts.append(f"{a.name} = {text}")
    return f"`{op.name}({', '.join(parts)})`"


def _attributes(ctx: Context, op: Op, given: Given, span: Span) -> dict[str, Any] | None:
    attrs: dict[str, Any] = {}
    for parameter in op.attrs:
        if parameter.name in given:
            value, where = given[parameter.name]
            converted = attribute(ctx, op, parameter, value, where)
            if converted is BAD:
                return None
            attrs[parameter.name] = converted
        elif parameter.default is REQUIRED:
            ctx.error(
                "E0505", span, f"`{op.name}` is not given `{parameter.name}`.", notes=[f"It is {usage(op)}."]
            )
            return None
        else:
            attrs[parameter.name] = parameter.default
    return attrs


def attribute(ctx: Context, op: Op, parameter: AttrParameter, value: Any, where: Span) -> Any:
    """A compile-time argument of an operation, converted to what it accepts, or `BAD`."""
    kind = parameter.kind.split("|")[0].strip()
    if isinstance(value, Node):
        return ctx.error(
            "E0601",
            where,
            f"`{parameter.name}` of `{op.name}` must be known at compile time, but `{where.text}` is a wire.",
            notes=[f"It is {usage(op)}."],
            suggestion=f"Declare it as a constant: `const {where.text} = …`."
            if where.text.isidentifier()
            else None,
        )
    converted = _CONVERT[kind](value)
    if converted is BAD:
        return ctx.error(
            "E0504",
            where,
            f"`{parameter.name}` of `{op.name}` is {_WORDS[kind]}, but this is {describe(value)}.",
            notes=[f"It is {usage(op)}."],
        )
    return converted


def _int(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else BAD


def _size(value: Any) -> Any:
    return value if isinstance(value, Dim) else _int(value)


def _float(value: Any) -> Any:
    return float(value) if is_number(value) and math.isfinite(value) else BAD


def _listed(one: Any, *, alone: bool) -> Any:
    def convert(value: Any) -> Any:
        if alone and not isinstance(value, tuple):
            return one(value)
        items = tuple(one(v) for v in (value if isinstance(value, tuple) else (value,)))
        return BAD if BAD in items else items

    return convert


_CONVERT = {
    "int": _int,
    "Axis": _int,
    "Size": _size,
    "float": _float,
    "bool": lambda v: v if isinstance(v, bool) else BAD,
    "str": lambda v: v if isinstance(v, str) else BAD,
    "Axes": _listed(_int, alone=True),
    "Ints": _listed(_int, alone=False),
    "Sizes_": _listed(_size, alone=False),
    "Floats": _listed(_float, alone=False),
    "Items": lambda v: v if isinstance(v, tuple) else BAD,
    "PadWidths": lambda v: _pad_widths(v),
}
_WORDS = {
    "int": "an integer",
    "Axis": "an axis",
    "Size": "a size",
    "float": "a number",
    "bool": "true or false",
    "str": "a string",
    "Axes": "an axis or a list of axes",
    "Ints": "a list of integers",
    "Sizes_": "a shape such as `[N, 3]`",
    "Floats": "a list of numbers",
    "Items": "an index",
    "PadWidths": "a width or a list of them",
}


def _pad_widths(value: Any) -> Any:
    if isinstance(value, tuple):
        items = tuple(_pad_widths(v) for v in value)
        return BAD if BAD in items else items
    return _int(value)
