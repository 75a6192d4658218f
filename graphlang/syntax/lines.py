"""Lines of large files that look like lines before: recognised as a whole, by one regular expression each.

A file of a hundred thousand statements has a few *shapes* of them, such as `NAME = NAME * NAME - FLOAT`.
When a shape has come up a few times outside all blocks, a regular expression for it is made of the patterns
of its tokens, and the next line of that shape is one `Line` in the list of tokens instead of a dozen. The
parser reads it by a function made for that shape (`routines.py`), or has it spelled out.

A shape accepts less than the grammar's own scanner, never more or otherwise: names of ASCII that are no
special words, plain numbers, spaces and tabs, and operators that cannot be taken for others where they touch.
The next line that has more than a comment must begin with a letter at the margin, so that the statement ends
here in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter

from graphlang.records import Record
from graphlang.syntax.grammar import Grammar
from graphlang.syntax.token import Token

# A shape is tried from the statement on that is its third; so many of the latest are kept. A line in which no
# shape is found has cost a microsecond for each.
_WORTH, _KEPT = 3, 8
# Regular expressions made for one text at most, and tokens in a shape.
_MOST, _LONGEST = 64, 40

_PATTERNS = {
    "NAME": r"([A-Za-z_]\w*+)",
    "INT": r"([0-9]{1,18}+)(?![\w.])",
    "FLOAT": r"([0-9]++(?:\.[0-9]++(?:[eE][+-]?[0-9]++)?+|[eE][+-]?[0-9]++))(?![\w.])",
}
# What follows a line: comments and empty lines, then one that begins with a letter.
_NEXT = r"(?=(?:[ \t]*+(?:#[^\n]*+|\r)?+\n)*+[A-Za-z_])"
# Dots have a part in numbers, and braces in blocks.
_OPERATORS = frozenset((
    "+", "-", "*", "/", "//", "%", "^", "@", "=", "==", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]",
    ",", ":", "->", "~",
))  # fmt: skip


class Shape(Record, eq=False):
    """The types of a statement's tokens and its _END, what matches it, and what picks its names."""

    kinds: tuple[str, ...]
    pattern: re.Pattern[str]
    names: Callable[[tuple[str, ...]], tuple[str, ...]]


class Line(Token):
    """A statement and the end of it, as one token; its parts are the groups of a match, and their texts."""

    __slots__ = ("match", "shape", "texts")

    def __init__(self, shape: Shape, match: re.Match[str], texts: tuple[str, ...]) -> None:
        self.type = "_LINE"
        self.text = ""
        self.start = match.start()
        self.end = match.end()
        self.shape = shape
        self.match = match
        self.texts = texts

    def tokens(self) -> list[Token]:
        """The tokens that it stands for, the last an _END."""
        parts = zip(self.shape.kinds, self.texts, self.match.regs[1:], strict=True)
        return [Token(kind, text, *span) for kind, text, span in parts]


class Lines:
    """The shapes of one text, as they come up."""

    def __init__(self, grammar: Grammar, special: frozenset[str]) -> None:
        self.grammar = grammar
        self.special = special
        self.words = {kind: word for word, kind in grammar.words.items()}
        self.operators = {kind: text for text, kind in grammar.literals.items() if text in _OPERATORS}
        self.seen: dict[tuple[str, ...], int] = {}
        # The latest first.
        self.shapes: list[Shape] = []
        self.made = 0
        self.hits = self.misses = 0

    def learn(self, tokens: list[Token]) -> None:
        """Take note of a statement that was read token by token."""
        if len(tokens) > _LONGEST or self.made == _MOST:
            return
        kinds = tuple([token.type for token in tokens])
        count = self.seen[kinds] = self.seen.get(kinds, 0) + 1
        if count == _WORTH and self._is_plain(kinds):
            self.made += 1
            names = [i for i, kind in enumerate(kinds) if kind == "NAME"]
            pattern = re.compile(self._pattern(kinds), re.ASCII)
            # One name is asked for twice, so that there are always several.
            self.shapes.insert(0, Shape((*kinds, "_END"), pattern, itemgetter(*names, names[0])))
            del self.shapes[_KEPT:]

    def match(self, text: str, at: int) -> Line | None:
        """The line that starts at an offset, if its shape is known."""
        for number, shape in enumerate(self.shapes):
            found = shape.pattern.match(text, at)
            if found is not None and self.special.isdisjoint(shape.names(texts := found.groups())):
                self.hits += 1
                if number:
                    self.shapes.insert(0, self.shapes.pop(number))
                return Line(shape, found, texts)
        self.misses += 1
        if self.misses > 200 + 4 * self.hits:
            # A text of ever other shapes is not worth the search.
            self.shapes.clear()
            self.made = _MOST
        return None

    def _is_plain(self, kinds: tuple[str, ...]) -> bool:
        """Whether the tokens can be told by themselves, however close they stand."""
        if "NAME" not in kinds or kinds[0] not in ("NAME", *self.words) or kinds[0] == "ELSE":
            return False
        for is_operator, group in groupby(kinds, self.operators.__contains__):
            if not is_operator:
                if not all(kind in _PATTERNS or kind in self.words for kind in group):
                    return False
                continue
            wanted = list(group)
            joint = "".join(self.operators[kind] for kind in wanted)
            found = [m[m.lastgroup or 0] for m in self.grammar.scanner.finditer(joint)]
            if [self.grammar.literals.get(text) for text in found if text] != wanted:
                return False
        return True

    def _pattern(self, kinds: tuple[str, ...]) -> str:
        parts = [_PATTERNS.get(kind) or f"({self._text(kind)})" for kind in kinds]
        return r"[ \t]*+".join(parts) + r"()[ \t]*+\r?\n" + _NEXT

    def _text(self, kind: str) -> str:
        if kind in self.words:
            return rf"{self.words[kind]}\b"
        return re.escape(self.operators[kind])
