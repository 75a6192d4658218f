"""A model as a Python function: numbers or arrays in, the value and its gradients out, many times over.

A model of numbers alone is compiled, in one of three ways: to straight lines of Python, piece by piece as
calls go on (`pieces.py`); to a tape that NumPy walks (`walker.py`) if it is wide enough for that to be as
fast, since the tape is ready at once; or, on demand, to a tape that compiled C walks (`native.py`). Any other
model is run by the interpreter. Each computes the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.graph.numbers import NumberGraph
from graphlang.plan.course import course_of
from graphlang.plan.number_function import is_of_numbers
from graphlang.plan.schedule import Plan, make_plan
from graphlang.plan.tape import numbers_of, schedule
from graphlang.records import Record
from graphlang.run.interpreter import Executable
from graphlang.run.pieces import Pieces
from graphlang.run.walker import Walker, is_wide


class Function:
    """`f(*values)` gives the value of a scalar and the tuple of its gradients, one for each argument.

    Arguments may be given by name, too; those that are not given keep the values of the file. Gradients are
    floats where the argument is a number, None where it is no float. A function is not to be called by
    several threads at once.

    Parameters
    ----------
    arguments : sequence of Node
        The model's inputs, parameters and states, in order.
    differentiated : function
        Gives the model after `differentiate`, with its scalar `of`; called when it is needed.
    graph : NumberGraph or None
        The same scalar and gradients, if the model is of numbers alone.
    leaves : mapping of str to array
        What inputs, parameters and states hold unless told otherwise.
    sizes : mapping of str to int
    seed : int
    jit : bool
        Compile to C, if the model is of numbers alone.

    Attributes
    ----------
    arguments : tuple of str
        The paths of inputs, parameters and states, in the order in which the model has them.
    is_compiled : bool
        Whether it is compiled, to Python, to a tape or to C.
    """

    def __init__(
        self,
        arguments: Sequence[Node],
        differentiated: Callable[[], Model],
        graph: NumberGraph | None,
        leaves: Mapping[str, Any],
        sizes: Mapping[str, int],
        seed: int = 0,
        *,
        jit: bool = False,
    ):
        self.arguments = tuple(n.path for n in arguments)
        self._differentiated, self._sizes, self._seed = differentiated, sizes, seed
        self._leaves = {path: leaves[path] for path in self.arguments}
        self._is_float = [n.type.is_float for n in arguments]
        self._is_plain = all(self._is_float)
        self._graph = graph if graph is not None else self._numbers()
        self._compute = self._compiled(jit=jit)
        self.is_compiled = self._compute is not None

    def __call__(self, *values: Any, **named: Any) -> tuple[Any, tuple[Any, ...]]:
        if named or len(values) != len(self.arguments):
            values = self._completed(values, named)
        if self._compute is not None:
            try:
                numbers = [*map(float, values)]
            except (TypeError, ValueError):  # arrays, which are refused
                return self._interpret(values)
            found = self._compute(*numbers)
            return (found[0], found[1:]) if self._is_plain else self._shaped(found)
        return self._interpret(values)

    def _completed(self, values: Sequence[Any], named: Mapping[str, Any]) -> tuple[Any, ...]:
        """A value for each argument; TypeError as Python raises it for wrong arguments."""
        if len(values) > len(self.arguments):
            raise TypeError(f"{len(values)} values were given for {len(self.arguments)} arguments")
        given = dict(zip(self.arguments, values, strict=False))
        for name in named:
            if name not in self._leaves:
                raise TypeError(f"there is no argument {name!r}: they are {', '.join(self.arguments)}")
            if name in given:
                raise TypeError(f"{name!r} was given twice")
        return tuple({**self._leaves, **given, **named}.values())

    def _interpret(self, values: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        leaves = {}
        for (path, usual), value in zip(self._leaves.items(), values, strict=True):
            array = np.asarray(value, np.asarray(usual).dtype)
            if array.shape != np.shape(usual):
                raise ValueError(f"`{path}` has shape {np.shape(usual)}, not {array.shape}")
            leaves[path] = array[()]
        found, planned = self._interpreted.run(leaves), self._planned
        numbers = [found[n] for n in planned.results]
        return self._shaped([v.item() if np.ndim(v) == 0 else v for v in numbers])

    def _shaped(self, found: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        rest = iter(found[1:])
        return found[0], tuple(next(rest) if is_float else None for is_float in self._is_float)

    # --- ways to compute -----------------------------------------------------------------------------

    def _compiled(self, *, jit: bool) -> Callable[..., tuple[float, ...]] | None:
        """From numbers to the value and the gradients; None if only the interpreter can do it."""
        graph, count = self._graph, len(self.arguments)
        if graph is None:
            return None
        if jit:
            from graphlang.run.native import Native

            return Native(schedule(graph, count), count)
        return computed(graph, count)

    def _numbers(self) -> NumberGraph | None:
        """The graph of numbers that the nodes are, if they are one."""
        planned = self._planned
        if not is_of_numbers(planned.plan):
            return None
        return numbers_of(planned.plan, planned.arguments, planned.results)

    @cached_property
    def _planned(self) -> _Planned:
        model = self._differentiated()
        assert model.of is not None
        arguments = [n for n in model.nodes if n.is_leaf and not n.is_const]
        results = [model.of, *(model.gradients[n.path] for n in arguments if n.type.is_float)]
        return _Planned(model, make_plan(model.nodes, results), arguments, results)

    @cached_property
    def _interpreted(self) -> Executable:
        """What is not compiled, or has no answer in Python; made when it is first needed."""
        planned = self._planned
        return Executable(
            planned.plan,
            self._sizes,
            np.float64,
            self._seed,
            planned.model.place_of,
            is_repeated=not self.is_compiled,
            in_numbers=True,
        )


def computed(graph: NumberGraph, arguments: int) -> Callable[..., tuple[float, ...]]:
    """The quicker of the ways to compute a graph of numbers without a compiler."""
    tape = schedule(graph, arguments)
    return Walker(tape, arguments) if is_wide(tape) else Pieces(course_of(graph, arguments))


class _Planned(Record):
    """A differentiated model, and the plan of its scalar and of the gradients of the arguments."""

    model: Model
    plan: Plan
    arguments: list[Node]
    results: list[Node]
