"""Convolution as products of matrices: the kernels of `conv2d`, `conv_transpose2d` and `conv2d_weights`.

The windows of some images at a time are gathered as rows of a matrix (im2col), as many as stay in the cache,
and multiplied with the filters. Results have their channels last in memory: what is copied into the rows are
then runs of `WW * C` entries, and neither the product's result nor, in the next layer, its operand is
rearranged. Shapes are [N, C, H, W] all the same; only strides tell.

Everything here needs NumPy alone and is copied into exported scripts.

References
----------
.. [1] Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
   Processing", 2006.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphlang.ops.windows import borders, pair, places

# --- windows as matrices ---------------------------------------------------------------------------

# As many entries as stay in a core's cache while they are gathered and multiplied; more would be no faster.
CACHED = 1 << 16
# Runs of fewer entries than this cost more to start than to copy.
SHORT = 16


def windows_of(x: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """The windows of framed images, as a view [N, rows, columns, HH, WW, C]."""
    n, c, h, w = x.shape
    (top, bottom), (left, right) = borders(padding)
    if top or bottom or left or right:
        framed = np.zeros((n, h + top + bottom, w + left + right, c), x.dtype)
        framed[:, top : top + h, left : left + w] = x.transpose(0, 2, 3, 1)
    else:
        framed = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return windows_in(framed, size, stride, dilation)


def windows_in(framed: Any, size: Any, stride: Any, dilation: Any) -> Any:
    """The windows of images [N, H, W, C] as they are, as a view."""
    (down, across), (dy, dx) = pair(stride), pair(dilation)
    spans = (dy * (size[0] - 1) + 1, dx * (size[1] - 1) + 1)
    windows = np.lib.stride_tricks.sliding_window_view(framed, spans, axis=(1, 2))
    return windows[:, ::down, ::across, :, ::dy, ::dx].transpose(0, 1, 2, 4, 5, 3)


def blocks_of(windows: Any) -> Iterator[tuple[int, int, Any]]:
    """Some images at a time: the first, the one after the last, and their windows as rows of a matrix."""
    n, rows, columns, hh, ww, c = windows.shape
    width = hh * ww * c
    if hh * ww == 1:
        yield 0, n, windows.reshape(-1, c)
        return
    many = max(1, min(n, CACHED // max(1, rows * columns * width)))
    room = np.empty(many * rows * columns * width, windows.dtype)
    is_short = ww * c < SHORT
    source = windows.transpose(3, 4, 5, 0, 1, 2) if is_short else windows
    for start in range(0, n, many):
        stop = min(n, start + many)
        block = room[: (stop - start) * rows * columns * width]
        if is_short:
            # Entry after entry of all windows, which makes runs of `columns` entries: the matrix transposed.
            block.reshape(hh, ww, c, stop - start, rows, columns)[...] = source[:, :, :, start:stop]
            yield start, stop, block.reshape(width, -1).T
        else:
            block.reshape(stop - start, rows, columns, hh, ww, c)[...] = source[start:stop]
            yield start, stop, block.reshape(-1, width)


def in_depth(w: Any, groups: int) -> bool:
    """Whether there is one filter for each channel."""
    return groups > 1 and w.shape[:2] == (groups, 1)


def correlated(x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The kernel of `conv2d`."""
    if groups > 1 and not in_depth(w, groups):
        parts = zip(np.split(x, groups, 1), np.split(w, groups), strict=True)
        return np.concatenate([correlated(a, b, stride, padding, dilation, 1) for a, b in parts], 1)
    filters, _, hh, ww = w.shape
    windows = windows_of(x, (hh, ww), stride, padding, dilation)
    if groups > 1:
        y = np.zeros((*windows.shape[:3], filters), x.dtype)
        for i, j in np.ndindex(hh, ww):
            y += windows[:, :, :, i, j] * w[:, 0, i, j]
        return y.transpose(0, 3, 1, 2)
    y = np.empty((*windows.shape[:3], filters), x.dtype)
    matrix = w.transpose(2, 3, 1, 0).reshape(-1, filters)
    for start, stop, block in blocks_of(windows):
        np.matmul(block, matrix, out=y[start:stop].reshape(-1, filters))
    return y.transpose(0, 3, 1, 2)


