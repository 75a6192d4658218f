"""The mathematics of the tables: ratios, spread, growth, and who is the best of a kind."""

from __future__ import annotations

import pytest

from benchmarks import measure, page, record, report
from benchmarks.measure import Row

MACHINE = {
    "date": "2026-01-01", "processor": "P", "cores": 2, "system": "Linux", "python": "3.11", "versions": {"numpy": "2"},
    "blas": None, "threads": 2, "rounds": 3,
}  # fmt: skip


def contender(name: str, kind: str, median: float, **more: object) -> dict[str, object]:
    ratios = {"to_peer": None, "to_hand": None, "to_floor": None}
    return {
        "name": name, "kind": kind, "median": median, "low": median, "high": median, "rounds": 3, "memory": 2_000_000,
        "share": None, "setup": 1.0, "difference": None, **ratios, **more,
    }  # fmt: skip


def result(
    workload: str, size: str, *contenders: dict[str, object], count: int | None = None
) -> dict[str, object]:
    return {
        "workload": workload, "title": f"Task {workload}", "size": size, "count": count, "unit": "step",
        "tolerance": 1e-4, "contenders": list(contenders), "left_out": {},
    }  # fmt: skip


def test_a_ratio_is_the_median_of_ratios_within_rounds_so_that_a_slow_round_does_not_matter():
    # In the second round the machine was ten times as slow for both.
    assert measure.ratio([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == 2.0
    # The quotient of medians would be 3; two rounds of three say 1.5.
    assert measure.ratio([3.0, 3.0, 3.0], [2.0, 2.0, 1.0]) == 1.5


def test_spread_is_the_quartiles():
    assert measure.quartiles([4.0, 1.0, 3.0, 2.0, 5.0]) == (2.0, 3.0, 4.0)
    assert measure.quartiles([7.0]) == (7.0, 7.0, 7.0)


def test_the_best_of_a_kind_has_the_smallest_median_and_was_measured():
    rows = [
        Row("slow", "floor", [3.0, 3.0, 3.0]),
        Row("fast but for one round", "floor", [2.0, 9.0, 2.0]),
        Row("left out", "floor", why="its numbers differ"),
        Row("peer", "peer", [1.0, 1.0, 1.0]),
    ]
    best = measure.fastest(rows, "floor")
    assert best is not None and best.name == "fast but for one round"
    assert measure.fastest(rows, "hand") is None


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_found(power: float):
    counts = [1e3, 1e4, 1e5]
    assert report.exponent(counts, [3e-6 * n**power for n in counts]) == pytest.approx(power)


def test_growth_has_time_as_a_power_and_memory_as_bytes_for_one_more():
    sizes = [
        result("parse", f"{n}", contender("a", "peer", 1e-6 * n**2, memory=5_000_000 + 40 * n), count=n)
        for n in (1_000, 10_000)
    ]
    assert report.growth(sizes).splitlines()[2].split() == ["|", "a", "|", "2.00", "|", "40", "B", "|"]
    assert report.growth([result("mlp", "s", contender("a", "peer", 1.0))]) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.234e-7, "123 ns"),
        (12.345e-6, "12.3 µs"),
        (9.999e-4, "1.00 ms"),
        (0.0999, "99.9 ms"),
        (75.04, "75.0 s"),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str):
    assert report.duration(seconds) == text


def test_a_table_names_who_was_left_out_and_why():
    found = result(
        "mlp",
        "small",
        contender("A", "graphlang", 2e-3, to_peer=2.0),
        contender("B", "peer", 1e-3, to_peer=1.0),
    )
    found["left_out"] = {"C": "torch is not installed"}
    lines = report.section(found).splitlines()
    assert lines[0] == "## Task mlp: small"
    assert [line.split("|")[1].strip() for line in lines[4:6]] == ["B", "**A**"]
    assert lines[-1] == "Left out: C (torch is not installed)."


def test_where_it_is_known_a_table_tells_the_memory_of_the_size_from_that_of_the_libraries():
    found = result(
        "mlp",
        "small",
        contender("A", "graphlang", 1e-3, share=1_250_000),
        contender("B", "peer", 2e-3),
    )
    head, _, first, second = report.table(found).splitlines()
    at = [cell.strip() for cell in head.split("|")].index(report.SHARE)
    assert [line.split("|")[at].strip() for line in (first, second)] == ["1.2 MB", "–"]


def test_the_page_says_where_graphlang_is_behind_and_where_ahead():
    def of(workload: str, *ratios: float) -> dict[str, object]:
        ours = [contender(f"g{i}", "graphlang", x, to_peer=x) for i, x in enumerate(ratios)]
        return result(workload, "one", *ours, contender("p", "peer", 1.0))

    results = [of("mlp", 3.0, 2.0), of("conv", 0.5), of("lstm", 1.01), of("attention", 2.0, 0.5)]
    text = page.text({"machine": MACHINE, "results": results})
    glance = text.split("Slower than the best peer:\n")[1].split("## Task")[0]
    slower, rest = glance.split("Faster than it:\n")
    faster, between = rest.split("In between:\n")
    assert slower.strip() == "- `mlp`, one: g0 3.00 ×, g1 2.00 ×"
    assert faster.strip() == "- `conv`, one: g0 0.50 ×"
    assert between.split("\n")[1:3] == [
        "- `lstm`, one: g0 1.01 ×",
        "- `attention`, one: g0 2.00 ×, g1 0.50 ×",
    ]


def test_new_results_take_the_places_of_old_ones_in_the_order_of_the_workloads():
    mlp, parse = "64-128-10, batch 32", "10³ statements"
    old = {
        "machine": MACHINE,
        "results": [result("mlp", mlp, contender("old", "peer", 1.0)), result("parse", parse)],
    }
    new = {
        "machine": {**MACHINE, "date": "2026-02-02"},
        "results": [result("mlp", mlp, contender("new", "peer", 1.0))],
    }
    both = record.merged(old, new)
    assert [(r["workload"], [c["name"] for c in r["contenders"]]) for r in both["results"]] == [
        ("mlp", ["new"]),
        ("parse", []),
    ]
    assert both["machine"]["date"] == "2026-02-02"


def test_a_run_that_is_stopped_keeps_the_sizes_that_it_has_measured(tmp_path):
    file = tmp_path / "results.json"
    for size in ("10⁴ statements", "10³ statements"):
        record.save({"machine": MACHINE, "results": [result("parse", size)]}, file)
    kept = record.read(file)
    assert kept is not None and [r["size"] for r in kept["results"]] == ["10³ statements", "10⁴ statements"]


def test_results_of_another_machine_or_number_of_threads_are_not_kept_beside_new_ones():
    old = {"machine": MACHINE, "results": [result("parse", "10³ statements")]}
    new = {"machine": {**MACHINE, "threads": 1}, "results": []}
    assert record.merged(old, new)["results"] == []


def test_the_page_and_the_record_belong_together():
    kept = record.read()
    assert kept is not None
    assert page.text(kept) == page.PAGE.read_text(encoding="utf-8"), "run python -m benchmarks.page"
    for name in {r["workload"] for r in kept["results"]}:
        assert (page.IMAGES / f"performance-{name}.svg").exists()
