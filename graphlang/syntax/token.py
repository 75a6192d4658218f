"""Tokens, which the grammar's rules are written in, and the groups of them that several modules ask for."""

from __future__ import annotations

from graphlang.records import Record, field
from graphlang.syntax.tree import Comment

# Keywords that begin a statement: at the start of a line inside `(` or `[` they show that it is never closed.
STARTERS = frozenset((
    "INPUT", "PARAM", "STATE", "CONST", "NETWORK", "GATE", "LAYER", "OPTIMIZER", "INIT", "FOR", "IF",
    "OUTPUT", "EXPECT", "ASSERT", "METRIC", "DATA", "TRAIN", "UPDATE", "IMPORT", "FROM", "BACKWARD",
))  # fmt: skip

# Tokens that can end an operand; what follows one of them is not the start of another.
OPERAND_ENDS = frozenset(["NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "RPAR", "RSQB", "DOTS"])


class Token:
    """A token: its type in the grammar, its text, and the characters that it stands for."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"{self.type}({self.text!r}, {self.start}-{self.end})"


class Tokens(Record, frozen=False):
    """What `tokenize` found: tokens with an _END after every statement, and what stands beside them.

    `docs` gives the comment block directly above the statement that starts at an offset; `faults` are the
    offsets of the errors reported here, so that the parser need not report their consequences.
    """

    tokens: list[Token] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    docs: dict[int, str] = field(default_factory=dict)
    description: str = ""
    faults: list[int] = field(default_factory=list)
