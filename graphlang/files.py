"""Writing a file completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from typing import IO


def replace_file(path: str, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it; what was begun is removed when that fails.

    Raises
    ------
    OSError
        When the file cannot be written; what was there before is untouched.
    """
    target = os.path.realpath(path)
    folder, base = os.path.split(target)
    beside = os.path.join(folder, f".{base}.{os.getpid()}.part")
    if os.path.isdir(target):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    try:
        with open(beside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
