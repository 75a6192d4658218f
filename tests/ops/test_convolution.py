"""Convolution against PyTorch and against its laws: linear in both operands, each gradient the adjoint."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlang
from graphlang.ops.convolution import conv1d, conv2d, conv2d_weights, conv_transpose2d


def drawn(seed, *shapes, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


@st.composite
def convolutions(draw):
    """Shapes of images and filters that fit, and attributes."""
    size = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    edges = draw(st.tuples(*[st.tuples(st.integers(0, 4), st.integers(0, 4))] * 2))
    groups = draw(st.integers(1, 3))
    image = [
        max(1, d * (k - 1) + 1 - sum(e)) + draw(st.integers(0, 4))
        for k, d, e in zip(size, dilation, edges, strict=True)
    ]
    seen, made = draw(st.sampled_from([1, 2, 7])), draw(st.integers(1, 3))
    attrs = {
        "stride": draw(st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "padding": edges,
        "dilation": dilation,
        "groups": groups,
    }
    return (draw(st.integers(1, 3)), seen * groups, *image), (made * groups, seen, *size), attrs


@given(convolutions(), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_the_gradients_are_the_adjoints(case, seed):
    """<conv2d(x, w), g> = <x, conv_transpose2d(g, w)> = <w, conv2d_weights(x, g)>."""
    images, filters, attrs = case
    x, w = drawn(seed, images, filters)
    y = conv2d(x, w, **attrs)
    (g,) = drawn(seed + 1, y.shape)
    product = np.vdot(y, g)
    back = conv_transpose2d(g, w, size=images[2:], **attrs)
    weights = conv2d_weights(x, g, size=filters[2:], **attrs)
    assert (back.shape, weights.shape) == (images, filters)
    np.testing.assert_allclose(np.vdot(x, back), product, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.vdot(w, weights), product, rtol=1e-9, atol=1e-9)


@given(convolutions(), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_the_order_of_axes_in_memory_changes_nothing_but_rounding(case, seed):
    images, filters, attrs = case
    x, w = drawn(seed, images, filters)
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(conv2d(last, w, **attrs), conv2d(x, w, **attrs), rtol=1e-12, atol=1e-12)


def test_many_images_are_taken_in_several_blocks():
    x, w = drawn(0, (40, 8, 20, 20), (4, 8, 3, 3))
    y = conv2d(x, w, padding=1)
    one_by_one = np.concatenate([conv2d(x[i : i + 1], w, padding=1) for i in range(40)])
    np.testing.assert_allclose(y, one_by_one, rtol=1e-12, atol=1e-12)


def test_no_images_give_no_results():
    assert conv2d(np.zeros((0, 1, 4, 4)), np.zeros((2, 1, 3, 3))).shape == (0, 2, 2, 2)


def test_a_filter_of_one_place_is_a_product_of_matrices():
    x, w = drawn(1, (2, 3, 4, 5), (6, 3, 1, 1))
    np.testing.assert_allclose(conv2d(x, w), np.einsum("ncij,fc->nfij", x, w[:, :, 0, 0]), rtol=1e-12)


def test_padding_before_a_sequence_keeps_later_entries_from_being_seen():
    x, w = drawn(2, (1, 1, 6), (1, 1, 3))
    later = x.copy()
    later[..., 4:] += 1
    y, y2 = (conv1d(v, w, padding=(2, 0)) for v in (x, later))
    assert y.shape == x.shape
    np.testing.assert_array_equal(y[..., :4], y2[..., :4])


# --- against PyTorch -------------------------------------------------------------------------------

CASES = [
    ((1, 1, 5, 5), (1, 1, 3, 3), {}),
    ((2, 3, 8, 8), (4, 3, 3, 3), {"padding": 1}),
    ((3, 2, 9, 7), (5, 2, 3, 2), {"stride": (2, 1), "padding": (1, 0)}),
    ((2, 4, 9, 9), (6, 2, 3, 3), {"groups": 2, "padding": 2, "dilation": 2}),
    ((2, 6, 7, 7), (6, 1, 3, 3), {"groups": 6, "padding": 1, "stride": 2}),
    ((2, 4, 6, 6), (8, 1, 3, 3), {"groups": 4}),
    ((1, 16, 6, 6), (8, 16, 5, 5), {"padding": 2}),
    ((4, 3, 4, 4), (2, 3, 1, 1), {"stride": 2}),
    ((2, 16, 7, 6), (3, 16, 3, 3), {"stride": 3, "padding": 1}),
]


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("images", "filters", "attrs"), CASES)
def test_conv2d_and_its_gradients_are_those_of_pytorch(images, filters, attrs, dtype):
    torch = pytest.importorskip("torch")
    x, w = drawn(3, images, filters, dtype=dtype)
    tx, tw = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    expected = torch.nn.functional.conv2d(tx, tw, **attrs)
    (g,) = drawn(4, tuple(expected.shape), dtype=dtype)
    expected.backward(torch.from_numpy(g))
    found = (
        conv2d(x, w, **attrs),
        conv_transpose2d(g, w, size=images[2:], **attrs),
        conv2d_weights(x, g, size=filters[2:], **attrs),
    )
    tolerance = 1e-10 if dtype == "float64" else 1e-4
    for have, want in zip(found, (expected.detach(), tx.grad, tw.grad), strict=True):
        assert have.dtype == dtype
        np.testing.assert_allclose(have, want.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("stride", "padding", "more", "groups"), [(1, 0, 0, 1), (2, 1, 1, 1), (3, 0, 2, 2), (2, (1, 0), 0, 4)]
)
def test_conv_transpose2d_is_that_of_pytorch(stride, padding, more, groups):
    torch = pytest.importorskip("torch")
    x, w = drawn(5, (2, 4, 5, 4), (4, 3, 3, 3))
    expected = torch.nn.functional.conv_transpose2d(
        *map(torch.from_numpy, (x, w)), stride=stride, padding=padding, output_padding=more, groups=groups
    ).numpy()
    size = expected.shape[2:] if more else None
    found = conv_transpose2d(x, w, stride=stride, padding=padding, size=size, groups=groups)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("attrs", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}])
def test_conv1d_is_that_of_pytorch(attrs):
    torch = pytest.importorskip("torch")
    x, w = drawn(6, (3, 4, 9), (6, 4 // attrs.get("groups", 1), 3))
    expected = torch.nn.functional.conv1d(*map(torch.from_numpy, (x, w)), **attrs).numpy()
    np.testing.assert_allclose(conv1d(x, w, **attrs), expected, rtol=1e-10, atol=1e-10)


# --- in a file -------------------------------------------------------------------------------------


def test_rows_and_columns_may_be_free():
    model = graphlang.parse(
        "input x: [N, 1, H, W]\nparam w: [2, 1, 3, 3] ~ normal(0, 1)\n"
        "y = conv2d(x, w, stride = 2, padding = 1)\ns = sum(y ^ 2)\noutput s"
    )
    for size in ((5, 6), (8, 4)):
        run = model.run(x=np.ones((2, 1, *size)))
        assert run.values["y"].shape == (2, 2, (size[0] + 1) // 2, (size[1] + 1) // 2)
        assert run.gradients["x"].shape == (2, 1, *size)
