"""Every operation in the catalogue keeps its promises: the type it infers, its gradients to second order,
its precision, its documentation. A new operation is checked as soon as it is declared with samples."""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import types
import warnings

import numpy as np
import pytest

from graphlang.graph.op import Op, Sample
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.records import replace
from graphlang.types.dims import Dim, Sizes
from graphlang.types.tensor import DType, TensorType
from tests.ops.tiny_autodiff import apply, draw, evaluate, gradients, kernel_keywords, leaves, sample_types

OPS = registry.all_ops()
CASES = [pytest.param(op, s, id=f"{name}-{i}") for name, op in OPS.items() for i, s in enumerate(op.samples)]
SMOOTH = [c for c in CASES if c.values[0].vjp and any(t.is_float for t in sample_types(c.values[1]))]
KIND_OF = {"f": DType.FLOAT, "i": DType.INT, "u": DType.INT, "b": DType.BOOL}


def attributes(op: Op, sample: Sample) -> dict:
    return {a.name: a.default for a in op.attrs} | dict(sample.attrs)


def run_kernel(op: Op, sample: Sample, dtype=np.float64):
    return op.kernel(*draw(sample, dtype=dtype), **attributes(op, sample), **kernel_keywords(op, dtype))


def scalar_of(op: Op, sample: Sample):
    """A builder with `w · op(…)`, weights `w` drawn once, so that each entry has a gradient of its own."""
    builder = Builder()
    operands = leaves(builder, sample_types(sample))
    result = Wire(builder, apply(builder, op, operands, sample.attrs))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(result.shape))
    total = registry.find("sum")(result * Wire(builder, builder.const(weights, DType.FLOAT)))
    return builder, operands, total.node


def slope(f, values, at, h=1e-5):
    """Central differences of `f` by one operand."""
    result = np.zeros_like(values[at])
    for i in np.ndindex(result.shape):
        ends = []
        for step in (h, -h):
            moved = [v.copy() for v in values]
            moved[at][i] += step
            ends.append(f(moved))
        result[i] = (ends[0] - ends[1]) / (2 * h)
    return result


def compare_first_order(op: Op, sample: Sample) -> None:
    builder, operands, total = scalar_of(op, sample)
    floats = [i for i, n in enumerate(operands) if n.type.is_float]
    found = gradients(builder, total, [operands[i] for i in floats])
    values = draw(sample)

    def f(moved):
        return evaluate(builder, [total], dict(zip(operands, moved, strict=True)))[0]

    for i, node in zip(floats, found, strict=True):
        expected = slope(f, values, i)
        have = evaluate(builder, [node], dict(zip(operands, values, strict=True)))[0] if node else 0.0
        np.testing.assert_allclose(have, expected, rtol=1e-6, atol=1e-8, err_msg=f"operand {i}")


def compare_second_order(op: Op, sample: Sample) -> None:
    builder, operands, total = scalar_of(op, sample)
    floats = [i for i, n in enumerate(operands) if n.type.is_float]
    first = gradients(builder, total, [operands[i] for i in floats])
    mixed = None
    for k, node in enumerate(n for n in first if n is not None):
        weights = np.random.default_rng(k).uniform(0.5, 1.5, tuple(node.shape))
        g = Wire(builder, node) * Wire(builder, builder.const(weights, DType.FLOAT))
        part = registry.find("sum")(g)
        mixed = part if mixed is None else mixed + part
    assert mixed is not None, f"no gradient flows through {op.name}"
    second = gradients(builder, mixed.node, [operands[i] for i in floats])
    values = draw(sample)

    def f(moved):
        return evaluate(builder, [mixed.node], dict(zip(operands, moved, strict=True)))[0]

    for i, node in zip(floats, second, strict=True):
        expected = slope(f, values, i)
        have = evaluate(builder, [node], dict(zip(operands, values, strict=True)))[0] if node else 0.0
        np.testing.assert_allclose(have, expected, rtol=1e-5, atol=1e-7, err_msg=f"operand {i}")


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_inferred_type_is_that_of_the_result(op, sample):
    kind = op.type_of(Sizes(), tuple(sample_types(sample)), attributes(op, sample))
    result = np.asarray(run_kernel(op, sample))
    assert kind == TensorType(KIND_OF[result.dtype.kind], result.shape)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_both_precisions_are_kept_and_agree(op, sample):
    high, low = (np.asarray(run_kernel(op, sample, dtype)) for dtype in (np.float64, np.float32))
    if high.dtype.kind == "f":
        assert (high.dtype, low.dtype) == (np.float64, np.float32)
        np.testing.assert_allclose(low, high, rtol=2e-4, atol=2e-5)
    else:
        assert high.dtype == low.dtype


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_only_a_view_lies_in_the_memory_of_its_first_operand(op, sample):
    operands = draw(sample)
    result = op.kernel(*operands, **attributes(op, sample), **kernel_keywords(op, np.float64))
    shared = [i for i, x in enumerate(operands) if np.shares_memory(np.asarray(result), np.asarray(x))]
    assert shared == [] or (op.is_view and shared == [0])


@pytest.mark.parametrize(("op", "sample"), SMOOTH)
def test_gradient_keeps_single_precision(op, sample):
    builder, operands, total = scalar_of(op, sample)
    found = gradients(builder, total, [n for n in operands if n.type.is_float])
    feeds = dict(zip(operands, draw(sample, dtype=np.float32), strict=True))
    for node in found:
        if node is not None:
            assert np.asarray(evaluate(builder, [node], feeds, np.float32)[0]).dtype == np.float32


