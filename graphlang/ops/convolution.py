"""Convolution of images: filters that slide over them, the way back, and the gradient of the filters.

Images are [N, C, H, W] (how many, channels, rows, columns), filters [F, C // groups, HH, WW]. The three
operations are the three ways to sum out one side of

    Σ  y[n, f, p] · w[f, c, i] · x[n, c, stride · p + dilation · i - padding],

so each is linear in both of its operands, and their gradients are one another. `conv2d(x, w)` sums over the
channels c and the places i in the window (cross-correlation), `conv_transpose2d(y, w)` over the filters f and
the windows p, and `conv2d_weights(x, y)` over the images n and the windows p.

`conv1d` is the same for sequences. How all of this is computed stands in `graphlang/ops/im2col.py`.
The sizes follow Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from typing import Any

from graphlang.graph.op import Float, PadWidths, RuleError, Sample, Sizes_
from graphlang.ops.im2col import correlated, scattered, weighed
from graphlang.ops.registry import op
from graphlang.ops.rules import divides
from graphlang.ops.shaping import expand, squeeze
from graphlang.ops.windows import (
    borders,
    check_images,
    checked_borders,
    checked_pair,
    pair,
    reach,
    window_count,
)
from graphlang.ops.wire import Wire
from graphlang.types.dims import Constraint, Dim, Sizes, substitute
from graphlang.types.tensor import Shape, TensorType, shape_text

# --- types -----------------------------------------------------------------------------------------


def _grouped(name: str, channels: Any, groups: int, operand: int, sizes: Sizes) -> Any:
    """The channels of one group."""
    if groups < 1:
        raise RuleError(f"`groups` must be at least 1, but is {groups}.")
    if not divides(sizes, groups, channels):
        raise RuleError(
            f"`{name}` cannot make {groups} equal groups of the {channels} channels of `{{{operand}}}`.",
            operand=operand,
        )
    return channels // groups


def _check_filters(name: str, w: TensorType, axes: str = "F, C, HH, WW") -> None:
    if w.rank != axes.count(",") + 1:
        raise RuleError(
            f"`{name}` takes filters of shape [{axes}], but `{{1}}` has shape {shape_text(w.shape)}.",
            operand=1,
        )


def _count_windows(
    sizes: Sizes, name: str, x: TensorType, size: Any, stride: Any, padding: Any, dilation: Any
) -> Shape:
    """The rows and columns of `conv2d`'s result for filters of `size`; RuleError where they do not fit."""
    steps, gaps = checked_pair("stride", stride), checked_pair("dilation", dilation)
    edges = checked_borders(padding)
    return tuple(
        window_count(sizes, name, x, 2 + k, reach(size[k], gaps[k]), steps[k], edges[k]) for k in (0, 1)
    )


