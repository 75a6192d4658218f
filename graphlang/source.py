"""Text with positions: a source file, and spans that point into it.

A span is two character offsets. Lines and columns are computed only when something is printed, so that
carrying a span on every node of a large graph costs almost nothing. Offsets count characters of the
text as it was decoded: the byte-order mark is dropped and CRLF is kept (the lexer skips `\\r`).
"""

from __future__ import annotations

import bisect
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from graphlang.records import Record, field


class SourceFile(Record, frozen=False, eq=False):
    """One file's text under the name that messages show.

    Parameters
    ----------
    name : str
        What diagnostics print: the path as the user gave it, or `<stdin>`.
    text : str
        The decoded text.
    path : str or None
        Where the file lies, for imports and data relative to it; None for text that has no file.
    is_std : bool
        Whether the file belongs to the standard library.
    """

    name: str
    text: str = field(repr=False)
    path: str | None = None
    is_std: bool = False
    _line_starts: list[int] | None = field(default=None, repr=False)

    @property
    def line_starts(self) -> list[int]:
        """Offsets at which the lines begin, the first being 0."""
        if self._line_starts is None:
            starts = [0]
            find = self.text.find
            at = find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = find("\n", at + 1)
            self._line_starts = starts
        return self._line_starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1, columns in characters."""
        row = bisect.bisect_right(self.line_starts, offset) - 1
        return row + 1, offset - self.line_starts[row] + 1

    def line(self, number: int) -> str:
        """Text of line `number` (from 1), without its line end."""
        start = self.line_starts[number - 1]
        end = self.line_starts[number] if number < len(self.line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


class Span(NamedTuple):
    """The characters `start` to `end` (exclusive) of a source file."""

    source: SourceFile
    start: int
    end: int

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.source.position(self.start)[1]

    @property
    def end_position(self) -> tuple[int, int]:
        """Line and column just after the last character."""
        return self.source.position(self.end)

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.source, self.start, other.end)


# What a span is made of: where something stands, as long as nobody asks for more than that.
Place = tuple[SourceFile, int, int]
# `Span(*place)` without the call of a Python function that a named tuple makes for it.
make_span: Callable[[Place], Span] = partial(tuple.__new__, Span)
