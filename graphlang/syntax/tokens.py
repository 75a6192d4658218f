"""From characters to the tokens that the grammar's rules are written in.

One pass over the text does what rules of a context-free grammar cannot say well: it decides where a newline
ends a statement, pairs the brackets, collects comments beside the tokens, gives `on`, `within` and `grad`
their meaning in the one place where they have one, and repairs what was written as in another language
(`**`, `:=`, `≤`), reporting each.

Invariants: every character is covered by a token, a comment, white space or an error; brackets in the
result are balanced for `{ }`; every statement is closed by an _END token. So the parser can always find the
end of a statement that it does not understand.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from graphlang.diagnostics.diagnostic import Label, Problems
from graphlang.source import SourceFile, Span
from graphlang.syntax.grammar import Grammar
from graphlang.syntax.tree import MAX_DEPTH, Comment

MAX_INTEGER = 2**63 - 1


class Token:
    """A token: its type in the grammar, its text, and the characters that it stands for."""

    __slots__ = ("end", "start", "text", "type")

    def __init__(self, type: str, text: str, start: int, end: int) -> None:
        self.type = type
        self.text = text
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"{self.type}({self.text!r}, {self.start}-{self.end})"


@dataclass(slots=True)
class Tokens:
    """What `tokenize` found: tokens with an _END after every statement, and what stands beside them.

    `docs` gives the comment block directly above the statement that starts at an offset; `faults` are the
    offsets of the errors reported here, so that the parser need not report their consequences.
    """

    tokens: list[Token] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    docs: dict[int, str] = field(default_factory=dict)
    description: str = ""
    faults: list[int] = field(default_factory=list)


def tokenize(source: SourceFile, grammar: Grammar, problems: Problems) -> Tokens:
    """All tokens of a text; errors go to `problems`."""
    return _Filter(source, grammar, problems).run()


# --- tables --------------------------------------------------------------------------------------

_CLOSER = {"LPAR": ")", "LSQB": "]", "LBRACE": "}"}
_CLOSER_TYPE = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_OPENER_TYPE = {closer: opener for opener, closer in _CLOSER_TYPE.items()}
BRACKETS = {*_CLOSER_TYPE, *_OPENER_TYPE}

# Words with a meaning in one place only, and words of Python that mean something else here.
_CONTEXTUAL = {"on", "within", "True", "False", "None"}

# Keywords that begin a statement: at the start of a line inside `(` or `[` they show that it is never closed.
STARTERS = frozenset(
    [
        "INPUT",
        "PARAM",
        "STATE",
        "CONST",
        "NETWORK",
        "GATE",
        "LAYER",
        "OPTIMIZER",
        "INIT",
        "FOR",
        "IF",
        "OUTPUT",
        "EXPECT",
        "ASSERT",
        "METRIC",
        "DATA",
        "TRAIN",
        "UPDATE",
        "IMPORT",
        "FROM",
        "BACKWARD",
    ]
)
# Those that never stand inside a block: unindented inside `{` they show that it is never closed.
_OUTERMOST = frozenset(["NETWORK", "GATE", "DATA", "TRAIN", "IMPORT", "FROM"])

# Tokens that can end an operand; what follows one of them is not the start of another.
OPERAND_ENDS = frozenset(["NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "RPAR", "RSQB", "DOTS"])

# foreign spelling: (our token type, our spelling, code, what to say instead of the default)
_FOREIGN: dict[str, tuple[str, str, str, str | None]] = {
    "**": ("CARET", "^", "E0102", "Powers are written with `^`."),
    ":=": ("EQUALS", "=", "E0102", None),
    "&&": ("AND", "and", "E0102", None),
    "||": ("OR", "or", "E0102", None),
    "!": ("NOT", "not", "E0102", None),
    "<>": ("NE", "!=", "E0102", None),
    "===": ("EQ", "==", "E0102", None),
    "!==": ("NE", "!=", "E0102", None),
    "=>": ("ARROW", "->", "E0102", "The arrow is written `->`; greater or equal is `>=`."),
    "−": ("MINUS", "-", "E0102", "This is the typographic minus sign (U+2212)."),
    "×": ("STAR", "*", "E0102", None),
    "·": ("STAR", "*", "E0102", "Products are written with `*`, matrix products with `@`."),
    "⊙": ("STAR", "*", "E0102", None),
    "÷": ("SLASH", "/", "E0102", None),
    "≤": ("LE", "<=", "E0102", None),
    "≥": ("GE", ">=", "E0102", None),
    "≠": ("NE", "!=", "E0102", None),
    "→": ("ARROW", "->", "E0102", None),
}

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

_ESCAPE = re.compile(r"\\(u\{([^}\"\n]*)\}|[\s\S]|$)")
_SIMPLE_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


def string_value(text: str) -> str:
    """The text that a STRING token stands for. Escapes that do not exist stand for themselves."""

    def value(match: re.Match[str]) -> str:
        if match[2] is not None:
            return code_point(match[2]) or ""
        return _SIMPLE_ESCAPES.get(match[1], match[0])

    inner = text[1:-1]
    return _ESCAPE.sub(value, inner) if "\\" in inner else inner


def code_point(digits: str) -> str | None:
    """The character with a hexadecimal number, or None if there is none."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,6}", digits):
        return None
    number = int(digits, 16)
    return None if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF else chr(number)


