"""Statements: binding names, declaring leaves, unrolling loops, choosing branches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import gates, leaves, training
from graphlang.elaborate.context import MAX_ITERATIONS, Context, Loop
from graphlang.elaborate.expressions import as_node, evaluate
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Definition,
    Instance,
    Several,
    describe,
    is_constant,
)
from graphlang.graph.model import Expectation
from graphlang.graph.node import CONST, Node, Scope
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType, TensorType


def run_body(ctx: Context, body: tuple[tree.Statement, ...]) -> None:
    """Elaborate statements in order; an error in one does not stop the next."""
    for statement in body:
        _STATEMENTS[type(statement)](ctx, statement)


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
    if earlier is not None and earlier.value is BAD:
        earlier = None
    module = ctx.frame.module
    if earlier is None and len(ctx.frames) == 1 and name in module.own:
        earlier = Binding(None, module.spans.get(name))
    if earlier is not None:
        related = [Label(earlier.span, "first bound here")] if earlier.span else []
        ctx.error(
            "E0304",
            ident.span,
            f"`{name}` is bound twice.",
            related=related,
            notes=["A name stands for one value; only the body of a `for` may bind it anew."],
            suggestion=f"Call this one `{_fresh(ctx, name)}`.",
        )
        return False
    env.names[name] = Binding(value, ident.span)
    return True


def _fresh(ctx: Context, name: str) -> str:
    count = 2
    while ctx.env.find(f"{name}{count}") is not None:
        count += 1
    return f"{name}{count}"


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
    builder.prefix = before
    if len(statement.targets) > 1 or isinstance(value, Several):
        _bind_several(ctx, statement, value, start)
        return
    target = statement.targets[0]
    if isinstance(value, CALLABLES):
        value = _not_a_wire(ctx, statement, value)
    node = value if value is BAD else _named(ctx, value, path, target, statement, start)
    declare(ctx, target, node)


def _not_a_wire(ctx: Context, statement: tree.Bind, value: Any) -> Any:
    hint = "A network with parameters of its own is named with `layer f = …`."
    if isinstance(value, Definition):
        hint = f"Call it: `{value.name}(…)`. {hint}"
    return ctx.error(
        "E0602",
        statement.value.span,
        f"A wire is needed here, but this is {describe(value)}.",
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
    count = len(statement.targets)
    if value is not BAD and len(items) != count:
        found = f"{len(items)} results" if isinstance(value, Several) else "one"
        ctx.error(
            "E0508",
            statement.value.span,
            f"{count} name{'s' if count > 1 else ''} cannot be bound to {found}.",
            suggestion=f"Write {', '.join('abcdefgh'[: len(items)])} = …." if 1 < len(items) <= 8 else None,
        )
        value = BAD
    for i, target in enumerate(statement.targets):
        node: Any = BAD
        if value is not BAD:
            node = _named(ctx, items[i], path_of(ctx, target.text), target, statement, start)
        declare(ctx, target, node)


# --- loops and branches --------------------------------------------------------------------------


def _for(ctx: Context, statement: tree.For) -> None:
    values = _loop_values(ctx, statement)
    if values is None:
        # Names the body would have bound are known, as errors already reported.
        for inner in statement.body:
            if isinstance(inner, tree.Bind):
                for target in inner.targets:
                    ctx.env.names.setdefault(target.text, Binding(BAD, target.span))
        return
    frame, outer = ctx.frame, ctx.env
    loop = Loop()
    title = f"for {statement.variable.text} in {statement.iterable.span.text}"
    name = f"{frame.node_prefix}.for" if frame.node_prefix else "for"
    scope = Scope(ctx.builder.unique(name), "loop", "for", title, ctx.builder.scope, statement.span)
    frame.loops.append(loop)
    with ctx.box(scope):
        for value in values:
            loop.iteration += 1
            ctx.iterations += 1
            if ctx.iterations > MAX_ITERATIONS:
                ctx.error("E0606", statement.span, f"Loops run more than {MAX_ITERATIONS:,} times in all.")
                break
            _iteration(ctx, statement, value, outer, scope, loop)
    frame.loops.pop()
    for path, index in loop.highest.items():
        frame.used_indices[path] = max(index, frame.used_indices.get(path, 0))


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
    hint = f"Count with `1..{iterable.span.text}`." if isinstance(value, (int, Dim)) else None
    ctx.error(
        "E0605",
        iterable.span,
        f"A loop runs over a range `a..b` or a list, but this is {describe(value)}.",
        suggestion=hint,
    )
    return None


def _range(ctx: Context, expr: tree.Range) -> range | None:
    ends = [evaluate(ctx, end) for end in (expr.start, expr.stop)]
    for value, end in zip(ends, (expr.start, expr.stop), strict=True):
        if value is BAD:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            what = "a free size, known only when data are fed" if isinstance(value, Dim) else describe(value)
            ctx.error("E0605", end.span, f"The ends of a range must be known integers, but this is {what}.")
            return None
    return range(ends[0], ends[1] + 1)


def _if(ctx: Context, statement: tree.If) -> None:
    value = evaluate(ctx, statement.condition)
    if value is BAD:
        return
    if not isinstance(value, bool):
        is_wire = isinstance(value, Node)
        ctx.error(
            "E0601" if is_wire else "E0404",
            statement.condition.span,
            f"The condition of `if` must be true or false at compile time, but this is {describe(value)}.",
            suggestion="Choose between wires with `where(condition, a, b)`." if is_wire else None,
        )
        return
    run_body(ctx, statement.then if value else statement.otherwise)


# --- facts ---------------------------------------------------------------------------------------


def _const(ctx: Context, statement: tree.Const) -> None:
    name = statement.name.text
    value = evaluate(ctx, statement.value)
    if len(ctx.frames) == 1 and name in ctx.overrides:
        value = ctx.overrides[name]
    if value is not BAD and not is_constant(value):
        what = "is a wire" if isinstance(value, Node) else f"is {describe(value)}"
        value = ctx.error(
            "E0601",
            statement.value.span,
            f"A constant must be known at compile time, but `{_text(statement.value.span)}` {what}.",
            suggestion=f"Drop `const`: `{name} = …` makes a wire." if isinstance(value, Node) else None,
        )
    if declare(ctx, statement.name, value) and len(ctx.frames) == 1:
        ctx.consts[name] = value
        ctx.frame.module.own[name] = value
        ctx.frame.module.spans[name] = statement.name.span


def _assert(ctx: Context, statement: tree.Assert) -> None:
    value = evaluate(ctx, statement.condition)
    if value is BAD or value is True:
        return
    if value is not False:
        ctx.error(
            "E0607",
            statement.condition.span,
            f"`assert` checks compile-time facts, but this is {describe(value)}.",
            suggestion="Check values of wires with `expect`." if isinstance(value, Node) else None,
        )
        return
    message = f"This does not hold: {_text(statement.condition.span)}."
    if statement.message is not None:
        given = evaluate(ctx, statement.message)
        if isinstance(given, str):
            message = _filled(ctx, given, statement.message.span)
    ctx.error("E0607", statement.condition.span, message)


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
        if not isinstance(condition, tree.ErrorExpr):
            ctx.error(
                "E0205",
                condition.span,
                "An expectation compares two things: `expect f == 3`, `expect loss < 0.1`.",
            )
        return
    within = None
    if statement.within is not None:
        within = evaluate(ctx, statement.within)
        if within is not BAD and (isinstance(within, bool) or not isinstance(within, (int, float))):
            ctx.error("E0601", statement.within.span, "The tolerance must be a known number.")
            return
    with ctx.box(_check_box(ctx, "expect", statement.span)):
        before, ctx.builder.prefix = ctx.builder.prefix, "expect"
        left, right = evaluate(ctx, condition.left), evaluate(ctx, condition.right)
        ctx.builder.prefix = before
    if left is BAD or right is BAD or within is BAD:
        return
    for value, side in ((left, condition.left), (right, condition.right)):
        if not isinstance(value, Node) and not is_constant(value):
            as_node(ctx, value, side.span)
            return
    text = _text(condition.span) + (f" within {statement.within.span.text}" if statement.within else "")
    ctx.expectations.append(Expectation(text, left, condition.op, right, within, statement.span))


def _check_box(ctx: Context, name: str, span: Span) -> Scope:
    return Scope(f"#{name}", "check", name, name, "", span)


def _metric(ctx: Context, statement: tree.Metric) -> None:
    name = statement.name.text
    with ctx.box(_check_box(ctx, "metric", statement.span)):
        bind = tree.Bind(statement.span, (statement.name,), statement.value, statement.doc)
        _bind(ctx, bind)
    found = ctx.env.find(name)
    if found is not None and isinstance(found.value, Node):
        ctx.metrics[name] = found.value


def _output(ctx: Context, statement: tree.Output) -> None:
    for ident in statement.names:
        value = evaluate(ctx, tree.Name(ident.span, ident.text))
        if value is BAD:
            continue
        if not isinstance(value, Node):
            ctx.error(
                "E0602", ident.span, f"An output must be a wire, but `{ident.text}` is {describe(value)}."
            )
        elif not value.type.is_poison and all(value is not n for n, _ in ctx.outputs):
            ctx.outputs.append((value, ident.span))


def _layer(ctx: Context, statement: tree.Layer) -> None:
    call = statement.value
    function: Any
    args: list[tuple[str | None, Any, Span]] = []
    if isinstance(call, tree.Call):
        function = evaluate(ctx, call.function)
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
            value = Instance(function, args, path, statement.span)
        else:
            ctx.error(
                "E0509",
                call.span,
                f"`layer` names an instance of a network, but this is {describe(function)}.",
                suggestion="Write `layer enc = dense(64)`.",
            )
    declare(ctx, statement.name, value)


def _update(ctx: Context, statement: tree.Update) -> None:
    found = ctx.env.find(statement.name.text)
    state = found.value if found else None
    if not isinstance(state, Node) or state.op != "state":
        if state is not BAD:
            ctx.error(
                "E0306",
                statement.name.span,
                f"`update` is about a state, but `{statement.name.text}` is"
                f" {describe(state) if found else 'not known here'}.",
                suggestion=f"Declare `state {statement.name.text}: […] = 0` first.",
            )
        return
    before, ctx.builder.prefix = ctx.builder.prefix, f"{path_of(ctx, statement.name.text)}.update"
    value = as_node(ctx, evaluate(ctx, statement.value), statement.value.span)
    ctx.builder.prefix = before
    if value.type.is_poison:
        return
    if value.shape != state.shape:
        ctx.error(
            "E0402",
            statement.value.span,
            f"The state `{statement.name.text}` has type {state.type}, but this has type {value.type}.",
        )
        return
    ctx.updates.append((state, ctx.builder.cast(value, state.type.dtype)))


def _ignored(ctx: Context, statement: tree.Statement) -> None:
    """Definitions and imports are entered into the module before any body runs."""


def _misplaced_backward(ctx: Context, statement: tree.Backward) -> None:
    ctx.error("E0506", statement.span, "A backward block belongs in a gate.")


def _failed(ctx: Context, statement: tree.ErrorStatement) -> None:
    for name in statement.names:
        ctx.env.names.setdefault(name, Binding(BAD, statement.span))


def _only(kinds: tuple[str, ...], what: str, run: Callable[[Context, Any], None]) -> Any:
    """`run` where the body's kind allows it, an error elsewhere."""

    def checked(ctx: Context, statement: Any) -> None:
        if ctx.frame.kind in kinds:
            run(ctx, statement)
            return
        ctx.error(
            "E0506",
            statement.span,
            f"{what} cannot stand in a {ctx.frame.kind}.",
            notes=["A gate is a pure function of its wires."] if ctx.frame.kind == "gate" else [],
        )
        name = getattr(statement, "name", None)
        if name is not None:
            ctx.env.names.setdefault(name.text, Binding(BAD, statement.span))

    return checked


