"""The Python API: `load` a file or `parse` a text into a `Model`, and run, check, draw or export it.

Every function here raises `GraphlangError` with all diagnostics when the text or its numbers are at fault.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphlang import pipeline
from graphlang.diagnostics import Diagnostic, GraphlangError, Severity
from graphlang.files import replace_file
from graphlang.graph.model import Model as Elaborated
from graphlang.records import Record, field
from graphlang.source import SourceFile

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np

    from graphlang.emit.summary import Summary
    from graphlang.run.function import Function
    from graphlang.run.session import Evaluation


class Run(Record):
    """What one evaluation computed.

    Attributes
    ----------
    values : dict of str to float or array
        By path, for every node that the file names.
    gradients : dict of str to float or array
        d(of)/d(node) by path; empty when nothing was differentiated.
    of : str or None
        What was differentiated.
    expectations : dict of str to bool
        Text of each `expect` -> whether it holds.
    metrics : dict of str to float or array
    """

    values: dict[str, Any]
    gradients: dict[str, Any]
    of: str | None
    expectations: dict[str, bool]
    metrics: dict[str, Any]
    evaluation: Evaluation = field(repr=False)

    @property
    def ok(self) -> bool:
        """Whether every expectation holds."""
        return all(self.expectations.values())

    def __getitem__(self, path: str) -> Any:
        return self.values[path]

    def _repr_svg_(self) -> str:
        from graphlang.draw.render import render
        from graphlang.draw.scene import View, make_scene

        e = self.evaluation
        return render(make_scene(e.model, e.values, e.gradients, View(), e.parts), "svg").decode("utf-8")


class Model:
    """A checked model.

    Examples
    --------
    >>> model = parse("input x = 3\\nf = x ^ 2")
    >>> run = model.run(x=4)
    >>> run.values["f"], run.gradients["x"]
    (16.0, 8.0)
    """

    def __init__(self, elaborated: Elaborated, source: SourceFile, warnings: list[Diagnostic]):
        self._elaborated = elaborated
        self.source = source
        self.warnings = warnings

    @property
    def name(self) -> str:
        """The file's stem."""
        return self._elaborated.name

    @property
    def description(self) -> str:
        """The file's leading comment."""
        return self._elaborated.description

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """The computation graph as a `networkx.MultiDiGraph`.

        Nodes are keyed by path and carry `op`, `shape`, `dtype`, `span`, `scope`, `is_named` and `node`;
        edges run from operand to use and carry the operand's `position`.
        """
        return self._elaborated.graph

    @property
    def parameters(self) -> dict[str, tuple[Any, ...]]:
        """Path of each learned parameter -> its shape."""
        return {path: n.shape for path, n in self._elaborated.params.items()}

    @property
    def inputs(self) -> dict[str, tuple[Any, ...]]:
        """Name of each input -> its shape; free sizes are symbolic."""
        return {path: n.shape for path, n in self._elaborated.inputs.items()}

    @cached_property
    def gradients(self) -> dict[str, Any]:
        """The gradients of a run with the file's own inputs."""
        return self.run().gradients

    def run(
        self,
        feed: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        *,
        of: str | None = None,
        weights: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        seed: int | None = None,
        dtype: str = "float64",
        every_node: bool = False,
        **inputs: Any,
    ) -> Run:
        """Evaluate forward and, if there is a scalar to differentiate, backward.

        Parameters
        ----------
        feed : mapping of str to array-like, or path, optional
            Inputs by name, or a file of them (.npz, .json, .csv).
        of : str, optional
            The scalar to differentiate; by default the train block's `minimize`, else the only output.
        weights : mapping of str to array-like, or path, optional
            Parameters by path, of which some may be left out, to start as the model says; or a file of all
            (.npz, .safetensors).
        seed : int, optional
            Seed of everything random.
        dtype : {"float64", "float32"}
        every_node : bool
            Report the nodes that the file does not name, too.
        **inputs : array-like
            Inputs by name.

        Raises
        ------
        GraphlangError
            When an input is missing or does not fit, or a value cannot be computed.
        ValueError
            For another `dtype`.
        """
        if dtype not in ("float64", "float32"):
            raise ValueError(f'a model is computed in "float64" or "float32", not {dtype!r}')
        prepared = pipeline.prepare(self._elaborated, **self._given(feed, of, weights, seed, inputs))
        return _run(prepared.evaluate(dtype=dtype, every_node=every_node))

    def function(
        self,
        feed: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        *,
        of: str | None = None,
        weights: Mapping[str, Any] | str | os.PathLike[str] | None = None,
        seed: int | None = None,
        jit: bool = False,
        **inputs: Any,
    ) -> Function:
        """The model as a Python function that is fast to call many times.

        `f(*values)` takes a value for each of `f.arguments` (inputs, parameters and states), or some by name,
        and returns the scalar's value and the tuple of its gradients. What is given here is what arguments
        hold when they are left out, and says which shapes they have. It computes in float64 what `run` does.

        Parameters
        ----------
        feed, of, weights, seed, **inputs
            As for `run`.
        jit : bool
            Compile to C with the system's compiler, if the model is of numbers alone. The results are the
            same, ten times as fast.

        Examples
        --------
        >>> f = parse("input x = 3\\ninput y = 2\\nz = x ^ 2 * y").function()
        >>> f.arguments, f(3, 2), f(y=10)
        (('x', 'y'), (18.0, (12.0, 9.0)), (90.0, (60.0, 9.0)))

        Raises
        ------
        GraphlangError
            When there is no scalar to differentiate, an input has no value, or the C compiler fails.
        """
        given = self._given(feed, of, weights, seed, inputs)
        return pipeline.make_function(self._elaborated, **given, jit=jit)

    def _given(
        self, feed: Any, of: str | None, weights: Any, seed: int | None, inputs: Any
    ) -> dict[str, Any]:
        """What `run` and `function` were given, as the pipeline takes it."""
        import numpy as np

        fed = {**(feed if isinstance(feed, Mapping) else {}), **inputs}
        return {
            "of": of,
            "feed": None if feed is None or isinstance(feed, Mapping) else os.fspath(feed),
            "fed": {k: np.asarray(v) for k, v in fed.items()},
            "weights": {k: np.asarray(v) for k, v in weights.items()}
            if isinstance(weights, Mapping)
            else None
            if weights is None
            else os.fspath(weights),
            "seed": seed,
        }

    def check(self) -> list[Diagnostic]:
        """The file's warnings; its errors would have been raised when it was loaded."""
        return [d for d in self.warnings if d.severity is Severity.WARNING]

    def summary(self, depth: int | None = 1) -> Summary:
        """Layers, shapes, parameters, FLOPs and activations."""
        from graphlang.emit.summary import summarize

        return summarize(self._elaborated, depth)

    def draw(self, path: str | None = None, *, depth: int | None = None, **options: Any) -> str | bytes:
        """Draw the graph with the values and gradients of a run.

        Parameters
        ----------
        path : str, optional
            Where to write; the ending (.dot, .svg, .png, .pdf, .mmd) says what. Without it, SVG text is
            returned.
        depth : int, optional
            Levels of boxes that are open.
        **options
            Further fields of `graphlang.draw.scene.View`.
        """
        from graphlang.draw.render import format_of, render
        from graphlang.draw.scene import View, make_scene

        kind = format_of(path) if path else "svg"
        model, values, gradients, parts = self._numbers()
        view = View(depth=depth, **options)
        content = render(make_scene(model, values, gradients, view, parts), kind)
        if path is not None:
            replace_file(path, lambda file: file.write(content))
        return content if kind in ("png", "pdf") else content.decode("utf-8")

    def _numbers(self) -> tuple[Elaborated, Any, Any, Any]:
        """The differentiated model with its numbers, or without where an input has no value."""
        try:
            e = self.run(every_node=True).evaluation
        except GraphlangError as error:
            if any(d.code != "E0901" for d in error.diagnostics):
                raise
            of, _ = pipeline.objective(self._elaborated, None)
            return pipeline.differentiate(self._elaborated, of), None, None, None
        return e.model, e.values, e.gradients, e.parts

    def export(
        self, to: str = "numpy", *, of: str | None = None, seed: int | None = None, folder: str = "."
    ) -> str:
        """The model as the text of a standalone program.

        Parameters
        ----------
        to : {"numpy", "graph"}
            A NumPy script, or the derived backward pass as `.graph` text.
        of : str, optional
            The scalar to differentiate.
        seed : int, optional
            Seed of everything random.
        folder : str
            Where the text will lie: paths of data are written relative to it.
        """
        from graphlang.emit.graph_text import graph_text
        from graphlang.emit.numpy_script import numpy_script
        from graphlang.pipeline import seed_of

        scalar, _ = pipeline.objective(self._elaborated, of)
        model = pipeline.differentiate(self._elaborated, scalar)
        if to == "graph":
            return graph_text(model, folder=folder)
        if to != "numpy":
            raise ValueError(f'a model is exported to "numpy" or "graph", not {to!r}')
        return numpy_script(model, folder=folder, seed=seed_of(self._elaborated, seed))

    def _repr_svg_(self) -> str:
        return str(self.draw())

    def __repr__(self) -> str:
        outputs = ", ".join(n.path for n in self._elaborated.outputs)
        return f"<graphlang model {self.name}: {len(self._elaborated.nodes)} nodes, output {outputs}>"


