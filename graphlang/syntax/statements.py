"""What the rules of statements make: declarations, names and what they stand for, choice and repetition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.records import maker
from graphlang.source import make_span
from graphlang.syntax import placement
from graphlang.syntax import tree as t
from graphlang.syntax.literals import string_value
from graphlang.syntax.reduction import Reduction, shorten
from graphlang.syntax.token import Token

_make_bind = maker(t.Bind)
_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


class Statements(Reduction):
    """The functions for statements; those for definitions are in `definitions`."""

    def input(self, parts: list[Any]) -> t.Input:
        """`INPUT NAME [":" type] ["=" expr]`."""
        _, name, type_, default = parts
        return t.Input(self.span(), self.ident(name), type_, default, self.doc())

    def learned(self, node: Callable[..., t.Statement]) -> Callable[[list[Any]], t.Statement]:
        """`param` and `state`: what they start from is `(value, initialiser)`, one of them None."""

        def make(parts: list[Any]) -> t.Statement:
            _, name, type_, origin = parts
            start, init = origin or (None, None)
            return node(self.span(), self.ident(name), type_, start, init, self.doc())

        return make

    def declaration(self, node: Callable[..., t.Statement]) -> Callable[[list[Any]], t.Statement]:
        """`KEYWORD NAME "=" expr`."""

        def make(parts: list[Any]) -> t.Statement:
            return node(self.span(), self.ident(parts[1]), parts[2], self.doc())

        return make

    def bind(self, parts: list[Any]) -> t.Bind:
        """`names "=" expr`."""
        return self.bind_at(*self.place(), parts[0], parts[1])

    def bind_at(self, start: int, end: int, targets: tuple[t.Ident, ...], value: t.Expr) -> t.Bind:
        """What `bind` makes of its parts."""
        if len(targets) > 1:
            self.no_repeats(targets, "bound twice in one statement")
        return _make_bind(make_span((self.source, start, end)), targets, value, self.found.docs.get(start))

    def setting(self, parts: list[Any]) -> t.Bind:
        """`optimizer = expr`, in a train block."""
        return t.Bind(self.span(), (self.ident(parts[0]),), parts[1], self.doc())

    def grad_bind(self, parts: list[Any]) -> t.GradBind:
        """`grad(x) = expr`, in a backward block."""
        return t.GradBind(self.span(), self.ident(parts[1]), parts[2])

    def update(self, parts: list[Any]) -> t.Update:
        """`update m = expr`."""
        return t.Update(self.span(), self.ident(parts[1]), parts[2])

    def output(self, parts: list[Any]) -> t.Output:
        """`output a, b`."""
        self.no_repeats(parts[1], "named twice as an output")
        return t.Output(self.span(), parts[1])

    def expect(self, parts: list[Any]) -> t.Expect:
        """`expect condition [within expr]`; the condition must be a comparison."""
        condition, within = parts[1], parts[3]
        compares = isinstance(condition, t.Binary) and condition.op in _COMPARISONS
        if not compares and not isinstance(condition, t.ErrorExpr):
            self.error(
                "E0215",
                condition.span,
                "`expect` needs a comparison.",
                label="this is a value by itself",
                suggestion=_compare(condition),
            )
        return t.Expect(self.span(), condition, within)

    def assert_(self, parts: list[Any]) -> t.Assert:
        """`assert condition ["," message]`."""
        return t.Assert(self.span(), parts[1], parts[2])

    # --- choice, repetition, learning, files -----------------------------------------------------------

    def for_(self, parts: list[Any]) -> t.For:
        """`for NAME in expr block`."""
        return t.For(self.span(), self.ident(parts[1]), parts[3], parts[4])

    def if_(self, parts: list[Any]) -> t.If:
        """`if expr block [else]`; the else part comes with the length of its `else if` chain."""
        _, condition, then, otherwise = parts
        statements, length = otherwise or ((), 0)
        made = t.If(self.span(), condition, then, statements)
        if length:
            self.chains[id(made)] = length
        return made

    def else_block(self, parts: list[Any]) -> tuple[tuple[t.Statement, ...], int]:
        """`else block`."""
        return parts[1], 0

    def else_if(self, parts: list[Any]) -> tuple[tuple[t.Statement, ...], int]:
        """`else if …`; a chain that is too long for later stages to recurse over is cut."""
        inner: t.If = parts[1]
        length = self.chains.pop(id(inner), 0) + 1
        if length > t.MAX_DEPTH + 1:
            return (), length
        if length > t.MAX_DEPTH:
            keyword = self.token_span(parts[0])
            message = f"There are more than {t.MAX_DEPTH} `else if` in a row."
            self.error("E0209", keyword, message, suggestion="Choose with a list and an index.")
            return (), length
        return (inner,), length

    def data(self, parts: list[Any]) -> t.Data:
        """`data NAME = expr [block]`."""
        _, name, source, block = parts
        columns = placement.settings("data", block or (), self.error)
        return t.Data(self.span(), self.ident(name), source, columns, self.doc())

    def train(self, parts: list[Any]) -> t.Train:
        """`train [on NAME] block`."""
        data = parts[2]
        settings = placement.settings("train", parts[-1], self.error)
        return t.Train(self.span(), self.ident(data) if data else None, settings)

    def import_(self, parts: list[Any]) -> t.Import:
        """`import STRING`."""
        return t.Import(self.span(), self.path(parts[1]), None)

    def from_(self, parts: list[Any]) -> t.Import:
        """`from STRING import names`."""
        self.no_repeats(parts[3], "imported twice")
        return t.Import(self.span(), self.path(parts[1]), parts[3])

    def path(self, token: Token) -> t.String:
        """The name of a file."""
        return t.String(self.token_span(token), string_value(token.text))

    def broken(self, parts: list[Any]) -> t.ErrorStatement:
        """What the recovery put for a statement; its token carries the names as text."""
        return t.ErrorStatement(self.span(), tuple(parts[0].text.split()))

    def broken_block(self, parts: list[Any]) -> t.ErrorStatement:
        """A block whose first line could not be read: its statements have been checked, and are left out."""
        names = (*parts[0].text.split(), *placement.bound_names(parts[1]))
        return t.ErrorStatement(self.span(), tuple(dict.fromkeys(names)))


def _compare(value: t.Expr) -> str:
    """How to make a comparison of the condition of an `expect`."""
    if isinstance(value, t.Binary | t.Unary) and value.op in ("and", "or", "not"):
        return "Write one `expect` for each comparison, each on a line of its own."
    return f"Write what it should be, for example `expect {shorten(value.span.text)} == 0`."
