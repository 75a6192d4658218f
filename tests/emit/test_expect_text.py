"""What is read from an expectation's text."""

from __future__ import annotations

import pytest

from graphlang.emit.expect_text import gradient_by, means_the_same, sides
from graphlang.graph.model import Expectation
from graphlang.source import SourceFile, Span


def expectation(text: str, op: str) -> Expectation:
    return Expectation(text, 0, op, 0, None, Span(SourceFile("m.graph", text), 0, len(text)))


@pytest.mark.parametrize(
    ("text", "op", "parts"),
    [
        ("f == 2", "==", ("f", "2", "")),
        ("grad(f,x)==3", "==", ("grad(f,x)", "3", "")),
        ("f <= g within 1e-9", "<=", ("f", "g", "1e-9")),
        ("f == g within tolerance", "==", ("f", "g", "")),
    ],
)
def test_the_sides_are_what_stands_around_the_comparison(
    text: str, op: str, parts: tuple[str, str, str]
) -> None:
    assert sides(expectation(text, op)) == parts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("grad(f, x)", "x"),
        ("grad( f , h[1].dense.W )", "h[1].dense.W"),
        ("grad(g, x)", None),
        ("grad(grad(f, x), x)", None),
        ("grad(f, x) * 2", None),
    ],
)
def test_only_a_gradient_of_the_result_is_taken_for_one(text: str, found: str | None) -> None:
    assert gradient_by(text, "f") == found


@pytest.mark.parametrize("text", ["x", "grad(grad(x, y), y)", "16/125", "2 * x ^ (y - 1.5e-3)", "-x"])
def test_a_formula_of_kept_names_can_be_repeated(text: str) -> None:
    assert means_the_same(text, {"x", "y"}.__contains__)


@pytest.mark.parametrize(
    "text", ["x + n", "h.dense.W", "x[0]", '"x"', "sum(x)", "x.T", "x @ y", "x within 2"]
)
def test_a_formula_with_anything_else_is_written_anew(text: str) -> None:
    assert not means_the_same(text, {"x", "y", "h"}.__contains__)
