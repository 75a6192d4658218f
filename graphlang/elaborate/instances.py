"""Calls: of operations, gates, networks, named layers and the forms that the language knows itself.

Calling a network elaborates its body anew: sizes in its signature are bound by unification with the shapes
of the wires it is given, its parameters get paths below the call's, and its nodes lie in a box (`Scope`).
"""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import arguments, builtins, operations
from graphlang.elaborate.arguments import Args
from graphlang.elaborate.context import MAX_CALL_DEPTH, Context, Frame
from graphlang.elaborate.gates import gate_rule
from graphlang.elaborate.names import look_up
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.signatures import bind_wire, is_wire_parameter
from graphlang.elaborate.unknown import bound_inside
from graphlang.elaborate.values import (
    BAD,
    INITIALISERS,
    Builtin,
    Definition,
    Instance,
    Operation,
    Several,
    declared_label,
    is_constant,
    is_what,
)
from graphlang.elaborate.wires import apply_to, as_node
from graphlang.graph.node import Node, Scope
from graphlang.source import Span
from graphlang.syntax import tree


def call(ctx: Context, target: tree.Expr, entering: Args, span: Span) -> Any:
    """Call what `target` names with the wires that enter through a pipeline and its own arguments."""
    if isinstance(target, tree.Call):
        function = evaluate_function(ctx, target.function)
        values = [ctx.evaluate(ctx, a.value) for a in target.args]
        if type(function) is Operation and not entering and operations.is_plain(function.op, target, values):
            return apply_to(ctx, function.op, tuple(values), [a.value for a in target.args], span)
        args = list(entering)
        for a, value in zip(target.args, values, strict=True):
            args.append((a.name.text if a.name else None, value, a.value.span))
        name_span = target.function.span
    else:
        function, name_span, args = evaluate_function(ctx, target), target.span, entering
    if function is BAD or any(value is BAD for _, value, _ in args):
        # A network that is not called makes no parameters; later lines are not blamed for lacking them.
        ctx.is_incomplete |= function is BAD or isinstance(function, Instance)
        if isinstance(function, Instance):
            function.has_failed = True
        if isinstance(function, Definition):
            ctx.is_incomplete |= function.kind == "network"
        # What failed to enter through a pipeline may have been several values.
        if function is not BAD and not any(value is BAD for _, value, _ in entering):
            _check_names(ctx, function, args, span)
        return BAD
    if isinstance(function, Operation):
        return operations.call_operation(ctx, function, args, span)
    if isinstance(function, Builtin):
        return builtins.call(ctx, function.name, args, span)
    if isinstance(function, Instance):
        return call_definition(ctx, function.definition, [*args, *function.args], span, function)
    if isinstance(function, Definition):
        return call_definition(ctx, function, args, span)
    return ctx.error(
        "E0501",
        name_span,
        f"`{name_span.text}` is {is_what(name_span.text, function)} and cannot be called.",
        related=declared_label(function, name_span, is_value_needed=False),
        suggestion=_how_to_multiply(target, name_span),
    )


def evaluate_function(ctx: Context, expr: tree.Expr) -> Any:
    """What stands in front of the parentheses of a call, where `params` is not yet a list."""
    return look_up(ctx, expr) if isinstance(expr, tree.Name) else ctx.evaluate(ctx, expr)


def _check_names(ctx: Context, function: Any, args: Args, span: Span) -> None:
    """Report missing, unknown and superfluous arguments of a call that is left out after another error."""
    if isinstance(function, Instance):
        function, args = function.definition, [*args, *function.args]
    if isinstance(function, Definition):
        arguments.match(ctx, function, function.syntax.parameters, args, span)
    elif isinstance(function, Operation):
        operations.check_names(ctx, function.op, args, span)


