"""What the file says about learning: data sources and the train block."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.context import Context
from graphlang.elaborate.expressions import BINARY_OPS, UNARY_OPS, evaluate
from graphlang.elaborate.values import BAD, Operation, describe, is_constant
from graphlang.graph.model import Column, DataSpec, TrainingSpec
from graphlang.graph.node import Node
from graphlang.syntax import tree

FILE_KINDS = ("csv", "npz", "npy", "parquet")
GENERATORS = ("xor", "spiral", "moons", "circles", "blobs", "sine")
SETTINGS = (
    "minimize",
    "optimizer",
    "schedule",
    "epochs",
    "batch",
    "holdout",
    "patience",
    "clip",
    "seed",
    "shuffle",
)


# --- data ----------------------------------------------------------------------------------------


def declare_data(ctx: Context, statement: tree.Data) -> None:
    """`data digits = csv("digits.csv") { x = columns("p0".."p63") / 16 }`."""
    from graphlang.elaborate.statements import declare

    spec = _source(ctx, statement)
    if spec is not None and declare(ctx, statement.name, BAD):
        ctx.data[statement.name.text] = spec


def _source(ctx: Context, statement: tree.Data) -> DataSpec | None:
    call = statement.source
    kind = call.function.id if isinstance(call, tree.Call) and isinstance(call.function, tree.Name) else None
    known = FILE_KINDS + GENERATORS
    if kind not in known:
        meant = nearest(kind, known) if kind else None
        ctx.error(
            "E0803",
            call.span,
            f"A data source is one of {', '.join(known)}.",
            suggestion=f"Did you mean `{meant}`?" if meant else 'Write `data d = csv("d.csv") { … }`.',
        )
        return None
    assert isinstance(call, tree.Call)
    positional = [evaluate(ctx, a.value) for a in call.args if a.name is None]
    options = {a.name.text: evaluate(ctx, a.value) for a in call.args if a.name is not None}
    if BAD in positional or BAD in options.values():
        return None
    path = positional[0] if positional else ""
    if kind in FILE_KINDS and (len(positional) != 1 or not isinstance(path, str)):
        ctx.error("E0803", call.span, f'`{kind}` takes a file name: `{kind}("data.{kind}")`.')
        return None
    columns = [c for b in statement.columns if (c := _column(ctx, b)) is not None]
    return DataSpec(
        statement.name.text,
        kind,
        path if isinstance(path, str) else "",
        options,
        tuple(columns),
        statement.span,
        statement.span.source,
    )


def _column(ctx: Context, bind: tree.Bind) -> Column | None:
    formula = _formula(ctx, bind.value)
    return None if formula is BAD else Column(bind.targets[0].text, formula, bind.span)


def _formula(ctx: Context, expr: tree.Expr) -> Any:
    """A column's expression as nested tuples (see `Column`), or `BAD`."""
    if isinstance(expr, tree.Binary):
        return _operation(ctx, BINARY_OPS[expr.op], (expr.left, expr.right))
    if isinstance(expr, tree.Unary) and expr.op in UNARY_OPS:
        return _operation(ctx, UNARY_OPS[expr.op], (expr.operand,))
    if isinstance(expr, tree.Call) and isinstance(expr.function, tree.Name):
        if expr.function.id in ("column", "columns"):
            return _column_call(ctx, expr, expr.function.id)
        function = evaluate(ctx, expr.function)
        if isinstance(function, Operation) and not function.op.is_variadic:
            return _column_operation(ctx, expr, function)
        if function is BAD:
            return BAD
    value = evaluate(ctx, expr)
    if value is BAD or isinstance(value, (bool, int, float)):
        return value
    return ctx.error(
        "E0803",
        expr.span,
        "A column is computed from `column(…)`, `columns(…)`, numbers and operations.",
    )


def _operation(ctx: Context, name: str, operands: tuple[tree.Expr, ...]) -> Any:
    values = [_formula(ctx, o) for o in operands]
    return BAD if any(v is BAD for v in values) else ("op", name, tuple(values), {})


def _column_operation(ctx: Context, expr: tree.Call, function: Operation) -> Any:
    op = function.op
    count = len(op.wires)
    values = [_formula(ctx, a.value) for a in expr.args[:count]]
    attrs = {p.name: p.default for p in op.attrs}
    names = [p.name for p in op.attrs]
    for position, argument in enumerate(expr.args[count:]):
        name = argument.name.text if argument.name else names[position] if position < len(names) else ""
        value = evaluate(ctx, argument.value)
        if value is BAD or name not in names or not is_constant(value):
            return BAD if value is BAD else ctx.error("E0505", argument.span, f"`{op.name}` has no `{name}`.")
        attrs[name] = value
    return BAD if any(v is BAD for v in values) else ("op", op.name, tuple(values), attrs)


