"""A training step compiled: forward and backward into one flat gradient, then the update of flat weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.graph.learner import TrainingStep
from graphlang.graph.node import Node
from graphlang.run.code import Code
from graphlang.run.flat_update import PIECE, UpdateText, flat_update
from graphlang.run.layout import Layout
from graphlang.run.memory import Pool
from graphlang.run.program import Program
from graphlang.run.threads import Threads

if TYPE_CHECKING:
    from graphlang.run.split_program import SplitProgram

# So few entries BLAS does not share among its threads, which then wait for more on cores that others need.
_LONE = 4096
# Floating-point operations of a step that are worth waking up another thread for.
LEAST_WORK = 10_000_000


class StepProgram:
    """One training step for a batch of a certain size.

    Parameters
    ----------
    step : TrainingStep
    layout : Layout
    wanted : list of Node
        What else is computed: the loss, and then the metrics.
    sizes : mapping of str to int
    dtype : numpy float type
    threads : Threads, optional
        They share the batch if its rows can be kept apart.
    fed : sequence of str
        The inputs that have a row for each of the batch.
    is_exact : bool
        Whether sums are to be taken in the interpreter's order; with threads they are not.
    helpers : Threads, optional
        They share the update, which changes no bit of it.
    pool : Pool, optional
        Where the memory of a step that is not shared is to come from.

    Attributes
    ----------
    is_ready : bool
        Whether there is C that `adopt` may try.
    """

    def __init__(
        self,
        step: TrainingStep,
        layout: Layout,
        wanted: list[Node],
        sizes: Mapping[str, int],
        dtype: type[np.floating[Any]],
        threads: Threads | None = None,
        fed: Sequence[str] = (),
        *,
        is_exact: bool = True,
        helpers: Threads | None = None,
        pool: Pool | None = None,
    ):
        update = flat_update(step, layout)
        self._layout = layout
        self._states = [s for s in step.next if s not in step.learner.next]
        following = {p: step.next[p] for p in (self._states if update is not None else step.next)}
        scalars = list(update.scalars) if update is not None else []
        targets: dict[Node, np.ndarray] = {}
        copies: list[tuple[np.ndarray, Node]] = []
        for path, node in step.gradients.items():
            if node in targets or node.is_leaf:
                copies.append((layout.gradients[path], node))
            else:
                targets[node] = layout.gradients[path]
        asked = [*wanted, *step.gradients.values(), *following.values(), *scalars]
        self._asked = [*wanted, *following.values(), *scalars]
        shared = None
        if threads is not None:
            shared = _shared(step, asked, fed, sizes, dtype, layout, targets, threads)
        self.program: Program | SplitProgram = shared or Program(
            step.nodes,
            asked,
            sizes,
            dtype,
            layout.held,
            targets,
            is_exact=is_exact and threads is None,
            pool=pool,
        )
        self._is_split, self._is_free = shared is not None, False
        self._copies = copies
        self._following = [
            (layout.held[path], node, self._is_among(layout, node)) for path, node in following.items()
        ]
        self._whole_update = update
        self._updates = update.compiled(layout, helpers) if update is not None else []
        self._helpers = helpers
        self.is_ready = False
        self._native: tuple[list[Callable[..., Any]], list[Callable[..., None]]] = [], []
        # The squared length of the gradient, once C computes it.
        self._square: Callable[[], Any] | None = None
        self._at = {node: k for k, node in enumerate(dict.fromkeys(asked))}
        self._reported = [self._at[node] for node in wanted]
        self._copied = [(array, self._at[node]) for array, node in copies]
        self._replaced = [(array, self._at[node], is_held) for array, node, is_held in self._following]
        self._given = [self._at[node] for node in scalars]

    def _is_among(self, layout: Layout, node: Node) -> bool:
        """Whether a value is a view of a parameter or of a state."""
        array = self.program.array_of(node)
        return array is not None and any(np.may_share_memory(array, held) for held in layout.held.values())

    @property
    def update_text(self) -> UpdateText | None:
        """The statements of the update of the flat vectors, if they are updated as a whole."""
        update, layout = self._whole_update, self._layout
        return update.written(layout, 0, layout.size) if update is not None else None

    @property
    def asked(self) -> list[Node]:
        """All nodes whose values a step hands on."""
        return list(self._asked)

    @property
    def copies(self) -> list[tuple[np.ndarray, Node]]:
        """Gradients that are copied into their places at the end, since they are also something else."""
        return self._copies

    @property
    def following(self) -> list[tuple[np.ndarray, Node, bool]]:
        """Places outside the flat update, what they become, and whether that lies in such a place itself."""
        return self._following

    def compile(self, *, is_free: bool = False) -> None:
        """Make the step in C, to be adopted later; another thread may do so while steps are taken.

        Parameters
        ----------
        is_free : bool
            Whether C may compute products too and take sums in another order than NumPy, and the processor's
            cores share the work.

        Raises
        ------
        GraphlangError
            E0918 when there is no C compiler, or it fails.
        """
        update = self._whole_update
        self._is_free = is_free
        # Threads of our own that share the batch have a core each already.
        is_shared = is_free and not self._is_split
        updates: list[Callable[..., None]] = []
        if update is not None:
            updates = update.compiled(self._layout, self._helpers, is_native=True, is_shared=is_shared)
        functions = [p.native(is_exact=not is_free, is_shared=is_shared) for p in self.program.programs]
        self._native = functions, updates
        self.is_ready = True

    def adopt(self, leaves: Mapping[str, Any], seed: int) -> bool:
        """Take steps in C from now on, if that gives the bits of NumPy on this batch.

        They should be the same; but a processor or a compiler that nobody has tried should not go unnoticed.
        Where sums may be taken in any order, loss and gradients must agree to a thousandth of the largest.
        """
        self.is_ready = False
        functions, updates = self._native
        programs, is_same = self.program.programs, False
        with np.errstate(all="ignore"):
            expected = [a if isinstance(a, bytes) else a.copy() for a in self._trial(leaves, seed)]
            before = [p.use(f) for p, f in zip(programs, functions, strict=True)]
            try:
                is_same = self._is_like(expected, self._trial(leaves, seed))
            finally:
                if not is_same:
                    for program, function in zip(programs, before, strict=True):
                        program.use(function)
        if is_same:
            self._updates = updates
            if self._is_free and self._layout.size:
                self._square = _shared_square(self._layout.gradient)
        return is_same

    def _trial(self, leaves: Mapping[str, Any], seed: int) -> list[Any]:
        """Digests of all that a step computes before it changes anything, or loss and gradients."""
        found = self.program.values(leaves, seed)
        if self._is_free:
            return [np.asarray(found[self._reported[0]]), self._layout.gradient]
        arrays = [*(np.ascontiguousarray(value) for value in found), self._layout.gradient]
        return [blake2b(array.data).digest() for array in arrays]

    def _is_like(self, expected: list[Any], found: list[Any]) -> bool:
        if not self._is_free:
            return expected == found
        return all(_are_close(a.reshape(-1), b.reshape(-1)) for a, b in zip(found, expected, strict=True))

    def take(self, leaves: Mapping[str, Any], seed: int) -> tuple[list[Any], bool]:
        """Forward, backward, and the update if the loss and all gradients are finite.

        Returns
        -------
        list
            The values asked for, the loss first.
        bool
            Whether the parameters were updated; the gradients are in the layout either way.
        """
        with np.errstate(all="ignore"):
            found = self.program.values(leaves, seed)
            for array, at in self._copied:
                array[...] = found[at]
            reported = [found[at] for at in self._reported]
            if not math.isfinite(reported[0]) or not all_finite(self._layout.gradient, self._square):
                return reported, False
            if self._replaced:
                self._replace(found)
            self._update(found)
        return reported, True

    def _replace(self, found: Sequence[Any]) -> None:
        """Change what is outside the flat update."""
        # A value that lies in a place which is written here is copied before the first is.
        values = [np.array(found[at]) if is_held else found[at] for _, at, is_held in self._replaced]
        for (array, _, _), value in zip(self._replaced, values, strict=True):
            array[...] = value

    def _update(self, found: Sequence[Any]) -> None:
        given = [found[at] for at in self._given]
        if self._helpers is not None and len(self._updates) > 1:
            self._helpers.each([partial(update, *given) for update in self._updates])
            return
        for update in self._updates:
            update(*given)


def _shared(
    step: TrainingStep,
    asked: list[Node],
    fed: Sequence[str],
    sizes: Mapping[str, int],
    dtype: type[np.floating[Any]],
    layout: Layout,
    targets: Mapping[Node, np.ndarray],
    threads: Threads,
) -> SplitProgram | None:
    """The step as a program for threads that share the batch, if that can be and is worth it."""
    from graphlang.plan.split import rows_of, split
    from graphlang.plan.work import work
    from graphlang.run.split_program import SplitProgram

    rows = rows_of(step.model.by_path[path] for path in fed)
    if rows is None or work(step.nodes, asked, sizes) < LEAST_WORK:
        return None
    parted = split(step.nodes, asked, rows, sizes)
    if parted is None:
        return None
    return SplitProgram(parted, asked, rows, sizes, dtype, layout.held, targets, threads)


def _are_close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether vectors agree to a thousandth of the largest entry; piece by piece, since they may be large."""
    pieces = [slice(at, at + PIECE) for at in range(0, expected.size, PIECE)]
    room = 1e-3 * max((float(np.abs(expected[p]).max()) for p in pieces), default=0.0)
    return all(np.allclose(found[p], expected[p], rtol=0, atol=room, equal_nan=True) for p in pieces)


