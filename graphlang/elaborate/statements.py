"""Statements: each is handed to the function that elaborates its kind; limits keep their number finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.elaborate import bindings, facts, gates, inputs, loops, optimizers, parameters, training
from graphlang.elaborate.context import MAX_NODES, MAX_STATEMENTS, Context
from graphlang.elaborate.scopes import Binding
from graphlang.elaborate.values import BAD
from graphlang.syntax import tree


def run_body(ctx: Context, body: tuple[tree.Statement, ...]) -> None:
    """Elaborate statements in order; an error in one does not stop the next."""
    frame = ctx.frame
    # The main graph is as long as its text; a short text can ask for endless work through loops and calls.
    is_counted = len(ctx.frames) > 1 or bool(frame.loops)
    for statement in body:
        if frame.is_abandoned or ctx.is_halted or (is_counted and _is_too_much(ctx, statement)):
            return
        _STATEMENTS[type(statement)](ctx, statement)


def _is_too_much(ctx: Context, statement: tree.Statement) -> bool:
    """Whether a limit is exceeded."""
    ctx.statements += 1
    if ctx.statements <= MAX_STATEMENTS and len(ctx.builder.nodes) <= MAX_NODES:
        return False
    ctx.is_halted = True
    where = ctx.trail[0][1] if ctx.trail else statement.span
    ctx.problems.error(
        "E0606",
        where,
        f"This model is too large: with its loops and calls written out, it has more than {MAX_NODES:,} nodes"
        f" or {MAX_STATEMENTS:,} statements.",
        suggestion="Compute with whole tensors instead of a loop over their entries.",
    )
    return True


def _ignored(ctx: Context, statement: tree.Statement) -> None:
    """Definitions and imports are entered into the module before any body runs."""


def _failed(ctx: Context, statement: tree.ErrorStatement) -> None:
    for name in statement.names:
        owner = ctx.env.owner(name)
        if owner is None or owner is not ctx.env:
            (owner or ctx.env).names[name] = Binding(BAD, statement.span, is_tentative=True)


def _only(kinds: tuple[str, ...], run: Callable[[Context, Any], None]) -> Any:
    """`run` where the body's kind allows it; elsewhere the parser has reported the statement."""

    def checked(ctx: Context, statement: Any) -> None:
        if ctx.frame.kind in kinds:
            run(ctx, statement)
            return
        name = getattr(statement, "name", None)
        if isinstance(name, tree.Ident):
            ctx.env.names.setdefault(name.text, Binding(BAD, statement.span, is_tentative=True))

    return checked


def _declare_state(ctx: Context, statement: tree.State) -> None:
    declare = optimizers.declare_state if ctx.frame.kind == "optimizer" else parameters.declare_state
    declare(ctx, statement)


_OWNERS = ("main graph", "network")


_MAIN = ("main graph",)


_STATEMENTS: dict[type, Callable[[Context, Any], None]] = {
    tree.Bind: bindings.bind,
    tree.GradBind: gates.bind_gradient,
    tree.Input: _only(_MAIN, inputs.declare_input),
    tree.Param: _only(_OWNERS, parameters.declare_param),
    tree.State: _only((*_OWNERS, "optimizer"), _declare_state),
    tree.Const: facts.declare_const,
    tree.Layer: _only(_OWNERS, bindings.bind_layer),
    tree.For: loops.unroll_for,
    tree.If: loops.choose_branch,
    tree.Assert: facts.check_assertion,
    tree.Expect: _only(_MAIN, facts.declare_expectation),
    tree.Metric: _only(_MAIN, facts.declare_metric),
    tree.Output: _only(_MAIN, facts.declare_output),
    tree.Update: _only(_OWNERS, parameters.update_state),
    tree.Data: _only(_MAIN, training.declare_data),
    tree.Train: _only(_MAIN, training.declare_train),
    tree.Gate: _only(_MAIN, _ignored),
    tree.Network: _only(_MAIN, _ignored),
    tree.Init: _only(_MAIN, _ignored),
    tree.Optimizer: _only(_MAIN, _ignored),
    tree.Import: _only(_MAIN, _ignored),
    tree.Backward: _ignored,
    tree.ErrorStatement: _failed,
}
