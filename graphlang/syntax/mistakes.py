"""What is wrong where the parser refused a token: a table of mistakes, tried from the special to the general.

A row is a function under `@mistake(code, example)`. It looks at the spot (the statement so far, the refused
token, what would have been accepted) and returns what to say, or None if the mistake is another one. The
example is a program with exactly that mistake; the tests run each and demand the row's code. The last row
takes whatever is left.

To add a mistake, write one row above those that are more general.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from graphlang.diagnostics.diagnostic import Diagnostic, Label, Severity
from graphlang.source import SourceFile, Span
from graphlang.syntax.tokens import OPERAND_ENDS, STARTERS, Token

KEYWORDS = {name.lower(): name for name in STARTERS | {"IN", "ELSE", "AND", "OR", "NOT", "TRUE", "FALSE"}}
_KEYWORD_TYPES = frozenset(KEYWORDS.values())
_NAMED = frozenset(
    [
        "INPUT",
        "PARAM",
        "STATE",
        "CONST",
        "METRIC",
        "LAYER",
        "UPDATE",
        "GATE",
        "NETWORK",
        "INIT",
        "OPTIMIZER",
        "DATA",
        "OUTPUT",
        "FOR",
    ]
)
_NEEDS_EQUALS = frozenset(["CONST", "METRIC", "LAYER", "UPDATE", "DATA", "INIT"])
_NEEDS_BLOCK = frozenset(["FOR", "IF", "ELSE", "GATE", "NETWORK", "OPTIMIZER", "TRAIN", "BACKWARD"])
_COMPARISONS = frozenset(["EQ", "NE", "LT", "LE", "GT", "GE"])
_OPERATORS = _COMPARISONS | frozenset(
    [
        "PLUS",
        "MINUS",
        "STAR",
        "SLASH",
        "FLOORDIV",
        "PERCENT",
        "AT",
        "CARET",
        "AND",
        "OR",
        "NOT",
        "ARROW",
        "RANGE",
    ]
)
_EXPRESSION_STARTS = frozenset(
    ["NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "LPAR", "LSQB", "MINUS", "PLUS", "NOT"]
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the parser stopped: token `at`, in the statement that begins with token `start`."""

    source: SourceFile
    tokens: list[Token]
    start: int
    at: int
    accepts: frozenset[str]

    @property
    def culprit(self) -> Token:
        """The refused token."""
        return self.tokens[self.at]

    @property
    def first(self) -> Token:
        """The first token of the statement; the culprit itself if nothing was read."""
        return self.tokens[self.start]

    @property
    def before(self) -> Token | None:
        """The token before the culprit, within the statement."""
        return self.tokens[self.at - 1] if self.at > self.start else None

    def token(self, offset: int) -> Token:
        """The token some places after the culprit; the last one beyond the end."""
        return self.tokens[min(self.at + offset, len(self.tokens) - 1)]

    def rest(self) -> str:
        """Text from the culprit to the end of its line, without a comment."""
        return self.line_from(self.culprit)

    def line_from(self, token: Token) -> str:
        """Text from a token to the end of its line, without a comment; of a very long line the beginning."""
        text = self.source.text[token.start : token.start + 400]
        return text.split("\n", 1)[0].split("#")[0].rstrip()

    def texts(self) -> list[str]:
        """Texts of the tokens of the statement before the culprit."""
        return [token.text for token in self.tokens[self.start : self.at]]

    def opener(self) -> Token | None:
        """The innermost `(` or `[` that is open before the culprit, in this statement."""
        depth = 0
        for token in reversed(self.tokens[self.start : self.at]):
            if token.type in ("RPAR", "RSQB"):
                depth += 1
            elif token.type in ("LPAR", "LSQB"):
                if not depth:
                    return token
                depth -= 1
        return None


@dataclass(frozen=True, slots=True)
class Said:
    """What a row has to say; the code comes from the row, the place is the culprit or `at`."""

    message: str
    suggestion: str | None = None
    label: str = ""
    at: Token | None = None
    notes: tuple[str, ...] = ()
    related: tuple[tuple[Token, str], ...] = ()
    is_next_statement: bool = False  # the culprit begins a statement of its own


