"""What a worker process may do: read the folder that was opened, and compute.

The second line of defence, behind `folder.py`. Python announces every file that is opened and every program
that is started ("audit events"), whatever code asks for it; here all are refused but reading files of the
folder and loading Python's own modules. A hook cannot be removed again. Limits on memory are the operating
system's, where it has them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from graphlang.server.folder import Folder, OutsideError

# Bytes of address space that a worker may take, a large part of which NumPy's threads only reserve.
MEMORY = 8 << 30
_MODULES = (".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".graph", ".lark", ".ttf", ".json")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.chown",
    "shutil.",
    "socket.connect",
    "socket.bind",
    "socket.sendto",
    "ctypes.dlopen",
)


def limit_memory() -> None:
    """Let the operating system refuse this process more than `MEMORY`, so that it fails alone."""
    with suppress(ImportError, ValueError, OSError):  # Windows and macOS have no such limit.
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def lock_in(folder: Folder) -> None:
    """From now on refuse this process everything but computing and reading the folder."""
    sys.dont_write_bytecode = True
    roots = {os.path.realpath(p) for p in (*sys.path, sys.prefix, sys.base_prefix) if p}
    sys.addaudithook(_hook(folder, tuple(roots)))


def _hook(folder: Folder, roots: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    def is_module(path: str) -> bool:
        real = os.path.realpath(path)
        is_about_one = f".dist-info{os.sep}" in real
        is_known = real.endswith(_MODULES) or is_about_one
        return is_known and any(real.startswith(root + os.sep) for root in roots)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            if isinstance(path, int):
                return
            path = os.fsdecode(path)
            is_writing = any(c in (mode or "") for c in "wax+") or bool((flags or 0) & _WRITING)
            if is_writing or not (folder.holds(path) or is_module(path)):
                raise OutsideError
        elif event in ("os.listdir", "os.scandir"):
            path = os.fsdecode(args[0]) if isinstance(args[0], str | bytes) else "."
            real = os.path.realpath(path)
            is_library = any(real == root or real.startswith(root + os.sep) for root in roots)
            if not (folder.holds(path) or is_library):
                raise OutsideError
        elif event.startswith(_REFUSED):
            raise PermissionError(f"a worker may not do this: {event}")

    return hook
