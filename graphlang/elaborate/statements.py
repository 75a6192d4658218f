"""Statements: binding names, declaring leaves, unrolling loops, choosing branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import arguments, gates, leaves, training
from graphlang.elaborate.context import MAX_ITERATIONS, MAX_NODES, MAX_STATEMENTS, Context, Frame, Loop
from graphlang.elaborate.expressions import as_node, evaluate, evaluate_function
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Definition,
    Instance,
    Several,
    declared_label,
    describe,
    has_type,
    is_constant,
    is_what,
)
from graphlang.graph.model import Expectation
from graphlang.graph.node import CONST, Node, Scope
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.syntax.placement import bound_names
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType, TensorType


def run_body(ctx: Context, body: tuple[tree.Statement, ...]) -> None:
    """Elaborate statements in order; an error in one does not stop the next."""
    frame = ctx.frame
    for statement in body:
        if frame.is_abandoned or ctx.is_halted or _is_too_much(ctx, frame, statement):
            return
        _STATEMENTS[type(statement)](ctx, statement)


def _is_too_much(ctx: Context, frame: Frame, statement: tree.Statement) -> bool:
    """Whether a limit is exceeded: a short text can ask for endless work through loops and calls."""
    if len(ctx.frames) == 1 and not frame.loops:
        return False
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


# --- names ---------------------------------------------------------------------------------------


def declare(ctx: Context, ident: tree.Ident, value: Any) -> bool:
    """Bind a name in the body at hand; False (after an error) if it is bound already."""
    env, name = ctx.env, ident.text
    earlier = env.names.get(name)
    if earlier is None and env.parent is not None:
        owner = env.parent.owner(name)
        if owner is not None:
            # A loop's body may rebind a name of the enclosing scope, once per iteration.
            earlier = Binding(None, env.rebound.get(name)) if name in env.rebound else None
            if earlier is None:
                env.rebound[name] = ident.span
                owner.names[name] = Binding(value, owner.names[name].span)
                return True
    if earlier is not None and earlier.is_tentative:
        earlier = None
    module = ctx.frame.module
    if earlier is None and len(ctx.frames) == 1 and module.own.get(name, BAD) is not BAD:
        earlier = Binding(module.own[name], module.spans.get(name))
    if earlier is None:
        env.names[name] = Binding(value, ident.span)
        return True
    bound_twice(ctx, ident, earlier)
    # What later lines mean by the name is open: they are not judged by either of the two.
    owner = env.owner(name) or env
    owner.names[name] = Binding(BAD, earlier.span)
    return False


def bound_twice(ctx: Context, ident: tree.Ident, earlier: Binding) -> None:
    """Report a name that stands for something already."""
    name, value = ident.text, earlier.value
    related = [Label(earlier.span, "first bound here")] if earlier.span else []
    message = f"`{name}` is bound twice."
    if isinstance(value, Dim):
        message = f"`{name}` is a free size already, so it cannot name a wire as well."
        related = [Label(earlier.span, "a size that the data decide")] if earlier.span else []
    elif isinstance(value, Definition):
        message = f"`{name}` is the name of a {value.kind} already."
        related = [Label(earlier.span, "defined here")] if earlier.span else []
    ctx.error(
        "E0304",
        ident.span,
        message,
        label="bound again here",
        related=related,
        notes=["A name stands for one value; only the body of a `for` may bind it anew."],
        suggestion=f"Call this one `{_fresh(ctx, name)}`, for example.",
    )


def _fresh(ctx: Context, name: str) -> str:
    count = 2
    joint = "_" if name[-1:].isdigit() else ""
    taken = {*ctx.env.all_names(), *ctx.frame.module.later_names}
    while f"{name}{joint}{count}" in taken:
        count += 1
    return f"{name}{joint}{count}"


def path_of(ctx: Context, name: str) -> str:
    """The path of a node bound to `name` here: below the call's, with the iterations around it."""
    frame = ctx.frame
    path = f"{frame.node_prefix}.{name}" if frame.node_prefix else name
    for loop in frame.loops:
        if path not in loop.offsets:
            loop.offsets[path] = frame.used_indices.get(path, 0)
        index = loop.offsets[path] + loop.iteration
        loop.highest[path] = index
        path = f"{path}[{index}]"
    return path


# --- bindings ------------------------------------------------------------------------------------


