"""A compiled training step written down: every array as the memory it lies in, every function by its name."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from graphlang.plan.listing import Evaluation, Listing, copied_name
from graphlang.records import replace
from graphlang.run.evaluator import PIECE_BYTES, PIECE_ROWS, bound_sizes
from graphlang.run.layout import Layout
from graphlang.run.listing_sizes import both
from graphlang.run.memory import OtherPlacesError, Pool, SamePlaces
from graphlang.run.program import Program
from graphlang.run.step_program import StepProgram
from graphlang.run.train import Trainer


def listing_of(trainer: Trainer) -> Listing:
    """The step of a trainer for batches of the usual size, and for the last of an epoch if that is alike."""
    rows = trainer.split.size
    count = min(trainer.settings.batch or rows, rows)
    layout = Layout(trainer.step, trainer.dtype)
    program = trainer.program(layout, count)
    step = program.program
    assert isinstance(step, Program), "only without threads is a step one text"
    evaluation = _evaluation(trainer, layout, step.pool)
    pools = [step.pool] if evaluation is None else [step.pool, evaluation.pool]
    writer = _Writer(layout, pools)
    found = _listing(trainer, layout, program, count, writer)
    last = rows % count if count else 0
    if last:
        with suppress(OtherPlacesError):
            other = trainer.program(layout, last, pool=SamePlaces(step.pool))
            beside = _Writer(layout, pools)
            found = both(found, _listing(trainer, layout, other, last, beside)) or found
    if evaluation is None:
        return found
    written = _written_evaluation(trainer, evaluation, writer)
    return replace(
        found, evaluation=written, memory=writer.memory, functions=tuple(writer.functions.values())
    )


def _evaluation(trainer: Trainer, layout: Layout, beside: Pool) -> Program | None:
    """What computes loss and metrics of the rows held out at once, if they are few enough for that."""
    count, feed = len(trainer.split.held), trainer.feed
    if not 0 < count <= min(PIECE_ROWS, PIECE_BYTES // max(1, feed.row_bytes())):
        return None
    nodes = list(trainer.evaluate.nodes.values())
    sizes = bound_sizes(feed, count)
    return Program(
        trainer.inference.nodes, nodes, sizes, trainer.dtype, layout.held, pool=Pool(beside=beside)
    )


def _written_evaluation(trainer: Trainer, program: Program, writer: _Writer) -> Evaluation:
    frames = writer.frames_of(program)
    nodes = trainer.evaluate.nodes.values()
    results = [program.name_of(node) for node in nodes]
    names = _Renamed(_used(program, [*program.code.lines, *results]))
    return Evaluation(
        count=len(trainer.split.held),
        constants=frames | writer.texts(names.values),
        feeds=dict(program.fed),
        lines=tuple(map(names, program.code.lines)),
        reported={node.path: names(name) for node, name in zip(nodes, results, strict=True)},
    )


def _used(program: Program, texts: Iterable[str]) -> dict[str, Any]:
    """What the program's names stand for, of those that occur."""
    used = {name for text in texts for name in _NAME.findall(text)}
    return {name: value for name, value in program.code.names.items() if name in used}


def _listing(trainer: Trainer, layout: Layout, program: StepProgram, count: int, writer: _Writer) -> Listing:
    """A step as text."""
    step, update = program.program, program.update_text
    assert isinstance(step, Program)
    for array, node in program.copies:
        step.code.lines.append(f"{step.constant(np.copyto)}({step.constant(array)}, {step.name_of(node)})")
    places = [step.constant(place) for place, _, _ in program.following]
    frames = writer.frames_of(step)
    names = _Renamed(_used(step, [*step.code.lines, *places, *map(step.name_of, program.asked)]))
    later = _Renamed(update.code.names if update is not None else {})
    return Listing(
        counts=(count,),
        dtype=np.dtype(trainer.dtype).name,
        places={path: writer.array(array) for path, array in layout.held.items()},
        gradients={path: writer.array(layout.gradients[path]) for path in trainer.step.learner.weights},
        constants=frames | writer.texts(names.values),
        feeds=dict(step.fed),
        lines=tuple(map(names, step.code.lines)),
        reported={node.path: names(step.name_of(node)) for node in trainer.reported.values()},
        following=tuple(
            (names(place), names(step.name_of(node)), is_held)
            for place, (_, node, is_held) in zip(places, program.following, strict=True)
        ),
        update=tuple(map(later, update.code.lines)) if update is not None else (),
        scalars=tuple((name, names(step.name_of(n))) for n, name in update.scalars.items()) if update else (),
        update_constants=writer.texts(later.values),
        # Last, since what is written above adds to them.
        memory=writer.memory,
        functions=tuple(writer.functions.values()),
    )


class _Renamed:
    """Gives what statements refer to telling names: functions their own, arrays and numbers letters."""

    def __init__(self, names: Mapping[str, Any]):
        self._new: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        for old, value in names.items():
            new = _telling_name(value, old.removeprefix("c"))
            while new in self.values and not _is_same(self.values[new], value):
                new += "_"
            self._new[old] = new
            self.values.setdefault(new, value)

    def __call__(self, text: str) -> str:
        return _NAME.sub(lambda found: self._new.get(found[0], found[0]), text)


_NAME = re.compile(r"\bc\d+\b")


def _telling_name(value: Any, number: str) -> str:
    if isinstance(value, (np.ndarray, np.generic)):
        return f"{'A' if value.ndim else 'a'}{number}"
    if isinstance(value, list):
        return "pieces"
    if isinstance(value, partial):
        return _telling_name(value.func, number)
    owner = getattr(value, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}_{value.__name__}"
    name: str = value.__name__
    # A kernel may be called as a function of NumPy is.
    return name if not isinstance(value, types.FunctionType) else f"{name.rstrip('_')}_{number}"


