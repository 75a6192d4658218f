"""Loops and branches: `for` is written out, one box per iteration; of an `if`, one branch is elaborated."""

from __future__ import annotations

from typing import Any

from graphlang.elaborate.constants import free_size_note, free_sizes_in
from graphlang.elaborate.context import MAX_ITERATIONS, Context, Loop
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.names import bound_twice
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.values import BAD, declared_label, is_what, passage
from graphlang.graph.node import Node, Scope
from graphlang.syntax import tree
from graphlang.syntax.placement import bound_names
from graphlang.types.dims import Dim


def unroll_for(ctx: Context, statement: tree.For) -> None:
    """`for k in 1..L { … }`, `for w in [a, b] { … }`."""
    values = _loop_values(ctx, statement)
    if values is None:
        _give_up(ctx, statement.body)
        return
    # `len` of a range fails beyond 64 bits.
    count = max(0, values.stop - values.start) if isinstance(values, range) else len(values)
    if ctx.iterations + count > MAX_ITERATIONS:
        _too_many_iterations(ctx, statement, count)
        _give_up(ctx, statement.body)
        return
    ctx.iterations += count
    shadowed = ctx.env.find(statement.variable.text)
    if shadowed is not None and shadowed.value is not BAD:
        bound_twice(ctx, statement.variable, shadowed)
    frame, outer = ctx.frame, ctx.env
    loop = Loop()
    title = f"for {statement.variable.text} in {statement.iterable.span.text}"
    name = f"{frame.node_prefix}.for" if frame.node_prefix else "for"
    scope = Scope(ctx.builder.unique(name), "loop", "for", title, ctx.builder.scope, statement.span)
    frame.loops.append(loop)
    with ctx.box(scope):
        for value in values:
            if ctx.is_halted or frame.is_abandoned:
                break
            loop.iteration += 1
            _iteration(ctx, statement, value, outer, scope, loop)
    frame.loops.pop()
    for path, index in loop.highest.items():
        frame.used_indices[path] = max(index, frame.used_indices.get(path, 0))


def _loop_values(ctx: Context, statement: tree.For) -> Any:
    iterable = statement.iterable
    if isinstance(iterable, tree.Range):
        return _range(ctx, iterable)
    value = evaluate(ctx, iterable)
    if value is BAD:
        return None
    if isinstance(value, tuple):
        return value
    text = passage(iterable.span)
    hint = notes = None
    if isinstance(value, int):
        hint = f"Count with `1..{text}`."
    elif isinstance(value, Dim):
        hint, notes = _USE_TENSORS, [free_size_note(value)]
    elif isinstance(value, Node):
        hint = f"Operations act on all entries of `{text}` at once; a list of wires is written `[a, b]`."
    ctx.error(
        "E0605",
        iterable.span,
        f"A loop runs over a range `a..b` or a list, but `{text}` is {is_what(text, value)}.",
        notes=notes or [],
        suggestion=hint,
    )
    return None


def _range(ctx: Context, expr: tree.Range) -> range | None:
    ends = [evaluate(ctx, end) for end in (expr.start, expr.stop)]
    for value, end in zip(ends, (expr.start, expr.stop), strict=True):
        if value is BAD:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            hint = None
            if isinstance(value, Node) and value.is_leaf and value.path.isidentifier():
                hint = f"Declare it as a constant: `const {value.path} = …`."
            ctx.error(
                "E0605",
                end.span,
                f"The ends of a range must be known integers, but `{passage(end.span)}` is"
                f" {is_what(passage(end.span), value)}.",
                related=declared_label(value, end.span),
                notes=[free_size_note(value)] if isinstance(value, Dim) else [],
                suggestion=_USE_TENSORS if isinstance(value, Dim) else hint,
            )
            return None
    return range(ends[0], ends[1] + 1)


_USE_TENSORS = "Operations act on all examples at once, so no loop over them is needed."


def _too_many_iterations(ctx: Context, statement: tree.For, count: int) -> None:
    ctx.error(
        "E0606",
        statement.iterable.span,
        f"This loop has {count:,} iterations, but all loops together may have {MAX_ITERATIONS:,}.",
        label=f"{count:,} iterations",
        notes=[f"Before it, there were {ctx.iterations:,}."] if ctx.iterations else [],
        suggestion="A loop is written out before anything runs; compute with whole tensors instead.",
    )


def _iteration(ctx: Context, statement: tree.For, value: Any, outer: Env, scope: Scope, loop: Loop) -> None:
    frame = ctx.frame
    frame.env = Env(outer)
    variable = statement.variable
    frame.env.names[variable.text] = Binding(value, variable.span)
    title = f"{variable.text} = {value.path if isinstance(value, Node) else value}"
    box = Scope(f"{scope.path}[{loop.iteration}]", "iteration", "for", title, scope.path, statement.span)
    with ctx.within(f"in the iteration with {title}", statement.variable.span), ctx.box(box):
        ctx.run_body(ctx, statement.body)
    frame.env = outer


def choose_branch(ctx: Context, statement: tree.If) -> None:
    """`if D > 1 { … } else { … }`, on a compile-time condition."""
    value = evaluate(ctx, statement.condition)
    if isinstance(value, bool):
        ctx.run_body(ctx, statement.then if value else statement.otherwise)
        return
    if value is not BAD:
        text = passage(statement.condition.span)
        is_wire = isinstance(value, Node)
        notes = free_sizes_in(ctx, statement.condition)
        ctx.error(
            "E0601" if is_wire else "E0404",
            statement.condition.span,
            "The condition of `if` must be true or false at compile time,"
            f" but `{text}` is {is_what(text, value)}.",
            notes=notes,
            suggestion="Choose between wires with `where(condition, a, b)`."
            if is_wire and not notes
            else None,
        )
    _give_up(ctx, statement.then + statement.otherwise)


def _give_up(ctx: Context, body: tuple[tree.Statement, ...]) -> None:
    """What a block that is not elaborated would have bound is known, as errors already reported."""
    for name in bound_names(body):
        owner = ctx.env.owner(name) or ctx.env
        earlier = owner.names.get(name)
        owner.names[name] = Binding(BAD, earlier.span if earlier else None, is_tentative=True)
