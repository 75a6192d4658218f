"""Calls: of operations, gates, networks, named layers and the forms that the language knows itself.

Calling a network elaborates its body anew: sizes in its signature are bound by unification with the shapes
of the wires it is given, its parameters get paths below the call's, and its nodes lie in a box (`Scope`).
"""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import arguments, builtins
from graphlang.elaborate.context import MAX_CALL_DEPTH, Context, Frame
from graphlang.elaborate.expressions import as_node, evaluate
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.signatures import bind_wire, is_wire_parameter
from graphlang.elaborate.values import (
    BAD,
    Builtin,
    Definition,
    Instance,
    Operation,
    Several,
    describe,
    is_constant,
)
from graphlang.graph.node import Node, Scope
from graphlang.source import Span
from graphlang.syntax import tree

Args = list[tuple[str | None, Any, Span]]


def call(ctx: Context, target: tree.Expr, entering: Args, span: Span) -> Any:
    """Call what `target` names with the wires that enter through a pipeline and its own arguments."""
    if isinstance(target, tree.Call):
        function = evaluate(ctx, target.function)
        name_span = target.function.span
        args = [
            *entering,
            *((a.name.text if a.name else None, evaluate(ctx, a.value), a.value.span) for a in target.args),
        ]
    else:
        function, name_span, args = evaluate(ctx, target), target.span, entering
    if function is BAD or any(value is BAD for _, value, _ in args):
        return BAD
    if isinstance(function, Operation):
        return arguments.call_operation(ctx, function, args, span)
    if isinstance(function, Builtin):
        return builtins.call(ctx, function.name, args, span)
    if isinstance(function, Instance):
        return call_definition(ctx, function.definition, [*args, *function.args], span, function)
    if isinstance(function, Definition):
        return call_definition(ctx, function, args, span)
    return ctx.error(
        "E0501",
        name_span,
        f"`{name_span.text}` is {describe(function)} and cannot be called.",
        suggestion="Multiply with `*`." if isinstance(function, Node) else None,
    )


def call_definition(
    ctx: Context, definition: Definition, args: Args, span: Span, instance: Instance | None = None
) -> Any:
    """Elaborate the body of a gate, network or init for these arguments."""
    definition.is_used = True
    if definition.kind == "optimizer":
        return ctx.error("E0501", span, f"The optimizer `{definition.name}` belongs in a `train` block.")
    if definition.kind == "init" and ctx.init_target is None:
        return ctx.error(
            "E0603",
            span,
            f"The initialiser `{definition.name}` draws where a parameter starts.",
            suggestion=f"Write `param W: [3, 4] ~ {definition.name}(…)`.",
        )
    if definition.kind == "network" and ctx.frame.kind == "gate":
        return ctx.error(
            "E0506",
            span,
            f"A gate cannot call the network `{definition.name}`: it might own parameters.",
            suggestion="Make the caller a network.",
        )
    problem = _recursion(ctx, definition, span)
    if problem is not None:
        return problem
    if definition.kind == "init":
        return _call_init(ctx, definition, args, span)
    return _call_body(ctx, definition, args, span, instance)


def _recursion(ctx: Context, definition: Definition, span: Span) -> Any:
    active = [f.definition for f in ctx.frames]
    if definition in active:
        names = [d.name for d in active[active.index(definition) :] if d] + [definition.name]
        return ctx.error(
            "E0502",
            span,
            f"The {definition.kind} `{definition.name}` calls itself: {' → '.join(names)}.",
            related=[Label(definition.syntax.name.span, f"`{definition.name}` is defined here")],
            suggestion="Repeat with a loop instead: `for k in 1..L { … }`.",
        )
    if len(active) > MAX_CALL_DEPTH:
        return ctx.error("E0502", span, f"Calls are nested deeper than {MAX_CALL_DEPTH} levels.")
    return None


def _call_init(ctx: Context, definition: Definition, args: Args, span: Span) -> Any:
    assert isinstance(definition.syntax, tree.Init)
    frame = Frame("init", definition.module, Env(), definition=definition)
    with ctx.within(f"in this use of `{definition.name}`", span):
        if not _bind_parameters(ctx, frame, definition, args, span):
            return BAD
        ctx.frames.append(frame)
        value = evaluate(ctx, definition.syntax.value)
        ctx.frames.pop()
    return value


