"""What each rule of the grammar makes: the functions that Lark's parser calls as it reduces.

There is one function for each rule or alternative, listed in `Builder.table`. Each is given the parts of
its rule (tokens and what other rules made; what the grammar quotes is left out) and returns a node of
`tree`. No tree of Lark's is built in between and nothing recurses, so nesting costs no Python stack.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from graphlang.source import Span
from graphlang.syntax import placement
from graphlang.syntax import tree as t
from graphlang.syntax.definitions import Definitions
from graphlang.syntax.expressions import Expressions
from graphlang.syntax.statements import Statements


def first_of(parts: list[Any]) -> Any:
    """The value of what has one part, such as parentheses."""
    return parts[0]


class Builder(Statements, Definitions, Expressions):
    """The functions for one parse, under the names of rules and alternatives."""

    @cached_property
    def directly(self) -> dict[Any, Callable[..., Any]]:
        """What functions of the table do, given where the rule begins and ends, and its parts one by one.

        A token among them is its text.
        """
        return {
            self.name: self.name_at,
            self.names: self.names_at,
            self.integer: self.integer_at,
            self.float_: self.float_at,
            self.unary: self.unary_at,
            self.binary: self.binary_at,
            self.call: self.call_at,
            self.positional: self.positional_at,
            self.bind: self.bind_at,
        }

    def table(self) -> SimpleNamespace:
        """The function of each rule and alternative."""
        binary, declared = self.binary, self.declaration
        return SimpleNamespace(
            start=self.file,
            body=tuple,
            block=lambda parts: parts[0],
            # statements
            input=self.input,
            param=self.learned(t.Param),
            state=self.learned(t.State),
            const=declared(t.Const),
            layer=declared(t.Layer),
            metric=declared(t.Metric),
            starts_at=lambda parts: (parts[0], None),
            drawn_from=lambda parts: (None, parts[0]),
            bind=self.bind,
            setting=self.setting,
            grad_bind=self.grad_bind,
            update=self.update,
            output=self.output,
            names=self.names,
            **{"expect": self.expect, "assert": self.assert_},
            # definitions
            gate=self.gate,
            network=self.network,
            backward=self.backward,
            init=self.init,
            optimizer=self.optimizer,
            results=self.results,
            parameters=self.parameters,
            parameter=self.parameter,
            # choice, repetition, learning, files
            **{"for": self.for_, "if": self.if_, "else_block": self.else_block, "else_if": self.else_if},
            **{"data": self.data, "train": self.train, "import": self.import_, "from": self.from_},
            error=self.broken,
            error_block=self.broken_block,
            # types
            type_word=self.type_word,
            type_sized=self.type_sized,
            type_shape=self.type_shape,
            sizes=tuple,
            dots=self.dots,
            # expressions
            **{"range": self.range_, "pipe": self.pipe, "or": binary, "and": binary, "sum": binary},
            product=binary,
            power=binary,
            compared=binary,
            chained=self.chained,
            **{"not": self.unary, "unary": self.unary},
            call=self.call,
            index=self.index,
            attribute=self.attribute,
            slice=self.slice_,
            positional=self.positional,
            named=self.named,
            name=self.name,
            integer=self.integer,
            float=self.float_,
            string=self.string,
            true=self.boolean,
            false=self.boolean,
            list=self.list_,
            tuple=self.tuple_,
            group=first_of,
        )

    def file(self, parts: list[Any]) -> t.File:
        """`start`: everything."""
        source, found = self.source, self.found
        body: tuple[t.Statement, ...] = parts[0]
        placement.check("file", body, self.error)
        span = Span(source, 0, len(source.text))
        return t.File(span, source, body, found.description, tuple(found.comments))
