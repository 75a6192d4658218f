"""The type of a wire: what its entries are and what shape it has.

Shapes are known for every node before anything runs; free sizes stay symbolic (`types/dims.py`). `POISON` is
the type of a node whose making failed: every rule passes it on in silence, so that one mistake gives one
message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from graphlang.records import Record
from graphlang.types.dims import Dim, Sizes, names_of, product, substitute

Shape = tuple["int | Dim", ...]


class DType(StrEnum):
    """What the entries are. The precision of floats is chosen when the graph runs."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"


class TensorType(Record):
    """Entries of `dtype` in an array of `shape`; `is_poison` for the type that silences follow-up errors."""

    dtype: DType
    shape: Shape
    is_poison: bool = False

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int | Dim:
        """Number of entries."""
        return product(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether gradients can flow through it."""
        return self.dtype is DType.FLOAT

    @property
    def names(self) -> frozenset[str]:
        """Free names in its shape."""
        return frozenset().union(*(names_of(s) for s in self.shape)) if self.shape else frozenset()

    def with_shape(self, shape: Iterable[int | Dim]) -> TensorType:
        """The same entries in another shape."""
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with other entries."""
        return TensorType(dtype, self.shape)

    def substitute(self, values: Mapping[str, int | Dim]) -> TensorType:
        """The type with free names replaced."""
        return self.with_shape(substitute(s, values) for s in self.shape)

    def __str__(self) -> str:
        text = shape_text(self.shape)
        if self.dtype is DType.FLOAT:
            return text
        return f"{self.dtype}{text}" if self.shape else str(self.dtype)


POISON = TensorType(DType.FLOAT, (), is_poison=True)
SCALAR = TensorType(DType.FLOAT, ())


def shape_text(shape: Iterable[object]) -> str:
    """A shape as the language writes it: `[N, 64]`, `[]`."""
    return "[" + ", ".join(str(s) for s in shape) + "]"


def broadcast_shapes(sizes: Sizes, a: Shape, b: Shape) -> Shape | None:
    """The shape that two shapes broadcast to by NumPy's rules, or None if they do not."""
    if a == b:
        return a
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    lead = len(long) - len(short)
    result = list(long[:lead])
    for x, y in zip(long[lead:], short, strict=True):
        size = sizes.broadcast(x, y)
        if size is None:
            return None
        result.append(size)
    return tuple(result)
