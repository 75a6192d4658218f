"""What a model's nodes and networks cost: seconds, floating-point operations and bytes, measured.

With a train block a whole training step is measured, forward, backward and update; else a forward pass, and
the backward pass if there is a scalar. A step of the backward pass belongs to the forward node whose gradient
rule made it, a step of the update to its parameter; what a network contains is counted as the network's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang import pipeline
from graphlang.differentiate.training_step import training_step
from graphlang.emit.summary import boxes_around, flops_of
from graphlang.graph.dag import ancestors
from graphlang.graph.model import Model
from graphlang.graph.node import PARAM, Node
from graphlang.plan.schedule import make_plan
from graphlang.run.profiler import Profiler, product_speed
from graphlang.run.session import initial_values, leaves_of
from graphlang.types.dims import substitute
from graphlang.types.tensor import DType

PHASES = ("forward", "backward", "update")
# The number that a free size is given where neither data nor the user say anything.
DEFAULT_SIZE = 1


@dataclass(slots=True)
class Cost:
    """Seconds, floating-point operations, and bytes read and written."""

    seconds: float = 0.0
    flops: int = 0
    nbytes: int = 0

    def add(self, other: Cost) -> None:
        """Count another one in."""
        self.seconds += other.seconds
        self.flops += other.flops
        self.nbytes += other.nbytes

    @property
    def speed(self) -> float:
        """Floating-point operations per second; 0 where nothing was measured."""
        return self.flops / self.seconds if self.seconds > 0 else 0.0


@dataclass(slots=True)
class Row:
    """A network or a node: `phases` has its cost in each of `PHASES`."""

    path: str
    what: str
    indent: int
    phases: dict[str, Cost] = field(default_factory=lambda: {phase: Cost() for phase in PHASES})

    @property
    def total(self) -> Cost:
        """The cost of all phases together."""
        return _sum(self.phases.values())


@dataclass(slots=True)
class Profile:
    """What was measured.

    Attributes
    ----------
    rows : list of Row
        In the order of the file; a network comes before what it contains.
    of_node, of_box : dict of str to Cost
        For every node of the forward graph and for every box its cost in all phases, by path. A network and
        the node of its result may have the same path.
    total : dict of str to Cost
        By phase.
    reference : float
        Floating-point operations per second of a product of two matrices.
    invented : dict of str to int
        Free sizes that nothing said anything about.
    """

    model: Model
    rows: list[Row]
    of_node: dict[str, Cost]
    of_box: dict[str, Cost]
    total: dict[str, Cost]
    reference: float
    runs: int
    dtype: str
    sizes: dict[str, int]
    invented: dict[str, int]


@dataclass(frozen=True, slots=True)
class Workload:
    """What is run: a graph, what is computed of it, and the values of its leaves."""

    model: Model
    nodes: list[Node]
    wanted: list[Node]
    leaves: dict[str, Any]
    sizes: dict[str, int]
    # Where updates belong: a node of the update -> its parameter.
    updated: dict[Node, str]
    invented: dict[str, int]


def profile(
    model: Model,
    *,
    depth: int | None = 1,
    dtype: str | None = None,
    seconds: float = 1.0,
    sizes: Mapping[str, int] | None = None,
    **given: Any,
) -> Profile:
    """Measure a model as elaborated, for training if it has a train block.

    Parameters
    ----------
    model : Model
    depth : int or None
        How many levels of networks are opened, so that what they contain has rows; None for all.
    dtype : str, optional
        By default float32 with a train block, else float64.
    seconds : float
        How long to measure, about.
    sizes : mapping of str to int, optional
        Free sizes, for inputs that nothing feeds: these get random numbers.
    **given
        `of`, `feed`, `fixed`, `weights`, `seed` and `rows`, as for `pipeline.prepare`.
    """
    dtype = dtype or ("float32" if _learns(model, given.get("of")) else "float64")
    kind = pipeline.DTYPES[dtype]
    work = _workload(model, kind, dict(sizes or {}), given)
    plan = make_plan(work.nodes, work.wanted)
    measured, runs = Profiler(plan, work.sizes, kind, given.get("seed") or 0, model.place_of).measure(
        work.leaves, seconds=seconds
    )
    owners = _owners(work)
    costs: dict[str, dict[str, Cost]] = {}
    for m in measured:
        path, phase = owners.get(m.node, (m.node.path, "forward"))
        flops = substitute(flops_of(m.node), work.sizes)
        cost = Cost(m.seconds, flops if isinstance(flops, int) else 0, m.nbytes)
        costs.setdefault(path, {}).setdefault(phase, Cost()).add(cost)
    rows, of_box = _rows(work.model, costs, depth)
    of_node = {path: _sum(spent.values()) for path, spent in costs.items()}
    total = {phase: _sum(c[phase] for c in costs.values() if phase in c) for phase in PHASES}
    speed = product_speed(kind)
    return Profile(work.model, rows, of_node, of_box, total, speed, runs, dtype, work.sizes, work.invented)


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total.add(cost)
    return total


# --- what is run -------------------------------------------------------------------------------------


def _learns(model: Model, of: str | None) -> bool:
    spec = model.training
    return of is None and spec is not None and spec.learner is not None and spec.minimize is not None


def _workload(model: Model, dtype: Any, sizes: dict[str, int], given: dict[str, Any]) -> Workload:
    learns = _learns(model, given.get("of"))
    if learns and given.get("rows") is None and model.training is not None:
        batch = model.training.settings.get("batch", 32)
        given = {**given, "rows": batch if isinstance(batch, int) else None}
    invented = _invented(model, sizes, given)
    fed = _random_inputs(model, {**invented, **sizes}, given)
    prepared = pipeline.prepare(model, fed=fed, **given)
    whole = prepared.model
    leaves = leaves_of(whole, prepared.inputs, prepared.weights, dtype, prepared.seed)
    invented = {name: prepared.sizes[name] for name in invented if name in prepared.sizes}
    if not learns:
        wanted = [*whole.outputs, *_wanted_gradients(whole)]
        return Workload(whole, whole.nodes, wanted, leaves, prepared.sizes, {}, invented)
    step = training_step(model)
    starts = step.learner.starts
    if starts:
        leaves |= initial_values(step.model, dtype, prepared.seed, starts=starts)
    leaves |= {
        leaf.path: np.int64(1) if name == "step" else dtype(name != "t") for name, leaf in step.clock.items()
    }
    wanted = [step.loss, *step.model.metrics.values(), *step.next.values()]
    known = set(step.model.nodes)
    updated: dict[Node, str] = {}
    for path, node in step.next.items():
        owner = next((p for p, states in step.learner.state_of.items() if path in states), path)
        for n in ancestors([node]) - known - updated.keys():
            updated[n] = owner
    return Workload(step.model, step.nodes, wanted, leaves, prepared.sizes, updated, invented)


def _wanted_gradients(model: Model) -> list[Node]:
    """The gradients of the parameters, or of the inputs if there are none."""
    leaves = model.params or model.inputs
    return [model.gradients[path] for path in leaves if path in model.gradients]


def _unfed(model: Model, given: Mapping[str, Any]) -> list[Node]:
    """The inputs that get no value from the file, its data or a feed."""
    if given.get("feed") is not None or pipeline.data_of(model) is not None:
        return []
    return [n for n in model.inputs.values() if n.attrs.get("default") is None]


def _invented(model: Model, sizes: Mapping[str, int], given: Mapping[str, Any]) -> dict[str, int]:
    names = {name for node in _unfed(model, given) for name in node.type.names}
    known = {**model.sizes.defaults, **sizes}
    return {name: DEFAULT_SIZE for name in sorted(names) if name not in known}


def _random_inputs(model: Model, sizes: Mapping[str, int], given: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Numbers for inputs that nothing feeds: normal floats, and zeros where they may be an index."""
    rng, fed = np.random.default_rng(given.get("seed") or 0), {}
    known = {**model.sizes.defaults, **sizes}
    for node in _unfed(model, given):
        shape: Any = tuple(substitute(s, known) for s in node.shape)
        is_float = node.type.dtype is DType.FLOAT
        kind = {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype]
        fed[node.path] = rng.standard_normal(shape) if is_float else np.zeros(shape, kind)
    return fed


