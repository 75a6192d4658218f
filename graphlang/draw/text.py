"""The words and numbers of a picture: how values, names, shapes and symbols are written.

All numbers of one picture are written in one style, chosen from all of them (`number_style`): whole numbers
if all are whole, else two decimals if that shows every one fairly, else three significant digits. Nothing
here knows of DOT or SVG; a minus is U+2212 everywhere.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphlang.types.tensor import DType, TensorType

MINUS = "−"
NOT_A_NUMBER = "nan"
INFINITE = "∞"
# Vectors of at most so many elements are written out, and matrices of so many rows and columns.
FULL_SIDE = 4
# Stands between the cells of a matrix's row.
COLUMN = "\t"
# Whole numbers from here on have too many digits for a wire.
_LARGEST_WHOLE = 1e9
# What floating-point rounding leaves of a zero, compared with the largest number of the picture; a mask of
# −1e30 is no measure for the others.
_NOISE, _LARGEST_MEASURE = 1e-15, 1e3

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_INDEXED = re.compile(r"(.*[^\W\d_])_?([0-9]+)", re.DOTALL)


# --- numbers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How the numbers of one picture are written.

    Attributes
    ----------
    decimals : int or None
        Digits after the point, None for significant digits.
    significant : int
        Significant digits where `decimals` is None.
    noise : float
        Numbers below it in magnitude are what rounding left of a zero.
    """

    decimals: int | None
    significant: int = 3
    noise: float = 0.0

    def text(self, x: float) -> str:
        """One number, for example `−0.20`."""
        if math.isnan(x):
            return NOT_A_NUMBER
        if math.isinf(x):
            return INFINITE if x > 0 else MINUS + INFINITE
        if abs(x) <= self.noise:
            x = 0.0
        if self.decimals is None:
            text = f"{x:.{self.significant}g}"
        else:
            text = f"{x:.{self.decimals}f}"
        if float(text) == 0.0:
            text = text.removeprefix("-")
        return text.replace("-", MINUS)


def number_style(numbers: Iterable[float], digits: int | None = None) -> NumberStyle:
    """The style that shows all these numbers.

    Parameters
    ----------
    numbers : iterable of float
        Every float that the picture shows; NaN and infinities do not count.
    digits : int, optional
        Asks for so many decimals, or significant digits where decimals would not do.
    """
    finite = [abs(x) for x in numbers if math.isfinite(x)]
    largest = max(finite, default=0.0)
    noise = min(largest, _LARGEST_MEASURE) * _NOISE
    sizes = [x for x in finite if x > noise]
    if digits is not None:
        smallest = 0.0 if digits == 0 else 10.0**-digits
        if all(smallest <= x <= 9999 for x in sizes):
            return NumberStyle(digits, noise=noise)
        return NumberStyle(None, max(digits, 1), noise)
    if largest < _LARGEST_WHOLE and all(_is_whole(x) for x in sizes):
        return NumberStyle(0, noise=noise)
    if all(0.01 <= x <= 9999 for x in sizes):
        return NumberStyle(2, noise=noise)
    return NumberStyle(None, noise=noise)


def _is_whole(x: float) -> bool:
    return abs(x - round(x)) <= 1e-12 * max(x, 1.0)


def shown_numbers(value: Any) -> list[float]:
    """The floats that a picture writes for a value: its elements, or the ends of its range."""
    array = _array(value)
    if array.dtype.kind != "f" or array.size == 0:
        return []
    if _is_written_out(array):
        return [float(x) for x in array.ravel()]
    return list(_range(array))


def value_lines(value: Any, style: NumberStyle) -> tuple[str, ...]:
    """A value as the lines of text above or below a wire.

    A number or a vector of up to four elements is written in full, a matrix of up to four rows and columns
    row by row, with `COLUMN` between the cells; all else as shape and range.
    """
    array = _array(value)
    if not _is_written_out(array):
        return (_summary(array, style),)
    if array.ndim == 2:
        return tuple(COLUMN.join(_element(x, style) for x in row) for row in array.tolist())
    return (_nested(array.tolist(), style),)


def is_grid(lines: Sequence[str]) -> bool:
    """Whether lines of text are the rows of a matrix."""
    return len(lines) > 1 or any(COLUMN in line for line in lines)


def _is_written_out(array: Any) -> bool:
    return array.size > 0 and array.ndim <= 2 and max(array.shape, default=1) <= FULL_SIDE


def exact_text(value: Any) -> str:
    """A value for a tooltip: more digits than the picture shows."""
    return one_line(value, NumberStyle(None, 8))


def one_line(value: Any, style: NumberStyle) -> str:
    """A value in a single line, with brackets around what is no number."""
    array = _array(value)
    return _nested(array.tolist(), style) if _is_written_out(array) else _summary(array, style)


