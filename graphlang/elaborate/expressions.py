"""Expressions: from syntax to a compile-time value or a node.

`evaluate` dispatches on the kind of syntax. Arithmetic on compile-time values is folded
(`constants.py`); as soon as a wire takes part, an operation is added to the graph. The parser bounds how deep
an expression nests, and chains (`a + b + c`, `x -> f -> g`) are walked with a loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate import constants
from graphlang.elaborate.context import Context
from graphlang.elaborate.unknown import unknown_name
from graphlang.elaborate.values import (
    BAD,
    CALLABLES,
    Builtin,
    Definition,
    Instance,
    Listed,
    Operation,
    Several,
    describe,
    is_constant,
    is_number,
    is_what,
    places,
)
from graphlang.graph.node import Node
from graphlang.graph.op import REQUIRED, Op, RuleError
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim, Sizes

BINARY_OPS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "@": "matmul", "^": "pow",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
    "and": "logical_and", "or": "logical_or",
}  # fmt: skip
UNARY_OPS = {"-": "neg", "not": "logical_not"}
BUILTINS = frozenset({"grad", "params", "shape", "size"})


def evaluate(ctx: Context, expr: tree.Expr) -> Any:
    """The value of an expression: a node, a compile-time value, or `BAD` after an error."""
    value = _EVALUATE[type(expr)](ctx, expr)
    return BAD if type(value) is Node and value.type.is_poison else value


def evaluate_function(ctx: Context, expr: tree.Expr) -> Any:
    """What stands in front of the parentheses of a call, where `params` is not yet a list."""
    return look_up(ctx, expr) if isinstance(expr, tree.Name) else evaluate(ctx, expr)


def wire(ctx: Context, expr: tree.Expr) -> Node:
    """The value of an expression as a node; after an error, a poisoned one."""
    return as_node(ctx, evaluate(ctx, expr), expr.span)


def as_node(ctx: Context, value: Any, span: Span) -> Node:
    """A value as a node: numbers and lists of numbers become constants, lists of wires are stacked."""
    if isinstance(value, Node):
        return value
    if value is BAD:
        return ctx.builder.poison()
    if isinstance(value, (bool, int, float, Dim)):
        ctx.builder.span = span
        return ctx.builder.const(value)
    if isinstance(value, tuple):
        return _list_node(ctx, value, span)
    not_a_wire(ctx, value, span)
    return ctx.builder.poison()


def not_a_wire(ctx: Context, value: Any, span: Span) -> Any:
    """Report something that stands where a wire is needed."""
    return ctx.error(
        "E0602",
        span,
        f"A wire is needed here, but `{_text(span)}` is {is_what(_text(span), value)}.",
        suggestion=_how_to_make_a_wire(value),
    )


def _how_to_make_a_wire(value: Any) -> str | None:
    if isinstance(value, Several):
        names = ", ".join(value.names) or "a, b"
        return f"Bind them to names first: `{names} = {value.of or '…'}(…)`."
    if isinstance(value, Definition):
        return f"Call it: `{value.name}({', '.join(p.name.text for p in value.syntax.parameters[:1])}…)`."
    if isinstance(value, (Instance, Operation)):
        return f"Call it: `{value.path if isinstance(value, Instance) else value.name}(…)`."
    return None


def _list_node(ctx: Context, items: tuple[Any, ...], span: Span) -> Node:
    if _is_numeric(items):
        array = constants.as_array(items)
        if array is None:
            ragged_rows(ctx, items, span)
            return ctx.builder.poison()
        ctx.builder.span = span
        return ctx.builder.const(array)
    spans = places(items, span)
    nodes = [as_node(ctx, item, where) for item, where in zip(items, spans, strict=True)]
    return apply(ctx, registry.find("stack"), list(zip(nodes, spans, strict=True)), {"axis": 0}, span)


def ragged_rows(ctx: Context, items: tuple[Any, ...], span: Span) -> None:
    """Report a list of numbers that is no tensor, pointing at the first row that differs."""
    if constants.depth(items) > constants.MAX_AXES:
        ctx.error("E0405", span, f"A tensor has at most {constants.MAX_AXES} axes.")
        return
    message = "The rows of a tensor literal must have the same length"
    spans = places(items, span)
    shapes = [constants.shape_of(item) for item in items]
    if None in shapes:
        at = shapes.index(None)
        ragged_rows(ctx, items[at], spans[at] if spans[at].source is span.source else span)
        return
    odd = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
    first, other = (_row_text(shapes[i]) for i in (0, odd))
    is_here = span.start <= spans[odd].start < span.end and span.source is spans[odd].source
    rows = [] if spans[0] == span else [Label(spans[0], f"the first row is {first}")]
    if rows and not is_here:
        rows.append(Label(spans[odd], f"this row is {other}"))
    which = "this" if is_here and spans[odd] != span else f"row {odd + 1}"
    ctx.error(
        "E0405",
        spans[odd] if is_here else span,
        f"{message}: the first is {first}, {which} is {other}.",
        related=rows,
    )


def _row_text(shape: tuple[int, ...] | None) -> str:
    if not shape:
        return "a single number"
    return f"{shape[0]} long" if len(shape) == 1 else f"of shape {list(shape)}"


def _is_numeric(items: tuple[Any, ...]) -> bool:
    return all(_is_numeric(v) if isinstance(v, tuple) else isinstance(v, (bool, int, float)) for v in items)


def apply(
    ctx: Context,
    op: Op,
    operands: list[tuple[Any, Span]],
    attrs: dict[str, Any],
    span: Span,
    attr_spans: Mapping[str, Span] | None = None,
) -> Node:
    """Add the node of an operation, reporting what its shape rule refuses.

    `attr_spans` says where the attributes are written, those that are.
    """
    builder = ctx.builder
    builder.span = span
    inputs = [v if isinstance(v, (Node, bool, int, float)) else as_node(ctx, v, w) for v, w in operands]
    if ctx.stand_ins is not None:
        inputs = [stand_in(ctx, v) if isinstance(v, Node) else v for v in inputs]
    if op.is_random and not attrs.get("stream"):
        attrs = {**attrs, "stream": ctx.init_target[0] if ctx.init_target else builder.child(op.name)}
    try:
        return builder.apply(op, inputs, attrs)
    except RuleError as error:
        shown = [(n, where) for n, (_, where) in zip(inputs, operands, strict=True)]
        return ctx.rule_error(error, op, span, shown, attr_spans)


def stand_in(ctx: Context, node: Node) -> Node:
    """What stands for a node of the main graph inside the template of a backward block."""
    assert ctx.stand_ins is not None
    found = ctx.stand_ins.get(node)
    if found is None and node not in ctx.template_nodes():
        found = ctx.builder.add(Node(f"${node.path}", "input", (), {}, node.type, node.span))
        ctx.stand_ins[node] = found
    return found or node


# --- leaves of the syntax ------------------------------------------------------------------------


def _name(ctx: Context, expr: tree.Name) -> Any:
    value = look_up(ctx, expr)
    if isinstance(value, Builtin) and value.name == "params":
        from graphlang.elaborate import builtins

        return builtins.call(ctx, "params", [], expr.span)
    return value


def look_up(ctx: Context, expr: tree.Name) -> Any:
    """What a name stands for, or `BAD` after reporting that it is unknown."""
    found = ctx.env.find(expr.id)
    if found is not None:
        return found.value
    value = ctx.frame.module.find(expr.id)
    if value is not None:
        if isinstance(value, Definition):
            value.is_used = True
        return value
    return special_name(ctx, expr.id, expr.span)


def special_name(ctx: Context, name: str, span: Span) -> Any:
    """A name that the language itself knows, or an error."""
    if name == "training":
        return ctx.training
    if name in ("fan_in", "fan_out"):
        return _fan(ctx, name, span)
    if name in BUILTINS:
        return Builtin(name)
    op = registry.lookup(name)
    if op is not None:
        return Operation(name, op)
    return unknown_name(ctx, name, span)


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


def _literal(ctx: Context, expr: Any) -> Any:
    return expr.value


def _list(ctx: Context, expr: tree.ListExpr) -> Any:
    items = Listed(evaluate(ctx, item) for item in expr.items)
    if any(item is BAD for item in items):
        return BAD
    items.spans = tuple(item.span for item in expr.items)
    return items


def _tuple(ctx: Context, expr: tree.TupleExpr) -> Any:
    return ctx.error(
        "E0410",
        expr.span,
        "Several values in parentheses can only enter a pipeline: `(a, b) -> f`.",
        suggestion="For a list write `[a, b]`.",
    )


# --- operators -----------------------------------------------------------------------------------


def _unary(ctx: Context, expr: tree.Unary) -> Any:
    value = evaluate(ctx, expr.operand)
    if value is BAD:
        return BAD
    if expr.op == "+":
        return value
    if is_constant(value) and not isinstance(value, tuple):
        return constants.fold_unary(ctx, expr, value)
    return apply(ctx, registry.find(UNARY_OPS[expr.op]), [(value, expr.operand.span)], {}, expr.span)


def _binary(ctx: Context, expr: tree.Binary) -> Any:
    spine = [expr]
    left: tree.Expr = expr.left
    while type(left) is tree.Binary:
        spine.append(left)
        left = left.left
    value = evaluate(ctx, left)
    for node in reversed(spine):
        value = _combine(ctx, node, value, evaluate(ctx, node.right))
    return value


def _combine(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    if left is BAD or right is BAD:
        return BAD
    if not isinstance(left, Node) and not isinstance(right, Node):
        folded = constants.fold_binary(ctx, expr, left, right)
        if folded is not constants.NOT_CONSTANT:
            return folded
    for value, side in ((left, expr.left), (right, expr.right)):
        if isinstance(value, (str, Several, *CALLABLES)):
            return not_a_wire(ctx, value, side.span)
    if expr.op == "^" and is_number(right) and right < 0 and isinstance(left, Node):
        # A negative power of integers is a float: LANGUAGE, section 4.
        right = float(right)
    operands = [(left, expr.left.span), (right, expr.right.span)]
    return apply(ctx, registry.find(BINARY_OPS[expr.op]), operands, {}, expr.span)


# --- index and attribute -------------------------------------------------------------------------


def _index(ctx: Context, expr: tree.Index) -> Any:
    value = evaluate(ctx, expr.value)
    items = [_index_item(ctx, item) for item in expr.items]
    if value is BAD or any(i is BAD for i in items):
        return BAD
    if isinstance(value, tuple):
        return constants.index_list(ctx, expr, value, items)
    if not isinstance(value, Node):
        return ctx.error(
            "E0406", expr.value.span, f"`{_text(expr.value.span)}` is {describe(value)} and has no entries."
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


def _index_item(ctx: Context, item: tree.Expr) -> Any:
    if isinstance(item, tree.Dots):
        return "..."
    if isinstance(item, tree.Slice):
        return ("slice", *(_slice_bound(ctx, part) for part in (item.start, item.stop, item.step)))
    value = evaluate(ctx, item)
    if value is BAD or isinstance(value, (Node, Dim)) or (isinstance(value, int) and value is not True):
        return value
    return ctx.error(
        "E0406", item.span, f"An index must be an integer or a slice, but this is {describe(value)}."
    )


def _slice_bound(ctx: Context, part: tree.Expr | None) -> Any:
    if part is None:
        return None
    value = evaluate(ctx, part)
    if isinstance(value, (int, Dim)) or value is BAD:
        return None if value is BAD else value
    ctx.error(
        "E0406", part.span, f"The bounds of a slice must be known sizes, but this is {describe(value)}."
    )
    return None


def _attribute(ctx: Context, expr: tree.Attribute) -> Any:
    path = _path_text(expr)
    if path is not None:
        node = _node_by_path(ctx, path)
        if node is not None:
            return node
    value = evaluate(ctx, expr.value)
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


def _no_attribute(ctx: Context, expr: tree.Attribute, value: Any) -> Any:
    name = expr.name.text
    hints = {
        "shape": f"Write `shape({_text(expr.value.span)})`.",
        "size": f"Write `size({_text(expr.value.span)})`.",
        "t": "The transpose is written `.T`.",
        "ndim": f"The number of axes is known from `shape({_text(expr.value.span)})`.",
        "grad": "Write `grad(f, x)`: the derivative of `f` with respect to `x`.",
    }
    if name in hints:
        suggestion: str | None = hints[name]
    elif registry.lookup(name) and isinstance(value, Node):
        op = registry.find(name)
        more = len(op.wires) > 1 or any(a.default is REQUIRED for a in op.attrs)
        suggestion = f"Write `{name}({_text(expr.value.span)}{', …' if more else ''})`."
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
    text = _text(expr.value.span)
    what = is_what(text, value)
    return ctx.error(
        "E0303",
        expr.name.span,
        f"`{text}` is {what} and has no `{name}`."
        if not isinstance(value, Instance)
        else f"The layer `{value.path}` has no `{name}`.",
        suggestion=suggestion,
    )


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
    # Rare enough (a path of an unnamed node, in an expectation) to search for.
    return next((n for n in reversed(ctx.main.nodes) if n.path == path), None)


def _range(ctx: Context, expr: tree.Range) -> Any:
    return ctx.error(
        "E0605",
        expr.span,
        "A range `a..b` belongs in `for k in a..b` or `columns(a..b)`.",
    )


def _dots(ctx: Context, expr: tree.Expr) -> Any:
    return ctx.error("E0410", expr.span, "`...` belongs in an index or in a signature.")


def _error(ctx: Context, expr: tree.Expr) -> Any:
    return BAD


def _pipe(ctx: Context, expr: tree.Pipe) -> Any:
    from graphlang.elaborate import instances

    spine = [expr]
    first: tree.Expr = expr.value
    while type(first) is tree.Pipe:
        spine.append(first)
        first = first.value
    entering: list[tuple[str | None, Any, Span]]
    if isinstance(first, tree.TupleExpr):
        entering = [(None, evaluate(ctx, item), item.span) for item in first.items]
    else:
        entering = [(None, evaluate(ctx, first), first.span)]
    value: Any = BAD
    for step in reversed(spine):
        value = instances.call(ctx, step.target, entering, step.span)
        span = step.span
        if isinstance(value, Several):
            entering = [(None, item, span) for item in value.items]
        else:
            entering = [(None, value, span)]
    return value


def _call(ctx: Context, expr: tree.Call) -> Any:
    from graphlang.elaborate import instances

    return instances.call(ctx, expr, [], expr.span)


def _text(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "…"


_EVALUATE: dict[type, Callable[[Context, Any], Any]] = {
    tree.Name: _name,
    tree.Number: _literal,
    tree.String: _literal,
    tree.Boolean: _literal,
    tree.ListExpr: _list,
    tree.TupleExpr: _tuple,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Pipe: _pipe,
    tree.Call: _call,
    tree.Index: _index,
    tree.Attribute: _attribute,
    tree.Range: _range,
    tree.Dots: _dots,
    tree.Slice: _dots,
    tree.ErrorExpr: _error,
}
