"""Every workload at a tiny size: that all contenders compute the same numbers, and that who does not is left out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks import workloads
from benchmarks.harness import Command, Contender, Job, Workload, difference
from benchmarks.measure import Options, environment, measure
from tests.benchmarks import sample

# What nobody needs to install anything for.
ALONE = [(name, c.name) for name in workloads.NAMES for c in workloads.load(name).contenders if not c.needs]
OTHERS = [
    (name, c.name)
    for name in workloads.NAMES
    for c in workloads.load(name).contenders
    if c.needs and not c.is_slow
]


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(1).items():
        monkeypatch.setenv(name, value)


_expected: dict[str, Mapping[str, Any]] = {}


def expected(workload: Workload) -> Mapping[str, Any]:
    """The numbers of the first contender, which is plain NumPy or Python where there are numbers."""
    if workload.name not in _expected:
        check = workload.contenders[0].make(workload.small).check
        assert check is not None
        _expected[workload.name] = check()
    return _expected[workload.name]


def agrees(workload: Workload, contender: Contender) -> None:
    made = contender.make(workload.small)
    if made.check is not None:
        assert difference(expected(workload), made.check()) <= workload.tolerance
    if isinstance(made, Job):
        made.reset()
        made.run(2)
    elif made.check is None:
        subprocess.run(made.argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize(("name", "contender"), [(n, c) for n, c in ALONE if n != "job"])
def test_graphlang_and_numpy_compute_the_same(name: str, contender: str):
    workload = workloads.load(name)
    agrees(workload, workload.named(contender))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "contender"), [*OTHERS, *((n, c) for n, c in ALONE if n == "job")])
def test_peers_that_are_installed_compute_the_same(name: str, contender: str):
    workload = workloads.load(name)
    chosen = workload.named(contender)
    if chosen.missing:
        pytest.skip(f"{', '.join(chosen.missing)} is not installed")
    if name == "job":
        # Three epochs are too few for everybody to get the digits right.
        workload.small = next(iter(workload.sizes.values()))
    in_a_process_of_its_own(workload, chosen)


def in_a_process_of_its_own(workload: Workload, contender: Contender) -> None:
    """As the benchmark does, since the libraries do not get along in one."""
    code = (
        "from benchmarks import workloads; from tests.benchmarks.test_workloads import agrees;"
        f"w = workloads.load({workload.name!r}); w.small = {workload.small!r} if w.name == 'job' else w.small;"
        f"agrees(w, w.named({contender.name!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(1))
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_workload_has_graphlang_someone_to_compare_it_with_and_a_floor():
    for name in workloads.NAMES:
        kinds = {c.kind for c in workloads.load(name).contenders}
        assert {"graphlang", "peer", "floor"} <= kinds, name


def test_names_of_contenders_are_told_apart():
    for name in workloads.NAMES:
        names = [c.name for c in workloads.load(name).contenders]
        assert len(set(names)) == len(names)


# --- the harness -----------------------------------------------------------------------------------------


def test_difference_is_relative_to_the_largest_entry_and_infinite_where_nothing_can_be_compared():
    assert difference({"a": [100.0, 0.0]}, {"a": [100.0, 1.0]}) == 0.01
    assert difference({"a": [1.0]}, {"a": [1.0], "more": [5.0]}) == 0
    for found in ({}, {"a": [1.0, 2.0]}, {"a": [np.nan]}):
        assert difference({"a": [1.0]}, found) == float("inf")


def test_a_contender_needs_packages_and_programs():
    workload = Workload("w", "W", {}, None, 0.0)
    workload.contender("c", "peer", needs="numpy no_such_package no_such.module $no-such-program")(
        lambda size: Command([])
    )
    assert workload.named("c").missing == ["no_such_package", "no_such.module", "no-such-program"]


def test_measuring_times_who_agrees_and_says_who_does_not():
    (found,) = measure(sample.WORKLOAD, Options(rounds=3, threads=1, burst=0.002))
    rows = {c["name"]: c for c in found["contenders"]}
    assert set(rows) == {"reference", "ten times the work", "floor", "command"}
    assert rows["ten times the work"]["to_floor"] > rows["reference"]["to_floor"]
    assert rows["ten times the work"]["difference"] == 0 and rows["floor"]["difference"] is None
    assert all(c["rounds"] == 3 and c["low"] <= c["median"] <= c["high"] for c in rows.values())
    assert all(c["memory"] > 1_000_000 for c in rows.values())
    assert found["left_out"] == {
        "other numbers": "its numbers differ by 1.0e+00, more than 1e-06",
        "broken": "ZeroDivisionError: integer division or modulo by zero",
        "ends": "its process ended",
        "missing": "no_such_package is not installed",
    }
