"""Text that is compiled into a function: statements, and the arrays and functions they refer to.

The text holds only names and numbers that are written by us; what it refers to are functions of NumPy,
kernels of operations, and arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

_NAME = re.compile(r"\bc\d+\b")


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
        # As default values the names are local variables, which Python finds at once.
        body = [*self.lines, f"return ({''.join(f'{r}, ' for r in results)})"]
        used = {name for line in body for name in _NAME.findall(line)}
        head = [*parameters, *(f"{name}={name}" for name in self.names if name in used)]
        source = f"def run({', '.join(head)}):\n" + "\n".join(f"    {line}" for line in body)
        # The function holds its globals, and with them what must stay.
        space: dict[str, Any] = {**self.names, "kept": self.kept}
        exec(compile(source, "<program>", "exec"), space)
        # Not held by its own globals: what it refers to is freed as soon as nobody needs it.
        function: Callable[..., Any] = space.pop("run")
        return function
