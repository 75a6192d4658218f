"""A progress bar for long runs: a line on a terminal, drawn anew a few times a second; nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import IO

from graphlang.cli.term import cropped

_INTERVAL = 0.1
_WIDTH = 20
_PARTS = " ▏▎▍▌▋▊▉█"


class Bar:
    """Shows how far a run is, and when it will end.

    Parameters
    ----------
    total : int
        Steps in all.
    done : int
        Steps that an earlier run has behind it.
    is_shown : bool
        False keeps silent.
    """

    def __init__(self, total: int, done: int = 0, *, is_shown: bool = True, stream: IO[str] | None = None):
        self._total, self._first = max(1, total), done
        self._stream = stream or sys.stderr
        self._is_shown = is_shown and self._stream.isatty()
        self._started = time.monotonic()
        self._drawn = 0.0

    def show(self, done: int, rows: int, told: Callable[[], str]) -> None:
        """Draw the bar, unless that was done a moment ago.

        `rows` are the examples since the start; `told` says what stands behind the bar, when it is drawn.
        """
        if not self._is_shown:
            return
        now = time.monotonic()
        if now - self._drawn < _INTERVAL:
            return
        self._drawn = now
        spent = max(now - self._started, 1e-9)
        steps = done - self._first
        left = spent / steps * (self._total - done) if steps else 0.0
        text = f"{bar(done / self._total)} {done / self._total:4.0%}  {told()}"
        text += f"  {rows / spent:,.0f} examples/s  {duration(left)} left"
        print("\r\x1b[K" + cropped(text, self._columns()), end="", file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the bar, so that a line can be printed."""
        if self._is_shown and self._drawn:
            print("\r\x1b[K", end="", file=self._stream, flush=True)
            self._drawn = 0.0

    def _columns(self) -> int:
        import shutil

        return max(20, shutil.get_terminal_size().columns - 1)


def bar(share: float) -> str:
    """A bar of eighths of characters."""
    eighths = round(min(max(share, 0.0), 1.0) * _WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    text = "█" * whole + (_PARTS[rest] if rest else "")
    return "▕" + text.ljust(_WIDTH) + "▏"


def duration(seconds: float) -> str:
    """`7.2 s`, `12:40`, `3:05:00`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
