"""Picking entries: `x[1:, 0]` (`index`), `take`, `gather`, `one_hot`; sizes and ranges as wires.

An index known at compile time is a tuple of items: a size, `("slice", start, stop, step)` with sizes or None,
or `"..."`. Each way of picking has a partner that puts a gradient back where it came from, adding up where an
entry was picked several times; the partners are each other's gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import Any_, Axis, Int, Items, Number, RuleError, Sample, Size, Sizes_
from graphlang.ops.registry import op
from graphlang.ops.rules import checked_axis, free, per_entry
from graphlang.ops.wire import Wire
from graphlang.types.dims import Dim, Sizes, substitute
from graphlang.types.tensor import DType, Shape, TensorType, shape_text

_ALL: tuple[Any, ...] = ("slice", None, None, None)


# --- with an index known at compile time -----------------------------------------------------------


def _index_type(sizes: Sizes, x: TensorType, *, items: tuple[Any, ...]) -> TensorType:
    shape: list[Any] = []
    rest = list(x.shape)
    for i, item in enumerate(_filled(x, items)):
        size = rest[i]
        if isinstance(item, tuple):
            shape.append(_slice_size(sizes, i, size, *item[1:]))
        else:
            _check_bounds(sizes, x, i, size, item)
    return x.with_shape(shape)


def _filled(x: TensorType, items: tuple[Any, ...]) -> tuple[Any, ...]:
    """One item for each axis of `x`."""
    dots = [i for i, item in enumerate(items) if item == "..."]
    missing = x.rank - (len(items) - len(dots))
    if missing < 0:
        have = "1 axis" if x.rank == 1 else f"{x.rank} axes"
        raise RuleError(
            f"Too many indices: `{{0}}` has {have} (its shape is {shape_text(x.shape)}),"
            f" but {len(items) - len(dots)} are indexed.",
            operand=0,
            code="E0406",
        )
    if len(dots) > 1:
        raise RuleError("`...` can stand only once in an index.", code="E0406")
    at = dots[0] if dots else len(items)
    return (*items[:at], *[_ALL] * missing, *items[at + 1 :])


def _check_bounds(sizes: Sizes, x: TensorType, axis: int, size: Any, item: Any) -> None:
    n, k = substitute(size, sizes.defaults), substitute(item, sizes.defaults)
    if isinstance(n, int) and isinstance(k, int) and not -n <= k < n:
        raise RuleError(
            f"There is no entry {item} along axis {axis} of `{{0}}`, which has size {size}"
            f" (its shape is {shape_text(x.shape)}).",
            operand=0,
            suggestion=f"Count from 0 to {n - 1}, or from -1 backwards." if n else "It has no entries.",
            code="E0406",
        )


def _slice_size(sizes: Sizes, axis: int, size: Any, start: Any, stop: Any, step: Any) -> Any:
    """How many entries a slice takes. A free size is taken to be large enough for the bounds."""
    if step == 0:
        raise RuleError("The step of a slice cannot be 0.", code="E0406")
    if isinstance(step, Dim):
        raise RuleError("The step of a slice must be a number.", code="E0406")
    if not any(isinstance(v, Dim) for v in (size, start, stop)):
        return len(range(*slice(start, stop, step).indices(size)))
    step = 1 if step is None else step
    if step < 0:
        if start is not None or stop is not None:
            raise RuleError(
                f"With a negative step, both bounds must be left out while the size {size} is free.",
                code="E0406",
            )
        return (size - step - 1) // -step
    first = _bound(sizes, size, 0 if start is None else start)
    last = size if stop is None else _bound(sizes, size, stop)
    count: Any = last - first
    if isinstance(count, int) and count <= 0:
        return 0
    return (count + step - 1) // step


def _bound(sizes: Sizes, size: Any, bound: Any) -> Any:
    """A bound of a slice, counted from the start and at most the size, as far as that is known."""
    if isinstance(bound, int) and bound < 0:
        bound = size + bound
    n, b = substitute(size, sizes.defaults), substitute(bound, sizes.defaults)
    if isinstance(n, int) and isinstance(b, int):
        return 0 if b < 0 else size if b > n else bound
    return bound


def _index_label(items: tuple[Any, ...], **_attrs: Any) -> str:
    return f"[{', '.join(_item_text(item) for item in items)}]"


def _item_text(item: Any) -> str:
    if not isinstance(item, tuple):
        return "…" if item == "..." else str(item)
    start, stop, step = ("" if part is None else str(part) for part in item[1:])
    return f"{start}:{stop}" + (f":{step}" if step else "")


@op(is_view=True, rule=_index_type, label=_index_label, flops=free, samples=(
    Sample(((3, 4),), {"items": (0,)}),
    Sample(((3, 4),), {"items": (_ALL, ("slice", 1, 3, None))}),
    Sample(((2, 3, 4),), {"items": ("...", -1)}),
    Sample(((5,),), {"items": (("slice", None, None, -2),)}),
    Sample(((3, 4),), {"items": (2, 1)}),
))  # fmt: skip
def index(x: Any_, *, items: Items) -> Any_:
    """The entries that `x[items]` picks: numbers, slices and `...`, as in NumPy."""
    return x[tuple(slice(*i[1:]) if isinstance(i, tuple) else ... if i == "..." else i for i in items)]


@index.gradient
def _(g: Wire, y: Wire, x: Wire, *, items: tuple[Any, ...]) -> Any:
    return unindex(g, items=items, shape=x.shape)


def _unindex_type(sizes: Sizes, g: TensorType, *, items: tuple[Any, ...], shape: Shape) -> TensorType:
    return g.with_shape(shape)


@op(rule=_unindex_type, label=lambda items, shape: "put " + _index_label(items), flops=free, samples=(
    Sample(((4,),), {"items": (0,), "shape": (3, 4)}),
    Sample(((3, 2),), {"items": (_ALL, ("slice", 1, 3, None)), "shape": (3, 4)}),
    Sample(((),), {"items": (2, 1), "shape": (3, 4)}),
))  # fmt: skip
def unindex(g: Number, *, items: Items, shape: Sizes_) -> Number:
    """Zeros of `shape`, with `g` in the place that `items` picks: the gradient of `index`."""
    full = np.zeros(shape, np.asarray(g).dtype)
    full[tuple(slice(*i[1:]) if isinstance(i, tuple) else ... if i == "..." else i for i in items)] = g
    return full


@unindex.gradient
def _(g: Wire, y: Wire, x: Wire, *, items: tuple[Any, ...], shape: Shape) -> Any:
    return index(g, items=items)


# --- with an index that is a wire ------------------------------------------------------------------


def _take_type(sizes: Sizes, x: TensorType, indices: TensorType, *, axis: int = 0) -> TensorType:
    at = checked_axis(axis, x.rank)
    return x.with_shape((*x.shape[:at], *indices.shape, *x.shape[at + 1 :]))


@op(rule=_take_type, flops=free, samples=(
    Sample(((3, 4), (5,)), dtypes="fi"),
    Sample(((2, 3, 4), (2, 2)), {"axis": 1}, dtypes="fi"),
    Sample(((3, 4), ()), {"axis": -1}, dtypes="fi"),
))  # fmt: skip
def take(x: Any_, indices: Int, *, axis: Axis = 0) -> Any_:
    """The slices of `x` along `axis` whose numbers are in `indices`; `take(E, words)` looks up rows of E."""
    return np.take(x, indices, axis=axis)


@take.gradient
def _(g: Wire, y: Wire, x: Wire, indices: Wire, *, axis: int) -> Any:
    return lambda: scatter_add(g, indices, shape=x.shape, axis=checked_axis(axis, len(x.shape))), None


def _scattered(sizes: Sizes, g: TensorType, indices: TensorType, *, shape: Shape, axis: int) -> TensorType:
    return g.with_shape(shape)


@op(rule=_scattered, label="Σ put", flops=per_entry(1), samples=(
    Sample(((5, 4), (5,)), {"shape": (3, 4), "axis": 0}, dtypes="fi"),
    Sample(((2, 2, 2, 4), (2, 2)), {"shape": (2, 3, 4), "axis": 1}, dtypes="fi"),
))  # fmt: skip
def scatter_add(g: Number, indices: Int, *, shape: Sizes_, axis: Axis = 0) -> Number:
    """Zeros of `shape`, to which the slices of `g` are added at `indices` along `axis`: `take` backwards."""
    full = np.zeros(shape, np.asarray(g).dtype)
    rows = np.reshape(g, (*shape[:axis], np.size(indices), *shape[axis + 1 :]))
    np.add.at(np.moveaxis(full, axis, 0), np.ravel(indices), np.moveaxis(rows, axis, 0))
    return full


@scatter_add.gradient
def _(g: Wire, y: Wire, x: Wire, indices: Wire, *, shape: Shape, axis: int) -> Any:
    return lambda: take(g, indices, axis=axis), None


def _gather_type(sizes: Sizes, x: TensorType, indices: TensorType, *, axis: int = -1) -> TensorType:
    at = checked_axis(axis, x.rank)
    others = [s for i, s in enumerate(x.shape) if i != at]
    if indices.rank == x.rank:
        found = [s for i, s in enumerate(indices.shape) if i != at]
    else:
        found = list(indices.shape)
    if len(found) != len(others) or not all(sizes.equal(a, b) for a, b in zip(others, found, strict=True)):
        raise RuleError(
            f"`{{0}}` has shape {shape_text(x.shape)}, so to pick along axis {at} the indices must have shape"
            f" {shape_text(others)}, but `{{1}}` has shape {shape_text(indices.shape)}.",
            operand=1,
            notes=("To look up whole rows, use `take(x, indices)`.",),
        )
    return x.with_shape(indices.shape)


@op(rule=_gather_type, flops=free, samples=(
    Sample(((4, 3), (4,)), dtypes="fi", high=3),
    Sample(((3, 4), (4,)), {"axis": 0}, dtypes="fi", high=3),
    Sample(((4, 3), (4, 5)), dtypes="fi", high=3),
    Sample(((3,), ()), dtypes="fi", high=3),
))  # fmt: skip
def gather(x: Any_, indices: Int, *, axis: Axis = -1) -> Any_:
    """Pick along `axis` one entry for each position of the other axes: `gather(scores, labels)`.

    With as many axes as `x`, `indices` picks several for each position.
    """
    if np.ndim(indices) == np.ndim(x):
        return np.take_along_axis(x, indices, axis)
    return np.squeeze(np.take_along_axis(x, np.expand_dims(indices, axis), axis), axis)


@gather.gradient
def _(g: Wire, y: Wire, x: Wire, indices: Wire, *, axis: int) -> Any:
    return lambda: ungather(g, indices, shape=x.shape, axis=checked_axis(axis, len(x.shape))), None


@op(rule=_scattered, label="Σ put", flops=per_entry(1), samples=(
    Sample(((4,), (4,)), {"shape": (4, 3), "axis": 1}, dtypes="fi", high=3),
    Sample(((4, 5), (4, 5)), {"shape": (4, 3), "axis": 1}, dtypes="fi", high=3),
))  # fmt: skip
def ungather(g: Number, indices: Int, *, shape: Sizes_, axis: Axis = -1) -> Number:
    """Zeros of `shape`, to which the entries of `g` are added where `gather` picked them."""
    full = np.zeros(shape, np.asarray(g).dtype)
    if np.ndim(indices) == len(shape):
        places: list[Any] = list(np.indices(np.shape(indices), sparse=True))
        places[axis] = indices
        np.add.at(full, tuple(places), g)
    else:
        np.put_along_axis(full, np.expand_dims(indices, axis), np.expand_dims(g, axis), axis)
    return full


@ungather.gradient
def _(g: Wire, y: Wire, x: Wire, indices: Wire, *, shape: Shape, axis: int) -> Any:
    return lambda: gather(g, indices, axis=axis), None


def _one_hot_type(sizes: Sizes, x: TensorType, *, classes: Any) -> TensorType:
    return TensorType(DType.FLOAT, (*x.shape, classes))


@op(rule=_one_hot_type, samples=(
    Sample(((4,),), {"classes": 3}, dtypes="i", high=3), Sample(((),), {"classes": 2}, dtypes="i", high=2),
))  # fmt: skip
def one_hot(x: Int, *, classes: Size, dtype: Any) -> Any:
    """A row of `classes` zeros for each entry, with a 1 in the entry's place."""
    return np.asarray(np.expand_dims(x, -1) == np.arange(classes), dtype=dtype)


