"""Routines as functions: what the parser does for all lines of one shape, without a stack.

A routine (`parse.py`) is a list of shifts and reductions. Carried out in thought, it says which parts each
reduction takes, and where these begin and end; what is left is a row of calls, whose text is compiled once
for a shape. Where there is a function that takes its parts as they are, tokens are not even made.

All names in the text are made here, and so are its numbers; the types of tokens are those of the grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphlang.syntax.build import first_of
from graphlang.syntax.grammar import Bundle, Production
from graphlang.syntax.lines import Line
from graphlang.syntax.token import Token

Make = Callable[[list[Any]], Any]
# `f(builder, line, starts, values)` puts the values of a statement on the stack.
Routine = Callable[[Any, Line, dict[int, int], list[Any]], None]
# For what makes values, by its id, the production whose parts it picks first, and what makes the value then.
Picks = Mapping[int, tuple[Production, Make]]


def compiled(
    actions: Sequence[tuple[int, Make] | None],
    kinds: Sequence[str],
    picks: Picks,
    directly: Mapping[Make, Callable[..., Any]],
) -> Routine | None:
    """The function for a routine; None if it reaches below the statement after its first token.

    Parameters
    ----------
    actions : sequence
        A shift (None), or a reduction: how many parts, and what makes the value of them.
    kinds : sequence of str
        The types of the statement's tokens.
    picks : mapping
        What is known of those that leave parts out.
    directly : mapping of function to function
        For what makes values of a list of parts, what makes them of where they begin and end, followed by
        the parts, each token being its text.
    """
    writer = _Writer(kinds, picks, directly)
    for action in actions:
        if action is None:
            writer.shift()
        elif not writer.shifted:
            writer.end_last(*action)
        elif not writer.reduce(*action):
            return None
    return writer.function()


# A repetition that takes over what was gathered so far, and one part more.
_GROWING = ((0, True, 0), (1, False, 0))


class _Value:
    """What would lie on the stack: a value under its name, a token, or what a repetition has gathered."""

    __slots__ = ("children", "first", "name", "token")

    def __init__(
        self, first: int, name: str = "", token: int = -1, children: list[_Value | None] | None = None
    ) -> None:
        self.first = first  # the token where it begins
        self.name = name
        self.token = token
        self.children = children


class _Writer:
    """The text of a function as it grows, and what would lie on the stack when it has come so far."""

    def __init__(
        self, kinds: Sequence[str], picks: Picks, directly: Mapping[Make, Callable[..., Any]]
    ) -> None:
        self.kinds = kinds
        self.picks = picks
        self.directly = directly
        self.names: dict[str, Any] = {"Token": Token, "Bundle": Bundle, "len": len, "__builtins__": {}}
        self.lines: list[str] = []
        self.stack: list[_Value] = []
        self.shifted = 0
        # The tokens of which the text, the start or the end is asked for.
        self.texts: set[int] = set()
        self.starts: set[int] = set()
        self.ends: set[int] = set()
        # Whether the statement before is gathered by a repetition, and this one takes its place.
        self.is_one_more = False

    def end_last(self, size: int, make: Make) -> None:
        """A reduction before the first token ends the statement before: its parts lie on the real stack."""
        rule, inner = self.picks.get(id(make), (None, make))
        if rule and inner is Bundle and rule.picked == _GROWING and not rule.gaps:
            # One more statement of a row of them: the list that gathers them is there.
            self.is_one_more = size == 3 and not self.lines
            self.lines.append(f"values[-{size}].children.append(values[-{size - 1}])")
            if not self.is_one_more:
                self.lines.append(f"del values[-{size - 1}:]")
            return
        self._make_room()
        name = self._named(make)
        if size:
            self.lines += [f"parts = values[-{size}:]", f"del values[-{size}:]"]
        self.lines.append(f"values.append({name}({'parts' if size else '[]'}))")

    def shift(self) -> None:
        """The next token goes on the stack."""
        if not self.shifted:
            self.lines.append(f"height = len(values){' - 2' if self.is_one_more else ''}")
        self.stack.append(_Value(self.shifted, token=self.shifted))
        self.shifted += 1

    def reduce(self, size: int, make: Make) -> bool:
        """Topmost parts become one; False if they are not all of this statement."""
        if not 0 < size <= len(self.stack):
            return False
        parts = self.stack[-size:]
        del self.stack[-size:]
        first = parts[0].first
        rule, inner = self.picks.get(id(make), (None, make))
        taken = _taken(rule, parts)
        if taken is None:
            self._call_slowly(first, make, list(parts))
        elif len(taken) == 1 and taken[0] and (inner is first_of or (rule and rule.is_single)):
            only = taken[0]
            self.stack.append(_Value(first, only.name, only.token, only.children))
        elif inner is Bundle:
            self.stack.append(_Value(first, children=taken))
        elif inner in self.directly and not any(v and v.children is not None for v in taken):
            self._call(first, self.directly[inner], [self._start(first), self._end(), *self._spelled(taken)])
        else:
            self._call_slowly(first, inner, taken)
        return True

    def function(self) -> Routine:
        """What was written, ended by putting what is left on the real stack."""
        if self.is_one_more and len(self.stack) == 2:
            self.lines.append(f"values[-2:] = {', '.join(map(self._left, self.stack))}")
        else:
            self._make_room()
            self.lines += [f"values.append({self._left(value)})" for value in self.stack]
        for height, value in enumerate(self.stack):
            self.lines.append(f"starts[height + {height}] = {self._start(value.first)}")
        self.lines.append(f"builder.end = {self._end()}")
        texts = [f"t{k}" if k in self.texts else "_" for k in range(len(self.kinds))]
        head = ["def follow(builder, line, starts, values):", "match = line.match"]
        if self.texts:
            head.append(f"{', '.join(texts)}, = line.texts")
        for k in sorted(self.starts & self.ends):
            head.append(f"s{k}, e{k} = match.span({k + 1})")
        head += [f"s{k} = match.start({k + 1})" for k in sorted(self.starts - self.ends)]
        head += [f"e{k} = match.end({k + 1})" for k in sorted(self.ends - self.starts)]
        exec("\n ".join(head + self.lines), self.names)
        routine: Routine = self.names["follow"]
        return routine

    def _make_room(self) -> None:
        """Take the statement before from the stack, since its place is needed for other things."""
        if self.is_one_more:
            self.is_one_more = False
            self.lines.insert(1, "del values[-2:]")
            self.lines = [line.replace("len(values) - 2", "len(values)") for line in self.lines]

    def _left(self, value: _Value) -> str:
        """What stays on the real stack. The end of a statement is a part of no value."""
        return "None" if value.token >= 0 and self.kinds[value.token] == "_END" else self._text(value)

    def _call(self, first: int, function: Callable[..., Any], arguments: Sequence[str]) -> None:
        name = f"value{len(self.names)}"
        self.lines.append(f"{name} = {self._named(function)}({', '.join(arguments)})")
        self.stack.append(_Value(first, name))

    def _call_slowly(self, first: int, make: Make, parts: Sequence[_Value | None]) -> None:
        """A call with a list of parts, which may ask where they begin and end, by the stack's height."""
        self._make_room()
        self.lines.append(f"starts[height] = {self._start(first)}; builder.end = {self._end()}")
        self._call(first, make, [f"[{', '.join(map(self._text, parts))}]"])

    def _spelled(self, parts: Sequence[_Value | None]) -> list[str]:
        return [self._spelling(v.token) if v and v.token >= 0 else self._text(v) for v in parts]

    def _named(self, make: Any) -> str:
        name = f"make{len(self.names)}"
        self.names[name] = make
        return name

    def _text(self, value: _Value | None) -> str:
        if value is None:
            return "None"
        if value.children is not None:
            return f"Bundle([{', '.join(map(self._text, value.children))}])"
        if value.name:
            return value.name
        token = value.token
        self.ends.add(token)
        return f"Token({self.kinds[token]!r}, {self._spelling(token)}, {self._start(token)}, e{token})"

    def _spelling(self, token: int) -> str:
        self.texts.add(token)
        return f"t{token}"

    def _start(self, token: int) -> str:
        self.starts.add(token)
        return f"s{token}"

    def _end(self) -> str:
        self.ends.add(self.shifted - 1)
        return f"e{self.shifted - 1}"


def _taken(rule: Production | None, parts: list[_Value]) -> list[_Value | None] | None:
    """The parts that count, those of repetitions among the others; None if one of these is not known."""
    if rule is None or rule.picked is None:
        return list(parts)
    taken: list[_Value | None] = []
    for at, expands, before in rule.picked:
        taken += [None] * before
        children = parts[at].children
        if not expands:
            taken.append(parts[at])
        elif children is None:
            return None
        else:
            taken += children
    return taken + [None] * rule.gaps
