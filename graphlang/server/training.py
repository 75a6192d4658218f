"""A training run that is watched: it says how it goes some twenty times a second, and obeys.

Training itself is `graphlang train`: a `Trainer`'s steps on a `Progress`. When the text is changed meanwhile,
and the parameters have kept their names and shapes, the run goes on with them under the new text, as one
turns a knob; otherwise it starts anew. It goes on likewise when points are added to its data.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError
from graphlang.diagnostics.render import as_json, render
from graphlang.learning import Training, prepare_training
from graphlang.run.report import plain
from graphlang.run.runlog import as_object
from graphlang.run.train import Progress, Record
from graphlang.server.added import add
from graphlang.server.compiling import compile_text
from graphlang.server.folder import Folder
from graphlang.server.map import Map, map_of
from graphlang.server.places import Places
from graphlang.server.points import read_points

Message = dict[str, Any]
Send = Callable[[Message], None]

# Seconds between frames, and the part of them that is spent on steps.
_FRAME = 0.05
# At the speed 0 a frame is one step; at the others a run takes about so many seconds.
_SECONDS = (None, 60.0, 20.0, 6.0, 0.0)
_USUAL_SPEED = 2
# Sums of squares that were neither rounded to nothing nor beyond the range of 32 bits.
_PLAIN = (1e-25, 1e35)
# What a run is about, as far as a message tells it.
_GIVEN = ("text", "name", "points")
# Losses told with one frame.
_MOST_LOSSES = 60
# Numbers that the page is told, and tells again when it looks at the graph with them.
_MOST_WEIGHTS = 20_000


@dataclass(slots=True)
class Run:
    """A run at hand.

    Attributes
    ----------
    losses : list of (step, loss)
        Since the last frame.
    records : list of dict
        Of the epochs that have ended since then.
    """

    training: Training
    map: Map | None
    steps: Iterator[float | Record]
    losses: list[tuple[int, float]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    is_done: bool = False
    has_failed: bool = False

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        return self.training.progress

    def advance(self) -> bool:
        """One step, with the epoch's end if it is the last of one; False at the end of the run."""
        found = next(self.steps, None)
        if found is None:
            self.is_done = True
            return False
        if isinstance(found, Record):
            self.records.append(as_object(found))
        else:
            self.losses.append((self.progress.step, found))
        return True


def serve(message: Message, folder: Folder, inbox: queue.Queue[Message], send: Send) -> None:
    """Train the message's `text` as further messages say, until the worker is killed.

    Messages are `start` (with a `speed`), `pause`, `step`, `epoch`, `reset`, `speed`, `text` and `points`;
    any may bring a `text` with its `name`, or the `points` that are added to the data, on which the run then
    goes on. What is sent: `ready` (what is constant: the points, the grid), `frame` (what has changed, the
    norms of the last step's gradients among it), `weights` when it stands still, `state`, and `failed`.
    """
    _Session(message, folder, inbox, send).serve()


