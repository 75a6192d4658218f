"""The catalogue of primitive operations: `@op` declares one, `find` looks it up.

Importing this module does not import the operations; `find` and `all_ops` load the modules of the package
the first time, so there is no import cycle between an operation and the handles its gradient is written in.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from graphlang.graph.op import CATALOGUE, GIVEN_BY_THE_RUN, Op, Sample, signature_of

MODULES = (
    "arithmetic",
    "comparison",
    "elementwise",
    "reduction",
    "shaping",
    "indexing",
    "linear",
    "convolution",
    "pooling",
    "random",
    "fused",
)

_ops = CATALOGUE
_loaded = False


def op(
    *,
    rule: Callable[..., Any],
    name: str | None = None,
    label: str | Callable[..., str] | None = None,
    infix: str | None = None,
    flops: Callable[..., Any] | None = None,
    samples: tuple[Sample, ...] = (),
    scalar: str | Callable[..., str] | None = None,
    is_view: bool = False,
) -> Callable[[Callable[..., Any]], Op]:
    """Declare the decorated NumPy kernel as a primitive operation.

    Parameters
    ----------
    rule : function
        `rule(sizes, *types, **attrs) -> TensorType`; raises `RuleError` for operands that do not fit.
    name : str, optional
        Its name in the language; the kernel's own name without trailing underscores by default.
    label : str or function of the attributes, optional
        Its symbol in pictures; the name by default.
    infix : str, optional
        The operator it is written with.
    flops : function, optional
        `flops(*types, out, **attrs)` counts floating-point operations; one per entry of the result by
        default.
    samples : tuple of Sample
        Operands that the tests evaluate and differentiate it on.
    scalar : str or function of texts, optional
        The formula for plain floats (see `Op`).
    is_view : bool
        Whether the result may lie in the first operand's memory, as that of a transposition does.
    """

    def declare(kernel: Callable[..., Any]) -> Op:
        wires, keywords = signature_of(kernel)
        given = {p.name for p in keywords} & GIVEN_BY_THE_RUN
        final = name or kernel.__name__.rstrip("_")
        if final in _ops:
            raise ValueError(f"operation {final!r} is declared twice")
        declared = Op(
            name=final,
            kernel=kernel,
            rule=rule,
            wires=wires,
            attrs=tuple(p for p in keywords if p.name not in given),
            doc=(kernel.__doc__ or "").strip(),
            label=label if label is not None else final,
            infix=infix,
            is_random="seed" in given,
            needs_dtype="dtype" in given,
            flops=flops,
            samples=samples,
            scalar=scalar,
            is_view=is_view,
        )
        _ops[final] = declared
        return declared

    return declare


def _load() -> None:
    global _loaded
    _loaded = True
    for module in MODULES:
        importlib.import_module(f"graphlang.ops.{module}")


def find(name: str) -> Op:
    """The operation called `name`; KeyError if there is none."""
    if not _loaded:
        _load()
    return _ops[name]


def lookup(name: str) -> Op | None:
    """The operation called `name`, or None."""
    if not _loaded:
        _load()
    return _ops.get(name)


def all_ops() -> dict[str, Op]:
    """Every operation by name, in the order of declaration."""
    if not _loaded:
        _load()
    return dict(_ops)
