"""Numbers as a table shows them: short scalars, small tensors in full, large ones as shape and norm."""

from __future__ import annotations

from typing import Any

import numpy as np

# Tensors with more entries are shown as shape and norm.
IN_FULL = 6


def brief(value: Any, digits: int = 6) -> str:
    """A value in a table's cell."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple) and not all(isinstance(v, (bool, int, float, tuple)) for v in value):
        return "[" + ", ".join(str(v) for v in value) + "]"
    array = np.asarray(value)
    if array.ndim == 0:
        return number(array.item(), digits)
    if array.size <= IN_FULL:
        return _nested(array.tolist(), digits)
    shape = "[" + ", ".join(map(str, array.shape)) + "]"
    kind = {"i": "int", "b": "bool"}.get(array.dtype.kind, "")
    if kind == "bool":
        return f"{kind}{shape} {int(array.sum())} true"
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.sum(np.square(array.astype(float)))))
    return f"{kind}{shape} ‖·‖ = {number(norm, min(digits, 4))}"


def number(value: Any, digits: int = 6) -> str:
    """One number with so many significant digits; whole floats without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{digits}g}"
    return "0" if text == "-0" else text


def _nested(value: Any, digits: int) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(v, digits) for v in value) + "]"
    return number(value, digits)
