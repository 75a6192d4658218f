"""One evaluation of a model: inputs, weights and a seed in; values, gradients and expectations out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.model import Expectation, Model
from graphlang.graph.node import Node
from graphlang.graph.numbers import NumberGraph
from graphlang.plan.number_function import is_of_numbers
from graphlang.plan.schedule import Plan, make_plan, resolve
from graphlang.plan.tape import make_tape
from graphlang.records import Record, field
from graphlang.run.interpreter import Executable
from graphlang.types.tensor import DType

DEFAULT_TOLERANCE = 1e-6


class Checked(Record):
    """An expectation with what was found."""

    expectation: Expectation
    ok: bool
    left: Any
    right: Any


class Evaluation(Record, frozen=False):
    """What a run computed.

    Attributes
    ----------
    model : Model
        The differentiated model.
    values : dict of str to array
        By path. Scalars are 0-d.
    gradients : dict of str to array
        d(of)/d(node) by path, each of its node's shape; empty when nothing was differentiated.
    leaves : dict of str to array
        What the inputs, parameters and states held.
    sizes : dict of str to int
        The free sizes.
    parts : dict of (str, int) to array
        What each use, (path of the user, position), adds to its operand's gradient; only with `every_node`.
    """

    model: Model
    values: dict[str, Any]
    gradients: dict[str, Any]
    expectations: list[Checked]
    leaves: dict[str, Any]
    sizes: dict[str, int]
    dtype: type[np.floating[Any]]
    seed: int
    metrics: dict[str, Any] = field(default_factory=dict)
    parts: dict[tuple[str, int], Any] = field(default_factory=dict)


def _row_by_row(value: Any) -> Any:
    """An array whose axes lie in memory in the usual order: the last bits of products depend on it.

    One number for all entries stays one.
    """
    return np.asarray(value, order="C") if isinstance(value, np.ndarray) and all(value.strides) else value


def initial_values(
    model: Model,
    dtype: type[np.floating[Any]],
    seed: int,
    skip: Iterable[str] = (),
    starts: Mapping[str, Node] | None = None,
    *,
    in_numbers: bool = False,
) -> dict[str, Any]:
    """Where the parameters and states start, by path; `skip` names those that are given otherwise.

    `starts` are other nodes of `Model.initial`, by path, in place of the model's own; `in_numbers` is that of
    `Executable`.
    """
    skipped = set(skip)
    wanted = {p: n for p, n in (starts or model.initial_of).items() if p not in skipped}
    try:
        plan = make_plan(model.initial, wanted.values())
        found = Executable(plan, {}, dtype, seed, in_numbers=in_numbers).run({})
        return {path: _row_by_row(found[node]) for path, node in wanted.items()}
    except GraphlangError:
        pass  # one by one, to say whose start it is
    computed: dict[str, Any] = {}
    for path, node in wanted.items():
        executable = Executable(make_plan(model.initial, [node]), {}, dtype, seed, in_numbers=in_numbers)
        try:
            computed[path] = _row_by_row(executable.run({})[node])
        except GraphlangError as error:
            leaf = model.by_path.get(path)
            problems = Problems()
            for d in error.diagnostics:
                message = f"`{path}` cannot start as it should: {d.message}"
                problems.error(d.code, model.place_of(leaf) if leaf is not None else d.span, message)
            raise GraphlangError(problems) from error
    return computed


def evaluate(
    model: Model,
    inputs: Mapping[str, Any],
    sizes: Mapping[str, int],
    *,
    weights: Mapping[str, Any] | None = None,
    dtype: type[np.floating[Any]] = np.float64,
    seed: int = 0,
    every_node: bool = False,
    wanted: Iterable[Node] | None = None,
    jit: bool = False,
) -> Evaluation:
    """Evaluate a differentiated model forward and, if it has gradients, backward.

    Parameters
    ----------
    model : Model
        After `differentiate`.
    inputs : mapping of str to array
        Every input's value.
    sizes : mapping of str to int
        The free sizes, as bound by the inputs.
    weights : mapping of str to array, optional
        Parameters and states by path; the others start where the file says.
    every_node : bool
        Keep the values of unnamed nodes too.
    wanted : iterable of Node, optional
        Further nodes whose values are kept.
    jit : bool
        Compute in compiled code, if the model is of float64 numbers alone.
    """
    leaves = leaves_of(model, inputs, weights, dtype, seed)
    shown = shown_nodes(model, every_node=every_node)
    gradients = {
        path: node for path, node in model.gradients.items() if every_node or model.by_path[path].is_named
    }
    parts = model.parts if every_node else {}
    sides = [s for e in model.expectations for s in (e.left, e.right) if isinstance(s, Node)]
    plan = make_plan(
        model.nodes,
        [
            *shown,
            *gradients.values(),
            *sides,
            *parts.values(),
            *model.metrics.values(),
            *model.outputs,
            *(wanted or ()),
        ],
    )
    if jit and dtype is np.float64 and is_of_numbers(plan):
        computed = _compiled(plan, leaves)
    else:
        computed = Executable(plan, sizes, dtype, seed, model.place_of, in_numbers=True).run(leaves)
    return Evaluation(
        model,
        {n.path: computed[n] for n in [*shown, *(wanted or ())]},
        {path: computed[node] for path, node in gradients.items()},
        [check(e, computed, sizes) for e in model.expectations],
        leaves,
        dict(sizes),
        dtype,
        seed,
        {name: computed[node] for name, node in model.metrics.items()},
        {use: computed[node] for use, node in parts.items()},
    )


def wanted_in_numbers(model: Model) -> tuple[list[Node], list[Node]]:
    """The nodes whose values `evaluate_numbers` reports or needs, and those whose gradients it reports."""
    shown = shown_nodes(model, every_node=False)
    sides = [s for e in model.expectations for s in (e.left, e.right) if isinstance(s, Node)]
    wanted = list(dict.fromkeys([*shown, *sides, *model.metrics.values(), *model.outputs]))
    return wanted, [n for n in shown if n.type.is_float and not model.is_check(n)]


def evaluate_numbers(
    model: Model,
    graph: NumberGraph,
    inputs: Mapping[str, Any],
    sizes: Mapping[str, int],
    *,
    weights: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Evaluation:
    """What `evaluate` gives in float64, of a model whose gradients are in a graph of numbers and no nodes.

    Parameters
    ----------
    model : Model
        As elaborated, with its scalar `of`.
    graph : NumberGraph
        Its results are the values and the gradients of `wanted_in_numbers`.
    inputs, sizes, weights, seed
        As for `evaluate`.
    """
    from graphlang.run.function import computed

    leaves = leaves_of(model, inputs, weights, np.float64, seed)
    arguments = [n for n in model.nodes if n.is_leaf and not n.is_const]
    wanted, by = wanted_in_numbers(model)
    numbers = computed(graph, len(arguments))(*(float(leaves[n.path]) for n in arguments))
    values = dict(zip(wanted, _typed(wanted, numbers), strict=False))
    return Evaluation(
        model,
        {n.path: values[n] for n in shown_nodes(model, every_node=False)},
        {n.path: np.float64(v) for n, v in zip(by, numbers[len(wanted) :], strict=True)},
        [check(e, values, sizes) for e in model.expectations],
        leaves,
        dict(sizes),
        np.float64,
        seed,
        {name: values[node] for name, node in model.metrics.items()},
    )


def _typed(nodes: Iterable[Node], numbers: Iterable[float]) -> list[Any]:
    """Numbers as the interpreter gives them for these nodes."""
    kinds = {DType.FLOAT: np.float64, DType.BOOL: np.bool_}
    return [kinds[n.type.dtype](v) for n, v in zip(nodes, numbers, strict=False)]


def _compiled(plan: Plan, leaves: Mapping[str, Any]) -> dict[Node, Any]:
    """What compiled code makes of a plan of numbers, as the interpreter gives it."""
    from graphlang.run.native import Native

    fed, results = [n for n, _ in plan.leaves if not n.is_const], list(plan.wanted)
    numbers = Native(make_tape(plan, fed, results), len(fed))(*(float(leaves[n.path]) for n in fed))
    return dict(zip(results, _typed(results, numbers), strict=True))


def leaves_of(
    model: Model,
    inputs: Mapping[str, Any],
    weights: Mapping[str, Any] | None = None,
    dtype: type[np.floating[Any]] = np.float64,
    seed: int = 0,
) -> dict[str, Any]:
    """What inputs, parameters and states hold, by path; see `evaluate`."""
    leaves = {path: np.asarray(v, _numpy_dtype(model, path, dtype)) for path, v in inputs.items()}
    given = dict(weights or {})
    for path, start in {**initial_values(model, dtype, seed, given, in_numbers=True), **given}.items():
        node = model.by_path[path]
        leaves[path] = np.asarray(start, dtype if node.type.is_float else None)
    return leaves


def _numpy_dtype(model: Model, path: str, dtype: Any) -> Any:
    return dtype if model.by_path[path].type.is_float else None


def shown_nodes(model: Model, *, every_node: bool) -> list[Node]:
    """The nodes a run reports: those the file names, or all that are not derivatives or checks."""
    backward = _backward_nodes(model)
    return [
        n
        for n in model.nodes
        if (n.is_named or (every_node and n not in backward and not _is_plain_number(n)))
        and (not model.is_check(n) or n.path in model.metrics)
    ]


def _is_plain_number(node: Node) -> bool:
    return node.is_const and node.span is None


def _backward_nodes(model: Model) -> set[Node]:
    return {n for n in model.nodes if n.path.startswith("grad(")}


# --- expectations --------------------------------------------------------------------------------

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def check(e: Expectation, computed: Mapping[Node, Any], sizes: Mapping[str, int]) -> Checked:
    """Whether an expectation holds; the default tolerance is 1e-6, absolute or relative."""
    left, right = (
        computed[side] if isinstance(side, Node) else resolve(side, sizes) for side in (e.left, e.right)
    )
    return Checked(e, _holds(e, left, right), left, right)


def _holds(e: Expectation, left: Any, right: Any) -> bool:
    if any(isinstance(v, str) for v in (left, right)):
        return bool((left == right) == (e.op == "=="))
    a, b = np.asarray(left), np.asarray(right)
    try:
        a, b = np.broadcast_arrays(a, b)
    except ValueError:
        return e.op == "!="
    if e.op in ("==", "!="):
        tolerance = DEFAULT_TOLERANCE if e.within is None else e.within
        return bool(np.all(_close(a, b, tolerance)) == (e.op == "=="))
    with np.errstate(all="ignore"):
        return bool(np.all(_COMPARISONS[e.op](a, b)))


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> np.ndarray:
    a, b = a.astype(float), b.astype(float)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= tolerance * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    return np.asarray(near | (a == b) | (np.isnan(a) & np.isnan(b)))
