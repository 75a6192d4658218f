"""Expressions, brackets and what a statement may be: signs, operands, commas, values without a name.

The last rows take what no other knows.
"""

from __future__ import annotations

from graphlang.syntax.mistakes.spot import EXPRESSION_STARTS, OPERATORS, Rows, Said, Spot, cut, found
from graphlang.syntax.token import OPERAND_ENDS, STARTERS, Token

ROWS = Rows()
mistake = ROWS.row

# --- brackets and operands ------------------------------------------------------------------------


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
        or before.type not in ("EQUALS", "LPAR", "COMMA", *OPERATORS)
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
    where = "" if before.type == "_END" else f" after `{cut(before.text)}`"
    return Said(
        f"A value is missing{where}: found {found(spot.culprit)}.",
        label="expected a value",
        notes=notes,
    )


# --- whole statements -----------------------------------------------------------------------------


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
    if spot.first.type not in EXPRESSION_STARTS or "=" not in spot.rest():
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
    return Said(f"`{cut(text)}` cannot be given a value: only a name can.", hint, "not a name", at=whole)


@mistake("E0201", "x", "f(x)", "relu(x) -> y", "x == 3", "x -> relu")
def value_without_name(spot: Spot) -> Said | None:
    """A statement that is only an expression."""
    if spot.first.type not in EXPRESSION_STARTS:
        return None
    if spot.at > spot.start + 1 and spot.culprit.type != "_END" and spot.first.type == "NAME":
        return None
    text = spot.line_from(spot.first)
    if spot.first.type == "NAME" and spot.culprit.type in ("NAME", "STRING"):
        return None
    if any(sign in text for sign in ("==", "<", ">=")):
        hint = f"What must hold is written `expect {cut(text)}`."
    else:
        hint = f"Give it a name: `y = {cut(text)}`."
    return Said("A value by itself is not a statement.", hint, at=spot.first)


# --- values side by side --------------------------------------------------------------------------


@mistake("E0224", "x = f(a b)", "x = [1 2]", "gate f(x y) -> z { z = x }")
def missing_comma(spot: Spot) -> Said | None:
    """Two values side by side in a list."""
    opener, before = spot.opener(), spot.before
    if not opener or not before or before.type not in OPERAND_ENDS or _groups(spot, opener):
        return None
    if spot.culprit.type not in ("NAME", "INT", "FLOAT", "STRING", "TRUE", "FALSE"):
        return None
    hint = f"Write `{cut(before.text)}, {cut(spot.culprit.text)}`, or an operator between them."
    return Said(f"A comma is missing before {found(spot.culprit)}.", hint)


def _groups(spot: Spot, opener: Token) -> bool:
    """Whether a parenthesis is there for an operator's sake, as in `(a b)^2`, and encloses no list."""
    before = spot.tokens[spot.tokens.index(opener, spot.start) - 1]
    is_list = spot.token(1).type == "RPAR" and spot.token(2).type == "ARROW"
    return opener.type == "LPAR" and before.type not in (*OPERAND_ENDS, "ARROW") and not is_list


@mistake("E0224", "x = 2 y", "x = a b", "x = (a b)^2", "x = f((2 a) + 1)")
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
    left, right = cut(before.text), cut(spot.culprit.text)
    hint = f"A product needs its sign: `{left} * {right}`."
    if before.type == spot.culprit.type == "NAME":
        hint = f"A product needs its sign: `{left} * {right}`, or `{left} @ {right}` of matrices."
    message = f"An operator is missing before {found(spot.culprit)}."
    return Said(message, hint if spot.culprit.type != "STRING" else None)


# --- whatever is left -----------------------------------------------------------------------------


@mistake("E0226", 'from "f" import', 'from "f"', 'import "f" as g', 'from "f" import *')
def malformed_import(spot: Spot) -> Said | None:
    """Any other mistake in an import."""
    if spot.first.type not in ("IMPORT", "FROM"):
        return None
    form = '`import "file.graph"`' if spot.first.type == "IMPORT" else '`from "file.graph" import a, b`'
    return Said(f"This import cannot be read: found {found(spot.culprit)}.", f"The form is {form}.")


@mistake("E0211", "frobnicate x = 1", "quux bar")
def unknown_statement(spot: Spot) -> Said | None:
    """A statement begins with two names, the first like no keyword."""
    if spot.first.type != "NAME" or spot.at != spot.start + 1 or spot.culprit.type not in ("NAME", "STRING"):
        return None
    notes = ("Statements begin with a keyword (`input`, `param`, `network` …) or bind a name: `x = …`.",)
    return Said(
        f"There is no statement `{cut(spot.first.text)}`.", None, "not a keyword", at=spot.first, notes=notes
    )


@mistake("E0201", "x = a . 3", ", x = 3", "train on d = 3")
def unexpected(spot: Spot) -> Said | None:
    """Any other token that does not fit."""
    if EXPRESSION_STARTS & {"LPAR", "NAME"} <= spot.accepts:
        wanted = "a value"
    elif len(spot.accepts) <= 4:
        wanted = " or ".join(sorted(_spelling(kind) for kind in spot.accepts))
    else:
        wanted = ""
    message = f"{found(spot.culprit)[:1].upper()}{found(spot.culprit)[1:]} does not fit here."
    return Said(message, None, f"expected {wanted}" if wanted else "unexpected")


_SHOWN = {"_END": "the end of the line", "NAME": "a name", "STRING": "a text", "INT": "a number"}
_SIGNS = {
    "ARROW": "->", "EQUALS": "=", "COLON": ":", "COMMA": ",", "TILDE": "~", "DOT": ".", "RANGE": "..",
    "DOTS": "...", "LPAR": "(", "RPAR": ")", "LSQB": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}",
}  # fmt: skip


def _spelling(kind: str) -> str:
    return _SHOWN.get(kind) or f"`{_SIGNS.get(kind, kind.lower())}`"
