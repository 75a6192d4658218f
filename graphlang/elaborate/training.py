"""What the file says about learning: data sources and the train block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.arguments import knows_names
from graphlang.elaborate.context import Chosen, Context
from graphlang.elaborate.expressions import BINARY_OPS, UNARY_OPS, evaluate
from graphlang.elaborate.modules import schedules, std
from graphlang.elaborate.names import declare
from graphlang.elaborate.values import (
    BAD,
    Definition,
    Operation,
    declared_label,
    describe,
    has_type,
    is_constant,
    is_number,
)
from graphlang.graph.model import Column, DataSpec, TrainingSpec
from graphlang.graph.node import Node
from graphlang.source import Span
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
# What other libraries call the settings.
_HABITS = {
    "loss": "minimize",
    "objective": "minimize",
    "steps": "epochs",
    "batch_size": "batch",
    "validation_split": "holdout",
    "validation": "holdout",
    "early_stopping": "patience",
    "lr": "optimizer",
    "learning_rate": "optimizer",
    "optim": "optimizer",
    "random_state": "seed",
}


# --- data ----------------------------------------------------------------------------------------


def declare_data(ctx: Context, statement: tree.Data) -> None:
    """`data digits = csv("digits.csv") { x = columns("p0".."p63") / 16 }`."""
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
            call.function.span if isinstance(call, tree.Call) else call.span,
            f"There is no data source called `{kind}`." if kind else "A data source is written as a call.",
            notes=[f"The sources are: {', '.join(known)}."],
            suggestion=f"Did you mean `{meant}`?" if meant else 'For example `data d = csv("d.csv") { … }`.',
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
        "A column is computed from `column(…)`, `columns(…)`, numbers and operations, but"
        f" `{expr.span.text}` is"
        f" {describe(value)}.",
        suggestion=f'To read the column of that name, write `column("{expr.span.text}")`.'
        if isinstance(expr, tree.Name)
        else None,
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
            return (
                BAD
                if value is BAD
                else ctx.error("E0505", argument.span, f"`{op.name}` has no parameter `{name}`.")
            )
        attrs[name] = value
    return BAD if any(v is BAD for v in values) else ("op", op.name, tuple(values), attrs)


def _column_call(ctx: Context, expr: tree.Call, which: str) -> Any:
    if len(expr.args) == 0 and which == "columns":
        return ("columns", None, None, expr.span)
    if len(expr.args) != 1:
        wanted = (
            'one name, as in `column("a")`' if which == "column" else 'a range, as in `columns("a".."b")`'
        )
        hint = 'For several columns write `columns(["a", "b"])`.' if len(expr.args) > 1 else None
        return ctx.error("E0803", expr.span, f"`{which}` takes {wanted}.", suggestion=hint)
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
    places: dict[str, Span] = {}
    for bind in statement.settings:
        name = bind.targets[0]
        if name.text not in SETTINGS:
            meant = _HABITS.get(name.text) or nearest(name.text, SETTINGS)
            ctx.error(
                "E0608",
                name.span,
                f"`{name.text}` is not a setting of training.",
                notes=[f"They are: {', '.join(SETTINGS)}."],
                suggestion=_setting_hint(name.text, meant),
            )
        elif name.text in settings:
            ctx.error(
                "E0304",
                name.span,
                f"`{name.text}` is set twice.",
                related=[Label(places[name.text], "first set here")],
                suggestion="Leave out one of the two.",
            )
            continue
        if name.text in SETTINGS:
            places[name.text] = name.span
        if name.text not in SETTINGS:
            continue
        if name.text == "minimize":
            settings[name.text] = bind.value.span.text
            minimize = _objective(ctx, bind)
        else:
            settings[name.text] = _setting(ctx, bind)
    data = statement.data.text if statement.data else None
    ctx.training_spec = TrainingSpec(data, minimize, settings, statement.span)


def _setting_hint(name: str, meant: str | None) -> str | None:
    if meant == "optimizer" and name in _HABITS and name != "optim":
        return "It belongs to the optimizer: `optimizer = adam(lr = 1e-3)`."
    return f"Did you mean `{meant}`?" if meant else None


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
        ctx.error(
            "E0602",
            bind.value.span,
            f"Only a wire can be minimised, but `{bind.value.span.text}` is {describe(value)}.",
        )
        return None
    if value.type.is_poison:
        return None
    if value.shape != () or not value.type.is_float:
        ctx.error(
            "E0701",
            bind.value.span,
            f"Only a float scalar can be minimised, but `{bind.value.span.text}` {has_type(value)}.",
            related=declared_label(value, bind.value.span, is_value_needed=False),
            suggestion=f"Reduce it first: `mean({bind.value.span.text})`." if value.shape else None,
        )
        return None
    return value


def _setting(ctx: Context, bind: tree.Bind) -> Any:
    """A setting's value where it is plain, its text where it names an optimizer or a schedule."""
    name, expr = bind.targets[0].text, bind.value
    if name in ("optimizer", "schedule"):
        _choose(ctx, name, expr)
        return expr.span.text
    if name == "batch" and isinstance(expr, tree.Name) and expr.id == "all":
        return "all"
    value = evaluate(ctx, expr)
    if value is BAD:
        return None
    fits, wanted = _FITS[name]
    if isinstance(value, (bool, int, float)) and fits(value):
        return value
    ctx.error(
        "E0608",
        expr.span,
        f"`{name}` is {wanted}, but this is {describe(value)}.",
        related=declared_label(value, expr.span),
    )
    return None


