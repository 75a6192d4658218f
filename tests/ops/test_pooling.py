"""Pooling against PyTorch, and what happens to ties."""

from __future__ import annotations

import numpy as np
import pytest

import graphlang
from graphlang.ops.pooling import avg_pool2d, avg_unpool2d, global_avg_pool2d, max_pool2d, max_unpool2d

CASES = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1},
    {"size": (3, 2), "stride": (1, 2)},
    {"size": 3, "stride": 1},
    {"size": 2, "stride": 3},
]


def test_entries_that_are_greatest_together_share_the_gradient_equally():
    run = graphlang.parse("input x = [[[[1, 1], [0, 1]]]]\ny = sum(max_pool2d(x, 2))\noutput y\n").run()
    np.testing.assert_allclose(run.gradients["x"], [[[[1 / 3, 1 / 3], [0, 1 / 3]]]])


def test_padding_is_never_the_greatest():
    x = np.full((1, 1, 2, 2), -5.0)
    np.testing.assert_array_equal(max_pool2d(x, size=2, stride=1, padding=1), np.full((1, 1, 3, 3), -5.0))


def test_padding_counts_in_the_mean():
    assert avg_pool2d(np.ones((1, 1, 2, 2)), size=2, padding=1)[0, 0, 0, 0] == 0.25


def test_global_mean_is_the_mean_of_each_channel():
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(global_avg_pool2d(x), [[5.5, 17.5]])


@pytest.mark.oracle
@pytest.mark.parametrize("is_last", [False, True], ids=["channels first", "channels last"])
@pytest.mark.parametrize("attrs", CASES)
@pytest.mark.parametrize("name", ["max", "avg"])
def test_values_and_gradients_are_those_of_pytorch(name, attrs, is_last):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 6))
    t = torch.from_numpy(x).requires_grad_()
    function = getattr(torch.nn.functional, f"{name}_pool2d")
    expected = function(t, attrs["size"], attrs.get("stride"), attrs.get("padding", 0))
    g = np.random.default_rng(1).standard_normal(tuple(expected.shape))
    expected.backward(torch.from_numpy(g))
    if is_last:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if name == "max":
        y = max_pool2d(x, **attrs)
        back = max_unpool2d(g, x, y, **attrs)
    else:
        y = avg_pool2d(x, **attrs)
        back = avg_unpool2d(g, shape=(7, 6), **attrs)
    np.testing.assert_allclose(y, expected.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(back, t.grad.numpy(), rtol=1e-12, atol=1e-12)
