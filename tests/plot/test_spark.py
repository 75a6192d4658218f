"""Curves in a line of text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlang.plot.spark import BLOCKS, sparkline


def test_eight_even_steps_are_the_eight_blocks():
    assert sparkline(range(8)) == BLOCKS


def test_a_curve_over_many_decades_has_a_logarithmic_scale():
    assert sparkline([10.0**-k for k in range(8)]) == BLOCKS[::-1]
    assert sparkline([1e-9, 0.5, 1.0, 0.0]) != sparkline([1e-9, 0.5, 1.0, 0.1])  # 0 has no logarithm


def test_what_is_not_finite_is_a_cross_and_is_never_averaged_away():
    assert sparkline([1, math.nan, 2, math.inf]) == "▁×█×"
    assert sparkline([1] * 50 + [math.nan] + [1] * 49, width=10).count("×") == 1
    assert sparkline([math.nan]) == "×"


def test_a_constant_is_level_and_nothing_is_nothing():
    assert sparkline([3, 3, 3]) == "▄▄▄"
    assert sparkline([]) == ""


def test_groups_are_averaged():
    assert sparkline([0, 2, 7, 9], width=2) == sparkline([1, 8], width=2)


@given(st.lists(st.floats()), st.integers(1, 50))
def test_any_floats_fit_into_the_width(values: list[float], width: int):
    line = sparkline(values, width)
    assert len(line) == min(len(values), width) and set(line) <= {*BLOCKS, "×"}


def test_no_width_is_refused():
    with pytest.raises(ValueError, match="0 characters"):
        sparkline([1], 0)


def test_the_mean_of_the_largest_numbers_is_one_of_them() -> None:
    largest = 1.7976931348623157e308
    assert len(sparkline([largest] * 7, 3)) == 3
    assert len(sparkline([largest, -largest, 5e-324] * 3, 2)) == 2
