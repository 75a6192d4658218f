"""Activations of the standard library against their formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphlang

FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1)),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_tanh": lambda x: np.minimum(np.maximum(x, -1), 1),
    "hard_sigmoid": lambda x: np.minimum(np.maximum(x / 6 + 0.5, 0), 1),
    "relu6": lambda x: np.minimum(np.maximum(x, 0), 6),
}
X = np.array([-8.0, -3.5, -1.2, -0.3, 0.4, 1.7, 3.2, 7.5])


@pytest.mark.parametrize("name", FORMULAS)
def test_value_and_gradient_are_those_of_the_formula(name: str) -> None:
    run = graphlang.parse(f"input x: [N]\ny = {name}(x)\nf = sum(y)\noutput f").run(x=X)
    np.testing.assert_allclose(run.values["y"], FORMULAS[name](X), rtol=1e-12)
    h = 1e-6
    numerical = (FORMULAS[name](X + h) - FORMULAS[name](X - h)) / (2 * h)
    np.testing.assert_allclose(run.gradients["x"], numerical, rtol=1e-6, atol=1e-9)


def test_selu_has_no_overflow_for_large_inputs() -> None:
    run = graphlang.parse("input x = [1000, -1000]\ny = selu(x)\nf = sum(y)\noutput f").run()
    assert np.isfinite(run.values["y"]).all()
    assert np.isfinite(run.gradients["x"]).all()


def test_an_activation_of_the_library_is_an_argument_like_any_other() -> None:
    run = graphlang.parse("input x = [[1, 2]]\ny = x -> dense(3, mish)\nf = sum(y)\noutput f").run()
    assert run.values["y"].shape == (1, 3)
