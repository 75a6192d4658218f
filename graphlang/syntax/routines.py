"""Routines as functions: what the parser does for all lines of one shape, without a stack.

A routine (`parse.py`) is a list of shifts and reductions. Carried out in thought, it says which parts each
reduction takes, and where these begin and end; what is left is a row of calls, whose text is compiled once
for a shape. Tokens that the grammar drops are never made.

All names in the text are made here, and so are its numbers; the types of tokens are those of the grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphlang.syntax.lines import Line
from graphlang.syntax.token import Token

Make = Callable[[list[Any]], Any]
# `f(builder, line, starts, values)` puts the values of a statement on the stack.
Routine = Callable[[Any, Line, dict[int, int], list[Any]], None]


def compiled(
    actions: Sequence[tuple[int, Make] | None],
    kinds: Sequence[str],
    kept: Mapping[int, frozenset[int]],
    of_tokens: Mapping[Make, Callable[[str, int, int], Any]],
) -> Routine | None:
    """The function for a routine; None if it reaches below the statement after its first token.

    Parameters
    ----------
    actions : sequence
        A shift (None), or a reduction: how many parts, and what makes the value of them.
    kinds : sequence of str
        The types of the statement's tokens.
    kept : mapping of int to set of int
        For what makes values, by its id, the positions of the parts that it looks at, if not all.
    of_tokens : mapping of function to function
        For what makes values of one token, what makes them of its text, its start and its end.
    """
    writer = _Writer(kinds, kept, of_tokens)
    for action in actions:
        if action is None:
            writer.shift()
        elif not writer.shifted:
            writer.end_last(*action)
        elif not writer.reduce(*action):
            return None
    return writer.function()


class _Writer:
    """The text of a function as it grows, and what would lie on the stack when it has come so far."""

    def __init__(
        self,
        kinds: Sequence[str],
        kept: Mapping[int, frozenset[int]],
        of_tokens: Mapping[Make, Callable[[str, int, int], Any]],
    ) -> None:
        self.kinds = kinds
        self.kept = kept
        self.of_tokens = of_tokens
        self.names: dict[str, Any] = {"Token": Token, "len": len, "__builtins__": {}}
        self.lines: list[str] = []
        # The name of each value, "" for a token, and the number of the token where it begins.
        self.stack: list[tuple[str, int]] = []
        self.shifted = 0

    def end_last(self, size: int, make: Make) -> None:
        """A reduction before the first token ends the statement before: its parts lie on the real stack."""
        name = self._named(make)
        if size:
            self.lines += [f"parts = values[-{size}:]", f"del values[-{size}:]"]
        self.lines.append(f"values.append({name}({'parts' if size else '[]'}))")

    def shift(self) -> None:
        """The next token goes on the stack."""
        if not self.shifted:
            self.lines.append("height = len(values)")
        self.stack.append(("", self.shifted))
        self.shifted += 1

    def reduce(self, size: int, make: Make) -> bool:
        """Topmost parts become one; False if they are not all of this statement."""
        if not 0 < size <= len(self.stack):
            return False
        parts = self.stack[-size:]
        del self.stack[-size:]
        text, first = parts[0]
        direct = self.of_tokens.get(make) if size == 1 and not text else None
        if direct is not None:
            call = f"{self._named(direct)}(groups[{first}], *spans[{first}])"
        else:
            wanted = self.kept.get(id(make))
            texts = [
                text or (self._token(at) if wanted is None or position in wanted else "None")
                for position, (text, at) in enumerate(parts)
            ]
            call = f"{self._named(make)}([{', '.join(texts)}])"
            # Where what is made begins and ends.
            self.lines.append(
                f"starts[height] = spans[{first}][0]; builder.end = spans[{self.shifted - 1}][1]"
            )
        value = f"value{len(self.names)}"
        self.lines.append(f"{value} = {call}")
        self.stack.append((value, first))
        return True

    def function(self) -> Routine:
        """What was written, ended by putting what is left on the real stack."""
        for height, (text, at) in enumerate(self.stack):
            value = text or self._token(at)
            self.lines.append(f"starts[height + {height}] = spans[{at}][0]; values.append({value})")
        self.lines.append(f"builder.end = spans[{self.shifted - 1}][1]")
        head = "def follow(builder, line, starts, values):\n groups, spans = line.parts()\n "
        exec(head + "\n ".join(self.lines), self.names)
        routine: Routine = self.names["follow"]
        return routine

    def _named(self, make: Any) -> str:
        name = f"make{len(self.names)}"
        self.names[name] = make
        return name

    def _token(self, at: int) -> str:
        return f"Token({self.kinds[at]!r}, groups[{at}], *spans[{at}])"
