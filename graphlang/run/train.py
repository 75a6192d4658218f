"""Training: the step's graph over and over, on one batch after the other.

A `Trainer` holds what does not change; a `Progress` holds all that does, so that a run written down and
taken up again continues as if it had never stopped. Nothing random is kept: the order of the rows and every
draw are functions of the seed, the epoch and the step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from threading import Thread
from typing import Any

import numpy as np

from graphlang import records
from graphlang.diagnostics import GraphlangError
from graphlang.graph.dag import ancestors
from graphlang.graph.learner import TrainingStep
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.plan import fading
from graphlang.plan.schedule import make_plan
from graphlang.plan.work import suits_one_thread
from graphlang.records import field
from graphlang.run.batches import Feed, Split, batches_of_epoch, count_batches, split_rows
from graphlang.run.blas import OneThread, give_all_threads
from graphlang.run.divergence import broken_update, divergence
from graphlang.run.evaluator import Evaluator, bound_sizes
from graphlang.run.fade import fade
from graphlang.run.interpreter import KERNEL_ERRORS, Executable
from graphlang.run.layout import Layout
from graphlang.run.memory import Pool
from graphlang.run.program import Program
from graphlang.run.session import initial_values
from graphlang.run.settings import Settings
from graphlang.run.step_program import StepProgram, all_finite, lone_square
from graphlang.run.threads import Threads, available

Values = dict[str, Any]
# The seed of a step is that of the run plus the step's number times 2 ** 32.
_SEED_SHIFT = 32
# From so many parameters on, the update is shared by two threads: it does nothing but read and write memory.
_SHARED_UPDATE = 1 << 20
# A run of which so many seconds are done and so many are likely to be left is worth the time of a C compiler.
_SHORT, _LONG = 1.0, 5.0


class Record(records.Record):
    """What an epoch came to; one line of the log.

    Attributes
    ----------
    epoch, step : int
        Epochs and steps done.
    loss : float
        Mean over the rows of the epoch of what is minimised, each batch before its update.
    metrics : dict of str to float
        The same for the file's metrics.
    holdout : dict of str to float, or None
        `loss` and metrics on the rows held out, after the epoch; None if there are none.
    seconds : float
        Since the run was started.
    """

    epoch: int
    step: int
    loss: float
    metrics: dict[str, float]
    holdout: dict[str, float] | None
    seconds: float

    @property
    def watched(self) -> float:
        """The loss by which the best epoch is chosen."""
        return self.loss if self.holdout is None else self.holdout["loss"]


class Progress(records.Record, frozen=False):
    """All of a training run that changes.

    Attributes
    ----------
    values : dict of str to array
        Parameters, states of the model and of the optimizer, by path.
    step, epoch, batch : int
        Steps and epochs done, and batches done in the epoch at hand.
    rows, sums
        Rows seen in the epoch at hand, and the sums over them of `loss` and the metrics.
    best, best_loss, best_epoch
        The values of the epoch with the smallest watched loss, if epochs are watched (`Trainer.watches`).
    gradients : dict of str to array
        By path of the parameter, those of the step done last, before they are clipped. The next step writes
        over them; empty until the first.
    """

    values: Values
    step: int = 0
    epoch: int = 0
    batch: int = 0
    rows: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: Values | None = None
    best_loss: float = math.inf
    best_epoch: int = 0
    seconds: float = 0.0
    gradients: Values = field(default_factory=dict)


class Engine:
    """The numbers of one training run in their places, and the step compiled for each size of batch."""

    def __init__(self, trainer: Trainer):
        self._trainer = trainer
        self.layout = Layout(trainer.step, trainer.dtype)
        self._programs: dict[int, StepProgram] = {}
        positions = fading.fading(trainer.step.learner)
        self._fading = [state for k in positions for state in self.layout.states_at(k)]
        threads = trainer.threads or trainer.helpful_threads()
        self._threads = Threads(threads) if threads > 1 else None
        self._helpers = self._threads
        # Seconds of the run after which `decide` is to be called.
        self.decides_at = _SHORT if trainer.jit is None else math.inf
        if self._threads is None and self.layout.size >= _SHARED_UPDATE and available() > 1:
            self._helpers = Threads(2, holds_blas=False)

    def close(self) -> None:
        """End the threads, if there are any."""
        if self._helpers is not None:
            self._helpers.close()

    def step(self, count: int, leaves: Mapping[str, Any], seed: int) -> tuple[list[Any] | None, bool]:
        """Forward, backward, and the update if the loss and all gradients are finite.

        Returns
        -------
        list, or None
            The loss and what else is reported; None where a kernel fails, which the interpreter can explain.
        bool
            Whether the parameters were updated.
        """
        program = self._programs.get(count) or self._compiled(count)
        try:
            if program.is_ready:
                program.adopt(leaves, seed)
            return program.take(leaves, seed)
        except KERNEL_ERRORS:
            return None, False

    def fade(self) -> None:
        """Set to 0 what the optimizer keeps where it is next to nothing (`plan/fading.py`)."""
        for state in self._fading:
            fade(state)

    def has_finite_values(self) -> bool:
        """Whether all parameters and states are."""
        with np.errstate(all="ignore"):
            return all(all_finite(v, partial(lone_square, v)) for v in self.layout.vectors)

    def _compiled(self, count: int) -> StepProgram:
        program = self._trainer.program(self.layout, count, self._threads, self._helpers, self._memory())
        if self._trainer.jit:
            program.compile(is_free=self._trainer.is_fast)
        self._programs[count] = program
        return program

    def _memory(self) -> Pool | None:
        """What the step for another size of batch computes in, since only one of them does at a time."""
        first = next(iter(self._programs.values()), None)
        if first is None or not isinstance(first.program, Program):
            return None
        return Pool(beside=first.program.pool)

    def decide(self, seconds: float, left: float) -> None:
        """Start to compile in the background if a run that has taken `seconds` is likely to take long.

        `left` are the steps still to do, relative to those done.
        """
        self.decides_at = math.inf
        if seconds * left > _LONG:
            programs = list(self._programs.values())
            Thread(target=_compile, args=(programs,), name="graphlang-jit", daemon=True).start()


def _compile(programs: list[StepProgram]) -> None:
    # Without a compiler, or one that works, everything stays as it is: nobody has asked for it.
    with suppress(GraphlangError):
        for program in programs:
            program.compile()


class Trainer:
    """A model ready to be trained.

    Parameters
    ----------
    step : TrainingStep
        The graph of one step.
    inference : Model
        The same file, elaborated for inference and differentiated, to evaluate the rows held out.
    feed : Feed
    settings : Settings
    dtype : numpy float type
        Precision of floats.
    threads : int
        With more than one, each computes a part of every batch (`run/split_program.py`); 0 for as many as
        there are cores where that is likely to be faster, else one.
    is_fast : bool
        Whether sums may be taken in another order than a script's (`run/loose.py`), as they are with threads.
    jit : bool or None
        Whether steps are compiled by a C compiler (`run/native_step.py`): before the first, or never, or with
        None in the background, once a run has proved to be a long one. That changes no bit, unless it is
        asked for with `is_fast`: then products are C too, and all cores share the work.
    added : int
        How many of the last rows are not the data's own: they are learned from and never held out.
    """

    def __init__(
        self,
        step: TrainingStep,
        inference: Model,
        feed: Feed,
        settings: Settings,
        dtype: type[np.floating[Any]] = np.float32,
        threads: int = 1,
        is_fast: bool = False,
        jit: bool | None = False,
        added: int = 0,
    ):
        self.threads, self.is_fast, self.jit = threads, is_fast, jit
        self.step, self.inference, self.feed, self.settings, self.dtype = (
            step,
            inference,
            feed,
            settings,
            dtype,
        )
        self.split: Split = split_rows(feed.count, settings.holdout, settings.seed, added)
        self.batches = count_batches(self.split.size, settings.batch) if feed.count else 1
        loss = inference.training.minimize if inference.training else None
        assert loss is not None
        nodes = {"loss": loss, **inference.metrics}
        self.evaluate = Evaluator(inference, nodes, feed, dtype, settings.seed)
        self.reported = {"loss": step.loss, **step.model.metrics}
        reached = ancestors([*self.reported.values(), *step.next.values()])
        self._times = {leaf.path: name for name, leaf in step.clock.items() if leaf in reached}
        # Inputs that do not fit the model are told of before anything runs.
        bound_sizes(feed, self._largest_batch)
        self._suits_one_thread = suits_one_thread(step, settings.batch)
        if not self._suits_one_thread:
            give_all_threads()

    def start(self, weights: Mapping[str, Any] | None = None) -> Progress:
        """Where training begins: parameters and states as the file says, or as given."""
        given = dict(weights or {})
        model, seed, learner = self.step.model, self.settings.seed, self.step.learner
        with OneThread(self._suits_one_thread):
            values: Values = {**initial_values(model, self.dtype, seed, given), **given}
            values |= initial_values(model, self.dtype, seed, starts=learner.starts) if learner.starts else {}
        kinds = {**{p: model.by_path[p] for p in (*model.params, *model.states)}, **learner.states}
        for path, node in kinds.items():
            values[path] = np.asarray(values[path], self.dtype if node.type.is_float else None)
        return Progress(values)

    def steps(self, progress: Progress) -> Iterator[float | Record]:
        """Train from where `progress` is to the end: the loss of every step, and a record after each epoch.

        `progress` is brought up to date before each of them.

        Raises
        ------
        GraphlangError
            When a step cannot be computed, or the loss or a gradient is no longer finite; `progress` then
            stands before that step.
        """
        started = time.monotonic() - progress.seconds
        engine = Engine(self)
        progress.values = engine.layout.adopt(progress.values)
        try:
            with OneThread(self._suits_one_thread):
                yield from self._epochs(engine, progress, started)
        finally:
            engine.close()

    def _epochs(self, engine: Engine, progress: Progress, started: float) -> Iterator[float | Record]:
        while progress.epoch < self.settings.epochs and not self._has_lost_patience(progress):
            parts = islice(self._batches(progress.epoch), progress.batch, None)
            for inputs in self.feed.several(parts):
                loss = self._one_step(engine, progress, inputs)
                progress.seconds = time.monotonic() - started
                progress.gradients = engine.layout.gradients
                if progress.seconds > engine.decides_at:
                    steps = self.settings.epochs * self.batches
                    engine.decide(progress.seconds, steps / progress.step - 1)
                yield loss
            if not engine.has_finite_values():
                self.check(progress)
            yield self._end_epoch(progress)

    @property
    def _largest_batch(self) -> int:
        return min(self.settings.batch or self.split.size, self.split.size)

    def helpful_threads(self) -> int:
        """How many threads are likely to be of use: as many as there are cores, or one."""
        from graphlang.plan.split import rows_of, split
        from graphlang.plan.work import pays

        step = self.step
        sizes = bound_sizes(self.feed, self._largest_batch)
        rows = rows_of(step.model.by_path[path] for path in self.feed.names)
        wanted = [*self.reported.values(), *step.gradients.values()]
        if rows is None or not pays(step.nodes, wanted, sizes):
            return 1
        return 1 if split(step.nodes, wanted, rows, sizes) is None else available()

    def program(
        self,
        layout: Layout,
        count: int,
        threads: Threads | None = None,
        helpers: Threads | None = None,
        pool: Pool | None = None,
    ) -> StepProgram:
        """The step compiled for batches of `count` rows, in memory from a pool."""
        return StepProgram(
            self.step,
            layout,
            list(self.reported.values()),
            bound_sizes(self.feed, count),
            self.dtype,
            threads,
            self.feed.names,
            is_exact=not self.is_fast,
            helpers=helpers,
            pool=pool,
        )

    def _batches(self, epoch: int) -> Iterator[np.ndarray | slice]:
        if not self.feed.count:
            return iter((slice(None),))
        s = self.settings
        return batches_of_epoch(self.split, epoch, batch=s.batch, shuffle=s.shuffle, seed=s.seed)

    @property
    def watches(self) -> bool:
        """Whether the best epoch is kept: by the loss on the rows held out, or for patience's sake."""
        return len(self.split.held) > 0 or self.settings.patience is not None

    def _has_lost_patience(self, progress: Progress) -> bool:
        patience = self.settings.patience
        return patience is not None and progress.epoch - progress.best_epoch >= patience

    def _one_step(self, engine: Engine, progress: Progress, inputs: Mapping[str, Any]) -> float:
        count = len(inputs[self.feed.names[0]]) if self.feed.names else 0
        leaves = {**inputs, **self._clock(progress)} if self._times else inputs
        found, is_done = engine.step(count, leaves, self.step_seed(progress.step + 1))
        if found is None or not is_done:
            loss = math.nan if found is None else float(found[0])
            raise divergence(self, progress, {**progress.values, **leaves}, count, loss)
        weight, sums = count or 1, progress.sums
        for name, value in zip(self.reported, found, strict=True):
            sums[name] = sums.get(name, 0.0) + float(value) * weight
        progress.rows += weight
        progress.step += 1
        progress.batch += 1
        if progress.step % fading.EVERY == 0:
            engine.fade()
        return float(found[0])

    def step_seed(self, step: int) -> int:
        """Every step draws anew, as the seed and the step's number say."""
        return self.settings.seed + (step << _SEED_SHIFT)

    def _clock(self, progress: Progress) -> dict[str, Any]:
        dt = 1 / self.batches
        times: dict[str, Callable[[], Any]] = {
            "step": lambda: np.int64(progress.step + 1),
            "t": lambda: self.dtype(progress.epoch + progress.batch * dt),
            "dt": lambda: self.dtype(dt),
            "epochs": lambda: self.dtype(self.settings.epochs),
        }
        return {path: times[name]() for path, name in self._times.items()}

    def executable(self, nodes: list[Node], wanted: Any, sizes: Mapping[str, int]) -> Executable:
        """What computes `wanted` of the step's graph."""
        plan = make_plan(nodes, wanted)
        return Executable(plan, sizes, self.dtype, self.settings.seed, self.step.model.place_of)

    def check(self, progress: Progress) -> None:
        """Raise GraphlangError (E0915) if the last update came to numbers that are not finite."""
        error = broken_update(self, progress)
        if error is not None:
            raise error

    def _end_epoch(self, progress: Progress) -> Record:
        means = {name: total / progress.rows for name, total in progress.sums.items()}
        held = self.evaluate(progress.values, self.split.held) if len(self.split.held) else None
        progress.epoch += 1
        progress.batch, progress.rows, progress.sums = 0, 0, {}
        loss = means.pop("loss")
        record = Record(progress.epoch, progress.step, loss, means, held, progress.seconds)
        if self.watches and record.watched < progress.best_loss:
            progress.best, progress.best_loss = self.kept(progress.values), record.watched
            progress.best_epoch = progress.epoch
        return record

    def kept(self, values: Mapping[str, Any]) -> Values:
        """Parameters and states of the model: what a file of weights holds."""
        model = self.step.model
        return {path: np.array(values[path]) for path in (*model.params, *model.states)}
