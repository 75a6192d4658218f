"""Numbers and texts: what their tokens stand for, and what was probably meant by malformed ones.

The readers in `READERS` are given the text of a token as it was written and return it as the grammar has
it, with the slips to report. A number that cannot be guessed is read as 0, so that the parser finds an
operand in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from graphlang.syntax.repairs import Reading, Slip

MAX_INTEGER = 2**63 - 1

# --- texts ---------------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\(u\{([^}\"\n]*)\}|[\s\S]|$)")
_SIMPLE_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


def string_value(text: str) -> str:
    """The text that a STRING token stands for. Escapes that do not exist stand for themselves."""
    inner = text[1:-1]
    return _ESCAPE.sub(_escaped, inner) if "\\" in inner else inner


def _escaped(match: re.Match[str]) -> str:
    """The character that an escape stands for."""
    if match[2] is not None:
        return _code_point(match[2]) or ""
    return _SIMPLE_ESCAPES.get(match[1], match[0])


def _code_point(digits: str) -> str | None:
    """The character with a hexadecimal number, or None if there is none."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,6}", digits):
        return None
    number = int(digits, 16)
    return None if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


def _read_string(text: str) -> Reading:
    """A well-formed text; its escapes may not be."""
    if "\\" not in text:
        return Reading("STRING", text)
    slips = map(_escape_slip, _ESCAPE.finditer(text, 1, len(text) - 1))
    return Reading("STRING", text, tuple(slip for slip in slips if slip))


def _escape_slip(match: re.Match[str]) -> Slip | None:
    """What is wrong with an escape."""
    if match[2] is not None:
        if _code_point(match[2]) is not None:
            return None
        message = f"`{match[0]}` is not the number of a character."
        hint = "Write one to six hexadecimal digits, at most 10FFFF: `\\u{3bb}` is λ."
    elif match[1] not in _SIMPLE_ESCAPES:
        message = f"There is no escape `{match[0]}`."
        hint = 'The escapes are `\\"`, `\\\\`, `\\n`, `\\t` and `\\u{…}`; a backslash itself is `\\\\`.'
    else:
        return None
    return Slip("E0104", message, hint, at=match.start(), end=match.end())


def _read_unclosed_string(text: str) -> Reading:
    """A text that its line does not close: it ends with the line."""
    text = text.rstrip()
    message = "The text is not closed on this line."
    hint = 'Write `"` at its end; a line break inside is `\\n`.'
    slip = Slip("E0103", message, hint, 'no closing `"`', end=len(text))
    return Reading("STRING", text.replace("\\", "") + '"', (slip,))


def _read_wrong_quotes(text: str) -> Reading:
    """A text in single or typographic quotes."""
    inner = text[1:-1].replace('"', "'").replace("\\", "")
    message = "Text is written in straight double quotes."
    return Reading(
        "STRING", f'"{inner}"', (Slip("E0113", message, f'Write `"{_cut(inner)}"`.', is_repaired=True),)
    )


# --- numbers -------------------------------------------------------------------------------------


def read_integer(text: str) -> Reading:
    """An integer of many digits, which may not fit into 64 bits."""
    digits = text.replace("_", "").lstrip("0")
    if len(digits) < 19 or (len(digits) == 19 and int(digits) <= MAX_INTEGER):
        return Reading("INT", digits or "0")
    message = f"The integer `{_cut(text)}` does not fit into 64 bits."
    hint = f"The largest is {MAX_INTEGER}; for a float write a decimal point or an exponent."
    return Reading("INT", "0", (Slip("E0106", message, hint),))


def _read_float(text: str) -> Reading:
    """A well-formed float, which may be too large."""
    if float(text) != float("inf"):
        return Reading("FLOAT", text)
    message = f"The number `{_cut(text)}` is too large for a float."
    return Reading("FLOAT", "0.0", (Slip("E0106", message, "The largest is about 1.8e308."),))


def _read_malformed_number(text: str) -> Reading:
    """Something that begins like a number."""
    kind, repaired, hint = _repair_number(text)
    return Reading(kind, repaired, (Slip("E0105", f"`{_cut(text)}` is not a number.", hint),))


def _repair_number(text: str) -> tuple[str, str, str]:
    """Type and text of the number that was probably meant, and what to suggest."""
    if re.fullmatch(r"[0-9]+\.", text):
        return "FLOAT", text + "0", f"Write `{_cut(text)}0`."
    if re.fullmatch(r"\.[0-9]+([eE][0-9]+)?", text):
        return "FLOAT", "0" + text if len(text) < 300 else "0.0", f"Write `0{_cut(text)}`."
    if re.fullmatch(r"0[xXbBoO][0-9a-fA-F]+", text) and len(text) < 16:
        value = int(text, 0) if _is_radix(text) else 0
        return "INT", str(value), f"Numbers are decimal: write `{value}`."
    if match := re.fullmatch(r"([0-9]+)([^\W\d]\w*)", text):
        if match[2] in ("e", "E"):
            return "FLOAT", "0.0", f"An exponent needs digits, for example `{_cut(match[1])}e-3`."
        if match[2][0] != "_":
            hint = f"A product needs its sign: `{_cut(match[1])} * {_cut(match[2])}`. "
            return "INT", "0", hint + "Names begin with a letter."
    if "__" in text or "_." in text or "._" in text or text.endswith("_"):
        return "INT", "0", "A `_` stands between two digits: `1_000`."
    if text.count(".") > 1:
        return "FLOAT", "0.0", "A number has one decimal point."
    return "FLOAT", "0.0", "Numbers look like `3`, `1_000`, `0.5` or `1e-4`."


def _is_radix(text: str) -> bool:
    try:
        int(text, 0)
    except ValueError:
        return False
    return True


def _cut(text: str) -> str:
    """Text for a message, cut if it is long."""
    return text if len(text) <= 24 else text[:20] + "…"


READERS: dict[str, Callable[[str], Reading]] = {
    "STRING": _read_string,
    "FLOAT": _read_float,
    "POINT_FIRST": _read_malformed_number,
    "MALFORMED_NUMBER": _read_malformed_number,
    "UNCLOSED_STRING": _read_unclosed_string,
    "WRONG_QUOTES": _read_wrong_quotes,
}