@dataclass(frozen=True, slots=True)
class Mistake:
    """A diagnostic for the user, and whether reading may go on with the culprit as a new statement."""

    diagnostic: Diagnostic
    is_next_statement: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of mistake."""

    code: str
    examples: tuple[str, ...]
    recognise: Callable[[Spot], Said | None] = field(compare=False)


ROWS: list[Row] = []


def mistake(
    code: str, *examples: str
) -> Callable[[Callable[[Spot], Said | None]], Callable[[Spot], Said | None]]:
    """Add a row to the table."""

    def add(recognise: Callable[[Spot], Said | None]) -> Callable[[Spot], Said | None]:
        ROWS.append(Row(code, examples, recognise))
        return recognise

    return add


def explain(spot: Spot) -> Mistake:
    """The diagnostic of the first row that knows the mistake."""
    for row in ROWS:
        said = row.recognise(spot)
        if said is not None:
            return Mistake(_diagnostic(row.code, spot, said), said.is_next_statement)
    raise AssertionError("the last row takes everything")


def _diagnostic(code: str, spot: Spot, said: Said) -> Diagnostic:
    place = said.at or spot.culprit
    related = tuple(Label(_span(spot, token), text) for token, text in said.related)
    primary = Label(_span(spot, place), said.label)
    return Diagnostic(code, Severity.ERROR, said.message, primary, related, said.notes, said.suggestion)


def _span(spot: Spot, token: Token) -> Span:
    return Span(spot.source, token.start, token.end)


def found(token: Token) -> str:
    """How messages name a token."""
    if token.type in ("_END", "$END"):
        return "the end of the line"
    if token.type == "STRING":
        return "a text"
    if token.type in ("INT", "FLOAT"):
        return f"the number `{_cut(token.text)}`"
    if token.type in _KEYWORD_TYPES:
        return f"the keyword `{token.text}`"
    return f"`{_cut(token.text)}`"


def _cut(text: str) -> str:
    return text if len(text) <= 30 else text[:27] + "…"


def close_match(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant."""
    # Long words are no slips, and comparing them takes quadratic time.
    matches = difflib.get_close_matches(word, words, 1, 0.75) if len(word) < 30 else []
    return matches[0] if matches else None


# --- habits from other languages ---------------------------------------------------------------------

_HABITS = {
    "def": "Functions are written `gate name(x) -> y { … }`, layers `network name(x) -> y { … }`.",
    "function": "Functions are written `gate name(x) -> y { … }`.",
    "fn": "Functions are written `gate name(x) -> y { … }`.",
    "func": "Functions are written `gate name(x) -> y { … }`.",
    "class": "A layer with parameters of its own is a `network name(x) -> y { … }`.",
    "model": "A reusable part is a `network name(x) -> y { … }`; the file itself is the model.",
    "return": "The result is named in the signature: `gate f(x) -> y { y = … }`.",
    "while": "Repetition is known before anything runs: `for k in 1..10 { … }`.",
    "let": "A value is bound with its name alone: `x = …`.",
    "var": "A value is bound with its name alone: `x = …`.",
    "val": "A value is bound with its name alone: `x = …`.",
    "print": "`graphlang run` shows every named value; to show some of them write `output a, b`.",
    "using": 'Another file is brought in with `import "file.graph"`.',
    "include": 'Another file is brought in with `import "file.graph"`.',
    "weight": "A learned value is declared with `param W: [n, m]`.",
    "variable": "A learned value is declared with `param W: [n, m]`, one that is fed with `input x`.",
    "test": "What must hold is written `expect a == b`.",
}


@mistake(
    "E0210",
    "def f(x):\n  return x",
    "class Model:",
    "while x < 3 { x = 1 }",
    "let x = 3",
    "print(x)",
    "return x",
)
def foreign_statement(spot: Spot) -> Said | None:
    """A statement that begins with a word of another language."""
    word = spot.first.text
    if spot.first.type != "NAME" or word not in _HABITS or spot.at != spot.start + 1:
        return None
    if spot.culprit.type not in ("NAME", "LPAR", "INT", "_END", "LBRACE", "STRING", "COLON"):
        return None
    return Said(f"There is no `{word}` in this language.", _HABITS[word], at=spot.first)


@mistake("E0210", "import numpy as np", "from math import sqrt")
def python_import(spot: Spot) -> Said | None:
    """`import name` without quotes."""
    if spot.first.type not in ("IMPORT", "FROM") or spot.at != spot.start + 1 or spot.culprit.type != "NAME":
        return None
    name = spot.culprit.text
    notes = ("What Python offers as modules is built in here: `sqrt`, `exp`, `tanh` … need no import.",)
    return Said(
        f"`{spot.first.text}` takes the name of a file in quotes.",
        f'Write `{spot.first.text} "{name}.graph"` if there is such a file.',
        notes=notes,
    )


