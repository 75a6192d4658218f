"""The pictures of the page on performance: how time and memory grow, and who takes how long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import duration, exponent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which remain different in the common kinds of colour blindness.
COLORS = {"graphlang": "#D55E00", "peer": "#0072B2", "hand": "#009E73", "floor": "#7F7F7F"}
MARKERS = "os^DvPX<>p*h"
# The same bytes for the same numbers.
SETTINGS: Any = {
    "svg.hashsalt": "graphlang",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.parse_math": False,
}

Results = list[dict[str, Any]]


def write(results: Results, folder: Path) -> list[str]:
    """Draw what the results have, and give the names of the files."""
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    with matplotlib.rc_context(SETTINGS):
        for workload in dict.fromkeys(r["workload"] for r in results):
            of_it = [r for r in results if r["workload"] == workload]
            figure = _growth(of_it) if len([r for r in of_it if r["count"]]) > 1 else _bars(of_it)
            name = f"performance-{workload}.svg"
            figure.savefig(folder / name, metadata={"Date": None, "Creator": None}, bbox_inches="tight")
            names.append(name)
    return names


# --- growth ----------------------------------------------------------------------------------------------


def _growth(results: Results) -> Figure:
    """Time and memory against the size, both logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    time, memory = figure.subplots(1, 2)
    _lines(time, results, "median")
    _lines(memory, results, "memory")
    unit = results[0]["size"].split()[-1]
    for axes, label in ((time, f"time per {results[0]['unit']}"), (memory, "peak memory")):
        axes.set(xscale="log", yscale="log", xlabel=unit, ylabel=label)
        _ticks(axes.xaxis, "{:,.0f}".format, subs=(1,))
        _ticks(axes.yaxis, duration if axes is time else lambda size: f"{size / 1e6:,.0f} MB")
        axes.grid(color="#e3e3e3", which="both", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*time.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"{results[0]['title']} (the fitted time is proportional to sizeᵏ)")
    return figure


def _ticks(axis: Axis, text: Callable[[float], str], subs: tuple[int, ...] = (1, 2, 5)) -> None:
    """Label a logarithmic axis at 1, 2 and 5, or at powers of ten alone where there are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=subs if high / low < 500 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_formatter(NullFormatter())


def _lines(axes: Axes, results: Results, key: str) -> None:
    points: dict[str, tuple[str, list[int], list[float]]] = {}
    # From the slowest to the fastest, as the lines of the times lie; with the same marks in both panels.
    slowest = sorted(_each(results), key=lambda item: -item[1]["median"] / item[0])
    for name in dict.fromkeys(c["name"] for _, c in slowest):
        of_it = [(count, c) for count, c in _each(results) if c["name"] == name]
        points[name] = (of_it[0][1]["kind"], [n for n, _ in of_it], [c[key] for _, c in of_it])
    for i, (name, (kind, counts, values)) in enumerate(points.items()):
        power = f", k = {exponent(counts, values):.2f}" if key == "median" and len(counts) > 1 else ""
        width = 2.5 if kind == "graphlang" else 1.3
        axes.plot(
            counts,
            values,
            color=COLORS[kind],
            marker=MARKERS[i % len(MARKERS)],
            linewidth=width,
            label=f"{name}{power}",
        )


def _each(results: Results) -> list[tuple[int, dict[str, Any]]]:
    return [(r["count"], c) for r in results for c in r["contenders"]]


# --- side by side ----------------------------------------------------------------------------------------


def _bars(results: Results) -> Figure:
    """The median of every contender, one panel for each size, logarithmic; the line is the best peer."""
    from matplotlib.figure import Figure

    heights = [max(2, len(r["contenders"])) for r in results]
    figure = Figure(figsize=(9, 0.7 * len(results) + 0.3 * sum(heights)), layout="constrained")
    panels = figure.subplots(len(results), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, result in zip(panels, results, strict=True):
        found = sorted(result["contenders"], key=lambda c: -c["median"])
        medians = [c["median"] for c in found]
        spread = [[c["median"] - c["low"] for c in found], [c["high"] - c["median"] for c in found]]
        colors = [COLORS[c["kind"]] for c in found]
        axes.barh(
            [c["name"] for c in found], medians, color=colors, xerr=spread, ecolor="#1a1a1a", height=0.7
        )
        peers = [c["median"] for c in found if c["kind"] == "peer"]
        if peers:
            axes.axvline(min(peers), color=COLORS["peer"], linewidth=1, linestyle="--")
        axes.set(xscale="log", xlim=(min(medians) / 3, max(medians) * 3), title=result["size"])
        for i, c in enumerate(found):
            axes.text(c["high"] * 1.05, i, duration(c["median"]), va="center", fontsize=9)
        _ticks(axes.xaxis, duration)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{results[0]['title']}, time per {results[0]['unit']}")
    return figure
