"""Moving entries without changing them: `reshape`, `transpose`, `concat`, `pad`, …

Sizes may be symbolic. The gradient of each is the move back; where entries were copied (`broadcast`,
`tile`) the copies are summed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlang.graph.op import Any_, Axes, Axis, Ints, Number, PadWidths, RuleError, Same, Sample, Sizes_
from graphlang.ops import registry
from graphlang.ops.registry import op
from graphlang.ops.rules import checked_axes, checked_axis, divides, free, sum_to
from graphlang.ops.wire import Wire
from graphlang.types.dims import Dim, Sizes, product
from graphlang.types.tensor import Shape, TensorType, broadcast_shapes, shape_text

_ALL: tuple[Any, ...] = ("slice", None, None, None)


# --- another shape ---------------------------------------------------------------------------------


def _reshape_type(sizes: Sizes, x: TensorType, *, shape: Shape) -> TensorType:
    if any(isinstance(s, int) and s < -1 for s in shape) or sum(1 for s in shape if s == -1) > 1:
        raise RuleError(f"{shape_text(shape)} is no shape.", suggestion="One size may be -1.")
    known = product(s for s in shape if s != -1)
    if -1 in shape:
        if not divides(sizes, known, x.size) or known == 0:
            raise _does_not_fit(x, shape, f"which is no multiple of {known}")
        return x.with_shape(x.size // known if s == -1 else s for s in shape)
    if not sizes.equal(known, x.size):
        raise _does_not_fit(x, shape, f"but that shape holds {known}")
    return x.with_shape(shape)


def _does_not_fit(x: TensorType, shape: Shape, why: str) -> RuleError:
    have = "1 entry" if x.size == 1 else f"{x.size} entries"
    return RuleError(
        f"`{{0}}` cannot be reshaped from {shape_text(x.shape)} to {shape_text(shape)}:"
        f" it has {have}, {why}.",
        operand=0,
    )


@op(is_view=True, rule=_reshape_type, flops=free, samples=(
    Sample(((3, 4),), {"shape": (2, 6)}),
    Sample(((3, 4),), {"shape": (2, -1, 3)}),
    Sample(((),), {"shape": (1, 1)}),
    Sample(((6,),), {"shape": (3, 2)}, dtypes="i"),
))  # fmt: skip
def reshape(x: Any_, *, shape: Sizes_) -> Any_:
    """The same entries, row by row, in another shape; one size may be -1, to be worked out."""
    return np.reshape(x, shape)


@reshape.gradient
def _(g: Wire, y: Wire, x: Wire, *, shape: Shape) -> Any:
    return reshape(g, shape=x.shape)


def _flatten_type(sizes: Sizes, x: TensorType, *, start: int = 1) -> TensorType:
    if not -x.rank <= start <= x.rank:
        raise RuleError(f"There is no axis {start}: `{{0}}` has shape {shape_text(x.shape)}.", operand=0)
    start = start % x.rank if start < 0 else start
    return x.with_shape((*x.shape[:start], product(x.shape[start:])))


@op(is_view=True, rule=_flatten_type, flops=free, samples=(
    Sample(((2, 3, 4),)),
    Sample(((2, 3, 4),), {"start": 0}),
    Sample(((2, 3, 4),), {"start": -2}),
    Sample(((3,),)),
))  # fmt: skip
def flatten(x: Any_, *, start: Axis = 1) -> Any_:
    """All axes from `start` on as one: [N, 3, 4] becomes [N, 12]."""
    return np.reshape(x, (*np.shape(x)[:start], int(np.prod(np.shape(x)[start:]))))


@flatten.gradient
def _(g: Wire, y: Wire, x: Wire, *, start: int) -> Any:
    return reshape(g, shape=x.shape)


def _squeeze_type(sizes: Sizes, x: TensorType, *, axis: Axes = None) -> TensorType:
    if axis is None:
        if any(isinstance(s, Dim) for s in x.shape):
            raise RuleError(
                f"Say which axes to take away: not all sizes of {shape_text(x.shape)} are known yet."
            )
        return x.with_shape(s for s in x.shape if s != 1)
    axes = checked_axes(axis, x.rank)
    for a in axes:
        if not sizes.equal(x.shape[a], 1):
            raise RuleError(
                f"Only an axis of size 1 can be taken away, but axis {a} of `{{0}}` has size {x.shape[a]}"
                f" (its shape is {shape_text(x.shape)}).",
                operand=0,
            )
    return x.with_shape(s for i, s in enumerate(x.shape) if i not in axes)


@op(is_view=True, rule=_squeeze_type, flops=free, samples=(
    Sample(((1, 3, 1),)), Sample(((1, 3, 1),), {"axis": -1}), Sample(((1, 3, 1),), {"axis": (0, 2)}),
))  # fmt: skip
def squeeze(x: Any_, *, axis: Axes = None) -> Any_:
    """Take away the axes `axis`, which must have size 1; by default all axes of size 1."""
    return np.squeeze(x, axis=axis)


@squeeze.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes) -> Any:
    return reshape(g, shape=x.shape)


def _expand_type(sizes: Sizes, x: TensorType, *, axis: Axes) -> TensorType:
    count = 1 if isinstance(axis, int) else len(axis or ())
    rank = x.rank + count
    if axis is None or any(not -rank <= a < rank for a in ((axis,) if isinstance(axis, int) else axis)):
        raise RuleError(
            f"An axis cannot be inserted at {axis}: the result has {rank} axes,"
            f" which count from 0 to {rank - 1} or from -1 backwards.",
            operand=0,
        )
    axes = checked_axes(axis, rank)
    old = iter(x.shape)
    return x.with_shape(1 if i in axes else next(old) for i in range(rank))


@op(is_view=True, rule=_expand_type, flops=free, samples=(
    Sample(((3, 4),), {"axis": 0}), Sample(((3, 4),), {"axis": (0, -1)}), Sample(((),), {"axis": 0}),
))  # fmt: skip
def expand(x: Any_, *, axis: Axes) -> Any_:
    """Insert an axis of size 1, so that it is the axis `axis` of the result."""
    return np.expand_dims(x, axis)  # type: ignore[arg-type]  # the rule refuses None


@expand.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes) -> Any:
    return squeeze(g, axis=axis)


# --- another order ---------------------------------------------------------------------------------


def _transpose_type(sizes: Sizes, x: TensorType) -> TensorType:
    if x.rank < 2:
        raise RuleError(
            f"Only a matrix can be transposed, but `{{0}}` has shape {shape_text(x.shape)}.",
            operand=0,
            suggestion="`expand(x, axis = 1)` makes a vector a column." if x.rank else None,
        )
    return x.with_shape((*x.shape[:-2], x.shape[-1], x.shape[-2]))


@op(
    is_view=True,
    rule=_transpose_type,
    label="ᵀ",
    flops=free,
    samples=(Sample(((3, 4),)), Sample(((2, 3, 4),))),
)
def transpose(x: Any_) -> Any_:
    """Exchange the last two axes; also written `x.T`."""
    return np.swapaxes(x, -1, -2)


@transpose.gradient
def _(g: Wire, y: Wire, x: Wire) -> Any:
    return transpose(g)


def _permute_type(sizes: Sizes, x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    if sorted(a + x.rank if a < 0 else a for a in axes) != list(range(x.rank)):
        raise RuleError(
            f"{shape_text(axes)} does not name each axis of `{{0}}` once"
            f" (its shape is {shape_text(x.shape)}).",
            operand=0,
        )
    return x.with_shape(x.shape[a] for a in axes)


@op(is_view=True, rule=_permute_type, flops=free, samples=(
    Sample(((2, 3, 4),), {"axes": (2, 0, 1)}),
    Sample(((2, 3),), {"axes": (-1, 0)}),
    Sample(((),), {"axes": ()}),
))  # fmt: skip
def permute(x: Any_, *, axes: Ints) -> Any_:
    """Reorder the axes: axis i of the result is axis `axes[i]` of `x`."""
    return np.transpose(x, axes)


@permute.gradient
def _(g: Wire, y: Wire, x: Wire, *, axes: tuple[int, ...]) -> Any:
    order = [a % len(axes) for a in axes]
    return permute(g, axes=tuple(order.index(i) for i in range(len(axes))))


def _flip_type(sizes: Sizes, x: TensorType, *, axis: Axes = None) -> TensorType:
    checked_axes(axis, x.rank)
    return x


@op(is_view=True, rule=_flip_type, flops=free, samples=(
    Sample(((3, 4),)), Sample(((3, 4),), {"axis": 1}), Sample(((2, 3, 4),), {"axis": (0, -1)}),
))  # fmt: skip
def flip(x: Any_, *, axis: Axes = None) -> Any_:
    """Reverse the order of the entries along `axis`; by default along all axes."""
    return np.flip(x, axis=axis)


@flip.gradient
def _(g: Wire, y: Wire, x: Wire, *, axis: Axes) -> Any:
    return flip(g, axis=axis)


# --- together and apart ----------------------------------------------------------------------------


def _concat_type(sizes: Sizes, *types: TensorType, axis: int = 0) -> TensorType:
    if not types:
        raise RuleError("`concat` needs at least one wire.")
    first = types[0]
    at = checked_axis(axis, first.rank)
    total = first.shape[at]
    for position, t in enumerate(types[1:], start=1):
        if t.rank != first.rank:
            raise _unlike(types, position, "have the same number of axes")
        for i, (a, b) in enumerate(zip(first.shape, t.shape, strict=True)):
            if i != at and not sizes.equal(a, b):
                raise _unlike(types, position, f"agree in axis {i}")
        total = total + t.shape[at]
    return first.with_shape(total if i == at else s for i, s in enumerate(first.shape))


def _unlike(types: tuple[TensorType, ...], position: int, need: str) -> RuleError:
    first, other = shape_text(types[0].shape), shape_text(types[position].shape)
    return RuleError(
        f"`{{0}}` has shape {first} and `{{{position}}}` has shape {other}, but they must {need}.",
        operand=position,
    )


def _slices(shape: Shape, axis: int, start: Any, stop: Any) -> tuple[Any, ...]:
    """The index that takes the entries from `start` to `stop` along one axis, as `x[:, 2:5]` does."""
    items = [_ALL] * len(shape)
    items[axis] = ("slice", start, stop, None)
    return tuple(items[: axis + 1])


@op(rule=_concat_type, flops=free, samples=(
    Sample(((3, 4), (2, 4))),
    Sample(((3, 4), (3, 1), (3, 2)), {"axis": -1}),
    Sample(((2,), (3,)), dtypes="ii"),
))  # fmt: skip
def concat(*xs: Same, axis: Axis = 0) -> Same:
    """The wires one after the other along an axis they have."""
    return np.concatenate(xs, axis=axis)


@concat.gradient
def _(g: Wire, y: Wire, *xs: Wire, axis: int) -> Any:
    at = checked_axis(axis, len(y.shape))
    index = registry.find("index")
    start: Any = 0
    parts = []
    for x in xs:
        stop = start + x.shape[at]
        parts.append(_maker(index, g, items=_slices(g.shape, at, start, stop)))
        start = stop
    return tuple(parts)


def _maker(operation: Callable[..., Any], g: Wire, **attrs: Any) -> Callable[[], Wire]:
    return lambda: operation(g, **attrs)


def _stack_type(sizes: Sizes, *types: TensorType, axis: int = 0) -> TensorType:
    if not types:
        raise RuleError("`stack` needs at least one wire.")
    first = types[0]
    for position, t in enumerate(types[1:], start=1):
        pairs = zip(first.shape, t.shape, strict=False)
        if t.rank != first.rank or not all(sizes.equal(a, b) for a, b in pairs):
            raise _unlike(types, position, "have the same shape")
    if not -first.rank - 1 <= axis <= first.rank:
        raise RuleError(f"An axis cannot be inserted at {axis}: the result has {first.rank + 1} axes.")
    at = axis % (first.rank + 1)
    return first.with_shape((*first.shape[:at], len(types), *first.shape[at:]))


@op(rule=_stack_type, flops=free, samples=(
    Sample(((3, 4), (3, 4))), Sample(((3,), (3,), (3,)), {"axis": -1}), Sample(((), ())),
))  # fmt: skip
def stack(*xs: Same, axis: Axis = 0) -> Same:
    """The wires side by side along a new axis."""
    return np.stack(xs, axis=axis)


@stack.gradient
def _(g: Wire, y: Wire, *xs: Wire, axis: int) -> Any:
    at = axis % len(y.shape)
    index = registry.find("index")
    return tuple(_maker(index, g, items=(*[_ALL] * at, i)) for i in range(len(xs)))


def _split_type(sizes: Sizes, x: TensorType, *, parts: int, axis: int = 0, index: int = 0) -> TensorType:
    at = checked_axis(axis, x.rank)
    if parts < 1 or not 0 <= index < parts:
        raise RuleError(f"`{{0}}` cannot be split into {parts} parts.", operand=0)
    if not divides(sizes, parts, x.shape[at]):
        raise RuleError(
            f"`{{0}}` cannot be split into {parts} equal parts: its axis {at} has size {x.shape[at]}"
            f" (its shape is {shape_text(x.shape)}).",
            operand=0,
        )
    return x.with_shape(s // parts if i == at else s for i, s in enumerate(x.shape))


@op(is_view=True, rule=_split_type, flops=free, samples=(
    Sample(((6,),), {"parts": 3, "index": 1}),
    Sample(((2, 4),), {"parts": 2, "axis": -1, "index": 1}),
))  # fmt: skip
def split(x: Any_, *, parts: int, axis: Axis = 0, index: int = 0) -> Any_:
    """Part `index` of `x` when it is split into equal parts along `axis`.

    In the language, `a, b = split(x, 2)` makes one such node for each part.
    """
    return np.split(x, parts, axis)[index]


@split.gradient
def _(g: Wire, y: Wire, x: Wire, *, parts: int, axis: int, index: int) -> Any:
    at = checked_axis(axis, len(x.shape))
    size = y.shape[at]
    items = _slices(x.shape, at, index * size, (index + 1) * size)
    return registry.find("unindex")(g, items=items, shape=x.shape)


# --- more entries ----------------------------------------------------------------------------------


def _broadcast_type(sizes: Sizes, x: TensorType, *, shape: Shape) -> TensorType:
    joint = broadcast_shapes(sizes, x.shape, shape) if x.rank <= len(shape) else None
    if joint is None or not all(sizes.equal(a, b) for a, b in zip(joint, shape, strict=True)):
        raise RuleError(
            f"`{{0}}` has shape {shape_text(x.shape)}, which does not broadcast to {shape_text(shape)}.",
            operand=0,
        )
    return x.with_shape(shape)


@op(is_view=True, rule=_broadcast_type, flops=free, samples=(
    Sample(((4,),), {"shape": (3, 4)}),
    Sample(((2, 1, 4),), {"shape": (5, 2, 3, 4)}),
    Sample(((),), {"shape": (2, 2)}),
))  # fmt: skip
def broadcast(x: Any_, *, shape: Sizes_) -> Any_:
    """Copies of `x` that fill `shape`, by the rules of broadcasting."""
    return np.broadcast_to(x, shape)


@broadcast.gradient
def _(g: Wire, y: Wire, x: Wire, *, shape: Shape) -> Any:
    return sum_to(g, x)


def _tile_type(sizes: Sizes, x: TensorType, *, reps: Shape) -> TensorType:
    if any(isinstance(r, int) and r < 0 for r in reps):
        raise RuleError(f"An axis cannot be repeated {min(r for r in reps if isinstance(r, int))} times.")
    old, new = _aligned(x.shape, reps)
    return x.with_shape(s * r for s, r in zip(old, new, strict=True))


def _aligned(shape: Shape, reps: Shape) -> tuple[Shape, Shape]:
    """Both with as many entries as the longer one, filled up with 1 in front."""
    rank = max(len(shape), len(reps))
    return (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(reps)) + reps


@op(rule=_tile_type, flops=free, samples=(
    Sample(((2, 3),), {"reps": (2,)}), Sample(((3,),), {"reps": (2, 3)}), Sample(((),), {"reps": (4,)}),
))  # fmt: skip
def tile(x: Any_, *, reps: Sizes_) -> Any_:
    """`x` repeated `reps[i]` times along axis i; fewer numbers than axes count for the last ones."""
    return np.tile(x, reps)


@tile.gradient
def _(g: Wire, y: Wire, x: Wire, *, reps: Shape) -> Any:
    old, new = _aligned(x.shape, reps)
    pairs = tuple(size for r, s in zip(new, old, strict=True) for size in (r, s))
    total = registry.find("sum")(reshape(g, shape=pairs), axis=tuple(range(0, len(pairs), 2)))
    return reshape(total, shape=x.shape)


def _widths(x: TensorType | Wire, widths: Any) -> tuple[tuple[Any, Any], ...]:
    """How many entries to add before and after, for each axis."""
    rank = len(x.shape)
    if not isinstance(widths, tuple):
        return ((widths, widths),) * rank
    if len(widths) == 2 and not any(isinstance(w, tuple) for w in widths):
        return (widths,) * rank
    if len(widths) == rank and all(isinstance(w, tuple) and len(w) == 2 for w in widths):
        return widths
    raise RuleError(
        "`widths` must be a number, [before, after],"
        f" or one [before, after] for each of the {rank} axes of `{{0}}`.",
        operand=0,
    )


def _pad_type(sizes: Sizes, x: TensorType, *, widths: Any, value: float = 0.0) -> TensorType:
    pairs = _widths(x, widths)
    if any(isinstance(w, int) and w < 0 for pair in pairs for w in pair):
        raise RuleError("A width cannot be negative.", suggestion="Cut off entries with an index: `x[1:-1]`.")
    return x.with_shape(a + s + b for (a, b), s in zip(pairs, x.shape, strict=True))


@op(rule=_pad_type, flops=free, samples=(
    Sample(((2, 3),), {"widths": 1}),
    Sample(((3,),), {"widths": (0, 2), "value": 1.5}),
    Sample(((2, 3),), {"widths": ((1, 0), (0, 2))}),
))  # fmt: skip
def pad(x: Number, *, widths: PadWidths, value: float = 0.0) -> Number:
    """`x` with `value` around it.

    `widths` is how many entries are added: a number for both ends of all axes, `[before, after]` for all
    axes, or a list with `[before, after]` for each axis.
    """
    return np.pad(x, widths, constant_values=value)


@pad.gradient
def _(g: Wire, y: Wire, x: Wire, *, widths: Any, value: float) -> Any:
    pairs = _widths(x, widths)
    items = tuple(("slice", a, a + s, None) for (a, _), s in zip(pairs, x.shape, strict=True))
    return registry.find("index")(g, items=items)
