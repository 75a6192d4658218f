"""The interpreter: a plan, numbers for its leaves, NumPy arrays out.

`Executable` fixes what does not change between evaluations (sizes, precision, seed); `run` then walks the
steps in order and lets go of each value after its last use. A kernel that fails is reported with the node
and the line it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.node import Node
from graphlang.plan.schedule import Plan, Step, resolve
from graphlang.source import Span
from graphlang.types.tensor import DType

# What a NumPy kernel raises when the numbers do not suit it: an index out of range, an integer to a negative
# power, an array that does not fit into memory.
KERNEL_ERRORS = (ValueError, IndexError, ArithmeticError, MemoryError, np.linalg.LinAlgError)


class Executable:
    """A plan with its sizes, precision and seed settled.

    Parameters
    ----------
    plan : Plan
    sizes : mapping of str to int
        The free sizes.
    dtype : numpy float type
        Precision of floats.
    seed : int
        Seeds every random operation, each with its own stream.
    place_of : function, optional
        Where to say that a node failed; by default where it was written.
    """

    def __init__(
        self,
        plan: Plan,
        sizes: Mapping[str, int] | None = None,
        dtype: type[np.floating[Any]] = np.float64,
        seed: int = 0,
        place_of: Callable[[Node], Span | None] | None = None,
    ):
        self.plan = plan
        self.dtype = dtype
        self._place_of = place_of or (lambda node: node.span)
        self._constants: list[tuple[int, Any]] = []
        self._fed: list[tuple[str, int]] = []
        for node, slot in plan.leaves:
            if node.is_const:
                self._constants.append((slot, _typed(node, dtype)))
            else:
                self._fed.append((node.path, slot))
        self._program = [_prepared(step, sizes or {}, dtype, seed) for step in plan.steps]

    def run(self, leaves: Mapping[str, Any], overrides: Mapping[Node, Any] | None = None) -> dict[Node, Any]:
        """Values of the wanted nodes.

        Parameters
        ----------
        leaves : mapping of str to array
            Inputs, parameters and states by path.
        overrides : mapping of Node to array, optional
            Values that take the place of what these nodes would compute.

        Raises
        ------
        GraphlangError
            When a kernel fails on these numbers.
        """
        slots: list[Any] = [None] * self.plan.slots
        for slot, value in self._constants:
            slots[slot] = value
        for path, slot in self._fed:
            slots[slot] = leaves[path]
        forced = self._forced(overrides)
        with np.errstate(all="ignore"):
            for i, (kernel, sources, attrs, target, frees) in enumerate(self._program):
                if target in forced:
                    slots[target] = forced[target]
                else:
                    try:
                        slots[target] = kernel(*[slots[s] for s in sources], **attrs)
                    except KERNEL_ERRORS as error:
                        raise self._failure(self.plan.steps[i], error) from error
                for slot in frees:
                    slots[slot] = None
        return {node: slots[slot] for node, slot in self.plan.wanted.items()}

    def _failure(self, step: Step, error: Exception) -> GraphlangError:
        problems = Problems()
        node, what = step.node, str(error) or type(error).__name__
        operands = ", ".join(f"`{n.path}`" for n in node.inputs) or "nothing"
        problems.error(
            "E0908",
            self._place_of(node),
            f"`{node.path}` could not be computed: {what[:1].lower()}{what[1:].rstrip('.')}.",
            notes=[f"It is `{step.op.name}` of {operands}."],
        )
        return GraphlangError(problems)

    def _forced(self, overrides: Mapping[Node, Any] | None) -> dict[int, Any]:
        if not overrides:
            return {}
        by_node = {step.node: step.target for step in self.plan.steps}
        return {by_node[n]: v for n, v in overrides.items() if n in by_node}


_Prepared = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...]]


def _prepared(step: Step, sizes: Mapping[str, int], dtype: Any, seed: int) -> _Prepared:
    attrs = {k: resolve(v, sizes) for k, v in step.node.attrs.items()} if step.node.attrs else {}
    if step.op.is_random:
        attrs["seed"] = seed
    if step.op.needs_dtype:
        attrs["dtype"] = dtype
    return step.op.kernel, step.sources, attrs, step.target, step.frees


def _typed(node: Node, dtype: Any) -> Any:
    value = node.attrs["value"]
    if node.type.dtype is DType.FLOAT:
        return value.astype(dtype) if isinstance(value, np.ndarray) else dtype(value)
    if isinstance(value, np.ndarray):
        return value
    return np.bool_(value) if node.type.dtype is DType.BOOL else np.int64(value)
