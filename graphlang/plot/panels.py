"""Surfaces as figures: the lecture's "before, during, after", a panel or a GIF frame each.

A model of two inputs is a map (`regions.py`), a model of one input a curve over the data points
(`response.py`). Here is what stands around them: titles, names of the axes, the colour bar and the key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from graphlang.plot import style
from graphlang.plot.regions import draw_regions
from graphlang.plot.response import BOUNDARY, LINES, draw_response
from graphlang.plot.surface import Frame, Kind, Surface
from graphlang.plot.text import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Square inches of a panel's map, and inches for what stands around it.
_AREA = 12.5
_BESIDE, _ABOVE = 0.75, 0.75


def panels(surface: Surface) -> Figure:
    """All frames of a surface beside one another.

    Raises
    ------
    ImportError
        Without matplotlib; `style.has_matplotlib` asks first.
    """
    return _figure(surface, surface.frames)


def animation(surface: Surface) -> Iterator[Figure]:
    """The frames of a surface one after another, for `save` to write as a GIF: figures of one size."""
    for frame in surface.frames:
        yield _figure(surface, [frame])


def description(surface: Surface) -> str:
    """What the picture shows, in words."""
    names = " and ".join(short(surface.input_name(i)) for i in range(surface.inputs))
    what = "the decision regions" if surface.classes else "the answer"
    moments = ", ".join(short(f.title, 40) for f in surface.frames)
    return f"A model's {what} over {names}, with {len(surface.labels)} data points: {moments}."


# --- the figure ----------------------------------------------------------------------------------


def _figure(surface: Surface, frames: Sequence[Frame]) -> Figure:
    from matplotlib.figure import Figure

    columns = len(frames) if len(frames) <= 3 else 2 if len(frames) == 4 else 3
    rows = math.ceil(len(frames) / columns)
    with style.house_style():
        figure = Figure(figsize=_size(surface, rows, columns), layout="constrained")
        if surface.title:
            figure.suptitle(short(surface.title, 24 * columns + 12), parse_math=False, fontsize=16)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        draw = draw_regions if surface.inputs == 2 else draw_response
        scale = None
        for axes, frame in zip(grid.flat, frames, strict=False):
            axes.set_title(short(frame.title, 36), parse_math=False)
            scale = draw(axes, surface, frame) or scale
        for axes in grid.flat[len(frames) :]:
            axes.remove()
        _name_axes(grid, surface, len(frames))
        _draw_keys(figure, grid.flat[: len(frames)].tolist(), surface, scale)
    return figure


def _size(surface: Surface, rows: int, columns: int) -> tuple[float, float]:
    """Inches of a figure whose panels have the shape of their maps."""
    width, height = math.sqrt(_AREA * surface.shape), math.sqrt(_AREA / surface.shape)
    bar = 1.0 if surface.inputs == 2 and surface.classes in (0, 2) else 0.0
    title, key = 0.5 if surface.title else 0.0, 0.5 if surface.classes else 0.0
    return columns * (width + 0.2) + _BESIDE + bar, rows * (height + _ABOVE) + title + key


def _name_axes(grid: Any, surface: Surface, count: int) -> None:
    """Axes are named at the left and below the lowest panel of each column."""
    columns = grid.shape[1]
    below = surface.input_name(0)
    beside = surface.input_name(1) if surface.inputs == 2 else _answer(surface)
    for i in range(count):
        axes = grid[i // columns, i % columns]
        if i + columns >= count:
            axes.set_xlabel(short(below), parse_math=False)
            axes.tick_params(labelbottom=True)
        if i % columns == 0:
            axes.set_ylabel(short(beside), parse_math=False)


def _draw_keys(figure: Figure, axes: list[Axes], surface: Surface, scale: Any) -> None:
    """The colour bar where colours are numbers, and what the markers and the boundary mean."""
    if scale is not None:
        bar = figure.colorbar(scale, ax=axes, shrink=0.85, aspect=24, pad=0.02)
        bar.set_label(short(_answer(surface), 40), parse_math=False)
        bar.outline.set_visible(False)
        if surface.classes:
            bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
    handles = _keys(surface)
    if handles:
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
        for text in legend.get_texts():
            text.set_parse_math(False)


def _answer(surface: Surface) -> str:
    if surface.kind is Kind.NUMBER:
        return surface.answer
    return "probability" if surface.classes > 2 else f"probability of {short(surface.class_name(1), 24)}"


def _keys(surface: Surface) -> list[Any]:
    from matplotlib.lines import Line2D

    present = sorted({int(c) for c in surface.labels}) if surface.classes else []
    shown = sorted({*present, *range(surface.classes if surface.classes > 2 else 0)})
    has_lines = surface.inputs == 1 and surface.kind in (Kind.CLASS_LOGITS, Kind.CLASS_PROBABILITIES)
    handles = [
        Line2D(
            [],
            [],
            linestyle=LINES[c % len(LINES)] if has_lines else "",
            marker=style.marker(c),
            markersize=8,
            color=style.color(c),
            markeredgecolor=style.TEXT,
            # A label that begins with _ would be left out.
            label="\u200b" + short(surface.class_name(c), 24),
        )
        for c in shown[:20]
    ]
    if surface.classes and surface.inputs == 2:
        handles.append(Line2D([], [], color=style.TEXT, linewidth=2.4, label="boundary"))
    elif surface.classes and not has_lines:
        look: dict[str, Any] = {"color": style.FAINT, "linewidth": 1.8, "linestyle": BOUNDARY}
        handles.append(Line2D([], [], label="boundary at 0.5", **look))
    return handles
