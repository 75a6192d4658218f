"""What a warning says about an expectation that does not hold.

Scripts are given the source of these functions, so that they print the very text of `graphlang run`.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def failure(text: str, left: Any, right: Any) -> str:
    """The warning for an expectation that does not hold."""
    return f"This expectation does not hold: {text} (found {brief(left)} and {brief(right)})."


def brief(value: Any) -> str:
    """A value in few words: small tensors in full, large ones as shape and norm."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple) and not all(isinstance(v, (bool, int, float, tuple)) for v in value):
        return "[" + ", ".join(map(str, value)) + "]"
    array = np.asarray(value)
    if array.size <= 6:
        return nested(array.tolist())
    shape = "[" + ", ".join(map(str, array.shape)) + "]"
    if array.dtype.kind == "b":
        return f"bool{shape} {int(array.sum())} true"
    kind = "int" if array.dtype.kind == "i" else ""
    with np.errstate(all="ignore"):
        norm = float(np.sqrt(np.sum(np.square(array.astype(float)))))
    return f"{kind}{shape} ‖·‖ = {norm:.4g}"


def nested(value: Any) -> str:
    """Numbers with six significant digits; whole floats without a point."""
    if isinstance(value, list):
        return "[" + ", ".join(map(nested, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = f"{value:.6g}"
    return "0" if text == "-0" else text
