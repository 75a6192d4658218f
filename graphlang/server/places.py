"""Places in the text of the page: character offsets as browsers count them, in UTF-16 units."""

from __future__ import annotations

from bisect import bisect_left

from graphlang.source import SourceFile, Span


class Places:
    """Offsets into one source file."""

    def __init__(self, source: SourceFile):
        self._source = source
        # The characters outside the basic plane, which take two units each: rare, so a short list.
        self._wide = [i for i, c in enumerate(source.text) if ord(c) > 0xFFFF]

    def unit(self, offset: int) -> int:
        """A character offset in UTF-16 units."""
        return offset + bisect_left(self._wide, offset)

    def range_of(self, span: Span | None) -> list[int] | None:
        """First unit and the one after the last; None for places in other files."""
        if span is None or span.source is not self._source:
            return None
        return [self.unit(span.start), self.unit(span.end)]

    def line_of(self, span: Span | None) -> int | None:
        """The line on which a span begins, from 1; None for places in other files."""
        return span.line if span is not None and span.source is self._source else None
