"""Values and gradients of every differentiable operation against PyTorch, in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from graphlang.graph.op import Sample
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.types.tensor import DType
from tests.ops.tiny_autodiff import apply, draw, evaluate, gradients, leaves, sample_types

pytestmark = pytest.mark.oracle
torch = pytest.importorskip("torch")


def reduced(name):
    """A reduction over one axis, several or all."""

    def f(x, *, axis=None, keepdims=False, **rest):
        axis = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, dim=axis, keepdim=keepdims, **rest) if x.ndim else x * 1.0

    return f


def spread_out(name):
    def f(x, *, axis=None, keepdims=False, ddof=0):
        axis = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, dim=axis, keepdim=keepdims, correction=ddof)

    return f


def norm(x, *, axis=None, keepdims=False):
    axis = tuple(range(x.ndim)) if axis is None else axis
    return torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims)


def prod(x, *, axis=None, keepdims=False):
    axes = range(x.ndim) if axis is None else [a % x.ndim for a in np.atleast_1d(axis)]
    for a in sorted(axes, reverse=True):
        x = torch.prod(x, dim=a, keepdim=keepdims)
    return x


def prod_others(x, *, axis=-1):
    return torch.prod(x, dim=axis, keepdim=True) / x


def pad(x, *, widths, value=0.0):
    pairs = np.broadcast_to(widths, (x.ndim, 2))
    return torch.nn.functional.pad(x, [int(w) for pair in pairs[::-1] for w in pair], value=value)


def items_of(items):
    return tuple(slice(*i[1:]) if isinstance(i, tuple) else ... if i == "..." else i for i in items)


def index(x, *, items):
    if any(isinstance(i, tuple) and (i[3] or 1) < 0 for i in items):
        pytest.skip("PyTorch has no negative steps")
    return x[items_of(items)]


def unindex(g, *, items, shape):
    full = torch.zeros(shape, dtype=g.dtype)
    full[items_of(items)] = g
    return full


def take(x, k, *, axis=0):
    axis = axis % x.ndim
    return torch.index_select(x, axis, k.reshape(-1)).reshape(*x.shape[:axis], *k.shape, *x.shape[axis + 1 :])


def scatter_add(g, k, *, shape, axis=0):
    rows = g.reshape(*shape[:axis], k.numel(), *shape[axis + 1 :])
    return torch.zeros(shape, dtype=g.dtype).index_add(axis, k.reshape(-1), rows)


def gather(x, k, *, axis=-1):
    return x.gather(axis, k) if k.ndim == x.ndim else x.gather(axis, k.unsqueeze(axis)).squeeze(axis)


def ungather(g, k, *, shape, axis=-1):
    if k.ndim < len(shape):
        g, k = g.unsqueeze(axis), k.unsqueeze(axis)
    return torch.zeros(shape, dtype=g.dtype).scatter_add(axis, k, g)


def expand(x, *, axis):
    rank = x.ndim + np.size(axis)
    for a in sorted(int(a) % rank for a in np.atleast_1d(axis)):
        x = x.unsqueeze(a)
    return x


def over(name):
    return lambda x, *, axis=-1: getattr(torch, name)(x, dim=axis)


def logsumexp(x, *, axis=-1, keepdims=False):
    return torch.logsumexp(x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


def flip(x, *, axis=None):
    return x.flip(tuple(range(x.ndim)) if axis is None else axis)


F = torch.nn.functional
SAME_NAME = (
    "add sub mul div pow neg exp log log1p expm1 sqrt square reciprocal sin cos tan tanh erf abs"
    " maximum minimum where matmul relu sigmoid"
)
THEIRS = {name: getattr(torch, name) for name in SAME_NAME.split()} | {
    "mod": torch.remainder,
    "identity": lambda x: x * 1.0,
    "clip": lambda x, *, low=None, high=None: torch.clamp(x, low, high),
    "leaky_relu": lambda x, *, slope=0.01: F.leaky_relu(x, slope),
    "elu": lambda x, *, alpha=1.0: F.elu(x, alpha),
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "gelu": F.gelu,
    "silu": F.silu,
    "softmax": over("softmax"),
    "log_softmax": over("log_softmax"),
    "logsumexp": logsumexp,
    "sum": reduced("sum"),
    "mean": reduced("mean"),
    "max": reduced("amax"),
    "min": reduced("amin"),
    "var": spread_out("var"),
    "std": spread_out("std"),
    "norm": norm,
    "prod": prod,
    "prod_others": prod_others,
    "cumsum": lambda x, *, axis=-1: torch.cumsum(x, axis),
    "reshape": lambda x, *, shape: x.reshape(shape),
    "flatten": lambda x, *, start=1: x.flatten(start) if x.ndim > 1 else x.reshape(-1, 1),
    "squeeze": lambda x, *, axis=None: x.squeeze() if axis is None else x.squeeze(axis),
    "expand": expand,
    "transpose": lambda x: x.mT,
    "permute": lambda x, *, axes: x.permute(axes),
    "flip": flip,
    "concat": lambda *xs, axis=0: torch.cat(xs, axis),
    "stack": lambda *xs, axis=0: torch.stack(xs, axis),
    "split": lambda x, *, parts, axis=0, index=0: x.chunk(parts, axis)[index],
    "broadcast": lambda x, *, shape: x.broadcast_to(shape),
    "tile": lambda x, *, reps: x.tile(reps),
    "pad": pad,
    "index": index,
    "unindex": unindex,
    "take": take,
    "scatter_add": scatter_add,
    "gather": gather,
    "ungather": ungather,
    "einsum": lambda *xs, equation: torch.einsum(equation, *xs),
}
# Its gradient is `g` for a float and none otherwise; the operand is never a float in a graph.
NOT_COMPARED = {"to_float"}
# `test_convolution.py` and `test_pooling.py` compare them, with strides and paddings of many kinds.
ELSEWHERE = {"graphlang.ops.convolution", "graphlang.ops.pooling"}
CASES = [
    pytest.param(name, sample, id=f"{name}-{i}")
    for name, op in registry.all_ops().items()
    if op.vjp is not None and name not in NOT_COMPARED and op.kernel.__module__ not in ELSEWHERE
    for i, sample in enumerate(op.samples)
    if any(t.is_float for t in sample_types(sample))
]


@pytest.mark.parametrize(("name", "sample"), CASES)
def test_value_and_gradients_are_those_of_pytorch(name: str, sample: Sample):
    op = registry.find(name)
    values = draw(sample, seed=5)
    builder = Builder()
    operands = leaves(builder, sample_types(sample))
    result = Wire(builder, apply(builder, op, operands, sample.attrs))
    weights = np.random.default_rng(1).uniform(0.5, 1.5, tuple(result.shape))
    total = registry.find("sum")(result * Wire(builder, builder.const(weights, DType.FLOAT)))
    floats = [i for i, n in enumerate(operands) if n.type.is_float]
    found = gradients(builder, total.node, [operands[i] for i in floats])
    feeds = dict(zip(operands, values, strict=True))

    theirs = [torch.tensor(v, requires_grad=v.dtype.kind == "f") for v in values]
    expected = THEIRS[name](*theirs, **sample.attrs)
    have = evaluate(builder, [result.node], feeds)[0]
    np.testing.assert_allclose(have, expected.detach().numpy(), rtol=1e-12, atol=1e-14)

    (expected * torch.tensor(weights)).sum().backward()
    for i, node in zip(floats, found, strict=True):
        slope = evaluate(builder, [node], feeds)[0]
        np.testing.assert_allclose(slope, theirs[i].grad.numpy(), rtol=1e-12, atol=1e-14)