def load(path: str | os.PathLike[str], **settings: Any) -> Model:
    """Read, check and elaborate a `.graph` file.

    Parameters
    ----------
    path : str or path
    **settings
        Values for constants and inputs, by name, in place of those in the file.

    Raises
    ------
    GraphlangError
        With every mistake of the file.
    """
    from graphlang.syntax.reading import read_source

    outcome = read_source(os.fspath(path))
    if outcome.value is None or not outcome.ok:
        raise GraphlangError(outcome.problems)
    return _compiled(outcome.value, settings)


def parse(text: str, name: str = "<text>", **settings: Any) -> Model:
    """Check and elaborate the text of a model.

    Parameters
    ----------
    text : str
    name : str
        What diagnostics call it.
    **settings
        Values for constants and inputs, by name, in place of those in the text.

    Raises
    ------
    GraphlangError
        With every mistake of the text.
    """
    return _compiled(SourceFile(name, text), settings)


def _compiled(source: SourceFile, settings: Mapping[str, Any]) -> Model:
    overrides = {k: _plain(v) for k, v in settings.items()}
    outcome = pipeline.compile_source(source, overrides=overrides)
    if outcome.ok:
        pipeline.unknown_settings(outcome.value, overrides, outcome.problems, option="")
    if not outcome.ok:
        raise GraphlangError(outcome.problems)
    return Model(outcome.value, source, list(outcome.problems))


def _plain(value: Any) -> Any:
    """Python's lists and NumPy's arrays as the language's own values."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return tuple(_plain(v) for v in value) if isinstance(value, (list, tuple)) else value


def _run(evaluation: Evaluation) -> Run:
    model = evaluation.model
    return Run(
        {path: _scalar(v) for path, v in evaluation.values.items()},
        {path: _scalar(v) for path, v in evaluation.gradients.items()},
        model.of.path if model.of is not None else None,
        {c.expectation.text: c.ok for c in evaluation.expectations},
        {name: _scalar(v) for name, v in evaluation.metrics.items()},
        evaluation,
    )


def _scalar(value: Any) -> float | int | bool | np.ndarray:
    """A 0-d array as a plain number."""
    import numpy as np

    array = np.asarray(value)
    return array.item() if array.ndim == 0 else array
