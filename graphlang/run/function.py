"""A model as a Python function: numbers or arrays in, the value and its gradients out, many times over.

A model of numbers alone becomes one straight-line function (`plan/number_function.py`) or, on demand,
compiled C (`run/native.py`); any other is run by the interpreter. Each computes the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.plan.number_function import is_of_numbers, number_function
from graphlang.plan.schedule import Plan, make_plan
from graphlang.plan.spelled import PYTHON_ERRORS, SURROUNDINGS
from graphlang.run.interpreter import Executable


class Function:
    """`f(*values)` gives the value of a scalar and the tuple of its gradients, one for each argument.

    Arguments may be given by name, too; those that are not given keep the values of the file. Gradients are
    floats where the argument is a number, None where it is no float. A function is not to be called by
    several threads at once.

    Parameters
    ----------
    model : Model
        After `differentiate`, with its scalar `of`.
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
        Whether it is straight-line code, in Python or C.
    """

    def __init__(
        self,
        model: Model,
        leaves: Mapping[str, Any],
        sizes: Mapping[str, int],
        seed: int = 0,
        *,
        jit: bool = False,
    ):
        assert model.of is not None
        nodes = [n for n in model.nodes if n.is_leaf and not n.is_const]
        self._gradients = [model.gradients.get(n.path) if n.type.is_float else None for n in nodes]
        results = [model.of, *(g for g in self._gradients if g is not None)]
        plan = make_plan(model.nodes, results)
        self.arguments = tuple(n.path for n in nodes)
        self._leaves = {path: leaves[path] for path in self.arguments}
        self._of = model.of
        self.is_compiled = is_of_numbers(plan)
        self._executable = partial(
            Executable,
            plan,
            sizes,
            np.float64,
            seed,
            model.place_of,
            is_repeated=not self.is_compiled,
            in_numbers=True,
        )
        self._compute = _compiled(plan, nodes, results, jit=jit) if self.is_compiled else None
        self._is_plain = None not in self._gradients

    def __call__(self, *values: Any, **named: Any) -> tuple[Any, tuple[Any, ...]]:
        if named or len(values) != len(self.arguments):
            values = self._completed(values, named)
        if self._compute is not None:
            try:
                found = self._compute(*map(float, values))
            except PYTHON_ERRORS:
                # NumPy has an answer where Python has none.
                return self._interpret(values)
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
        found = self._interpreted.run(leaves)
        numbers = [found[self._of], *(found[g] for g in self._gradients if g is not None)]
        return self._shaped([v.item() if np.ndim(v) == 0 else v for v in numbers])

    @cached_property
    def _interpreted(self) -> Executable:
        """What is not straight-line code, or has no answer in Python; made when it is first needed."""
        return self._executable()

    def _shaped(self, found: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        rest = iter(found[1:])
        return found[0], tuple(None if g is None else next(rest) for g in self._gradients)


def _compiled(
    plan: Plan, arguments: Sequence[Node], results: Sequence[Node], *, jit: bool
) -> Callable[..., tuple[float, ...]]:
    if jit:
        from graphlang.run.native import Native

        return Native(plan, arguments, results)
    names = dict(SURROUNDINGS)
    # The text holds no name and no number that `number_function` did not write.
    with paused_collector():
        exec(compile(number_function(plan, arguments, results), "<graph>", "exec"), names)
    function: Callable[..., tuple[float, ...]] = names["run"]
    return function
