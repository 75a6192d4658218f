"""One syntax tree to one typed model.

Definitions and imports are collected first, so that a network may stand below its use; then the main graph
is elaborated in the order of the text. Every error of the file is reported: a mistake gives a poisoned value,
which silences whatever depends on it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

from graphlang.diagnostics import Label, Outcome, Problems
from graphlang.elaborate import unused
from graphlang.elaborate.builtins import matching_params
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.expressions import evaluate
from graphlang.elaborate.modules import Module, collect, load_imports
from graphlang.elaborate.optimizers import choose_learner
from graphlang.elaborate.scopes import Env
from graphlang.elaborate.statements import run_body
from graphlang.elaborate.values import BAD
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.syntax import tree


def elaborate(
    file: tree.File, *, training: bool = False, overrides: Mapping[str, Any] | None = None
) -> Outcome[Model]:
    """Names, networks, loops, shapes and types of a file resolved into one flat typed graph.

    Parameters
    ----------
    file : tree.File
    training : bool
        The value of the constant `training`.
    overrides : mapping, optional
        Values for constants and inputs, by name: they take the place of those in the file.
    """
    problems = Problems()
    ctx = Context(problems, training=training, overrides=dict(overrides or {}))
    ctx.run_body, ctx.evaluate = run_body, evaluate
    module = Module(file)
    with _deep_recursion():
        collect(module, problems)
        path = file.source.path
        load_imports(ctx, module, ((os.path.realpath(path) if path else "", None),), _imported_consts)
        unused.check_cycles(ctx, module)
        ctx.frames.append(Frame("main graph", module, Env()))
        run_body(ctx, file.body)
        choose_learner(ctx)
        unused.check_bodies(ctx, module)
        unused.check_blocks(ctx, module, file.body)
    _check_param_queries(ctx)
    _check_grads(ctx)
    return Outcome(_model(ctx, file), problems)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for calls nested to their limit; Python's own frames live on the heap, so this is safe."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 100_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _imported_consts(ctx: Context, module: Module) -> None:
    """Evaluate the constants of an imported file in its own scope."""
    assert module.file is not None
    ctx.frames.append(Frame("import", module, Env()))
    for statement in module.file.body:
        if isinstance(statement, tree.Const):
            value = evaluate(ctx, statement.value)
            module.own[statement.name.text] = value
            module.spans[statement.name.text] = statement.name.span
    ctx.frames.pop()


def _check_param_queries(ctx: Context) -> None:
    """A `params(…)` that stands above a parameter it would match would silently leave it out."""
    for pattern, count, span in ctx.param_queries:
        now = matching_params(ctx, pattern)
        if len(now) > count:
            late = now[-1]
            ctx.problems.error(
                "E0305",
                span,
                f"`{span.text}` stands above the parameter `{late.path}`, which it should include.",
                related=[Label(late.span, f"`{late.path}` is declared here")]
                if late.span and not late.span.source.is_std
                else [],
                suggestion="Move this line below the last parameter.",
            )


def _check_grads(ctx: Context) -> None:
    """A `grad(f, x)` where `f` does not depend on `x` at all is a mistake, not a zero."""
    reached: dict[Node, set[Node]] = {}
    for node, f_span, x_span in ctx.grad_spans:
        f, x = node.inputs
        if f not in reached:
            reached[f] = ancestors([f])
        if x in reached[f] or any(n.type.is_poison for n in reached[f]):
            continue
        f_text, x_text = f_span.text, x_span.text
        is_reverse = f in ancestors([x])
        ctx.problems.error(
            "E0704",
            x_span,
            f"`{f_text}` does not depend on `{x_text}`, so there is nothing to differentiate.",
            related=[Label(f.span, f"`{f.path}` is computed here")] if f.span and f.span != f_span else [],
            suggestion=f"`{x_text}` depends on `{f_text}`: did you mean `grad({x_text}, {f_text})`?"
            if is_reverse
            else "Check which names were meant: `grad(f, x)` is the derivative of `f` with respect to `x`.",
        )


def _model(ctx: Context, file: tree.File) -> Model:
    source = file.source
    stem = os.path.splitext(os.path.basename(source.path or source.name))[0].strip("<>")
    builder = ctx.main
    model = Model(
        name=stem,
        source=source,
        description=file.description,
        nodes=builder.nodes,
        scopes=builder.scopes,
        expectations=ctx.expectations,
        metrics=ctx.metrics,
        data=ctx.data,
        training=ctx.training_spec,
        initial=ctx.initial.nodes,
        initial_of=ctx.initial_of,
        updates=ctx.updates,
        gate_rules=ctx.gate_rules,
        sizes=ctx.sizes,
        aliases=_aliases(ctx),
        consts={k: v for k, v in ctx.consts.items() if v is not BAD},
        depends_on_training=ctx.has_asked_training,
    )
    model.outputs = [n for n, _ in ctx.outputs] or _loose_ends(model)
    return model


def _aliases(ctx: Context) -> dict[str, Node]:
    """Names that stand for a node with another path: `h = x`, and what a loop has rebound."""
    aliases = dict(ctx.aliases)
    for name, binding in ctx.frames[0].env.names.items():
        if isinstance(binding.value, Node):
            aliases.pop(name, None)
            if binding.value.path != name:
                aliases[name] = binding.value
    return aliases


def _loose_ends(model: Model) -> list[Node]:
    """Every named node of the main graph that nothing uses; the leaves only if there is nothing else."""
    nodes = model.nodes_without_checks()
    used = set(chain.from_iterable([n.inputs for n in nodes]))
    used |= {value for _, value in model.updates}
    ends = [n for n in nodes if n.is_named and n not in used and not n.type.is_poison]
    return [n for n in ends if not n.is_leaf] or ends
