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
    Bad,
    Definition,
    Instance,
    Operation,
    Several,
    declared_label,
    describe,
    is_number,
    places,
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
            notes=[f"It is `{definition.name}({_signature(parameters)})`."],
            suggestion=_missing_hint(ctx, definition, parameters, missing),
        )
        return None
    return None if any(value is BAD for value, _ in given.values()) else given


def check_names(ctx: Context, function: Any, args: Args, span: Span) -> None:
    """Report missing, unknown and superfluous arguments of a call that is left out after another error."""
    if isinstance(function, Instance):
        function, args = function.definition, [*args, *function.args]
    if isinstance(function, Definition):
        match(ctx, function, function.syntax.parameters, args, span)
        return
    op = function.op if isinstance(function, Operation) else None
    if (
        op is None
        or op.is_variadic
        or op.name in _PAIRED
        or op.name == "split"
        or ctx.init_target is not None
    ):
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


def _missing_hint(
    ctx: Context, definition: Definition, parameters: Sequence[tree.Parameter], missing: list[str]
) -> str | None:
    """How the first missing argument would be written."""
    first = next(p for p in parameters if p.name.text == missing[0])
    if first.type is None or first.type.shape is not None:
        return None
    example = {"int": "64", "float": "0.5", "bool": "true", "string": '"…"', "op": "relu"}.get(
        first.type.kind or "", "…"
    )
    return f"Add `{missing[0]} = {example}`, for example."


def knows_names(ctx: Context, definition: Definition, args: Args) -> bool:
    """Whether the named arguments of a layer are parameters of its network; False after an error."""
    names = [p.name.text for p in definition.syntax.parameters]
    unknown = [(key, span) for key, _, span in args if key is not None and key not in names]
    for key, span in unknown:
        _unknown_parameter(ctx, definition.name, names, key, span, definition.syntax.name.span)
    return not unknown


def _unknown_parameter(ctx: Context, name: str, names: list[str], key: str, span: Span, where: Span) -> None:
    meant = nearest(key, names)
    ctx.error(
        "E0505",
        key_span(key, span),
        f"`{name}` has no parameter `{key}`.",
        related=[Label(where, "defined here")],
        notes=[f"It has: {', '.join(names)}."] if names else ["It has none."],
        suggestion=f"Did you mean `{meant}`?" if meant else None,
    )


def key_span(key: str, value: Span) -> Span:
    """Where a named argument has its name, given where its value stands."""
    text = value.source.text
    start = text.rfind(key, max(0, value.start - len(key) - 200), value.start)
    between = text[start + len(key) : value.start] if start >= 0 else "?"
    is_key = between.replace("(", "").strip() == "="
    return Span(value.source, start, start + len(key)) if is_key else value


def _place(ctx: Context, name: str, names: list[str], args: Args, given: Given, where: Span) -> bool:
    positional = [a for a in args if a[0] is None]
    for key, value, span in args:
        if key is None:
            continue
        if key not in names:
            _unknown_parameter(ctx, name, names, key, span, where)
            return False
        if key in given:
            _given_twice(ctx, name, key, key_span(key, span), given[key][1])
            return False
        given[key] = (value, span)
    # Positional arguments fill the parameters that no name has claimed, in order.
    free = [n for n in names if n not in given]
    for natural, (_, value, span) in zip(names, positional, strict=False):
        if natural in given and not isinstance(value, (Node, Bad)):
            _given_twice(ctx, name, natural, span, given[natural][1])
            return False
    if len(positional) > len(free):
        extra = positional[len(free)]
        ctx.error(
            "E0505",
            extra[2],
            f"`{name}` takes {_count(len(names))}, but is given {len(args)}.",
            label="one too many",
            related=[Label(where, "defined here")],
            notes=[f"It has: {', '.join(names)}."] if names else [],
        )
        return False
    for n, (_, value, span) in zip(free, positional, strict=False):
        given[n] = (value, span)
    return True


def _given_twice(ctx: Context, name: str, key: str, span: Span, first: Span) -> None:
    if first.source is span.source and first.start > span.start:
        first, span = span, first
    first, span = key_span(key, first), key_span(key, span)
    ctx.error(
        "E0505",
        span,
        f"`{key}` of `{name}` is given twice.",
        related=[Label(first, "also given here")] if first != span else [],
        suggestion="Leave out one of the two.",
    )


