"""What was meant by a misspelt name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most likely meant by a misspelt name, or None."""
    pool = sorted(set(candidates))
    lowered = {c.lower(): c for c in reversed(pool)}
    if name.lower() in lowered and lowered[name.lower()] != name:
        return lowered[name.lower()]
    cutoff = 0.6 if len(name) > 3 else 0.5
    found = difflib.get_close_matches(name, pool, n=1, cutoff=cutoff)
    return found[0] if found else None