# --- whose it is -------------------------------------------------------------------------------------


def _owners(work: Workload) -> dict[Node, tuple[str, str]]:
    """For nodes of the backward pass and of the update: the forward node they belong to, and the phase."""
    model = work.model
    owners = {node: (path, "update") for node, path in work.updated.items()}
    forward = _forward(model)
    for (path, _), part in model.parts.items():
        stack = [part]
        while stack:
            node = stack.pop()
            if node not in forward and node not in owners and not node.is_leaf:
                owners[node] = (path, "backward")
                stack.extend(node.inputs)
    of = model.of.path if model.of is not None else ""
    for node in work.nodes:
        if node not in forward and node not in owners:
            owners[node] = (of, "backward")
    return owners


def _forward(model: Model) -> set[Node]:
    """What the file itself computes: everything that its named nodes and outputs need."""
    named = [n for n in model.nodes if n.is_named]
    return ancestors([*named, *model.outputs, *model.metrics.values(), *([model.of] if model.of else [])])


def _rows(
    model: Model, costs: Mapping[str, Mapping[str, Cost]], depth: int | None
) -> tuple[list[Row], dict[str, Cost]]:
    rows: dict[tuple[str, str], Row] = {}
    of_box: dict[str, Cost] = {}
    for node in model.nodes:
        spent = costs.get(node.path)
        if spent is None:
            continue
        boxes = boxes_around(model, node)
        shown = boxes if depth is None else boxes[: depth + 1]
        for level, scope in enumerate(shown):
            _count(rows.setdefault(("box", scope.path), Row(scope.path, scope.title, level)), spent)
        for scope in boxes:
            of_box.setdefault(scope.path, Cost()).add(_sum(spent.values()))
        is_open = depth is None or len(boxes) <= depth
        if is_open and not (boxes and boxes[-1].kind == "gate"):
            owner = _named(model, node)
            _count(rows.setdefault(("node", owner.path), Row(owner.path, owner.op, len(boxes))), spent)
    return list(rows.values()), of_box


def _named(model: Model, node: Node) -> Node:
    """The node in whose formula a node without a name stands, if that is known and beside it."""
    owner = model.by_path.get(node.path.rpartition(".")[0])
    is_part = owner is not None and owner.scope == node.scope and not node.is_named and node.op != PARAM
    return owner if is_part and owner is not None else node


def _count(row: Row, spent: Mapping[str, Cost]) -> None:
    for phase, cost in spent.items():
        row.phases[phase].add(cost)


# --- what is told ------------------------------------------------------------------------------------


def as_dict(found: Profile) -> dict[str, Any]:
    """The profile as plain data."""
    return {
        "model": found.model.name,
        "dtype": found.dtype,
        "sizes": found.sizes,
        "runs": found.runs,
        "reference": {"flops_per_second": found.reference},
        "rows": [
            {"path": r.path, "what": r.what, **{p: _plain(c) for p, c in r.phases.items()}}
            for r in found.rows
        ],
        "total": {phase: _plain(cost) for phase, cost in found.total.items()},
    }


def _plain(cost: Cost) -> dict[str, Any]:
    return {"seconds": cost.seconds, "flops": cost.flops, "bytes": cost.nbytes}