def _text(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 80 else text[:77] + "…"


_OWNERS = ("main graph", "network")
_MAIN = ("main graph",)
_STATEMENTS: dict[type, Callable[[Context, Any], None]] = {
    tree.Bind: _bind,
    tree.GradBind: gates.bind_gradient,
    tree.Input: _only(_MAIN, "An input", leaves.declare_input),
    tree.Param: _only(_OWNERS, "A parameter", leaves.declare_param),
    tree.State: _only(_OWNERS, "A state", leaves.declare_state),
    tree.Const: _const,
    tree.Layer: _only(_OWNERS, "A layer", _layer),
    tree.For: _for,
    tree.If: _if,
    tree.Assert: _assert,
    tree.Expect: _only(_MAIN, "An expectation", _expect),
    tree.Metric: _only(_MAIN, "A metric", _metric),
    tree.Output: _only(_MAIN, "An output", _output),
    tree.Update: _only(_OWNERS, "An update", _update),
    tree.Data: _only(_MAIN, "A data source", training.declare_data),
    tree.Train: _only(_MAIN, "A train block", training.declare_train),
    tree.Gate: _only(_MAIN, "A gate's definition", _ignored),
    tree.Network: _only(_MAIN, "A network's definition", _ignored),
    tree.Init: _only(_MAIN, "An initialiser's definition", _ignored),
    tree.Optimizer: _only(_MAIN, "An optimizer's definition", _ignored),
    tree.Import: _only(_MAIN, "An import", _ignored),
    tree.Backward: _misplaced_backward,
    tree.ErrorStatement: _failed,
}