def _is_same(a: Any, b: Any) -> bool:
    """Whether two names may become one: a method of a function is another object whenever it is asked for."""
    return a is b or bool(isinstance(getattr(a, "__self__", None), np.ufunc) and a == b)


class _Writer:
    """Finds expressions for arrays and functions, and gathers the memory that they need."""

    def __init__(self, layout: Layout, pools: Iterable[Pool]):
        self.memory: dict[str, str] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
        self._names: dict[int, str] = {}
        dtype = layout.weight.dtype.name
        flat = {"weight": layout.weight, "gradient": layout.gradient}
        flat |= {f"state_{k}": array for k, array in enumerate(layout.flat_states)}
        for name, array in flat.items():
            self._add(name, array, f"np.zeros({layout.size}, np.{dtype})")
        for array in layout.held.values():
            if id(_root(array)) not in self._names:
                self._add(f"held_{len(self.memory)}", array, _zeros(array))
        # Of each block, how many of its bytes are used.
        self._blocks: dict[int, int] = {}
        for pool in pools:
            for raw, n in zip(pool.blocks, pool.used, strict=True):
                self._blocks[id(raw)] = max(n, self._blocks.get(id(raw), 0))

    def frames_of(self, program: Program) -> dict[str, str]:
        """The frames of a program, which each has for itself, since their borders stay zero."""
        frames = {f"frame_{k}": _zeros(array) for k, array in enumerate(program.frames)}
        self._names |= {id(_root(a)): name for name, a in zip(frames, program.frames, strict=True)}
        return frames

    def _add(self, name: str, array: np.ndarray, text: str) -> None:
        self._names[id(_root(array))] = name
        self.memory[name] = text

    def texts(self, names: Mapping[str, Any]) -> dict[str, str]:
        """An expression for each of these names."""
        return {name: self._text(value) for name, value in names.items()}

    def _text(self, value: Any) -> str:
        if isinstance(value, np.generic):
            return f"np.{value.dtype.name}({_literal(value.item())})"
        if isinstance(value, np.ndarray):
            return self.array(value)
        if isinstance(value, list):
            for array in value[0]:
                self._add_scratch(_root(array))
            rows = [f"({', '.join(map(self.array, row))},)" for row in value]
            return f"[{', '.join(rows)}]"
        return self._function(value)

    def _add_scratch(self, root: np.ndarray) -> None:
        if id(root) not in self._names:
            self._add(f"scratch_{len(self.memory)}", root, f"np.empty({root.shape}, np.{root.dtype.name})")

    def _function(self, value: Any) -> str:
        if isinstance(value, partial):
            given = "".join(
                f", {name}={_index(v) if name == 'items' else _literal(v)}"
                for name, v in value.keywords.items()
            )
            return f"partial({self._function(value.func)}{given})"
        owner = getattr(value, "__self__", None)
        if isinstance(owner, np.ufunc):
            return f"np.{owner.__name__}.{value.__name__}"
        name: str = value.__name__
        if not isinstance(value, types.FunctionType) or value.__module__.startswith("numpy"):
            assert getattr(np, name) is value, value
            return f"np.{name}"
        self.functions.setdefault(name, value)
        return copied_name(name)

    def array(self, array: np.ndarray) -> str:
        """An array as a view of its memory, or by its entries where it is a constant."""
        root = _root(array)
        name = self._names.get(id(root))
        if name is None and id(root) in self._blocks:
            name = f"block_{len(self.memory)}"
            self._add(name, root, f"np.empty({self._blocks[id(root)]}, np.uint8)")
        if name is None:
            return _entries(array)
        if array is root:
            return name
        offset = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        place = f"np.ndarray({array.shape}, np.{array.dtype.name}, {name}"
        strides = "" if array.flags.c_contiguous else f", {array.strides}"
        return f"{place}{f', {offset}' if offset or strides else ''}{strides})"


def _root(array: np.ndarray) -> np.ndarray:
    """The array that owns the memory."""
    found = array
    base: Any = array.base
    while base is not None:
        found = base if isinstance(base, np.ndarray) else found
        base = getattr(base, "base", None)
    return found


def _zeros(array: np.ndarray) -> str:
    return f"np.zeros({array.shape}, np.{array.dtype.name})"


def _entries(array: np.ndarray) -> str:
    """A constant's entries."""
    kind = array.dtype.name
    flat = array.ravel()
    if array.ndim == 1 and array.dtype == np.int64 and np.array_equal(array, np.arange(len(array))):
        return f"np.arange({len(array)})"
    if array.ndim == 2 and np.array_equal(array, np.eye(array.shape[0], array.shape[1], -1)):
        return f"np.eye({array.shape[0]}, {array.shape[1]}, -1, np.{kind})"
    if flat.size > 1 and (flat == flat[0]).all():
        return f"np.full({array.shape}, {_literal(flat[0].item())}, np.{kind})"
    return f"np.array({_literal(array.tolist())}, np.{kind})"


def _index(items: tuple[Any, ...]) -> str:
    """A subscript, in the form that the kernels of scripts take."""
    parts = []
    for item in items:
        if isinstance(item, tuple):
            parts.append(":".join("" if bound is None else str(bound) for bound in item[1:]))
        else:
            parts.append(str(item))
    return f"np.s_[{', '.join(parts)}]"


def _literal(value: Any) -> str:
    """A compile-time value; infinities and NaN have no literal of their own."""
    if isinstance(value, (list, tuple)):
        inside = "".join(f"{_literal(v)}, " for v in value)
        return f"[{inside[:-2]}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, type) and issubclass(value, np.generic):
        return f"np.{value.__name__}"
    return repr(value)
