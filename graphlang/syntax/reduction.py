"""What every function of the builder knows: which rule is being reduced, and what it covers.

Spans come from the parser's stack: `starts[d]` is the offset at which the symbol at height d of the stack
begins, and `end` is where the last token read ends. A rule covers exactly the tokens that it took from the
stack, so its span is known without looking at its parts: `(x + y) * z` begins at the parenthesis, `x + y`
inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphlang.diagnostics.diagnostic import Label, Problems
from graphlang.records import maker
from graphlang.source import SourceFile, Span, make_span
from graphlang.syntax import tree as t
from graphlang.syntax.token import Token, Tokens

make_ident = maker(t.Ident)


class Reduction:
    """One parse, as its rules see it. The parser keeps `values`, `starts` and `end` up to date."""

    def __init__(self, source: SourceFile, found: Tokens, problems: Problems, values: list[Any]) -> None:
        self.source = source
        self.found = found
        self.problems = problems
        self.values = values
        self.starts: dict[int, int] = {}
        self.end = 0
        # How many `else if` follow in the chain of an `if` that is still on the stack, by its id.
        self.chains: dict[int, int] = {}

    def span(self) -> Span:
        """What the rule that is being reduced covers."""
        return make_span((self.source, self.starts[len(self.values)], self.end))

    def place(self) -> tuple[int, int]:
        """Where the rule that is being reduced begins and ends."""
        return self.starts[len(self.values)], self.end

    def token_span(self, token: Token) -> Span:
        """What a token covers."""
        return Span(self.source, token.start, token.end)

    def doc(self) -> str | None:
        """The comment block above the statement that is being reduced."""
        return self.found.docs.get(self.starts[len(self.values)])

    def error(self, code: str, span: Span, message: str, **more: Any) -> None:
        """Report something that the rules allow and the language does not."""
        self.problems.error(code, span, message, **more)

    def ident(self, token: Token) -> t.Ident:
        """A name that is declared, or a label."""
        return make_ident(make_span((self.source, token.start, token.end)), token.text)

    def names(self, parts: list[Token]) -> tuple[t.Ident, ...]:
        """`NAME ("," NAME)*`."""
        return tuple(map(self.ident, parts))

    def names_at(self, start: int, end: int, *names: str) -> tuple[t.Ident, ...]:
        """What `names` makes of names that stand in one line, with nothing but commas between them."""
        source = self.source
        if len(names) == 1:
            return (make_ident(make_span((source, start, end)), names[0]),)
        found = []
        for name in names:
            start = source.text.index(name, start)
            end = start + len(name)
            found.append(make_ident(make_span((source, start, end)), name))
            start = end
        return tuple(found)

    def no_repeats(self, names: Sequence[t.Ident], what: str) -> None:
        """Complain about a name that stands twice in one list."""
        if len(names) < 2:
            return
        seen: dict[str, t.Ident] = {}
        for name in names:
            first = seen.setdefault(name.text, name)
            if first is not name:
                place = Label(first.span, "first here")
                self.error("E0220", name.span, f"`{name.text}` is {what}.", related=[place])


def shorten(text: str) -> str:
    """Source text for a message, on one line and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:36] + " …"
