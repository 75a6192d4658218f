"""Convolution and pooling in arrays that stay: the kernels of `im2col.py` and `pooling.py`, written out.

The same products of the same matrices in the same order, so that the bits are the kernels'. What is gained is
memory: frames, patches and rearranged filters have their places, and small patches that `conv2d` gathers are
kept for `conv2d_weights`, which needs the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.ops import im2col
from graphlang.ops.windows import borders, pair, places
from graphlang.records import Record
from graphlang.run.memory import Order, order_of, order_of_result
from graphlang.run.operand import Operand, Spelling, Writer

CHANNELS_LAST: Order = (0, 2, 3, 1)
# Patches that together take more than this are gathered again instead of being kept: they are no longer in
# the cache when they are needed again, so that keeping them saves next to no time.
KEPT_BYTES = 1 << 20
# As many entries as the gradient of a pooling is spread over at a time.
UNPOOLED = 1 << 16
# `conv2d` and its gradient have these in common.
_SHARED = ("stride", "padding", "dilation", "groups")


def order_of_images(op: str, operands: list[Operand]) -> Order | None:
    """How the images that an operation makes lie in memory."""
    if op in ("conv2d", "conv_transpose2d"):
        return CHANNELS_LAST
    return CHANNELS_LAST if _is_channels_last(operands[-1].bones) else None


def meets_again(node: Node, users: Iterable[Node]) -> bool:
    """Whether the patches of a `conv2d` are also those of the gradient of its filters."""
    attrs, size = node.attrs, node.inputs[1].shape[2:]
    return any(
        user.op == "conv2d_weights"
        and user.inputs[0] is node.inputs[0]
        and tuple(user.attrs["size"]) == tuple(size)
        and all(user.attrs[name] == attrs[name] for name in _SHARED)
        for user in users
    )


def _is_channels_last(x: np.ndarray) -> bool:
    return x.ndim == 4 and x.strides[1] < x.strides[3]


def _copy(w: Writer, to: np.ndarray, text: str) -> str:
    return f"{w.constant(np.copyto)}({w.constant(to)}, {text})"


def _call(w: Writer, function: Any, *arrays: np.ndarray) -> str:
    # To `maximum` and `minimum` a third positional operand means something else.
    *operands, out = (w.constant(a) for a in arrays)
    mark = "out=" if function in (np.maximum, np.minimum) else ""
    return f"{w.constant(function)}({', '.join(operands)}, {mark}{out})"


# --- patches -----------------------------------------------------------------------------------------


class Block(Record):
    """The patches of some images as a matrix, and the statements that gather them."""

    start: int
    stop: int
    matrix: np.ndarray
    lines: tuple[str, ...]


def _pixels(w: Writer, x: Operand) -> tuple[np.ndarray, list[str]]:
    """Images as contiguous [N, H, W, C]: themselves, or a copy."""
    n, c, height, width = x.shape
    if x.array is not None:
        view = x.array.transpose(CHANNELS_LAST)
        if view.flags.c_contiguous:
            return view, []
    copy = w.room((n, height, width, c), x.dtype)
    return copy, [_copy(w, copy, _turned_text(w, x))]


def _turned_text(w: Writer, x: Operand, some: slice = slice(None)) -> str:
    """Some images, channels last."""
    if x.array is not None:
        return w.constant(x.array.transpose(CHANNELS_LAST)[some])
    few = "" if some == slice(None) else f"[{some.start}:{some.stop}]"
    return f"{x.text}.transpose(0, 2, 3, 1){few}"


def _framed(w: Writer, x: Operand, padding: Any) -> tuple[np.ndarray, list[str]]:
    (top, bottom), (left, right) = borders(padding)
    if not (top or bottom or left or right):
        return _pixels(w, x)
    n, c, height, width = x.shape
    frame = w.frame((n, height + top + bottom, width + left + right, c), x.dtype, ((top, left), x.shape))
    inner = frame[:, top : top + height, left : left + width]
    return frame, [_copy(w, inner, _turned_text(w, x))]


def _blocks(w: Writer, windows: np.ndarray, take: Any) -> Iterator[Block]:
    """As `im2col.blocks_of` does it; `take` gives the memory of each block."""
    n, rows, columns, hh, ww, c = windows.shape
    width = hh * ww * c
    if hh * ww == 1:
        lines: tuple[str, ...] = ()
        flat = windows.reshape(-1, c)
        if not np.may_share_memory(flat, windows):
            room = take((windows.size,), windows.dtype)
            flat, lines = room.reshape(-1, c), (_copy(w, room.reshape(windows.shape), w.constant(windows)),)
        yield Block(0, n, flat, lines)
        return
    many = max(1, min(n, im2col.CACHED // max(1, rows * columns * width)))
    for start in range(0, n, many):
        stop = min(n, start + many)
        room = take(((stop - start) * rows * columns * width,), windows.dtype)
        if ww * c < im2col.SHORT:
            to = room.reshape(hh, ww, c, stop - start, rows, columns)
            source = windows.transpose(3, 4, 5, 0, 1, 2)[:, :, :, start:stop]
            matrix = room.reshape(width, -1).T
        else:
            to = room.reshape(stop - start, rows, columns, hh, ww, c)
            source, matrix = windows[start:stop], room.reshape(-1, width)
        yield Block(start, stop, matrix, (_copy(w, to, w.constant(source)),))


def _gathered(
    w: Writer, x: Operand, size: tuple[int, int], attrs: dict[str, Any], is_kept: bool
) -> tuple[list[str], list[Block]]:
    """The patches of `x`: the statements that come first, and the blocks."""
    frame, lines = _framed(w, x, attrs["padding"])
    windows = im2col.windows_in(frame, size, attrs["stride"], attrs["dilation"])
    if is_kept:
        blocks = list(_blocks(w, windows, w.lasting))
        for block in blocks:
            lines += block.lines
        return lines, [Block(b.start, b.stop, b.matrix, ()) for b in blocks]
    room: dict[int, np.ndarray] = {}

    def again(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return room.setdefault(shape[0], w.room(shape, dtype) if shape[0] not in room else room[shape[0]])

    return lines, list(_blocks(w, windows, again))


# --- convolution -------------------------------------------------------------------------------------


def _correlated(
    w: Writer,
    x: Operand,
    filters: np.ndarray,
    out: Operand,
    attrs: dict[str, Any],
    kept: Any = None,
) -> list[str] | None:
    count, _, hh, ww = filters.shape
    pixels = out.array.transpose(CHANNELS_LAST) if out.array is not None else None
    if pixels is None or not pixels.flags.c_contiguous:
        return None
    n, rows, columns, _ = pixels.shape
    entries = n * rows * columns * hh * ww * x.shape[1]
    is_kept = kept is not None and hh * ww > 1 and entries * out.dtype.itemsize <= KEPT_BYTES
    lines, blocks = _gathered(w, x, (hh, ww), attrs, is_kept)
    if is_kept:
        w.keep(kept, blocks)
    spread = filters.transpose(2, 3, 1, 0)
    matrix = spread.reshape(-1, count)
    if not np.may_share_memory(matrix, filters):
        room = w.room(spread.shape, out.dtype)
        lines.append(_copy(w, room, w.constant(spread)))
        matrix = room.reshape(-1, count)
    for block in blocks:
        part = pixels[block.start : block.stop].reshape(-1, count)
        lines += [*block.lines, _call(w, np.matmul, block.matrix, matrix, part)]
    return lines


def conv2d(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`conv2d`; `attrs["kept"]` names the patches if they are needed again."""
    x, filters = operands
    if attrs["groups"] != 1 or filters.array is None or not (x.dtype == filters.dtype == out.dtype):
        return None
    return _correlated(w, x, filters.array, out, attrs, attrs.get("kept"))


