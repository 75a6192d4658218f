"""Slips of the pen inside one token: what is wrong with it, and what is read in its place.

Every function here is given the text of a token and returns what to say and how to go on, as a value; the
token filter reports it and puts the token. Spellings of other languages (`**`, `:=`, `≤`, `True`) are
repaired, so that reading goes on as if ours had been written; a character without any meaning is left out.
`literals` does the same for numbers and texts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from graphlang.records import Record


class Slip(Record):
    """What is wrong with a token, from character `at` to `end` of it; to its last one if `end` is None.

    Unless the slip is repaired, the parser keeps quiet about what follows from it.
    """

    code: str
    message: str
    suggestion: str | None = None
    label: str = ""
    at: int = 0
    end: int | None = None
    is_repaired: bool = False


class Reading(NamedTuple):
    """How a token is read: its type in the grammar (none if it is left out), its text, and what is wrong."""

    kind: str
    text: str
    slips: tuple[Slip, ...] = ()


# --- spellings of other languages ----------------------------------------------------------------

_TOLERANCE = "Its tolerance is 1e-6; `within 0.01` behind it says another."

# foreign spelling: (our token type, our spelling, what to add to "Write …")
_FOREIGN = {
    "**": ("CARET", "^", "Powers are written with `^`."),
    ":=": ("EQUALS", "=", ""),
    "&&": ("AND", "and", ""),
    "||": ("OR", "or", ""),
    "!": ("NOT", "not", ""),
    "<>": ("NE", "!=", ""),
    "===": ("EQ", "==", ""),
    "!==": ("NE", "!=", ""),
    "=>": ("ARROW", "->", "The arrow is written `->`; greater or equal is `>=`."),
    "−": ("MINUS", "-", "This is the typographic minus sign (U+2212)."),
    "×": ("STAR", "*", ""),
    "·": ("STAR", "*", "Products are written with `*`, matrix products with `@`."),
    "⊙": ("STAR", "*", ""),
    "÷": ("SLASH", "/", ""),
    "≤": ("LE", "<=", ""),
    "≥": ("GE", ">=", ""),
    "≠": ("NE", "!=", ""),
    "~=": ("EQ", "==", f"{_TOLERANCE} A start that is drawn has `~` before it."),
    "≈": ("EQ", "==", _TOLERANCE),
    "→": ("ARROW", "->", ""),
}


# A bar, what does not end the line or nest, the same bar again, and an index such as that of `||x||_2`.
_BARS = re.compile(r"""(\|\|?)(?!\|)([^|\n#"{}]{1,200})\1(?!\|)_?""")


def read_foreign(text: str, name: str) -> Reading:
    """Another language's operator, read as ours; `name` stands before it, and serves as an example."""
    if text == ";":
        hint = "Put each statement on its own line; a newline ends it."
        return Reading("_END", "", (_repaired("E0108", "Statements are not separated by `;`.", hint),))
    if text in ("++", "--"):
        message = f"There is no `{text}`: a name is bound once."
        return Reading("", "", (Slip("E0102", message, "Give the result a name of its own."),))
    if text in _FOREIGN:
        kind, ours, note = _FOREIGN[text]
        hint = f"Write `{ours}`. {note}".rstrip()
        return Reading(kind, ours, (_repaired("E0102", f"`{text}` is written `{ours}` here.", hint),))
    operator = text[:-1].replace("**", "^")
    message = f"There is no `{text}`: a name is bound once."
    hint = f"Give the result a name of its own, for example `{name}2 = {name} {operator} …`."
    return Reading("EQUALS", "=", (_repaired("E0102", message, hint),))


def read_bars(text: str, start: int) -> tuple[Slip, str, int] | None:
    """`|x|` or `||x||` at an offset: what to say, the function that is meant, and where the second bar is."""
    match = _BARS.match(text, start)
    if match is None or not match[2].strip():
        return None
    if any(match[2].count(opener) != match[2].count(CLOSERS[opener]) for opener in "(["):
        return None
    bar, inside = match[1], " ".join(match[2].split())
    ours, what = ("abs", "An absolute value") if bar == "|" else ("norm", "A norm")
    hint = f"Write `{ours}({inside})`."
    if match[0].endswith("_"):  # `||x||_2`
        hint += " It is the square root of the sum of squares."
    slip = Slip(
        "E0102",
        f"{what} is written `{ours}(…)` here.",
        hint,
        end=match.end(2) + len(bar) - start,
        is_repaired=not match[0].endswith("_"),
    )
    return slip, ours, match.end(2)


def read_python_constant(word: str) -> Reading:
    """`True`, `False` and `None`."""
    if word == "None":
        hint = "Leave the argument out; for a new axis of size 1 write `expand(x, axis = 1)`."
        return Reading("NAME", word, (Slip("E0109", "There is no `None`.", hint),))
    ours = word.lower()
    return Reading(
        ours.upper(), word, (_repaired("E0109", f"`{word}` is written `{ours}`.", f"Write `{ours}`."),)
    )


def _repaired(code: str, message: str, hint: str) -> Slip:
    return Slip(code, message, hint, is_repaired=True)


# --- characters ----------------------------------------------------------------------------------

_STRAY_HINTS = {
    "'": "For the transpose of a matrix write `.T`, for text use double quotes.",
    "&": "Write `and`.",
    "|": "Write `or`.",
    "!": "Write `not`.",
    "?": "To choose between two wires write `where(condition, a, b)`.",
    "$": "Names need no sign in front.",
    "\\": "Inside `(` and `[` a line may be broken without any sign.",
    "`": "Text is written in double quotes.",
    "²": "Write `^2`.",
    "³": "Write `^3`.",
    "√": "Write `sqrt(x)`.",
    "∑": "Write `sum(x)`.",
    "∂": "The derivative of `f` with respect to `x` is `grad(f, x)`.",
    "∇": "The derivative of `f` with respect to `x` is `grad(f, x)`.",
    "∞": "There is no literal for infinity; it can come out of a division, for example `1 / 0.0`.",
    "∈": "Write `in`.",
    "∧": "Write `and`.",
    "∨": "Write `or`.",
    "¬": "Write `not`.",
}


def stray_character(sign: str) -> Slip:
    """A character that means nothing."""
    return Slip("E0101", f"The character {_describe(sign)} has no meaning here.", _STRAY_HINTS.get(sign))


def read_name(word: str) -> Reading:
    """A name with letters beyond ASCII, normalised; complains about characters that cannot be in one."""
    normal = unicodedata.normalize("NFC", word)
    if normal.isidentifier():
        return Reading("NAME", normal)
    at = next((i for i in range(1, len(word) + 1) if not word[:i].isidentifier()), len(word)) - 1
    sign = word[at]
    plain = unicodedata.normalize("NFKC", sign)
    if plain.isalnum() and plain.isascii():
        hint = f"Write `{word[:at]}_{plain}`, or `{word[:at]}^{plain}` for a power."
    else:
        hint = _STRAY_HINTS.get(sign, "Names consist of letters, digits and `_`.")
    message = f"The character {_describe(sign)} cannot be part of a name."
    return Reading("NAME", normal, (Slip("E0107", message, hint, at=at, end=at + 1),))


def _describe(sign: str) -> str:
    """A character as a message shows it."""
    number = f"U+{ord(sign):04X}"
    if sign.isprintable() and not sign.isspace():
        return f"`{sign}`" if sign.isascii() else f"`{sign}` ({number})"
    name = unicodedata.name(sign, "a control character").lower()
    return f"{number} ({name})"


# --- brackets ------------------------------------------------------------------------------------

CLOSERS = {"(": ")", "[": "]", "{": "}"}
_OPENERS = {closer: opener for opener, closer in CLOSERS.items()}


def unmatched(closer: str) -> Slip:
    """A closing bracket where none is open."""
    opener = _OPENERS[closer]
    message = f"`{closer}` closes nothing: no `{opener}` is open here."
    return Slip("E0204", message, f"Remove it, or write the missing `{opener}` before it.", "unmatched")


def mismatched(closer: str, opener: str) -> Slip:
    """`)` that should close `[`, or the other way round."""
    wanted = CLOSERS[opener]
    hint = f"Write `{wanted}` here, or close `{opener}` before it."
    return Slip("E0204", f"`{closer}` does not close `{opener}`.", hint, f"expected `{wanted}`")


def unclosed(opener: str, when: str) -> Slip:
    """`(` or `[` that is not closed in time."""
    hint = f"Write the missing `{CLOSERS[opener]}`."
    return Slip("E0203", f"`{opener}` is not closed {when}.", hint, "opened here")


def unclosed_block() -> Slip:
    """`{` that is not closed before the next definition or the end of the file."""
    hint = "Write the missing `}` at the end of the block."
    return Slip("E0203", "`{` is never closed.", hint, "opened here")