@pytest.mark.parametrize(("op", "sample"), SMOOTH)
def test_gradient_is_the_slope(op, sample):
    compare_first_order(op, sample)


@pytest.mark.parametrize(("op", "sample"), SMOOTH)
def test_gradient_of_the_gradient_is_its_slope(op, sample):
    compare_second_order(op, sample)


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.no_gradient and op.wires])
def test_operations_without_gradient_are_flat(name):
    if name == "stop_gradient":
        pytest.skip("it has a slope, and is there to hide it")
    op = OPS[name]
    for sample in op.samples:
        values = draw(sample)
        if any(v.dtype.kind == "f" for v in values):
            moved = [v + 1e-9 if v.dtype.kind == "f" else v for v in values]
            attrs = attributes(op, sample)
            np.testing.assert_array_equal(op.kernel(*values, **attrs), op.kernel(*moved, **attrs))


@pytest.mark.parametrize("name", OPS)
def test_declaration_is_complete(name):
    op = OPS[name]
    assert op.doc.endswith((".", "]")) or "References" in op.doc or "\n" in op.doc
    assert op.samples, "no samples to test it on"
    assert (op.vjp is None) != (op.no_gradient is None), "needs a gradient or a reason why there is none"
    for sample in op.samples:
        attrs = attributes(op, sample)
        assert op.label_text(attrs)
        types = tuple(sample_types(sample))
        if op.flops is not None:
            assert op.flops(*types, out=op.type_of(Sizes(), types, attrs), **attrs) >= 0


def _names_used(function) -> set[str]:
    """What a function refers to besides its own names and Python's."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    tree.decorator_list = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
    tree.returns = None
    own = {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)}
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return used - own - stored - {"np", "Any", *dir(builtins)}


@pytest.mark.parametrize("name", OPS)
def test_kernel_needs_numpy_only(name):
    """Exported scripts hold a copy of the kernel, of the functions it calls and of numbers that have a name."""
    waiting, seen = [OPS[name].kernel], set()
    while waiting:
        function = waiting.pop()
        for used in _names_used(function):
            value = function.__globals__[used]
            assert isinstance(value, types.FunctionType | int | float), f"{function.__name__} uses {used}"
            if isinstance(value, types.FunctionType) and value not in seen:
                seen.add(value)
                waiting.append(value)


def _skip_if_sizes_must_be_known(op, sample):
    if op.name == "squeeze" and "axis" not in sample.attrs:
        pytest.skip("which axes have size 1 must be known")


def _named(shape, names):
    return tuple(names.setdefault(s, Dim.of(f"N{s}")) if s > 1 else s for s in shape)


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_free_sizes_give_the_same_type(op, sample):
    """With a name in place of each size, and the names replaced by the sizes afterwards."""
    _skip_if_sizes_must_be_known(op, sample)
    names: dict[int, Dim] = {}
    sizes = Sizes()
    types = tuple(t.with_shape(_named(t.shape, names)) for t in sample_types(sample))
    values = {f"N{s}": s for s in names}
    # With defaults, sizes that a sample writes as numbers are known to agree with the named ones.
    sizes.defaults = values
    kind = op.type_of(sizes, types, attributes(op, sample))
    assert kind.substitute(values) == op.type_of(Sizes(), tuple(sample_types(sample)), attributes(op, sample))


@pytest.mark.parametrize(("op", "sample"), SMOOTH)
def test_gradient_with_free_sizes(op, sample):
    _skip_if_sizes_must_be_known(op, sample)
    names: dict[int, Dim] = {}
    types = [t.with_shape(_named(t.shape, names)) for t in sample_types(sample)]
    values = {f"N{s}": s for s in names}
    results = []
    for use in (types, sample_types(sample)):
        builder = Builder(Sizes(defaults=values))
        operands = leaves(builder, use)
        y = Wire(builder, apply(builder, op, operands, sample.attrs))
        total = registry.find("sum")(y * y)
        found = gradients(builder, total.node, [n for n in operands if n.type.is_float])
        feeds = dict(zip(operands, draw(sample), strict=True))
        results.append([evaluate(builder, [n], feeds, sizes=values)[0] for n in found if n is not None])
    for symbolic, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(symbolic, plain)


# --- the checks themselves -------------------------------------------------------------------------


def wrong_tanh(rule):
    """tanh with another gradient rule."""
    return replace(OPS["tanh"], vjp=rule)


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        (lambda g, y, x: g * (1.0 + y * y), compare_first_order),
        (lambda g, y, x: g * (1.001 - y * y), compare_first_order),
        (lambda g, y, x: g * (1.0 - registry.find("stop_gradient")(y) * y), compare_second_order),
    ],
    ids=["sign", "a thousandth", "right once but not twice"],
)  # fmt: skip
def test_a_wrong_gradient_is_caught(rule, check, monkeypatch):
    monkeypatch.setitem(registry._ops, "tanh", wrong_tanh(rule))
    with pytest.raises(AssertionError):
        check(registry.find("tanh"), Sample(((3, 4),)))


def test_nothing_overflows():
    big = np.array([-1e4, -1000.0, -40.0, 0.0, 40.0, 1000.0, 1e4])
    names = ["sigmoid", "softplus", "silu", "gelu", "elu", "relu", "erf", "tanh", "softmax", "log_softmax"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in [*names, "logsumexp"]:
            for dtype in (np.float32, np.float64):
                op = OPS[name]
                result = op.kernel(big.astype(dtype), **{a.name: a.default for a in op.attrs})
                assert np.isfinite(result).all(), name
