"""Expressions: from syntax to a compile-time value or a node.

`evaluate` dispatches on the kind of syntax. Arithmetic on compile-time values is folded
(`constants.py`); as soon as a wire takes part, an operation is added to the graph. The parser bounds how deep
an expression nests, and chains (`a + b + c`, `x -> f -> g`) are walked with a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.elaborate import builtins, constants, indexing, instances
from graphlang.elaborate.arguments import Args
from graphlang.elaborate.context import Context
from graphlang.elaborate.names import look_up
from graphlang.elaborate.values import BAD, CALLABLES, Builtin, Listed, Several, is_constant, is_number
from graphlang.elaborate.wires import apply_to, not_a_wire
from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.ops import registry
from graphlang.syntax import tree

BINARY_OPS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "@": "matmul", "^": "pow",
    "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
    "and": "logical_and", "or": "logical_or",
}  # fmt: skip
# Values that are no operands of anything.
_NO_WIRES = (str, Several, *CALLABLES)
UNARY_OPS = {"-": "neg", "not": "logical_not"}


def evaluate(ctx: Context, expr: tree.Expr) -> Any:
    """The value of an expression: a node, a compile-time value, or `BAD` after an error."""
    if type(expr) is tree.Name and (found := ctx.frames[-1].env.names.get(expr.id)) is not None:
        value = found.value  # half of all expressions are names of wires
        if type(value) is Builtin:
            value = _name(ctx, expr)
    else:
        value = _EVALUATE[type(expr)](ctx, expr)
    return BAD if type(value) is Node and value.type.is_poison else value


# --- leaves of the syntax -------------------------------------------------------------------------


def _name(ctx: Context, expr: tree.Name) -> Any:
    value = look_up(ctx, expr)
    if type(value) is Builtin and value.name == "params":
        return builtins.call(ctx, "params", [], expr.span)
    return value


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


# --- operators ------------------------------------------------------------------------------------


def _unary(ctx: Context, expr: tree.Unary) -> Any:
    value = evaluate(ctx, expr.operand)
    if value is BAD:
        return BAD
    if expr.op == "+":
        return value
    if type(value) is not Node and is_constant(value) and not isinstance(value, tuple):
        return constants.fold_unary(ctx, expr, value)
    return apply_to(ctx, registry.find(UNARY_OPS[expr.op]), (value,), (expr.operand,), expr.span)


def _binary(ctx: Context, expr: tree.Binary) -> Any:
    left: tree.Expr = expr.left
    if type(left) is not tree.Binary:
        return _combine(ctx, expr, evaluate(ctx, left), evaluate(ctx, expr.right))
    spine = [expr]
    while type(left) is tree.Binary:
        spine.append(left)
        left = left.left
    value = evaluate(ctx, left)
    for node in reversed(spine):
        value = _combine(ctx, node, value, evaluate(ctx, node.right))
    return value


def _combine(ctx: Context, expr: tree.Binary, left: Any, right: Any) -> Any:
    op = _OPS.get(expr.op) or _op(expr.op)
    if type(left) is not Node or type(right) is not Node:
        if left is BAD or right is BAD:
            return BAD
        if type(left) is not Node and type(right) is not Node:
            folded = constants.fold_binary(ctx, expr, left, right)
            if folded is not constants.NOT_CONSTANT:
                return folded
        for value, side in ((left, expr.left), (right, expr.right)):
            if isinstance(value, _NO_WIRES):
                return not_a_wire(ctx, value, side.span)
    if expr.op == "^" and is_number(right) and right < 0 and isinstance(left, Node):
        # A negative power of integers is a float: LANGUAGE, section 4.
        right = float(right)
    return apply_to(ctx, op, (left, right), (expr.left, expr.right), expr.span)


def _op(sign: str) -> Op:
    """The operation of a binary operator, found at its first use."""
    found = _OPS[sign] = registry.find(BINARY_OPS[sign])
    return found


_OPS: dict[str, Op] = {}


# --- calls ----------------------------------------------------------------------------------------


def _pipe(ctx: Context, expr: tree.Pipe) -> Any:
    spine = [expr]
    first: tree.Expr = expr.value
    while type(first) is tree.Pipe:
        spine.append(first)
        first = first.value
    entering: Args
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
    return instances.call(ctx, expr, [], expr.span)


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
    tree.Index: indexing.index,
    tree.Attribute: indexing.attribute,
    tree.Range: _range,
    tree.Dots: _dots,
    tree.Slice: _dots,
    tree.ErrorExpr: _error,
}
