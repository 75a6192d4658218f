"""Operations: calling a primitive with wires as operands and compile-time values as attributes."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Any

from graphlang.elaborate import constants
from graphlang.elaborate.arguments import (
    Args,
    Given,
    count_arguments,
    given_twice,
    key_span,
    kind_hint,
    must_be_known,
    wire_in,
)
from graphlang.elaborate.context import Context
from graphlang.elaborate.unknown import parameter_hint
from graphlang.elaborate.values import BAD, Bad, Operation, Several, describe, is_number, places
from graphlang.elaborate.wires import apply
from graphlang.graph.node import Node
from graphlang.graph.op import REQUIRED, AttrParameter, Op
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim

MAX_PARTS = 10_000
_NAME = attrgetter("name")
_WIRES = frozenset((Node,))

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
    operands, attrs, attr_spans = placed
    if op.name == "identity":
        return operands[0][0]  # as `h = x` makes no node: LANGUAGE, section 4
    if not op.is_random and not attrs and operands and type(operands[0][0]) is not Node:
        folded = constants.fold_function(ctx, op.name, op.kernel, [v for v, _ in operands], span)
        if folded is not constants.NOT_CONSTANT:
            return folded
    return apply(ctx, op, operands, attrs, span, attr_spans)


def is_plain(op: Op, call: tree.Call, values: list[Any]) -> bool:
    """Whether a call gives an operation its wires and there is nothing else to it, as in by far the most."""
    if op.attrs or len(values) != len(op.wires) or op.is_variadic or op.name == "identity":
        return False
    return _WIRES.issuperset(map(type, values)) and not any(map(_NAME, call.args))


def _pairwise(ctx: Context, op: Op, args: Args, span: Span) -> Any:
    """`max(a, b, c)` as `max(max(a, b), c)`."""
    if any(key is not None for key, _, _ in args):
        key, _, where = next(a for a in args if a[0] is not None)
        return ctx.error(
            "E0505",
            key_span(key or "", where),
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
    operands, attrs, attr_spans = placed
    attr_spans.pop("index", None)
    nodes: list[Any] = []
    for i in range(max(1, attrs["parts"])):
        if i > MAX_PARTS:
            return ctx.error("E0606", span, f"`split` makes at most {MAX_PARTS:,} parts.")
        node = apply(ctx, op, operands, {**attrs, "index": i}, span, attr_spans)
        if node.type.is_poison:
            return BAD
        nodes.append(node)
    names = tuple("abcdefgh"[: len(nodes)]) if len(nodes) <= 8 else ()
    return Several(tuple(nodes), "split", names) if len(nodes) > 1 else nodes[0]


def check_names(ctx: Context, op: Op, args: Args, span: Span) -> None:
    """Report missing, unknown and superfluous arguments of a call that is left out after another error."""
    if op.is_variadic or op.name in _PAIRED or op.name == "split" or ctx.init_target is not None:
        return
    given: Given = {}
    wires = [w.name for w in op.wires]
    if not _place_op_args(ctx, op, [*wires, *(a.name for a in op.attrs)], args, given, span):
        return
    needed = [*wires, *(a.name for a in op.attrs if a.default is REQUIRED)]
    for name in needed:
        if name not in given:
            ctx.error("E0505", span, f"`{op.name}` is not given `{name}`.", notes=[f"It is {usage(op)}."])
            return


# --- matching arguments ---------------------------------------------------------------------------


def _place_operation(
    ctx: Context, op: Op, args: Args, span: Span
) -> tuple[list[tuple[Any, Span]], dict[str, Any], dict[str, Span]] | None:
    operands: list[tuple[Any, Span]]
    if not op.attrs and not op.is_variadic and len(args) == len(op.wires):
        operands = [(value, where) for key, value, where in args if key is None]
        if len(operands) == len(args):
            return operands, {}, {}  # there is nothing to match
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
    attr_spans = {a.name: given[a.name][1] for a in op.attrs if a.name in given and given[a.name][1] != span}
    for name in names:
        if name not in given:
            ctx.error("E0505", span, f"`{op.name}` is not given `{name}`.", notes=[f"It is {usage(op)}."])
            return None
        operands.append(given[name])
    if op.is_variadic and not operands:
        ctx.error("E0505", span, f"`{op.name}` needs at least one wire.", notes=[f"It is {usage(op)}."])
        return None
    attrs = _attributes(ctx, op, given, span)
    return None if attrs is None else (operands, attrs, attr_spans)


def _variadic(args: Args) -> tuple[list[tuple[Any, Span]], Args]:
    """Operands of an operation that takes any number: one list, or positional arguments."""
    if args and args[0][0] is None and isinstance(args[0][1], tuple):
        return list(zip(args[0][1], places(args[0][1], args[0][2]), strict=True)), args[1:]
    operands = [(value, span) for key, value, span in args if key is None]
    return operands, [a for a in args if a[0] is not None]


def _place_op_args(ctx: Context, op: Op, names: list[str], args: Args, given: Given, span: Span) -> bool:
    taken = dict(given)
    for key, value, where in args:
        if key is not None and key not in names:
            ctx.error(
                "E0505",
                key_span(key, where),
                f"`{op.name}` has no parameter `{key}`.",
                notes=[f"It is {usage(op)}."],
                suggestion=parameter_hint(key, names),
            )
            return False
        if key is not None:
            if key in taken:
                given_twice(ctx, op.name, key, key_span(key, where), taken[key][1])
                return False
            taken[key] = (value, where)
    free = [n for n in names if n not in taken]
    positional = [a for a in args if a[0] is None]
    for natural, (_, value, where) in zip(names, positional, strict=False):
        if natural in taken and not isinstance(value, (Node, Bad)):
            given_twice(ctx, op.name, natural, where, taken[natural][1])
            return False
    if len(positional) > len(free):
        ctx.error(
            "E0505",
            positional[len(free)][2],
            f"`{op.name}` takes at most {count_arguments(len(names))}, but is given {len(args)}."
            if len(names) > 1
            else f"`{op.name}` takes {count_arguments(len(names))}, but is given {len(args)}.",
            label="one too many",
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


# --- attributes -----------------------------------------------------------------------------------


def _attributes(ctx: Context, op: Op, given: Given, span: Span) -> dict[str, Any] | None:
    attrs: dict[str, Any] = {}
    for parameter in op.attrs:
        if parameter.name in given:
            value, where = given[parameter.name]
            converted = _attribute(ctx, op, parameter, value, where)
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


def _attribute(ctx: Context, op: Op, parameter: AttrParameter, value: Any, where: Span) -> Any:
    """A compile-time argument of an operation, converted to what it accepts, or `BAD`."""
    kind = parameter.kind.split("|")[0].strip()
    if wire_in(value) is not None:
        return must_be_known(ctx, parameter.name, op.name, value, where, None, f"It is {usage(op)}.")
    converted = _CONVERT[kind](value)
    if converted is BAD:
        return ctx.error(
            "E0504",
            where,
            f"`{parameter.name}` of `{op.name}` is {_WORDS[kind]}, but this is {describe(value)}.",
            notes=[f"It is {usage(op)}."],
            suggestion=kind_hint(ctx, {"Axis": "int", "Size": "int"}.get(kind, kind), value, where),
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


def _pad_widths(value: Any) -> Any:
    if isinstance(value, tuple):
        items = tuple(_pad_widths(v) for v in value)
        return BAD if BAD in items else items
    return _int(value)


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
    "PadWidths": _pad_widths,
}
_WORDS = {
    "int": "an integer",
    "Axis": "an axis",
    "Size": "a size",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "Axes": "an axis or a list of axes",
    "Ints": "a list of integers",
    "Sizes_": "a shape such as `[N, 3]`",
    "Floats": "a list of numbers",
    "Items": "an index",
    "PadWidths": "a width or a list of them",
}
