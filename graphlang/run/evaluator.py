"""A trained model on rows of data: means of its loss and metrics, and its outputs row by row.

Many rows are taken in pieces, so that the memory that is needed does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.plan.schedule import make_plan
from graphlang.run.batches import Feed
from graphlang.run.interpreter import Executable

# A piece has at most so many rows, and inputs of so many bytes.
PIECE_ROWS, PIECE_BYTES = 8192, 1 << 26


class Evaluator:
    """Some nodes of a model on any rows of its data.

    Parameters
    ----------
    model : Model
        After `differentiate`, elaborated for inference.
    nodes : mapping of str to Node
        What is computed, by the names of the results.
    feed : Feed
    dtype : numpy float type
    seed : int
    """

    def __init__(
        self,
        model: Model,
        nodes: Mapping[str, Node],
        feed: Feed,
        dtype: type[np.floating[Any]],
        seed: int,
    ):
        self._model, self.nodes, self._feed = model, dict(nodes), feed
        self._dtype, self._seed = dtype, seed
        self._plan = make_plan(model.nodes, self.nodes.values())
        self._executables: dict[int, Executable] = {}

    def __call__(self, values: Mapping[str, Any], rows: np.ndarray) -> dict[str, float]:
        """Means of scalars over the rows: taken in pieces they are weighted by the pieces' sizes.

        Parameters
        ----------
        values : mapping of str to array
            Parameters and states by path.
        rows : array of int
            May be empty only where the model has no data.
        """
        totals = dict.fromkeys(self.nodes, 0.0)
        count = max(1, len(rows))
        for part in self._pieces(rows):
            weight = len(part) if self._feed.count else 1
            for name, value in self._piece(values, part).items():
                totals[name] += float(value) * weight
        return {name: total / count for name, total in totals.items()}

    def outputs(self, values: Mapping[str, Any], rows: np.ndarray) -> dict[str, np.ndarray]:
        """The nodes' values for these rows: joined along the first axis where that is the rows'."""
        nodes = self.nodes.values()
        is_per_row = all(n.shape and not isinstance(n.shape[0], int) for n in nodes)
        if not is_per_row or not self._feed.count:
            return self._piece(values, rows)
        parts = [self._piece(values, part) for part in self._pieces(rows)]
        return {name: np.concatenate([p[name] for p in parts]) for name in self.nodes}

    def _pieces(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, min(PIECE_ROWS, PIECE_BYTES // max(1, self._feed.row_bytes())))
        if not self._feed.count:
            yield rows
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    def _piece(self, values: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        count = len(rows) if self._feed.count else 0
        if count not in self._executables:
            sizes = bound_sizes(self._feed, count)
            self._executables[count] = Executable(
                self._plan, sizes, self._dtype, self._seed, self._model.place_of
            )
        found = self._executables[count].run({**values, **self._feed.take(rows)})
        return {name: found[node] for name, node in self.nodes.items()}


def bound_sizes(feed: Feed, count: int) -> dict[str, int]:
    """The free sizes for so many rows; raises GraphlangError where the inputs do not fit the model."""
    problems = Problems()
    sizes = feed.bind(count, problems)
    if problems.has_errors:
        raise GraphlangError(problems)
    return sizes
