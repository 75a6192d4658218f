"""A worker process as the server sees it: lines of JSON go in, lines of JSON come out, and it can be killed.

No pickles and no shared memory: whatever a worker says is data. A worker whose answer is not there in time is
killed; the next question goes to a new one, since a worker keeps nothing that a question does not bring.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Message = dict[str, Any]
# Longer answers are taken for a mistake, or an attack.
_LONGEST = 64 << 20


class StoppedError(Exception):
    """The worker was killed, or has died, before it answered."""


class TooSlowError(Exception):
    """The worker's answer was not there in time; it has been killed."""


class Process:
    """A worker.

    Parameters
    ----------
    folder : str
        What it may read.
    """

    def __init__(self, folder: str):
        home = str(Path(__file__).parents[2])
        paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
        # -P: modules are not looked for in the working directory, which may be anyone's.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "graphlang.server.worker", folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C in the terminal is the server's; it then ends its workers.
            start_new_session=True,
        )
        self._lines: queue.Queue[Message | None] = queue.Queue(maxsize=64)
        self._asking = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        return self._popen.poll() is None

    def ask(self, message: Message, seconds: float) -> Message:
        """One question, one answer.

        Raises
        ------
        TooSlowError
            If there is no answer after so many seconds; the worker is then gone.
        StoppedError
            If it was killed meanwhile.
        """
        with self._asking:
            self.tell(message)
            try:
                found = self._lines.get(timeout=seconds)
            except queue.Empty:
                self.kill()
                raise TooSlowError from None
        if found is None:
            raise StoppedError
        return found

    def tell(self, message: Message) -> None:
        """Send a message without waiting. Raises StoppedError if nobody is there."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(json.dumps(message).encode() + b"\n")
            self._popen.stdin.flush()
        except (OSError, ValueError):
            raise StoppedError from None

    def messages(self, seconds: float) -> Iterator[Message | None]:
        """What a worker that trains says, as it comes; None when it has been silent for so many seconds."""
        while True:
            try:
                found = self._lines.get(timeout=seconds)
            except queue.Empty:
                yield None
                continue
            if found is None:
                self._lines.put(None)
                return
            yield found

    def kill(self) -> None:
        """End it at once, whatever it does."""
        with suppress(OSError):
            self._popen.kill()
        self._popen.wait()
        with suppress(OSError, ValueError):
            assert self._popen.stdin is not None
            self._popen.stdin.close()
        # Whoever reads may wait for room, and whoever asked waits for an answer: let both go.
        with suppress(queue.Empty):
            while True:
                self._lines.get_nowait()
        self._lines.put(None)

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as lines:
            while line := lines.readline(_LONGEST):
                try:
                    self._lines.put(json.loads(line))
                except ValueError:  # cut off by a kill, or too long
                    break
        self._lines.put(None)