@mistake("E0210", "x = lambda y: y + 1")
def python_lambda(spot: Spot) -> Said | None:
    """`lambda`."""
    if not spot.before or spot.before.text != "lambda":
        return None
    hint = "Define it with a name, `gate f(x) -> y { y = … }`, and pass the name."
    return Said("There is no `lambda` in this language.", hint, at=spot.before)


@mistake("E0210", "if a { b = 1 }\nelif c { b = 2 }")
def python_elif(spot: Spot) -> Said | None:
    """`elif`, as a statement of its own."""
    if spot.first.text not in ("elif", "elseif", "elsif") or spot.first.type != "NAME":
        return None
    hint = "Write `else if`, behind the `}` of the `if`."
    return Said(f"`{spot.first.text}` is written `else if`.", hint, at=spot.first)


@mistake("E0210", "x = a if c else b")
def python_conditional(spot: Spot) -> Said | None:
    """`a if c else b`."""
    if spot.culprit.type != "IF" or not spot.before or spot.before.type not in OPERAND_ENDS:
        return None
    if "else" not in spot.rest().split():
        return None
    return Said("There is no conditional expression.", "Write `where(condition, a, b)`.")


@mistake("E0210", "x = [a for a in b]", "x = sum(a for a in b)")
def python_comprehension(spot: Spot) -> Said | None:
    """`[a for a in b]`."""
    if spot.culprit.type != "FOR" or not spot.opener():
        return None
    return Said("There are no comprehensions.", "Use a loop: `for a in b { … }`.")


@mistake("E0210", "@cached\nx = 1")
def python_decorator(spot: Spot) -> Said | None:
    """`@name` above a definition."""
    if spot.culprit.type != "AT" or spot.at != spot.start:
        return None
    return Said("There are no decorators.", "`@` stands between two matrices: `x @ W`.")


@mistake("E0210", "// a comment", "/* a comment */")
def slash_comment(spot: Spot) -> Said | None:
    """A comment as in C."""
    text = spot.source.text
    at = spot.culprit.start
    if spot.culprit.type not in ("FLOORDIV", "SLASH", "STAR") or spot.at != spot.start:
        return None
    if not text.startswith(("//", "/*", "*/", "* "), at):
        return None
    return Said("Comments begin with `#`.", f"Write `# {spot.rest().strip('/* ')}`.")


@mistake("E0210", "for k in range(10):\n  x = 1", "if c:\n  x = 1", "gate f(x) -> y:\n  y = x")
def colon_for_brace(spot: Spot) -> Said | None:
    """A colon where a block begins."""
    if spot.culprit.type != "COLON" or spot.opener():
        return None
    if spot.first.type not in (
        "FOR",
        "IF",
        "ELSE",
        "GATE",
        "NETWORK",
        "OPTIMIZER",
        "DATA",
        "TRAIN",
        "BACKWARD",
    ):
        return None
    notes: tuple[str, ...] = ()
    if "range" in spot.texts():
        notes = ("Ranges are written `1..L`, both ends included.",)
    return Said("A block stands in braces, not behind a colon.", "Write `{ … }` instead of `:`.", notes=notes)


@mistake("E0210", "for (k = 0) { x = 1 }")
def c_loop(spot: Spot) -> Said | None:
    """`for (…`."""
    if spot.first.type != "FOR" or spot.culprit.type != "LPAR" or spot.at != spot.start + 1:
        return None
    return Said("A loop has no parentheses.", "Write `for k in 1..10 { … }`.")


@mistake("E0210", "x[0] = 3")
def item_assignment(spot: Spot) -> Said | None:
    """`x[0] = …`."""
    if spot.culprit.type != "LSQB" or spot.at != spot.start + 1 or spot.first.type != "NAME":
        return None
    hint = "Build the whole with `concat`, `stack` or `where`, under a name of its own."
    return Said("Parts of a tensor cannot be assigned: a name is bound once, as a whole.", hint)


# --- names and keywords ------------------------------------------------------------------------------