def scattered(y: Any, w: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The kernel of `conv_transpose2d`, for a result with `size` rows and columns."""
    if groups > 1 and not in_depth(w, groups):
        parts = zip(np.split(y, groups, 1), np.split(w, groups), strict=True)
        return np.concatenate([scattered(a, b, size, stride, padding, dilation, 1) for a, b in parts], 1)
    (top, bottom), (left, right) = borders(padding)
    (dy, dx), (_, c, hh, ww) = pair(dilation), w.shape
    high, wide = dy * (hh - 1), dx * (ww - 1)
    fits = max(top, bottom) <= high and max(left, right) <= wide
    if groups == 1 and pair(stride) == (1, 1) and fits and ww * c >= SHORT:
        # Where windows move by one, each entry gathers from a window of `y`, by the filters turned around.
        turned = w[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        frame = ((high - top, high - bottom), (wide - left, wide - right))
        return correlated(y, turned, 1, frame, dilation, 1)
    framed = (size[0] + top + bottom, size[1] + left + right)
    total = (spread_in_depth if groups > 1 else spread)(y, w, framed, pair(stride), (dy, dx))
    return total[:, top : top + size[0], left : left + size[1]].transpose(0, 3, 1, 2)


def spread(y: Any, w: Any, size: Any, stride: Any, dilation: Any) -> Any:
    """What each filter adds around each entry of `y`, summed (col2im), as [N, height, width, C]."""
    (n, filters, rows, columns), (_, c, hh, ww) = y.shape, w.shape
    matrix = w.transpose(2, 3, 1, 0).reshape(-1, filters)
    pixels = np.ascontiguousarray(y.transpose(0, 2, 3, 1))
    is_short = ww * c < SHORT
    total = np.zeros((c, n, *size), y.dtype).transpose(1, 2, 3, 0) if is_short else None
    total = np.zeros((n, *size, c), y.dtype) if total is None else total
    many = max(1, min(n, CACHED // max(1, rows * columns * matrix.shape[0])))
    for start in range(0, n, many):
        some = pixels[start : start + many].reshape(-1, filters)
        if is_short:
            parts = (matrix @ some.T).reshape(hh, ww, c, -1, rows, columns).transpose(0, 1, 3, 4, 5, 2)
        else:
            parts = (some @ matrix.T).reshape(-1, rows, columns, hh, ww, c).transpose(3, 4, 0, 1, 2, 5)
        block = total[start : start + many]
        for i, j in np.ndindex(hh, ww):
            at = places(rows, stride[0], i * dilation[0]), places(columns, stride[1], j * dilation[1])
            block[:, at[0], at[1]] += parts[i, j]
    return total


def spread_in_depth(y: Any, w: Any, size: Any, stride: Any, dilation: Any) -> Any:
    """`spread` with a filter for each channel."""
    n, channels, rows, columns = y.shape
    pixels = np.ascontiguousarray(y.transpose(0, 2, 3, 1))
    total = np.zeros((n, *size, channels), y.dtype)
    for i, j in np.ndindex(w.shape[2:]):
        at = places(rows, stride[0], i * dilation[0]), places(columns, stride[1], j * dilation[1])
        total[:, at[0], at[1]] += pixels * w[:, 0, i, j]
    return total


def weighed(x: Any, y: Any, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    """The kernel of `conv2d_weights`."""
    if groups > 1 and not x.shape[1] == y.shape[1] == groups:
        parts = zip(np.split(x, groups, 1), np.split(y, groups, 1), strict=True)
        return np.concatenate([weighed(a, b, size, stride, padding, dilation, 1) for a, b in parts])
    filters = y.shape[1]
    windows = windows_of(x, size, stride, padding, dilation)
    pixels = np.ascontiguousarray(y.transpose(0, 2, 3, 1))
    if groups > 1:
        total = np.empty((filters, 1, *size), x.dtype)
        for i, j in np.ndindex(*size):
            total[:, 0, i, j] = np.einsum("nhwc,nhwc->c", windows[:, :, :, i, j], pixels)
        return total
    total = np.zeros((size[0] * size[1] * x.shape[1], filters), x.dtype)
    for start, stop, block in blocks_of(windows):
        total += block.T @ pixels[start:stop].reshape(-1, filters)
    return np.ascontiguousarray(total.reshape(*size, -1, filters).transpose(3, 2, 0, 1))
