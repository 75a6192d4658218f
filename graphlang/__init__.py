"""graphlang: describe a neural network or a computation graph as a text file.

>>> import graphlang
>>> model = graphlang.parse("input x = 3\\nf = x ^ 2")
>>> model.run().gradients["x"]
6.0
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from graphlang.api import Model as Model
    from graphlang.api import Run as Run
    from graphlang.api import load as load
    from graphlang.api import parse as parse
    from graphlang.diagnostics import Diagnostic as Diagnostic
    from graphlang.diagnostics import GraphlangError as GraphlangError

__all__ = ["Diagnostic", "GraphlangError", "Model", "Run", "__version__", "load", "parse"]

_HOMES = {
    "Diagnostic": "graphlang.diagnostics",
    "GraphlangError": "graphlang.diagnostics",
    "Model": "graphlang.api",
    "Run": "graphlang.api",
    "load": "graphlang.api",
    "parse": "graphlang.api",
}


def __getattr__(name: str) -> Any:
    # The command line asks for `__version__` alone; NumPy and the rest are loaded when they are needed.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'graphlang' has no attribute {name!r}")
