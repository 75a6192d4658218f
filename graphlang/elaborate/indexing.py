"""Indices and attributes: `x[0, ..., :3]`, `x[k]`, `x.T`, `enc.W`, and paths such as `h[1].dense.W`."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate import constants
from graphlang.elaborate.context import Context
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Definition,
    Instance,
    Operation,
    describe,
    excerpt,
    is_what,
)
from graphlang.elaborate.wires import apply, as_node
from graphlang.graph.node import Node
from graphlang.graph.op import REQUIRED, RuleError
from graphlang.ops import registry
from graphlang.syntax import tree
from graphlang.types.dims import Dim, Sizes


def index(ctx: Context, expr: tree.Index) -> Any:
    """`x[i, j]`: by known indices at compile time, else by one wire along its axis."""
    value = ctx.evaluate(ctx, expr.value)
    items = [_index_item(ctx, item) for item in expr.items]
    if value is BAD or any(i is BAD for i in items):
        return BAD
    if isinstance(value, tuple):
        return constants.index_list(ctx, expr, value, items)
    if not isinstance(value, Node):
        return ctx.error(
            "E0406", expr.value.span, f"`{excerpt(expr.value.span)}` is {describe(value)} and has no entries."
        )
    wires = [i for i, item in enumerate(items) if isinstance(item, Node)]
    if not wires:
        return _index_plain(ctx, expr, value, items)
    if len(wires) > 1:
        return ctx.error(
            "E0406",
            expr.items[wires[1]].span,
            "Only one index can be a wire.",
            suggestion="Pick one entry per row with `gather(x, k)`.",
        )
    return _index_with_wire(ctx, expr, value, items, wires[0])


def _index_item(ctx: Context, item: tree.Expr) -> Any:
    if isinstance(item, tree.Dots):
        return "..."
    if isinstance(item, tree.Slice):
        return ("slice", *(_slice_bound(ctx, part) for part in (item.start, item.stop, item.step)))
    value = ctx.evaluate(ctx, item)
    if value is BAD or isinstance(value, (Node, Dim)) or (isinstance(value, int) and value is not True):
        return value
    return ctx.error(
        "E0406", item.span, f"An index must be an integer or a slice, but this is {describe(value)}."
    )


def _slice_bound(ctx: Context, part: tree.Expr | None) -> Any:
    if part is None:
        return None
    value = ctx.evaluate(ctx, part)
    if isinstance(value, (int, Dim)) or value is BAD:
        return None if value is BAD else value
    ctx.error(
        "E0406", part.span, f"The bounds of a slice must be known sizes, but this is {describe(value)}."
    )
    return None


_WHOLE = ("slice", None, None, None)


def _index_plain(ctx: Context, expr: tree.Index, node: Node, items: list[Any]) -> Any:
    """Index with compile-time items; after an error the caret stands on the item that is at fault."""
    op = registry.find("index")
    where = expr.items[0].span.to(expr.items[-1].span)
    for i, item in enumerate(expr.items if len(items) > 1 else ()):
        alone = [_WHOLE if k != i and other != "..." else other for k, other in enumerate(items)]
        try:
            op.rule(Sizes(ctx.sizes.defaults), node.type, items=tuple(alone))
        except RuleError as error:
            if "Too many" not in error.message and items.count("...") < 2:
                where = item.span
                break
    operands = [(node, expr.value.span)]
    return apply(ctx, op, operands, {"items": tuple(items)}, expr.span, {"items": where})


def _index_with_wire(ctx: Context, expr: tree.Index, node: Node, items: list[Any], at: int) -> Any:
    """`x[k]`, `x[:, k]`: take along one axis, after the compile-time indices have been applied."""
    wanted = items[at]
    rest = [_WHOLE if i == at else item for i, item in enumerate(items)]
    if "..." in rest[:at]:
        axis = -sum(1 for item in rest[at:] if not isinstance(item, (int, Dim)))
    else:
        axis = sum(1 for item in rest[:at] if not isinstance(item, (int, Dim)))
    if any(item not in (_WHOLE, "...") for item in rest):
        indexed = _index_plain(ctx, expr, node, rest)
        if indexed is BAD or indexed.type.is_poison:
            return BAD
        node = indexed
    operands = [(node, expr.value.span), (wanted, expr.items[at].span)]
    return apply(ctx, registry.find("take"), operands, {"axis": axis}, expr.span)


# --- attributes -----------------------------------------------------------------------------------


def attribute(ctx: Context, expr: tree.Attribute) -> Any:
    """`x.T`, the parameter of a layer, or the node that a whole path names."""
    path = _path_text(expr)
    if path is not None:
        node = _node_by_path(ctx, path)
        if node is not None:
            return node
    value = ctx.evaluate(ctx, expr.value)
    if value is BAD:
        return BAD
    if expr.name.text == "T" and not isinstance(value, CALLABLES):
        node = as_node(ctx, value, expr.value.span)
        return apply(ctx, registry.find("transpose"), [(node, expr.value.span)], {}, expr.span)
    if isinstance(value, Instance):
        if expr.name.text in value.leaves:
            return value.leaves[expr.name.text]
        if value.has_failed:
            return BAD
    return _no_attribute(ctx, expr, value)


def _path_text(expr: tree.Expr) -> str | None:
    """`scores.dense.W`, `h[1].dense.W` as the path they spell, None for any other expression."""
    parts: list[str] = []
    while True:
        if isinstance(expr, tree.Attribute):
            parts.append("." + expr.name.text)
            expr = expr.value
        elif isinstance(expr, tree.Index) and len(expr.items) == 1 and isinstance(expr.items[0], tree.Number):
            parts.append(f"[{expr.items[0].value}]")
            expr = expr.value
        elif isinstance(expr, tree.Name):
            return expr.id + "".join(reversed(parts))
        else:
            return None


def _node_by_path(ctx: Context, path: str) -> Node | None:
    found = ctx.leaves.get(path)
    if found is not None or ctx.builder is not ctx.main:
        return found
    return ctx.main.find(path)


def _no_attribute(ctx: Context, expr: tree.Attribute, value: Any) -> Any:
    name = expr.name.text
    hints = {
        "shape": f"Write `shape({excerpt(expr.value.span)})`.",
        "size": f"Write `size({excerpt(expr.value.span)})`.",
        "t": "The transpose is written `.T`.",
        "ndim": f"The number of axes is known from `shape({excerpt(expr.value.span)})`.",
        "grad": "Write `grad(f, x)`: the derivative of `f` with respect to `x`.",
    }
    if name in hints:
        suggestion: str | None = hints[name]
    elif registry.lookup(name) and isinstance(value, Node):
        op = registry.find(name)
        more = len(op.wires) > 1 or any(a.default is REQUIRED for a in op.attrs)
        suggestion = f"Write `{name}({excerpt(expr.value.span)}{', …' if more else ''})`."
    elif isinstance(value, Instance):
        meant = nearest(name, value.leaves)
        has = f"It has {', '.join(f'`{n}`' for n in value.leaves)}." if value.leaves else None
        late = "Its parameters are made by its first call: move this below."
        suggestion = f"Did you mean `{meant}`?" if meant else has or late
    elif isinstance(value, Definition):
        suggestion = (
            f"Parameters belong to a call: name one with `layer f = {value.name}(…)`, then `f.{name}`."
        )
    elif isinstance(value, Operation):
        suggestion = None
    elif isinstance(value, Node):
        suggestion = "`x.T` is the only attribute of a wire: it transposes the last two axes."
    else:
        suggestion = None
    text = excerpt(expr.value.span)
    what = is_what(text, value)
    return ctx.error(
        "E0303",
        expr.name.span,
        f"`{text}` is {what} and has no `{name}`."
        if not isinstance(value, Instance)
        else f"The layer `{value.path}` has no `{name}`.",
        suggestion=suggestion,
    )
