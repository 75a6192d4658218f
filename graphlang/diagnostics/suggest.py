"""What was meant by a misspelt name."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most likely meant by a misspelt name, or None."""
    pool = sorted(set(candidates))
    lowered = {c.lower(): c for c in reversed(pool)}
    if name.lower() in lowered and lowered[name.lower()] != name:
        return lowered[name.lower()]
    if len(name) <= 2:
        # So short a name resembles everything: only its neighbours (x0 for x1) are worth naming.
        pool = [c for c in pool if len(c) <= len(name) + 1 and c[0] == name[0]]
    swapped = [c for c in pool if c != name and sorted(c) == sorted(name)]
    if swapped:  # letters in another order, as in `tahn`
        pool = swapped
    # Most files have no misspelt name.
    import difflib

    found = difflib.get_close_matches(name, pool, n=1, cutoff=0.5 if len(name) <= 3 else 0.6)
    return found[0] if found else None
