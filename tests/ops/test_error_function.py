"""`erf` and `gelu` are NumPy only, so their digits are checked against the C library's."""

from __future__ import annotations

import math

import numpy as np

from graphlang.ops import registry


def test_erf_is_right_to_the_last_digits():
    x = np.concatenate([np.linspace(-7, 7, 5001), np.logspace(-300, 0, 100), [0.0, -0.0, np.inf, -np.inf]])
    expected = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(registry.find("erf").kernel(x), expected, rtol=5e-16, atol=0)


def test_erf_in_single_precision():
    x = np.linspace(-5, 5, 1001, dtype=np.float32)
    np.testing.assert_allclose(registry.find("erf").kernel(x), [math.erf(v) for v in x], rtol=5e-7)


def test_gelu_keeps_the_digits_of_its_tail():
    x = np.linspace(-10, 10, 2001)
    expected = [v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(registry.find("gelu").kernel(x), expected, rtol=1e-13)


def test_large_arrays_are_computed_piece_by_piece():
    x = np.linspace(-3, 3, 20_001).reshape(3, -1)
    np.testing.assert_allclose(registry.find("erf").kernel(x), np.vectorize(math.erf)(x), rtol=5e-16)
