"""Facts and results: `const`, `assert`, `expect`, `metric`, `output`."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.bindings import bind
from graphlang.elaborate.constants import free_sizes_in
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.names import declare
from graphlang.elaborate.values import BAD, declared_label, describe, has_type, is_constant, is_what, passage
from graphlang.elaborate.wires import as_node
from graphlang.graph.model import Expectation
from graphlang.graph.node import Node, Scope
from graphlang.source import Span
from graphlang.syntax import tree


def declare_const(ctx: Context, statement: tree.Const) -> None:
    """`const H = 64`: a value known at compile time, which a setting may replace."""
    name = statement.name.text
    value = evaluate(ctx, statement.value)
    if len(ctx.frames) == 1 and name in ctx.overrides:
        value = ctx.overrides[name]
    if value is not BAD and not is_constant(value):
        value = ctx.error(
            "E0601",
            statement.value.span,
            f"A constant must be known at compile time, but `{passage(statement.value.span)}` is"
            f" {is_what(passage(statement.value.span), value)}.",
            related=_wires_in(ctx, statement.value),
            suggestion=f"Drop `const`: `{name} = …` makes a wire." if isinstance(value, Node) else None,
        )
    is_global = len(ctx.frames) == 1 and ctx.env.parent is None
    if declare(ctx, statement.name, value) and is_global:
        ctx.consts[name] = value
        ctx.frame.module.own[name] = value
        ctx.frame.module.spans[name] = statement.name.span


def _wires_in(ctx: Context, expr: tree.Expr) -> list[Label]:
    """Where the wires of an expression are declared, up to three of them."""
    labels: dict[Span, Label] = {}
    for node in tree.walk(expr):
        found = ctx.env.find(node.id) if isinstance(node, tree.Name) else None
        if found is not None and isinstance(found.value, Node):
            labels.update((x.span, x) for x in declared_label(found.value, node.span))
    return list(labels.values())[:3]


def check_assertion(ctx: Context, statement: tree.Assert) -> None:
    """`assert D % heads == 0, "…"`: checked here; the rest of a call that fails it is skipped."""
    value = evaluate(ctx, statement.condition)
    if value is BAD or value is True:
        return
    if value is not False:
        notes = free_sizes_in(ctx, statement.condition)
        ctx.error(
            "E0607",
            statement.condition.span,
            f"`assert` checks compile-time facts, but `{passage(statement.condition.span)}` is"
            f" {is_what(passage(statement.condition.span), value)}.",
            notes=notes,
            suggestion="Check values of wires with `expect`."
            if isinstance(value, Node) and not notes
            else None,
        )
        return
    condition = passage(statement.condition.span)
    message, notes = f"This does not hold: `{condition}`.", []
    if statement.message is not None:
        given = evaluate(ctx, statement.message)
        if isinstance(given, str):
            message = _filled(ctx, given, statement.message.span)
            notes = [f"This must hold: `{condition}`."]
    values = _values_in(ctx, statement.condition)
    ctx.error(
        "E0607",
        statement.condition.span,
        message,
        label="does not hold",
        notes=[*notes, *([f"Here {', '.join(values)}."] if values else [])],
    )
    if len(ctx.frames) > 1:
        # What follows in the body relies on it.
        ctx.frame.is_abandoned = True


def _values_in(ctx: Context, expr: tree.Expr) -> list[str]:
    """`D = 10` for the compile-time names of an expression."""
    values: dict[str, Any] = {}
    for node in tree.walk(expr):
        if isinstance(node, tree.Name):
            found = ctx.env.find(node.id)
            value = found.value if found else ctx.frame.module.find(node.id)
            if value is not None and is_constant(value):
                values[node.id] = value
    return [f"{n} = {str(v).lower() if isinstance(v, bool) else v}" for n, v in values.items()]


def _filled(ctx: Context, text: str, span: Span) -> str:
    """An author's message with `{name}` replaced by the value of a compile-time name."""
    parts = text.split("{")
    result = parts[0]
    for part in parts[1:]:
        name, brace, rest = part.partition("}")
        found = ctx.env.find(name.strip()) if brace else None
        value = found.value if found else ctx.frame.module.find(name.strip()) if brace else None
        result += f"{value}{rest}" if is_constant(value) and value is not None else "{" + part
    return result


def declare_expectation(ctx: Context, statement: tree.Expect) -> None:
    """`expect f == 5 within 1e-3`: two nodes to compare when the file is tested."""
    condition = statement.condition
    if not isinstance(condition, tree.Binary) or condition.op not in ("==", "!=", "<", "<=", ">", ">="):
        return  # The parser has reported it.
    within = None
    if statement.within is not None:
        within = evaluate(ctx, statement.within)
        if within is not BAD and (isinstance(within, bool) or not isinstance(within, (int, float))):
            ctx.error(
                "E0601",
                statement.within.span,
                f"The tolerance must be a number known at compile time, but this is {describe(within)}.",
                suggestion="For example `within 1e-3`.",
            )
            return
    with ctx.box(_check_box(ctx, "expect", statement.span)):
        before, ctx.builder.prefix = ctx.builder.prefix, "expect"
        left, right = _side(ctx, condition.left), _side(ctx, condition.right)
        ctx.builder.prefix = before
    if left is BAD or right is BAD or within is BAD:
        return
    text = passage(condition.span) + (f" within {statement.within.span.text}" if statement.within else "")
    ctx.expectations.append(Expectation(text, left, condition.op, right, within, statement.span))


def _side(ctx: Context, expr: tree.Expr) -> Any:
    """One side of an expectation: a compile-time value, or a node."""
    value = evaluate(ctx, expr)
    if value is BAD or is_constant(value):
        return value
    node = as_node(ctx, value, expr.span)
    return BAD if node.type.is_poison else node


def _check_box(ctx: Context, name: str, span: Span) -> Scope:
    return Scope(f"#{name}", "check", name, name, "", span)


def declare_metric(ctx: Context, statement: tree.Metric) -> None:
    """`metric accuracy = …`: a wire that is a single number, shown while training."""
    name = statement.name.text
    with ctx.box(_check_box(ctx, "metric", statement.span)):
        bind(ctx, tree.Bind(statement.span, (statement.name,), statement.value, statement.doc))
    found = ctx.env.find(name)
    if found is not None and isinstance(found.value, Node):
        value = found.value
        if value.shape == ():
            ctx.metrics[name] = value
        elif not value.type.is_poison:
            text = passage(statement.value.span)
            ctx.error(
                "E0402",
                statement.value.span,
                f"A metric is a single number, but `{text}` {has_type(value)}.",
                suggestion=f"Average it: `mean({text})`.",
            )


def declare_output(ctx: Context, statement: tree.Output) -> None:
    """`output y, z`: the wires that a run returns."""
    for ident in statement.names:
        value = evaluate(ctx, tree.Name(ident.span, ident.text))
        if value is BAD:
            continue
        if not isinstance(value, Node):
            is_number = isinstance(value, (bool, int, float)) and not ident.text[0].isdigit()
            ctx.error(
                "E0602",
                ident.span,
                f"An output must be a wire, but `{ident.text}` is {is_what(ident.text, value)}.",
                suggestion=f"Bind a wire to its value: `h = {ident.text}`." if is_number else None,
            )
        elif not value.type.is_poison and all(value is not n for n, _ in ctx.outputs):
            ctx.outputs.append((value, ident.span))
