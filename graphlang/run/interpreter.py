"""The interpreter: a plan, numbers for its leaves, NumPy arrays out.

`Executable` fixes what does not change between evaluations (sizes, precision, seed); `run` then walks the
steps in order and lets go of each value after its last use. A kernel that fails is reported with the node
and the line it came from.

Runs of scalar steps can be compiled to straight-line Python (`plan/scalars.py`), some twenty times as fast
as a call of NumPy for each. Compiling takes as long as interpreting ten to fifteen times, so it is done
after ten runs, or for the first one if the caller says that there will be many. Where Python raises (a
division by zero, an overflow, the logarithm of a negative number), NumPy computes that chunk's steps
instead, and says infinity or NaN, or what is wrong; from then on the chunks are short, so that this costs
little. The bits are the same, because the interpreter computes numbers by the very spellings that are
compiled. What does not compute in numbers (float32, training, prediction) is always interpreted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.node import Node
from graphlang.plan.scalars import CHUNK, SHORT, Chunk, find_chunks
from graphlang.plan.schedule import Plan, Step, resolve
from graphlang.plan.spelled import PYTHON_ERRORS, SURROUNDINGS, kernel_for
from graphlang.source import Span
from graphlang.types.tensor import DType

# The run from which on scalar steps are compiled.
COMPILED_FROM = 11
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
    is_repeated : bool
        Whether it will run many times, so that scalar steps are compiled at once, not at the eleventh run.
    in_numbers : bool
        Whether numbers are computed as their operations are spelled (`plan/spelled.py`), if in float64; by
        default all is NumPy's.
    """

    def __init__(
        self,
        plan: Plan,
        sizes: Mapping[str, int] | None = None,
        dtype: type[np.floating[Any]] = np.float64,
        seed: int = 0,
        place_of: Callable[[Node], Span | None] | None = None,
        is_repeated: bool = False,
        in_numbers: bool = False,
    ):
        self.plan = plan
        self.dtype = dtype
        self._place_of = place_of or (lambda node: node.span)
        self._blank: list[Any] = [None] * plan.slots  # the slots before a run: constants, nothing else
        self._fed: list[tuple[str, int]] = []
        for node, slot in plan.leaves:
            if node.is_const:
                self._blank[slot] = typed_constant(node, dtype)
            else:
                self._fed.append((node.path, slot))
        self._in_numbers = in_numbers and dtype is np.float64
        self._program = [_prepared(s, sizes or {}, dtype, seed, self._in_numbers) for s in plan.steps]
        self._runs = COMPILED_FROM if is_repeated else 1
        self._chunk_size = CHUNK
        self._compiled: list[tuple[Chunk, Callable[[list[Any]], None]]] | None = None
        # What the kernels of random operations are given; their seed may be another in each run.
        self._random = [p[2] for p, step in zip(self._program, plan.steps, strict=True) if step.op.is_random]

    def run(
        self,
        leaves: Mapping[str, Any],
        overrides: Mapping[Node, Any] | None = None,
        *,
        seed: int | None = None,
    ) -> dict[Node, Any]:
        """Values of the wanted nodes.

        Parameters
        ----------
        leaves : mapping of str to array
            Inputs, parameters and states by path.
        overrides : mapping of Node to array, optional
            Values that take the place of what these nodes would compute.
        seed : int, optional
            Seeds this run and those after it.

        Raises
        ------
        GraphlangError
            When a kernel fails on these numbers.
        """
        if seed is not None:
            for attrs in self._random:
                attrs["seed"] = seed
        slots = self._blank.copy()
        for path, slot in self._fed:
            slots[slot] = leaves[path]
        forced = self._forced(overrides)
        at = 0
        with np.errstate(all="ignore"):
            for chunk, function in self._chunks():
                self._interpret(slots, at, chunk.start, forced)
                self._run_chunk(chunk, function, slots, forced)
                at = chunk.stop
            self._interpret(slots, at, len(self._program), forced)
        return {node: slots[slot] for node, slot in self.plan.wanted.items()}

    def _interpret(self, slots: list[Any], start: int, stop: int, forced: Mapping[int, Any]) -> None:
        """Carry out the steps from `start` to `stop` with NumPy."""
        program = self._program if stop - start == len(self._program) else self._program[start:stop]
        for i, (kernel, sources, attrs, target, frees) in enumerate(program, start):
            if target in forced:
                slots[target] = forced[target]
            else:
                try:
                    slots[target] = kernel(*[slots[s] for s in sources], **attrs)
                except KERNEL_ERRORS as error:
                    raise self._failure(self.plan.steps[i], error) from error
            for slot in frees:
                slots[slot] = None

    # --- compiled scalar steps ---------------------------------------------------------------------

    def _chunks(self) -> list[tuple[Chunk, Callable[[list[Any]], None]]]:
        """The compiled chunks, once enough runs are seen or foreseen."""
        if self._compiled is None:
            if self._runs < COMPILED_FROM or not self._in_numbers:
                self._runs += 1
                return []
            chunks = find_chunks(self.plan, self._chunk_size)
            with paused_collector():
                self._compiled = [(chunk, _compiled(chunk)) for chunk in chunks]
        return self._compiled

    def _run_chunk(
        self,
        chunk: Chunk,
        function: Callable[[list[Any]], None],
        slots: list[Any],
        forced: Mapping[int, Any],
    ) -> None:
        """Fill the slots of a chunk, with NumPy if Python cannot or some values are forced."""
        if not forced or not any(step.target in forced for step in self.plan.steps[chunk.start : chunk.stop]):
            try:
                return function(slots)
            except PYTHON_ERRORS:
                # NumPy has an answer, or reports which node has none.
                if chunk.stop - chunk.start > SHORT:
                    self._chunk_size, self._compiled = SHORT, None
        for slot in chunk.reads:
            slots[slot] = np.asarray(slots[slot])[()]
        self._interpret(slots, chunk.start, chunk.stop, forced)
        for slot in chunk.plain:
            if slots[slot] is not None:
                slots[slot] = slots[slot].item()
        return None

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


def _compiled(chunk: Chunk) -> Callable[[list[Any]], None]:
    """A chunk's function. Its text holds no name and no number that `find_chunks` did not write."""
    names = dict(SURROUNDINGS)
    exec(compile(chunk.source, f"<steps {chunk.start} to {chunk.stop}>", "exec"), names)
    function: Callable[[list[Any]], None] = names["run"]
    return function


_Prepared = tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...]]


def _prepared(step: Step, sizes: Mapping[str, int], dtype: Any, seed: int, in_numbers: bool) -> _Prepared:
    attrs = {k: resolve(v, sizes) for k, v in step.node.attrs.items()} if step.node.attrs else {}
    if step.op.is_random:
        attrs["seed"] = seed
    if step.op.needs_dtype:
        attrs["dtype"] = dtype
    kernel = kernel_for(step.node, step.op, in_numbers=in_numbers)
    return kernel, step.sources, attrs, step.target, step.frees


def typed_constant(node: Node, dtype: Any) -> Any:
    """A constant's value in the precision of the run."""
    value = node.attrs["value"]
    if node.type.dtype is DType.FLOAT:
        return value.astype(dtype) if isinstance(value, np.ndarray) else dtype(value)
    if isinstance(value, np.ndarray):
        return value
    return np.bool_(value) if node.type.dtype is DType.BOOL else np.int64(value)
