"""Habits from other languages: what Python or C writes where this language has another form."""

from __future__ import annotations

import re

from graphlang.syntax.mistakes.spot import Rows, Said, Spot, cut
from graphlang.syntax.token import OPERAND_ENDS, Token

ROWS = Rows()
mistake = ROWS.row

_BINDING = "A value is bound with its name alone: `x = …`."
_GATE = "Functions are written `gate name(x) -> y { … }`."
_LOOP = "Repetition is known before anything runs: `for k in 1..10 { … }`."
_OUTPUT = "`graphlang run` shows every named value; to show some of them write `output a, b`."
_IMPORT = 'Another file is brought in with `import "file.graph"`.'
_CHOICE = "Write `where(condition, a, b)`, or `if condition { … } else { … }`."

_HABITS = {
    "def": "Functions are written `gate name(x) -> y { … }`, layers `network name(x) -> y { … }`.",
    **dict.fromkeys(("function", "fn", "func"), _GATE),
    "class": "A layer with parameters of its own is a `network name(x) -> y { … }`.",
    "model": "A reusable part is a `network name(x) -> y { … }`; the file itself is the model.",
    "return": "The result is named in the signature: `gate f(x) -> y { y = … }`.",
    **dict.fromkeys(("while", "repeat", "foreach"), _LOOP),
    **dict.fromkeys(("switch", "match", "case"), _CHOICE),
    **dict.fromkeys(("let", "var", "val", "set", "mut", "auto", "static", "new"), _BINDING),
    **dict.fromkeys(("int", "float", "double", "bool", "str", "string"), _BINDING),
    **dict.fromkeys(("print", "show", "plot"), _OUTPUT),
    **dict.fromkeys(("using", "use", "include"), _IMPORT),
    "weight": "A learned value is declared with `param W: [n, m]`.",
    "variable": "A learned value is declared with `param W: [n, m]`, one that is fed with `input x`.",
    "test": "What must hold is written `expect a == b`.",
}


# Operations and gates of the library that one writes in mathematics without parentheses.
FUNCTIONS = frozenset((
    "abs", "ceil", "cos", "erf", "exp", "expm1", "floor", "gelu", "log", "log1p", "log_softmax", "logsumexp",
    "max", "mean", "min", "norm", "prod", "relu", "round", "selu", "sigmoid", "sign", "silu", "sin",
    "softmax", "softplus", "sqrt", "square", "std", "sum", "tan", "tanh", "transpose", "var",
))  # fmt: skip


@mistake(
    "E0210",
    "def f(x):\n  return x",
    "class Model:",
    "while x < 3 { x = 1 }",
    "let x = 3",
    "print(x)",
    "int x = 3",
    "plot y",
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


@mistake("E0224", "x = sin y", "x = 2 * exp y^2", "x = relu 3 + 1", "gate f(x) -> y { y = x }\nz = f 3")
def call_without_parentheses(spot: Spot) -> Said | None:
    """`sin x`, as in mathematics."""
    before, operand = spot.before, spot.culprit
    if not before or before.type != "NAME" or operand.type not in ("NAME", "INT", "FLOAT"):
        return None
    if before is spot.first or "STAR" not in spot.accepts or not _is_function(spot, before.text):
        return None
    goes_on = spot.token(1).type in ("CARET", "LPAR", "LSQB", "DOT", "NAME")
    inside = "…" if goes_on else cut(operand.text)
    return Said(
        f"What `{cut(before.text)}` is applied to stands in parentheses.",
        f"Write `{cut(before.text)}({inside})`.",
        at=Token("NAME", "", before.start, operand.end),
    )


def _is_function(spot: Spot, name: str) -> bool:
    """Whether a name is one of those that are applied to one wire, or is defined near the file's start."""
    return name in FUNCTIONS or (
        re.search(rf"^(gate|network|layer) +{name}\b", spot.source.text[:20_000], re.MULTILINE) is not None
    )


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


@mistake(
    "E0222",
    "train {\n  minimize: y\n}",
    "train {\n  minimize = y\n  optimizer: sgd()\n}",
)
def colon_in_train_block(spot: Spot) -> Said | None:
    """`minimize: loss`, as in YAML."""
    if spot.culprit.type != "COLON" or spot.at != spot.start + 1 or spot.block().type != "TRAIN":
        return None
    value = spot.line_from(spot.token(1))
    name = spot.first.text
    return Said("A setting of training is written with `=`.", f"Write `{name} = {cut(value) or '…'}`.")


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
    message = "A block stands in braces, not behind a colon."
    return Said(
        message,
        "Write `{ … }` instead of `:`.",
        notes=notes,
        takes_indented=spot.token(1).type == "_END",
    )


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
