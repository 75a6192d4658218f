"""A plan compiled into straight-line NumPy for fixed sizes: for what is computed many times, as in training.

`statements.py` writes it; what stays of that are the text, the arrays, and where the wanted values lie. Its
results have the same bits as the interpreter's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.run.memory import Pool
from graphlang.run.statements import Statements


class Program:
    """A plan as one function of its inputs.

    Parameters
    ----------
    nodes : list of Node
        In topological order.
    wanted : iterable of Node
        What is computed.
    sizes : mapping of str to int
        The free sizes.
    dtype : numpy float type
    held : mapping of str to array
        Leaves that are always in the same array, which may change in place between runs.
    targets : mapping of Node to array
        Where some of the wanted nodes are to be written.
    is_exact : bool
        Whether the bits are to be the interpreter's; otherwise sums may be taken in another order.
    pool : Pool, optional
        Where the memory is to come from.
    """

    def __init__(
        self,
        nodes: list[Node],
        wanted: Iterable[Node],
        sizes: Mapping[str, int],
        dtype: type[np.floating[Any]],
        held: Mapping[str, np.ndarray],
        targets: Mapping[Node, np.ndarray] | None = None,
        *,
        is_exact: bool = True,
        pool: Pool | None = None,
    ):
        wanted = list(dict.fromkeys(wanted))
        written = Statements(nodes, wanted, sizes, dtype, held, targets or {}, is_exact=is_exact, pool=pool)
        self.code, self.pool, self.fed, self.frames = written.code, written.pool, written.fed, written.frames
        self._inputs = written.inputs
        self._operands = {node: written.operand_of(node) for node in wanted}
        # What was known while writing is as large as all that stays: it goes before Python compiles.
        del written
        self._parameters = ["seed", *(name for _, name in self.fed)]
        self._results = [operand.text for operand in self._operands.values()]
        self._run = self.code.function(self._parameters, self._results)

    def native(self, *, is_exact: bool = True, is_shared: bool = False) -> Callable[..., Any]:
        """The same statements as a function of which as much as possible is C, for `use`.

        Parameters
        ----------
        is_exact : bool
            Whether to the bits of these statements; otherwise products become C too.
        is_shared : bool
            Whether the processor's cores share what is large.

        Raises
        ------
        GraphlangError
            E0918 when there is no C compiler, or it fails.
        """
        from graphlang.run.native_step import natively

        code = natively(self.code, self._inputs, is_exact=is_exact, is_shared=is_shared)
        return code.function(self._parameters, self._results)

    def use(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Compute by another function of the same statements from now on; gives the one before."""
        before, self._run = self._run, function
        return before

    def run(self, leaves: Mapping[str, Any], seed: int = 0) -> dict[Node, Any]:
        """The wanted values; arrays among them are overwritten by the next run.

        What a kernel raises is let through.
        """
        return dict(zip(self._operands, self.values(leaves, seed), strict=True))

    def values(self, leaves: Mapping[str, Any], seed: int = 0) -> Sequence[Any]:
        """What `run` gives, each wanted node's value once and in the order in which they were first named."""
        return self._run(seed, *[leaves[path] for path, _ in self.fed])  # type: ignore[no-any-return]

    @property
    def programs(self) -> list[Program]:
        """The program itself: one that is split has several."""
        return [self]

    def array_of(self, node: Node) -> np.ndarray | None:
        """The array in which a wanted node's value always is, if there is one."""
        return self._operands[node].array  # type: ignore[no-any-return]

    def name_of(self, node: Node) -> str:
        """What a wanted node's value is called in the statements."""
        return self._operands[node].text

    def constant(self, value: Any) -> str:
        """The name of an array or function that stays."""
        return self.code.constant(value)