def conv_transpose2d(
    w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]
) -> list[str] | None:
    """`conv_transpose2d` where it is a convolution by the filters turned around (`im2col.scattered`)."""
    y, filters = operands
    if attrs["groups"] != 1 or filters.array is None or not (y.dtype == filters.dtype == out.dtype):
        return None
    (top, bottom), (left, right) = borders(attrs["padding"])
    (dy, dx), (_, c, hh, ww) = pair(attrs["dilation"]), filters.shape
    high, wide = dy * (hh - 1), dx * (ww - 1)
    fits = max(top, bottom) <= high and max(left, right) <= wide
    if pair(attrs["stride"]) != (1, 1) or not fits or ww * c < im2col.SHORT:
        return None
    turned = filters.array[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
    frame = ((high - top, high - bottom), (wide - left, wide - right))
    return _correlated(w, y, turned, out, {"stride": 1, "padding": frame, "dilation": attrs["dilation"]})


def conv2d_weights(
    w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]
) -> list[str] | None:
    """`conv2d_weights`, from the patches that the convolution gathered if it kept them."""
    x, y = operands
    size, count = tuple(attrs["size"]), y.shape[1]
    if attrs["groups"] != 1 or not (x.dtype == y.dtype == out.dtype):
        return None
    kept = w.recalled(attrs.get("kept"))
    lines, blocks = ([], kept) if kept is not None else _gathered(w, x, size, attrs, False)
    pixels, copied = _pixels(w, y)
    width = math.prod(size) * x.shape[1]
    total, part = w.room((width, count), out.dtype), w.room((width, count), out.dtype)
    lines += [*copied, _copy(w, total, "0")]
    for block in blocks:
        some = pixels[block.start : block.stop].reshape(-1, count)
        lines += [*block.lines, _call(w, np.matmul, block.matrix.T, some, part)]
        lines.append(_call(w, np.add, total, part, total))
    found = total.reshape(*size, -1, count).transpose(3, 2, 0, 1)
    return [*lines, f"{w.constant(np.copyto)}({out.text}, {w.constant(found)})"]


