"""A model of two inputs as a map.

Two classes: the probability as filled contours from blue through white to orange, the boundary thick and
black. Several classes: the colour of the most probable one, paler the smaller its lead over the second; black
lines where two are level. Numbers: filled contours with a colour bar. Where the answer is not a number, the
map is hatched grey.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.plot import style
from graphlang.plot.surface import (
    Frame,
    Kind,
    Surface,
    number_range,
    point_size,
    probabilities,
    shown_points,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# A region of several classes is drawn with at least so many cells along each input.
_CELLS = 400
_BOUNDARY = 2.4
# How much of a class's colour is seen where it barely leads, and where it is certain.
_PALEST, _DEEPEST = 0.12, 0.58


def draw_regions(axes: Axes, surface: Surface, frame: Frame) -> Any:
    """Draw one frame; returns what a colour bar is made of, None where none is needed."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = surface.extent
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if math.isclose(surface.shape, (right - left) / (top - bottom)):
        axes.set_aspect("equal", adjustable="box")
    if not np.isfinite(probabilities(frame.values, surface.kind)).all():
        missing = Rectangle((left, bottom), right - left, top - bottom, facecolor="white", hatch="///")
        missing.set(edgecolor=style.MISSING, linewidth=0, zorder=0, gid="missing")
        axes.add_patch(missing)
    draw = {0: _draw_numbers, 2: _draw_two_classes}.get(surface.classes, _draw_classes)
    if surface.kind in (Kind.CLASS_LOGITS, Kind.CLASS_PROBABILITIES):
        draw = _draw_classes
    scale = draw(axes, surface, frame)
    _draw_points(axes, surface)
    return scale


def two_class_colors() -> Colormap:
    """Blue, white, orange: class 0 to class 1, as dark at one end as at the other."""
    from matplotlib.colors import LinearSegmentedColormap

    ends = ["#6aaed6", "#b5d4e9", "#f7f7f7", "#fbd0a2", "#f4a460"]
    return LinearSegmentedColormap.from_list("two classes", ends)


def _draw_two_classes(axes: Axes, surface: Surface, frame: Frame) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values = np.ma.masked_invalid(probabilities(frame.values, surface.kind))
    x, y = surface.axis(0), surface.axis(1)
    colors, norm = two_class_colors(), Normalize(0, 1)
    if values.count():
        axes.contourf(x, y, values, levels=np.linspace(0, 1, 21), cmap=colors, norm=norm, extend="both")
        _draw_boundary(axes, x, y, values - 0.5)
    return ScalarMappable(norm, colors)


def _draw_boundary(axes: Axes, x: np.ndarray, y: np.ndarray, lead: Any) -> None:
    """The line where `lead` changes its sign, if it does."""
    if lead.min() < 0 < lead.max():
        lines = axes.contour(x, y, lead, levels=[0.0], colors=[style.TEXT], linewidths=_BOUNDARY)
        lines.set_gid("boundary")


def _draw_numbers(axes: Axes, surface: Surface, frame: Frame) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    low, high = number_range(surface)
    # Clipped, so that what lies beyond the scale has its end's colour; contours overflow on infinities.
    values = np.ma.masked_invalid(np.clip(frame.values, low, high))
    if values.count():
        x, y = surface.axis(0), surface.axis(1)
        levels = np.linspace(low, high, 25)
        axes.contourf(x, y, values, levels=levels, cmap="viridis", vmin=low, vmax=high, extend="both")
    return ScalarMappable(Normalize(low, high), "viridis")


def _draw_classes(axes: Axes, surface: Surface, frame: Frame) -> None:
    from matplotlib.colors import to_rgb

    chances = probabilities(frame.values, surface.kind)
    if not np.isfinite(chances).any():
        return
    left, right, bottom, top = surface.extent
    fine = _finer(_finer(chances, 0), 1)
    is_known = np.isfinite(fine).all(axis=-1)
    fine = np.where(is_known[..., None], fine, 0.0)
    winner = fine.argmax(axis=-1)
    palette = np.array([to_rgb(style.color(c)) for c in range(surface.classes)])
    depth = (_PALEST + (_DEEPEST - _PALEST) * np.clip(_lead(fine), 0, 1))[..., None]
    picture = np.concatenate([1 - depth * (1 - palette[winner]), is_known[..., None]], axis=-1)
    # Cells are centred on grid points, so the outermost reach half a cell beyond the extent.
    rows, columns = winner.shape
    dx, dy = (right - left) / (columns - 1) / 2, (top - bottom) / (rows - 1) / 2
    reach = (left - dx, right + dx, bottom - dy, top + dy)
    aspect = axes.get_aspect()
    axes.imshow(picture, extent=reach, origin="lower", aspect=aspect, interpolation="nearest", zorder=1)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    x, y = surface.axis(0), surface.axis(1)
    for c in range(surface.classes if surface.classes > 1 else 0):
        others = np.delete(chances, c, axis=-1).max(axis=-1)
        _draw_boundary(axes, x, y, np.ma.masked_invalid(chances[..., c] - others))


def _lead(chances: np.ndarray) -> np.ndarray:
    """By how much the most probable class is ahead of the second."""
    if chances.shape[-1] == 1:
        return np.ones(chances.shape[:-1])
    best = np.sort(chances, axis=-1)
    return np.asarray(best[..., -1] - best[..., -2])


def _finer(values: np.ndarray, axis: int) -> np.ndarray:
    """Values interpolated linearly along an axis, so that regions have smooth edges."""
    count = values.shape[axis]
    if count >= _CELLS:
        return values
    place = np.linspace(0, count - 1, (count - 1) * -(-_CELLS // (count - 1)) + 1)
    before = np.minimum(place.astype(int), count - 2)
    shape = [1] * values.ndim
    shape[axis] = -1
    part = (place - before).reshape(shape)
    a, b = values.take(before, axis), values.take(before + 1, axis)
    return np.asarray((1 - part) * a + part * b)


def _draw_points(axes: Axes, surface: Surface) -> None:
    """The data points; each class has its own marker, so that it is known on any ground."""
    shown, size = shown_points(surface), point_size(surface)
    points, labels = surface.points[shown], surface.labels[shown]
    look: dict[str, Any] = {"s": size, "edgecolors": style.TEXT, "linewidths": 0.8, "zorder": 4}
    if surface.kind is Kind.NUMBER:
        low, high = number_range(surface)
        look["edgecolors"] = "white"
        axes.scatter(points[:, 0], points[:, 1], c=labels, cmap="viridis", vmin=low, vmax=high, **look)
        return
    for c in sorted({int(label) for label in labels}):
        x, y = points[labels == c].T
        marker = style.marker(c)
        axes.scatter(x, y, color=style.color(c), marker=marker, **look).set_gid(f"class-{c}")