def _is_int(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_FITS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "epochs": (lambda v: _is_int(v, 0), "a number of epochs, such as `30`"),
    "batch": (lambda v: _is_int(v, 1), "a number of examples, such as `32`, or `all`"),
    "holdout": (lambda v: is_number(v) and 0 <= v < 1, "a fraction of the examples, such as `0.2`"),
    "patience": (lambda v: _is_int(v, 1), "a number of epochs, such as `5`"),
    "clip": (lambda v: is_number(v) and v > 0, "a positive number, such as `1.0`"),
    "seed": (lambda v: _is_int(v, 0), "a whole number from 0"),
    "shuffle": (lambda v: isinstance(v, bool), "`true` or `false`"),
}


def _choose(ctx: Context, setting: str, expr: tree.Expr) -> None:
    """Note the optimizer or schedule that is called, and what it is given."""
    head = expr.function if isinstance(expr, tree.Call) else expr
    if not isinstance(head, tree.Name):
        if not isinstance(expr, tree.ErrorExpr):
            example = "adam(lr = 1e-3)" if setting == "optimizer" else "cosine(warmup = 1)"
            ctx.error("E0608", expr.span, f"`{setting}` is written as a call: `{setting} = {example}`.")
        return
    found = _callee(ctx, setting, head.id)
    given = expr.args if isinstance(expr, tree.Call) else ()
    args = [(a.name.text if a.name else None, evaluate(ctx, a.value), a.value.span) for a in given]
    if found is None:
        _unknown_callee(ctx, setting, head)
    elif found is not BAD and not any(value is BAD for _, value, _ in args) and knows_names(ctx, found, args):
        found.is_used = True
        ctx.chosen[setting] = Chosen(found, args, expr.span)


def _callee(ctx: Context, setting: str, name: str) -> Any:
    """The definition of an optimizer or schedule: the file's own, else the library's, else None."""
    kind = "optimizer" if setting == "optimizer" else "gate"
    module = ctx.frame.module
    own = module.own.get(name, module.imported.get(name))
    if own is BAD or (isinstance(own, Definition) and own.kind == kind):
        return own
    found = (std() if setting == "optimizer" else schedules()).find(name)
    return found if isinstance(found, Definition) and found.kind == kind else None


def _unknown_callee(ctx: Context, setting: str, head: tree.Name) -> None:
    own = [d.name for d in ctx.frame.module.definitions() if d.kind == "optimizer"]
    library = std().names_of("optimizer") if setting == "optimizer" else schedules().names_of("gate")
    known = [*library, *(own if setting == "optimizer" else ())]
    meant = nearest(head.id, known)
    ctx.error(
        "E0301",
        head.span,
        f"There is no {setting} called `{head.id}`.",
        notes=[f"There are: {', '.join(known)}."],
        suggestion=f"Did you mean `{meant}`?" if meant else None,
    )