@mistake("E0206", "input data = 3", "param in: [3]", "x, train = f(y)", "gate for(x) -> y { y = x }")
def keyword_as_name(spot: Spot) -> Said | None:
    """A keyword where a name is declared."""
    if spot.culprit.type not in _KEYWORD_TYPES or "NAME" not in spot.accepts:
        return None
    before = spot.before
    if before is None or before.type in _OPERATORS or before.type in ("EQUALS", "COLON"):
        return None
    if spot.accepts >= _EXPRESSION_STARTS and spot.token(1).type != "EQUALS":
        return None
    return _reserved(spot.culprit)


@mistake("E0206", "data = 3", "input = 3", "train, x = f(y)", "in = 5", "state.x = 1")
def keyword_bound(spot: Spot) -> Said | None:
    """A keyword at the start of a statement, where a name is bound."""
    first, second = spot.first, spot.tokens[min(spot.start + 1, len(spot.tokens) - 1)]
    if first.type not in _KEYWORD_TYPES or second.type not in ("EQUALS", "COMMA", "DOT"):
        return None
    return _reserved(first) if spot.at <= spot.start + 1 else None


@mistake("E0206", "x = 2 * data", "x = f(input)", "x = input", "x = a.state")
def keyword_used(spot: Spot) -> Said | None:
    """A keyword in an expression."""
    before = spot.before
    if spot.culprit.type not in STARTERS or before is None:
        return None
    if before.type in _OPERATORS or before.type in ("EQUALS", "COMMA", "LPAR", "LSQB", "COLON", "DOT"):
        return _reserved(spot.culprit)
    return None


def _reserved(token: Token) -> Said:
    return Said(
        f"`{token.text}` is a keyword and cannot be used as a name.",
        f"Choose another name, for example `{token.text}_` or `my_{token.text}`.",
        "reserved word",
        at=token,
    )


@mistake("E0211", "inptu x = 1", "parma W: [3]", "netwrok f(x) -> y { y = x }", "exepct a == 3", "outptu x")
def misspelt_keyword(spot: Spot) -> Said | None:
    """A statement begins with two names, the first almost a keyword."""
    if spot.first.type != "NAME" or spot.at != spot.start + 1:
        return None
    if spot.culprit.type not in ("NAME", "STRING", "LBRACE", "INT", "FLOAT"):
        return None
    meant = close_match(spot.first.text, [word for word, kind in KEYWORDS.items() if kind in STARTERS])
    if meant is None:
        return None
    message = f"There is no statement `{spot.first.text}`."
    return Said(message, f"Did you mean `{meant}`?", "not a keyword", at=spot.first)


@mistake(
    "E0214", "param: [3]", "input : [3]", "gate (x) -> y { y = x }", "for 1..3 { x = 1 }", "output", "layer"
)
def missing_name(spot: Spot) -> Said | None:
    """A declaration without a name."""
    if spot.first.type not in _NAMED or spot.at != spot.start + 1 or "NAME" not in spot.accepts:
        return None
    if spot.culprit.type == "LSQB":
        return None
    word = spot.first.text
    return Said(
        f"`{word}` needs a name, but found {found(spot.culprit)}.",
        f"Write `{word} name …`." if word != "output" else "Name the outputs: `output a, b`.",
        "a name is missing here",
    )


@mistake("E0225", "x: [N] input", "x: [3] = 4", "W: [3] ~ normal(0, 1)")
def declaration_without_keyword(spot: Spot) -> Said | None:
    """`x: type` without the keyword that says what it is."""
    if spot.culprit.type != "COLON" or spot.at != spot.start + 1 or spot.first.type != "NAME":
        return None
    word = "param" if "~" in spot.rest() or "param" in spot.rest() else "input"
    hint = f"Write `{word} {spot.first.text}{spot.rest().replace(f' {word}', '')}`."
    return Said(
        "A declaration begins with what it declares: `input`, `param`, `state` or `const`.",
        hint,
        at=spot.first,
    )


@mistake("E0225", "input [3] x", "param [3, 4] W", "input int x")
def type_before_name(spot: Spot) -> Said | None:
    """`input [3] x`, `input int x`."""
    if spot.first.type not in ("INPUT", "PARAM", "STATE"):
        return None
    word = spot.first.text
    if spot.at == spot.start + 1 and spot.culprit.type == "LSQB":
        return Said("The name comes first, then its type.", f"Write `{word} name: {spot.rest()}`.")
    if spot.at == spot.start + 2 and spot.culprit.type == "NAME":
        kind = spot.tokens[spot.at - 1].text
        return Said("The name comes first, then its type.", f"Write `{word} {spot.culprit.text}: {kind}`.")
    return None


