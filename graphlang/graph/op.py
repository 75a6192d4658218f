"""What an operation is. This module knows no particular one: see `graphlang/ops`.

An `Op` gathers everything about one primitive: its signature (read from its NumPy kernel), its shape rule,
its gradient in terms of other operations, how it is written and drawn, its cost, and samples to test it on.

Parameters of a kernel before the `*` are wires; their annotation says what they accept:

- `Float`   floats; integers and booleans are converted;
- `Number`  floats or integers, all `Number` operands converted to one kind; booleans become integers;
- `Same`    any kind, all `Same` operands converted to one kind;
- `Int`     integers only;  `Bool`  booleans only;  `Any_`  anything, left as it is.

Parameters after the `*` are attributes, known at compile time; their annotation names what they accept:
`int`, `float`, `bool`, `str`, `Size` (a size, perhaps symbolic), `Axis` (an axis), `Axes` (none, an axis or
a list of axes), `Ints`, `Floats`, `Sizes_` (a shape), `Items` (an index), `PadWidths` (a width, a pair, or
pairs), each optionally `| None`. Two names are no attributes but come from the run: `seed` (an int, for
random operations) and `dtype` (the precision, for kernels that make floats without a float operand).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphlang.records import Record, field
from graphlang.types.dims import Sizes
from graphlang.types.tensor import TensorType

# Annotations of kernels. They are read by name; to the type checker a wire is whatever NumPy passes around
# (arrays, and for shape [] also NumPy's scalars).
Float: TypeAlias = Any
Number: TypeAlias = Any
Same: TypeAlias = Any
Int: TypeAlias = Any
Bool: TypeAlias = Any
Any_: TypeAlias = Any
Size: TypeAlias = int
Axis: TypeAlias = int
Axes: TypeAlias = int | tuple[int, ...] | None
Ints: TypeAlias = tuple[int, ...]
Floats: TypeAlias = tuple[float, ...]
Sizes_: TypeAlias = tuple[int, ...]
Items: TypeAlias = tuple[Any, ...]
PadWidths: TypeAlias = Any

WIRE_KINDS = frozenset({"Float", "Number", "Same", "Int", "Bool", "Any_"})
REQUIRED = inspect.Parameter.empty
# Keyword parameters of a kernel that the run fills in.
GIVEN_BY_THE_RUN = frozenset({"seed", "dtype"})


class RuleError(Exception):
    """A shape rule's refusal.

    `message` may name the operands as `{0}`, `{1}`, …: the elaborator puts their source text there, and
    points at where each came from. `operand` is the position of the culprit, None for the whole call.
    """

    def __init__(
        self,
        message: str,
        *,
        operand: int | None = None,
        notes: tuple[str, ...] = (),
        suggestion: str | None = None,
        code: str = "E0401",
    ):
        super().__init__(message)
        self.message = message
        self.operand = operand
        self.notes = notes
        self.suggestion = suggestion
        self.code = code


class WireParameter(Record):
    """An operand: its name and what it accepts (see the module's docstring)."""

    name: str
    kind: str
    is_variadic: bool = False


class AttrParameter(Record):
    """An attribute: its name, the text of its annotation, and its default (`REQUIRED` if none)."""

    name: str
    kind: str
    default: Any = REQUIRED


class Sample(Record):
    """Operands to test an operation on.

    `shapes` has one shape per operand; entries are drawn from `low` to `high`; `dtypes` are letters per
    operand: f, i, b (all f when empty). Integers are drawn from 0 to `high - 1`.
    """

    shapes: tuple[tuple[int, ...], ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dtypes: str = ""
    low: float = -2.0
    high: float = 2.0


class Op(Record, frozen=False, eq=False):
    """One primitive operation. Calling it with wires adds a node; with arrays, evaluates it.

    `is_random` says that the kernel takes a `seed` from the run, `needs_dtype` that it takes the `dtype`,
    `is_view` that the result may lie in the memory of the first operand.
    `scalar` is the same formula for plain Python floats and booleans, as text in which `{x}` stands for the
    operand or attribute `x`, or as a function from their texts to the text. It may call the functions of
    `ops/spelling.py`, and may raise where Python has no answer (`1.0 / 0.0`). It gives the kernel's bits, but
    for the last digits of functions of which NumPy has its own version: in float64 it defines the result.
    """

    name: str
    kernel: Callable[..., Any]
    rule: Callable[..., TensorType]
    wires: tuple[WireParameter, ...]
    attrs: tuple[AttrParameter, ...]
    doc: str
    label: str | Callable[..., str]
    infix: str | None = None
    is_random: bool = False
    needs_dtype: bool = False
    is_view: bool = False
    flops: Callable[..., Any] | None = None
    samples: tuple[Sample, ...] = ()
    vjp: Callable[..., Any] | None = None
    no_gradient: str | None = None
    scalar: str | Callable[..., str] | None = None

    # Whether floats pass as they are; worked out once, since it is asked for every node.
    takes_floats: bool = field(init=False)
    # Whether numbers beside a float become floats.
    joins_floats: bool = field(init=False)
    # The defaults of the attributes.
    defaults: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.takes_floats = not any(w.kind in ("Int", "Bool") for w in self.wires)
        self.joins_floats = all(w.kind in ("Float", "Number", "Same") for w in self.wires)
        self.defaults = {a.name: a.default for a in self.attrs}

    @property
    def is_variadic(self) -> bool:
        """Whether it takes any number of operands."""
        return bool(self.wires) and self.wires[-1].is_variadic

    def wire_kind(self, position: int) -> str:
        """What operand `position` accepts."""
        return self.wires[min(position, len(self.wires) - 1)].kind

    def gradient(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: `rule(g, y, *operands, **attrs)` gives the gradient with respect to each operand.

        `g` is the gradient of the result `y`. The rule returns a wire for a single operand, else a tuple with
        one entry per operand: a wire, None where no gradient flows, or a function that makes the wire when
        it is needed.
        """
        self.vjp = rule
        return rule

    def no_gradient_because(self, reason: str) -> None:
        """Declare that no gradient flows through, and why."""
        self.no_gradient = reason

    def type_of(self, sizes: Sizes, types: tuple[TensorType, ...], attrs: Mapping[str, Any]) -> TensorType:
        """The result's type; raises `RuleError` when the operands do not fit."""
        return self.rule(sizes, *types, **attrs)

    def label_text(self, attrs: Mapping[str, Any]) -> str:
        """What stands inside its circle in a picture."""
        return self.label if isinstance(self.label, str) else self.label(**attrs)

    def __call__(self, *operands: Any, **attrs: Any) -> Any:
        for operand in operands:
            builder = getattr(operand, "builder", None)
            if builder is not None:
                return builder.wire(self, operands, attrs)
        return self.kernel(*operands, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


# Every declared operation by name. `graphlang/ops` fills it; whoever holds a node finds its operation here.
CATALOGUE: dict[str, Op] = {}


def signature_of(
    kernel: Callable[..., Any],
) -> tuple[tuple[WireParameter, ...], tuple[AttrParameter, ...]]:
    """Operands and attributes of a kernel, read from its signature."""
    # Read off the code object: for a hundred kernels, `inspect.signature` takes half of the import time.
    code, kinds, defaults = kernel.__code__, kernel.__annotations__, kernel.__kwdefaults__ or {}
    start = code.co_argcount
    names, stop = code.co_varnames, start + code.co_kwonlyargcount
    wires = [WireParameter(name, kinds.get(name, "")) for name in names[:start]]
    if code.co_flags & inspect.CO_VARARGS:
        wires.append(WireParameter(names[stop], kinds.get(names[stop], ""), is_variadic=True))
    for wire in wires:
        if wire.kind not in WIRE_KINDS:
            raise TypeError(f"{kernel.__name__}: operand {wire.name!r} needs one of {sorted(WIRE_KINDS)}")
    attrs = [
        AttrParameter(name, kinds.get(name, ""), defaults.get(name, REQUIRED)) for name in names[start:stop]
    ]
    return tuple(wires), tuple(attrs)