def _call_body(
    ctx: Context, definition: Definition, args: Args, span: Span, instance: Instance | None
) -> Any:
    assert isinstance(definition.syntax, (tree.Gate, tree.Network))
    builder = ctx.builder
    before = (builder.prefix, builder.span)
    path = builder.child(instance.path.rsplit(".", 1)[-1] if instance else definition.name)
    outer = ctx.frame
    inner_path = _below(path, outer)
    frame = Frame(
        definition.kind,
        definition.module,
        Env(),
        node_prefix=path,
        param_prefix=instance.path if instance else inner_path,
        definition=definition,
        instance=instance or outer.instance,
    )
    scope = Scope(
        path,
        definition.kind,
        definition.name,
        (f"{instance.path}: " if instance else "") + _title(definition.name, args),
        builder.scope,
        span,
        [n for _, value, _ in args for n in _wires(value)],
    )
    start = len(builder.nodes)
    result: Any = BAD
    with ctx.within(f"in this call of `{definition.name}`", span), ctx.box(scope):
        builder.prefix = path
        if _bind_parameters(ctx, frame, definition, args, span):
            ctx.frames.append(frame)
            ctx.run_body(ctx, definition.syntax.body)
            result = _results(ctx, definition, scope, span, start)
            ctx.frames.pop()
    builder.prefix, builder.span = before
    return result


def _below(path: str, outer: Frame) -> str:
    """The path of a call's parameters: below those of the body it stands in."""
    if outer.node_prefix and path.startswith(outer.node_prefix):
        return outer.param_prefix + path[len(outer.node_prefix) :]
    return path


def _wires(value: Any) -> list[Node]:
    if isinstance(value, tuple):
        return [n for v in value for n in _wires(v)]
    return [value] if isinstance(value, Node) else []


def _title(name: str, args: Args) -> str:
    """`dense(128)`: the name with its compile-time arguments, as a picture shows it."""
    shown = []
    for key, value, _ in args:
        if isinstance(value, (Node, tuple)) or not (is_constant(value) or isinstance(value, Operation)):
            continue
        text = str(value.name if isinstance(value, Operation) else value)
        shown.append(f"{key} = {text}" if key and not isinstance(value, Operation) else text)
    return f"{name}({', '.join(shown)})" if shown else name


def _bind_parameters(ctx: Context, frame: Frame, definition: Definition, args: Args, span: Span) -> bool:
    """Bind a definition's parameters to a call's arguments; False after an error."""
    syntax = definition.syntax
    given = arguments.match(ctx, definition, syntax.parameters, args, span)
    if given is None:
        return False
    fits = True
    # Compile-time parameters first: sizes in the signature may use them.
    for parameter in syntax.parameters:
        if not is_wire_parameter(parameter):
            value, where = given[parameter.name.text]
            fits &= arguments.bind_constant(ctx, frame, definition, parameter, value, where)
    for parameter in syntax.parameters:
        if fits and is_wire_parameter(parameter):
            value, where = given[parameter.name.text]
            fits &= bind_wire(ctx, frame, definition, parameter, value, where)
    return fits


def _results(ctx: Context, definition: Definition, scope: Scope, span: Span, start: int) -> Any:
    syntax = definition.syntax
    assert isinstance(syntax, (tree.Gate, tree.Network))
    values = [_result(ctx, definition, ident) for ident in syntax.results]
    if isinstance(syntax, tree.Gate) and syntax.backward is not None and BAD not in values:
        from graphlang.elaborate.gates import gate_rule

        values = gate_rule(ctx, definition, syntax.backward, values, scope, span)
    if BAD in values:
        return BAD
    scope.outputs = list(values)
    if len(values) > 1:
        return Several(tuple(values))
    made = values[0] in ctx.builder.nodes[start:]
    if made and not values[0].is_leaf:
        ctx.builder.rename(values[0], scope.path, is_named=values[0].is_named)
    return values[0]


def _result(ctx: Context, definition: Definition, ident: tree.Ident) -> Any:
    found: Binding | None = ctx.env.names.get(ident.text)
    if found is None:
        if not any(isinstance(s, tree.ErrorStatement) for s in definition.syntax.body):  # type: ignore[union-attr]
            ctx.problems.error(
                "E0503",
                ident.span,
                f"The {definition.kind} `{definition.name}` never binds its result `{ident.text}`.",
                suggestion=f"Add `{ident.text} = …` to its body.",
            )
        return BAD
    if found.value is BAD:
        return BAD
    return as_node(ctx, found.value, ident.span)
