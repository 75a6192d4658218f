"""Pausing Python's collector of cyclic garbage while something large is built.

Trees, graphs and plans are millions of objects that stay and hardly a cycle. The collector goes over all of
them again and again as they grow, which takes a third of the time; reference counts free the rest anyway.
When it goes on, it would look at all that was made meanwhile as if it were young, once more for nothing: so
that is put among the old objects, which are looked at when there are many new ones.
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
            if gc.get_freeze_count() == 0:
                # Moves every object to the permanent generation and from there to the oldest, in no time.
                gc.freeze()
                gc.unfreeze()
            gc.enable()
