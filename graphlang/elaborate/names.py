"""Names: what one stands for, binding it in the body at hand, and the path of the node it names."""

from __future__ import annotations

from functools import cache
from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context
from graphlang.elaborate.scopes import Binding
from graphlang.elaborate.unknown import unknown_name
from graphlang.elaborate.values import BAD, Builtin, Definition, Operation
from graphlang.ops import registry
from graphlang.records import maker
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim

_make_binding = maker(Binding)
BUILTINS = frozenset({"grad", "params", "shape", "size"})


# --- looking up -----------------------------------------------------------------------------------


def look_up(ctx: Context, expr: tree.Name) -> Any:
    """What a name stands for, or `BAD` after reporting that it is unknown."""
    frame = ctx.frames[-1]
    found = frame.env.find(expr.id)
    if found is not None:
        return found.value
    module = frame.module
    if expr.id in module.operations and expr.id not in module.own:
        return module.operations[expr.id]
    value = module.find(expr.id)
    if value is not None:
        if isinstance(value, Definition):
            value.is_used = True
        return value
    value = special_name(ctx, expr.id, expr.span)
    if type(value) is Operation:
        module.operations[expr.id] = value
    return value


def special_name(ctx: Context, name: str, span: Span) -> Any:
    """A name that the language itself knows, or an error."""
    if name == "training":
        ctx.has_asked_training = True
        return ctx.training
    if name in ("fan_in", "fan_out"):
        return _fan(ctx, name, span)
    if name in BUILTINS:
        return Builtin(name)
    return _operation(name) or unknown_name(ctx, name, span)


@cache
def _operation(name: str) -> Operation | None:
    op = registry.lookup(name)
    return Operation(name, op) if op is not None else None


def _fan(ctx: Context, name: str, span: Span) -> Any:
    """Connections into and out of each unit: the convention of Glorot and Bengio (2010)."""
    if ctx.init_target is None:
        return ctx.error(
            "E0603",
            span,
            f"`{name}` is known only where a parameter is drawn.",
            suggestion=f"Use it in an initialiser: `init mine() = normal(0, 1 / {name})`.",
        )
    shape = ctx.init_target[1]
    if len(shape) < 2:
        return shape[0] if shape else 1
    if len(shape) == 2:
        return shape[0] if name == "fan_in" else shape[1]
    field = 1
    for size in shape[2:]:
        field = field * size
    return (shape[1] if name == "fan_in" else shape[0]) * field


# --- binding --------------------------------------------------------------------------------------


def declare(ctx: Context, ident: tree.Ident, value: Any) -> bool:
    """Bind a name in the body at hand; False (after an error) if it is bound already."""
    frame, name = ctx.frames[-1], ident.text
    env = frame.env
    if name in frame.rebindable:
        (env.owner(name) or env).names[name] = _make_binding(value, ident.span)
        return True
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
    module = frame.module
    if earlier is None and len(ctx.frames) == 1 and module.own.get(name, BAD) is not BAD:
        earlier = Binding(module.own[name], module.spans.get(name))
    if earlier is None:
        env.names[name] = _make_binding(value, ident.span)
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


# --- paths ----------------------------------------------------------------------------------------


def path_of(ctx: Context, name: str) -> str:
    """The path of a node bound to `name` here: below the call's, with the iterations around it."""
    frame = ctx.frames[-1]
    path = f"{frame.node_prefix}.{name}" if frame.node_prefix else name
    for loop in frame.loops:
        if path not in loop.offsets:
            loop.offsets[path] = frame.used_indices.get(path, 0)
        index = loop.offsets[path] + loop.iteration
        loop.highest[path] = index
        path = f"{path}[{index}]"
    return path


def owned_path(ctx: Context, name: str) -> str:
    """The path of a parameter, a state or a layer: below that of the instance which owns it."""
    frame, path = ctx.frame, path_of(ctx, name)
    return frame.param_prefix + path[len(frame.node_prefix) :] if frame.node_prefix else path