def _shared_square(vector: np.ndarray) -> Callable[[], Any]:
    """The squared length of a vector, computed in C by all cores.

    BLAS would do as well, but its threads go on waiting for more on the cores that others need.
    """
    from graphlang.run.native_step import natively

    code, rows = Code(), min(64, vector.size)
    whole = vector[: vector.size // rows * rows].reshape(rows, -1)
    rest, sums = vector[whole.size :], np.zeros(rows + 1, vector.dtype)
    name = code.constant
    code.lines.append(f"{name(np.vecdot)}({name(whole)}, {name(whole)}, {name(sums[:-1])})")
    if rest.size:
        code.lines.append(f"{name(np.dot)}({name(rest)}, {name(rest)}, {name(sums[-1:].reshape(()))})")
    native = natively(code, {}, is_exact=False, is_shared=True)
    call = native.function(())

    def square() -> Any:
        call()
        return sums.sum()

    return square


def lone_square(vector: np.ndarray) -> Any:
    """The squared length of a vector, computed by one thread: rows this short are not worth more to BLAS."""
    rows = vector.size // _LONE
    whole, rest = vector[: rows * _LONE].reshape(rows, _LONE), vector[rows * _LONE :]
    return np.vecdot(whole, whole).sum() + np.dot(rest, rest)


def all_finite(flat: np.ndarray, square: Callable[[], Any] | None = None) -> bool:
    """Whether all entries of a vector are finite; looks at each only if their squares' sum is not."""
    total = np.dot(flat, flat) if square is None else square()
    return math.isfinite(total) or bool(np.isfinite(flat).all())
