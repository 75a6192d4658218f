"""The catalogue: what each code means, with a wrong and a right example (`graphlang explain E0102`).

One table for each area; a code is one entry in its table and needs nothing else:

    E01xx text and tokens          E02xx syntax              E03xx names and scopes
    E04xx types and shapes         E05xx calls, networks     E06xx compile-time values
    E07xx differentiation          E08xx imports, data       E09xx running             W0xxx warnings

Invariant: a code, once published, keeps its meaning. `wrong` is a program with exactly this mistake,
`right` one without any; the tests run both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A page of the catalogue. `wrong` is None where no program text alone shows the mistake."""

    title: str
    explanation: str
    wrong: str | None = None
    right: str | None = None


TEXT_AND_TOKENS = {
    "E0101": Code(
        "a character that means nothing",
        "Outside of texts and comments a file consists of names, numbers, operators and brackets.",
        "x = 3 ? 4",
        "x = where(true, 3, 4)",
    ),
    "E0102": Code(
        "an operator as other languages write it",
        "Powers are written `^`, comparisons `<=`, `>=`, `!=`, logic `and`, `or`, `not`. A name is bound"
        " once, so there are no `+=` and `:=`.",
        "y = x ** 2",
        "y = x ^ 2",
    ),
    "E0103": Code(
        "a text that is not closed",
        "A text begins and ends on one line. A line break inside is written `\\n`.",
        'data d = csv("digits.csv)',
        'data d = csv("digits.csv")',
    ),
    "E0104": Code(
        "an escape that does not exist",
        "The escapes are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{…}` with a character's number in hexadecimal.",
        'const name = "a\\qb"',
        'const name = "a\\\\qb"',
    ),
    "E0105": Code(
        "a malformed number",
        "Numbers are written `3`, `1_000`, `0.5` or `1e-4`: digits stand on both sides of the point.",
        "x = .5",
        "x = 0.5",
    ),
    "E0106": Code(
        "a number that is too large",
        "Integers have 64 bits, floats end at about 1.8e308.",
        "x = 99999999999999999999",
        "x = 1e20",
    ),
    "E0107": Code(
        "a character that cannot be part of a name",
        "Names consist of letters of any script, digits and `_`, and begin with a letter or `_`.",
        "x₁ = 3",
        "x1 = 3",
    ),
    "E0108": Code(
        "a semicolon",
        "A newline ends a statement; nothing else separates two of them.",
        "a = 1; b = 2",
        "a = 1\nb = 2",
    ),
    "E0109": Code(
        "`True`, `False` or `None`",
        "The two truth values are written `true` and `false`. There is no `None`: every name has a value.",
        "const deep = True",
        "const deep = true",
    ),
    "E0110": Code(
        "a file that cannot be read",
        "The file does not exist, is a directory, or may not be read by you.",
    ),
    "E0111": Code(
        "a file that is not UTF-8",
        "Files are text in UTF-8, with or without a byte-order mark. Editors can convert others when saving.",
    ),
    "E0112": Code(
        "a NUL byte",
        "The file is not text, or was damaged.",
    ),
    "E0113": Code(
        "the wrong quotes",
        'Text stands in straight double quotes, `"…"`. Word processors like to change them to curly ones.',
        "const name = 'relu'",
        'const name = "relu"',
    ),
}

