"""Just enough to test operations without the rest of the package: evaluate nodes, differentiate them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.graph.op import Op, Sample
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.wire import Wire
from graphlang.types.dims import Dim, substitute
from graphlang.types.tensor import DType, TensorType

KINDS = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}
SEED = 3


def kernel_keywords(op: Op, dtype: Any) -> dict[str, Any]:
    """What the run hands to a kernel besides its attributes."""
    return ({"seed": SEED} if op.is_random else {}) | ({"dtype": dtype} if op.needs_dtype else {})


def bound(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with free sizes replaced by numbers."""
    if isinstance(value, Dim):
        return substitute(value, sizes)
    return tuple(bound(v, sizes) for v in value) if isinstance(value, tuple) else value


def evaluate(
    builder: Builder,
    of: Sequence[Node],
    feeds: Mapping[Node, Any],
    dtype: Any = np.float64,
    sizes: Mapping[str, int] | None = None,
) -> list[np.ndarray]:
    """Values of nodes; those of `feeds` are given."""
    needed = set()
    for node in reversed(builder.nodes):
        if node in of or node in needed:
            needed.add(node)
            needed.update(node.inputs)
    values: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in builder.nodes:
            if node in feeds:
                values[node] = feeds[node]
            elif node not in needed:
                continue
            elif node.is_const:
                kind = {DType.FLOAT: dtype, DType.INT: np.int64, DType.BOOL: bool}[node.type.dtype]
                values[node] = np.asarray(node.attrs["value"], dtype=kind)
            else:
                op = registry.find(node.op)
                attrs = {name: bound(value, sizes or {}) for name, value in node.attrs.items()}
                keywords = kernel_keywords(op, dtype)
                values[node] = op.kernel(*(values[n] for n in node.inputs), **attrs, **keywords)
    return [values[n] for n in of]


def gradients(builder: Builder, of: Node, by: Sequence[Node]) -> list[Node | None]:
    """Nodes for the derivative of a scalar by other nodes, None where nothing flows."""
    flowing: dict[Node, Wire] = {of: Wire(builder, builder.const(1.0, DType.FLOAT))}
    reach = set(by)
    for node in builder.nodes:
        if any(n in reach for n in node.inputs):
            reach.add(node)
    for node in reversed(list(builder.nodes)):
        if node not in flowing or node not in reach or node in by:
            continue
        op = registry.find(node.op)
        if op.vjp is None:
            assert op.no_gradient, node.op
            continue
        operands = [Wire(builder, n) for n in node.inputs]
        found = op.vjp(flowing[node], Wire(builder, node), *operands, **node.attrs)
        parts = found if isinstance(found, tuple) else (found,)
        assert len(parts) == len(operands), node.op
        for operand, part in zip(node.inputs, parts, strict=True):
            if part is None or not operand.type.is_float or operand not in reach:
                continue
            made = part() if callable(part) else part
            types = [t.substitute(builder.sizes.defaults) for t in (made.type, operand.type)]
            assert types[0] == types[1], f"{op.name}: gradient {made.type} of an operand {operand.type}"
            flowing[operand] = flowing[operand] + made if operand in flowing else made
    return [flowing[n].node if n in flowing else None for n in by]


def leaves(builder: Builder, types: Sequence[TensorType]) -> list[Node]:
    """An input of each type."""
    return [builder.add(Node(builder.unique(f"x{i}"), "input", (), {}, t)) for i, t in enumerate(types)]


def apply(builder: Builder, op: Op, operands: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    """The node for an operation, with the attributes' defaults filled in."""
    return builder.wire(op, operands, attrs).node


def sample_types(sample: Sample) -> list[TensorType]:
    """The types of a sample's operands."""
    letters = sample.dtypes or "f" * len(sample.shapes)
    return [TensorType(KINDS[c], s) for c, s in zip(letters, sample.shapes, strict=True)]


def draw(sample: Sample, seed: int = 0, dtype: Any = np.float64) -> list[np.ndarray]:
    """Operands for a sample."""
    rng = np.random.default_rng(seed)
    values = []
    for t in sample_types(sample):
        if t.dtype is DType.FLOAT:
            values.append(np.asarray(rng.uniform(sample.low, sample.high, t.shape), dtype=dtype))
        elif t.dtype is DType.INT:
            values.append(np.asarray(rng.integers(0, max(1, int(sample.high)), t.shape), dtype=np.int64))
        else:
            values.append(np.asarray(rng.random(t.shape) < 0.5))
    return values
