"""Functions of numbers in a script: the spelling that defines an operation there (`plan/spelled.py`).

`scalar_exp(x)` calls the C library as the tool does; NumPy's `exp` may differ in the last digit. Where Python
raises, NumPy's kernel answers, if it is one expression; no other spelling ever raises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from graphlang.graph.op import REQUIRED, Op
from graphlang.ops.spelling import FUNCTIONS
from graphlang.plan.spelled import spelled

PREFIX = "scalar_"
_CALL = re.compile(r"\b([a-z]\w*)\(")


def helpers_of(op: Op) -> list[Callable[..., Any]]:
    """The functions of our own that an operation's spelling calls, of which the script needs copies."""
    called = [FUNCTIONS[name] for name in _CALL.findall(spelled(op))]
    return [f for f in called if f.__module__ not in ("math", "builtins")]


def number_function(op: Op, otherwise: str | None) -> str:
    """The text of the function for an operation on numbers.

    Parameters
    ----------
    op : Op
    otherwise : str or None
        NumPy's expression, in the names of the operands and attributes.
    """
    parameters = [w.name for w in op.wires]
    for attr in op.attrs:
        parameters.append(attr.name if attr.default is REQUIRED else f"{attr.name}={attr.default!r}")
    formula = f"np.float64({_CALL.sub(_with_module, spelled(op))})"
    doc = f"`{op.name}` of numbers as the C library computes it"
    head = f"def {PREFIX}{op.name}({', '.join(parameters)}):"
    if otherwise is None:
        return f'{head}\n    """{doc}."""\n    return {formula}'
    return (
        f'{head}\n    """{doc}; where that has no answer, as NumPy does."""\n'
        f"    try:\n        return {formula}\n"
        f"    except (ArithmeticError, ValueError):\n        return {otherwise}"
    )


def _with_module(call: re.Match[str]) -> str:
    name = call[1]
    return f"math.{name}(" if getattr(math, name, None) is FUNCTIONS.get(name) else call[0]
