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
    names: dict[str, Any] = {"Token": Token, "len": len, "__builtins__": {}}
    lines = ["def follow(builder, line, starts, values):", " groups, spans = line.parts()"]
    # What would lie on the stack: an expression and the number of the token where it begins.
    stack: list[tuple[str, int]] = []
    shifted = 0
    for number, action in enumerate(actions):
        if action is None:
            if not shifted:
                lines.append(" height = len(values)")
            stack.append(("", shifted))
            shifted += 1
            continue
        size, make = action
        names[f"make{number}"] = make
        if not shifted:
            # It ends the statement before, whose parts lie on the real stack.
            if size:
                lines += [f" parts = values[-{size}:]", f" del values[-{size}:]"]
            lines.append(f" values.append(make{number}({'parts' if size else '[]'}))")
            continue
        if not size or size > len(stack):
            return None
        parts = stack[-size:]
        del stack[-size:]
        text, first = parts[0]
        direct = of_tokens.get(make) if size == 1 and not text else None
        if direct is not None:
            names[f"make{number}"] = direct
            lines.append(f" value{number} = make{number}(groups[{first}], *spans[{first}])")
            stack.append((f"value{number}", first))
            continue
        wanted = kept.get(id(make))
        texts = [
            text or (_token(kinds, at) if wanted is None or position in wanted else "None")
            for position, (text, at) in enumerate(parts)
        ]
        lines.append(f" starts[height] = spans[{first}][0]; builder.end = spans[{shifted - 1}][1]")
        lines.append(f" value{number} = make{number}([{', '.join(texts)}])")
        stack.append((f"value{number}", first))
    for height, (text, at) in enumerate(stack):
        lines.append(
            f" starts[height + {height}] = spans[{at}][0]; values.append({text or _token(kinds, at)})"
        )
    lines.append(f" builder.end = spans[{shifted - 1}][1]")
    exec("\n".join(lines), names)
    routine: Routine = names["follow"]
    return routine


def _token(kinds: Sequence[str], at: int) -> str:
    return f"Token({kinds[at]!r}, groups[{at}], *spans[{at}])"