one_hot.no_gradient_because("its operand is an integer")


# --- sizes and constants as wires ------------------------------------------------------------------


@op(
    rule=lambda sizes, value: TensorType(DType.INT, ()),
    label=lambda value: str(value),
    flops=free,
    samples=(Sample((), {"value": 3}),),
)
def size_value(*, value: Size) -> Any:
    """A size as an integer: the number that a free name stands for when the graph runs."""
    return np.int64(value)


@op(
    rule=lambda sizes, size: TensorType(DType.INT, (size,)),
    label=lambda size: f"0…{size - 1}",
    flops=free,
    samples=(Sample((), {"size": 4}), Sample((), {"size": 0})),
)
def arange(*, size: Size) -> Any:
    """The integers from 0 to `size - 1`."""
    return np.arange(size)


@op(
    rule=lambda sizes, value, shape: TensorType(DType.FLOAT, shape),
    label=lambda value, shape: f"{value:g}",
    flops=free,
    samples=(Sample((), {"value": 0.5, "shape": (2, 3)}), Sample((), {"value": 1.0, "shape": ()})),
)
def full(*, value: float, shape: Sizes_, dtype: Any) -> Any:
    """A wire of `shape` whose entries are all `value`."""
    return np.full(shape, value, dtype=dtype)


for _op in (size_value, arange, full):
    _op.no_gradient_because("it depends on no wire")
