"""The page on performance, written of what was measured: `python -m benchmarks.page`.

All that it says about who is ahead follows from the numbers, so that it is true of those beside it.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from benchmarks import machine, plots, record, report, workloads
from benchmarks.measure import ROOT

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
    rows = [(r, found) for r in results if (found := _glance(r)) is not None]
    table = [[r["title"], r["size"], *cells] for r, cells in rows]
    head = [
        "workload",
        "size",
        "graphlang",
        "best peer",
        "× best peer",
        "× by hand",
        "× floor",
        "memory, × best peer",
    ]
    said = [(_ratio(r), f"`{r['workload']}`, {r['size']}: {cells[2]} × its time") for r, cells in rows]
    behind = [text for ratio, text in said if ratio > LEVEL]
    ahead = [text for ratio, text in said if ratio < 1 / LEVEL]
    lines = ["## At a glance", "", report.aligned(head, table, texts=2), ""]
    lines += ["Slower than the best peer:", "", *_listed(behind), ""]
    lines += ["Faster than the best peer:", "", *_listed(ahead)]
    return "\n".join(lines) + "\n"


def _listed(items: list[str]) -> list[str]:
    return [f"- {item}" for item in items] or ["- nothing"]


def _glance(r: dict[str, Any]) -> list[str] | None:
    ours, peer = best(r, "graphlang"), best(r, "peer")
    if ours is None or peer is None:
        return None
    return [
        report.duration(ours["median"]),
        f"{peer['name']}, {report.duration(peer['median'])}",
        report.times(ours["to_peer"]),
        report.times(ours["to_hand"]),
        report.times(ours["to_floor"]),
        report.times(ours["memory"] / peer["memory"]),
    ]


def _ratio(r: dict[str, Any]) -> float:
    ours = best(r, "graphlang")
    return float(ours["to_peer"]) if ours else 1.0


def best(r: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """The fastest contender of a kind; for graphlang the first, which is how people use it."""
    found = [c for c in r["contenders"] if c["kind"] == kind]
    if kind == "graphlang":
        return found[0] if found else None
    return min(found, key=lambda c: c["median"], default=None)


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