def _conv2d_type(
    sizes: Sizes,
    x: TensorType,
    w: TensorType,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> TensorType:
    check_images("conv2d", x)
    _check_filters("conv2d", w)
    _check_channels("conv2d", sizes, x, w, groups)
    counts = _count_windows(sizes, "conv2d", x, w.shape[2:], stride, padding, dilation)
    return x.with_shape((x.shape[0], w.shape[0], *counts))


def _check_channels(name: str, sizes: Sizes, x: TensorType, w: TensorType, groups: int) -> None:
    """Each filter sees the channels of its group."""
    _grouped(name, w.shape[0], groups, 1, sizes)
    seen = _grouped(name, x.shape[1], groups, 0, sizes)
    if not sizes.equal(seen, w.shape[1]):
        of_group = f", {seen} in each of {groups} groups" if groups > 1 else ""
        raise RuleError(
            f"`{{0}}` has {x.shape[1]} channels{of_group}, but the filters `{{1}}` are for {w.shape[1]}"
            f" (the shapes are {shape_text(x.shape)} and {shape_text(w.shape)}).",
            operand=1,
            notes=(f"`{name}` takes images [N, C, H, W] and filters [F, C // groups, HH, WW].",)
            if x.rank == 4
            else (f"`{name}` takes sequences [N, C, L] and filters [F, C // groups, K].",),
        )


def _conv_transpose2d_type(
    sizes: Sizes,
    x: TensorType,
    w: TensorType,
    *,
    size: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> TensorType:
    name = "conv_transpose2d"
    check_images(name, x)
    _check_filters(name, w)
    _grouped(name, x.shape[1], groups, 0, sizes)
    if not sizes.equal(x.shape[1], w.shape[0]):
        raise RuleError(
            f"`{{0}}` has {x.shape[1]} channels, but `{{1}}` has {w.shape[0]} filters"
            f" (the shapes are {shape_text(x.shape)} and {shape_text(w.shape)}).",
            operand=1,
            notes=(f"`{name}` takes images [N, F, H, W] and filters [F, C // groups, HH, WW].",),
        )
    made = _unfolded(x, w, stride, padding, dilation)
    if size is not None:
        made = _checked_size(sizes, x, w, size, stride, padding, dilation)
    elif any(isinstance(s, int) and s < 1 for s in made):
        raise RuleError(f"The padding takes everything away: the result would be {shape_text(made)}.")
    return x.with_shape((x.shape[0], w.shape[1] * groups, *made))


def _unfolded(x: TensorType, w: TensorType, stride: Any, padding: Any, dilation: Any) -> Shape:
    """The least size of an image that `conv2d` would make `x` of."""
    steps, gaps = checked_pair("stride", stride), checked_pair("dilation", dilation)
    edges = checked_borders(padding)
    return tuple(
        (x.shape[2 + k] - 1) * steps[k] + reach(w.shape[2 + k], gaps[k]) - sum(edges[k]) for k in (0, 1)
    )


def _checked_size(
    sizes: Sizes, x: TensorType, w: TensorType, size: Any, stride: Any, padding: Any, dilation: Any
) -> Shape:
    """The size asked for, if `conv2d` makes what `x` is of it."""
    if len(size) != 2:
        raise RuleError(f"`size` must be [rows, columns], but is {shape_text(size)}.")
    image = x.with_shape((*x.shape[:2], *size))
    counts = _count_windows(sizes, "conv_transpose2d", image, w.shape[2:], stride, padding, dilation)
    for axis, (found, have) in enumerate(zip(counts, x.shape[2:], strict=True)):
        if not _agree(sizes, found, have):
            raise RuleError(
                f"A result of size {shape_text(size)} does not fit: with these filters, stride and padding it"
                f" belongs to {shape_text(counts)} windows, but `{{0}}` has {shape_text(x.shape[2:])}.",
                operand=0,
                notes=(f"They differ in axis {2 + axis}.",),
            )
    return tuple(size)


def _agree(sizes: Sizes, a: Any, b: Any) -> bool:
    """Whether two sizes are the same; where free sizes decide it, that is noted as a constraint."""
    if sizes.equal(a, b):
        return True
    x, y = substitute(a, sizes.defaults), substitute(b, sizes.defaults)
    if not isinstance(x, Dim) and not isinstance(y, Dim):
        return False
    sizes.constraints.append(Constraint(a, b, sizes.span))
    return True


def _conv2d_weights_type(
    sizes: Sizes,
    x: TensorType,
    y: TensorType,
    *,
    size: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> TensorType:
    name = "conv2d_weights"
    check_images(name, x)
    check_images(name, y, 1)
    if len(size) != 2:
        raise RuleError(f"`size` must be [rows, columns], but is {shape_text(size)}.")
    seen = _grouped(name, x.shape[1], groups, 0, sizes)
    _grouped(name, y.shape[1], groups, 1, sizes)
    counts = _count_windows(sizes, name, x, size, stride, padding, dilation)
    pairs = zip((x.shape[0], *counts), (y.shape[0], *y.shape[2:]), strict=True)
    if not all(_agree(sizes, a, b) for a, b in pairs):
        shape = (x.shape[0], y.shape[1], *counts)
        raise RuleError(
            f"`conv2d` of `{{0}}` with filters of size {shape_text(size)} has shape {shape_text(shape)},"
            f" but `{{1}}` has shape {shape_text(y.shape)}.",
            operand=1,
        )
    return x.with_shape((y.shape[1], seen, *size))


# --- images ----------------------------------------------------------------------------------------


def _conv2d_flops(x: TensorType, w: TensorType, *, out: TensorType, **_attrs: Any) -> Any:
    return 2 * out.size * w.shape[1] * w.shape[2] * w.shape[3]


@op(rule=_conv2d_type, flops=_conv2d_flops, samples=(
    Sample(((2, 3, 5, 4), (2, 3, 3, 2))),
    Sample(((1, 2, 4, 4), (3, 2, 3, 3)), {"padding": 1}),
    Sample(((2, 1, 6, 5), (2, 1, 3, 2)), {"stride": (2, 1), "padding": (1, 0)}),
    Sample(((1, 4, 3, 4), (2, 2, 2, 2)), {"groups": 2, "dilation": (1, 2)}),
    Sample(((2, 3, 4, 4), (3, 1, 3, 3)), {"groups": 3, "padding": 1, "stride": 2}),
    Sample(((2, 3, 2, 2), (4, 3, 1, 1))),
    Sample(((1, 1, 3, 3), (1, 1, 2, 2)), {"padding": ((1, 0), (0, 2))}),
    Sample(((1, 8, 3, 3), (2, 8, 2, 2)), {"padding": 1}),
))  # fmt: skip
def conv2d(
    x: Float,
    w: Float,
    *,
    stride: PadWidths = 1,
    padding: PadWidths = 0,
    dilation: PadWidths = 1,
    groups: int = 1,
) -> Float:
    """Slide each filter over each image and take the inner product (cross-correlation).

    `x` holds images [N, C, H, W], `w` filters [F, C // groups, HH, WW]; the result is [N, F, H2, W2] with
    H2 = 1 + (H + padding above and below - dilation * (HH - 1) - 1) // stride, and W2 likewise. `stride`
    and `dilation` are numbers or [rows, columns], `padding` (zeros) also [[top, bottom], [left, right]].
    With `groups` the channels and the filters are parted, and a filter sees the channels of its group.
    """
    return correlated(x, w, stride, padding, dilation, groups)


@conv2d.gradient
def _(g: Wire, y: Wire, x: Wire, w: Wire, **attrs: Any) -> Any:
    return (
        lambda: conv_transpose2d(g, w, size=x.shape[2:], **attrs),
        lambda: conv2d_weights(x, g, size=w.shape[2:], **attrs),
    )


def _conv_transpose2d_flops(x: TensorType, w: TensorType, *, out: TensorType, **_attrs: Any) -> Any:
    return 2 * x.size * w.shape[1] * w.shape[2] * w.shape[3]


@op(rule=_conv_transpose2d_type, flops=_conv_transpose2d_flops, samples=(
    Sample(((2, 2, 3, 3), (2, 3, 3, 2))),
    Sample(((1, 3, 4, 4), (3, 2, 3, 3)), {"padding": 1}),
    Sample(((2, 2, 2, 3), (2, 8, 3, 2)), {"stride": 2, "padding": (1, 0), "size": (4, 6)}),
    Sample(((1, 4, 2, 3), (4, 1, 2, 2)), {"groups": 2, "dilation": 2}),
    Sample(((2, 3, 2, 2), (3, 1, 3, 3)), {"groups": 3, "stride": 2}),
    Sample(((1, 2, 3, 3), (2, 8, 2, 2)), {"padding": ((0, 1), (1, 0))}),
))  # fmt: skip
def conv_transpose2d(
    x: Float,
    w: Float,
    *,
    size: Sizes_ | None = None,
    stride: PadWidths = 1,
    padding: PadWidths = 0,
    dilation: PadWidths = 1,
    groups: int = 1,
) -> Float:
    """The way back through `conv2d`: every entry of `x` adds its multiple of a filter to the result.

    `x` is [N, F, H, W] and `w` [F, C // groups, HH, WW], as for the `conv2d` whose input the result is; that
    is [N, C, H2, W2] with H2 = (H - 1) * stride + dilation * (HH - 1) + 1 - padding above and below. With a
    stride, `conv2d` makes the same of several sizes: `size` = [H2, W2] says which.
    """
    if size is None:
        spans = [d * (k - 1) + 1 for d, k in zip(pair(dilation), w.shape[2:], strict=True)]
        steps = zip(x.shape[2:], pair(stride), spans, borders(padding), strict=True)
        size = tuple((n - 1) * s + span - sum(edge) for n, s, span, edge in steps)
    return scattered(x, w, size, stride, padding, dilation, groups)


@conv_transpose2d.gradient
def _(g: Wire, y: Wire, x: Wire, w: Wire, *, size: Any, **attrs: Any) -> Any:
    return lambda: conv2d(g, w, **attrs), lambda: conv2d_weights(g, x, size=w.shape[2:], **attrs)


def _conv2d_weights_flops(x: TensorType, y: TensorType, *, out: TensorType, **_attrs: Any) -> Any:
    return 2 * y.size * out.shape[1] * out.shape[2] * out.shape[3]


@op(rule=_conv2d_weights_type, flops=_conv2d_weights_flops, samples=(
    Sample(((2, 3, 5, 4), (2, 2, 3, 3)), {"size": (3, 2)}),
    Sample(((2, 1, 6, 5), (2, 2, 3, 4)), {"size": (3, 2), "stride": (2, 1), "padding": (1, 0)}),
    Sample(((1, 4, 3, 4), (1, 2, 2, 2)), {"size": (2, 2), "groups": 2, "dilation": (1, 2)}),
    Sample(((2, 3, 4, 4), (2, 3, 2, 2)), {"size": (3, 3), "groups": 3, "padding": 1, "stride": 2}),
    Sample(((1, 8, 3, 3), (1, 2, 4, 4)), {"size": (2, 2), "padding": 1}),
))  # fmt: skip
def conv2d_weights(
    x: Float,
    y: Float,
    *,
    size: Sizes_,
    stride: PadWidths = 1,
    padding: PadWidths = 0,
    dilation: PadWidths = 1,
    groups: int = 1,
) -> Float:
    """The gradient of `conv2d` by its filters: for each entry of a filter, the inner product of all it met.

    `x` holds the images [N, C, H, W] and `y` the gradient of `conv2d(x, w)`; `size` is [HH, WW] of `w`, and
    the result has the shape of `w`, [F, C // groups, HH, WW].
    """
    return weighed(x, y, size, stride, padding, dilation, groups)


@conv2d_weights.gradient
def _(g: Wire, w: Wire, x: Wire, y: Wire, *, size: Any, **attrs: Any) -> Any:
    return lambda: conv_transpose2d(y, g, size=x.shape[2:], **attrs), lambda: conv2d(x, g, **attrs)


# --- sequences -------------------------------------------------------------------------------------


def _conv1d_type(
    sizes: Sizes,
    x: TensorType,
    w: TensorType,
    *,
    stride: int = 1,
    padding: Any = 0,
    dilation: int = 1,
    groups: int = 1,
) -> TensorType:
    check_images("conv1d", x, axes="N, C, L")
    _check_filters("conv1d", w, "F, C, K")
    _check_channels("conv1d", sizes, x, w, groups)
    (step, _), (gap, _) = checked_pair("stride", stride), checked_pair("dilation", dilation)
    numbers = padding if isinstance(padding, tuple) else (padding, padding)
    if len(numbers) != 2 or not all(isinstance(n, int) for n in numbers):
        raise RuleError("`padding` must be a number or [before, after].")
    (edge, _) = checked_borders((numbers, 0))
    count = window_count(sizes, "conv1d", x, 2, reach(w.shape[2], gap), step, edge)
    return x.with_shape((x.shape[0], w.shape[0], count))


def _conv1d_flops(x: TensorType, w: TensorType, *, out: TensorType, **_attrs: Any) -> Any:
    return 2 * out.size * w.shape[1] * w.shape[2]


@op(rule=_conv1d_type, flops=_conv1d_flops, samples=(
    Sample(((2, 3, 5), (2, 3, 3))),
    Sample(((2, 2, 6), (3, 2, 3)), {"stride": 2, "padding": 1}),
    Sample(((1, 2, 5), (2, 1, 2)), {"padding": (2, 0), "dilation": 2, "groups": 2}),
))  # fmt: skip
def conv1d(
    x: Float, w: Float, *, stride: int = 1, padding: PadWidths = 0, dilation: int = 1, groups: int = 1
) -> Float:
    """Slide each filter over each sequence and take the inner product: `conv2d` of images with one row.

    `x` holds sequences [N, C, L], `w` filters [F, C // groups, K]; the result is [N, F, L2] with
    L2 = 1 + (L + padding at both ends - dilation * (K - 1) - 1) // stride. `padding` (zeros) is a number or
    [before, after]: with [dilation * (K - 1), 0] no entry sees a later one.
    """
    x, w = x[:, :, None], w[:, :, None]
    return correlated(x, w, (1, stride), (0, pair(padding)), (1, dilation), groups)[:, :, 0]


@conv1d.gradient
def _(g: Wire, y: Wire, x: Wire, w: Wire, *, stride: int, padding: Any, dilation: int, groups: int) -> Any:
    attrs = {"stride": (1, stride), "padding": (0, pair(padding)), "dilation": (1, dilation)}
    row = expand(g, axis=2)

    def left() -> Any:
        size = (1, x.shape[2])
        images = conv_transpose2d(row, expand(w, axis=2), size=size, groups=groups, **attrs)
        return squeeze(images, axis=2)

    def right() -> Any:
        size = (1, w.shape[2])
        filters = conv2d_weights(expand(x, axis=2), row, size=size, groups=groups, **attrs)
        return squeeze(filters, axis=2)

    return left, right
