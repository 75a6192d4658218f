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
        the parts, each token being three: its text, its start and its end.
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
        # The tokens of which the text, or the place, is asked for.
        self.texts: set[int] = set()
        self.places: set[int] = set()

    def end_last(self, size: int, make: Make) -> None:
        """A reduction before the first token ends the statement before: its parts lie on the real stack."""
        rule, inner = self.picks.get(id(make), (None, make))
        if rule and inner is Bundle and rule.picked == _GROWING and not rule.gaps:
            # One more statement of a row of them: the list that gathers them is there.
            self.lines += [
                f"values[-{size}].children.append(values[-{size - 1}])",
                f"del values[-{size - 1}:]",
            ]
            return
        name = self._named(make)
        if size:
            self.lines += [f"parts = values[-{size}:]", f"del values[-{size}:]"]
        self.lines.append(f"values.append({name}({'parts' if size else '[]'}))")

    def shift(self) -> None:
        """The next token goes on the stack."""
        if not self.shifted:
            self.lines.append("height = len(values)")
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
        for height, value in enumerate(self.stack):
            text = self._text(value)
            self.lines.append(
                f"starts[height + {height}] = {self._start(value.first)}; values.append({text})"
            )
        self.lines.append(f"builder.end = {self._end()}")
        tokens = range(len(self.kinds))
        texts = [f"t{k}" if k in self.texts else "_" for k in tokens]
        places = [f"(s{k}, e{k})" if k in self.places else "_" for k in tokens]
        head = [
            "def follow(builder, line, starts, values):",
            "groups, spans = line.parts()",
            f"{', '.join(texts)}, = groups; {', '.join(places)}, = spans",
        ]
        exec("\n ".join(head + self.lines), self.names)
        routine: Routine = self.names["follow"]
        return routine

    def _call(self, first: int, function: Callable[..., Any], arguments: Sequence[str]) -> None:
        name = f"value{len(self.names)}"
        self.lines.append(f"{name} = {self._named(function)}({', '.join(arguments)})")
        self.stack.append(_Value(first, name))

    def _call_slowly(self, first: int, make: Make, parts: Sequence[_Value | None]) -> None:
        """A call with a list of parts, which may ask where they begin and end."""
        self.lines.append(f"starts[height] = {self._start(first)}; builder.end = {self._end()}")
        self._call(first, make, [f"[{', '.join(map(self._text, parts))}]"])

    def _spelled(self, parts: Sequence[_Value | None]) -> list[str]:
        return [self._three(v.token) if v and v.token >= 0 else self._text(v) for v in parts]

    def _named(self, make: Any) -> str:
        name = f"make{len(self.names)}"
        self.names[name] = make
        return name

    def _text(self, value: _Value | None) -> str:
        if value is None:
            return "None"
        if value.children is not None:
            return f"Bundle([{', '.join(map(self._text, value.children))}])"
        return value.name or f"Token({self.kinds[value.token]!r}, {self._three(value.token)})"

    def _three(self, token: int) -> str:
        self.texts.add(token)
        self.places.add(token)
        return f"t{token}, s{token}, e{token}"

    def _start(self, token: int) -> str:
        self.places.add(token)
        return f"s{token}"

    def _end(self) -> str:
        self.places.add(self.shifted - 1)
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
