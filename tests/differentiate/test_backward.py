"""Reverse accumulation: derivatives against formulas worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import graphlang
from graphlang import pipeline
from graphlang.source import SourceFile


def run(text: str, **inputs: object) -> graphlang.Run:
    return graphlang.parse(text).run(**inputs)


def test_gradient_of_a_product_is_the_other_factor() -> None:
    gradients = run("input x = -2\ninput y = 5\nf = x * y").gradients
    assert (gradients["x"], gradients["y"]) == (5, -2)


def test_gradients_add_where_a_wire_forks() -> None:
    assert run("input x = 3\nf = x * x + 2 * x").gradients["x"] == 2 * 3 + 2


def test_a_wire_used_twice_by_one_gate_counts_twice() -> None:
    assert run("input x = 3\nf = x * x").gradients["x"] == 6


def test_a_node_without_influence_has_gradient_zero() -> None:
    gradients = run("input x = 3\ninput unused = [1, 2]\nf = x * x\noutput f").gradients
    np.testing.assert_array_equal(gradients["unused"], [0, 0])


def test_integer_nodes_have_no_gradient() -> None:
    gradients = run("input x = [1, 2]\ninput k: int[2] = [0, 1]\nf = sum(x * k)\noutput f").gradients
    assert "k" not in gradients
    np.testing.assert_array_equal(gradients["x"], [0, 1])


def test_without_a_scalar_nothing_is_differentiated() -> None:
    result = run("input x = [1, 2]\ny = 2 * x")
    assert result.of is None
    assert result.gradients == {}


@pytest.mark.parametrize(
    ("order", "wanted"), [(1, 4 * 1.5**3), (2, 12 * 1.5**2), (3, 24 * 1.5), (4, 24.0), (5, 0.0)]
)
def test_derivatives_nest(order: int, wanted: float) -> None:
    lines = ["input x = 1.5", "g0 = x ^ 4"]
    lines += [f"g{k} = grad(g{k - 1}, x)" for k in range(1, order + 1)]
    assert run("\n".join(lines)).values[f"g{order}"] == pytest.approx(wanted)


def test_a_derivative_can_be_used_in_later_formulas() -> None:
    # One Newton step on x² − 2 from 1.5.
    text = "input x = 1.5\nf = x ^ 2 - 2\nnext = x - f / grad(f, x)\noutput next"
    assert run(text).values["next"] == pytest.approx(1.5 - 0.25 / 3)


def test_the_hessian_of_a_tensor_function() -> None:
    # f = Σ x³: the gradient is 3x², the gradient of its sum 6x.
    text = "input x = [1, 2, -3]\nf = sum(x ^ 3)\ng = grad(f, x)\nh = grad(sum(g), x)\noutput f"
    np.testing.assert_allclose(run(text).values["h"], [6, 12, -18])


def test_a_broadcast_operand_gets_the_sum_over_the_stretched_axes() -> None:
    text = "input x = [[1, 2], [3, 4], [5, 6]]\ninput b = [10, 20]\nf = sum(x * b)\noutput f"
    np.testing.assert_array_equal(run(text).gradients["b"], [9, 12])


CONVENTIONS = {
    "relu(x)": (0.0, 0.0),
    "abs(x)": (0.0, 0.0),
    "norm(x * [1, 1])": (0.0, 0.0),
    "max(x, 0)": (0.0, 0.5),
    "min(x, 0)": (0.0, 0.5),
}


@pytest.mark.parametrize(("formula", "case"), CONVENTIONS.items())
def test_gradients_at_kinks_follow_the_language_page(formula: str, case: tuple[float, float]) -> None:
    x, wanted = case
    assert run(f"input x = {x}\nf = {formula}\noutput f").gradients["x"] == wanted


def test_a_hand_written_backward_block_takes_the_place_of_the_derivative() -> None:
    text = """
gate triple(x) -> y {
  y = 3 * x
  backward { grad(x) = 100 * grad(y) }
}
input x = 2
f = triple(x) ^ 2
output f
"""
    assert run(text).gradients["x"] == 2 * 6 * 100


def test_a_backward_block_with_several_operands_and_results() -> None:
    text = """
gate turn(a, b, angle: float) -> (c, d) {
  c = cos(angle) * a - sin(angle) * b
  d = sin(angle) * a + cos(angle) * b
  backward {
    grad(a) = cos(angle) * grad(c) + sin(angle) * grad(d)
    grad(b) = cos(angle) * grad(d) - sin(angle) * grad(c)
  }
}
input a = 1
input b = 2
c, d = turn(a, b, 0.3)
f = c ^ 2 + 3 * d
output f
"""
    result = run(text)
    c = math.cos(0.3) - 2 * math.sin(0.3)
    assert result.gradients["a"] == pytest.approx(2 * c * math.cos(0.3) + 3 * math.sin(0.3))
    assert result.gradients["b"] == pytest.approx(-2 * c * math.sin(0.3) + 3 * math.cos(0.3))


def test_a_backward_block_is_differentiated_again_for_second_derivatives() -> None:
    text = """
gate cube(x) -> y {
  y = x ^ 3
  backward { grad(x) = grad(y) * 3 * x ^ 2 }
}
input x = 2
f = cube(x)
g = grad(f, x)
f2 = grad(g, x)
output f2
"""
    result = run(text)
    assert result.values["f2"] == pytest.approx(12)
    assert result.gradients["x"] == pytest.approx(6)


def test_a_gate_that_passes_its_operand_on_keeps_its_backward_block() -> None:
    text = """
gate reversed(x) -> y {
  y = x
  backward { grad(x) = -grad(y) }
}
input x = 2
f = reversed(x) * 5
output f
"""
    assert run(text).gradients["x"] == -5


def test_stop_gradient_lets_values_through_and_gradients_not() -> None:
    result = run("input x = 3\nf = stop_gradient(x) * x\noutput f")
    assert (result.values["f"], result.gradients["x"]) == (9, 3)


def test_differentiating_leaves_the_model_as_it_was() -> None:
    model = pipeline.compile_source(SourceFile("f", "input x = 2\nf = x ^ 3")).value
    before = [(n.path, n.op, [i.path for i in n.inputs]) for n in model.nodes]
    pipeline.differentiate(model, model.outputs[0])
    assert [(n.path, n.op, [i.path for i in n.inputs]) for n in model.nodes] == before


@pytest.mark.slow
def test_a_chain_of_a_hundred_thousand_gates_overflows_no_stack() -> None:
    count = 100_000
    lines = ["input x = 1.0", "v0 = x * 1.00001"]
    lines += [f"v{k} = v{k - 1} * 1.00001" for k in range(1, count)]
    lines.append(f"output v{count - 1}")
    result = run("\n".join(lines))
    assert result.gradients["x"] == pytest.approx(1.00001**count, rel=1e-9)


@pytest.mark.slow
def test_work_grows_in_proportion_to_the_file() -> None:
    """Counted in nodes rather than seconds: the backward pass adds at most three per gate."""
    sizes = []
    for count in (1_000, 2_000, 4_000):
        lines = ["input v0 = 0.5", "input v1 = 0.25"]
        lines += [f"v{k} = v{k - 1} * v{k - 2}" for k in range(2, count)]
        model = pipeline.compile_source(SourceFile("f", "\n".join(lines))).value
        sizes.append(len(pipeline.differentiate(model, model.outputs[0]).nodes))
    assert sizes[2] - sizes[1] == pytest.approx(2 * (sizes[1] - sizes[0]), rel=0.01)
