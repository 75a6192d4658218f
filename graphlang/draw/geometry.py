"""Where everything of a picture is: what each layout engine returns and the painter reads.

All lengths are in points, y grows downwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placed:
    """An item, wire label or box with its centre and size. `kind` is `item`, `wire` or `box`."""

    kind: str
    id: str
    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> Placed:
        """The same thing elsewhere."""
        return Placed(self.kind, self.id, self.x + dx, self.y + dy, self.width, self.height)

    def turned(self) -> Placed:
        """The same thing with x and y exchanged."""
        return Placed(self.kind, self.id, self.y, self.x, self.height, self.width)


@dataclass(frozen=True, slots=True)
class Line:
    """One stretch of a wire.

    Attributes
    ----------
    wire : str
        Id of the wire.
    points : tuple of points
        Control points of cubic Bézier curves: a start, then three for each curve.
    tip : point or None
        Where the arrow's head ends that begins at the last of the points; None if there is no head.
    use : int
        The place in the wire's `uses` that the stretch leads to, -1 where several share it.
    label : point or None
        The middle of the text beside the stretch (a part of the gradient, a shape), if it has one.
    """

    wire: str
    points: tuple[Point, ...]
    tip: Point | None = None
    use: int = -1
    label: Point | None = None

    def moved(self, dx: float, dy: float) -> Line:
        """The same stretch elsewhere."""
        points = tuple((x + dx, y + dy) for x, y in self.points)
        tip = None if self.tip is None else (self.tip[0] + dx, self.tip[1] + dy)
        label = None if self.label is None else (self.label[0] + dx, self.label[1] + dy)
        return Line(self.wire, points, tip, self.use, label)

    def turned(self) -> Line:
        """The same stretch with x and y exchanged."""
        points = tuple((y, x) for x, y in self.points)
        tip = None if self.tip is None else (self.tip[1], self.tip[0])
        label = None if self.label is None else (self.label[1], self.label[0])
        return Line(self.wire, points, tip, self.use, label)


@dataclass(slots=True)
class Layout:
    """A picture's geometry: boxes come before what lies in them."""

    width: float = 0.0
    height: float = 0.0
    placed: list[Placed] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def turned(self) -> Layout:
        """The same picture with x and y exchanged: from left to right becomes from top to bottom."""
        return Layout(
            self.height, self.width, [p.turned() for p in self.placed], [k.turned() for k in self.lines]
        )
