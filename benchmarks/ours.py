"""graphlang at work, by the ways that its own commands take: the one place that knows their names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Job
from benchmarks.training import STEPS, Task

MODELS = Path(__file__).with_name("models")
# More epochs than anybody waits for.
ENDLESS = 10**9


def training_job(task: Task) -> Job:
    """`graphlang train` from step to step: batches cut from the rows, checks that all is finite, records."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "rows.npz")
        np.savez(rows, x=task.x, y=task.y)
        trainer, progress = _prepared(task, str(rows))
        _, other = _prepared(task, str(rows))
    first = {path: np.array(value) for path, value in progress.values.items()}
    steps = _losses(trainer.steps(progress))
    next(steps)

    def run(count: int) -> None:
        for _ in range(count):
            next(steps)

    def reset() -> None:
        # The values stay in their places, to which the compiled step refers.
        for path, value in first.items():
            progress.values[path][...] = value

    def check() -> dict[str, Any]:
        fresh = _losses(trainer.steps(other))
        losses = [next(fresh) for _ in range(STEPS)]
        return {"losses": np.array(losses), **{p: np.array(other.values[p]) for p in task.start}}

    return Job(run, check, reset)


def _prepared(task: Task, rows: str) -> tuple[Any, Any]:
    from graphlang.learning import prepare_training
    from graphlang.syntax.reading import read_source

    source = read_source(str(MODELS / task.model)).value
    assert source is not None
    settings = {"batch": task.batch, "epochs": ENDLESS}
    found = prepare_training(
        source, overrides=task.constants, settings=settings, data=rows, weights=dict(task.start)
    )
    return found.trainer, found.progress


def _losses(items: Iterator[Any]) -> Iterator[float]:
    """The losses of the steps, without the records of the epochs."""
    return (item for item in items if type(item) is float)


# A function from a list of values of the inputs to the output and its derivatives by them.
ScalarFunction = Callable[[list[float]], tuple[float, Sequence[float]]]


def scalar_function(text: str, inputs: list[str], *, is_compiled: bool) -> ScalarFunction:
    """`Model.function` of a graph of numbers, in compiled C or not."""
    import graphlang

    model = graphlang.parse(text)
    if not hasattr(model, "function"):
        return _interpreted(text, inputs)
    function = model.function(jit=is_compiled)
    assert list(function.arguments) == inputs
    return lambda values: function(*values)


def _interpreted(text: str, inputs: list[str]) -> ScalarFunction:
    """The plan of the graph, run again and again."""
    from graphlang import pipeline
    from graphlang.plan.schedule import make_plan
    from graphlang.run.interpreter import Executable
    from graphlang.source import SourceFile

    model = pipeline.compile_source(SourceFile("scalar.graph", text)).value
    differentiated = pipeline.differentiate(model, pipeline.objective(model, None)[0])
    output = differentiated.of
    assert output is not None
    gradients = [differentiated.gradients[name] for name in inputs]
    executable = Executable(make_plan(differentiated.nodes, [output, *gradients]), is_repeated=True)

    def evaluate(values: list[float]) -> tuple[float, Sequence[float]]:
        found = executable.run(dict(zip(inputs, values, strict=True)))
        return found[output], [found[node] for node in gradients]

    return evaluate


def checked(text: str) -> Any:
    """What `graphlang check` does with a file: the model, free of mistakes."""
    import graphlang

    return graphlang.parse(text)


def operations(model: Any) -> list[str]:
    """The operations of a model's nodes."""
    return [op for _, op in model.graph.nodes(data="op")]
