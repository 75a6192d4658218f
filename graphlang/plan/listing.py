"""A compiled training step as text: what an exporter needs to write it down without computing anything."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

from graphlang.records import Record


class Evaluation(Record):
    """Loss and metrics of the finished model on the rows held out, in the same form.

    Attributes
    ----------
    count : int
        How many rows these are.
    constants, feeds, lines, reported
        As those of `Listing`.
    """

    count: int
    constants: Mapping[str, str]
    feeds: Mapping[str, str]
    lines: tuple[str, ...]
    reported: Mapping[str, str]


class Listing(Record):
    """One step of training as statements over arrays that are made once.

    Attributes
    ----------
    counts : tuple of int
        For batches of how many rows it is: one number; or two, the second being that of an epoch's last
        batch, where only sizes differ. These are `rows` in the texts then.
    dtype : str
        The type of floats.
    memory : dict of str to str
        Names of the blocks of memory in which arrays lie, and the expressions that make them. They are large
        enough for all counts.
    places : dict of str to str
        Parameters, states of the model and of the optimizer by path, as views of that memory.
    gradients : dict of str to str
        The gradients by path of the parameter, as views.
    constants : dict of str to str
        The names that the statements use, and what they stand for, in order; `functions` may occur in it.
    functions : tuple of function
        Kernels that the constants call.
    feeds : dict of str to str
        Inputs and clocks by path, and the parameters of the statements that hold them.
    lines : tuple of str
        Forward and backward.
    reported : dict of str to str
        What is reported, by path, in names of the statements.
    following : tuple of (str, str, bool)
        A place, what it becomes, and whether that lies in such a place itself.
    update : tuple of str
        The statements of the update of all entries, or none where every parameter is updated by itself.
    scalars : tuple of (str, str)
        Names of the scalars that the update uses, and what they are in the statements.
    update_constants : dict of str to str
    evaluation : Evaluation or None
        None where no rows are held out.
    """

    counts: tuple[int, ...]
    dtype: str
    memory: Mapping[str, str]
    places: Mapping[str, str]
    gradients: Mapping[str, str]
    constants: Mapping[str, str]
    functions: tuple[Callable[..., Any], ...]
    feeds: Mapping[str, str]
    lines: tuple[str, ...]
    reported: Mapping[str, str]
    following: tuple[tuple[str, str, bool], ...]
    update: tuple[str, ...]
    scalars: tuple[tuple[str, str], ...]
    update_constants: Mapping[str, str]
    evaluation: Evaluation | None = None


def copied_name(kernel: str) -> str:
    """What a kernel is called in a script: as its operation, unless Python has a function of that name."""
    name = kernel.rstrip("_")
    return kernel if hasattr(builtins, name) else name
