"""Text that is compiled into a function: statements, and the arrays and functions they refer to.

The text holds only names and numbers that are written by us; what it refers to are functions of NumPy,
kernels of operations, and arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_NAME = re.compile(r"\b(?:c|part)\d+\b")
_WORD = re.compile(r"\b[a-z]\w*\b")
_ASSIGNED = re.compile(r"(\w+) = ")
# Statements that are compiled at once: Python's compiler takes some four kilobytes for each meanwhile.
_AT_ONCE = 64


class Statement(str):
    """A statement that is quick for NumPy, and others that do the same and can be C."""

    __slots__ = ("in_c",)

    in_c: tuple[str, ...]

    def __new__(cls, text: str, in_c: Iterable[str]) -> Statement:
        """As described."""
        made = super().__new__(cls, text)
        made.in_c = tuple(in_c)
        return made


class Code:
    """Statements under construction, and what they refer to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        # What must stay as long as the statements do, though they do not name it.
        self.kept: Any = None

    def constant(self, value: Any) -> str:
        """The name of an array or function that stays."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"c{len(self.names)}"
            self.names[name] = value
        return name

    def function(self, parameters: Iterable[str], results: Iterable[str] = ()) -> Callable[..., Any]:
        """Compile the statements into a function of these parameters."""
        # The function holds its globals, and with them what must stay.
        space: dict[str, Any] = {**self.names, "kept": self.kept}
        parameters, results = list(parameters), list(results)
        if len(self.lines) <= _AT_ONCE or any(line.startswith(" ") for line in self.lines):
            return _compiled(space, self.lines, parameters, results)
        lines = []
        for k, (part, given, left) in enumerate(_parts(self.lines, parameters, results)):
            space[f"part{k}"] = _compiled(space, part, given, left)
            targets = "".join(f"{name}, " for name in left) + "= " if left else ""
            lines.append(f"{targets}part{k}({', '.join(given)})")
        whole = _compiled(space, lines, parameters, results)
        for k in range(len(lines)):
            del space[f"part{k}"]
        return whole


def _compiled(
    space: dict[str, Any], lines: Iterable[str], parameters: list[str], results: list[str]
) -> Callable[..., Any]:
    """Statements as a function, of what `space` names and of parameters."""
    # As default values the names are local variables, which Python finds at once.
    body = [*lines, f"return ({''.join(f'{r}, ' for r in results)})"]
    used = dict.fromkeys(name for line in body for name in _NAME.findall(line))
    head = [*parameters, *(f"{name}={name}" for name in used)]
    source = f"def run({', '.join(head)}):\n" + "\n".join(f"    {line}" for line in body)
    exec(compile(source, "<program>", "exec"), space)
    # Not held by its own globals: what it refers to is freed as soon as nobody needs it.
    function: Callable[..., Any] = space.pop("run")
    return function


def _parts(
    lines: list[str], parameters: list[str], results: list[str]
) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Some statements at a time, what they are given, and what they leave to those that follow."""
    parts = [lines[start : start + _AT_ONCE] for start in range(0, len(lines), _AT_ONCE)]
    read = [_read(part) for part in parts]
    last = {name: k for k, names in enumerate([*read, _read(results)]) for name in names}
    made = set(parameters)
    for k, part in enumerate(parts):
        # A statement that gives a value a name is `name = value`.
        own = dict.fromkeys(found[1] for line in part if (found := _ASSIGNED.match(line)))
        yield part, [name for name in read[k] if name in made], [n for n in own if last.get(n, k) > k]
        made.update(own)


def _read(lines: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(name for line in lines for name in _WORD.findall(line))
