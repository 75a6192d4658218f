"""An evaluation as plain data: the object of `graphlang run --json`, LANGUAGE section 11."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphlang.run.session import Evaluation


def as_json(evaluation: Evaluation, warnings: Iterable[str] = ()) -> dict[str, Any]:
    """Values, gradients and shapes by path, with the expectations' outcome.

    Tensors are nested lists; NaN and the infinities are the strings "nan", "inf" and "-inf".
    """
    model = evaluation.model
    return {
        "model": model.name,
        "of": model.of.path if model.of is not None else None,
        "outputs": [n.path for n in model.outputs],
        "values": {path: plain(v) for path, v in evaluation.values.items()},
        "gradients": {path: plain(v) for path, v in evaluation.gradients.items()},
        "shapes": {path: list(np.shape(v)) for path, v in evaluation.values.items()},
        "expect": [{"text": c.expectation.text, "ok": c.ok} for c in evaluation.expectations],
        "warnings": list(warnings),
    }


def plain(value: Any) -> Any:
    """An array as nested lists of Python numbers."""
    if isinstance(value, float):  # NumPy's float64 is one: a graph of scalars has very many of them
        return float(value) if math.isfinite(value) else _spelled(value)
    array = np.asarray(value)
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return _spelled(array.tolist())


def _spelled(value: Any) -> Any:
    if isinstance(value, list):
        return [_spelled(v) for v in value]
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
