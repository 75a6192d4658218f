"""Windows that slide over the rows and columns of images: what convolution and pooling have in common.

A window covers `size` places in a row or column, every `dilation`-th one, and moves by `stride`. The image is
framed by `padding` first. There are `1 + (size of the framed image - reach) // stride` places for it, where
the reach is what it spans from its first to its last place; what is left over at the end is not covered.

The functions that need NumPy alone are also copied into exported scripts, with the kernels that use them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.graph.op import RuleError
from graphlang.types.dims import Sizes, substitute
from graphlang.types.tensor import TensorType, shape_text

# --- as kernels use them ---------------------------------------------------------------------------


def pair(value: Any) -> tuple[int, int]:
    """What is said of rows and of columns, where one number may stand for both."""
    return value if isinstance(value, tuple) else (value, value)


def borders(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding as ((top, bottom), (left, right))."""
    rows, columns = pair(padding)
    return pair(rows), pair(columns)


def places(count: int, stride: int, first: int) -> slice:
    """Where `count` windows that move by `stride` have their entry number `first`."""
    return slice(first, first + (count - 1) * stride + 1, stride)


def blank(like: Any, height: int, width: int) -> Any:
    """Zeros [N, C, height, width], with the channels last in memory if those of `like` are."""
    n, c = like.shape[:2]
    if like.strides[1] < like.strides[3]:
        return np.zeros((n, height, width, c), like.dtype).transpose(0, 3, 1, 2)
    return np.zeros((n, c, height, width), like.dtype)


# --- as shape rules use them -----------------------------------------------------------------------


def check_images(name: str, x: TensorType, operand: int = 0, axes: str = "N, C, H, W") -> None:
    """RuleError unless `x` has the axes of a batch of images (or, for three axes, of sequences)."""
    rank = axes.count(",") + 1
    if x.rank == rank:
        return
    suggestion = None
    if x.rank == rank - 1:
        suggestion = f"`expand({{{operand}}}, axis = 1)` gives it an axis of 1 channel."
    raise RuleError(
        f"`{name}` takes a wire of shape [{axes}], but `{{{operand}}}` has shape {shape_text(x.shape)}.",
        operand=operand,
        suggestion=suggestion,
    )


def checked_pair(name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """A stride, dilation or size for rows and columns; RuleError if it is none."""
    numbers = value if isinstance(value, tuple) else (value, value)
    if len(numbers) != 2 or any(isinstance(v, tuple) for v in numbers):
        raise RuleError(f"`{name}` must be a number or [rows, columns], but is {_written(value)}.")
    if min(numbers) < least:
        raise RuleError(f"`{name}` must be at least {least}, but is {_written(value)}.")
    return numbers


def checked_borders(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The padding as ((top, bottom), (left, right)); RuleError if it is none."""
    sides = padding if isinstance(padding, tuple) else (padding, padding)
    sides = tuple(s if isinstance(s, tuple) else (s, s) for s in sides)
    if len(sides) != 2 or any(len(s) != 2 or any(isinstance(v, tuple) for v in s) for s in sides):
        raise RuleError(
            "`padding` must be a number, [rows, columns] or [[top, bottom], [left, right]],"
            f" but is {_written(padding)}."
        )
    if min(v for s in sides for v in s) < 0:
        raise RuleError("A width of padding cannot be negative.")
    return sides


def _written(value: Any) -> str:
    """An attribute as the language writes it."""
    return f"[{', '.join(_written(v) for v in value)}]" if isinstance(value, tuple) else str(value)


def reach(size: Any, dilation: int) -> Any:
    """How many rows or columns a window spans from its first to its last entry."""
    return dilation * (size - 1) + 1


def window_count(
    sizes: Sizes, name: str, x: TensorType, axis: int, span: Any, stride: int, border: tuple[int, int]
) -> Any:
    """How many places a window has along an axis of `{0}`; RuleError if there is not even one."""
    framed = x.shape[axis] + border[0] + border[1]
    room = framed - span
    known = substitute(room, sizes.defaults)
    if isinstance(known, int) and known < 0:
        what = {2: "rows", 3: "columns"}[axis] if x.rank == 4 else "entries"
        padded = " with the padding" if any(border) else ""
        raise RuleError(
            f"The window of `{name}` spans {span} {what}, but `{{0}}` has {framed}{padded}"
            f" (its shape is {shape_text(x.shape)}).",
            operand=0,
        )
    return room // stride + 1
