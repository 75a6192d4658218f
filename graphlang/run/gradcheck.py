"""Gradients against finite differences: the lecture's numerical gradient beside the analytic one.

An entry w of a node is moved by h and the loss evaluated again. The central quotient (f(w+h) − f(w−h)) / 2h
has an error of order h², the lecture's one-sided (f(w+h) − f(w)) / h of order h. Where the one-sided slopes
to the left and the right stay apart however small h is, w lies on a kink (or a jump) and any value between
them is accepted. Where the quotient itself is too coarse, as that of log(w) beside 0 or beside a kink of the
slope, it is taken again with smaller h.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from graphlang.graph.node import Node
from graphlang.plan.schedule import make_plan
from graphlang.records import Record
from graphlang.run.interpreter import Executable
from graphlang.run.session import Evaluation

DEFAULT_H = 1e-5
# Agreement: relative error, and absolute error in units of what rounding does to the quotient.
RELATIVE = 1e-5
ROUNDING = 200.0


class EntryCheck(Record):
    """One entry of one node.

    Attributes
    ----------
    path, index : str, tuple of int
        Which entry.
    value, moved : float
        w and w + h.
    loss, loss_moved : float
        f(w) and f(w + h).
    numerical, analytic : float
        The quotient and the backward pass's value.
    error : float
        |numerical − analytic| / max(|numerical|, |analytic|), 0 if both are 0.
    verdict : str
        `ok`, `kink` (accepted: between the one-sided slopes), `coarse` (accepted: the quotient comes as much
        closer as h is made smaller) or `wrong`.
    """

    path: str
    index: tuple[int, ...]
    value: float
    moved: float
    loss: float
    loss_moved: float
    numerical: float
    analytic: float
    error: float
    verdict: str

    @property
    def name(self) -> str:
        """`W[0, 1]`, or `x` for a scalar."""
        return f"{self.path}[{', '.join(map(str, self.index))}]" if self.index else self.path


class GradientChecker:
    """Compares the gradients of an evaluation with finite differences of its scalar.

    With `is_relative` the step grows with the entry, h·max(1, |w|), so that it is not lost in a large one.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        *,
        h: float = DEFAULT_H,
        one_sided: bool = False,
        is_relative: bool = False,
    ):
        assert evaluation.model.of is not None
        self.evaluation = evaluation
        self.of = evaluation.model.of
        self.h = h
        self.one_sided = one_sided
        self.is_relative = is_relative
        plan = make_plan(evaluation.model.nodes, [self.of])
        self.steps = len(plan.steps)
        self._executable = Executable(plan, evaluation.sizes, np.float64, evaluation.seed, in_numbers=True)
        self._base = float(self._executable.run(evaluation.leaves)[self.of])

    def check(self, path: str, count: int | None, seed: int = 0) -> list[EntryCheck]:
        """Compare up to `count` entries of a node, all for None; a sample is drawn when there are more."""
        node = self.evaluation.model.by_path[path]
        value = np.asarray(self.evaluation.values[path], float)
        analytic = np.asarray(self.evaluation.gradients[path], float)
        return [self._entry(node, value, analytic, i) for i in _indices(value.shape, count, path, seed)]

    def _loss(self, node: Node, value: np.ndarray) -> float:
        leaves = self.evaluation.leaves
        if node.is_leaf and not node.is_const:
            return float(self._executable.run({**leaves, node.path: value})[self.of])
        if node is self.of:
            return float(value)
        return float(self._executable.run(leaves, {node: value})[self.of])

    def _moved(self, node: Node, value: np.ndarray, index: tuple[int, ...], by: float) -> float:
        other = value.copy()
        other[index] += by
        return self._loss(node, other)

    def _entry(
        self, node: Node, value: np.ndarray, analytic: np.ndarray, index: tuple[int, ...]
    ) -> EntryCheck:
        w = float(value[index])
        # A step that the number can hold exactly: w + h differs from w by h itself.
        h = float((w + self.h * (max(1.0, abs(w)) if self.is_relative else 1.0)) - w)
        above, below = self._moved(node, value, index, h), self._moved(node, value, index, -h)
        numerical = (above - self._base) / h if self.one_sided else (above - below) / (2 * h)
        wanted = float(analytic[index])
        verdict = "ok" if self._agrees(numerical, wanted, h) else "wrong"
        if verdict == "wrong" and self._is_kink(node, value, index, h, wanted):
            verdict = "kink"
        elif verdict == "wrong" and self._comes_closer(node, value, index, h, numerical, wanted):
            verdict = "coarse"
        return EntryCheck(
            node.path,
            index,
            w,
            w + h,
            self._base,
            above,
            numerical,
            wanted,
            _relative(numerical, wanted),
            verdict,
        )

    def _agrees(self, numerical: float, analytic: float, h: float) -> bool:
        if not (np.isfinite(numerical) and np.isfinite(analytic)):
            return numerical == analytic
        rounding = ROUNDING * np.finfo(float).eps * max(1.0, abs(self._base)) / h
        slack = (abs(self.h) * 10 if self.one_sided else RELATIVE) * max(abs(numerical), abs(analytic))
        # The one-sided quotient is wrong by h f''/2, of which nothing is known but that f'' is no wonder.
        curvature = 10 * h * max(1.0, abs(analytic)) if self.one_sided else 0.0
        return bool(abs(numerical - analytic) <= slack + rounding + curvature)

    def _comes_closer(
        self, node: Node, value: np.ndarray, index: tuple[int, ...], h: float, numerical: float, wanted: float
    ) -> bool:
        """Whether the quotient tends to the gradient: h brings it as much closer as it is smaller.

        A wrong gradient stays as far away.
        """
        gap = abs(numerical - wanted)
        for times in (8, 64, 512):
            left, right = self._slopes(node, value, index, h / times)
            closer = right if self.one_sided else (left + right) / 2
            if self._agrees(closer, wanted, h / times) and abs(closer - wanted) <= 2 * gap / times:
                return True
        return False

    def _is_kink(
        self,
        node: Node,
        value: np.ndarray,
        index: tuple[int, ...],
        h: float,
        analytic: float,
    ) -> bool:
        """Whether a kink or a jump lies within h, and the gradient between the one-sided slopes.

        On a smooth curve the slopes to the right and to the left differ by h f'', so each step that is eight
        times smaller brings them eight times closer. At a kink they stay apart, at a jump they part further,
        and beside one they agree at once.
        """
        slopes = [self._slopes(node, value, index, h / 8**k) for k in range(3)]
        scale = max(abs(s) for pair in slopes for s in pair)
        gaps = [abs(right - left) for left, right in slopes]
        rounding = 4 * np.finfo(float).eps * max(1.0, abs(self._base)) / (h / 64)
        is_smooth = gaps[0] <= 1e-6 * scale + rounding or all(a / 16 < b < a / 4 for a, b in pairwise(gaps))
        low, high = min(min(pair) for pair in slopes), max(max(pair) for pair in slopes)
        margin = 1e-4 * max(scale, 1e-8)
        return not is_smooth and low - margin <= analytic <= high + margin

    def _slopes(self, node: Node, value: np.ndarray, index: tuple[int, ...], h: float) -> tuple[float, float]:
        right = (self._moved(node, value, index, h) - self._base) / h
        left = (self._base - self._moved(node, value, index, -h)) / h
        return left, right


