"""Pooling: one number for each window of each channel, the greatest entry or the mean.

Both take windows apart into shifted images: for each place in a window, the entries that all windows have
there are one slice with steps, `x[:, :, i::stride, j::stride]`. Nothing is copied into windows, and whichever
order the axes have in memory is kept.

`max_pool2d` has two companions that know where the greatest entries are: `max_unpool2d` takes a gradient back
to them, in equal parts where several are greatest, and `max_pick2d` is the way forward again. The two are
each other's gradients, as `avg_pool2d` and `avg_unpool2d` are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import Float, PadWidths, RuleError, Sample, Sizes_
from graphlang.ops.registry import op
from graphlang.ops.rules import count, per_entry, reduction, spread
from graphlang.ops.windows import (
    blank,
    borders,
    check_images,
    checked_borders,
    checked_pair,
    pair,
    places,
    window_count,
)
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes
from graphlang.types.tensor import Shape, TensorType, shape_text

_SAMPLES = (
    Sample(((2, 3, 4, 6),), {"size": 2}),
    Sample(((1, 2, 5, 4),), {"size": (3, 2), "stride": (1, 2)}),
    Sample(((2, 1, 5, 5),), {"size": 3, "stride": 2, "padding": 1}),
    Sample(((1, 1, 3, 4),), {"size": 2, "padding": ((1, 0), (0, 1))}),
)


# --- types -----------------------------------------------------------------------------------------


def _pooled(name: str) -> Any:
    """The shape rule of the pooling operation `name`."""

    def rule(sizes: Sizes, x: TensorType, *, size: Any, stride: Any = None, padding: Any = 0) -> TensorType:
        check_images(name, x)
        spans = checked_pair("size", size)
        steps = checked_pair("stride", size if stride is None else stride)
        edges = checked_borders(padding)
        for span, edge in zip(spans, edges, strict=True):
            if max(edge) >= span:
                raise RuleError(
                    f"`{name}` has windows of {span}, so the padding must be less,"
                    f" but it is {max(edge)}: some windows would hold nothing else."
                )
        counts = (window_count(sizes, name, x, 2 + k, spans[k], steps[k], edges[k]) for k in (0, 1))
        return x.with_shape((*x.shape[:2], *counts))

    return rule


def _same_shape(sizes: Sizes, name: str, t: TensorType, wanted: Shape, operand: int, of: str) -> None:
    if t.rank != len(wanted) or not all(sizes.equal(a, b) for a, b in zip(t.shape, wanted, strict=True)):
        raise RuleError(
            f"In `{name}`, `{{{operand}}}` must have the shape of {of}, {shape_text(wanted)},"
            f" but has shape {shape_text(t.shape)}.",
            operand=operand,
        )


def _window_flops(x: TensorType, *_types: TensorType, out: TensorType, size: Any, **_attrs: Any) -> Any:
    rows, columns = pair(size)
    return out.size * rows * columns


# --- the greatest entry ----------------------------------------------------------------------------


@op(rule=_pooled("max_pool2d"), flops=_window_flops, samples=_SAMPLES)
def max_pool2d(
    x: Float, *, size: PadWidths, stride: PadWidths | None = None, padding: PadWidths = 0
) -> Float:
    """The greatest entry of each window; entries that share the first place share its gradient equally.

    `x` is [N, C, H, W], the result [N, C, H2, W2] with H2 = 1 + (H + padding above and below - size) //
    stride and W2 likewise. `size` and `stride` (by default `size`) are numbers or [rows, columns], `padding`
    also [[top, bottom], [left, right]]; what it adds is never the greatest.
    """
    (high, wide), (down, across) = pair(size), pair(size if stride is None else stride)
    x = framed(x, padding)
    rows = 1 + (x.shape[2] - high) // down
    columns = 1 + (x.shape[3] - wide) // across
    tallest = x[:, :, places(rows, down, 0)]
    for i in range(1, high):
        tallest = np.maximum(tallest, x[:, :, places(rows, down, i)])
    best = tallest[:, :, :, places(columns, across, 0)]
    for j in range(1, wide):
        best = np.maximum(best, tallest[:, :, :, places(columns, across, j)])
    return best


def framed(x: Any, padding: Any) -> Any:
    """Images with a frame that is less than everything."""
    (top, bottom), (left, right) = borders(padding)
    if not (top or bottom or left or right):
        return x
    h, w = x.shape[2:]
    result = blank(x, h + top + bottom, w + left + right)
    result[...] = -np.inf
    result[:, :, top : top + h, left : left + w] = x
    return result


@max_pool2d.gradient
def _(g: Wire, y: Wire, x: Wire, **attrs: Any) -> Any:
    return max_unpool2d(g, x, y, **attrs)


def _max_unpool2d_type(sizes: Sizes, g: TensorType, x: TensorType, y: TensorType, **attrs: Any) -> TensorType:
    pooled = _pooled("max_unpool2d")(sizes, x, **attrs)
    _same_shape(sizes, "max_unpool2d", g, pooled.shape, 0, "`max_pool2d({1})`")
    _same_shape(sizes, "max_unpool2d", y, pooled.shape, 2, "`max_pool2d({1})`")
    return x


_UNPOOL_SAMPLES = (
    Sample(((2, 3, 2, 3), (2, 3, 4, 6), (2, 3, 2, 3)), {"size": 2}),
    Sample(((2, 1, 3, 3), (2, 1, 5, 5), (2, 1, 3, 3)), {"size": 3, "stride": 2, "padding": 1}),
)
_PICK_SAMPLES = (
    Sample(((2, 3, 4, 6), (2, 3, 4, 6), (2, 3, 2, 3)), {"size": 2}),
    Sample(((2, 1, 5, 5), (2, 1, 5, 5), (2, 1, 3, 3)), {"size": 3, "stride": 2, "padding": 1}),
)


@op(rule=_max_unpool2d_type, flops=per_entry(3), samples=_UNPOOL_SAMPLES)
def max_unpool2d(
    g: Float,
    x: Float,
    y: Float,
    *,
    size: PadWidths,
    stride: PadWidths | None = None,
    padding: PadWidths = 0,
) -> Float:
    """The gradient of `y = max_pool2d(x)`: each entry of `g` goes to the greatest entry of its window.

    The result has the shape of `x`. Where several entries are the greatest, they get equal parts.
    """
    (high, wide), (down, across) = pair(size), pair(size if stride is None else stride)
    (top, _), (left, _), (rows, columns) = *borders(padding), y.shape[2:]
    images = framed(x, padding)
    at = [(places(rows, down, i), places(columns, across, j)) for i in range(high) for j in range(wide)]
    hits = [images[:, :, i, j] == y for i, j in at]
    # Counted in one byte where the count fits, which is several times as fast.
    ties = hits[0].astype(np.uint8 if len(at) < 256 else np.int32)
    for hit in hits[1:]:
        np.add(ties, hit, out=ties, dtype=ties.dtype)
    # In the memory order of `y`, whichever `g` comes in: all that follows then runs along memory.
    share = np.divide(g, np.maximum(ties, 1).astype(g.dtype), out=np.empty_like(y))
    result = blank(x, *images.shape[2:])
    for (i, j), hit in zip(at, hits, strict=True):
        if down >= high and across >= wide:
            np.multiply(hit, share, out=result[:, :, i, j])
        else:
            result[:, :, i, j] += hit * share
    return result[:, :, top : top + x.shape[2], left : left + x.shape[3]]


@max_unpool2d.gradient
def _(v: Wire, z: Wire, g: Wire, x: Wire, y: Wire, **attrs: Any) -> Any:
    # Which entries are the greatest does not change with a small step of any of them.
    return lambda: max_pick2d(v, x, y, **attrs), None, None


def _max_pick2d_type(sizes: Sizes, v: TensorType, x: TensorType, y: TensorType, **attrs: Any) -> TensorType:
    pooled = _pooled("max_pick2d")(sizes, x, **attrs)
    _same_shape(sizes, "max_pick2d", v, x.shape, 0, "`{1}`")
    _same_shape(sizes, "max_pick2d", y, pooled.shape, 2, "`max_pool2d({1})`")
    return y


@op(rule=_max_pick2d_type, flops=per_entry(3), samples=_PICK_SAMPLES)
def max_pick2d(
    v: Float,
    x: Float,
    y: Float,
    *,
    size: PadWidths,
    stride: PadWidths | None = None,
    padding: PadWidths = 0,
) -> Float:
    """The entry of `v` where `x` is greatest in each window, the mean where several are; `y` pools `x`.

    This is how `y` changes when `x` changes by `v`: the gradient of `max_unpool2d`.
    """
    (high, wide), (down, across) = pair(size), pair(size if stride is None else stride)
    (top, bottom), (left, right) = borders(padding)
    images = framed(x, padding)
    changes = np.pad(v, ((0, 0), (0, 0), (top, bottom), (left, right)))
    total, ties = np.zeros_like(y), np.zeros_like(y)
    for i in range(high):
        for j in range(wide):
            at = (..., places(y.shape[2], down, i), places(y.shape[3], across, j))
            hit = images[at] == y
            total += hit * changes[at]
            ties += hit
    return total / np.maximum(ties, 1)


@max_pick2d.gradient
def _(g: Wire, z: Wire, v: Wire, x: Wire, y: Wire, **attrs: Any) -> Any:
    return lambda: max_unpool2d(g, x, y, **attrs), None, None


# --- the mean --------------------------------------------------------------------------------------


@op(rule=_pooled("avg_pool2d"), flops=_window_flops, samples=_SAMPLES)
def avg_pool2d(
    x: Float, *, size: PadWidths, stride: PadWidths | None = None, padding: PadWidths = 0
) -> Float:
    """The mean of each window, the zeros of the padding included.

    `x` is [N, C, H, W], the result [N, C, H2, W2] with H2 = 1 + (H + padding above and below - size) //
    stride and W2 likewise. `size` and `stride` (by default `size`) are numbers or [rows, columns], `padding`
    also [[top, bottom], [left, right]].
    """
    (high, wide), (down, across) = pair(size), pair(size if stride is None else stride)
    (top, bottom), (left, right) = borders(padding)
    if top or bottom or left or right:
        inner, x = x, blank(x, x.shape[2] + top + bottom, x.shape[3] + left + right)
        x[:, :, top : top + inner.shape[2], left : left + inner.shape[3]] = inner
    rows = 1 + (x.shape[2] - high) // down
    columns = 1 + (x.shape[3] - wide) // across
    sums = x[:, :, places(rows, down, 0)]
    for i in range(1, high):
        sums = sums + x[:, :, places(rows, down, i)]
    total = sums[:, :, :, places(columns, across, 0)]
    for j in range(1, wide):
        total = total + sums[:, :, :, places(columns, across, j)]
    return total * (1 / (high * wide))


@avg_pool2d.gradient
def _(g: Wire, y: Wire, x: Wire, **attrs: Any) -> Any:
    return avg_unpool2d(g, shape=x.shape[2:], **attrs)


def _avg_unpool2d_type(sizes: Sizes, g: TensorType, *, shape: Shape, **attrs: Any) -> TensorType:
    check_images("avg_unpool2d", g)
    if len(shape) != 2:
        raise RuleError(f"`shape` must be [rows, columns], but is {shape_text(shape)}.")
    x = g.with_shape((*g.shape[:2], *shape))
    pooled = _pooled("avg_unpool2d")(sizes, x, **attrs)
    _same_shape(sizes, "avg_unpool2d", g, pooled.shape, 0, f"`avg_pool2d` of images {shape_text(shape)}")
    return x


@op(rule=_avg_unpool2d_type, flops=per_entry(1), samples=(
    Sample(((2, 3, 2, 3),), {"shape": (4, 6), "size": 2}),
    Sample(((1, 2, 3, 2),), {"shape": (5, 4), "size": (3, 2), "stride": (1, 2)}),
    Sample(((2, 1, 3, 3),), {"shape": (5, 5), "size": 3, "stride": 2, "padding": 1}),
))  # fmt: skip
def avg_unpool2d(
    g: Float,
    *,
    shape: Sizes_,
    size: PadWidths,
    stride: PadWidths | None = None,
    padding: PadWidths = 0,
) -> Float:
    """The gradient of `avg_pool2d`, for images of `shape` = [H, W]: equal parts for all of a window."""
    (high, wide), (down, across) = pair(size), pair(size if stride is None else stride)
    (top, bottom), (left, right) = borders(padding)
    share = g * (1 / (high * wide))
    result = blank(g, shape[0] + top + bottom, shape[1] + left + right)
    for i in range(high):
        for j in range(wide):
            result[:, :, places(g.shape[2], down, i), places(g.shape[3], across, j)] += share
    return result[:, :, top : top + shape[0], left : left + shape[1]]


@avg_unpool2d.gradient
def _(v: Wire, z: Wire, g: Wire, *, shape: Shape, **attrs: Any) -> Any:
    return avg_pool2d(v, **attrs)


def _global_type(sizes: Sizes, x: TensorType, *, keepdims: bool = False) -> TensorType:
    check_images("global_avg_pool2d", x)
    return reduction(sizes, x, axis=(2, 3), keepdims=keepdims)


@op(rule=_global_type, flops=per_entry(1), samples=(
    Sample(((2, 3, 4, 5),)), Sample(((1, 2, 3, 3),), {"keepdims": True}),
))  # fmt: skip
def global_avg_pool2d(x: Float, *, keepdims: bool = False) -> Float:
    """The mean of each channel of each image: [N, C, H, W] becomes [N, C] or with `keepdims` [N, C, 1, 1]."""
    return np.mean(x, axis=(2, 3), keepdims=keepdims)


@global_avg_pool2d.gradient
def _(g: Wire, y: Wire, x: Wire, *, keepdims: bool) -> Any:
    return spread(g / count(x, (2, 3)), x, (2, 3), keepdims)