@mistake("E0225", "input x [3]", "param W [3, 4] ~ normal(0, 1)")
def type_without_colon(spot: Spot) -> Said | None:
    """`input x [3]`."""
    if spot.first.type not in ("INPUT", "PARAM", "STATE") or spot.at != spot.start + 2:
        return None
    if spot.culprit.type != "LSQB":
        return None
    name = spot.tokens[spot.at - 1].text
    return Said("A type stands behind a colon.", f"Write `{spot.first.text} {name}: {spot.rest()}`.")


@mistake("E0225", "const H: int = 3", "layer f: [3] = 4")
def type_not_wanted(spot: Spot) -> Said | None:
    """`const H: int = 3`."""
    if spot.culprit.type != "COLON" or spot.first.type not in ("CONST", "LAYER", "METRIC"):
        return None
    word, name = spot.first.text, spot.tokens[spot.start + 1].text
    return Said(f"A `{word}` is declared without a type.", f"Write `{word} {name} = …`.")


# --- definitions -------------------------------------------------------------------------------------


@mistake("E0216", "gate f(x) { y = x }", "network f(x: [N]) { y = x }", "gate f(x) = x")
def missing_result(spot: Spot) -> Said | None:
    """A gate or network without `-> result`."""
    if spot.first.type not in ("GATE", "NETWORK") or spot.accepts != {"ARROW"}:
        return None
    word, name = spot.first.text, spot.tokens[spot.start + 1].text
    return Said(
        f"The {word} `{name}` does not name its result.",
        f"Write `{word} {name}(…) -> y {{ y = … }}`.",
        "expected `-> result`",
    )


@mistake("E0216", "gate f -> y { y = 1 }", "network f { y = 1 }", "init f = zeros()")
def missing_parameters(spot: Spot) -> Said | None:
    """A definition without parentheses."""
    if spot.first.type not in ("GATE", "NETWORK", "INIT", "OPTIMIZER") or spot.accepts != {"LPAR"}:
        return None
    name = spot.tokens[spot.start + 1].text
    return Said(
        f"`{name}` needs its parameters in parentheses, but found {found(spot.culprit)}.",
        f"Write `{spot.first.text} {name}(x, …)`, or `()` for none.",
        "expected `(`",
    )


@mistake(
    "E0213", "gate f(x) -> y\ny = x", "for k in 1..3\nx = 1", "if c\nx = 1", "backward\nx = 1", "train on d\n"
)
def missing_block(spot: Spot) -> Said | None:
    """A block that does not begin."""
    if "LBRACE" not in spot.accepts or spot.first.type not in _NEEDS_BLOCK:
        return None
    if spot.culprit.type != "_END" and (spot.before is None or spot.culprit.type not in (*STARTERS, "NAME")):
        return None
    return Said(
        f"`{spot.first.text}` needs a block in braces, but found {found(spot.culprit)}.",
        "Write `{ … }`.",
        "expected `{`",
    )


@mistake("E0218", "else { x = 1 }")
def lonely_else(spot: Spot) -> Said | None:
    """`else` without an `if`."""
    if spot.culprit.type != "ELSE" or spot.at != spot.start:
        return None
    return Said("This `else` belongs to no `if`.", "It stands behind the `}` of an `if`.")


# --- expressions -------------------------------------------------------------------------------------


@mistake("E0207", "expect a = 3", "assert D = 4", "if a = 3 { b = 1 }")
def equals_for_comparison(spot: Spot) -> Said | None:
    """`=` where two values are compared."""
    if spot.culprit.type != "EQUALS" or spot.first.type not in ("EXPECT", "ASSERT", "IF") or spot.opener():
        return None
    return Said("Values are compared with `==`; `=` gives a value a name.", "Write `==`.")


@mistake("E0217", "x = dense(a: 1)", "x = f(3, axis: 0)")
def colon_in_call(spot: Spot) -> Said | None:
    """`f(a: 1)`."""
    opener, before = spot.opener(), spot.before
    if (
        spot.culprit.type != "COLON"
        or not opener
        or opener.type != "LPAR"
        or not before
        or before.type != "NAME"
    ):
        return None
    if spot.first.type in ("GATE", "NETWORK", "INIT", "OPTIMIZER"):
        return None
    hint = f"Write `{before.text} = …`."
    return Said("A named argument is written with `=`.", hint)