def _bind(ctx: Context, statement: tree.Bind) -> None:
    builder = ctx.builder
    before = builder.prefix
    # An iteration's `h = f(h)` must see the old h while it names the new one.
    builder.prefix = path = path_of(ctx, statement.targets[0].text)
    start = len(builder.nodes)
    value = evaluate(ctx, statement.value)
    target = statement.targets[0]
    if len(statement.targets) > 1 or isinstance(value, Several):
        _bind_several(ctx, statement, value, start)
    else:
        if isinstance(value, CALLABLES):
            value = _not_a_wire(ctx, statement, value)
        declare(ctx, target, value if value is BAD else _named(ctx, value, path, target, statement, start))
    builder.prefix = before


def _not_a_wire(ctx: Context, statement: tree.Bind, value: Any) -> Any:
    hint = None
    if isinstance(value, Definition) and value.kind == "network":
        hint = f"Call it, `{value.name}(…)`, or name an instance: `layer {statement.targets[0].text} = …`."
    elif isinstance(value, Instance):
        hint = f"Call it: `{value.path}(…)`."
    else:
        hint = f"Call it: `{getattr(value, 'name', 'f')}(…)`."
    return ctx.error(
        "E0602",
        statement.value.span,
        f"A wire is needed here, but `{_text(statement.value.span)}` is"
        f" {is_what(_text(statement.value.span), value)}.",
        suggestion=hint,
    )


def _named(ctx: Context, value: Any, path: str, target: tree.Ident, statement: tree.Bind, start: int) -> Node:
    """The node for a binding, under the binding's name if the expression made it."""
    builder = ctx.builder
    span = statement.value.span
    is_users = not target.span.source.is_std
    if isinstance(value, (bool, int, float)):
        return _constant(ctx, value, path, statement, is_users)
    node = as_node(ctx, value, span)
    if node.type.is_poison:
        return node
    if _was_made(ctx, node, start):
        builder.rename(node, path, is_named=is_users)
        node.doc = statement.doc or node.doc
        node.span = statement.span
    elif ctx.builder is ctx.main:
        ctx.aliases[path] = node
    return node


def _was_made(ctx: Context, node: Node, start: int) -> bool:
    nodes = ctx.builder.nodes
    if node.op in ("input", "param", "state") or (node.is_const and node.span is None):
        return False
    return (len(nodes) > start and nodes[-1] is node) or node in nodes[start:]


def _constant(ctx: Context, value: Any, path: str, statement: tree.Bind, is_users: bool) -> Node:
    """`a = 3`: a constant node of its own, so that it has a name."""
    dtype = {bool: DType.BOOL, int: DType.INT, float: DType.FLOAT}[type(value)]
    node = Node(
        path,
        CONST,
        (),
        {"value": value},
        TensorType(dtype, ()),
        statement.span,
        ctx.builder.scope,
        is_users,
        statement.doc,
    )
    return ctx.builder.add(node)


def _bind_several(ctx: Context, statement: tree.Bind, value: Any, start: int) -> None:
    items: tuple[Any, ...] = value.items if isinstance(value, Several) else ()
    if value is not BAD and len(items) != len(statement.targets):
        value = _wrong_number(ctx, statement, value)
    for i, target in enumerate(statement.targets):
        node: Any = BAD
        if value is not BAD:
            node = _named(ctx, items[i], path_of(ctx, target.text), target, statement, start)
        declare(ctx, target, node)


def _wrong_number(ctx: Context, statement: tree.Bind, value: Any) -> Any:
    count = len(statement.targets)
    bound = "1 name is bound" if count == 1 else f"{count} names are bound"
    if not isinstance(value, Several):
        return ctx.error(
            "E0508",
            statement.value.span,
            f"This is one value ({describe(value)}), but {bound}.",
            suggestion=f"Write `{statement.targets[0].text} = {_text(statement.value.span)}`.",
        )
    return ctx.error(
        "E0508",
        statement.value.span,
        f"`{value.of}` gives {len(value.items)} results ({', '.join(value.names)}), but {bound}.",
        suggestion=f"Write `{', '.join(value.names)} = {_text(statement.value.span)}`.",
    )


# --- loops and branches --------------------------------------------------------------------------


def _for(ctx: Context, statement: tree.For) -> None:
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


