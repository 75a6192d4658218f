"""What a picture consists of, before anyone decides where: items, the wires between them, the boxes around.

Items and wires are numbered by nothing: an item's id is the path of what it stands for, a wire's id is the
path of its node and `>`, the name at the end of a wire has `>` before its path.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """Something a wire starts or ends at.

    Attributes
    ----------
    id : str
        Unique in the scene.
    kind : str
        `input`, `const`, `param`, `state`, `derivative` (all at the start of wires), `gate`, `loss`,
        `network` (a closed box) or `output` (a name at the end of a wire).
    label : str
        Its symbol or name.
    detail : str
        What stands below or after it, smaller: a shape, the number of parameters.
    box : str
        Id of the box it lies in, "" for none.
    tooltip : str
    is_nested : bool
        For a closed network: whether it contains networks.
    is_current : bool
        Whether the step that is shown computes something here.
    fill : str
        A colour in place of the theme's.
    """

    id: str
    kind: str
    label: str
    detail: str = ""
    box: str = ""
    tooltip: str = ""
    is_nested: bool = False
    is_current: bool = False
    fill: str = ""

    @property
    def is_source(self) -> bool:
        """Whether nothing flows into it."""
        return self.kind in ("input", "const", "param", "state", "derivative")


@dataclass(frozen=True, slots=True)
class Use:
    """One branch of a wire: where it ends, and its part of the gradient (`+ 2`) if the wire forks.

    `local` is the local derivative there, what a change of the wire does to the gate's result; it keeps its
    room while it is hidden.
    """

    target: str
    position: int
    part: str = ""
    local: str = ""
    is_local_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Wire:
    """What flows out of one node: from an item to all that use it.

    `value` and `gradient` are lines of text, empty where there is none; several are the rows of a matrix,
    with `text.COLUMN` between their cells. `has_strange_value` and
    `has_strange_gradient` say that NaN or an infinity is in them. `node` is the path of the node whose
    numbers they are; `is_current` says that the step that is shown has just computed one of them.
    """

    id: str
    source: str
    uses: tuple[Use, ...]
    name: str = ""
    value: tuple[str, ...] = ()
    gradient: tuple[str, ...] = ()
    shape: str = ""
    tooltip: str = ""
    has_strange_value: bool = False
    has_strange_gradient: bool = False
    node: str = ""
    is_current: bool = False

    @property
    def key(self) -> str:
        """What tells it from other wires: its node; inside a folded loop it has none, but many."""
        return self.node or self.id


@dataclass(frozen=True, slots=True)
class Box:
    """An open network, gate or loop: a frame with a title around the items that name it."""

    id: str
    kind: str
    title: str
    detail: str
    parent: str

    @property
    def element(self) -> str:
        """Its id in a document; the gate that gives the box's result may have the box's own path."""
        return f"box:{self.id}"


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's content. Items are in topological order, sources in the order of the file.

    `shows_numbers` says that wires carry values or gradients (the slide style), else only shapes. `direction`
    is `LR` or `TB`: where wires run. `caption` stands below the picture, which is at least `least_width`
    points wide; `accent` names the theme's colour for what is current. `full` is the finished picture of
    which this is a step: it says the places of both.
    """

    name: str
    items: tuple[Item, ...]
    wires: tuple[Wire, ...]
    boxes: tuple[Box, ...]
    theme: str = "slide"
    shows_numbers: bool = False
    description: str = ""
    direction: str = "LR"
    caption: tuple[str, ...] = ()
    accent: str = "value"
    least_width: float = 0.0
    full: Scene | None = None
