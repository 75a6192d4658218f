"""The tabs of a browser, each with workers of its own: one that looks at texts, one that trains.

So tabs do not wait for one another, and stopping a run in one touches no other. A tab's workers keep nothing
that the tab does not have, so they may end at any time: those of the tab that was used least recently do when
there are too many.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphlang.server.process import Message, Process, StoppedError

# Tabs that have workers at the same time.
MOST_TABS = 8
# Seconds after which the workers of a tab that asks nothing end.
_IDLE = 1800.0
# Seconds between signs of life to a page that waits for news of a training run.
_HEARTBEAT = 5.0
_NAME = re.compile(r"[0-9a-f]{8,64}\Z")


@dataclass(eq=False, slots=True)
class Tab:
    """One tab's workers; `listener` is whoever hears of its training run."""

    looker: Process | None = None
    trainer: Process | None = None
    listener: object = None
    used: float = field(default_factory=time.monotonic)

    def stop(self) -> bool:
        """End its workers; says whether there were any."""
        found = [p for p in (self.looker, self.trainer) if p is not None and p.is_alive]
        self.looker = self.trainer = None
        for process in found:
            process.kill()
        return bool(found)


class Tabs:
    """All tabs of one server."""

    def __init__(self, folder: str):
        self._folder = folder
        self._tabs: dict[str, Tab] = {}
        self._lock = threading.Lock()
        # A worker takes a second to load; one is always ready for whoever needs the next.
        self._spare: Process | None = Process(folder)

    def ask(self, name: str, message: Message, seconds: float) -> Message:
        """Ask a tab's looker. Raises what `Process.ask` does, and ValueError for a strange name."""
        with self._lock:
            tab = self._tab(name)
            if tab.looker is None or not tab.looker.is_alive:
                tab.looker = self._new()
            process = tab.looker
        return process.ask(message, seconds)

    def train(self, name: str, message: Message) -> None:
        """Begin a tab's training run; one that it had ends."""
        with self._lock:
            tab = self._tab(name)
            before, tab.trainer = tab.trainer, self._new()
            process = tab.trainer
        if before is not None:
            before.kill()
        process.tell({**message, "op": "train"})

    def tell(self, name: str, message: Message) -> None:
        """Send a command to a tab's training run. Raises StoppedError if there is none."""
        with self._lock:
            process = self._tab(name).trainer
        if process is None or not process.is_alive:
            raise StoppedError
        process.tell(message)

    def events(self, name: str) -> Iterator[Message | None]:
        """What a tab's run says, None from time to time; ends with the run, or when another listens."""
        me = object()
        with self._lock:
            tab = self._tab(name)
            process, tab.listener = tab.trainer, me
        for message in process.messages(_HEARTBEAT) if process is not None else ():
            if tab.listener is not me:
                return
            tab.used = time.monotonic()
            yield message

    def has_run(self, name: str) -> bool:
        """Whether a tab has a training run."""
        with self._lock:
            process = self._tab(name).trainer
        return process is not None and process.is_alive

    def stop(self, name: str) -> bool:
        """End whatever a tab's workers do, and them with it; says whether there were any."""
        with self._lock:
            tab = self._tab(name)
        return tab.stop()

    def close(self) -> None:
        """End all workers."""
        with self._lock:
            tabs = [*self._tabs.values(), Tab(looker=self._spare)]
            self._tabs.clear()
        for tab in tabs:
            tab.stop()

    def _new(self) -> Process:
        spare, self._spare = self._spare, Process(self._folder)
        return spare if spare is not None and spare.is_alive else Process(self._folder)

    def _tab(self, name: str) -> Tab:
        if not _NAME.match(name):
            raise ValueError("this is no tab's name")
        now = time.monotonic()
        tab = self._tabs.setdefault(name, Tab())
        tab.used = now
        others = sorted((t for t in self._tabs.items() if t[1] is not tab), key=lambda t: t[1].used)
        for i, (other, old) in enumerate(others):
            if len(others) - i >= MOST_TABS or now - old.used > _IDLE:
                del self._tabs[other]
                # Killing waits for the process to end, which others need not wait for.
                threading.Thread(target=old.stop, daemon=True).start()
        return tab