def _give_up(ctx: Context, body: tuple[tree.Statement, ...]) -> None:
    """What a block that is not elaborated would have bound is known, as errors already reported."""
    for name in bound_names(body):
        owner = ctx.env.owner(name) or ctx.env
        earlier = owner.names.get(name)
        owner.names[name] = Binding(BAD, earlier.span if earlier else None, is_tentative=True)


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
        run_body(ctx, statement.body)
    frame.env = outer


def _loop_values(ctx: Context, statement: tree.For) -> Any:
    iterable = statement.iterable
    if isinstance(iterable, tree.Range):
        return _range(ctx, iterable)
    value = evaluate(ctx, iterable)
    if value is BAD:
        return None
    if isinstance(value, tuple):
        return value
    text = _text(iterable.span)
    hint = notes = None
    if isinstance(value, int):
        hint = f"Count with `1..{text}`."
    elif isinstance(value, Dim):
        hint, notes = _USE_TENSORS, [_free_size_note(value)]
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


_USE_TENSORS = "Operations act on all examples at once, so no loop over them is needed."


def _free_size_note(size: Dim) -> str:
    names = " and ".join(f"`{n}`" for n in sorted(size.names))
    return (
        f"{names} is a free size: it is known only when data are fed."
        if len(size.names) == 1
        else (f"{names} are free sizes: they are known only when data are fed.")
    )


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
                f"The ends of a range must be known integers, but `{_text(end.span)}` is"
                f" {is_what(_text(end.span), value)}.",
                related=declared_label(value, end.span),
                notes=[_free_size_note(value)] if isinstance(value, Dim) else [],
                suggestion=_USE_TENSORS if isinstance(value, Dim) else hint,
            )
            return None
    return range(ends[0], ends[1] + 1)


def _if(ctx: Context, statement: tree.If) -> None:
    value = evaluate(ctx, statement.condition)
    if isinstance(value, bool):
        run_body(ctx, statement.then if value else statement.otherwise)
        return
    if value is not BAD:
        is_wire = isinstance(value, Node)
        notes = _free_sizes_in(ctx, statement.condition)
        ctx.error(
            "E0601" if is_wire else "E0404",
            statement.condition.span,
            "The condition of `if` must be true or false at compile time,"
            f" but `{_text(statement.condition.span)}` is {is_what(_text(statement.condition.span), value)}.",
            notes=notes,
            suggestion="Choose between wires with `where(condition, a, b)`."
            if is_wire and not notes
            else None,
        )
    _give_up(ctx, statement.then + statement.otherwise)


def _free_sizes_in(ctx: Context, expr: tree.Expr) -> list[str]:
    """Why a condition on free sizes is not known at compile time."""
    for node in tree.walk(expr):
        if isinstance(node, tree.Name):
            found = ctx.env.find(node.id)
            if found is not None and isinstance(found.value, Dim):
                return [_free_size_note(found.value)]
    return []


# --- facts ---------------------------------------------------------------------------------------


