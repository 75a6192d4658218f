"""From characters to the tokens that the grammar's rules are written in.

One pass over the text does what rules of a context-free grammar cannot say well: it decides where a newline
ends a statement, pairs the brackets, collects comments beside the tokens, and gives `on`, `within` and
`grad` their meaning in the one place where they have one. What is wrong inside a token, or written as in
another language (`**`, `:=`, `≤`), is reported and repaired with `repairs` and `literals`.

Invariants: every character is covered by a token, a comment, white space or an error; brackets in the
result are balanced for `{ }`; every statement is closed by an _END token. So the parser can always find the
end of a statement that it does not understand.
"""

from __future__ import annotations

from collections.abc import Callable

from graphlang.diagnostics.diagnostic import Label, Problems
from graphlang.source import SourceFile, Span
from graphlang.syntax import repairs
from graphlang.syntax.grammar import Grammar
from graphlang.syntax.lines import Lines
from graphlang.syntax.literals import READERS, read_integer
from graphlang.syntax.repairs import Reading, Slip
from graphlang.syntax.token import OPERAND_ENDS, STARTERS, Token, Tokens
from graphlang.syntax.tree import MAX_DEPTH, Comment

_CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}
_BRACKETS = {*_CLOSERS, *_CLOSERS.values()}

# Words with a meaning in one place only, and words of Python that mean something else here.
_CONTEXTUAL = {"on", "within", "True", "False", "None"}

# Words that are not always names, besides the keywords.
_SPECIAL = frozenset({*_CONTEXTUAL, "grad"})

# Definitions never stand inside a block: unindented inside `{` they show that it is never closed.
_OUTERMOST = frozenset(["NETWORK", "GATE", "DATA", "TRAIN", "IMPORT", "FROM"])
# Statements that no gate or network has: at the start of a line they show that its `}` was forgotten.
_NOT_IN_DEFINITIONS = frozenset(["INPUT", "OUTPUT", "EXPECT", "METRIC"])


def tokenize(source: SourceFile, grammar: Grammar, problems: Problems, *, with_lines: bool = False) -> Tokens:
    """All tokens of a text; errors go to `problems`.

    With `with_lines`, lines whose shape has come up before are one token each, a `Line`.
    """
    reading = _Filter(source, grammar, Problems(), with_lines=with_lines)
    reading.run()
    if reading.is_unclosed:
        # A `}` is missing somewhere: most likely where the text goes back to the left margin.
        by_margin = _Filter(source, grammar, Problems(), margin_closes=True, with_lines=with_lines)
        by_margin.run()
        if len(by_margin.problems) <= len(reading.problems):
            reading = by_margin
    for problem in reading.problems.found:
        problems.add(problem)
    return reading.found


