"""What the rules of expressions make. A value's depth is that of its parts and one, up to `MAX_DEPTH`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from graphlang.diagnostics.diagnostic import Label
from graphlang.records import maker
from graphlang.source import Span, make_span
from graphlang.syntax import tree as t
from graphlang.syntax.literals import string_value
from graphlang.syntax.reduction import Reduction, shorten
from graphlang.syntax.token import Token

_NOT_CALLED = frozenset((t.Number, t.String, t.Boolean, t.ListExpr, t.TupleExpr))
# A comparison, with what may stand between it and its left operand.
_COMPARISON = re.compile(r"(?:[)\s]|#[^\n]*)*([<>=!≤≥≠≈~]+)")

_make_name, _make_number, _make_argument = maker(t.Name), maker(t.Number), maker(t.Argument)
_make_unary, _make_binary, _make_call = maker(t.Unary), maker(t.Binary), maker(t.Call)


class Expressions(Reduction):
    """The functions for expressions."""

    def too_deep(self, span: Span, below: Sequence[t.Expr | None]) -> t.ErrorExpr:
        """Stands for an expression that is nested too deeply; reported at the first level too many."""
        if not any(isinstance(e, t.ErrorExpr) for e in below):
            message = f"This expression is nested more than {t.MAX_DEPTH} levels deep."
            self.error("E0209", span, message, suggestion="Give a name to a part of it.")
        return t.ErrorExpr(span, depth=t.MAX_DEPTH)

    def nest(self, node: Callable[..., t.Expr], below: Sequence[t.Expr | None], *parts: Any) -> t.Expr:
        """A node one level above the expressions `below`."""
        depth = 1
        for expr in below:
            if expr is not None and expr.depth >= depth:
                depth = expr.depth + 1
        if depth > t.MAX_DEPTH:
            return self.too_deep(self.span(), below)
        return node(self.span(), *parts, depth=depth)

    def binary(self, parts: list[Any]) -> t.Expr:
        """`left operator right`. A chain that leans left counts as one level."""
        left, op, right = parts
        return self.binary_at(*self.place(), left, op.text, right)

    def binary_at(self, start: int, end: int, left: t.Expr, op: str, right: t.Expr) -> t.Expr:
        """What `binary` makes of its parts."""
        depth = left.depth if type(left) is t.Binary else left.depth + 1
        if right.depth >= depth:
            depth = right.depth + 1
        span = make_span((self.source, start, end))
        if depth > t.MAX_DEPTH:
            return self.too_deep(span, (left, right))
        return _make_binary(span, op, left, right, depth)

    def chained(self, parts: list[Any]) -> t.Expr:
        """`a < b < c`: reported; read on as if it were one comparison after the other."""
        left, op, right = parts
        middle = left.right.span.text if isinstance(left, t.Binary) else "b"
        first, last = left.span.text, shorten(right.span.text)
        if isinstance(left, t.Binary):
            self.error(
                "E0208",
                self.token_span(op),
                "Comparisons do not chain.",
                label="second comparison",
                related=[Label(_sign_of(left), "first comparison")],
                suggestion=f"Write `{shorten(first)} and {shorten(middle)} {op.text} {last}`.",
            )
        return t.ErrorExpr(self.span())

    def unary(self, parts: list[Any]) -> t.Expr:
        """`-x`, `+x`, `not x`."""
        op, operand = parts
        return self.unary_at(*self.place(), op.text, operand)

    def unary_at(self, start: int, end: int, op: str, operand: t.Expr) -> t.Expr:
        """What `unary` makes of its parts."""
        span, depth = make_span((self.source, start, end)), operand.depth + 1
        if depth > t.MAX_DEPTH:
            return self.too_deep(span, (operand,))
        return _make_unary(span, op, operand, depth)

    def pipe(self, parts: list[Any]) -> t.Expr:
        """`value -> target`."""
        value, target = parts
        if not isinstance(target, t.Name | t.Attribute | t.Call | t.ErrorExpr):
            self.error(
                "E0219",
                target.span,
                "The right side of `->` must be something that can be called.",
                label="not a function",
                suggestion="Write a name or a call: `x -> relu`, `x -> dense(64)`.",
            )
            return t.ErrorExpr(self.span())
        depth = max(value.depth if type(value) is t.Pipe else value.depth + 1, target.depth + 1)
        if depth > t.MAX_DEPTH:
            return self.too_deep(self.span(), (value, target))
        return t.Pipe(self.span(), value, target, depth=depth)

    def range_(self, parts: list[Any]) -> t.Expr:
        """`start..stop`."""
        return self.nest(t.Range, parts, *parts)

    def call(self, parts: list[Any]) -> t.Expr:
        """`f(a, b = c)`."""
        return self.call_at(*self.place(), *parts)

    def call_at(self, start: int, end: int, function: t.Expr, *args: t.Argument) -> t.Expr:
        """What `call` makes of its parts."""
        span = make_span((self.source, start, end))
        if type(function) in _NOT_CALLED:
            text = shorten(function.span.text)
            hint = f"A product needs its sign: `{text} * (…)`." if isinstance(function, t.Number) else None
            self.error("E0224", function.span, f"`{text}` cannot be called.", suggestion=hint)
            return t.ErrorExpr(span)
        self.check_arguments(args)
        depth = function.depth
        for arg in args:
            if arg.value.depth > depth:
                depth = arg.value.depth
        if depth >= t.MAX_DEPTH:
            return self.too_deep(span, [function, *[a.value for a in args]])
        return _make_call(span, function, args, depth + 1)

    def check_arguments(self, args: Sequence[t.Argument]) -> None:
        """Positional arguments come first, and no name comes twice."""
        named: t.Argument | None = None
        for arg in args:
            if arg.name:
                named = arg
            elif named:
                self.error(
                    "E0223",
                    arg.span,
                    "An argument without a name follows one with a name.",
                    related=[Label(named.span, "named argument")],
                    suggestion="Put it in front, or give it its name.",
                )
        if named:
            self.no_repeats([a.name for a in args if a.name], "given twice")

    def positional(self, parts: list[Any]) -> t.Argument:
        """An argument without a name."""
        return self.positional_at(*self.place(), parts[0])

    def positional_at(self, start: int, end: int, value: t.Expr) -> t.Argument:
        """What `positional` makes of its part."""
        return _make_argument((self.source, start, end), None, value)

    def named(self, parts: list[Any]) -> t.Argument:
        """`name = value`."""
        return t.Argument(self.span(), self.ident(parts[0]), parts[1])

    def index(self, parts: list[Any]) -> t.Expr:
        """`x[0, 1:3, ...]`."""
        value, *items = parts
        return self.nest(t.Index, parts, value, tuple(items))

    def slice_(self, parts: list[Any]) -> t.Expr:
        """`[start] ":" [stop] [":" [step]]`."""
        start, _, stop = parts[:3]
        step = parts[4] if len(parts) > 4 else None
        return self.nest(t.Slice, (start, stop, step), start, stop, step)

    def attribute(self, parts: list[Any]) -> t.Expr:
        """`x.T`."""
        value, name = parts
        return self.nest(t.Attribute, (value,), value, self.ident(name))

    # --- names and literals ----------------------------------------------------------------------------

    def name(self, parts: list[Token]) -> t.Name:
        """A name that is used."""
        token = parts[0]
        return self.name_at(token.start, token.end, token.text)

    def name_at(self, start: int, end: int, text: str) -> t.Name:
        """What `name` makes of a token."""
        return _make_name((self.source, start, end), text)

    def integer(self, parts: list[Token]) -> t.Number:
        """`1_000`."""
        return self.integer_at(*self.place(), parts[0].text)

    def integer_at(self, start: int, end: int, text: str) -> t.Number:
        """What `integer` makes of a token."""
        return _make_number((self.source, start, end), int(text))

    def float_(self, parts: list[Token]) -> t.Number:
        """`1e-4`."""
        return self.float_at(*self.place(), parts[0].text)

    def float_at(self, start: int, end: int, text: str) -> t.Number:
        """What `float_` makes of a token."""
        return _make_number((self.source, start, end), float(text))

    def string(self, parts: list[Token]) -> t.String:
        """Text in quotes."""
        return t.String(self.span(), string_value(parts[0].text))

    def boolean(self, parts: list[Token]) -> t.Boolean:
        """`true`, `false`."""
        return t.Boolean(self.span(), parts[0].type == "TRUE")

    def list_(self, parts: list[t.Expr]) -> t.Expr:
        """`[a, b]`."""
        return self.nest(t.ListExpr, parts, tuple(parts))

    def tuple_(self, parts: list[t.Expr]) -> t.Expr:
        """`(a, b)`."""
        return self.nest(t.TupleExpr, parts, tuple(parts))


def _sign_of(comparison: t.Binary) -> Span:
    """Where the sign of a comparison stands: the first behind its left operand."""
    source, _, end = comparison.left.place
    found = _COMPARISON.match(source.text, end)
    return Span(source, *found.span(1)) if found else comparison.span
