"""What a spelling works with: the values in the text, and what it may ask of the program that is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from graphlang.run.memory import Order, skeleton


class Operand:
    """A value in the text: its name, shape and entries; the array itself where it always is the same one.

    `bones` says how it lies in memory (`memory.skeleton`); `number` is the value of a constant scalar.
    """

    __slots__ = ("array", "bones", "dtype", "number", "shape", "text")

    def __init__(
        self,
        text: str,
        shape: tuple[int, ...],
        dtype: Any,
        array: Any = None,
        number: float | None = None,
        bones: Any = None,
    ):
        self.text, self.shape, self.dtype, self.array, self.number = (
            text,
            shape,
            np.dtype(dtype),
            array,
            number,
        )
        if bones is None:
            bones = array if array is not None else skeleton(np.empty(shape, self.dtype))
        self.bones: np.ndarray = bones


class Writer(Protocol):
    """What a spelling may ask for while it writes."""

    def constant(self, value: Any) -> str:
        """The name of an array or function that stays."""

    def scratch(self, shape: tuple[int, ...], dtype: Any) -> str:
        """The name of an array that is free for this operation."""

    def room(self, shape: tuple[int, ...], dtype: Any, order: Order | None = None) -> np.ndarray:
        """An array that is free for this operation."""

    def frame(self, shape: tuple[int, ...], dtype: Any, inside: Any) -> np.ndarray:
        """Zeros of which only what lies `inside` is ever written, and read during this operation alone."""

    def lasting(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array that stays until what is kept next is recalled."""

    def keep(self, name: Any, value: Any) -> None:
        """Keep a value, and the lasting arrays asked for since, for a later operation."""

    def recalled(self, name: Any) -> Any:
        """What was kept under this name, or None; its arrays are free after this operation."""


Spelling = Callable[[Writer, list[Operand], Operand, dict[str, Any]], "list[str] | None"]