class _Filter:
    """State of the pass over one text."""

    def __init__(
        self,
        source: SourceFile,
        grammar: Grammar,
        problems: Problems,
        *,
        margin_closes: bool = False,
        with_lines: bool = False,
    ) -> None:
        self.source = source
        self.grammar = grammar
        self.problems = problems
        self.found = Tokens()
        self.tokens = self.found.tokens
        self.openers: list[Token] = []
        self.line_first = 0  # index of the first token of the current line
        self.first = 0  # index of the first token of the current statement
        self.braces = 0  # how many of the openers are `{`
        self.margin_closes = margin_closes  # whether a statement at the left margin ends open blocks
        self.is_unclosed = False  # whether a block was found open where it cannot be
        self.outer_kind = ""  # what the statement around the outermost of them begins with
        self.fresh = True  # nothing but white space and comments on this line so far
        self.block: list[str] = []  # lines of the comment block above
        self.at_top = True  # no token yet
        self.buried = 0  # depth below the deepest block that is read
        self.forgiving = False  # an unclosed string swallowed the rest of the line, closers included
        self.second_bars: set[int] = set()  # offsets where `|x|` and `||x||` end
        self.lines = Lines(grammar, _SPECIAL.union(grammar.words)) if with_lines else None
        self.rare: dict[str, Callable[[str, str, int, int], None]] = {
            **dict.fromkeys(READERS, self._literal),
            "NEWLINE": self._newline,
            "COMMENT": self._comment,
            "FOREIGN": self._foreign,
            "STRAY": self._stray,
            "EDGE": lambda kind, text, start, end: None,
        }

    def run(self) -> Tokens:
        """Read the whole text."""
        at = 0
        while at >= 0:
            at = self._scan(at)
        self._finish()
        return self.found

    def _scan(self, at: int) -> int:
        """Read token by token from an offset; -1, or where it goes on behind lines read as a whole."""
        text, lines = self.source.text, self.lines
        tokens, rare = self.tokens, self.rare
        words, literals = self.grammar.words, self.grammar.literals
        for match in self.grammar.scanner.finditer(text, at):
            kind = match.lastgroup or ""
            start, end = match.span(kind)
            word = text[start:end]
            if kind == "NAME":
                kind = words.get(word, "NAME")
                if word in _CONTEXTUAL:
                    kind = self._contextual(word, start, end)
                elif kind == "NAME" and not word.isascii():
                    word = self._repaired(repairs.read_name(word), start, end)
            elif kind == "LITERAL":
                kind = literals[word]
                if kind in _BRACKETS or (kind == "EQUALS" and self.openers):
                    self._punctuation(kind, word, start, end)
                    continue
            elif kind in rare:
                rare[kind](kind, word, start, end)
                if kind == "NEWLINE" and lines is not None and text[end - 1] == "\n":
                    at = self._whole_lines(lines, end)
                    if at > end:
                        return at
                continue
            elif len(word) > 18 and kind == "INT":
                word = self._repaired(read_integer(word), start, end)
            if self.fresh:
                self._begin_line(kind, start)
            if not self.buried:
                tokens.append(Token(kind, word, start, end))
        return -1

    def _whole_lines(self, lines: Lines, at: int) -> int:
        """Read lines of known shapes, from one that begins at the margin; the offset behind them."""
        if self.openers or self.buried:
            return at
        tokens, text = self.tokens, self.source.text
        # Behind a comment the statement above it is known already.
        if not self.block and self.first < len(tokens) and self.line_first <= self.first:
            lines.learn(tokens[self.first :])
        start = text[at : at + 1]
        if not lines.shapes or not (start.isalpha() or start == "_"):
            return at
        line = lines.match(text, at)
        if line is None:
            return at
        if self.block:
            self._close_comment_block(at)
        self.at_top = False
        self._end_statement(line.shape.kinds[0])
        while line is not None:
            tokens.append(line)
            at = line.match.end()
            line = lines.match(text, at)
        self.first = len(tokens)
        return at

    def put(self, kind: str, text: str, start: int, end: int) -> None:
        """Add a token, beginning a line if it is the first one there."""
        if self.fresh:
            self._begin_line(kind, start)
        if not self.buried:
            self.tokens.append(Token(kind, text, start, end))

    def report(self, slip: Slip, start: int, end: int, *related: Label) -> None:
        """Report what is wrong with the token from `start` to `end`."""
        if slip.end is not None:
            end = start + slip.end
        start += slip.at
        if not slip.is_repaired:
            self.found.faults.append(start)
        self.problems.error(
            slip.code,
            self.span(start, end),
            slip.message,
            label=slip.label,
            related=related,
            suggestion=slip.suggestion,
        )

    def span(self, start: int, end: int) -> Span:
        """A span of this source."""
        return Span(self.source, start, end)

    # --- lines and comments ----------------------------------------------------------------------

    def _newline(self, kind: str, text: str, start: int, end: int) -> None:
        self.fresh = True
        if self.forgiving:
            self.forgiving = False
            while self.openers and self.openers[-1].type != "LBRACE":
                self.openers.pop()
        if self.block and text.count("\n") > 1:
            self._close_comment_block(None)

    def _comment(self, kind: str, text: str, start: int, end: int) -> None:
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
        if self.braces and self.openers and self._is_unindented(start) and self._belongs_outside(kind):
            self._close_blocks()
        self._end_statement(kind)

    def _belongs_outside(self, kind: str) -> bool:
        """Whether a statement that begins with `kind` cannot stand in the block that is open."""
        if self.margin_closes:
            return kind not in ("RBRACE", "ELSE")
        in_definition = self.outer_kind in ("GATE", "NETWORK")
        return kind in _OUTERMOST or (in_definition and kind in _NOT_IN_DEFINITIONS)

    def _is_unindented(self, start: int) -> bool:
        return start == 0 or self.source.text[start - 1] == "\n"

    def _end_statement(self, following: str = "") -> None:
        """Put an _END unless the statement goes on with the following token."""
        if not self.tokens or self.buried:
            return
        last = self.tokens[-1]
        if last.type in ("_END", "_LINE", "LBRACE") or following in ("ARROW", "LBRACE"):
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
        elif kind in _CLOSERS:
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
            if not self.braces:
                self.outer_kind = self.tokens[self.first].type if self.first < len(self.tokens) else ""
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
            self.report(Slip("E0209", message, label="this block is left out"), token.start, token.end)

    def _grad_statement(self) -> None:
        """`grad(` at the start of a statement is a line of a backward block."""
        tokens = self.tokens
        is_first = len(tokens) == 1 or tokens[-2].type in ("_END", "_LINE", "LBRACE")
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
            self.report(repairs.unmatched("}"), start, end)
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
            self.report(repairs.unmatched(text), start, end)
            return
        if self.fresh:
            self._begin_line(kind, start)  # while the bracket is still open: no statement ends here
        opener = self.openers.pop()
        if _CLOSERS[opener.type] != kind:
            kind = self._mismatched(kind, text, start, end, opener)
        self.put(kind, text, start, end)

    def _mismatched(self, kind: str, text: str, start: int, end: int, opener: Token) -> str:
        """`)` closes `[`, or the other way round: the type of the bracket that it is taken for."""
        place = Label(self.span(opener.start, opener.end), "opened here")
        self.report(repairs.mismatched(text, opener.text), start, end, place)
        wanted = _CLOSERS[opener.type]
        if self.openers and _CLOSERS[self.openers[-1].type] == kind:
            # `[(a]`: the inner bracket was forgotten, and this one closes the outer.
            self.put(wanted, repairs.CLOSERS[opener.text], start, start)
            self.openers.pop()
            return kind
        return wanted

    def _report_unclosed(self, when: str) -> None:
        """The innermost `(` or `[` is not closed in time; all of them up to the next `{` are given up."""
        opener = self.openers[-1]
        self.report(repairs.unclosed(opener.text, when), opener.start, opener.end)
        while self.openers and self.openers[-1].type != "LBRACE":
            self.openers.pop()

    def _close_blocks(self) -> None:
        """A definition begins at the left margin inside open blocks: the innermost was not closed."""
        self.is_unclosed = True
        opener = self.openers[-1]
        self.report(repairs.unclosed_block(), opener.start, opener.end)
        self.buried = 0
        while self.openers:
            self._end_statement()
            self.openers.pop()
            self.tokens.append(Token("RBRACE", "}", self.tokens[-1].end, self.tokens[-1].end))
        self.braces = 0

    def _finish(self) -> None:
        """End of the text: the last statement ends, and so do all brackets."""
        if self.block:
            self._close_comment_block(None)
        self._newline("NEWLINE", "\n", 0, 0)
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
        reading = repairs.read_python_constant(word)
        self._repaired(reading, start, end)
        return reading.kind

    def _in_expect(self) -> bool:
        """Whether the current statement is an `expect`."""
        return self.first < len(self.tokens) and self.tokens[self.first].type == "EXPECT"

    def _repaired(self, reading: Reading, start: int, end: int) -> str:
        """Report what is wrong with a token; the text to go on with."""
        for slip in reading.slips:
            self.report(slip, start, end)
        return reading.text

    def _literal(self, kind: str, text: str, start: int, end: int) -> None:
        ours, text, slips = READERS[kind](text)
        for slip in slips:
            self.report(slip, start, end)
        self.put(ours, text, start, end)
        if kind == "UNCLOSED_STRING":
            self.forgiving = True

    def _foreign(self, kind: str, text: str, start: int, end: int) -> None:
        """Another language's spelling: reported, and read as ours."""
        if text == "||" and self._bars(start, end):
            return
        last = self.tokens[-1] if self.tokens else None
        if text == "++" and not (last and last.type in OPERAND_ENDS):
            self.put("PLUS", "+", start, start + 1)
            return
        reading = repairs.read_foreign(text, last.text if last and last.type == "NAME" else "x")
        ours = self._repaired(reading, start, end)
        if reading.kind == "_END":
            self._end_statement()
        elif reading.kind:
            self.put(reading.kind, ours, start, end)

    def _stray(self, kind: str, text: str, start: int, end: int) -> None:
        """A character that means nothing. A run of the same is reported once."""
        if text == "|" and self._bars(start, end):
            return
        faults = self.found.faults
        if start and self.source.text[start - 1] == text and faults[-1:] == [start - 1]:
            faults[-1] = start
        else:
            self.report(repairs.stray_character(text), start, end)

    def _bars(self, start: int, end: int) -> bool:
        """Read `|x|` and `||x||` as `abs(x)` and `norm(x)`; False if the bar is not one of such a pair."""
        if start in self.second_bars:
            self.put("RPAR", ")", start, end)
            return True
        read = repairs.read_bars(self.source.text, start)
        if read is None or (self.tokens and self.tokens[-1].type in OPERAND_ENDS):
            return False
        slip, ours, second = read
        self.report(slip, start, end)
        self.second_bars.add(second)
        self.put("NAME", ours, start, end)
        self.put("LPAR", "(", start, end)
        return True