class _Session:
    def __init__(self, message: Message, folder: Folder, inbox: queue.Queue[Message], send: Send):
        self.message, self.folder, self.inbox, self.send = message, folder, inbox, send
        self.run: Run | None = None
        # The run of the text without points, which is not compiled again for every point; and its map.
        self.plain: tuple[Training, Map | None] | None = None
        self.is_running = False
        self.speed = _USUAL_SPEED

    def serve(self) -> None:
        self._guarded(lambda: self._begin(None))
        while True:
            command = self._next_command()
            if command is not None:
                self._guarded(lambda c=command: self._obey(c))  # type: ignore[misc]
            elif self.is_running:
                self._guarded(self._go_on)

    def _next_command(self) -> Message | None:
        """Waits while there is nothing else to do."""
        try:
            return self.inbox.get(block=not self.is_running)
        except queue.Empty:
            return None

    def _guarded(self, do: Callable[[], None]) -> None:
        """What the text or its numbers are at fault for stops the run and is told."""
        try:
            do()
        except GraphlangError as error:
            self.is_running = False
            if self.run is not None:
                self.run.is_done = self.run.has_failed = True
            places = Places(compile_text(self.message, self.folder).source)
            told = [
                {**as_json(d), "place": places.range_of(d.span), "rendered": render(d)}
                for d in error.diagnostics
            ]
            if self.run is not None:
                self.send(self._frame())
            self.send({"event": "failed", "diagnostics": told})

    # --- beginning ----------------------------------------------------------------------------

    def _begin(self, before: Run | None) -> None:
        """Prepare the text; with the numbers of the run before, if they fit."""
        if self.plain is None:
            self.plain = _prepared(self.message, self.folder)
        added = add(*self.plain, read_points(self.message))
        training, shown = added.training, added.map
        # Nobody goes on from numbers that are none.
        kept = before is not None and not before.has_failed and _take_over(training, before.training)
        trainer = training.trainer
        is_done = kept and training.progress.epoch >= trainer.settings.epochs
        self.run = Run(training, shown, trainer.steps(training.progress), is_done=is_done)
        self.send(
            {
                "event": "ready",
                "kept": kept,
                "model": trainer.step.model.name,
                "epochs": trainer.settings.epochs,
                "batches": trainer.batches,
                "examples": trainer.feed.count,
                "adding": added.told,
                "gradients": list(trainer.step.gradients),
                "held": len(trainer.split.held),
                "optimizer": trainer.step.learner.optimizer,
                "parameters": int(sum(np.size(v) for v in trainer.kept(training.progress.values).values())),
                "metrics": list(trainer.step.model.metrics),
                "map": shown.opening() if shown is not None else None,
            }
        )
        self.send(self._frame())

    # --- commands -----------------------------------------------------------------------------

    def _obey(self, command: Message) -> None:
        if isinstance(command.get("speed"), int):
            self.speed = min(max(command["speed"], 0), len(_SECONDS) - 1)
        asked: Message = {**self.message, **{k: command[k] for k in _GIVEN if k in command}}
        has_text = asked["text"] != self.message["text"]
        if has_text or asked.get("points") != self.message.get("points"):
            # What is trained is what stands in the editor, also if the change has not been told yet.
            self.message = asked
            self.plain = None if has_text else self.plain
            was_running, before = self.is_running, self.run
            self.is_running = False
            self._begin(before)
            self.is_running = was_running and not self._existing().is_done
        match command.get("do"):
            case "start":
                if self.run is None or self.run.is_done:
                    self._begin(None)
                self.is_running = True
            case "pause":
                self.is_running = False
                self._tell_weights()
            case "step" | "epoch" as how:
                self.is_running = False
                self._by_hand(is_epoch=how == "epoch")
            case "reset":
                self.is_running = False
                self._begin(None)
        self._tell_state()

    def _tell_weights(self) -> None:
        """Let the graph be looked at with what has been learned, if that is little enough to be sent."""
        run = self._existing()
        kept = run.training.trainer.kept(run.progress.values)
        if sum(np.size(v) for v in kept.values()) <= _MOST_WEIGHTS:
            self.send({"event": "weights", "values": {p: plain(v) for p, v in kept.items()}})

    def _tell_state(self) -> None:
        is_done = self.run is not None and self.run.is_done
        self.send({"event": "state", "running": self.is_running, "done": is_done, "speed": self.speed})

    def _by_hand(self, *, is_epoch: bool) -> None:
        run = self._existing()
        epoch = run.progress.epoch
        while run.advance() and is_epoch and run.progress.epoch == epoch and self.inbox.empty():
            pass
        # The record of an epoch comes after its last step, and belongs to it.
        if not is_epoch and run.progress.batch == run.training.trainer.batches:
            run.advance()
        self.send(self._frame())
        self._tell_weights()

    def _existing(self) -> Run:
        if self.run is None:
            self._begin(None)
        assert self.run is not None
        return self.run

    # --- going on -----------------------------------------------------------------------------

    def _go_on(self) -> None:
        """As many steps as belong to one frame, and the frame."""
        run = self._existing()
        began = time.monotonic()
        for _ in range(self._steps_of_a_frame(run)):
            if not run.advance() or time.monotonic() - began > _FRAME:
                break
        self.send(self._frame())
        if run.is_done:
            self.is_running = False
            self._tell_weights()
            self._tell_state()
        else:
            time.sleep(max(0.0, _FRAME - (time.monotonic() - began)))

    def _steps_of_a_frame(self, run: Run) -> int:
        seconds = _SECONDS[self.speed]
        if seconds is None:
            return 1
        trainer = run.training.trainer
        total = trainer.settings.epochs * trainer.batches
        return total if not seconds else max(1, round(total * _FRAME / seconds))

    def _frame(self) -> Message:
        run = self._existing()
        losses, records = run.losses, run.records
        run.losses, run.records = [], []
        every = max(1, len(losses) // _MOST_LOSSES)
        frame: Message = {
            "event": "frame",
            "epoch": run.progress.epoch,
            "step": run.progress.step,
            "losses": [[step, plain(loss)] for step, loss in losses[::-1][::every][::-1]],
            "records": records,
        }
        if run.progress.gradients:
            frame["gradients"] = {p: plain(_norm(g)) for p, g in run.progress.gradients.items()}
        if run.map is not None:
            frame["map"] = run.map.frame(run.training.trainer.kept(run.progress.values))
        return frame


def _prepared(message: Message, folder: Folder) -> tuple[Training, Map | None]:
    text = compile_text(message, folder)
    _ = text.sound
    training = prepare_training(text.source)
    return training, map_of(training, text.source)


def _norm(gradient: np.ndarray) -> float:
    """The Euclidean norm, also of entries whose squares 32 bits do not hold."""
    flat = np.ravel(gradient)
    with np.errstate(all="ignore"):
        square = float(np.dot(flat, flat))
        if not _PLAIN[0] < square < _PLAIN[1]:
            square = float(np.square(flat, dtype=np.float64).sum())
    return math.sqrt(square)


def _take_over(training: Training, before: Training) -> bool:
    """Let a run begin where another stands, if both have the same parameters; says whether they have."""
    old, new = before.progress, training.progress
    kept, fresh = before.trainer.kept(old.values), training.trainer.kept(new.values)
    if _shapes(kept) != _shapes(fresh):
        return False
    is_same = before.trainer.step.learner.optimizer == training.trainer.step.learner.optimizer
    if is_same and _shapes(old.values) == _shapes(new.values):
        kept = {p: np.array(v) for p, v in old.values.items()}
    # Another optimizer begins with its own states.
    new.values = {**new.values, **kept}
    new.step, new.epoch, new.seconds = old.step, old.epoch, old.seconds
    # What is best under another text, or on other data, is found out from here on.
    new.best_epoch = old.epoch
    return True


def _shapes(values: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {path: np.shape(value) for path, value in values.items()}
