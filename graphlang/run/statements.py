"""A plan written as statements that fill arrays: what is known only while a program is made.

All arrays are made once. Every step fills an array whose former contents nobody needs any more, if its
operation has a spelling (`spellings.py`); views of arrays that stay are made once; what depends on
constants alone is computed beforehand. The text holds only names and numbers that are written here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.plan.combine import combined
from graphlang.plan.schedule import Step, make_plan, resolve, shape_of
from graphlang.run import sliding
from graphlang.run.code import Code
from graphlang.run.inline import inlined
from graphlang.run.interpreter import KERNEL_ERRORS, typed_constant
from graphlang.run.memory import Order, Piece, Pool, order_of, order_of_result, skeleton, specimen
from graphlang.run.operand import Operand
from graphlang.run.readers import TAKES_MASKS, Readers
from graphlang.run.spellings import ELEMENTWISE, IN_PLACE, is_looked_up, spelled
from graphlang.types.tensor import DType

_FOREVER = 1 << 60


class Statements:
    """The statements of a program; the parameters are those of `Program`.

    Attributes
    ----------
    code : Code
    pool : Pool
        The memory that the arrays lie in.
    frames : list of array
        Those that are zero where nothing is ever written.
    fed : list of (str, str)
        The paths of the leaves that each run is given, and what they are called.
    """

    def __init__(
        self,
        nodes: list[Node],
        wanted: Iterable[Node],
        sizes: Mapping[str, int],
        dtype: type[np.floating[Any]],
        held: Mapping[str, np.ndarray],
        targets: Mapping[Node, np.ndarray],
        *,
        is_exact: bool,
        pool: Pool | None = None,
    ):
        wanted = list(wanted)
        self._is_exact = is_exact
        fewer, self._now = combined(nodes, wanted)
        if not is_exact:
            from graphlang.plan.loosen import loosened

            fewer, later = loosened(fewer, [self._now[n] for n in wanted])
            self._now = {n: later[m] for n, m in self._now.items() if m in later}
        self._plan = make_plan(fewer, [self._now[n] for n in wanted])
        self._sizes, self._dtype = sizes, dtype
        self._targets = {self._now[n]: array for n, array in targets.items()}
        self.code = Code()
        self.pool = (
            pool if pool is not None else Pool(sum(self._bytes(step.node) for step in self._plan.steps))
        )
        self._values: dict[Node, Operand] = {}
        self._blocks: dict[Node, Piece] = {}
        self._fixed_constants: set[Node] = set()
        self._scratch: list[Piece] = []
        self._frames: dict[Any, np.ndarray] = {}
        self._lasting: list[Piece] = []
        self._kept: dict[Any, tuple[Any, list[Piece]]] = {}
        self.fed: list[tuple[str, str]] = []
        for node, _ in self._plan.leaves:
            self._leaf(node, held)
        self._readers = Readers(self._plan, self._targets, sizes, dtype)
        self._root, self._last = self._lifetimes()
        for i, step in enumerate(self._plan.steps):
            self._write(i, step)

    def operand_of(self, node: Node) -> Operand:
        """The value of one of the wanted nodes."""
        return self._values[self._now[node]]

    @property
    def inputs(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shapes and dtypes of what each run is given, by what it is called."""
        names = {name for _, name in self.fed}
        return {o.text: (o.shape, o.dtype) for o in self._values.values() if o.text in names}

    @property
    def frames(self) -> list[np.ndarray]:
        """See above."""
        return list(self._frames.values())

    # --- what a spelling may ask for ------------------------------------------------------------

    def constant(self, value: Any) -> str:
        """The name of an array or function that stays."""
        return self.code.constant(value)

    def scratch(self, shape: tuple[int, ...], dtype: Any) -> str:
        """The name of an array that is free during the step at hand."""
        return self.code.constant(self.room(shape, dtype))

    def room(self, shape: tuple[int, ...], dtype: Any, order: Order | None = None) -> np.ndarray:
        """An array that is free during the step at hand."""
        array, piece = self.pool.take(shape, dtype, order)
        self._scratch.append(piece)
        return array

    def frame(self, shape: tuple[int, ...], dtype: Any, inside: Any) -> np.ndarray:
        """Zeros of which only what lies `inside` is ever written, and read during the step at hand alone."""
        key = (shape, np.dtype(dtype), inside)
        if key not in self._frames:
            self._frames[key] = np.zeros(shape, dtype)
        return self._frames[key]

    def lasting(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array that stays until what is kept next is recalled."""
        array, piece = self.pool.take(shape, dtype)
        self._lasting.append(piece)
        return array

    def keep(self, name: Any, value: Any) -> None:
        """Keep a value, and the lasting arrays asked for since, for a later step."""
        self._kept[name] = (value, self._lasting)
        self._lasting = []

    def recalled(self, name: Any) -> Any:
        """What was kept under this name, or None; its arrays are free after the step at hand."""
        value, pieces = self._kept.pop(name, (None, []))
        self._scratch += pieces
        return value

    # --- leaves and lifetimes -----------------------------------------------------------------------

    def _leaf(self, node: Node, held: Mapping[str, np.ndarray]) -> None:
        if node.is_const:
            self._fix(node, np.asarray(typed_constant(node, self._dtype)), is_constant=True)
        elif node.path in held:
            self._fix(node, held[node.path])
        else:
            name = f"x{len(self.fed)}"
            self.fed.append((node.path, name))
            self._values[node] = Operand(name, self._shape(node), self._kind(node))

    def _fix(self, node: Node, array: np.ndarray, *, is_constant: bool = False) -> None:
        """Say in which array a node's value always is."""
        number = float(array) if is_constant and array.ndim == 0 else None
        self._values[node] = Operand(self.code.constant(array), array.shape, array.dtype, array, number)
        if is_constant:
            self._fixed_constants.add(node)

    def _lifetimes(self) -> tuple[dict[Node, Node], dict[Node, int]]:
        """For each node the one whose memory it may share, and when that is last read."""
        root: dict[Node, Node] = {}
        last: dict[Node, int] = {}
        for i, step in enumerate(self._plan.steps):
            shared = self._shared(step)
            root[step.node] = step.node if shared is None else root.get(shared, shared)
            for operand in step.node.inputs:
                last[root.get(operand, operand)] = i
        for node in self._plan.wanted:
            last[root.get(node, node)] = _FOREVER
        return root, last

    def _shared(self, step: Step) -> Node | None:
        """The operand in whose memory a result may lie."""
        return step.node.inputs[0] if self._readers.only_count(step) else _shared(step)

    def _shape(self, node: Node) -> tuple[int, ...]:
        return shape_of(node, self._sizes)

    def _kind(self, node: Node) -> np.dtype[Any]:
        return np.dtype(
            {DType.FLOAT: self._dtype, DType.INT: np.int64, DType.BOOL: np.bool_}[node.type.dtype]
        )

    def _bytes(self, node: Node) -> int:
        return math.prod(self._shape(node)) * self._kind(node).itemsize

    # --- steps --------------------------------------------------------------------------------------

    def _write(self, i: int, step: Step) -> None:
        node = step.node
        attrs = {k: resolve(v, self._sizes) for k, v in node.attrs.items()}
        if node not in self._values and not (
            self._fold(step, attrs) or self._share(step, attrs) or self._spell(i, step, attrs)
        ):
            self._call(step, attrs)
        target = self._targets.get(node)
        if target is not None and self._values[node].array is not target:
            self.code.lines.append(
                f"{self.constant(np.copyto)}({self.constant(target)}, {self._values[node].text})"
            )
        for operand in set(node.inputs):
            root = self._root.get(operand, operand)
            if self._last[root] == i and root in self._blocks:
                self.pool.give_back(self._blocks.pop(root))

    def _fold(self, step: Step, attrs: Mapping[str, Any]) -> bool:
        """Compute at once what depends on constants alone."""
        if step.op.is_random or not all(n in self._fixed_constants for n in step.node.inputs):
            return False
        operands = [self._values[n].array[()] for n in step.node.inputs]
        with np.errstate(all="ignore"):
            value = np.asarray(step.op.kernel(*operands, **self._given(step, attrs)))
        self._fix(step.node, value, is_constant=True)
        return True

    def _share(self, step: Step, attrs: Mapping[str, Any]) -> bool:
        """Make a view of an array that stays, once and for all."""
        shared = self._shared(step)
        if shared is None:
            return False
        operand = self._values[shared]
        if not step.op.is_view or self._readers.only_count(step):
            self._values[step.node] = operand
            return True
        if operand.array is None or len(step.node.inputs) > 1:
            return False
        view = np.asarray(step.op.kernel(operand.array, **attrs))
        if not np.may_share_memory(view, operand.array):
            return False
        self._fix(step.node, view)
        return True

    def _spell(self, i: int, step: Step, attrs: dict[str, Any]) -> bool:
        """Fill an array that is there already."""
        node, shape, kind = step.node, self._shape(step.node), self._kind(step.node)
        operands = [self._values[n] for n in node.inputs]
        if node not in self._targets and self._inline(step, operands, attrs):
            return True
        if step.op.name in ELEMENTWISE and not _have_kinds(step, operands, kind):
            return False
        if step.op.name == "one_hot" and not is_looked_up(shape, kind):
            kind = np.dtype(np.bool_) if self._readers.only_add(node) else kind
        array, piece = self._array_for(i, step, shape, kind, self._order_of(step, operands))
        out = Operand(self.constant(array), shape, kind, array)
        told = attrs | self._hints(step, shape, kind)
        lines = spelled(step.op.name, self, operands, out, told, is_exact=self._is_exact)
        for scratch in self._scratch:
            self.pool.give_back(scratch)
        self._scratch.clear()
        if lines is None:
            if piece is not None:
                self.pool.give_back(piece)
            return False
        self.code.lines += lines
        self._values[node] = out
        if piece is not None:
            self._blocks[node] = piece
        return True

    def _inline(self, step: Step, operands: list[Operand], attrs: dict[str, Any]) -> bool:
        """Write an expression with a new result."""
        shape, kind = self._shape(step.node), self._kind(step.node)
        text = inlined(step.op.name, self, operands, shape, kind, attrs)
        if text is None:
            return False
        if step.op.name == "gather" and (late := self.recalled(step.node.inputs[0])) is not None:
            text = f"{self.constant(np.subtract)}({text}, {self.constant(late.reshape(-1))})"
        name = f"v{len(self._values)}"
        self.code.lines.append(f"{name} = {text}")
        bones = self._bones_of_result(step, attrs)
        self._values[step.node] = Operand(name, shape, kind, bones=bones)
        return True

    def _hints(self, step: Step, shape: tuple[int, ...], kind: np.dtype[Any]) -> dict[str, Any]:
        """What a spelling should know of the steps that follow."""
        node, name = step.node, step.op.name
        if name == "log_softmax":
            beside = self._softmax_beside(step, shape, kind)
            hints: dict[str, Any] = {} if beside is None else {"beside": beside}
            is_by_row = len(shape) == 2 and node.attrs["axis"] in (-1, 1)
            return hints | ({"kept": node} if is_by_row and self._readers.only_pick(node) else {})
        if name == "conv2d_weights" or (
            name == "conv2d"
            and sliding.meets_again(node, [user.node for user in self._readers.of(node.inputs[0])])
        ):
            attrs = {k: v for k, v in node.attrs.items() if k != "size"}
            size = node.attrs.get("size", node.inputs[1].shape[2:])
            return {"kept": (node.inputs[0].path, tuple(size), repr(sorted(attrs.items())))}
        return {}

    def _softmax_beside(self, step: Step, shape: tuple[int, ...], kind: np.dtype[Any]) -> Operand | None:
        """Where the softmax goes that is computed along with its logarithm: the two have most in common."""
        for user in self._readers.of(step.node.inputs[0]):
            is_same = user.op.name == "softmax" and user.node.attrs == step.node.attrs
            if is_same and user.node not in self._values and user.node not in self._targets:
                order = self._order_of(step, [self._values[step.node.inputs[0]]])
                array, self._blocks[user.node] = self.pool.take(shape, kind, order)
                self._values[user.node] = Operand(self.constant(array), shape, kind, array)
                return self._values[user.node]
        return None

    def _array_for(
        self, i: int, step: Step, shape: tuple[int, ...], kind: np.dtype[Any], order: Order | None
    ) -> tuple[np.ndarray, Piece | None]:
        """Where a result goes: its target, the place of an operand that ends here, or a free array."""
        target = self._targets.get(step.node)
        if target is not None:
            return target, None
        if step.op.name in IN_PLACE:
            roots = [self._root.get(n, n) for n in dict.fromkeys(step.node.inputs)]
            for operand in step.node.inputs:
                root, value = self._root.get(operand, operand), self._values[operand]
                is_whole = value.shape == shape and value.dtype == kind and value.array is not None
                ends = self._last[root] == i and root in self._blocks and roots.count(root) == 1
                if is_whole and ends and _is_dense(value.array) and order_of(value.array) == order:
                    return value.array, self._blocks.pop(root)
        return self.pool.take(shape, kind, order)

    def _order_of(self, step: Step, operands: list[Operand]) -> Order | None:
        """The axes of a step's result as they are to lie in memory."""
        name = step.op.name
        if name in sliding.SPELLINGS and name != "conv2d_weights":
            return sliding.order_of_images(name, operands)
        if all(o.bones.flags.c_contiguous for o in operands):
            return None
        if name in IN_PLACE or name == "log_softmax":
            return order_of_result([o.bones for o in operands])
        attrs = {k: resolve(v, self._sizes) for k, v in step.node.attrs.items()}
        bones = self._bones_of_result(step, self._given(step, attrs))
        return None if bones is None else order_of(bones)

    def _call(self, step: Step, attrs: Mapping[str, Any]) -> None:
        """Let the kernel make a new array."""
        node, given = step.node, self._given(step, attrs)
        kernel = self.constant(partial(step.op.kernel, **given) if given else step.op.kernel)
        operands = [self._values[n].text for n in node.inputs] + ["seed=seed"] * step.op.is_random
        name = f"v{len(self._values)}"
        self.code.lines.append(f"{name} = {kernel}({', '.join(operands)})")
        bones = self._bones_of_result(step, given)
        self._values[node] = Operand(name, self._shape(node), self._kind(node), bones=bones)

    def _bones_of_result(self, step: Step, given: Mapping[str, Any]) -> np.ndarray | None:
        """How the array lies that a kernel makes: what it makes of zeros tells."""
        rank = len(self._shape(step.node))
        if rank < 2 or (step.op.name == "matmul" and rank == 2):
            return None
        operands = [specimen(self._values[n].bones)[()] for n in step.node.inputs]
        try:
            with np.errstate(all="ignore"):
                made = step.op.kernel(*operands, **given, **({"seed": 0} if step.op.is_random else {}))
        except KERNEL_ERRORS:
            return None
        return skeleton(made)

    def _given(self, step: Step, attrs: Mapping[str, Any]) -> dict[str, Any]:
        return {**attrs, "dtype": self._dtype} if step.op.needs_dtype else dict(attrs)


def _is_dense(array: np.ndarray) -> bool:
    """Whether it fills the memory that it lies in, whatever the order of its axes."""
    return array.transpose(order_of(array) or range(array.ndim)).flags.c_contiguous


def _shared(step: Step) -> Node | None:
    """The operand in whose memory the result may lie: of a view, or of a product with 1."""
    if step.op.is_view and step.node.inputs[0].type.dtype is step.node.type.dtype:
        return step.node.inputs[0]
    if step.op.name == "mul":
        for one, other in (step.node.inputs, step.node.inputs[::-1]):
            if _is_one(one) and other.type == step.node.type:
                return other
    return None


def _is_one(node: Node) -> bool:
    return node.is_const and np.ndim(node.attrs["value"]) == 0 and bool(node.attrs["value"] == 1)


def _have_kinds(step: Step, operands: list[Operand], kind: np.dtype[Any]) -> bool:
    """Whether the operands are of one kind, that of a result that is no truth value."""
    kinds = {o.dtype for o in operands}
    if step.op.name in TAKES_MASKS and kind.kind == "f":
        kinds.discard(np.dtype(np.bool_))
    return kinds == {kind} or (kind == np.bool_ and len(kinds) == 1)
