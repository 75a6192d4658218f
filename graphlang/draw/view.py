"""How a picture is looked at: what is open, what is shown, in which colours."""

from __future__ import annotations

from dataclasses import dataclass

# Pictures with more items than this close their boxes, and show no numbers unless asked to.
MANY_ITEMS = 60
# Pictures with more than this are refused: nobody can read them.
MOST_ITEMS = 6000
# What a picture can be written as, and the endings that are not the format's name.
FORMATS = ("dot", "svg", "png", "pdf", "mermaid")
ENDINGS = {"gv": "dot", "mmd": "mermaid"}
# What lays it out: three doors to Graphviz, graphlang itself, or the first of these that is there.
ENGINES = ("auto", "pygraphviz", "dot", "wasm", "builtin")
SHOWABLE = frozenset({"values", "grads", "shapes", "names"})


@dataclass(frozen=True, slots=True)
class View:
    """How a model is looked at.

    Attributes
    ----------
    depth : int or None
        How many levels of networks are open; None opens as many as keep the picture below some 60 items.
    open, close : tuple of str
        Paths of boxes, or names of definitions (`dense`: every one), to open or close whatever the depth.
        A gate is closed unless it is opened here.
    show : frozenset of str or None
        Of `values`, `grads`, `shapes`, `names`; None shows values and gradients if there are any and they
        fit, else shapes.
    theme : str
        `slide`, `print`, `colorblind` or `dark`.
    digits : int or None
        Decimals of every number; None chooses.
    unfold : bool
        Draw every iteration of each loop; else a loop of equal iterations is one box, `×12`.
    exactly : frozenset of str or None
        Paths of the boxes that are open, whatever `depth`, `open` and `close` say; a folded loop may be
        closed, too.
    backward : bool
        Draw the nodes of the backward pass too.
    direction : str
        `LR`: from left to right; `TB`: from top to bottom.
    """

    depth: int | None = None
    open: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    show: frozenset[str] | None = None
    theme: str = "slide"
    digits: int | None = None
    unfold: bool = False
    exactly: frozenset[str] | None = None
    backward: bool = False
    direction: str = "LR"
