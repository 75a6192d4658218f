"""How numbers, names and symbols are written."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphlang.draw import text
from graphlang.draw.text import (
    exact_text,
    folded_symbol,
    name_parts,
    number_style,
    shown_numbers,
    value_lines,
)


def written(*numbers: float, digits: int | None = None) -> list[str]:
    style = number_style(numbers, digits)
    return [style.text(x) for x in numbers]


def test_whole_numbers_are_written_whole_when_all_are():
    assert written(-12.0, 1.0, 0.0, -0.0) == ["−12", "1", "0", "0"]


def test_one_fraction_gives_all_two_decimals():
    assert written(2.0, -0.2, 0.0) == ["2.00", "−0.20", "0.00"]


def test_small_or_large_numbers_give_all_three_significant_digits():
    assert written(1.2e-5, 0.5) == ["1.2e−05", "0.5"]
    assert written(12345.5, 0.5) == ["1.23e+04", "0.5"]


def test_rounding_noise_is_a_zero():
    assert written(1.5, 1e-17, -1e-17) == ["1.50", "0.00", "0.00"]
    assert written(2.9999999999999996, 5.0) == ["3", "5"]


def test_digits_override_the_choice():
    assert written(1.0, 2.0, digits=3) == ["1.000", "2.000"]
    assert written(0.00001, 2.0, digits=3) == ["1e−05", "2"]


def test_nan_and_infinities_do_not_change_the_others():
    assert written(math.nan, math.inf, -math.inf, 2.0) == ["nan", "∞", "−∞", "2"]


def test_vectors_are_written_in_full_up_to_four_elements_and_matrices_up_to_four_rows_and_columns():
    style = number_style([0.1, 0.5, -0.3, 0.8])
    assert value_lines(np.array([0.1, 0.5]), style) == ("[0.10, 0.50]",)
    assert value_lines(np.array([[0.1, 0.5], [-0.3, 0.8]]), style) == ("0.10\t0.50", "−0.30\t0.80")
    assert len(value_lines(np.eye(4), style)) == 4
    assert len(value_lines(np.ones((5, 2)), style)) == len(value_lines(np.ones((2, 5)), style)) == 1
    assert value_lines(np.ones((4, 1, 1)), style) == ("[4, 1, 1]  1.00",)


def test_a_tooltip_has_a_matrix_in_one_line():
    assert exact_text(np.array([[0.1, 0.5], [-1 / 3, 0.8]])) == "[[0.1, 0.5], [−0.33333333, 0.8]]"


def test_a_mask_of_huge_numbers_hides_none_of_the_others():
    assert number_style([-1e30, 0.0123]).text(0.0123) == "0.0123"
    assert number_style([1.0, 0.5, 1e-17]).text(1e-17) == "0.00"


def test_larger_tensors_are_written_as_shape_and_range():
    array = np.linspace(-1.25, 3.5, 320).reshape(32, 10)
    assert shown_numbers(array) == [-1.25, 3.5]
    assert value_lines(array, number_style([-1.25, 3.5])) == ("[32, 10]  −1.25…3.50",)
    assert value_lines(np.zeros((0, 3)), number_style([])) == ("[0, 3]",)
    assert value_lines(np.arange(9), number_style([])) == ("[9]  0…8",)


def test_integers_and_booleans_ignore_the_style_of_the_floats():
    assert value_lines(np.array([1, -2]), number_style([0.5])) == ("[1, −2]",)
    assert value_lines(np.bool_(True), number_style([0.5])) == ("true",)


@pytest.mark.parametrize(
    ("name", "parts"),
    [("w0", ("w", "₀")), ("w_0", ("w", "₀")), ("λ", ("λ", "")), ("σ12", ("σ", "₁₂")), ("h[1]", ("h[1]", ""))],
)
def test_digits_after_a_letter_are_a_subscript(name: str, parts: tuple[str, str]):
    assert name_parts(name) == parts


@pytest.mark.parametrize(
    ("label", "op", "numbers", "symbol"),
    [
        ("+", "add", [None, None], "+"),
        ("+", "add", [None, "1"], "+1"),
        ("+", "add", ["1", None], "+1"),
        ("−", "sub", [None, "1"], "−1"),
        ("−", "sub", ["1", None], "1−x"),
        ("−", "sub", [None, "−1"], "−(−1)"),
        ("×", "mul", ["−1", None], "×−1"),
        ("÷", "div", ["1", None], "1/x"),
        ("÷", "div", [None, "2"], "÷2"),
        ("xʸ", "pow", [None, "2"], "x²"),
        ("xʸ", "pow", [None, "−2"], "x⁻²"),
        ("xʸ", "pow", [None, "0.5"], "x^0.5"),
        ("xʸ", "pow", ["2", None], "2ˣ"),
        ("max", "maximum", ["0", None], "max(0, x)"),
        (">", "gt", [None, "0"], "> 0"),
        ("where", "where", [None, None, "0"], "where(x, y, 0)"),
    ],
)
def test_plain_numbers_are_folded_into_the_gate(label: str, op: str, numbers: list[str | None], symbol: str):
    assert folded_symbol(label, op, numbers) == symbol


def test_parts_of_a_sum_carry_their_sign():
    assert [text.signed("2"), text.signed("−3")] == ["+ 2", "− 3"]
