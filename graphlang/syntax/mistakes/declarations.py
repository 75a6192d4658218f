"""Declarations and definitions: keywords where names stand, missing names, types, results and blocks."""

from __future__ import annotations

from graphlang.diagnostics.suggest import nearest
from graphlang.syntax.mistakes.spot import (
    EXPRESSION_STARTS,
    KEYWORD_TYPES,
    KEYWORDS,
    OPERATORS,
    Rows,
    Said,
    Spot,
    found,
)
from graphlang.syntax.token import STARTERS, Token

ROWS = Rows()
mistake = ROWS.row

_NAMED = frozenset((
    "INPUT", "PARAM", "STATE", "CONST", "METRIC", "LAYER", "UPDATE", "GATE", "NETWORK", "INIT", "OPTIMIZER",
    "DATA", "OUTPUT", "FOR",
))  # fmt: skip
_NEEDS_EQUALS = frozenset(["CONST", "METRIC", "LAYER", "UPDATE", "DATA", "INIT"])
_NEEDS_BLOCK = frozenset(["FOR", "IF", "ELSE", "GATE", "NETWORK", "OPTIMIZER", "TRAIN", "BACKWARD"])

# --- names and keywords ---------------------------------------------------------------------------


@mistake("E0206", "input data = 3", "param in: [3]", "x, train = f(y)", "gate for(x) -> y { y = x }")
def keyword_as_name(spot: Spot) -> Said | None:
    """A keyword where a name is declared."""
    if spot.culprit.type not in KEYWORD_TYPES or "NAME" not in spot.accepts:
        return None
    before = spot.before
    if before is None or before.type in OPERATORS or before.type in ("EQUALS", "COLON"):
        return None
    if spot.accepts >= EXPRESSION_STARTS and spot.token(1).type != "EQUALS":
        return None
    return _reserved(spot.culprit)


@mistake("E0206", "data = 3", "input = 3", "train, x = f(y)", "in = 5", "state.x = 1")
def keyword_bound(spot: Spot) -> Said | None:
    """A keyword at the start of a statement, where a name is bound."""
    first, second = spot.first, spot.tokens[min(spot.start + 1, len(spot.tokens) - 1)]
    if first.type not in KEYWORD_TYPES or second.type not in ("EQUALS", "COMMA", "DOT"):
        return None
    return _reserved(first) if spot.at <= spot.start + 1 else None


@mistake("E0206", "x = 2 * data", "x = f(input)", "x = input", "x = a.state")
def keyword_used(spot: Spot) -> Said | None:
    """A keyword in an expression."""
    before = spot.before
    if spot.culprit.type not in STARTERS or before is None:
        return None
    if before.type in OPERATORS or before.type in ("EQUALS", "COMMA", "LPAR", "LSQB", "COLON", "DOT"):
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
    meant = nearest(spot.first.text, [word for word, kind in KEYWORDS.items() if kind in STARTERS])
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


# --- types and values -----------------------------------------------------------------------------


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


# --- definitions ----------------------------------------------------------------------------------


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