def is_strange(value: Any) -> bool:
    """Whether a value has NaN or an infinity in it."""
    array = _array(value)
    if array.dtype.kind != "f":
        return False
    import numpy as np

    return not bool(np.isfinite(array).all())


def _array(value: Any) -> Any:
    import numpy as np

    return np.asarray(value)


def _range(array: Any) -> tuple[float, ...]:
    import numpy as np

    known = array[~np.isnan(array)]
    if known.size == 0:
        return (math.nan,)
    low, high = float(known.min()), float(known.max())
    return (low,) if low == high else (low, high)


def _summary(array: Any, style: NumberStyle) -> str:
    import numpy as np

    shape = "[" + ", ".join(str(n) for n in array.shape) + "]"
    if array.size == 0:
        return shape
    if array.dtype.kind == "b":
        return f"{shape}  {int(array.sum())} true"
    if array.dtype.kind != "f":
        ends = [_whole(x) for x in dict.fromkeys((int(array.min()), int(array.max())))]
    else:
        ends = [style.text(x) for x in _range(array)]
    missing = f", {NOT_A_NUMBER}" if array.dtype.kind == "f" and np.isnan(array).any() else ""
    return f"{shape}  {'…'.join(ends)}{missing if ends != [NOT_A_NUMBER] else ''}"


def _nested(value: Any, style: NumberStyle) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_nested(x, style) for x in value) + "]"
    return _element(value, style)


def _element(x: Any, style: NumberStyle) -> str:
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, int):
        return _whole(x)
    return style.text(x) if isinstance(x, float) else str(x)


def _whole(x: int) -> str:
    return str(x).replace("-", MINUS)


def signed(text: str) -> str:
    """A part of a sum: `+ 2`, `− 3`."""
    return f"{MINUS} {text[1:]}" if text.startswith(MINUS) else f"+ {text}"


# --- names and shapes ----------------------------------------------------------------------------


def name_parts(name: str) -> tuple[str, str]:
    """A name and its subscript: digits after a letter are one (`w0` and `w_0` are w₀)."""
    found = _INDEXED.fullmatch(name)
    if found is None:
        return name, ""
    return found.group(1), found.group(2).translate(_SUBSCRIPTS)


def short_name(path: str) -> str:
    """The last part of a path, which names a node within its box."""
    return path.rsplit(".", 1)[-1]


def shape_label(kind: TensorType) -> str:
    """A wire's shape as layer views write it: `[N, 64]`, `int [N]`, `[ ]`."""
    inner = ", ".join(str(size).replace("*", "·").replace("-", MINUS) for size in kind.shape)
    shape = f"[{inner}]" if kind.shape else "[ ]"
    return shape if kind.dtype is DType.FLOAT else f"{kind.dtype} {shape}"


def count_label(count: int, singular: str) -> str:
    """`17,226 parameters`, `1 layer`."""
    return f"{count:,} {singular}{'' if count == 1 else 's'}"


# --- symbols of gates ----------------------------------------------------------------------------

# Signs of binary operations -> how they are written with a number at the right.
_AT_RIGHT: dict[str, str] = {
    **{sign: sign + "{}" for sign in "+−×÷"},
    **{sign: sign + " {}" for sign in ("//", "mod", *"=≠<≤>≥∧∨")},
}
_COMMUTING = frozenset("+×")


def constant_text(value: Any) -> str:
    """A number written in a formula: `2`, `0.5`, `1e−30`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return NumberStyle(None, 6).text(value)
    return str(value).replace("-", MINUS)


def folded_symbol(label: str, op: str, numbers: Sequence[str | None]) -> str:
    """A gate's symbol with the plain numbers among its operands: `+1`, `1/x`, `x²`, `max(0, x)`.

    Parameters
    ----------
    label : str
        The operation's own symbol.
    op : str
        Its name.
    numbers : sequence of str or None
        For each operand the number's text, None for a wire.
    """
    if all(n is None for n in numbers):
        return label
    if len(numbers) == 2 and (op == "pow" or label in _AT_RIGHT):
        left, right = numbers
        if left is not None and right is not None:
            return f"{left} {label} {right}"
        if op == "pow":
            return f"x{_superscript(right)}" if right is not None else f"{left}ˣ"
        if right is not None or label in _COMMUTING:
            number = right if right is not None else left
            assert number is not None
            return _AT_RIGHT[label].format(f"({number})" if label in "+−" and number[0] == MINUS else number)
        if label == "÷":
            return f"{left}/x"
        return f"{left}−x" if label == "−" else f"{left} {label} x"
    wires = iter("xyzuvw" + "·" * len(numbers))
    return f"{label}({', '.join(n if n is not None else next(wires) for n in numbers)})"


def _superscript(number: str) -> str:
    if re.fullmatch(rf"{MINUS}?[0-9]+", number):
        return number.translate(_SUPERSCRIPTS)
    return f"^{number}"
