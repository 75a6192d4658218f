"""Training curves: the loss in one panel, each metric in another, one colour for each run.

Training examples are a solid line, held-out ones a dashed line in the same colour. The runs are named in the
right margin, each beside the end of its line, in that order; markers tell them apart in grey. The loss has a
logarithmic scale if it spans more than two decades. Numbers that are not finite break a line, and × at
the foot of the panel marks the epoch of each such break: a run that diverged must not look like one that
ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphlang.plot import style
from graphlang.plot.log import RunLog, Scores
from graphlang.plot.spark import is_wide
from graphlang.plot.text import number, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of a panel; together with the font sizes it suits half a slide.
_WIDTH, _HEIGHT = 5.6, 3.6
# Beyond this magnitude the arithmetic of axes overflows; such a number counts as infinite.
_LARGEST = 1e100
# Lines with so few epochs show every one as a marker.
_FEW = 8
# More names than these do not fit beside a panel.
_MOST_NAMES = 16

Measure = Callable[[Scores], float | None]


def curves(runs: Sequence[RunLog]) -> Figure:
    """The training curves of one or several runs.

    Parameters
    ----------
    runs : sequence of RunLog
        At least one; drawn in this order, each under its name.

    Returns
    -------
    matplotlib Figure
        A panel `loss` and one for each metric that any run has.

    Raises
    ------
    ValueError
        If there are no runs.
    ImportError
        Without matplotlib; `style.has_matplotlib` asks first.
    """
    if not runs:
        raise ValueError("no runs to draw")
    from matplotlib.figure import Figure

    metrics = list(dict.fromkeys(name for run in runs for name in run.metrics))
    columns = min(len(metrics) + 1, 3) if len(metrics) != 3 else 2
    rows = math.ceil((len(metrics) + 1) / columns)
    with style.house_style():
        figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows + 0.5), layout="constrained")
        if len(runs) == 1:
            figure.suptitle(short(runs[0].name, 60), parse_math=False, fontsize=16)
        _draw_panel(figure.add_subplot(rows, columns, 1), "loss", runs, _loss)
        for i, name in enumerate(metrics):
            _draw_panel(figure.add_subplot(rows, columns, i + 2), name, runs, _metric(name))
        _draw_key(figure, runs)
    return figure


def description(runs: Sequence[RunLog]) -> str:
    """What the picture shows, in words, for those who do not see it."""
    return " ".join(_sentence(run) for run in runs)


def _sentence(run: RunLog) -> str:
    first, last = run.epochs[0], run.epochs[-1]
    start = f"Run {plain(run.name)}: the loss goes from {number(first.train.loss)} at epoch {first.epoch}"
    end = f" to {number(last.train.loss)} at epoch {last.epoch}"
    held = f", on held-out examples to {number(last.holdout.loss)}" if last.holdout else ""
    return f"{start}{end}{held}."


def _loss(scores: Scores) -> float | None:
    return scores.loss


def _metric(name: str) -> Measure:
    return lambda scores: scores.metrics.get(name)


# --- one panel -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Curve:
    """What becomes one line: where it was measured, NaN where it is not finite."""

    run: int
    is_holdout: bool
    epochs: list[int]
    values: list[float]

    @property
    def finite(self) -> list[float]:
        return [v for v in self.values if math.isfinite(v)]

    @property
    def breaks(self) -> list[int]:
        """The epoch at which each stretch of non-finite numbers begins."""
        broken = [not math.isfinite(v) for v in self.values]
        return [e for i, e in enumerate(self.epochs) if broken[i] and not (i and broken[i - 1])]


def _curves(runs: Sequence[RunLog], measure: Measure) -> Iterator[_Curve]:
    for i, run in enumerate(runs):
        for is_holdout in (False, True):
            scores = [(e.epoch, e.holdout if is_holdout else e.train) for e in run.epochs]
            found = [(epoch, measure(s)) for epoch, s in scores if s is not None]
            points = [(epoch, value) for epoch, value in found if value is not None]
            if points:
                yield _Curve(i, is_holdout, [p[0] for p in points], [_drawable(p[1]) for p in points])


def _drawable(value: float) -> float:
    return value if abs(value) <= _LARGEST else math.nan


def _draw_panel(axes: Axes, title: str, runs: Sequence[RunLog], measure: Measure) -> None:
    from matplotlib.ticker import MaxNLocator, NullFormatter

    found = list(_curves(runs, measure))
    finite = [v for curve in found for v in curve.finite]
    is_logarithmic = title == "loss" and measure is _loss and is_wide(finite)
    axes.set_title(short(title, 40), parse_math=False)
    axes.set_xlabel("epoch")
    axes.set_ylabel(short(title, 32) + (" (log scale)" if is_logarithmic else ""), parse_math=False)
    axes.grid(True)
    axes.spines[["top", "right"]].set_visible(False)
    if is_logarithmic:
        axes.set_yscale("log")
        # Powers of ten are written out: matplotlib's own labels are formulas, which are off.
        axes.yaxis.set_major_formatter(lambda y, _: number(y))
        axes.yaxis.set_minor_formatter(NullFormatter())
    for curve in found:
        _draw_curve(axes, curve)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    if not finite:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no finite number", transform=axes.transAxes, ha="center", color=style.FAINT)
    elif len(runs) > 1:
        _name_lines(axes, runs, found)


def _draw_curve(axes: Axes, curve: _Curve) -> None:
    color, count = style.color(curve.run), len(curve.epochs)
    # Markers of different runs stand at different epochs, so that equal curves do not hide one another.
    every = max(1, count // _FEW)
    axes.plot(
        curve.epochs,
        [v if math.isfinite(v) else math.nan for v in curve.values],
        color=color,
        linestyle=(0, (4, 2)) if curve.is_holdout else "-",
        marker=style.marker(curve.run),
        markersize=5,
        markerfacecolor="white" if curve.is_holdout else color,
        markevery=(min(curve.run * every // 3, max(count - 1, 0)) % every, every),
    )
    breaks = curve.breaks
    if breaks:
        axes.plot(
            breaks,
            [0.03] * len(breaks),
            transform=axes.get_xaxis_transform(),
            linestyle="",
            marker="x",
            markersize=9,
            markeredgewidth=2.2,
            color=color,
            gid="not-finite",
        )


# --- names ---------------------------------------------------------------------------------------


def _name_lines(axes: Axes, runs: Sequence[RunLog], found: list[_Curve]) -> None:
    """Write the runs' names into the right margin, each as near to the end of its line as there is room."""
    axes.get_ylim()  # settles the scale, which matplotlib otherwise leaves until it draws
    ends = [(_end(axes, c), c.run) for c in found if not c.is_holdout and c.finite]
    ends = sorted(ends, reverse=True)[:_MOST_NAMES]
    heights = _spread([height for height, _ in ends], gap=max(0.0625, 1 / _MOST_NAMES))
    for height, (_, run) in zip(heights, ends, strict=True):
        axes.annotate(
            short(runs[run].name, 24),
            xy=(1.0, height),
            xycoords="axes fraction",
            xytext=(18, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
            parse_math=False,
            gid="name",
        )
        axes.plot(
            [1.025],
            [height],
            transform=axes.transAxes,
            color=style.color(run),
            marker=style.marker(run),
            markersize=7,
            linestyle="",
            clip_on=False,
            gid="name-marker",
        )


def _end(axes: Axes, curve: _Curve) -> float:
    """Height of a line's last finite point, as a fraction of the panel's."""
    y: Any = axes.transData.transform((curve.epochs[0], curve.finite[-1]))[1]
    return float(axes.transAxes.inverted().transform((0, y))[1])


def _spread(heights: list[float], gap: float) -> list[float]:
    """Falling heights moved apart to at least `gap`, and kept between 0 and 1 while there is room."""
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - gap) if placed else min(height, 1.0))
    lift = 0.0
    for i in range(len(placed) - 1, -1, -1):
        lowest = (len(placed) - 1 - i) * gap + lift
        placed[i] = max(placed[i], lowest)
    return placed


def _draw_key(figure: Figure, runs: Sequence[RunLog]) -> None:
    """What solid, dashed and × mean, below the panels; the runs as well where the margin is too small."""
    from matplotlib.lines import Line2D

    gray = style.color(0) if len(runs) == 1 else style.FAINT
    key = []
    if any(run.has_holdout for run in runs):
        key = [
            Line2D([], [], color=gray, label="training"),
            Line2D([], [], color=gray, linestyle=(0, (4, 2)), label="held out"),
        ]
    if any(line.get_gid() == "not-finite" for axes in figure.axes for line in axes.lines):
        key.append(
            Line2D([], [], color=gray, linestyle="", marker="x", markeredgewidth=2.2, label="not a number")
        )
    if len(runs) > _MOST_NAMES:
        key += [
            Line2D([], [], color=style.color(i), marker=style.marker(i), label=f"\u200b{short(run.name)}")
            for i, run in enumerate(runs)
        ]
    if key:
        legend = figure.legend(handles=key, loc="outside lower center", ncols=min(len(key), 4))
        for text in legend.get_texts():
            text.set_parse_math(False)
