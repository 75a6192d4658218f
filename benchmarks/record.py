"""Results on disk, so that workloads can be measured one at a time, and the page be written of all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import workloads

FILE = Path(__file__).with_name("results.json")
Record = dict[str, Any]


def merged(old: Record, new: Record) -> Record:
    """Old results with new ones in their places, in the order of the workloads.

    Results of another machine, of other versions or with another number of threads cannot stand beside the
    new ones, and are dropped.
    """
    kept = old["results"] if _place(old) == _place(new) else []
    fresh = {(r["workload"], r["size"]) for r in new["results"]}
    both = [*(r for r in kept if (r["workload"], r["size"]) not in fresh), *new["results"]]
    return {"machine": new["machine"], "results": sorted(both, key=_rank)}


def _place(record: Record) -> dict[str, Any]:
    return {k: v for k, v in record["machine"].items() if k not in ("date", "rounds")}


def _rank(result: dict[str, Any]) -> tuple[int, int]:
    name = result["workload"]
    return workloads.NAMES.index(name), list(workloads.load(name).sizes).index(result["size"])


def read(file: Path = FILE) -> Record | None:
    """What was measured before; None if nothing was."""
    if not file.exists():
        return None
    record: Record = json.loads(file.read_text(encoding="utf-8"))
    return record


def save(new: Record, file: Path = FILE) -> None:
    """Put new results beside those that are there."""
    old = read(file)
    text = json.dumps(merged(old, new) if old else new, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
