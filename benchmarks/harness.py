"""What a workload and a contender are.

A workload is declared once, and its contenders are functions from a size to a `Job`, or to a `Command` where
whole processes are compared. A function is called only in its contender's own process, so it may import what
it likes; what it needs is said by name, so that it can be left out where that is not installed.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KINDS = ("graphlang", "peer", "hand", "floor")


@dataclass(frozen=True, slots=True)
class Job:
    """Work that can be repeated.

    Attributes
    ----------
    run : function of n
        Does the work n times, and returns when it is done.
    check : function, optional
        Named arrays, computed from the start; None where there is nothing to compare, as with floors.
    reset : function, optional
        Goes back to the start.
    steps : int
        How much of the workload's unit one repetition is.
    """

    run: Callable[[int], Any]
    check: Callable[[], Mapping[str, Any]] | None = None
    reset: Callable[[], Any] = lambda: None
    steps: int = 1


@dataclass(frozen=True, slots=True)
class Command:
    """A process to be timed from start to end.

    Attributes
    ----------
    argv : list of str
    check : function, optional
        Runs it so that its numbers can be compared, and returns them as named arrays.
    """

    argv: list[str]
    check: Callable[[], Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing a workload.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    make : function of a size
        Gives a `Job` or a `Command`.
    sizes : tuple of str
        Names of the sizes that it can do; all if empty.
    needs : tuple of str
        Packages that it imports; those that are written `$name` are programs.
    is_slow : bool
        Whether already its first step takes many seconds, so that tests leave it out.
    """

    name: str
    kind: str
    make: Callable[[Any], Job | Command]
    sizes: tuple[str, ...]
    needs: tuple[str, ...]
    is_slow: bool

    @property
    def missing(self) -> list[str]:
        """What it needs and is not there."""
        return [n.lstrip("$") for n in self.needs if not _is_there(n)]


def _is_there(need: str) -> bool:
    if need.startswith("$"):
        return shutil.which(need[1:]) is not None
    try:
        return importlib.util.find_spec(need) is not None
    except ModuleNotFoundError:  # where what is looked for is part of a package that is not there
        return False


@dataclass(slots=True)
class Workload:
    """A task with its sizes and its contenders.

    Attributes
    ----------
    name, title : str
    sizes : dict of str to Any
        What the contenders' functions are given, by the size's name.
    small : Any
        A size for tests.
    tolerance : float
        How far numbers may differ, relative to the largest of their array.
    unit : str
        What one repetition is.
    counts : dict of str to int
        How much work each size is, where its growth is of interest.
    has_share : bool
        Whether the memory that a size takes is told apart from that of the libraries, by doing the
        small one too.
    """

    name: str
    title: str
    sizes: dict[str, Any]
    small: Any
    tolerance: float
    unit: str = "step"
    counts: dict[str, int] = field(default_factory=dict)
    has_share: bool = False
    contenders: list[Contender] = field(default_factory=list)

    def contender(
        self, name: str, kind: str, *, sizes: tuple[str, ...] = (), needs: str = "", is_slow: bool = False
    ) -> Callable[[Callable[[Any], Job | Command]], Callable[[Any], Job | Command]]:
        """Declare the function below as a contender; the first one is what the others must agree with."""
        assert kind in KINDS, kind

        def declare(make: Callable[[Any], Job | Command]) -> Callable[[Any], Job | Command]:
            self.contenders.append(Contender(name, kind, make, sizes, tuple(needs.split()), is_slow))
            return make

        return declare

    def named(self, name: str) -> Contender:
        """The contender of that name."""
        return next(c for c in self.contenders if c.name == name)


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> float:
    """The largest difference of all arrays, relative to their largest entries; infinite if shapes differ."""
    import numpy as np

    worst = 0.0
    for name, array in expected.items():
        a, b = np.asarray(array, np.float64), np.asarray(found.get(name, np.nan), np.float64)
        if a.shape != b.shape or not np.all(np.isfinite(b)):
            return float("inf")
        if a.size:
            scale = max(float(np.max(np.abs(a))), 1e-30)
            worst = max(worst, float(np.max(np.abs(a - b))) / scale)
    return worst
