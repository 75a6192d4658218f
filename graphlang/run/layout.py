"""Where the numbers of a training run lie: one vector each for parameters, gradients and optimizer states.

What the rest of the tool sees are views of these vectors.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from graphlang.graph.learner import TrainingStep
from graphlang.run.memory import aligned
from graphlang.types.tensor import DType


class Layout:
    """Where the numbers of a training run lie.

    Parameters
    ----------
    step : TrainingStep
    dtype : numpy float type

    Attributes
    ----------
    held : dict of str to array
        Parameters and states, of the model and of the optimizer, by path: always the same arrays.
    gradients : dict of str to array
        By path of the parameter.
    """

    def __init__(self, step: TrainingStep, dtype: type[np.floating[Any]]):
        learner, model = step.learner, step.model
        self._state_of = learner.state_of
        self.shapes = {path: tuple(int(s) for s in n.shape) for path, n in learner.weights.items()}
        self.size = sum(map(math.prod, self.shapes.values()))
        self.weight, self.gradient = aligned(self.size, dtype), aligned(self.size, dtype)
        self.held: dict[str, np.ndarray] = self._views(self.weight)
        self.gradients = self._views(self.gradient)
        self.flat_states: list[np.ndarray] = []
        self.is_flat = flat_states(step)
        if self.is_flat:
            count = len(next(iter(learner.state_of.values()), ()))
            for k in range(count):
                flat = aligned(self.size, dtype)
                views = self._views(flat)
                self.held |= {learner.state_of[path][k]: view for path, view in views.items()}
                self.flat_states.append(flat)
        kinds = {**{p: model.by_path[p] for p in (*model.params, *model.states)}, **learner.states}
        for path, node in kinds.items():
            if path not in self.held:
                kind = {DType.FLOAT: dtype, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype]
                self.held[path] = np.zeros(tuple(int(s) for s in node.shape), kind)

    @cached_property
    def vectors(self) -> list[np.ndarray]:
        """All parameters and states as vectors, each number in one of them."""
        flat = [self.weight, *self.flat_states]
        others = [a for a in self.held.values() if not any(np.may_share_memory(a, v) for v in flat)]
        return [*flat, *(a.reshape(-1) for a in others)]

    def _views(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        views, at = {}, 0
        for path, shape in self.shapes.items():
            views[path] = flat[at : at + math.prod(shape)].reshape(shape)
            at += math.prod(shape)
        return views

    def states_at(self, position: int) -> list[np.ndarray]:
        """The optimizer's states of all parameters at one position of its text."""
        if self.is_flat:
            return [self.flat_states[position]]
        return [self.held[paths[position]] for paths in self._state_of.values()]

    def adopt(self, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Copy values into their places; what is returned are these places."""
        for path, array in self.held.items():
            array[...] = values[path]
        return dict(self.held)


def flat_states(step: TrainingStep) -> bool:
    """Whether the optimizer's states all have their parameters' shapes."""
    learner = step.learner
    return all(
        learner.states[s].shape == learner.weights[path].shape and learner.states[s].type.is_float
        for path, states in learner.state_of.items()
        for s in states
    )
