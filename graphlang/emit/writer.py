"""What every exporter needs: identifiers that are unique and legal, paths of files seen from elsewhere."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from typing import Literal

from graphlang.graph.model import DataSpec
from graphlang.graph.node import Node


def identifier(path: str) -> str:
    """A node's path as one identifier: `h[1].dense.W` becomes `h_1_dense_W`, `λ` stays."""
    if path.isidentifier():
        return path
    name = "".join(c if ("a" + c).isidentifier() else " " for c in path)
    name = "_".join(name.split()) or "node"
    return name if name.isidentifier() else f"n{name}" if name[0].isdigit() else f"n_{name}"


def without_result(path: str, of: Node | None) -> str:
    """What to name a variable after: `grad(f,x).mul` is `grad_x.mul` where `f` is what is differentiated."""
    if of is not None and path.startswith(prefix := f"grad({of.path},"):
        path = "grad_" + path[len(prefix) :]
    return path if len(path) <= 60 else path[:60]


def quoted(text: str) -> str:
    """A string as Python writes it, in double quotes."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in plain else plain


class Names:
    """Hands out identifiers, each once.

    Parameters
    ----------
    reserved : iterable of str
        Names that are never handed out.
    form : str
        The Unicode normal form in which two names count as the same: Python reads names in NFKC.
    """

    def __init__(self, reserved: Iterable[str] = (), *, form: Literal["NFC", "NFKC"] = "NFC"):
        self._form = form
        self._taken = set(reserved)
        self._counters: dict[str, int] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names from being handed out from now on."""
        self._taken.update(names)

    def take(self, path: str) -> str:
        """An identifier for a path: its own if that is free, else with `_2`, `_3`, … behind."""
        name = identifier(unicodedata.normalize(self._form, path))
        if name not in self._taken:
            self._taken.add(name)
            return name
        count = self._counters.get(name, 1)
        while True:
            count += 1
            candidate = f"{name}_{count}"
            if candidate not in self._taken:
                self._counters[name] = count
                self._taken.add(candidate)
                return candidate


def data_path(spec: DataSpec, folder: str) -> str:
    """Where a data block's file lies, seen from the folder that the exported text is written to."""
    if not spec.path or os.path.isabs(spec.path):
        return spec.path
    home = os.path.dirname(spec.source.path) if spec.source.path else ""
    try:
        found = os.path.relpath(os.path.join(home, spec.path), folder)
    except ValueError:  # another drive
        found = os.path.abspath(os.path.join(home, spec.path))
    return found.replace(os.sep, "/")
