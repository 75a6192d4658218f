"""What is wrong where the parser refused a token: a table of mistakes, tried from the special to the general.

A row looks at the spot (the statement so far, the refused token, what would have been accepted) and returns
what to say, or None if the mistake is another one. Its examples are programs with exactly that mistake; the
tests run each and demand the row's code. The last row takes whatever is left.

To add a mistake, write one row above those that are more general, in the module of its subject: `habits`
of other languages, `declarations` and definitions, `expressions` and whole statements.
"""

from __future__ import annotations

from graphlang.diagnostics.diagnostic import Diagnostic, Label, Severity
from graphlang.records import Record
from graphlang.source import Span
from graphlang.syntax.mistakes import declarations, expressions, habits
from graphlang.syntax.mistakes.spot import Row, Said, Spot
from graphlang.syntax.token import Token

__all__ = ["ROWS", "Mistake", "Spot", "explain"]

ROWS: tuple[Row, ...] = (*habits.ROWS, *declarations.ROWS, *expressions.ROWS)


class Mistake(Record):
    """A diagnostic for the user, and how reading may go on.

    With the culprit as a new statement, or behind the indented lines below as well.
    """

    diagnostic: Diagnostic
    is_next_statement: bool
    takes_indented: bool


def explain(spot: Spot) -> Mistake:
    """The diagnostic of the first row that knows the mistake."""
    for row in ROWS:
        said = row.recognise(spot)
        if said is not None:
            return Mistake(_diagnostic(row.code, spot, said), said.is_next_statement, said.takes_indented)
    raise AssertionError("the last row takes everything")


def _diagnostic(code: str, spot: Spot, said: Said) -> Diagnostic:
    place = said.at or spot.culprit
    related = tuple(Label(_span(spot, token), text) for token, text in said.related)
    primary = Label(_span(spot, place), said.label)
    return Diagnostic(code, Severity.ERROR, said.message, primary, related, said.notes, said.suggestion)


def _span(spot: Spot, token: Token) -> Span:
    return Span(spot.source, token.start, token.end)
