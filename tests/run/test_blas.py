"""BLAS has one thread where a step is small, and its own threads everywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from graphlang.learning import prepare_training
from graphlang.run import blas
from graphlang.run.blas import OneThread
from graphlang.source import SourceFile

pytestmark = pytest.mark.skipif(blas._functions() is None, reason="NumPy's BLAS is another")


@pytest.fixture
def threads() -> Iterator[Callable[[], int]]:
    """Tells how many threads BLAS has, which are 2 at first."""
    found = blas._functions()
    assert found is not None
    get, set_ = found
    before = get()
    set_(2)
    yield get
    set_(before)


def test_blas_has_one_thread_as_long_as_anyone_wants_that(threads: Callable[[], int]) -> None:
    first, second = OneThread(), OneThread()
    with first:
        second.__enter__()
        assert threads() == 1
    assert threads() == 1
    second.__exit__()
    assert threads() == 2


def test_blas_keeps_its_threads_where_they_are_wanted(threads: Callable[[], int]) -> None:
    with OneThread(is_wanted=False):
        assert threads() == 2


@pytest.mark.parametrize(("units", "wanted"), [(4, 1), (6000, 2)], ids=["small", "large"])
def test_a_run_of_small_steps_has_one_thread(units: int, wanted: int, threads: Callable[[], int]) -> None:
    text = (
        "data d = spiral(n = 40)\ninput x: [N, 2]\ninput y: int[N]\n"
        f"s = x -> dense({units}, tanh) -> dense(3)\nloss = cross_entropy(s, y)\noutput s\n"
        "train on d { minimize = loss\n epochs = 1\n batch = 60 }\n"
    )
    training = prepare_training(SourceFile("m.graph", text))
    steps = training.trainer.steps(training.progress)
    next(steps)
    assert threads() == wanted
    list(steps)
    assert threads() == 2


_STARTED = """\
import os
from graphlang.run import blas
blas.import_numpy_with_one_thread()
get, _ = blas._functions()
print(get())
print(os.environ.get("OPENBLAS_NUM_THREADS"))
blas.give_all_threads()
print(get())
"""


@pytest.mark.parametrize("told", [{}, {"OMP_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "1"}])
def test_numpy_is_imported_with_one_thread_and_given_later_what_the_environment_allows(
    told: dict[str, str],
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")} | told
    command = [sys.executable, "-c", _STARTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    alone, variable, later = done.stdout.splitlines()
    assert (alone, variable) == ("1", told.get("OPENBLAS_NUM_THREADS", "None"))
    assert later == own_number(environment)


def own_number(environment: dict[str, str]) -> str:
    """How many threads BLAS has in a process where nothing is said to it."""
    code = "from graphlang.run import blas; print(blas._functions()[0]())"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


_COMMAND = """\
import sys
from graphlang.cli.main import main
from graphlang.run import blas
assert main(sys.argv[1:]) == 0
print(blas._functions()[0]())
"""


@pytest.mark.parametrize("command", ["run", "train"])
@pytest.mark.parametrize(("rows", "is_small"), [(3, True), (900, False)])
def test_a_command_gives_blas_its_threads_where_they_may_be_of_use(
    command: str, rows: int, is_small: bool, tmp_path: Path
) -> None:
    path = tmp_path / "m.graph"
    path.write_text(
        f"param w: [{rows}, {rows}] ~ normal(0, 0.1)\nloss = sum(w @ w)\noutput loss\n"
        "train { minimize = loss\n epochs = 0 }\n"
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    line = [sys.executable, "-c", _COMMAND, command, str(path), "--quiet"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == ("1" if is_small else own_number(environment))
