"""Results as text: one table for each size of a workload, in Markdown that also reads well as it is."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

HEAD = ["contender", "kind", "median", "quartiles", "× best peer", "× floor", "memory", "set up", "agrees to"]
# The heading of a column that only some workloads have, behind that of the memory.
SHARE = "of it, the size's"
UNITS = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))


def section(result: dict[str, Any], level: str = "##") -> str:
    """The heading of a result, its table, and who was left out."""
    name = f"{result['title']}: {result['size']}" if result["size"] else result["title"]
    lines = [f"{level} {name}", "", table(result)]
    if result["left_out"]:
        left = "; ".join(f"{name} ({why})" for name, why in result["left_out"].items())
        lines += ["", f"Left out: {left}."]
    return "\n".join(lines) + "\n"


def table(result: dict[str, Any]) -> str:
    """The contenders from the fastest to the slowest."""
    found = sorted(result["contenders"], key=lambda c: c["median"])
    rows, at = [[*HEAD], *map(_cells, found)], HEAD.index("memory") + 1
    if any(c.get("share") is not None for c in found):
        shares = ["–" if c.get("share") is None else f"{c['share'] / 1e6:.1f} MB" for c in found]
        for row, text in zip(rows, [SHARE, *shares], strict=True):
            row.insert(at, text)
    head, *cells = rows
    return aligned(head, cells, texts=2)


def _cells(c: dict[str, Any]) -> list[str]:
    name = f"**{c['name']}**" if c["kind"] == "graphlang" else c["name"]
    return [
        name,
        c["kind"],
        duration(c["median"]),
        f"{duration(c['low'])} … {duration(c['high'])}",
        times(c["to_peer"]),
        times(c["to_floor"]),
        f"{c['memory'] / 1e6:.0f} MB",
        duration(c["setup"]),
        "–" if c["difference"] is None else f"{c['difference']:.0e}" if c["difference"] else "0",
    ]


def growth(results: list[dict[str, Any]]) -> str:
    """How time and memory grow with the size, as a table; empty where sizes are not counted."""
    counted = [r for r in results if r["count"]]
    points: dict[str, list[tuple[int, float, int]]] = {}
    for r in counted:
        for c in r["contenders"]:
            points.setdefault(c["name"], []).append((r["count"], c["median"], c["memory"]))
    rows = [
        [
            name,
            f"{exponent([n for n, _, _ in found], [t for _, t, _ in found]):.2f}",
            _more(slope([n for n, _, _ in found], [m for _, _, m in found])),
        ]
        for name, found in points.items()
        if len(found) > 1
    ]
    return aligned(["contender", "time ~ nᵏ, k =", "memory for one more"], rows, texts=1) if rows else ""


def _more(size: float) -> str:
    # A little less than nothing is what the peak of a process varies by.
    return f"{size:,.0f} B" if size > 0 else "–"


def exponent(counts: Sequence[float], seconds: Sequence[float]) -> float:
    """The k for which seconds ~ counts ** k fits best: the slope of a line in logarithms."""
    return slope([math.log(n) for n in counts], [math.log(s) for s in seconds])


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of the line with the least squares."""
    return statistics.linear_regression(x, y).slope


def aligned(head: Sequence[str], rows: list[list[str]], texts: int) -> str:
    """A Markdown table whose first columns are texts, flush left, and the others numbers."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = ["-" * w if i < texts else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    padded = [
        [
            cell.ljust(w) if i < texts else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(r, widths, strict=True))
        ]
        for r in [head, rule, *rows]
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in padded)


def duration(seconds: float) -> str:
    """Three digits and a unit: `12.3 µs`."""
    unit, size = next((u for u in UNITS if seconds >= u[1] * 0.9995), UNITS[-1])
    return f"{digits(seconds / size)} {unit}"


def digits(value: float) -> str:
    """A number with three significant digits, and no exponent."""
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{places}f}"


def times(value: float | None) -> str:
    """A ratio."""
    return "–" if value is None else digits(value)
