"""A model of one input as a curve over its data points.

Numbers: the answer beside the data. Classes: the probability of class 1 with its boundary at one half, or of
every class; the data points stand at the height of what they should give, or below the axis.
"""

from __future__ import annotations

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

# Of the classes, in turn; of the boundary.
LINES: tuple[Any, ...] = ("-", "--", "-.", ":")
BOUNDARY = (0, (2, 2))


def draw_response(axes: Axes, surface: Surface, frame: Frame) -> None:
    """Draw one frame."""
    left, right = surface.extent
    axes.grid(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(left, right)
    if surface.kind is Kind.NUMBER:
        _draw_numbers(axes, surface, frame)
    else:
        _draw_chances(axes, surface, frame)


def _draw_numbers(axes: Axes, surface: Surface, frame: Frame) -> None:
    low, high = number_range(surface)
    margin = 0.08 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    shown = shown_points(surface)
    axes.scatter(
        surface.points[shown, 0],
        surface.labels[shown],
        s=point_size(surface),
        color=style.color(0),
        edgecolors="white",
        linewidths=0.6,
        zorder=2,
        gid="points",
    )
    # Numbers far outside of the panel would overflow on the way to the paper.
    reach = 1e3 * (high - low)
    answer = np.clip(frame.values, low - reach, high + reach)
    axes.plot(surface.axis(0), answer, color=style.color(1), linewidth=3, zorder=3, gid="answer")


def _draw_chances(axes: Axes, surface: Surface, frame: Frame) -> None:
    chances = probabilities(frame.values, surface.kind)
    is_binary = surface.kind in (Kind.LOGIT, Kind.PROBABILITY)
    axes.set_ylim(-0.1, 1.08)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    if is_binary:
        axes.axhline(0.5, color=style.FAINT, linewidth=1.8, linestyle=BOUNDARY, zorder=2, gid="boundary")
        axes.plot(surface.axis(0), chances, color=style.TEXT, linewidth=3, zorder=3, gid="answer")
    else:
        for c in range(surface.classes):
            line = LINES[c % len(LINES)]
            axes.plot(surface.axis(0), chances[:, c], color=style.color(c), linestyle=line, zorder=3)
    shown = shown_points(surface)
    points, labels = surface.points[shown, 0], surface.labels[shown]
    for c in sorted({int(label) for label in labels}):
        x = points[labels == c]
        axes.scatter(
            x,
            np.full(len(x), float(c) if is_binary else -0.05),
            s=point_size(surface),
            marker=style.marker(c),
            color=style.color(c),
            edgecolors=style.TEXT,
            linewidths=0.6,
            zorder=4,
            gid=f"class-{c}",
        )
