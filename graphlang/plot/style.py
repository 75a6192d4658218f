"""What all plots share: whether there is matplotlib, its settings, colours, line styles and markers.

Matplotlib is an extra and takes 0.3 s to import, so every module here imports it inside of functions, and
never pyplot: a `Figure` of its own needs no display and leaves no state behind. Names from files are shown
with `parse_math=False`, since a `$` would otherwise begin a formula.

The colours are those of Okabe and Ito [1]_, which remain different in the common kinds of colour blindness.
Colour never carries a meaning alone: runs and classes also differ by marker, so that a copy in grey is read
as well.

References
----------
.. [1] Okabe and Ito, "Color universal design", 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from graphlang.diagnostics import Problems

# Okabe and Ito's without black and yellow (too faint on white); the last three are from Paul Tol's schemes.
COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7F7F7F",
    "#882255",
    "#117733",
    "#332288",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
TEXT = "#1a1a1a"
FAINT = "#595959"
GRID = "#e3e3e3"
# Where a value is not a number: hatched, so that it is no colour of the scale.
MISSING = "#bdbdbd"

_SETTINGS = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 12.0,
    "axes.titlesize": 14.0,
    "axes.labelsize": 12.0,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": TEXT,
    "axes.titlecolor": TEXT,
    "axes.unicode_minus": True,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": TEXT,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 11.0,
    "ytick.labelsize": 11.0,
    "legend.frameon": False,
    "legend.fontsize": 11.0,
    "lines.linewidth": 2.0,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Text stays text: small files, searchable, and read aloud by screen readers.
    "svg.fonttype": "none",
}


def has_matplotlib(problems: Problems) -> bool:
    """Whether matplotlib is installed; reports E0914 if it is not."""
    try:
        found = importlib.util.find_spec("matplotlib.figure") is not None
    except (ImportError, ValueError):  # ValueError: the module is blocked
        found = False
    if not found:
        problems.error(
            "E0914",
            None,
            "Plots need matplotlib, which is not installed.",
            suggestion="Run `pip install 'graphlang[plot]'`.",
        )
    return found


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's matplotlibrc says: same input, same bytes."""
    import matplotlib
    import matplotlib.style

    with matplotlib.style.context(["default", _SETTINGS]), matplotlib.rc_context():
        # No style may set this one. With it, the ids of an SVG's parts follow from what they are.
        matplotlib.rcParams["svg.hashsalt"] = "graphlang"
        yield


def color(i: int) -> str:
    """The colour of the i-th run or class."""
    return COLORS[i % len(COLORS)]


def marker(i: int) -> str:
    """Its marker, which differs from run to run even where colours come again."""
    return MARKERS[(i + i // len(COLORS)) % len(MARKERS)]
