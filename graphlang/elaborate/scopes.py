"""Names: which are in scope, and where they were bound.

A body (the file, a network, a gate, an iteration of a loop) has an `Env`. Names of the main graph are not
seen inside networks: a network sees its own names, then the definitions and constants of its file.
"""

from __future__ import annotations

from typing import Any

from graphlang.records import Record
from graphlang.source import Span


class Binding(Record, frozen=False):
    """What a name stands for and where it was bound."""

    value: Any
    span: Span | None
    # Whether it only stands in for what an unreadable or skipped statement would have bound.
    is_tentative: bool = False


class Env:
    """The names of one body; a loop's iteration has the enclosing body as its parent."""

    __slots__ = ("names", "parent", "rebound")

    def __init__(self, parent: Env | None = None):
        self.names: dict[str, Binding] = {}
        self.parent = parent
        # Names of the enclosing body that this iteration has bound anew, and where.
        self.rebound: dict[str, Span] = {}

    def find(self, name: str) -> Binding | None:
        """The binding that a use of `name` refers to."""
        found = self.names.get(name)
        env = self.parent
        while found is None and env is not None:
            found = env.names.get(name)
            env = env.parent
        return found

    def owner(self, name: str) -> Env | None:
        """The body that binds `name`, this one or an enclosing one."""
        env: Env | None = self
        while env is not None and name not in env.names:
            env = env.parent
        return env

    def all_names(self) -> list[str]:
        """Every name in scope."""
        names: list[str] = []
        env: Env | None = self
        while env is not None:
            names.extend(env.names)
            env = env.parent
        return names