# --- the pass ------------------------------------------------------------------------------------


class _Filter:
    """State of the pass over one text."""

    def __init__(self, source: SourceFile, grammar: Grammar, problems: Problems) -> None:
        self.source = source
        self.grammar = grammar
        self.problems = problems
        self.found = Tokens()
        self.tokens = self.found.tokens
        self.openers: list[Token] = []
        self.line_first = 0  # index of the first token of the current line
        self.first = 0  # index of the first token of the current statement
        self.braces = 0  # how many of the openers are `{`
        self.fresh = True  # nothing but white space and comments on this line so far
        self.block: list[str] = []  # lines of the comment block above
        self.at_top = True  # no token yet
        self.buried = 0  # depth below the deepest block that is read
        self.forgiving = False  # an unclosed string swallowed the rest of the line, closers included
        self.rare: dict[str, Callable[[str, int, int], None]] = {
            "NEWLINE": self._newline,
            "COMMENT": self._comment,
            "STRING": self._string,
            "FLOAT": self._float,
            "FOREIGN": self._foreign,
            "POINT_FIRST": self._malformed,
            "MALFORMED_NUMBER": self._malformed,
            "UNCLOSED_STRING": self._unclosed_string,
            "WRONG_QUOTES": self._wrong_quotes,
            "STRAY": self._stray,
            "EDGE": lambda text, start, end: None,
        }

    def run(self) -> Tokens:
        """Read the whole text."""
        text = self.source.text
        tokens, rare = self.tokens, self.rare
        words, literals = self.grammar.words, self.grammar.literals
        for match in self.grammar.scanner.finditer(text):
            kind = match.lastgroup or ""
            start, end = match.span(kind)
            word = text[start:end]
            if kind == "NAME":
                kind = words.get(word, "NAME")
                if word in _CONTEXTUAL:
                    kind = self._contextual(word, start, end)
                elif kind == "NAME" and not word.isascii():
                    word = self._name(word, start)
            elif kind == "LITERAL":
                kind = literals[word]
                if kind in BRACKETS or (kind == "EQUALS" and self.openers):
                    self._punctuation(kind, word, start, end)
                    continue
            elif kind in rare:
                rare[kind](word, start, end)
                continue
            elif len(word) > 18 and kind == "INT":
                word = self._big_integer(word, start, end)
            if self.fresh:
                self._begin_line(kind, start)
            if not self.buried:
                tokens.append(Token(kind, word, start, end))
        self._finish()
        return self.found

    def put(self, kind: str, text: str, start: int, end: int) -> None:
        """Add a token, beginning a line if it is the first one there."""
        if self.fresh:
            self._begin_line(kind, start)
        if not self.buried:
            self.tokens.append(Token(kind, text, start, end))

    def error(
        self,
        code: str,
        start: int,
        end: int,
        message: str,
        *,
        label: str = "",
        related: tuple[Label, ...] = (),
        suggestion: str | None = None,
        is_repaired: bool = False,
    ) -> None:
        """Report an error here. Unless it is repaired, the parser keeps quiet about what follows from it."""
        if not is_repaired:
            self.found.faults.append(start)
        self.problems.error(
            code, self.span(start, end), message, label=label, related=related, suggestion=suggestion
        )

    def span(self, start: int, end: int) -> Span:
        """A span of this source."""
        return Span(self.source, start, end)

    # --- lines and comments ----------------------------------------------------------------------

    def _newline(self, text: str, start: int, end: int) -> None:
        self.fresh = True
        if self.forgiving:
            self.forgiving = False
            while self.openers and self.openers[-1].type != "LBRACE":
                self.openers.pop()
        if self.block and text.count("\n") > 1:
            self._close_comment_block(None)

    def _comment(self, text: str, start: int, end: int) -> None:
        line = text[1:].rstrip()
        line = line[1:] if line.startswith(" ") else line
        self.found.comments.append(Comment(self.span(start, start + len(text.rstrip())), line))
        if self.fresh:
            self.block.append(line)

    def _close_comment_block(self, statement: int | None) -> None:
        """A comment block ends, directly above the statement that starts at an offset or above nothing."""
        text = "\n".join(self.block)
        self.block.clear()
        if self.at_top and not self.found.description:
            self.found.description = text
        elif statement is not None:
            self.found.docs[statement] = text

    def _begin_line(self, kind: str, start: int) -> None:
        """Called for the first token of each line: ends the statement above if it ends there."""
        self.fresh = False
        self.line_first = len(self.tokens)
        if self.block:
            self._close_comment_block(start)
        self.at_top = False
        if self.openers and self.openers[-1].type != "LBRACE":
            if kind not in STARTERS:
                return
            self._report_unclosed("before the next statement begins")
        if self.braces and kind in _OUTERMOST and self._is_unindented(start):
            self._close_blocks()
        self._end_statement(kind)

    def _is_unindented(self, start: int) -> bool:
        return start == 0 or self.source.text[start - 1] == "\n"

    def _end_statement(self, following: str = "") -> None:
        """Put an _END unless the statement goes on with the following token."""
        if not self.tokens or self.buried:
            return
        last = self.tokens[-1]
        if last.type in ("_END", "LBRACE") or following in ("ARROW", "LBRACE"):
            return
        if following == "ELSE" and last.type == "RBRACE":
            return
        self.tokens.append(Token("_END", "", last.end, last.end))
        self.first = len(self.tokens)

    # --- brackets --------------------------------------------------------------------------------

    def _punctuation(self, kind: str, text: str, start: int, end: int) -> None:
        """Brackets, and `=` inside brackets."""
        if kind == "EQUALS":
            self._equals_inside(start)
            self.put(kind, text, start, end)
        elif kind in _CLOSER_TYPE:
            self._open(Token(kind, text, start, end))
        elif kind == "RBRACE":
            self._close_brace(start, end)
        else:
            self._close_round(kind, text, start, end)

    def _equals_inside(self, start: int) -> None:
        """`name =` at the start of a line, no deeper than the statement: a bracket was not closed."""
        tokens = self.tokens
        if self.openers[-1].type == "LBRACE" or self.line_first != len(tokens) - 1:
            return
        if len(tokens) < 2 or tokens[-2].type in ("COMMA", "LPAR", "LSQB"):
            return  # a named argument on a line of its own
        name = tokens[-1]
        if name.type != "NAME" or self._indentation(name.start) > self._indentation(self.openers[-1].start):
            return
        tokens.pop()
        self._report_unclosed("before the next statement begins")
        self._end_statement()
        tokens.append(name)

    def _indentation(self, offset: int) -> int:
        """How far the line of an offset is indented."""
        text = self.source.text
        start = at = text.rfind("\n", 0, offset) + 1
        while at < offset and text[at] in " \t":
            at += 1
        return at - start

    def _open(self, token: Token) -> None:
        if token.type == "LBRACE":
            if self.buried:
                self.buried += 1
                return
            if self.openers and self.openers[-1].type != "LBRACE":
                self._report_unclosed("before the block begins")
            self.braces += 1
        elif token.type == "LPAR" and self.tokens and self.tokens[-1].text == "grad":
            self._grad_statement()
        self.put(token.type, token.text, token.start, token.end)
        if not self.buried:
            self.openers.append(token)
            if token.type == "LBRACE":
                self.first = len(self.tokens)
        if self.braces > MAX_DEPTH and token.type == "LBRACE":
            self.buried = 1
            message = f"Blocks are nested more than {MAX_DEPTH} deep here."
            self.error("E0209", token.start, token.end, message, label="this block is left out")

    def _grad_statement(self) -> None:
        """`grad(` at the start of a statement is a line of a backward block."""
        tokens = self.tokens
        is_first = len(tokens) == 1 or tokens[-2].type in ("_END", "LBRACE")
        if is_first and tokens[-1].type == "NAME" and not self.fresh:
            tokens[-1].type = "GRAD"

    def _close_brace(self, start: int, end: int) -> None:
        if self.buried > 1:
            self.buried -= 1
            return
        self.buried = 0
        if self.openers and self.openers[-1].type != "LBRACE":
            self._report_unclosed("before the block ends")
        if not self.openers:
            self._unmatched("}", start, end)
            self.fresh = True
            return
        self._end_statement()
        self.openers.pop()
        self.braces -= 1
        if self.block:
            self._close_comment_block(None)
        self.fresh = self.at_top = False
        self.tokens.append(Token("RBRACE", "}", start, end))

    def _close_round(self, kind: str, text: str, start: int, end: int) -> None:
        if self.buried:
            return
        if not self.openers or self.openers[-1].type == "LBRACE":
            self._unmatched(text, start, end)
            return
        if self.fresh:
            self._begin_line(kind, start)  # while the bracket is still open: no statement ends here
        opener = self.openers.pop()
        if _CLOSER_TYPE[opener.type] != kind:
            wanted = _CLOSER[opener.type]
            self.error(
                "E0204",
                start,
                end,
                f"`{text}` does not close `{opener.text}`.",
                label=f"expected `{wanted}`",
                related=(Label(self.span(opener.start, opener.end), "opened here"),),
                suggestion=f"Write `{wanted}` here, or close `{opener.text}` before it.",
            )
            if self.openers and _CLOSER_TYPE[self.openers[-1].type] == kind:
                # `[(a]`: the inner bracket was forgotten, and this one closes the outer.
                self.put(_CLOSER_TYPE[opener.type], wanted, start, start)
                self.openers.pop()
            else:
                kind = _CLOSER_TYPE[opener.type]
        self.put(kind, text, start, end)

    def _unmatched(self, text: str, start: int, end: int) -> None:
        opener = next(name for name, closer in _CLOSER.items() if closer == text)
        sign = {"LPAR": "(", "LSQB": "[", "LBRACE": "{"}[opener]
        self.error(
            "E0204",
            start,
            end,
            f"`{text}` closes nothing: no `{sign}` is open here.",
            label="unmatched",
            suggestion=f"Remove it, or write the missing `{sign}` before it.",
        )

    def _report_unclosed(self, when: str) -> None:
        """The innermost `(` or `[` is not closed in time; all of them up to the next `{` are given up."""
        opener = self.openers[-1]
        closer = _CLOSER[opener.type]
        self.error(
            "E0203",
            opener.start,
            opener.end,
            f"`{opener.text}` is not closed {when}.",
            label="opened here",
            suggestion=f"Write the missing `{closer}`.",
        )
        while self.openers and self.openers[-1].type != "LBRACE":
            self.openers.pop()

    def _close_blocks(self) -> None:
        """A definition begins at the left margin inside open blocks: the innermost was not closed."""
        opener = self.openers[-1]
        self._report_unclosed_block(opener)
        self.buried = 0
        while self.openers:
            self._end_statement()
            self.openers.pop()
            self.tokens.append(Token("RBRACE", "}", self.tokens[-1].end, self.tokens[-1].end))
        self.braces = 0

    def _report_unclosed_block(self, opener: Token) -> None:
        self.error(
            "E0203",
            opener.start,
            opener.end,
            "`{` is never closed.",
            label="opened here",
            suggestion="Write the missing `}` at the end of the block.",
        )

    def _finish(self) -> None:
        """End of the text: the last statement ends, and so do all brackets."""
        if self.block:
            self._close_comment_block(None)
        self._newline("\n", 0, 0)
        if self.openers and self.openers[-1].type != "LBRACE":
            self._report_unclosed("before the end of the file")
        if self.openers:
            self._close_blocks()
        self._end_statement()
        end = len(self.source.text)
        self.tokens.append(Token("$END", "", end, end))

    # --- single tokens ---------------------------------------------------------------------------

    def _contextual(self, word: str, start: int, end: int) -> str:
        """Type of a word that is not a keyword but special in one place."""
        last = self.tokens[-1].type if self.tokens and not self.fresh else "_END"
        if word == "on":
            return "ON" if last == "TRAIN" else "NAME"
        if word == "within":
            flat = not self.openers or self.openers[-1].type == "LBRACE"
            return "WITHIN" if last in OPERAND_ENDS and flat and self._in_expect() else "NAME"
        if last == "DOT":
            return "NAME"
        if word == "None":
            self.error(
                "E0109",
                start,
                end,
                "There is no `None`.",
                suggestion="Leave the argument out; every name in a file has a value.",
            )
            return "NAME"
        lower = word.lower()
        self.error(
            "E0109",
            start,
            end,
            f"`{word}` is written `{lower}`.",
            suggestion=f"Write `{lower}`.",
            is_repaired=True,
        )
        return word.upper()

    def _in_expect(self) -> bool:
        """Whether the current statement is an `expect`."""
        return self.first < len(self.tokens) and self.tokens[self.first].type == "EXPECT"

    def _name(self, word: str, start: int) -> str:
        """A name with letters beyond ASCII, normalised; complains about characters that cannot be in one."""
        normal = unicodedata.normalize("NFC", word)
        if normal.isidentifier():
            return normal
        at = next((i for i in range(1, len(word) + 1) if not word[:i].isidentifier()), len(word)) - 1
        sign = word[at]
        plain = unicodedata.normalize("NFKC", sign)
        if plain.isalnum() and plain.isascii():
            hint: str | None = f"Write `{word[:at]}_{plain}`, or `{word[:at]}^{plain}` for a power."
        else:
            hint = _STRAY_HINTS.get(sign, "Names consist of letters, digits and `_`.")
        message = f"The character {_describe(sign)} cannot be part of a name."
        self.error("E0107", start + at, start + at + 1, message, suggestion=hint)
        return normal

    def _string(self, text: str, start: int, end: int) -> None:
        if "\\" in text:
            for match in _ESCAPE.finditer(text, 1, len(text) - 1):
                self._check_escape(match, start)
        self.put("STRING", text, start, end)

    def _check_escape(self, match: re.Match[str], start: int) -> None:
        at, end = start + match.start(), start + match.end()
        if match[2] is not None:
            if code_point(match[2]) is None:
                message = f"`{match[0]}` is not the number of a character."
                hint = "Write one to six hexadecimal digits, at most 10FFFF: `\\u{3bb}` is λ."
                self.error("E0104", at, end, message, suggestion=hint)
        elif match[1] not in _SIMPLE_ESCAPES:
            hint = 'The escapes are `\\"`, `\\\\`, `\\n`, `\\t` and `\\u{…}`; a backslash itself is `\\\\`.'
            self.error("E0104", at, end, f"There is no escape `{match[0]}`.", suggestion=hint)

    def _float(self, text: str, start: int, end: int) -> None:
        if float(text) == float("inf"):
            message = f"The number `{_short(text)}` is too large for a float."
            hint = "The largest is about 1.8e308."
            self.error("E0106", start, end, message, suggestion=hint)
            text = "0.0"
        self.put("FLOAT", text, start, end)

    def _big_integer(self, text: str, start: int, end: int) -> str:
        digits = text.replace("_", "").lstrip("0")
        if len(digits) < 19 or (len(digits) == 19 and int(digits) <= MAX_INTEGER):
            return digits or "0"
        message = f"The integer `{_short(text)}` does not fit into 64 bits."
        hint = f"The largest is {MAX_INTEGER}; for a float write a decimal point or an exponent."
        self.error("E0106", start, end, message, suggestion=hint)
        return "0"

    def _malformed(self, text: str, start: int, end: int) -> None:
        kind, repaired, hint = _repair_number(text)
        message = f"`{_short(text)}` is not a number."
        self.error("E0105", start, end, message, suggestion=hint)
        self.put(kind, repaired, start, end)

    def _foreign(self, text: str, start: int, end: int) -> None:
        """Another language's spelling: reported, and read as ours."""
        if text == ";":
            hint = "Put each statement on its own line; a newline ends it."
            self.error(
                "E0108", start, end, "Statements are not separated by `;`.", suggestion=hint, is_repaired=True
            )
            self._end_statement()
        elif text in ("++", "--"):
            if text == "--" or (self.tokens and self.tokens[-1].type in OPERAND_ENDS):
                self._increment(text, start, end)
            else:
                self.put("PLUS", "+", start, start + 1)
        elif text in _FOREIGN:
            kind, ours, code, note = _FOREIGN[text]
            message = f"`{text}` is written `{ours}` here."
            hint = f"Write `{ours}`." if note is None else f"Write `{ours}`. {note}"
            self.error(code, start, end, message, suggestion=hint, is_repaired=True)
            self.put(kind, ours, start, end)
        else:
            operator = text[:-1].replace("**", "^")
            name = self.tokens[-1].text if self.tokens and self.tokens[-1].type == "NAME" else "x"
            message = f"There is no `{text}`: a name is bound once."
            hint = f"Give the result a name of its own, for example `{name}2 = {name} {operator} …`."
            self.error("E0102", start, end, message, suggestion=hint, is_repaired=True)
            self.put("EQUALS", "=", start, end)

    def _increment(self, text: str, start: int, end: int) -> None:
        message = f"There is no `{text}`: a name is bound once."
        self.error("E0102", start, end, message, suggestion="Give the result a name of its own.")

    def _unclosed_string(self, text: str, start: int, end: int) -> None:
        self.error(
            "E0103",
            start,
            start + len(text.rstrip()),
            "The text is not closed on this line.",
            label='no closing `"`',
            suggestion='Write `"` at its end; a line break inside is `\\n`.',
        )
        self.put("STRING", text.rstrip().replace("\\", "") + '"', start, end)
        self.forgiving = True

    def _wrong_quotes(self, text: str, start: int, end: int) -> None:
        message = "Text is written in straight double quotes."
        inner = text[1:-1].replace('"', "'").replace("\\", "")
        self.error("E0113", start, end, message, suggestion=f'Write `"{_short(inner)}"`.', is_repaired=True)
        self.put("STRING", f'"{inner}"', start, end)

    def _stray(self, text: str, start: int, end: int) -> None:
        """A character that means nothing. A run of the same is reported once."""
        if start and self.source.text[start - 1] == text and self.found.faults[-1:] == [start - 1]:
            self.found.faults[-1] = start
            return
        message = f"The character {_describe(text)} has no meaning here."
        self.error("E0101", start, end, message, suggestion=_STRAY_HINTS.get(text))


