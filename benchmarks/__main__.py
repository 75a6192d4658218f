"""The command: `python -m benchmarks [WORKLOAD …]`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

import benchmarks
from benchmarks import machine, page, record, report, workloads
from benchmarks.measure import Options, measure


def main() -> int:
    """Measure, and print tables or JSON; 1 if some numbers do not agree or a contender failed."""
    parser = _parser()
    options = parser.parse_args()
    if options.docs and options.only:
        parser.error("the page is of all contenders: --docs does not go with --only")
    how = Options(
        rounds=options.rounds,
        threads=options.threads,
        burst=options.burst,
        sizes=options.size,
        only=options.only,
        is_verbose=options.verbose,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    where = machine.describe() | {"threads": how.threads, "rounds": how.rounds}
    if not options.json:
        print(f"{machine.sentence(where)}\n")
    results: list[dict[str, Any]] = []
    for name in options.workloads or workloads.NAMES:
        found = []
        for result in measure(workloads.load(name), how):
            found.append(result)
            if options.docs:  # at once: a run that is stopped keeps what it has
                record.save({"machine": where, "results": [result]})
            if not options.json:
                print(report.section(result), flush=True)
        if (table := report.growth(found)) and not options.json:
            print(f"{table}\n", flush=True)
        results += found
        if options.docs:
            page.write()
    if options.json:
        print(json.dumps({"machine": where, "results": results}, indent=1, ensure_ascii=False))
    return int(any("installed" not in why for r in results for why in r["left_out"].values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=benchmarks.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    add = parser.add_argument
    add("workloads", nargs="*", choices=[*workloads.NAMES, []], metavar="WORKLOAD", help=_workloads())
    add("--json", action="store_true", help="one JSON object instead of tables")
    add(
        "--docs",
        action="store_true",
        help="keep the results, and write docs/performance.md",
    )
    add("--rounds", type=int, default=7, metavar="N", help="how often each contender is timed (default: 7)")
    add("--threads", type=int, default=cores, metavar="N", help=f"of each contender (default: {cores})")
    add("--burst", type=float, default=0.2, metavar="S", help="seconds of each timing (default: 0.2)")
    add("--size", action="append", default=[], metavar="SIZE", help="only this size; may be repeated")
    add("--only", action="append", default=[], metavar="TEXT", help="only the reference and names with this")
    add("-v", "--verbose", action="store_true", help="show what the contenders print")
    return parser


def _workloads() -> str:
    return ", ".join(workloads.NAMES)


if __name__ == "__main__":
    sys.exit(main())
