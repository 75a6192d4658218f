"""Pausing Python's collector of cyclic garbage while something large is built.

Trees, graphs and plans are millions of objects that stay and hardly a cycle. The collector goes over all of
them again and again as they grow, which takes a third of the time; reference counts free the rest anyway.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Cyclic garbage is not looked for meanwhile. Also a decorator: `@paused_collector()`."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
