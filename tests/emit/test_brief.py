"""Scripts say of a value what the tool says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphlang.cli import numbers
from graphlang.emit.brief import brief

VALUES = [
    3, -3, True, 0.1, 1 / 3, -0.0, -1e-30, 1e300, np.nan, np.inf, -np.inf, np.float64(2.0), np.float32(0.1),
    np.array(5), np.array(True), np.array([1.5, 2.0]), np.array([[True, False]]), np.arange(6), np.arange(7),
    np.arange(7.0), np.linspace(-1, 1, 12).reshape(3, 4) ** 3, np.zeros((3, 0)), np.ones(8) > 0,
    np.array([1.0, np.nan] * 4), np.full(9, 1e200), (2, 3), (), ((1, 2), (3, 4)), "a text", ("a", "b"), (1, "b"),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_told_as_the_tool_tells_them(value: Any) -> None:
    assert brief(value) == numbers.brief(value)