def _relative(a: float, b: float) -> float:
    scale = max(abs(a), abs(b))
    return abs(a - b) / scale if scale else 0.0


def _indices(shape: tuple[int, ...], count: int | None, path: str, seed: int) -> list[tuple[int, ...]]:
    total = int(np.prod(shape, dtype=np.int64))
    if count is None or total <= count:
        return [tuple(int(i) for i in index) for index in np.ndindex(*shape)]
    generator = np.random.default_rng([seed, *path.encode()])
    chosen = np.sort(generator.choice(total, size=count, replace=False))
    return [tuple(int(i) for i in np.unravel_index(flat, shape)) for flat in chosen]


def checked_paths(evaluation: Evaluation, *, leaves_only: bool) -> list[str]:
    """The nodes whose gradients are compared: inputs and parameters, or every named node."""
    model = evaluation.model
    return [
        path
        for path in evaluation.gradients
        if path in evaluation.values
        and (
            model.by_path[path].op in ("input", "param") if leaves_only else not model.by_path[path].is_const
        )
    ]


def check_all(
    evaluation: Evaluation,
    paths: Sequence[str],
    *,
    h: float = DEFAULT_H,
    one_sided: bool = False,
    per_node: int | None = 10,
    budget: int | None = None,
    seed: int = 0,
) -> tuple[list[EntryCheck], int]:
    """Compare many nodes' gradients; returns the comparisons and how many nodes were left out.

    Parameters
    ----------
    evaluation : Evaluation
        In float64, with gradients.
    paths : sequence of str
        Which nodes.
    per_node : int or None
        Entries per node at most, all for None.
    budget : int or None
        Operations that may be evaluated in all; beyond it nodes are sampled evenly. With a budget, steps are
        relative to the entries.
    """
    checker = GradientChecker(evaluation, h=h, one_sided=one_sided, is_relative=budget is not None)
    chosen: Iterable[str] = paths
    if budget is not None and paths:
        affordable = max(4, budget // (4 * max(1, checker.steps)))
        if affordable < len(paths):
            per_node = 1
            stride = len(paths) / affordable
            chosen = [paths[int(i * stride)] for i in range(affordable)]
        elif per_node is not None:
            per_node = max(1, min(per_node, affordable // len(paths)))
    found: list[EntryCheck] = []
    count = 0
    for path in chosen:
        found.extend(checker.check(path, per_node, seed))
        count += 1
    return found, len(paths) - count


def worst(checks: Iterable[EntryCheck]) -> EntryCheck | None:
    """The comparison with the largest relative error among those that count."""
    return max(
        (c for c in checks if c.verdict not in ("kink", "coarse")), key=lambda c: c.error, default=None
    )