def _column_call(ctx: Context, expr: tree.Call, which: str) -> Any:
    if len(expr.args) == 0 and which == "columns":
        return ("columns", None, None, expr.span)
    if len(expr.args) != 1:
        return ctx.error("E0803", expr.span, f'`{which}` takes one name, or a range `"a".."b"`.')
    value = expr.args[0].value
    if isinstance(value, tree.Range) and which == "columns":
        first, last = evaluate(ctx, value.start), evaluate(ctx, value.stop)
        if isinstance(first, (str, int)) and type(first) is type(last):
            return ("columns", first, last, value.span)
        return ctx.error(
            "E0803", value.span, "A range of columns has two names, or two numbers, as its ends."
        )
    name = evaluate(ctx, value)
    if name is BAD:
        return BAD
    if isinstance(name, (str, int)) and not isinstance(name, bool):
        return ("column", name, value.span) if which == "column" else ("columns", name, name, value.span)
    if isinstance(name, tuple) and all(isinstance(n, (str, int)) for n in name) and which == "columns":
        return ("columns", name, None, value.span)
    return ctx.error("E0803", value.span, f"A column is named by a string or a number, not {describe(name)}.")


# --- train ---------------------------------------------------------------------------------------


def declare_train(ctx: Context, statement: tree.Train) -> None:
    """`train on digits { minimize = loss … }`."""
    if ctx.training_spec is not None:
        ctx.error(
            "E0304",
            statement.span,
            "There are two train blocks.",
            related=[Label(ctx.training_spec.span, "the first one")],
        )
        return
    if statement.data is not None and statement.data.text not in ctx.data:
        _unknown_data(ctx, statement.data)
    settings: dict[str, Any] = {}
    minimize: Node | None = None
    for bind in statement.settings:
        name = bind.targets[0]
        if name.text not in SETTINGS:
            meant = nearest(name.text, SETTINGS)
            ctx.error(
                "E0608",
                name.span,
                f"`{name.text}` is not a setting of training.",
                notes=[f"They are: {', '.join(SETTINGS)}."],
                suggestion=f"Did you mean `{meant}`?" if meant else None,
            )
        elif name.text in settings:
            ctx.error("E0304", name.span, f"`{name.text}` is set twice.")
        elif name.text == "minimize":
            settings[name.text] = bind.value.span.text
            minimize = _objective(ctx, bind)
        else:
            settings[name.text] = _setting(ctx, bind)
    data = statement.data.text if statement.data else None
    ctx.training_spec = TrainingSpec(data, minimize, settings, statement.span)


def _unknown_data(ctx: Context, name: tree.Ident) -> None:
    found = ctx.env.find(name.text)
    if found is not None and found.value is BAD:
        return
    meant = nearest(name.text, ctx.data)
    ctx.error(
        "E0301",
        name.span,
        f"There is no data source called `{name.text}`.",
        suggestion=f"Did you mean `{meant}`?"
        if meant
        else f'Declare it: `data {name.text} = csv("…") {{ … }}`.',
    )


def _objective(ctx: Context, bind: tree.Bind) -> Node | None:
    value = evaluate(ctx, bind.value)
    if value is BAD:
        return None
    if not isinstance(value, Node):
        ctx.error("E0602", bind.value.span, f"Only a wire can be minimised, but this is {describe(value)}.")
        return None
    if value.type.is_poison:
        return None
    if value.shape != () or not value.type.is_float:
        ctx.error(
            "E0701",
            bind.value.span,
            f"Only a scalar can be minimised, but `{bind.value.span.text}` has type {value.type}.",
            suggestion=f"Reduce it first: `mean({bind.value.span.text})`.",
        )
        return None
    return value


def _setting(ctx: Context, bind: tree.Bind) -> Any:
    """A setting's value where it is plain, its text where it names an optimizer or a schedule."""
    if isinstance(bind.value, (tree.Call, tree.Name)):
        head = bind.value.function if isinstance(bind.value, tree.Call) else bind.value
        if not (isinstance(head, tree.Name) and isinstance(evaluate_quietly(ctx, head), (int, float, str))):
            return bind.value.span.text
    value = evaluate(ctx, bind.value)
    return None if value is BAD else value


def evaluate_quietly(ctx: Context, name: tree.Name) -> Any:
    """What a name stands for, without reporting one that is unknown."""
    found = ctx.env.find(name.id)
    return found.value if found else ctx.frame.module.find(name.id)
