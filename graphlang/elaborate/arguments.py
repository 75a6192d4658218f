"""Arguments: matching what a call gives with the parameters of a definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.unknown import parameter_hint
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Bad,
    Definition,
    declared_label,
    describe,
    is_number,
    places,
)
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim

Args = list[tuple[str | None, Any, Span]]
Given = dict[str, tuple[Any, Span]]


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
        missing = _really_missing(definition, parameters, missing, given, span)
        listed = ", ".join(f"`{m}`" for m in missing)
        ctx.error(
            "E0505",
            span,
            f"`{definition.name}` is not given {listed}.",
            related=[Label(definition.syntax.name.span, "defined here")],
            notes=[f"It is `{definition.name}({_signature(parameters)})`."],
            suggestion=_missing_hint(definition, parameters, missing, span),
        )
        return None
    return None if any(value is BAD for value, _ in given.values()) else given


def _really_missing(
    definition: Definition, parameters: Sequence[tree.Parameter], missing: list[str], given: Given, span: Span
) -> list[str]:
    """What a call lacks: in `dense(3)` the wire, for the number has merely taken its place."""
    wire = parameters[0]
    value, _ = given.get(wire.name.text, (None, span))
    lacking = next(p for p in parameters if p.name.text == missing[0])
    is_displaced = (
        _may_flow_in(definition, wire)
        and is_number(value)
        and len(missing) == 1
        and lacking.type is not None
        and lacking.type.kind in ("int", "float")
        and lacking.type.shape is None
        and "->" not in span.text
    )
    return [wire.name.text] if is_displaced else missing


def _may_flow_in(definition: Definition, parameter: tree.Parameter) -> bool:
    """Whether a first parameter is a wire that a pipeline would bring."""
    is_wire = parameter.type is None or parameter.type.shape is not None
    return is_wire and definition.kind in ("gate", "network")


def _missing_hint(
    definition: Definition, parameters: Sequence[tree.Parameter], missing: list[str], span: Span
) -> str | None:
    """How the first missing argument would be written."""
    first = next(p for p in parameters if p.name.text == missing[0])
    call = " ".join(span.text.split())
    is_alone = first is parameters[0] and len(missing) == 1 and call.endswith(")") and "->" not in call
    if is_alone and _may_flow_in(definition, first):
        return f"Name the wire that it is applied to: `{first.name.text} -> {call}`."
    if first.type is None or first.type.shape is not None:
        return None
    example = {"int": "64", "float": "0.5", "bool": "true", "string": '"…"', "op": "relu"}.get(
        first.type.kind or "", "…"
    )
    return f"Add `{missing[0]} = {example}`, for example."


def _signature(parameters: Sequence[tree.Parameter]) -> str:
    return ", ".join(p.span.text for p in parameters) or "nothing"


def _default(ctx: Context, definition: Definition, parameter: tree.Parameter, given: Given) -> Any:
    env = Env()
    env.names.update({name: Binding(value, span) for name, (value, span) in given.items()})
    ctx.frames.append(Frame(definition.kind, definition.module, env, definition=definition))
    assert parameter.default is not None
    value = ctx.evaluate(ctx, parameter.default)
    ctx.frames.pop()
    return value


def knows_names(ctx: Context, definition: Definition, args: Args) -> bool:
    """Whether the named arguments of a layer are parameters of its network; False after an error."""
    names = [p.name.text for p in definition.syntax.parameters]
    unknown = [(key, span) for key, _, span in args if key is not None and key not in names]
    for key, span in unknown:
        _unknown_parameter(ctx, definition.name, names, key, span, definition.syntax.name.span)
    return not unknown


def _place(ctx: Context, name: str, names: list[str], args: Args, given: Given, where: Span) -> bool:
    positional = [a for a in args if a[0] is None]
    for key, value, span in args:
        if key is None:
            continue
        if key not in names:
            _unknown_parameter(ctx, name, names, key, span, where)
            return False
        if key in given:
            given_twice(ctx, name, key, key_span(key, span), given[key][1])
            return False
        given[key] = (value, span)
    # Positional arguments fill the parameters that no name has claimed, in order.
    free = [n for n in names if n not in given]
    for natural, (_, value, span) in zip(names, positional, strict=False):
        if natural in given and not isinstance(value, (Node, Bad)):
            given_twice(ctx, name, natural, span, given[natural][1])
            return False
    if len(positional) > len(free):
        extra = positional[len(free)]
        ctx.error(
            "E0505",
            extra[2],
            f"`{name}` takes {count_arguments(len(names))}, but is given {len(args)}.",
            label="one too many",
            related=[Label(where, "defined here")],
            notes=[f"It has: {', '.join(names)}."] if names else [],
        )
        return False
    for n, (_, value, span) in zip(free, positional, strict=False):
        given[n] = (value, span)
    return True


def count_arguments(number: int) -> str:
    """`1 argument`, `2 arguments`."""
    return f"{number} argument" if number == 1 else f"{number} arguments"


def _unknown_parameter(ctx: Context, name: str, names: list[str], key: str, span: Span, where: Span) -> None:
    ctx.error(
        "E0505",
        key_span(key, span),
        f"`{name}` has no parameter `{key}`.",
        related=[Label(where, "defined here")],
        notes=[f"It has: {', '.join(names)}."] if names else ["It has none."],
        suggestion=parameter_hint(key, names),
    )


def given_twice(ctx: Context, name: str, key: str, span: Span, first: Span) -> None:
    """Report a parameter that two arguments are for."""
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


def key_span(key: str, value: Span) -> Span:
    """Where a named argument has its name, given where its value stands."""
    text = value.source.text
    start = text.rfind(key, max(0, value.start - len(key) - 200), value.start)
    between = text[start + len(key) : value.start] if start >= 0 else "?"
    is_key = between.replace("(", "").strip() == "="
    return Span(value.source, start, start + len(key)) if is_key else value


# --- compile-time parameters ----------------------------------------------------------------------


def bind_constant(
    ctx: Context, frame: Frame, definition: Definition, parameter: tree.Parameter, value: Any, where: Span
) -> bool:
    """Bind a compile-time parameter, checking its kind; False after an error."""
    assert parameter.type is not None
    kind = parameter.type.kind
    if kind == "list" and isinstance(value, Node):
        value = (value,)
    if isinstance(value, Node) or (kind != "list" and wire_in(value) is not None):
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
            suggestion=kind_hint(ctx, kind, value, where),
        )
        return False
    frame.env.names[parameter.name.text] = Binding(value, where)
    return True


def kind_hint(ctx: Context, kind: str, value: Any, where: Span) -> str | None:
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


def must_be_known(
    ctx: Context, parameter: str, of: str, value: Any, where: Span, declared: Label | None, usage: str = ""
) -> Any:
    """Report a wire where a value is needed at compile time."""
    node = wire_in(value)
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


def wire_in(value: Any) -> Node | None:
    """The first wire in a value or in a list of values."""
    if isinstance(value, Node):
        return value
    if isinstance(value, tuple):
        return next((n for v in value if (n := wire_in(v)) is not None), None)
    return None