SYNTAX = {
    "E0201": Code(
        "something that does not fit",
        "Statements begin with a keyword (`input`, `param`, `network` …) or bind a name: `y = f(x)`.",
        "f(3)",
        "y = f(3)",
    ),
    "E0202": Code(
        "a missing value",
        "An operator, a comma or `=` is followed by a value. A newline ends a statement, except"
        " inside `(` and `[`"
        " and before a line that starts with `->`; so a long expression stands in parentheses.",
        "y = 3 +\n",
        "y = (3 +\n  4)",
    ),
    "E0203": Code(
        "a bracket that is not closed",
        "Every `(`, `[` and `{` needs its partner. The place shown is where it was opened.",
        "y = (3 + 4\nz = 2",
        "y = (3 + 4)\nz = 2",
    ),
    "E0204": Code(
        "a closing bracket without its partner",
        "A `)`, `]` or `}` closes the innermost bracket, which must be of the same kind.",
        "y = 3 + 4)",
        "y = (3 + 4)",
    ),
    "E0205": Code(
        "two statements on one line",
        "Each statement stands on its own line.",
        "a = 1 b = 2",
        "a = 1\nb = 2",
    ),
    "E0206": Code(
        "a keyword used as a name",
        "The keywords are `input param state const network gate layer optimizer init for in if else"
        " output expect"
        " assert metric data train update import from backward and or not true false`.",
        "input data = 3",
        "input data_ = 3",
    ),
    "E0207": Code(
        "`=` where two values are compared",
        "`=` gives a value a name; `==` compares.",
        "expect x = 3",
        "expect x == 3",
    ),
    "E0208": Code(
        "a chain of comparisons",
        "`a < b < c` would compare a truth value with `c`. Write both comparisons.",
        "assert 1 < 2 < 3",
        "assert 1 < 2 and 2 < 3",
    ),
    "E0209": Code(
        "too deeply nested",
        "Expressions and blocks may be nested 100 deep. Sums and pipelines of any length are fine.",
    ),
    "E0210": Code(
        "something written as in another language",
        "`.graph` has gates instead of functions, braces instead of colons, and loops over `1..L`.",
        "def f(x):",
        "gate f(x) -> y { y = x }",
    ),
    "E0211": Code(
        "a statement that does not exist",
        "A line that begins with two words begins with a keyword.",
        "inptu x = 1",
        "input x = 1",
    ),
    "E0212": Code(
        "an assignment to something other than a name",
        "On the left of `=` stands a name, or several with commas between them.",
        "x + y = 3",
        "z = 3",
    ),
    "E0213": Code(
        "a missing block",
        "`for`, `if`, `gate`, `network`, `optimizer` and `train` are followed by a block in braces.",
        "if deep\nx = 1",
        "if deep { x = 1 }",
    ),
    "E0214": Code(
        "a missing name",
        "A declaration names what it declares, directly behind its keyword.",
        "input: [3]",
        "input x: [3]",
    ),
    "E0215": Code(
        "an `expect` without a comparison",
        "`expect` says what a value should be: `expect f == 3`, `expect loss < 0.1`.",
        "expect f",
        "expect f == 3",
    ),
    "E0216": Code(
        "a definition without parameters or result",
        "A gate or network has parameters in parentheses and names its results behind an arrow.",
        "gate double(x) { y = 2 * x }",
        "gate double(x) -> y { y = 2 * x }",
    ),
    "E0217": Code(
        "a named argument with `:`",
        "In a call an argument is named with `=`; `:` gives a parameter its type in a signature.",
        "h = dense(x, units: 3)",
        "h = dense(x, units = 3)",
    ),
    "E0218": Code(
        "a statement in the wrong place",
        "A gate is a pure function: no `param`, `state` or `layer` in it. Definitions, `data` and"
        " `train` stand at"
        " the top level, `grad(x) = …` in a `backward` block.",
        "gate f(x) -> y {\n  param W: [3]\n  y = x * W\n}",
        "network f(x) -> y {\n  param W: [3]\n  y = x * W\n}",
    ),
    "E0219": Code(
        "a pipeline into something that is no function",
        "On the right of `->` stands a name or a call; the value on the left becomes its first argument.",
        "y = x -> 3",
        "y = x -> relu",
    ),
    "E0220": Code(
        "the same name twice in one list",
        "Parameters, results, arguments and the names that one statement binds are different from"
        " each other.",
        "gate f(x, x) -> y { y = x }",
        "gate f(x, z) -> y { y = x * z }",
    ),
    "E0221": Code(
        "an unknown type",
        "Types are `[N, 64]` for floats, `int[N]`, `bool[N]`, the scalars `float`, `int`, `bool`,"
        " and in signatures"
        " `string` and `op`.",
        "input x: tensor",
        "input x: [N, 64]",
    ),
    "E0222": Code(
        "a declaration without `=`",
        "`const`, `layer`, `metric`, `data`, `init` and `update` give their name a value with `=`.",
        "const H 128",
        "const H = 128",
    ),
    "E0223": Code(
        "an unnamed argument behind a named one",
        "Arguments without a name come first, in the order of the parameters.",
        "y = f(a = 1, 2)",
        "y = f(2, a = 1)",
    ),
    "E0224": Code(
        "a missing comma or operator",
        "Two values side by side mean nothing: a product is written `2 * x`, a list `[a, b]`.",
        "y = 2 x",
        "y = 2 * x",
    ),
    "E0225": Code(
        "a declaration in the wrong order",
        "The keyword comes first, then the name, then `:` and the type: `input x: [N, 64]`.",
        "input x [3]",
        "input x: [3]",
    ),
    "E0226": Code(
        "a malformed import",
        'There are two forms: `import "file.graph"` and `from "file.graph" import a, b`.',
        'import "blocks.graph" as b',
        'import "blocks.graph"',
    ),
}

# Filled by the stages that report them.
NAMES_AND_SCOPES: dict[str, Code] = {}
TYPES_AND_SHAPES: dict[str, Code] = {}
CALLS_AND_NETWORKS: dict[str, Code] = {}
COMPILE_TIME_VALUES: dict[str, Code] = {}
DIFFERENTIATION: dict[str, Code] = {}
IMPORTS_AND_DATA: dict[str, Code] = {}
RUNNING: dict[str, Code] = {}
WARNINGS: dict[str, Code] = {}

CODES: dict[str, Code] = {
    **TEXT_AND_TOKENS,
    **SYNTAX,
    **NAMES_AND_SCOPES,
    **TYPES_AND_SHAPES,
    **CALLS_AND_NETWORKS,
    **COMPILE_TIME_VALUES,
    **DIFFERENTIATION,
    **IMPORTS_AND_DATA,
    **RUNNING,
    **WARNINGS,
}
