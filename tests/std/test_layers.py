"""Layers over images and sequences: shapes, parameters, and what normalisation does."""

from __future__ import annotations

import numpy as np
import pytest

import graphlang
from graphlang.ops.convolution import conv2d
from graphlang.pipeline import compile_source, prepare
from graphlang.source import SourceFile


def test_conv_keeps_the_size_of_images_unless_it_has_a_stride() -> None:
    run = graphlang.parse(
        "input x: [N, 3, 7, 6]\ny = x -> conv(4)\nz = x -> conv(4, 5, stride = 2)\noutput y\noutput z"
    ).run(x=np.ones((2, 3, 7, 6)))
    assert run.values["y"].shape == (2, 4, 7, 6)
    assert run.values["z"].shape == (2, 4, 4, 3)


def test_conv_is_the_convolution_with_its_filters_and_a_bias_for_each() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 3, 5, 5)), rng.normal(size=(4, 3, 3, 3)), rng.normal(size=4)
    model = graphlang.parse("input x: [N, 3, 5, 5]\nlayer c = conv(4)\ny = relu(c(x))\noutput y")
    y = model.run(x=x, weights={"c.W": w, "c.b": b}).values["y"]
    np.testing.assert_allclose(y, np.maximum(conv2d(x, w, padding=1) + b[:, None, None], 0), rtol=1e-12)


def test_conv_1d_keeps_the_length_of_sequences() -> None:
    run = graphlang.parse("input x: [N, 3, 9]\ny = x -> conv_1d(4, activation = relu)\noutput y").run(
        x=np.ones((2, 3, 9))
    )
    assert run.values["y"].shape == (2, 4, 9)


def test_conv_transpose_doubles_images() -> None:
    run = graphlang.parse("input x: [N, 3, 4, 5]\ny = x -> conv_transpose(2)\noutput y").run(
        x=np.ones((1, 3, 4, 5))
    )
    assert run.values["y"].shape == (1, 2, 8, 10)


@pytest.mark.parametrize(("training", "mean", "std"), [(True, 0, 1), (False, 5, 3)])
def test_batch_norm2d_normalises_each_channel_while_training(training: bool, mean: float, std: float) -> None:
    text = "input x: [N, 2, 6, 6]\ny = x -> batch_norm2d\noutput y"
    outcome = compile_source(SourceFile("net.graph", text), training=training)
    assert not outcome.problems.has_errors
    x = np.random.default_rng(1).normal(5, 3, size=(50, 2, 6, 6))
    y = prepare(outcome.value, fed={"x": x}).evaluate().values["y"]
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), mean, atol=0.2)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), std, atol=0.1)
