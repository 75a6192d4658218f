"""Shape rules that several operations share, and helpers of gradient rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphlang.graph.op import RuleError
from graphlang.ops import registry
from graphlang.ops.wire import Wire
from graphlang.types.dims import Constraint, Dim, Sizes, substitute
from graphlang.types.tensor import DType, TensorType, broadcast_shapes, shape_text


def elementwise(sizes: Sizes, x: TensorType, **_attrs: Any) -> TensorType:
    """Entry by entry: the result has the operand's type."""
    return x


def broadcasting(sizes: Sizes, *types: TensorType, **_attrs: Any) -> TensorType:
    """Entry by entry over several operands of one kind, broadcast as NumPy does."""
    shape = types[0].shape
    if len(types) == 2 and shape == types[1].shape:
        return types[1]
    for position, t in enumerate(types[1:], start=1):
        joint = broadcast_shapes(sizes, shape, t.shape)
        if joint is None:
            earlier = (i for i in range(position) if broadcast_shapes(sizes, types[i].shape, t.shape) is None)
            raise mismatch(types, position, next(earlier, 0))
        shape = joint
    return TensorType(types[-1].dtype, shape)


def mismatch(types: tuple[TensorType, ...], position: int, earlier: int = 0) -> RuleError:
    """The error for two operands that do not broadcast, saying which axis is at fault."""
    first, second = types[earlier].shape, types[position].shape
    pairs = list(zip(reversed(first), reversed(second), strict=False))
    axis = next((i for i, (a, b) in enumerate(pairs) if a != b and 1 not in (a, b)), 0)
    a, b = pairs[axis] if pairs else ("?", "?")
    return RuleError(
        f"Shapes {shape_text(first)} and {shape_text(second)} do not broadcast:"
        f" in axis {-1 - axis}, `{{{earlier}}}` has size {a} and `{{{position}}}` has size {b}.",
        operand=position,
        notes=("Sizes are compared from the last axis backwards; they must be equal or 1.",),
    )


def with_dtype(dtype: DType, rule: Callable[..., TensorType] = broadcasting) -> Callable[..., TensorType]:
    """`rule`, with entries of `dtype` in the result."""

    def typed(sizes: Sizes, *types: TensorType, **attrs: Any) -> TensorType:
        return rule(sizes, *types, **attrs).with_dtype(dtype)

    return typed


def divides(sizes: Sizes, part: int | Dim, total: int | Dim) -> bool:
    """Whether `total` is a multiple of `part`. Where free sizes decide it, that is noted as a constraint."""
    if part == 0:
        return total == 0
    rest = total % part
    if sizes.equal(rest, 0):
        return True
    if not isinstance(substitute(rest, sizes.defaults), Dim):
        return False
    sizes.constraints.append(Constraint(rest, 0, sizes.span))
    return True


def checked_axis(axis: int, rank: int) -> int:
    """`axis` counted from 0; RuleError if the operand `{0}` has no such axis."""
    if not -rank <= axis < rank:
        have = f"has {rank} axes" if rank != 1 else "has 1 axis"
        hint = f"Axes count from 0 to {rank - 1}, or from -1 backwards." if rank else "A scalar has no axis."
        raise RuleError(f"There is no axis {axis}: `{{0}}` {have}.", operand=0, suggestion=hint)
    return axis % rank


def free(*_types: TensorType, out: TensorType, **_attrs: Any) -> int:
    """Floating-point operations of what only moves entries: none."""
    return 0


def per_entry(cost: int) -> Callable[..., Any]:
    """Floating-point operations of `cost` for each entry of the first operand."""

    def flops(x: TensorType, *_types: TensorType, out: TensorType, **_attrs: Any) -> Any:
        return cost * x.size

    return flops


def checked_axes(axis: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """The axes that a reduction runs over, counted from 0; all of them for None."""
    if axis is None:
        return tuple(range(rank))
    axes = tuple(checked_axis(a, rank) for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(set(axes)) != len(axes):
        raise RuleError(f"An axis is named twice in {shape_text(axes)}.", operand=0)
    return axes


def reduction(
    sizes: Sizes,
    x: TensorType,
    *,
    axis: int | tuple[int, ...] | None = None,
    keepdims: bool = False,
    **_attrs: Any,
) -> TensorType:
    """The axes `axis` go away, or become 1 with `keepdims`."""
    axes = checked_axes(axis, x.rank)
    if keepdims:
        return x.with_shape(1 if i in axes else s for i, s in enumerate(x.shape))
    return x.with_shape(s for i, s in enumerate(x.shape) if i not in axes)


def sum_to(g: Wire, like: Wire) -> Wire:
    """The gradient of a broadcast: `g` summed over the axes along which `like` was stretched."""
    if g.shape == like.shape:
        return g
    lead = len(g.shape) - len(like.shape)
    stretched = tuple(
        lead + i
        for i, (have, want) in enumerate(zip(g.shape[lead:], like.shape, strict=True))
        if want == 1 and have != 1
    )
    total = registry.find("sum")
    if stretched:
        g = total(g, axis=_plain(stretched), keepdims=True)
    if lead:
        g = total(g, axis=_plain(tuple(range(lead))))
    return g


def _plain(axes: tuple[int, ...]) -> int | tuple[int, ...]:
    """A single axis without brackets, as one would write it."""
    return axes[0] if len(axes) == 1 else axes


def spread(g: Wire, x: Wire, axis: int | tuple[int, ...] | None, keepdims: bool) -> Wire:
    """The gradient of a sum: `g`, a reduction of `x` over `axis`, stretched back to the shape of `x`."""
    stretched: Wire = registry.find("broadcast")(regrown(g, x, axis, keepdims), shape=x.shape)
    return stretched


def regrown(g: Wire, x: Wire, axis: int | tuple[int, ...] | None, keepdims: bool) -> Wire:
    """`g`, shaped like a reduction of `x` over `axis`, so that it broadcasts against `x` again."""
    axes = sorted(checked_axes(axis, len(x.shape)))
    # Leading axes need not be put back: broadcasting adds them.
    if keepdims or axes == list(range(len(axes))):
        return g
    column: Wire = registry.find("expand")(g, axis=_plain(tuple(axes)))
    return column


def count(x: Wire, axis: int | tuple[int, ...] | None) -> Any:
    """How many entries of `x` each entry of its reduction over `axis` gathers."""
    total: Any = 1
    for a in checked_axes(axis, len(x.shape)):
        total = total * x.shape[a]
    return total
