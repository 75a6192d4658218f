"""The journey of a file, one line per stage: source → tree → model → derivatives → plan → numbers.

Each function here calls one stage after another and hands their problems on. This is the place to read
first, and the only one that knows the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.diagnostics import Diagnostic, GraphlangError, Outcome, Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.differentiate.differentiate import differentiate as differentiate
from graphlang.elaborate.elaborate import elaborate
from graphlang.elaborate.settings import unknown_settings as unknown_settings
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import Node
from graphlang.ops.build import Builder
from graphlang.ops.registry import find as find_op
from graphlang.records import Record, field, replace
from graphlang.run.binding import bind_inputs
from graphlang.run.session import Evaluation, evaluate, evaluate_numbers, leaves_of, wanted_in_numbers
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.parse import parse

if TYPE_CHECKING:
    from graphlang.graph.numbers import NumberGraph
    from graphlang.run.function import Function

# Stages that many files do without (data, weights, functions of numbers) are imported where they are called.

# From so many nodes on, a graph of numbers is differentiated in bulk: a small one is quicker without.
LARGE = 2_000
DTYPES: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float64": np.float64}


@paused_collector()
def compile_source(
    source: SourceFile, *, training: bool = False, overrides: Mapping[str, Any] | None = None
) -> Outcome[Model]:
    """Text to a checked model."""
    parsed = parse(source)
    outcome = compile_tree(parsed.value, training=training, overrides=overrides)
    problems = Problems()
    for problem in (*parsed.problems, *outcome.problems):
        problems.add(problem)
    return Outcome(outcome.value, problems)


@paused_collector()
def compile_tree(
    file: tree.File, *, training: bool = False, overrides: Mapping[str, Any] | None = None
) -> Outcome[Model]:
    """Syntax tree to a checked model."""
    return elaborate(file, training=training, overrides=overrides)


def objective(model: Model, name: str | None) -> tuple[Node | None, str | None]:
    """What is differentiated, and if nothing is, why not.

    `name` if given (an error if it is no scalar float), else the train block's `minimize`, else the only
    output if that is a float scalar.
    """
    if name is not None:
        return _named_objective(model, name), None
    if model.training is not None and model.training.minimize is not None:
        return model.training.minimize, None
    if not model.outputs:
        return None, "There is nothing to compute: the file has definitions but no graph."
    if len(model.outputs) != 1:
        names = ", ".join(n.path for n in model.outputs)
        return None, f"Forward only: there are {len(model.outputs)} outputs ({names}); choose one with --of."
    (output,) = model.outputs
    if output.shape != () or not output.type.is_float:
        return None, f"Forward only: the output `{output.path}` is not a float scalar but {output.type}."
    return output, None


def stand_in_objective(model: Model) -> tuple[Model, Node | None]:
    """A scalar to test the gradients of a model that has none: the sum of sin over its float outputs.

    The sine keeps errors from cancelling where outputs add up to a constant, as probabilities do.
    """
    builder = Builder(model.sizes)
    builder.nodes = list(model.nodes)
    for node in model.nodes:
        builder.reserve(node.path)
    builder.prefix = "#objective"
    total: Node | None = None
    for output in model.outputs:
        if output.type.is_float:
            part = builder.apply(find_op("sin"), (output,))
            part = builder.wire(find_op("sum"), (part,), {}).node
            total = part if total is None else builder.apply(find_op("add"), (total, part))
    return replace(model, nodes=builder.nodes), total


def _named_objective(model: Model, name: str) -> Node:
    problems = Problems()
    node = model.find(name)
    if node is None:
        named = [n.path for n in model.nodes if n.is_named]
        meant = nearest(name, named)
        problems.error(
            "E0909",
            None,
            f"There is no node called `{name}`.",
            suggestion=f"Did you mean `{meant}`?" if meant else None,
        )
    elif node.shape != () or not node.type.is_float:
        problems.error(
            "E0701",
            node.span,
            f"Only a float scalar can be differentiated, but `{name}` has type {node.type}.",
            suggestion="Reduce it with `sum` or `mean` in the file.",
        )
    if problems.has_errors:
        raise GraphlangError(problems)
    assert node is not None
    return node


# --- from a model to its numbers ----------------------------------------------------------------------


class Prepared(Record, frozen=False):
    """A model ready to be evaluated."""

    model: Model
    inputs: dict[str, Any]
    sizes: dict[str, int]
    weights: dict[str, Any]
    seed: int
    remarks: list[str] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    # The values and gradients of a large model of numbers, which then has no nodes for gradients.
    graph: NumberGraph | None = None

    @paused_collector()
    def evaluate(
        self,
        *,
        dtype: str = "float64",
        every_node: bool = False,
        wanted: list[Node] | None = None,
        jit: bool = False,
    ) -> Evaluation:
        """Evaluate forward, and backward if there is something to differentiate.

        What was prepared `in_bulk` is evaluated in float64, for the nodes that the file names.
        """
        if self.graph is not None:
            return evaluate_numbers(
                self.model, self.graph, self.inputs, self.sizes, weights=self.weights, seed=self.seed
            )
        return evaluate(
            self.model,
            self.inputs,
            self.sizes,
            weights=self.weights,
            dtype=DTYPES[dtype],
            seed=self.seed,
            every_node=every_node,
            wanted=wanted,
            jit=jit,
        )


@paused_collector()
def prepare(
    model: Model,
    *,
    of: str | None = None,
    feed: str | None = None,
    fed: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
    weights: str | Mapping[str, Any] | None = None,
    seed: int | None = None,
    rows: int | None = None,
    stand_in: bool = False,
    in_bulk: bool = False,
) -> Prepared:
    """Differentiate a model and find its inputs and weights.

    Parameters
    ----------
    model : Model
        As elaborated.
    of : str, optional
        The scalar to differentiate; by default what `pipeline.objective` picks.
    feed : str, optional
        A file of inputs by name.
    fed : mapping of str to array, optional
        Inputs by name; they take precedence over the file's.
    fixed : mapping of str to Any, optional
        Inputs whose default was already replaced (`--set`): nothing else may feed them.
    weights : str or mapping, optional
        A file, or parameters by path.
    seed : int, optional
        By default the train block's, else 0.
    rows : int, optional
        How many rows of the file's data to feed; all by default.
    stand_in : bool
        Differentiate `stand_in_objective` where there is no scalar.
    in_bulk : bool
        Make no nodes for the gradients of a large model of numbers. The bits are the same.

    Raises
    ------
    GraphlangError
        With everything that is wrong with the inputs, the data and the weights.
    """
    scalar, remark = objective(model, of)
    if scalar is None and stand_in:
        model, scalar = stand_in_objective(model)
    graph = _in_bulk(model, scalar) if in_bulk else None
    differentiated = differentiate(model, scalar) if graph is None else replace(model, of=scalar)
    ready = _prepared(
        differentiated,
        [remark] if remark else [],
        feed,
        fed,
        fixed=fixed,
        weights=weights,
        seed=seed,
        rows=rows,
    )
    ready.graph = graph
    return ready


def _in_bulk(model: Model, scalar: Node | None) -> NumberGraph | None:
    """The values and gradients of a large model of numbers; None for any other."""
    if scalar is None or len(model.nodes) < LARGE:
        return None
    from graphlang.differentiate.in_bulk import number_graph

    return number_graph(model, scalar, *wanted_in_numbers(model))


@paused_collector()
def make_function(
    model: Model,
    *,
    of: str | None = None,
    feed: str | None = None,
    fed: Mapping[str, Any] | None = None,
    weights: str | Mapping[str, Any] | None = None,
    seed: int | None = None,
    jit: bool = False,
) -> Function:
    """The model as a function of its inputs, parameters and states (see `run/function.py`).

    Parameters
    ----------
    model : Model
        As elaborated.
    of, feed, fed, weights, seed
        As for `prepare`.
    jit : bool
        Compile to C, if the model is of numbers alone.

    Raises
    ------
    GraphlangError
        With everything that is wrong with the inputs, the data and the weights, when there is no scalar to
        differentiate, or the C compiler fails.
    """
    from graphlang.differentiate.in_bulk import number_graph
    from graphlang.run.function import Function

    scalar, remark = objective(model, of)
    graph = number_graph(model, scalar) if scalar is not None else None
    # A graph of numbers needs no node for each gradient, unless its functions have to ask NumPy.
    lazily = partial(differentiate, model, scalar)
    found = _prepared(model if graph is not None else lazily(), [], feed, fed, weights=weights, seed=seed)
    if scalar is None:
        problems = Problems()
        problems.error("E0701", None, remark or "There is nothing to compute.")
        raise GraphlangError(problems)
    arguments = [n for n in found.model.nodes if n.is_leaf and not n.is_const]
    leaves = leaves_of(found.model, found.inputs, found.weights, seed=found.seed)
    differentiated = lazily if graph is not None else lambda: found.model
    return Function(arguments, differentiated, graph, leaves, found.sizes, found.seed, jit=jit)


def _prepared(
    model: Model,
    remarks: list[str],
    feed: str | None,
    fed: Mapping[str, Any] | None,
    *,
    fixed: Mapping[str, Any] | None = None,
    weights: str | Mapping[str, Any] | None = None,
    seed: int | None = None,
    rows: int | None = None,
) -> Prepared:
    """A model with its inputs and weights; see `prepare`."""
    problems = Problems()
    arrays: dict[str, Any] = {}
    spec = data_of(model)
    if spec is not None:
        arrays.update(_from_data(model, spec, rows, problems))
    if feed is not None:
        from graphlang.run.feeds import read_feed

        arrays.update(read_feed(feed, problems))
    arrays.update(fed or {})
    for name in fixed or ():
        arrays.pop(name, None)
    if problems.has_errors:
        raise GraphlangError(problems)
    inputs, sizes = bind_inputs(model, arrays, problems)
    given = weights_of(model, weights, problems)
    if problems.has_errors:
        raise GraphlangError(problems)
    return Prepared(model, inputs, sizes, given, seed_of(model, seed), remarks, list(problems))


def data_of(model: Model) -> DataSpec | None:
    """The data that feed the inputs: the train block's, else the only source there is."""
    if model.training is not None and model.training.data is not None:
        return model.data.get(model.training.data)
    return next(iter(model.data.values())) if len(model.data) == 1 else None


def _from_data(model: Model, spec: DataSpec, rows: int | None, problems: Problems) -> dict[str, Any]:
    from graphlang.run import datasets

    arrays = datasets.read_data(spec, problems)
    if arrays is None:
        return {}
    arrays = datasets.fit_inputs(model, spec, arrays, problems)
    return {name: a[:rows] for name, a in arrays.items()} if rows else arrays


def weights_of(model: Model, weights: str | Mapping[str, Any] | None, problems: Problems) -> dict[str, Any]:
    """Parameters and states fitted to the model: all from a file, or some by path; empty for None."""
    if weights is None:
        return {}
    from graphlang.run import weights as stored

    if not isinstance(weights, str):
        return stored.fit_weights(model, weights, problems, is_partial=True)
    found = stored.read_weights(weights, problems)
    return stored.fit_weights(model, found, problems) if found else {}


def seed_of(model: Model, seed: int | None) -> int:
    """The seed of a run: the one given, else the train block's, else 0."""
    if seed is not None:
        return seed
    written = model.training.settings.get("seed") if model.training else None
    return written if isinstance(written, int) else 0
