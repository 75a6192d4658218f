"""graphlang at work, by the ways that its own commands take: the one place that knows their names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Job, Workload
from benchmarks.training import STEPS, Task, threads

MODELS = Path(__file__).with_name("models")
# More epochs than anybody waits for.
ENDLESS = 10**9


def declare_training(workload: Workload, task_of: Callable[[Any], Task]) -> None:
    """The ways to train, as contenders of a workload."""
    # Left to themselves, longer runs go on in C after a second: here each way is measured by itself.
    workload.contender("graphlang --no-jit", "graphlang")(lambda size: training_job(task_of(size)))
    workload.contender("graphlang --jit", "graphlang", needs="$cc")(
        lambda size: training_job(task_of(size), jit=True)
    )
    workload.contender("graphlang --jit --fast", "graphlang", needs="$cc")(
        lambda size: training_job(task_of(size), jit=True, is_fast=True)
    )
    workload.contender("graphlang --threads", "graphlang", needs="threadpoolctl")(
        lambda size: training_job(task_of(size), threads=threads())
    )
    workload.contender("graphlang --jit --threads", "graphlang", needs="threadpoolctl $cc")(
        lambda size: training_job(task_of(size), jit=True, threads=threads())
    )


def training_job(task: Task, **how: Any) -> Job:
    """`graphlang train` from step to step: batches cut from the rows, checks that all is finite, records.

    `how` are further arguments of `prepare_training`, such as `is_fast`.
    """
    start = task.start
    # From here on the rows are in the trainer's hands alone, as they are where they come from a file.
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows.npz")
        np.savez(rows, x=task.x, y=task.y)
        trainer = _trainer(task, str(rows), how)
    kept: list[Any] = []

    def steps() -> Iterator[float]:
        # Made when it is first needed, so that what is checked is gone by then.
        if not kept:
            progress = trainer.start(start)
            others = {path: a for path, a in progress.values.items() if path not in start}
            # Momentum begins with zeros, which need not be kept.
            first = {**start, **{p: np.array(a) if np.any(a) else 0 for p, a in others.items()}}
            kept.extend((_losses(trainer.steps(progress)), progress, first))
        found: Iterator[float] = kept[0]
        return found

    def run(count: int) -> None:
        losses = steps()
        for _ in range(count):
            next(losses)

    def reset() -> None:
        # The values stay in their places, to which the compiled step refers.
        if kept:
            _, progress, first = kept
            for path, value in first.items():
                progress.values[path][...] = value

    def check() -> dict[str, Any]:
        progress = trainer.start(start)
        fresh = _losses(trainer.steps(progress))
        losses = [next(fresh) for _ in range(STEPS)]
        return {"losses": np.array(losses), **{p: np.array(progress.values[p]) for p in start}}

    return Job(run, check, reset)


def _trainer(task: Task, rows: str, how: dict[str, Any]) -> Any:
    from graphlang.learning import prepare_training
    from graphlang.syntax.reading import read_source

    source = read_source(str(MODELS / task.model)).value
    assert source is not None
    settings = {"batch": task.batch, "epochs": ENDLESS}
    found = prepare_training(
        source, overrides=task.constants, settings=settings, data=rows, weights=dict(task.start), **how
    )
    return found.trainer


def _losses(items: Iterator[Any]) -> Iterator[float]:
    """The losses of the steps, without the records of the epochs."""
    return (item for item in items if type(item) is float)


# A function from a list of values of the inputs to the output and its derivatives by them.
ScalarFunction = Callable[[list[float]], tuple[float, Sequence[float]]]


def scalar_function(text: str, inputs: list[str], *, is_compiled: bool) -> ScalarFunction:
    """`Model.function` of a graph of numbers, in compiled C or not."""
    import graphlang

    function = graphlang.parse(text).function(jit=is_compiled)
    assert list(function.arguments) == inputs
    return lambda values: function(*values)


def checked(text: str) -> Any:
    """What `graphlang check` does with a file: the model, free of mistakes."""
    import graphlang

    return graphlang.parse(text)


def operations(model: Any) -> list[str]:
    """The operations of a model's nodes."""
    return [op for _, op in model.graph.nodes(data="op")]