def _const(ctx: Context, statement: tree.Const) -> None:
    name = statement.name.text
    value = evaluate(ctx, statement.value)
    if len(ctx.frames) == 1 and name in ctx.overrides:
        value = ctx.overrides[name]
    if value is not BAD and not is_constant(value):
        value = ctx.error(
            "E0601",
            statement.value.span,
            f"A constant must be known at compile time, but `{_text(statement.value.span)}` is"
            f" {is_what(_text(statement.value.span), value)}.",
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


def _assert(ctx: Context, statement: tree.Assert) -> None:
    value = evaluate(ctx, statement.condition)
    if value is BAD or value is True:
        return
    if value is not False:
        notes = _free_sizes_in(ctx, statement.condition)
        ctx.error(
            "E0607",
            statement.condition.span,
            f"`assert` checks compile-time facts, but `{_text(statement.condition.span)}` is"
            f" {is_what(_text(statement.condition.span), value)}.",
            notes=notes,
            suggestion="Check values of wires with `expect`."
            if isinstance(value, Node) and not notes
            else None,
        )
        return
    condition = _text(statement.condition.span)
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


def _expect(ctx: Context, statement: tree.Expect) -> None:
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
    text = _text(condition.span) + (f" within {statement.within.span.text}" if statement.within else "")
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


def _metric(ctx: Context, statement: tree.Metric) -> None:
    name = statement.name.text
    with ctx.box(_check_box(ctx, "metric", statement.span)):
        bind = tree.Bind(statement.span, (statement.name,), statement.value, statement.doc)
        _bind(ctx, bind)
    found = ctx.env.find(name)
    if found is not None and isinstance(found.value, Node):
        value = found.value
        if value.shape == ():
            ctx.metrics[name] = value
        elif not value.type.is_poison:
            text = _text(statement.value.span)
            ctx.error(
                "E0402",
                statement.value.span,
                f"A metric is a single number, but `{text}` {has_type(value)}.",
                suggestion=f"Average it: `mean({text})`.",
            )


def _output(ctx: Context, statement: tree.Output) -> None:
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


def _layer(ctx: Context, statement: tree.Layer) -> None:
    call = statement.value
    function: Any
    args: list[tuple[str | None, Any, Span]] = []
    if isinstance(call, tree.Call):
        function = evaluate_function(ctx, call.function)
        args = [(a.name.text if a.name else None, evaluate(ctx, a.value), a.value.span) for a in call.args]
    else:
        function = evaluate(ctx, call)
    value: Any = BAD
    if function is not BAD and not any(v is BAD for _, v, _ in args):
        if isinstance(function, Definition) and function.kind in ("network", "gate"):
            frame = ctx.frame
            path = path_of(ctx, statement.name.text)
            if frame.node_prefix:
                path = frame.param_prefix + path[len(frame.node_prefix) :]
            if arguments.knows_names(ctx, function, args):
                value = Instance(function, args, path, statement.span)
        else:
            ctx.error(
                "E0509",
                call.span,
                f"`layer` names an instance of a network, but this is {describe(function)}.",
                suggestion=f"Drop `layer`: `{statement.name.text} = {_text(call.span)}`."
                if isinstance(function, Node)
                else "Write `layer enc = dense(64)`, for example.",
            )
    declare(ctx, statement.name, value)


def _update(ctx: Context, statement: tree.Update) -> None:
    found = ctx.env.find(statement.name.text)
    state = found.value if found else None
    if not isinstance(state, Node) or state.op != "state":
        if state is not BAD:
            name = statement.name.text
            ctx.error(
                "E0306",
                statement.name.span,
                f"`update` is about a state, but `{name}` is"
                f" {describe(state) if found else 'not known here'}.",
                related=declared_label(state, statement.name.span, is_value_needed=False),
                suggestion=f"Declare `state {name}: […] = 0` first."
                if not isinstance(state, Node) or state.op != "param"
                else "Parameters are changed by the optimizer; what you update yourself is a `state`.",
            )
        return
    earlier = ctx.frame.updated.get(state.path)
    if earlier is not None and not ctx.frame.loops:
        ctx.error(
            "E0304",
            statement.name.span,
            f"`{statement.name.text}` is updated twice.",
            related=[Label(earlier, "first updated here")],
            suggestion="Compute the whole change in one `update`.",
        )
        return
    ctx.frame.updated[state.path] = statement.name.span
    before, ctx.builder.prefix = ctx.builder.prefix, f"{path_of(ctx, statement.name.text)}.update"
    value = as_node(ctx, evaluate(ctx, statement.value), statement.value.span)
    ctx.builder.prefix = before
    if value.type.is_poison:
        return
    if value.shape != state.shape:
        ctx.error(
            "E0402",
            statement.value.span,
            f"The state `{statement.name.text}` {has_type(state)}, but its update {has_type(value)}.",
            label=f"this {has_type(value)}",
            related=declared_label(state, statement.name.span, is_value_needed=False),
        )
        return
    ctx.updates.append((state, ctx.builder.cast(value, state.type.dtype)))


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


def _text(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 80 else text[:77] + "…"


_OWNERS = ("main graph", "network")
_MAIN = ("main graph",)
_STATEMENTS: dict[type, Callable[[Context, Any], None]] = {
    tree.Bind: _bind,
    tree.GradBind: gates.bind_gradient,
    tree.Input: _only(_MAIN, leaves.declare_input),
    tree.Param: _only(_OWNERS, leaves.declare_param),
    tree.State: _only(_OWNERS, leaves.declare_state),
    tree.Const: _const,
    tree.Layer: _only(_OWNERS, _layer),
    tree.For: _for,
    tree.If: _if,
    tree.Assert: _assert,
    tree.Expect: _only(_MAIN, _expect),
    tree.Metric: _only(_MAIN, _metric),
    tree.Output: _only(_MAIN, _output),
    tree.Update: _only(_OWNERS, _update),
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
