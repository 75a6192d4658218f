"""A program whose batch is cut into parts, each computed by a thread of its own.

NumPy lets go of the interpreter while it computes, so two threads work at the same time; BLAS is held to one
thread meanwhile. The parts and the order in which their sums are added up depend on the number of threads
that is asked for and on nothing else, so that a run comes to the same numbers every time. They are not the
bits of the whole batch in one piece: its sums are taken in another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.plan.schedule import shape_of
from graphlang.plan.split import Role, Split
from graphlang.run.program import Program
from graphlang.run.threads import Threads


class SplitProgram:
    """What `Program` computes, in parts.

    Parameters
    ----------
    split : Split
        Of the graph.
    wanted : list of Node
    rows : str
        The free size that is cut up.
    sizes, dtype, held, targets
        As for `Program`, for the whole batch.
    threads : Threads
    """

    def __init__(
        self,
        split: Split,
        wanted: Iterable[Node],
        rows: str,
        sizes: Mapping[str, int],
        dtype: type[np.floating[Any]],
        held: Mapping[str, np.ndarray],
        targets: Mapping[Node, np.ndarray],
        threads: Threads,
    ):
        self._split, self._threads = split, threads
        self._wanted = list(dict.fromkeys(wanted))
        roles = split.roles
        # Results of each row of the batch are written where the whole batch has its own.
        self._rows = {n: targets.get(n) for n in self._wanted if roles[n] is Role.ROWS}
        for node in self._rows:
            shape = shape_of(node, sizes)
            kind = dtype if node.type.is_float else None
            self._rows[node] = np.zeros(shape, kind) if self._rows[node] is None else self._rows[node]
        self._fed = {n.path for n in split.nodes if n.op == "input" and roles[n] is Role.ROWS}
        self._bounds = _bounds(sizes[rows], threads.count)
        self._parts = [self._part(a, b, a == 0, rows, sizes, dtype, held, targets) for a, b in self._bounds]
        then = {n: split.then[n] for n in self._wanted if roles[n] is not Role.ROWS}
        later = {split.then[n]: a for n, a in targets.items() if roles[n] in (Role.AFTER, Role.WHOLE)}
        self._leaves = {split.sums[n].path: n for n in split.sums}
        asked = [m for n, m in then.items() if roles[n] is not Role.PARTIAL]
        self._after = Program(split.after, asked, sizes, dtype, held, later, is_exact=False)
        self._then = then
        self._targets = {n: a for n, a in targets.items() if roles[n] is Role.PARTIAL}
        self._shared = self._in_one_place()

    def _in_one_place(self) -> set[Node]:
        """Sums that lie in the memory of another one, which must be left as it is until they are formed."""
        seen: list[np.ndarray] = []
        shared = set()
        for node in self._split.sums:
            array = self._parts[0].array_of(self._split.now[node])
            if array is None or any(np.may_share_memory(array, other) for other in seen):
                shared.add(node)
            else:
                seen.append(array)
        return shared

    def _part(
        self,
        start: int,
        stop: int,
        is_first: bool,
        rows: str,
        sizes: Mapping[str, int],
        dtype: Any,
        held: Mapping[str, np.ndarray],
        targets: Mapping[Node, np.ndarray],
    ) -> Program:
        split = self._split
        into: dict[Node, np.ndarray] = {}
        for node, whole in self._rows.items():
            assert whole is not None
            each = whole.shape[split.axis[node]] // sizes[rows]
            place = (slice(None),) * split.axis[node] + (slice(start * each, stop * each),)
            into[split.now[node]] = whole[place]
        if is_first:
            into |= {split.now[n]: a for n, a in targets.items() if split.roles[n] is Role.PARTIAL}
        asked = [split.now[n] for n in (*split.sums, *self._rows)]
        part = {**sizes, rows: stop - start}
        return Program(split.nodes, asked, part, dtype, held, into, is_exact=False)

    def values(self, leaves: Mapping[str, Any], seed: int = 0) -> Sequence[Any]:
        """As `Program.values`."""
        return list(self.run(leaves, seed).values())

    def run(self, leaves: Mapping[str, Any], seed: int = 0) -> dict[Node, Any]:
        """The wanted values; arrays among them are overwritten by the next run."""
        tasks = []
        for part, (start, stop) in zip(self._parts, self._bounds, strict=True):
            own = {path: a[start:stop] if path in self._fed else a for path, a in leaves.items()}
            tasks.append(lambda part=part, own=own: part.run(own, seed))
        found = self._threads.each(tasks)
        order = sorted(self._split.sums, key=lambda n: n not in self._shared)
        sums = {n: _added([f[self._split.now[n]] for f in found], n in self._shared) for n in order}
        for node, target in self._targets.items():
            if sums[node] is not target:
                target[...] = sums[node]
        given = {path: sums[n] for path, n in self._leaves.items()}
        after = self._after.run({**leaves, **given}, seed)
        result: dict[Node, Any] = {}
        for node in self._wanted:
            if node in self._rows:
                result[node] = self._rows[node]
            else:
                result[node] = sums[node] if node in sums else after[self._then[node]]
        return result

    @property
    def programs(self) -> list[Program]:
        """What is computed for each part, and for all together afterwards."""
        return [*self._parts, self._after]

    def array_of(self, node: Node) -> np.ndarray | None:
        """The array in which a node's value always is, if there is one."""
        if node in self._rows:
            return self._rows[node]
        if self._split.roles[node] is Role.PARTIAL:
            return None
        return self._after.array_of(self._then[node])


def _bounds(count: int, parts: int) -> list[tuple[int, int]]:
    """Where each part begins and ends; fewer parts than asked for where there are fewer rows."""
    marks = [count * k // parts for k in range(parts + 1)]
    return [(a, b) for a, b in pairwise(marks) if b > a]


def _added(values: list[Any], is_apart: bool) -> Any:
    """The sum of the parts, in their order; in the first part's array, unless it is to be apart."""
    first, *others = values
    if is_apart and isinstance(first, np.ndarray):
        first = first.copy()
    if not isinstance(first, np.ndarray) or not first.ndim:
        total = first
        for value in others:
            total = total + value
        return total
    for value in others:
        np.add(first, value, out=first)
    return first
