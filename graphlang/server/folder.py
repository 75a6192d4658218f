"""The folder that was opened: what lies in it may be read and saved, and nothing else.

A path belongs to the folder if it still lies there after every `..` and symbolic link has been followed.
Texts from the page are as foreign as any file: what they import and read is checked by the same rule.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from graphlang.diagnostics import Problems
from graphlang.files import replace_file
from graphlang.generators import GENERATORS
from graphlang.graph.model import Model
from graphlang.run.datasets import path_of
from graphlang.run.files import printable
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.parse import parse
from graphlang.syntax.reading import read_source

_ENDING = ".graph"
_MOST_FILES = 500
_ADVICE = "Open the folder above it, or move the file into this one."


class OutsideError(OSError):
    """What was asked for lies outside the folder that was opened."""

    def __init__(self) -> None:
        super().__init__("it lies outside the folder that was opened")


class Folder:
    """A folder on disk.

    Parameters
    ----------
    path : str
        As the user gave it: "" for the working directory.
    """

    def __init__(self, path: str):
        self.path = path
        self.root = os.path.realpath(path or os.curdir)

    def holds(self, path: str) -> bool:
        """Whether a path, relative to the working directory, lies in the folder once links are followed."""
        try:
            return os.path.commonpath([os.path.realpath(path), self.root]) == self.root
        except ValueError:  # a NUL in the name, or another drive
            return False

    def place(self, name: str) -> str:
        """The path of a `.graph` file by its name within the folder.

        Raises
        ------
        OutsideError
            If it lies elsewhere.
        ValueError
            If it is no name of a `.graph` file.
        """
        if not name.endswith(_ENDING) or name == _ENDING or "\0" in name or os.path.isabs(name):
            raise ValueError(f"the name of a model ends in {_ENDING} and is relative to the folder")
        path = os.path.join(self.path, name)
        if not self.holds(path):
            raise OutsideError
        return path

    def names(self) -> list[str]:
        """The `.graph` files directly in the folder."""
        try:
            found = sorted(n for n in os.listdir(self.root) if n.endswith(_ENDING) and n != _ENDING)
        except OSError:
            return []
        return [n for n in found if self.holds(os.path.join(self.root, n))][:_MOST_FILES]

    def save(self, name: str, text: str) -> str:
        """Write a file completely or not at all; returns its path. Raises OSError or ValueError."""
        path = self.place(name)
        replace_file(path, lambda file: file.write(text.encode("utf-8")))
        return path

    # --- what a text reads --------------------------------------------------------------------

    def check_imports(self, file: tree.File, problems: Problems) -> None:
        """Report imports, of this file and of those that it imports, that lie outside (E0110)."""
        seen: set[str] = set()
        waiting = [file]
        while waiting:
            for statement in _imports(waiting.pop()):
                base = os.path.dirname(statement.span.source.path or "")
                path = os.path.join(base, statement.path.value)
                if not self.holds(path):
                    shown = printable(statement.path.value)
                    message = f"Cannot read `{shown}`: {OutsideError()}."
                    problems.error("E0110", statement.path.span, message, suggestion=_ADVICE)
                elif (real := os.path.realpath(path)) not in seen and os.path.isfile(real):
                    seen.add(real)
                    waiting.append(parse(_text_of(path)).value)

    def check_data(self, model: Model, problems: Problems) -> None:
        """Report data that lie outside (E0804)."""
        for spec in model.data.values():
            if spec.kind not in GENERATORS and not self.holds(path_of(spec)):
                message = f'"{printable(spec.path)}" cannot be read: {OutsideError()}.'
                problems.error("E0804", spec.span, message, suggestion=_ADVICE)


def _imports(file: tree.File) -> Iterator[tree.Import]:
    return (s for s in tree.walk(file) if isinstance(s, tree.Import))


def _text_of(path: str) -> SourceFile:
    """A file's text; an empty one where it cannot be read, which the compiler will report."""
    return read_source(path).value or SourceFile(path, "", path)
