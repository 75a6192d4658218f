"""Folded scripts are the same Python on shorter lines."""

from __future__ import annotations

import ast

import pytest

from graphlang.emit.folding import fold

LINES = [
    "total = first_term + np.sum(second_term, axis=0) * (third_term - fourth_term) / fifth_term",
    "total = first_term + second_term * third_term - fourth_term / fifth_term + sixth_term + seventh",
    "return function(first_argument, second_argument[0, :, 1], name='a, (b', other=\"c'd\", last=1)",
    "x = f(g(first_argument, second_argument), h(third_argument, fourth_argument, fifth_argument))",
    "x = (only_one_thing_in_brackets_that_is_long + another_thing_in_brackets_that_is_long_too)",
    "x = sum(np.sum(gradient_of_a_parameter ** 2) for gradient_of_a_parameter, other in all_of_them)",
    "x = ('one string that is longer than the line may be and has nothing to be cut at', )",
]


@pytest.mark.parametrize("line", LINES)
def test_a_folded_line_means_the_same(line: str) -> None:
    text = f"def f():\n    {line}\n"
    folded = fold(text, 60)
    assert folded != text
    assert ast.dump(ast.parse(folded)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("line", LINES[:6])
def test_a_folded_line_is_short(line: str) -> None:
    assert max(map(len, fold(f"    {line}", 60).split("\n"))) <= 60


def test_what_fits_and_what_is_quoted_stays() -> None:
    text = '"""A text in quotes that is longer than the line may be.\n\n    And its second line, too."""\nx = f(1)\n'
    assert fold(text, 20) == text


def test_comments_are_wrapped_and_remarks_left_out() -> None:
    assert fold("    # one two three four", 20) == "    # one two three\n    # four"
    assert fold("x = f(first)  # said of it", 20) == "x = f(first)"
