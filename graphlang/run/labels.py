"""Whether labels that are fed to the model are classes."""

from __future__ import annotations

import numpy as np


def label_trouble(labels: np.ndarray, classes: int) -> tuple[str, str | None] | None:
    """Why labels cannot pick from so many classes, as the end of a sentence, and advice; None if they can."""
    if labels.size == 0 or labels.dtype.kind not in "iufb":
        return None
    low, high = labels.min(), labels.max()
    if low >= 0 and high < classes:
        return None
    advice = "Classes are counted from 0: subtract 1." if (low, high) == (1, classes) else None
    if low < 0 and classes == 2:
        advice = "Classes are counted from 0: `y > 0` makes 0 and 1 of -1 and 1."
    bad = int(low if low < 0 else high)
    return f"picks one of {classes} classes, 0 to {classes - 1}, and there is no class {bad}", advice
