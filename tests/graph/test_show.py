"""Formulas read back as they were written."""

from __future__ import annotations

import pytest

from graphlang.graph.show import calls_of, formula, number, show_graph, show_plan, size_text
from graphlang.pipeline import compile_source
from graphlang.plan.schedule import make_plan
from graphlang.source import SourceFile
from graphlang.types.dims import Dim
from tests.emit.models import build

LEAVES = """\
input x: [N, 4]
input y: [N, 4]
input k: int[N]
input s
"""

FORMULAS = [
    "1 / (1 + exp(-x))",
    "x - (y - 1) - 2",
    "x - (-y)",
    "-(-x)",
    "-x ^ 2",
    "(-x) ^ 2",
    "x ^ y ^ 2",
    "(x ^ y) ^ 2",
    "2 ^ -x",
    "x * (y + 1) / (2 * y)",
    "x / (y / 2)",
    "x[:, 1:3]",
    "x[0, -1]",
    "x[..., ::2]",
    "(x + y).T",
    "x @ y.T @ x",
    "x @ (y.T @ x)",
    "sum(x, axis = [0, 1])",
    "sum(x, axis = -1, keepdims = true)",
    "softmax(x)",
    "softmax(x, axis = 0)",
    "reshape(x, shape = [2*N, 2])",
    "reshape(x, shape = [N*2, 2])",
    "not (x > 1 and y < 2)",
    "not x > 1 or y == 2",
    "(x > 1) == (y > 1)",
    "where(x > 0, x, 0)",
    "maximum(x, 0.5)",
    "concat(x, y, axis = 1)",
    'einsum("ni,mi->nm", x, y)',
    "k * 2 + 1",
    "k / 2",
    "s * k",
    "x / N",
    "clip(x, low = 0, high = 1.5)",
    "one_hot(k, classes = 3)",
    "pad(x, widths = [[0, 0], [1, 2]])",
    "log(1 + 1e-12 * x)",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_reads_back_as_it_was_written(text: str) -> None:
    model = build(f"{LEAVES}f = {text}\n")
    assert formula(model.by_path["f"]) == text.replace("N*2", "2*N")


def test_named_operands_are_written_by_name() -> None:
    model = build(f"{LEAVES}a = x + y\nf = a * a\n")
    assert formula(model.by_path["f"]) == "a * a"
    assert formula(model.by_path["x"]) == "input"


def test_a_deep_formula_is_cut_off() -> None:
    deep = "input x = 1\nf = " + " + ".join(["x"] * 5000) + "\n"
    assert len(formula(build(deep).by_path["f"])) < 400


def test_numbers_keep_their_kind() -> None:
    assert [number(v).text for v in (2, 2.0, -0.0, 1e-7, True)] == ["2", "2.0", "-0.0", "1e-07", "true"]


def test_sizes_are_written_as_the_language_reads_them() -> None:
    n, m = Dim.of("N"), Dim.of("M")
    sizes = [2 * n, n * n, n + 1, 2 * n - 3, (n + 1) // 2, n * m % 3, 2 * (n // 2) + 1]  # type: ignore[operator]
    texts = ["2*N", "N*N", "N + 1", "2*N - 3", "(N + 1) // 2", "M*N % 3", "2*(N // 2) + 1"]
    assert [size_text(s) for s in sizes] == texts


def test_a_graph_is_shown_a_line_for_each_node() -> None:
    model = build("input x = 2\ny = x ^ 2 + 1\noutput y\n")
    text = show_graph(model)
    assert "x = input: []" in text and "y = add(y.pow, " in text and "# line 2" in text
    assert "# d(y)/d(node)" in text
    plan = show_plan(make_plan(model.nodes, [model.by_path["y"]]))
    assert "s0 = input" in plan and "y: s" not in plan


def test_a_call_that_hands_on_its_operand_is_not_written_in_terms_of_itself() -> None:
    text = "input x = [[1, 2]]\nh = x -> relu -> dropout(0.5) -> dense(1)\noutput h"
    model = compile_source(SourceFile("t", text)).value
    calls = calls_of(model)
    assert formula(model.by_path["h"], calls=calls) == "relu(x) -> dense(1)"
    assert formula(model.by_path["h.relu"], calls=calls) == "relu(x)"