# --- pooling -----------------------------------------------------------------------------------------


def _folded(w: Writer, function: Any, parts: list[np.ndarray], into: np.ndarray) -> list[str]:
    """One part after the other, joined by a function of two."""
    if len(parts) == 1:
        return [_copy(w, into, w.constant(parts[0]))]
    lines = [_call(w, function, parts[0], parts[1], into)]
    return [*lines, *(_call(w, function, into, part, into) for part in parts[2:])]


def _pooled(w: Writer, function: Any, x: np.ndarray, out: np.ndarray, attrs: dict[str, Any]) -> list[str]:
    """The entries of each window joined by a function, first those of a column."""
    (high, wide), (down, across) = _windows(attrs)
    rows, columns = out.shape[2:]
    lines: list[str] = []
    joined = x[:, :, places(rows, down, 0)]
    if high > 1:
        parts = [x[:, :, places(rows, down, i)] for i in range(high)]
        joined = w.room(joined.shape, x.dtype, order_of_result(parts[:2]))
        lines = _folded(w, function, parts, joined)
    sides = [joined[:, :, :, places(columns, across, j)] for j in range(wide)]
    return [*lines, *_folded(w, function, sides, out)]


def max_pool2d(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`max_pool2d` without a frame."""
    (x,) = operands
    if x.array is None or out.array is None or _has_frame(attrs):
        return None
    return _pooled(w, np.maximum, x.array, out.array, attrs)


def avg_pool2d(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`avg_pool2d` without a frame."""
    (x,) = operands
    if x.array is None or out.array is None or _has_frame(attrs):
        return None
    share = np.array(1 / math.prod(_windows(attrs)[0]), out.dtype)
    lines = _pooled(w, np.add, x.array, out.array, attrs)
    return [*lines, _call(w, np.multiply, out.array, share, out.array)]


def avg_unpool2d(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`avg_unpool2d` without a frame."""
    (g,) = operands
    if out.array is None or _has_frame(attrs) or g.dtype != out.dtype:
        return None
    (high, wide), (down, across) = _windows(attrs)
    share = w.room(g.shape, out.dtype, order_of(g.bones))
    factor = w.constant(np.array(1 / (high * wide), out.dtype))
    lines = [f"{w.constant(np.multiply)}({g.text}, {factor}, {w.constant(share)})", _copy(w, out.array, "0")]
    for i, j in np.ndindex(high, wide):
        at = out.array[:, :, places(g.shape[2], down, i), places(g.shape[3], across, j)]
        lines.append(_call(w, np.add, at, share, at))
    return lines


def max_unpool2d(w: Writer, operands: list[Operand], out: Operand, attrs: dict[str, Any]) -> list[str] | None:
    """`max_unpool2d` where the windows tile the images, channels last: whole rows of them at a time."""
    g, x, y = operands
    if x.array is None or y.array is None or out.array is None or _has_frame(attrs):
        return None
    size, (n, c, rows, columns) = _windows(attrs)[0], y.shape
    high, wide = size
    is_tiled = _windows(attrs)[1] == size and x.shape[2:] == (rows * high, columns * wide)
    images, pooled, made = (a.transpose(CHANNELS_LAST) for a in (x.array, y.array, out.array))
    if not is_tiled or high * wide > 255 or not all(a.flags.c_contiguous for a in (images, pooled, made)):
        return None
    bands, results = (a.reshape(n, rows, high, columns, wide, c) for a in (images, made))
    # A few images at a time, so that what is in between takes little memory and stays in the cache.
    many = max(1, min(n, UNPOOLED // max(1, rows * columns * wide * c)))
    room = _Spread(w, (many, rows, columns, wide, c), high, out.dtype)
    lines: list[str] = []
    for start in range(0, n, many):
        some = slice(start, min(n, start + many))
        lines += room.filled(w, bands[some], pooled[some], _turned_text(w, g, some), results[some])
    return lines


class _Spread:
    """What `max_unpool2d` needs in between, for some images; `side` is the shape of a row of windows."""

    def __init__(self, w: Writer, side: tuple[int, ...], high: int, dtype: Any):
        n, rows, columns, _, c = side
        windows = (n, rows, columns, c)
        hits = [w.room(side, np.bool_) for _ in range(high)]
        self._arrays = [
            w.room(windows, np.uint8),
            w.room(windows, dtype),
            w.room(windows, dtype),
            w.room(side, dtype),
            w.room(side, np.uint8) if high > 1 else hits[0].view(np.uint8),
            *hits,
        ]

    def filled(
        self, w: Writer, bands: np.ndarray, pooled: np.ndarray, incoming: str, results: np.ndarray
    ) -> list[str]:
        """The gradient of as many images as there are bands of rows."""
        n, _, high, _, wide, _ = bands.shape
        ties, count, share, stretched, in_column, *hits = (a[:n] for a in self._arrays)
        lines = [_copy(w, stretched, w.constant(pooled[:, :, :, None]))]
        lines += [_call(w, np.equal, bands[:, :, i], stretched, hits[i]) for i in range(high)]
        if high > 1:
            lines += _folded(w, np.add, [hit.view(np.uint8) for hit in hits], in_column)
        lines += _folded(w, np.add, [in_column[:, :, :, j] for j in range(wide)], ties)
        lines.append(_call(w, np.maximum, ties, np.ones((), np.uint8), ties))
        lines.append(_copy(w, count, w.constant(ties)))
        lines.append(f"{w.constant(np.divide)}({incoming}, {w.constant(count)}, {w.constant(share)})")
        lines.append(_copy(w, stretched, w.constant(share[:, :, :, None])))
        return [*lines, *(_call(w, np.multiply, hits[i], stretched, results[:, :, i]) for i in range(high))]


def _has_frame(attrs: dict[str, Any]) -> bool:
    return any(map(any, borders(attrs["padding"])))


def _windows(attrs: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int]]:
    size = pair(attrs["size"])
    return size, size if attrs["stride"] is None else pair(attrs["stride"])


SPELLINGS: dict[str, Spelling] = {
    "conv2d": conv2d,
    "conv_transpose2d": conv_transpose2d,
    "conv2d_weights": conv2d_weights,
    "avg_pool2d": avg_pool2d,
    "avg_unpool2d": avg_unpool2d,
    "max_pool2d": max_pool2d,
    "max_unpool2d": max_unpool2d,
}