def _count(number: int) -> str:
    return f"{number} argument" if number == 1 else f"{number} arguments"


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
    if isinstance(value, Node) or (kind != "list" and _wire_in(value) is not None):
        must_be_known(
            ctx, parameter.name.text, definition.name, value, where, Label(parameter.span, "declared here")
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
            suggestion="Wires are `[sizes]`, `int[…]`, `bool[…]`;"
            " what is known at compile time is int, float, bool, string, op or list.",
        )
        return False
    if not fits[kind]:
        ctx.error(
            "E0504",
            where,
            f"`{parameter.name.text}` of `{definition.name}` is {_article(kind)},"
            f" but this is {describe(value)}.",
            related=[Label(parameter.span, "declared here")],
            suggestion=_kind_hint(ctx, kind, value, where),
        )
        return False
    frame.env.names[parameter.name.text] = Binding(value, where)
    return True


def must_be_known(
    ctx: Context, parameter: str, of: str, value: Any, where: Span, declared: Label | None, usage: str = ""
) -> Any:
    """Report a wire where a value is needed at compile time."""
    node = _wire_in(value)
    assert node is not None
    text = " ".join(where.text.split())
    if isinstance(value, tuple):
        spans = places(value, where)
        where = next((s for v, s in zip(value, spans, strict=True) if v is node), where)
        text = " ".join(where.text.split())
    named = declared_label(node, where)
    return ctx.error(
        "E0601",
        where,
        f"`{parameter}` of `{of}` must be known at compile time, but `{text}` is {describe(node)}.",
        related=[*named, *([declared] if declared else [])],
        notes=[usage] if usage else [],
        suggestion=f"Declare it as a constant: `const {text} = …`."
        if text.isidentifier() and node.shape == ()
        else None,
    )


def _wire_in(value: Any) -> Node | None:
    """The first wire in a value or in a list of values."""
    if isinstance(value, Node):
        return value
    if isinstance(value, tuple):
        return next((n for v in value if (n := _wire_in(v)) is not None), None)
    return None


def _kind_hint(ctx: Context, kind: str, value: Any, where: Span) -> str | None:
    """What to write instead of an argument of the wrong kind."""
    if kind == "op" and isinstance(value, str):
        known = ctx.frame.module.find(value) is not None or registry.lookup(value) is not None
        return f"Functions are named without quotes: `{value}`." if known else None
    if kind == "bool" and value in (0, 1) and not isinstance(value, Node):
        return f"Write `{'true' if value else 'false'}`."
    if kind == "int" and isinstance(value, float):
        return f"Write a whole number, for example `{round(value)}`." if abs(value) < 2**53 else None
    if kind == "int" and isinstance(value, bool):
        return "Write a whole number."
    return None


def _article(kind: str) -> str:
    words = {
        "int": "an integer",
        "op": "a function",
        "bool": "true or false",
        "float": "a number",
        "string": "a text",
    }
    return words.get(kind, f"a {kind}")


# --- operations ----------------------------------------------------------------------------------

MAX_PARTS = 10_000

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
    if not op.is_random and not attrs and operands:
        folded = constants.fold_function(ctx, op.name, op.kernel, [v for v, _ in operands], span)
        if folded is not constants.NOT_CONSTANT:
            return folded
    return apply(ctx, op, operands, attrs, span, attr_spans)


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


def _place_operation(
    ctx: Context, op: Op, args: Args, span: Span
) -> tuple[list[tuple[Any, Span]], dict[str, Any], dict[str, Span]] | None:
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
            meant = nearest(key, names)
            ctx.error(
                "E0505",
                key_span(key, where),
                f"`{op.name}` has no parameter `{key}`.",
                notes=[f"It is {usage(op)}."],
                suggestion=f"Did you mean `{meant}`?" if meant else None,
            )
            return False
        if key is not None:
            if key in taken:
                _given_twice(ctx, op.name, key, key_span(key, where), taken[key][1])
                return False
            taken[key] = (value, where)
    free = [n for n in names if n not in taken]
    positional = [a for a in args if a[0] is None]
    for natural, (_, value, where) in zip(names, positional, strict=False):
        if natural in taken and not isinstance(value, (Node, Bad)):
            _given_twice(ctx, op.name, natural, where, taken[natural][1])
            return False
    if len(positional) > len(free):
        ctx.error(
            "E0505",
            positional[len(free)][2],
            f"`{op.name}` takes at most {_count(len(names))}, but is given {len(args)}."
            if len(names) > 1
            else f"`{op.name}` takes {_count(len(names))}, but is given {len(args)}.",
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
    if _wire_in(value) is not None:
        return must_be_known(ctx, parameter.name, op.name, value, where, None, f"It is {usage(op)}.")
    converted = _CONVERT[kind](value)
    if converted is BAD:
        return ctx.error(
            "E0504",
            where,
            f"`{parameter.name}` of `{op.name}` is {_WORDS[kind]}, but this is {describe(value)}.",
            notes=[f"It is {usage(op)}."],
            suggestion=_kind_hint(ctx, {"Axis": "int", "Size": "int"}.get(kind, kind), value, where),
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
    "str": "a text",
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