@mistake("E0210", 'x = {"a": 1}', "x = {1, 2}")
def braces_in_expression(spot: Spot) -> Said | None:
    """A set or dictionary."""
    before = spot.before
    if (
        spot.culprit.type != "LBRACE"
        or not before
        or before.type not in ("EQUALS", "LPAR", "COMMA", *_OPERATORS)
    ):
        return None
    return Said("There are no sets or dictionaries: `{` begins a block.", "Lists are written `[a, b]`.")


@mistake(
    "E0202",
    "x = 3 +",
    "x = ",
    "x = a * / b",
    "x = (a + )",
    "expect a ==",
    "x = f(, 2)",
    "x = a -> ",
    "x = ()",
)
def missing_operand(spot: Spot) -> Said | None:
    """Nothing stands where a value is needed."""
    before = spot.before
    if not before or "NAME" not in spot.accepts or "LPAR" not in spot.accepts:
        return None
    if before.type == "LPAR" and spot.culprit.type == "RPAR":
        return Said("There is nothing in these parentheses.", "Write a value between them.", at=before)
    notes: tuple[str, ...] = ()
    if spot.culprit.type == "_END" and not spot.opener():
        notes = (
            "A newline ends a statement, except inside `(` and `[` and before a line that starts with `->`.",
        )
    where = "" if before.type == "_END" else f" after `{_cut(before.text)}`"
    return Said(
        f"A value is missing{where}: found {found(spot.culprit)}.",
        label="expected a value",
        notes=notes,
    )


@mistake("E0205", "x = 1 y = 2", "x = a input b", "x = 3 expect x == 3", "output x output y")
def two_statements(spot: Spot) -> Said | None:
    """Two statements on one line."""
    before, culprit = spot.before, spot.culprit
    if not before or spot.opener() or before.type not in (*OPERAND_ENDS, "RBRACE"):
        return None
    if spot.at == spot.start + 1 and spot.first.type == "NAME":
        return None
    begins = culprit.type in STARTERS or (
        culprit.type == "NAME" and spot.token(1).type in ("EQUALS", "COMMA")
    )
    if not begins or "_END" not in spot.accepts:
        return None
    return Said(
        "A new statement begins here, on the line of another.",
        f"Begin a new line before `{culprit.text}`.",
        "second statement",
        is_next_statement=True,
    )


@mistake("E0212", "x + y = 3", "f(x) = 3", "2 = x", "(a, b) = f(x)", "x.y = 3", "-x = 3")
def assignment_to_expression(spot: Spot) -> Said | None:
    """Something other than names before `=`."""
    if spot.first.type not in _EXPRESSION_STARTS or "=" not in spot.rest():
        return None
    tokens = spot.tokens[spot.start : spot.at + 200]
    equals = next((i for i, k in enumerate(tokens) if k.type in ("EQUALS", "_END")), None)
    if equals is None or tokens[equals].type == "_END" or not equals:
        return None
    if tokens[0].type == "NAME" and tokens[1].type in ("NAME", "STRING", "INT", "FLOAT"):
        return None
    if spot.at >= spot.start + equals:
        return None
    first, last = tokens[0], tokens[equals - 1]
    whole = Token("NAME", "", first.start, last.end)
    text = " ".join(spot.source.text[first.start : last.end].split())
    hint = "Several results are bound without parentheses: `a, b = f(x)`." if first.type == "LPAR" else None
    if first.type == "NAME" and tokens[1].type == "LPAR":
        hint = f"A function is defined with `gate {first.text}(x) -> y {{ y = … }}`."
    return Said(f"`{_cut(text)}` cannot be given a value: only a name can.", hint, "not a name", at=whole)


@mistake("E0222", "const H 3", "layer f dense(3)", "metric m mean(x)", "update m 3", "data d xor()")
def missing_equals(spot: Spot) -> Said | None:
    """A declaration without `=`."""
    if spot.first.type not in _NEEDS_EQUALS or spot.accepts != {"EQUALS"}:
        return None
    name = spot.tokens[spot.start + 1].text
    return Said(
        f"`{spot.first.text} {name}` needs `=` and a value, but found {found(spot.culprit)}.",
        f"Write `{spot.first.text} {name} = …`.",
        "expected `=`",
    )


