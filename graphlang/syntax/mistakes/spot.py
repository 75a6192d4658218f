"""What a row of the catalogue of mistakes looks at, and what it says.

A row is a function under `@mistake(code, examples)`, where `mistake` is the `row` of its module's `Rows`.
It is given a `Spot` and returns what it has `Said`, or None if the mistake is another one.
"""

from __future__ import annotations

from collections.abc import Callable

from graphlang.records import Record, field
from graphlang.source import SourceFile
from graphlang.syntax.token import STARTERS, Token

KEYWORDS = {name.lower(): name for name in STARTERS | {"IN", "ELSE", "AND", "OR", "NOT", "TRUE", "FALSE"}}
KEYWORD_TYPES = frozenset(KEYWORDS.values())
OPERATORS = frozenset((
    "EQ", "NE", "LT", "LE", "GT", "GE", "PLUS", "MINUS", "STAR", "SLASH", "FLOORDIV", "PERCENT", "AT",
    "CARET", "AND", "OR", "NOT", "ARROW", "RANGE",
))  # fmt: skip
EXPRESSION_STARTS = frozenset(
    ["NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "LPAR", "LSQB", "MINUS", "PLUS", "NOT"]
)


class Spot(Record):
    """Where the parser stopped: token `at`, in the statement that begins with token `start`."""

    source: SourceFile
    tokens: list[Token]
    start: int
    at: int
    accepts: frozenset[str]

    @property
    def culprit(self) -> Token:
        """The refused token."""
        return self.tokens[self.at]

    @property
    def first(self) -> Token:
        """The first token of the statement; the culprit itself if nothing was read."""
        return self.tokens[self.start]

    @property
    def before(self) -> Token | None:
        """The token before the culprit, within the statement."""
        return self.tokens[self.at - 1] if self.at > self.start else None

    def token(self, offset: int) -> Token:
        """The token some places after the culprit; the last one beyond the end."""
        return self.tokens[min(self.at + offset, len(self.tokens) - 1)]

    def rest(self) -> str:
        """Text from the culprit to the end of its line, without a comment."""
        return self.line_from(self.culprit)

    def line_from(self, token: Token) -> str:
        """Text from a token to the end of its line, without a comment; of a very long line the beginning."""
        text = self.source.text[token.start : token.start + 400]
        return text.split("\n", 1)[0].split("#")[0].rstrip()

    def texts(self) -> list[str]:
        """Texts of the tokens of the statement before the culprit."""
        return [token.text for token in self.tokens[self.start : self.at]]

    def opener(self) -> Token | None:
        """The innermost `(` or `[` that is open before the culprit, in this statement."""
        depth = 0
        for token in reversed(self.tokens[self.start : self.at]):
            if token.type in ("RPAR", "RSQB"):
                depth += 1
            elif token.type in ("LPAR", "LSQB"):
                if not depth:
                    return token
                depth -= 1
        return None

    def block(self) -> Token:
        """The first token of the statement whose block is open here; one of no statement outside of all.

        Only the tokens just above are searched, for a file may have as many mistakes as lines.
        """
        depth = 0
        for at in range(self.start - 1, max(-1, self.start - 1000), -1):
            kind = self.tokens[at].type
            depth += (kind == "RBRACE") - (kind == "LBRACE")
            if depth < 0:
                while at and self.tokens[at - 1].type not in ("_END", "LBRACE"):
                    at -= 1
                return self.tokens[at]
        return Token("$START", "", 0, 0)


class Said(Record):
    """What a row has to say; the code comes from the row, the place is the culprit or `at`."""

    message: str
    suggestion: str | None = None
    label: str = ""
    at: Token | None = None
    notes: tuple[str, ...] = ()
    related: tuple[tuple[Token, str], ...] = ()
    is_next_statement: bool = False  # the culprit begins a statement of its own
    takes_indented: bool = False  # the indented lines below belong to what is wrong


Recognise = Callable[[Spot], Said | None]


class Row(Record):
    """One kind of mistake."""

    code: str
    examples: tuple[str, ...]
    recognise: Recognise = field(compare=False)


class Rows(list[Row]):
    """The rows of one module, in the order in which they are tried."""

    def row(self, code: str, *examples: str) -> Callable[[Recognise], Recognise]:
        """Add the decorated function as the next row."""

        def add(recognise: Recognise) -> Recognise:
            self.append(Row(code, examples, recognise))
            return recognise

        return add


def found(token: Token) -> str:
    """How messages name a token."""
    if token.type in ("_END", "$END"):
        return "the end of the line"
    if token.type == "STRING":
        return "a text"
    if token.type in ("INT", "FLOAT"):
        return f"the number `{cut(token.text)}`"
    if token.type in KEYWORD_TYPES:
        return f"the keyword `{token.text}`"
    return f"`{cut(token.text)}`"


def cut(text: str) -> str:
    """Text for a message, cut if it is long."""
    return text if len(text) <= 30 else text[:27] + "…"