def _how_to_multiply(target: tree.Expr, name: Span) -> str:
    if isinstance(target, tree.Call) and len(target.args) == 1:
        return f"A product is written `{name.text} * {target.args[0].value.span.text}`."
    if isinstance(target, tree.Call):
        return "Only gates, networks, layers and functions are called."
    return "Behind `->` stands a gate, a network, a layer or a function."


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
            f"The initialiser `{definition.name}` can only say where a parameter or state starts.",
            suggestion=f"Write `param W: [3, 4] ~ {definition.name}(…)`.",
        )
    if definition.kind == "network" and ctx.init_target is not None:
        return ctx.error(
            "E0601",
            span,
            f"`{definition.name}` is a network, and a parameter cannot be drawn from one.",
            suggestion=INITIALISERS,
        )
    if definition.kind == "network" and ctx.frame.kind == "gate":
        return ctx.error(
            "E0506",
            span,
            f"A gate cannot call the network `{definition.name}`: a gate is a pure function of its wires,"
            " a network may own parameters.",
            suggestion=f"Make `{ctx.frame.definition.name}` a network:"
            f" `network {ctx.frame.definition.name}(…) -> …`."
            if ctx.frame.definition
            else None,
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
        return ctx.error(
            "E0606",
            span,
            f"Calls are nested deeper than {MAX_CALL_DEPTH} levels.",
            suggestion="Repeat with a loop: `for k in 1..L { … }`.",
        )
    return None


def _call_init(ctx: Context, definition: Definition, args: Args, span: Span) -> Any:
    assert isinstance(definition.syntax, tree.Init)
    frame = Frame("init", definition.module, Env(), definition=definition)
    with ctx.within(f"in this use of `{definition.name}`", span):
        if not _bind_parameters(ctx, frame, definition, args, span):
            return BAD
        ctx.frames.append(frame)
        value = ctx.evaluate(ctx, definition.syntax.value)
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
            result = BAD if frame.is_abandoned else _results(ctx, definition, scope, span, start)
            ctx.frames.pop()
    builder.prefix, builder.span = before
    if result is BAD:
        ctx.is_incomplete |= definition.kind == "network"
        if instance is not None:
            instance.has_failed = True
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
        if isinstance(value, bool):
            text = text.lower()
        shown.append(f"{key} = {text}" if key and not isinstance(value, Operation) else text)
    return f"{name}({', '.join(shown)})" if shown else name


def _bind_parameters(ctx: Context, frame: Frame, definition: Definition, args: Args, span: Span) -> bool:
    """Bind a definition's parameters to a call's arguments; False after an error."""
    syntax = definition.syntax
    given = arguments.match(ctx, definition, syntax.parameters, args, span)
    if given is None:
        return False
    frame.given = given
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
    if any(isinstance(v, Node) and v.type.is_poison for v in values):
        return BAD
    if isinstance(syntax, tree.Gate) and syntax.backward is not None and BAD not in values:
        values = gate_rule(ctx, definition, syntax.backward, values, scope, span)
    if BAD in values or ctx.frame.is_abandoned:
        return BAD
    scope.outputs = list(values)
    if len(values) > 1:
        return Several(tuple(values), definition.name, tuple(r.text for r in syntax.results))
    made = values[0] in ctx.builder.nodes[start:]
    if made and not values[0].is_leaf:
        ctx.builder.rename(values[0], scope.path, is_named=values[0].is_named)
    return values[0]


def _result(ctx: Context, definition: Definition, ident: tree.Ident) -> Any:
    found: Binding | None = ctx.env.names.get(ident.text)
    if found is None:
        if not ctx.is_halted and not any(
            isinstance(s, tree.ErrorStatement) for s in tree.walk(definition.syntax)
        ):
            inner = bound_inside(ctx, ident.text)
            ctx.problems.error(
                "E0503",
                ident.span,
                f"The {definition.kind} `{definition.name}` never binds its result `{ident.text}`.",
                label="never bound",
                related=[Label(inner.span, "bound only inside this block")] if inner else [],
                suggestion=f"Bind `{ident.text}` above the block as well; the block may then bind it anew."
                if inner
                else f"Add `{ident.text} = …` to its body.",
            )
        return BAD
    if found.value is BAD:
        return BAD
    return as_node(ctx, found.value, ident.span)