@mistake("E0201", "x", "f(x)", "relu(x) -> y", "x == 3", "x -> relu")
def value_without_name(spot: Spot) -> Said | None:
    """A statement that is only an expression."""
    if spot.first.type not in _EXPRESSION_STARTS:
        return None
    if spot.at > spot.start + 1 and spot.culprit.type != "_END" and spot.first.type == "NAME":
        return None
    text = spot.line_from(spot.first)
    if spot.first.type == "NAME" and spot.culprit.type in ("NAME", "STRING"):
        return None
    if any(sign in text for sign in ("==", "<", ">=")):
        hint = f"What must hold is written `expect {_cut(text)}`."
    else:
        hint = f"Give it a name: `y = {_cut(text)}`."
    return Said("A value by itself is not a statement.", hint, at=spot.first)


@mistake("E0224", "x = f(a b)", "x = [1 2]", "gate f(x y) -> z { z = x }")
def missing_comma(spot: Spot) -> Said | None:
    """Two values side by side in a list."""
    opener, before = spot.opener(), spot.before
    if not opener or not before or before.type not in OPERAND_ENDS:
        return None
    if spot.culprit.type not in ("NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE"):
        return None
    hint = f"Write `{_cut(before.text)}, {_cut(spot.culprit.text)}`, or an operator between them."
    return Said(f"A comma is missing before {found(spot.culprit)}.", hint)


@mistake("E0224", "x = 2 y", "x = a b")
def missing_operator(spot: Spot) -> Said | None:
    """Two values side by side."""
    before = spot.before
    if (
        not before
        or before.type not in OPERAND_ENDS
        or ("STAR" not in spot.accepts and "_END" not in spot.accepts)
    ):
        return None
    if spot.culprit.type not in ("NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE", "LPAR"):
        return None
    if spot.first.type in ("IMPORT", "FROM") or (spot.first.type == "NAME" and spot.at == spot.start + 1):
        return None
    hint = f"A product needs its sign: `{_cut(before.text)} * {_cut(spot.culprit.text)}`."
    message = f"An operator is missing before {found(spot.culprit)}."
    return Said(message, hint if spot.culprit.type != "STRING" else None)


@mistake("E0226", 'from "f" import', 'from "f"', 'import "f" as g', 'from "f" import *')
def malformed_import(spot: Spot) -> Said | None:
    """Any other mistake in an import."""
    if spot.first.type not in ("IMPORT", "FROM"):
        return None
    form = '`import "file.graph"`' if spot.first.type == "IMPORT" else '`from "file.graph" import a, b`'
    return Said(f"This import cannot be read: found {found(spot.culprit)}.", f"The form is {form}.")


@mistake("E0211", "frobnicate x = 1", "foo bar")
def unknown_statement(spot: Spot) -> Said | None:
    """A statement begins with two names, the first like no keyword."""
    if spot.first.type != "NAME" or spot.at != spot.start + 1 or spot.culprit.type not in ("NAME", "STRING"):
        return None
    notes = ("Statements begin with a keyword (`input`, `param`, `network` …) or bind a name: `x = …`.",)
    return Said(
        f"There is no statement `{_cut(spot.first.text)}`.", None, "not a keyword", at=spot.first, notes=notes
    )


# --- whatever is left --------------------------------------------------------------------------------

_SHOWN = {"_END": "the end of the line", "NAME": "a name", "STRING": "a text", "INT": "a number"}


@mistake("E0201", "x = a . 3", ", x = 3", "train on d = 3")
def unexpected(spot: Spot) -> Said | None:
    """Any other token that does not fit."""
    if _EXPRESSION_STARTS & {"LPAR", "NAME"} <= spot.accepts:
        wanted = "a value"
    elif len(spot.accepts) <= 4:
        wanted = " or ".join(sorted(_spelling(kind) for kind in spot.accepts))
    else:
        wanted = ""
    message = f"{found(spot.culprit)[:1].upper()}{found(spot.culprit)[1:]} does not fit here."
    return Said(message, None, f"expected {wanted}" if wanted else "unexpected")


_SIGNS = {
    "ARROW": "->",
    "EQUALS": "=",
    "COLON": ":",
    "COMMA": ",",
    "LBRACE": "{",
    "RBRACE": "}",
    "TILDE": "~",
}
_SIGNS |= {"LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "DOT": ".", "RANGE": "..", "DOTS": "..."}


def _spelling(kind: str) -> str:
    return _SHOWN.get(kind) or f"`{_SIGNS.get(kind, kind.lower())}`"
