"""Gradients where a function has a kink, a jump or a zero, and what the derived nodes look like."""

from __future__ import annotations

import numpy as np
import pytest

from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.types.dims import Dim, Sizes
from graphlang.types.tensor import DType, TensorType
from tests.ops.tiny_autodiff import apply, evaluate, gradients, leaves


def gradient(name, *values, order=1, of=0, **attrs):
    """The gradient of the sum of `name(*values)` by operand `of`, taken `order` times."""
    arrays = [np.asarray(v) for v in values]
    kinds = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}
    builder = Builder()
    operands = leaves(builder, [TensorType(kinds[a.dtype.kind], a.shape) for a in arrays])
    node = apply(builder, registry.find(name), operands, attrs)
    for _ in range(order):
        total = registry.find("sum")(Wire(builder, node)).node
        (node,) = gradients(builder, total, [operands[of]])
        if node is None:
            return np.zeros_like(arrays[of])
    return evaluate(builder, [node], dict(zip(operands, arrays, strict=True)))[0]


@pytest.mark.parametrize(
    ("name", "at", "expected", "attrs"),
    [
        ("relu", [-1.0, 0.0, 1.0], [0.0, 0.0, 1.0], {}),
        ("abs", [-1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], {}),
        ("leaky_relu", [-1.0, 0.0, 1.0], [0.1, 0.1, 1.0], {"slope": 0.1}),
        ("elu", [0.0, 1.0], [0.5, 1.0], {"alpha": 0.5}),
        ("clip", [-2.0, -1.0, 0.0, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0], {"low": -1.0, "high": 1.0}),
        ("norm", [0.0, 0.0], [0.0, 0.0], {}),
        ("norm", [3.0, 4.0], [0.6, 0.8], {}),
        ("std", [2.0, 2.0], [0.0, 0.0], {}),
        ("max", [1.0, 3.0, 3.0], [0.0, 0.5, 0.5], {}),
        ("min", [1.0, 1.0, 1.0], [1 / 3, 1 / 3, 1 / 3], {}),
        ("sign", [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0], {}),
        ("floor", [0.5, 1.0], [0.0, 0.0], {}),
        ("stop_gradient", [0.5, 1.0], [0.0, 0.0], {}),
        ("prod", [2.0, 0.0, 3.0], [0.0, 6.0, 0.0], {}),
        ("prod", [2.0, 0.0, 0.0], [0.0, 0.0, 0.0], {}),
    ],
)
def test_slope_at_a_kink(name, at, expected, attrs):
    np.testing.assert_allclose(gradient(name, at, **attrs), expected)


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_equal_operands_share_the_gradient(name):
    assert gradient(name, 2.0, 2.0) == 0.5
    assert gradient(name, 2.0, 2.0, of=1) == 0.5


def test_second_derivative_of_a_product_with_zeros():
    # d²(xyz)/dx dy = z, even where a factor is 0; summed over the pairs it is the row sum of the Hessian.
    x, y, z = 0.0, 2.0, 0.0
    np.testing.assert_allclose(gradient("prod", [x, y, z], order=2), [y + z, x + z, x + y])


def test_third_derivative_of_a_product():
    np.testing.assert_allclose(gradient("prod", [0.0, 0.0, 0.0], order=3), [2.0, 2.0, 2.0])


def test_zero_to_the_power_zero_is_flat():
    assert gradient("pow", 0.0, 0.0) == 0.0
    assert gradient("pow", [0.0, 2.0], [0.0, 0.0]).tolist() == [0.0, 0.0]
    assert np.isfinite(gradient("pow", [0.0, 2.0], [2.0, 3.0], of=1)).all()


def test_constant_exponents_make_small_graphs():
    builder = Builder()
    (x,) = leaves(builder, [TensorType(DType.FLOAT, ())])
    cube = Wire(builder, x) ** 3.0
    first = gradients(builder, cube.node, [x])
    assert [n.op for n in builder.nodes if not n.is_leaf] == ["pow", "pow", "mul", "mul"]
    assert evaluate(builder, first, {x: np.float64(2.0)})[0] == 12.0


def test_power_zero_written_out_has_no_gradient():
    builder = Builder()
    (x,) = leaves(builder, [TensorType(DType.FLOAT, ())])
    assert gradients(builder, (Wire(builder, x) ** 0.0).node, [x]) == [None]


def test_where_keeps_infinite_slopes_of_the_other_wire_out():
    builder = Builder()
    (x,) = leaves(builder, [TensorType(DType.FLOAT, (2,))])
    wire = Wire(builder, x)
    y = registry.find("where")(wire > 0.0, registry.find("log")(wire), 2.0 * wire)
    (found,) = gradients(builder, registry.find("sum")(y).node, [x])
    assert evaluate(builder, [found], {x: np.array([-1.0, 4.0])})[0].tolist() == [2.0, 0.25]


def test_logarithms_of_sums_with_infinities():
    inf = np.inf
    rows = np.array([[-inf, -inf], [-inf, 1.0], [inf, 1.0], [1000.0, 1000.0]])
    found = registry.find("logsumexp").kernel(rows)
    np.testing.assert_allclose(found, [-inf, 1.0, inf, 1000.0 + np.log(2.0)])
    found = registry.find("log_softmax").kernel(np.array([[-inf, 1.0], [0.0, 1000.0]]))
    np.testing.assert_allclose(found, [[-inf, 0.0], [-1000.0, 0.0]])


def test_take_adds_up_repeated_rows():
    table = np.arange(6.0).reshape(3, 2)
    found = gradient("take", table, np.array([2, 0, 2, -1]))
    assert found.tolist() == [[1.0, 1.0], [0.0, 0.0], [3.0, 3.0]]


def test_mean_divides_by_a_free_size():
    builder = Builder(Sizes())
    n = Dim.of("N")
    (x,) = leaves(builder, [TensorType(DType.FLOAT, (n, 2))])
    y = registry.find("mean")(Wire(builder, x))
    (found,) = gradients(builder, y.node, [x])
    assert found.shape == (n, 2)
    sizes = [node for node in builder.nodes if node.op == "size_value"]
    assert [s.attrs["value"] for s in sizes] == [2 * n]
    value = evaluate(builder, [found], {x: np.zeros((5, 2))}, sizes={"N": 5})[0]
    np.testing.assert_allclose(value, np.full((5, 2), 0.1))


def test_draws_depend_on_seed_and_stream_only():
    for name, attrs in [("normal", {}), ("uniform", {}), ("bernoulli", {}), ("orthogonal", {})]:
        kernel = registry.find(name).kernel

        def draw(seed, stream, dtype=np.float64, kernel=kernel, attrs=attrs):
            return kernel(**attrs, shape=(8, 8), stream=stream, seed=seed, dtype=dtype)

        np.testing.assert_array_equal(draw(0, "fc.W"), draw(0, "fc.W"))
        np.testing.assert_allclose(draw(0, "fc.W", np.float32), draw(0, "fc.W"), rtol=1e-6)
        assert (draw(0, "fc.W") != draw(0, "fc.b")).any()
        assert (draw(0, "fc.W") != draw(1, "fc.W")).any()


def test_orthogonal_rows_or_columns_are_orthonormal():
    for shape in [(3, 5), (5, 3), (4, 2, 3)]:
        w = registry.find("orthogonal").kernel(gain=2.0, shape=shape, seed=0, dtype=np.float64)
        w = w.reshape(shape[0], -1)
        gram = w @ w.T if shape[0] <= w.shape[1] else w.T @ w
        np.testing.assert_allclose(gram, 4.0 * np.eye(len(gram)), atol=1e-12)