def _repair_number(text: str) -> tuple[str, str, str]:
    """Type and text of the number that was probably meant, and what to suggest."""
    if re.fullmatch(r"[0-9]+\.", text):
        return "FLOAT", text + "0", f"Write `{_short(text)}0`."
    if re.fullmatch(r"\.[0-9]+([eE][0-9]+)?", text):
        return "FLOAT", "0" + text if len(text) < 300 else "0.0", f"Write `0{_short(text)}`."
    if re.fullmatch(r"0[xXbBoO][0-9a-fA-F]+", text) and len(text) < 16:
        value = int(text, 0) if _is_radix(text) else 0
        return "INT", str(value), f"Numbers are decimal: write `{value}`."
    if match := re.fullmatch(r"([0-9]+)([^\W\d]\w*)", text):
        if match[2] in ("e", "E"):
            return "FLOAT", "0.0", f"An exponent needs digits, for example `{_short(match[1])}e-3`."
        if match[2][0] != "_":
            hint = f"A product needs its sign: `{_short(match[1])} * {_short(match[2])}`. "
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


def _short(text: str) -> str:
    """Text for a message, cut if it is long."""
    return text if len(text) <= 24 else text[:20] + "…"


def _describe(sign: str) -> str:
    """A character as a message shows it."""
    number = f"U+{ord(sign):04X}"
    if sign.isprintable() and not sign.isspace():
        return f"`{sign}`" if sign.isascii() else f"`{sign}` ({number})"
    name = unicodedata.name(sign, "a control character").lower()
    return f"{number} ({name})"
