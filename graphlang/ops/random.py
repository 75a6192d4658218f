"""Random draws: `bernoulli`, `normal`, `uniform`, `orthogonal`.

Each has a stream of its own, named after the node, so that adding a node does not change what the others
draw. The same seed and stream give the same draws in both precisions (up to rounding).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import RuleError, Sample, Sizes_
from graphlang.ops.registry import op
from graphlang.types.dims import Dim, Sizes
from graphlang.types.tensor import DType, Shape, TensorType, shape_text


def _bernoulli_type(sizes: Sizes, *, p: float, shape: Shape, stream: str = "") -> TensorType:
    if not 0 <= p <= 1:
        raise RuleError(f"A probability lies between 0 and 1, but `p` is {p:g}.")
    return TensorType(DType.FLOAT, shape)


@op(rule=_bernoulli_type, label=lambda p, **_: f"B({p:g})", samples=(
    Sample((), {"p": 0.3, "shape": (3, 4)}), Sample((), {"p": 1.0, "shape": ()}),
))  # fmt: skip
def bernoulli(*, p: float = 0.5, shape: Sizes_, stream: str = "", seed: int, dtype: Any) -> Any:
    """Draws that are 1 with probability `p`, else 0."""
    return np.asarray(np.random.default_rng([seed, *stream.encode()]).random(shape) < p, dtype=dtype)


def _normal_type(sizes: Sizes, *, mean: float, std: float, shape: Shape, stream: str = "") -> TensorType:
    if std < 0:
        raise RuleError(f"A standard deviation is not negative, but `std` is {std:g}.")
    return TensorType(DType.FLOAT, shape)


@op(rule=_normal_type, label=lambda mean, std, **_: f"N({mean:g}, {std:g})", samples=(
    Sample((), {"mean": 1.0, "std": 2.0, "shape": (3, 4)}), Sample((), {"shape": ()}),
))  # fmt: skip
def normal(
    *, mean: float = 0.0, std: float = 1.0, shape: Sizes_, stream: str = "", seed: int, dtype: Any
) -> Any:
    """Draws from the normal distribution with mean `mean` and standard deviation `std`."""
    return np.asarray(np.random.default_rng([seed, *stream.encode()]).normal(mean, std, shape), dtype=dtype)


def _uniform_type(sizes: Sizes, *, low: float, high: float, shape: Shape, stream: str = "") -> TensorType:
    if low > high:
        raise RuleError(f"The lower bound {low:g} is above the upper bound {high:g}.")
    return TensorType(DType.FLOAT, shape)


@op(rule=_uniform_type, label=lambda low, high, **_: f"U({low:g}, {high:g})", samples=(
    Sample((), {"low": -1.0, "high": 2.0, "shape": (3, 4)}), Sample((), {"shape": ()}),
))  # fmt: skip
def uniform(
    *, low: float = 0.0, high: float = 1.0, shape: Sizes_, stream: str = "", seed: int, dtype: Any
) -> Any:
    """Draws spread evenly between `low` and `high`."""
    return np.asarray(np.random.default_rng([seed, *stream.encode()]).uniform(low, high, shape), dtype=dtype)


def _orthogonal_type(sizes: Sizes, *, gain: float, shape: Shape, stream: str = "") -> TensorType:
    if len(shape) < 2:
        raise RuleError(f"Only a matrix can be orthogonal, but the shape is {shape_text(shape)}.")
    return TensorType(DType.FLOAT, shape)


def _orthogonal_flops(*, out: TensorType, shape: Shape, **_attrs: Any) -> Any:
    rows, entries = shape[0], out.size
    columns = entries // rows if isinstance(rows, Dim) or rows else 0
    return 2 * entries * columns


@op(rule=_orthogonal_type, flops=_orthogonal_flops, samples=(
    Sample((), {"gain": 2.0, "shape": (3, 4)}),
    Sample((), {"shape": (5, 2)}),
    Sample((), {"shape": (4, 3, 2)}),
))  # fmt: skip
def orthogonal(*, gain: float = 1.0, shape: Sizes_, stream: str = "", seed: int, dtype: Any) -> Any:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer.

    All axes but the first count as columns.

    References
    ----------
    .. [1] Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
       linear neural networks", 2014.
    """
    rows, columns = shape[0], int(np.prod(shape[1:]))
    size = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(np.random.default_rng([seed, *stream.encode()]).normal(size=size))
    # With positive diagonal entries in r, the distribution of q is uniform.
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return np.asarray(gain * np.reshape(q if rows >= columns else q.T, shape), dtype=dtype, order="C")


for _op in (bernoulli, normal, uniform, orthogonal):
    _op.no_gradient_because("its draws do not depend on any wire")
