"""The page on performance, written of what was measured: `python -m benchmarks.page`.

All that it says about who is ahead follows from the numbers, so that it is true of those beside it.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from benchmarks import machine, plots, record, report, workloads
from benchmarks.measure import ROOT
from benchmarks.report import times

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
# Closer than this the spread of the rounds does not tell who is faster.
LEVEL = 1.05

HEAD = Path(__file__).with_name("page_head.md")


def write(page: Path = PAGE, images: Path = IMAGES) -> None:
    """Write the page and its pictures of what is on record."""
    kept = record.read()
    assert kept is not None, "nothing was measured yet: python -m benchmarks --docs"
    plots.write(kept["results"], images)
    page.write_text(text(kept), encoding="utf-8")


def text(kept: record.Record) -> str:
    """The page."""
    results = kept["results"]
    parts = [
        HEAD.read_text(encoding="utf-8"),
        f"## The machine\n\n{machine.sentence(kept['machine'])}\n",
        _overview(results),
    ]
    for name in dict.fromkeys(r["workload"] for r in results):
        parts.append(_chapter(name, [r for r in results if r["workload"] == name]))
    return "\n".join(parts)


# --- all at a glance -------------------------------------------------------------------------------------


def _overview(results: list[dict[str, Any]]) -> str:
    compared = [(r, ours, peer) for r in results if (peer := best_peer(r)) for ours in _ours(r)]
    rows = [_glance(r, ours, peer) for r, ours, peer in compared]
    lines = ["## At a glance", "", report.aligned(GLANCE, rows, texts=4), ""]
    groups: dict[str, list[str]] = {"Slower than the best peer": [], "Faster than it": [], "In between": []}
    for r in results:
        if found := [(c["name"], c["to_peer"]) for c in _ours(r) if c["to_peer"] is not None]:
            said = ", ".join(f"{name} {times(ratio)} ×" for name, ratio in found)
            groups[_standing([ratio for _, ratio in found])].append(f"`{r['workload']}`, {r['size']}: {said}")
    for name, items in groups.items():
        lines += [f"{name}:", "", *([f"- {item}" for item in items] or ["- nothing"]), ""]
    return "\n".join(lines)


def _standing(ratios: list[float]) -> str:
    """Where all ways of using graphlang stand beside the best peer."""
    if min(ratios) > LEVEL:
        return "Slower than the best peer"
    return "Faster than it" if max(ratios) < 1 / LEVEL else "In between"


GLANCE = (
    "workload", "size", "what is ours", "best peer", "ours", "peer", "× peer", "× by hand", "× floor",
    "memory, × peer",
)  # fmt: skip


def _glance(r: dict[str, Any], ours: dict[str, Any], peer: dict[str, Any]) -> list[str]:
    return [
        f"`{r['workload']}`",
        r["size"],
        ours["name"],
        peer["name"],
        report.duration(ours["median"]),
        report.duration(peer["median"]),
        times(ours["to_peer"]),
        times(ours["to_hand"]),
        times(ours["to_floor"]),
        times(ours["memory"] / peer["memory"]),
    ]


def _ours(r: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for c in r["contenders"] if c["kind"] == "graphlang"]


def best_peer(r: dict[str, Any]) -> dict[str, Any] | None:
    """The fastest peer, if there is one."""
    return min((c for c in r["contenders"] if c["kind"] == "peer"), key=lambda c: c["median"], default=None)


# --- a workload ------------------------------------------------------------------------------------------


def _chapter(name: str, results: list[dict[str, Any]]) -> str:
    about = inspect.getdoc(workloads.module(name)) or ""
    title = results[0]["title"]
    parts = [f"## {title}", sentences(about)]
    parts.append(
        f"![{title}: medians of all contenders, both axes logarithmic](images/performance-{name}.svg)"
    )
    for r in results:
        parts.append(report.section({**r, "title": r["size"], "size": ""}, level="###").rstrip())
    if table := report.growth(results):
        parts += ["### Growth", table]
    return "\n\n".join(parts) + "\n"


def sentences(about: str) -> str:
    """A docstring with one sentence a line."""
    flat = [" ".join(part.split()) for part in about.split("\n\n")]
    return "\n\n".join(part.replace(". ", ".\n") for part in flat)


if __name__ == "__main__":
    write()
