"""What the rules of definitions make: gates, networks and others with parameters, and the types of those."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics.diagnostic import Label
from graphlang.syntax import placement
from graphlang.syntax import tree as t
from graphlang.syntax.reduction import Reduction
from graphlang.syntax.token import Token

_TYPE_WORDS = ("float", "int", "bool", "string", "op", "list")
_TYPE_SLIPS = {"str": "string", "text": "string", "integer": "int", "number": "float", "boolean": "bool"}
_TYPE_SLIPS |= {"double": "float", "real": "float", "tensor": "[N, M]", "func": "op", "function": "op"}


class Definitions(Reduction):
    """The functions for definitions and types."""

    def gate(self, parts: list[Any]) -> t.Gate:
        """`gate NAME parameters -> results block`; its backward block is taken out of the body."""
        _, name, parameters, results, body = parts
        placement.check("gate", body, self.error)
        backwards = [s for s in body if isinstance(s, t.Backward)]
        for again in backwards[1:]:
            first = Label(placement.head(backwards[0]), "the first one")
            self.error("E0220", placement.head(again), "A gate has one `backward` block.", related=[first])
        rest = tuple(s for s in body if not isinstance(s, t.Backward))
        backward = backwards[0] if backwards else None
        return t.Gate(self.span(), self.ident(name), parameters, results, rest, backward, self.doc())

    def network(self, parts: list[Any]) -> t.Network:
        """`network NAME parameters -> results block`."""
        _, name, parameters, results, body = parts
        placement.check("network", body, self.error)
        return t.Network(self.span(), self.ident(name), parameters, results, body, self.doc())

    def backward(self, parts: list[Any]) -> t.Backward:
        """`backward block`."""
        placement.check("backward", parts[1], self.error)
        return t.Backward(self.span(), parts[1])

    def init(self, parts: list[Any]) -> t.Init:
        """`init NAME parameters = expr`."""
        _, name, parameters, value = parts
        return t.Init(self.span(), self.ident(name), parameters, value, self.doc())

    def optimizer(self, parts: list[Any]) -> t.Optimizer:
        """`optimizer NAME parameters block`."""
        _, name, parameters, body = parts
        placement.check("optimizer", body, self.error)
        return t.Optimizer(self.span(), self.ident(name), parameters, body, self.doc())

    def results(self, parts: list[Token]) -> tuple[t.Ident, ...]:
        """The names behind the arrow."""
        results = self.names(parts)
        self.no_repeats(results, "named twice as a result")
        return results

    def parameters(self, parts: list[t.Parameter]) -> tuple[t.Parameter, ...]:
        """The parameters of a definition."""
        self.no_repeats([p.name for p in parts], "a parameter twice")
        return tuple(parts)

    def parameter(self, parts: list[Any]) -> t.Parameter:
        """`NAME [":" type] ["=" expr]`."""
        name, type_, default = parts
        return t.Parameter(self.span(), self.ident(name), type_, default)

    # --- types -----------------------------------------------------------------------------------------

    def type_word(self, parts: list[Token]) -> t.TypeExpr:
        """`float`."""
        return t.TypeExpr(self.span(), self.type_kind(parts[0]), None)

    def type_sized(self, parts: list[Any]) -> t.TypeExpr:
        """`int[N]`."""
        return t.TypeExpr(self.span(), self.type_kind(parts[0]), parts[1])

    def type_shape(self, parts: list[Any]) -> t.TypeExpr:
        """`[N, 64]`."""
        return t.TypeExpr(self.span(), None, parts[0])

    def type_kind(self, token: Token) -> str | None:
        """The word in front of a type, which must be one that there is."""
        if token.text in _TYPE_WORDS:
            return token.text
        meant = _TYPE_SLIPS.get(token.text.lower())
        hint = (
            f"Did you mean `{meant}`?"
            if meant
            else "A tensor of floats is written `[N, 64]`, a scalar `float`."
        )
        words = ", ".join(f"`{word}`" for word in _TYPE_WORDS)
        message = f"There is no type `{token.text}`."
        self.error(
            "E0221", self.token_span(token), message, notes=[f"The words are {words}."], suggestion=hint
        )
        return None

    def dots(self, parts: list[Token]) -> t.Dots:
        """`...`."""
        return t.Dots(self.span())
