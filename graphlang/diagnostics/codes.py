"""The catalogue: what each code means, with a wrong and a right example (`graphlang explain E0102`).

One table for each area; a code is one entry in its table and needs nothing else:

    E01xx text and tokens          E02xx syntax              E03xx names and scopes
    E04xx types and shapes         E05xx calls, networks     E06xx compile-time values
    E07xx differentiation          E08xx imports, data       E09xx running             W0xxx warnings

Invariant: a code, once published, keeps its meaning. `wrong` is a program with exactly this mistake,
`right` one without any; the tests run both.
"""

from __future__ import annotations

from graphlang.records import Record


class Code(Record):
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

NAMES_AND_SCOPES = {
    "E0301": Code(
        "an unknown name",
        "A name is bound above the line that uses it: by a declaration, by `name = …`, by a definition or by"
        " an import. A gate or network sees its parameters, what its body binds, and the definitions and"
        " constants of its file; wires of the main graph are passed in.",
        "input x = 1\nf = sigmod(x)",
        "input x = 1\nf = sigmoid(x)",
    ),
    "E0302": Code(
        "a name used before it is bound",
        "The main graph is read from top to bottom. Only definitions may stand below their use.",
        "input x = 1\nf = g + x\ng = 2 * x",
        "input x = 1\ng = 2 * x\nf = g + x",
    ),
    "E0303": Code(
        "an attribute that does not exist",
        "A wire has one attribute, `x.T`; operations are called: `sum(x)`, `shape(x)`. A layer has the"
        " parameters of its network, a path such as `scores.dense.W` names a node.",
        "input x: [N, 4]\nf = x.sum()",
        "input x: [N, 4]\nf = sum(x)",
    ),
    "E0304": Code(
        "a name bound twice",
        "A name stands for one value in its scope, so that a formula means the same wherever it is read. Only"
        " the body of a `for` may bind a name of the enclosing scope anew, once per iteration.",
        "input x = 1\nh = 2 * x\nh = h + 1",
        "input x = 1\nh = 2 * x\nh2 = h + 1",
    ),
    "E0305": Code(
        "a pattern that misses parameters",
        '`params("*.W")` is the list of the parameters made above it whose path matches, `params` of all of'
        " them. A pattern that matches none, or that stands above one it would match, is a mistake.",
        'param W: [3] = 0\nloss = l2(params("*.V"))',
        'param W: [3] = 0\nloss = l2(params("W"))',
    ),
    "E0306": Code(
        "an update of something that is no state",
        "`update m = …` says what a `state` becomes after the step. Parameters are changed by the optimizer,"
        " and other names stand for one value.",
        "param m = 1\nupdate m = 0.9 * m",
        "state m = 1\nupdate m = 0.9 * m",
    ),
}

TYPES_AND_SHAPES = {
    "E0401": Code(
        "shapes that do not fit",
        "Shapes are checked before anything runs. Entry by entry, sizes are compared from the last axis"
        " backwards and must be equal or 1; in `a @ b` the last size of `a` is the last but one of `b`.",
        "input x: [N, 4]\nparam W: [5, 3] = 0.1\nh = x @ W",
        "input x: [N, 4]\nparam W: [4, 3] = 0.1\nh = x @ W",
    ),
    "E0402": Code(
        "a shape other than the declared one",
        "What a declaration or a signature says about a shape must be so. Names in a signature are bound by"
        " the wires of the call, each to one size.",
        "input x: [2, 3] = [[1, 2], [3, 4]]",
        "input x: [2, 2] = [[1, 2], [3, 4]]",
    ),
    "E0403": Code(
        "entries of the wrong kind",
        "Entries are floats, integers or truth values. Integers become floats where floats are needed, never"
        " the other way round; logic needs truth values, indices need integers.",
        "input x: [3]\ninput W: [10, 4]\nrows = take(W, x)",
        "input x: int[3]\ninput W: [10, 4]\nrows = take(W, x)",
    ),
    "E0404": Code(
        "a compile-time value of the wrong kind",
        "Constants are integers, floats, texts, truth values or lists of them; `and`, `or`, `not` and `if`"
        " need truth values, arithmetic needs numbers.",
        "const deep = not 3",
        "const deep = not true",
    ),
    "E0405": Code(
        "rows of different lengths",
        "A list of lists is a tensor, so its rows have the same length.",
        "input x = [[1, 2], [3]]",
        "input x = [[1, 2], [3, 4]]",
    ),
    "E0406": Code(
        "an index that does not exist",
        "Entries count from 0, or from -1 backwards. `x[0]`, `x[:, 1:3]` and `x[..., -1]` index; at most one"
        " index may be a wire of integers.",
        "input x: [2, 3]\nrow = x[2]",
        "input x: [2, 3]\nrow = x[1]",
    ),
    "E0407": Code(
        "a free size where it is not known yet",
        "A free size such as `N` is known only when data are fed. Parameters and states are made"
        " before that.",
        "input x: [N, 4]\nparam W: [N, 3] = 0",
        "input x: [N, 4]\nparam W: [4, 3] = 0",
    ),
    "E0408": Code(
        "a size that cannot be",
        "A size is a whole number from 0, a constant, a free name, or arithmetic on them. `...`"
        " stands for any"
        " leading sizes in the signature of a gate or network only.",
        "param W: [-1, 3] = 0",
        "param W: [4, 3] = 0",
    ),
    "E0409": Code(
        "a parameter that starts nowhere",
        "A parameter or state says where it starts: `= 0`, a literal, or `~` and an initialiser, for"
        " which its"
        " shape is written.",
        "param W: [3, 4]",
        "param W: [3, 4] ~ glorot()",
    ),
    "E0410": Code(
        "several values where one is needed",
        "`(a, b)` enters a pipeline: `(a, b) -> f` is `f(a, b)`. A list is written `[a, b]`.",
        "input x = 1\ny = (x, 2)",
        "input x = 1\ny = [x, 2]",
    ),
}

CALLS_AND_NETWORKS = {
    "E0501": Code(
        "a call of something that is no function",
        "Gates, networks, layers and operations are called. A product is written with `*`.",
        "input x = 2\nf = x(3)",
        "input x = 2\nf = x * 3",
    ),
    "E0502": Code(
        "a definition that calls itself",
        "Networks and gates are written out before anything runs, so none may lead back to itself. Repetition"
        " is a loop.",
        "network f(x) -> y { y = f(x / 2) }\ninput a = 1\nb = f(a)",
        "network f(x) -> y { y = x / 2 }\ninput a = 1\nb = a\nfor k in 1..3 { b = f(b) }",
    ),
    "E0503": Code(
        "a result that is never bound",
        "The body of a gate or network binds each name behind the `->` of its signature. What only a loop"
        " binds is not seen outside of it.",
        "gate f(x) -> y { z = 2 * x }\ninput a = 1\nb = f(a)",
        "gate f(x) -> y { y = 2 * x }\ninput a = 1\nb = f(a)",
    ),
    "E0504": Code(
        "an argument of the wrong kind",
        "`int float bool string op list` parameters are known at compile time and take a value of that kind;"
        " the others are wires.",
        'input x: [N, 4]\nh = dense(x, 3, "relu")',
        "input x: [N, 4]\nh = dense(x, 3, relu)",
    ),
    "E0505": Code(
        "arguments that do not match",
        "Arguments are given in the order of the parameters or by name, each once; those with a"
        " default may be"
        " left out.",
        "input x: [N, 4]\nh = dense(x, unit = 3)",
        "input x: [N, 4]\nh = dense(x, units = 3)",
    ),
    "E0506": Code(
        "a network inside a gate",
        "A gate is a pure function of its wires, drawn as one node. Networks may own parameters, so only"
        " networks and the main graph call them.",
        "gate f(x) -> y { y = dense(x, 3) }\ninput a: [N, 4]\nb = f(a)",
        "network f(x) -> y { y = dense(x, 3) }\ninput a: [N, 4]\nb = f(a)",
    ),
    "E0507": Code(
        "a type that no wire can have",
        "A wire is `[sizes]`, `int[sizes]` or `bool[sizes]`. Texts and functions are known at compile time.",
        "input x: string",
        "input x: [3]",
    ),
    "E0508": Code(
        "the wrong number of results",
        "As many names are bound as the call has results: `h, c = lstm_cell(x, h, c)`.",
        "input x = [1, 2]\na, b, c = split(x, 2)",
        "input x = [1, 2]\na, b = split(x, 2)",
    ),
    "E0509": Code(
        "a misuse of `layer`",
        "`layer enc = dense(64)` names one instance of a network: all calls of `enc` share its"
        " parameters, and"
        " so the wires they are given have the same sizes.",
        "layer enc = dense(3)\ninput x: [N, 4]\ninput y: [N, 5]\na = enc(x)\nb = enc(y)",
        "layer enc = dense(3)\ninput x: [N, 4]\ninput y: [N, 4]\na = enc(x)\nb = enc(y)",
    ),
}

COMPILE_TIME_VALUES = {
    "E0601": Code(
        "a wire where a constant is needed",
        "Sizes, axes, ranges, conditions of `if` and what parameters start from are known before anything"
        " runs. A `const` is; an `input` and what is computed from it is not.",
        "input n = 3\nparam W: [n, 2] = 0",
        "const n = 3\nparam W: [n, 2] = 0",
    ),
    "E0602": Code(
        "something that is no wire",
        "Operators and operations work on wires and numbers. A function is called, a text is for"
        " compile time.",
        "input x = 1\nf = x + relu",
        "input x = 1\nf = x + relu(x)",
    ),
    "E0603": Code(
        "an initialiser outside of a start",
        "An initialiser says where a parameter starts, behind its `~`; `fan_in` and `fan_out` are"
        " known there.",
        "y = glorot()",
        "param y: [3, 4] ~ glorot()",
    ),
    "E0604": Code(
        "arithmetic that fails",
        "Compile-time arithmetic has 64-bit integers and floats up to about 1.8e308; nothing is"
        " divided by 0.",
        "const a = 3 / 0",
        "const a = 3 / 1",
    ),
    "E0605": Code(
        "a loop over something else",
        "`for k in 1..L` counts between known integers, both included; `for u in [64, 32]` runs over a list.",
        "input x = 1\nconst L = 3\nh = x\nfor k in L { h = 2 * h }",
        "input x = 1\nconst L = 3\nh = x\nfor k in 1..L { h = 2 * h }",
    ),
    "E0606": Code(
        "a model that is too large",
        "Loops and calls are written out before anything runs, up to limits that no model meets by intention."
        " Entries of a tensor are not looped over: operations work on all of them at once.",
        "for k in 1..1_000_000_000 { assert k > 0 }",
        "for k in 1..1_000 { assert k > 0 }",
    ),
    "E0607": Code(
        "an assertion that does not hold",
        "`assert` checks a compile-time fact, with the message of whoever wrote it. Values of wires"
        " are checked"
        " with `expect`.",
        'const D = 10\nconst heads = 3\nassert D % heads == 0, "{D} is no multiple of {heads}"',
        'const D = 12\nconst heads = 3\nassert D % heads == 0, "{D} is no multiple of {heads}"',
    ),
    "E0608": Code(
        "a setting of training that is wrong",
        "The settings are minimize, optimizer, schedule, epochs, batch, holdout, patience, clip, seed and"
        " shuffle.",
        "param w = 1\nloss = w ^ 2\ntrain {\n  minimize = loss\n  epoch = 3\n}",
        "param w = 1\nloss = w ^ 2\ntrain {\n  minimize = loss\n  epochs = 3\n}",
    ),
    "E0609": Code(
        "an optimizer or a schedule that does not fit",
        "An optimizer binds `weight` anew, from `weight`, `gradient`, `step`, its settings and its states,"
        " all of which keep their types. A schedule is a gate of the time (`t`, `dt`, `epochs`, all scalars)"
        " that gives the number by which `lr` is multiplied.",
        "optimizer lazy(lr: float = 0.1) { v = lr * gradient }\nparam w = 1\nloss = w ^ 2\n"
        "train {\n  minimize = loss\n  optimizer = lazy()\n}",
        "optimizer lazy(lr: float = 0.1) { weight = weight - lr * gradient }\nparam w = 1\nloss = w ^ 2\n"
        "train {\n  minimize = loss\n  optimizer = lazy()\n}",
    ),
}

DIFFERENTIATION = {
    "E0701": Code(
        "a derivative of something that is no scalar",
        "`grad(f, x)`, `minimize` and `--of` need a single float: reduce it with `sum` or `mean`.",
        "input x = [1, 2]\ny = x ^ 2\ng = grad(y, x)",
        "input x = [1, 2]\ny = sum(x ^ 2)\ng = grad(y, x)",
    ),
    "E0702": Code(
        "a derivative of integers",
        "Integers and truth values carry no gradient.",
        "input k: int = 2\nf = 1.5 * k\ng = grad(f, k)",
        "input k = 2\nf = 1.5 * k\ng = grad(f, k)",
    ),
    "E0703": Code(
        "a derivative of something that is no wire",
        "One differentiates wires with respect to wires. A constant is part of the formula; make it"
        " an input.",
        "const c = 2\ninput x = 1\nf = c * x\ng = grad(f, c)",
        "input c = 2\ninput x = 1\nf = c * x\ng = grad(f, c)",
    ),
    "E0704": Code(
        "a derivative with respect to something that has no influence",
        "`grad(f, x)` where `f` does not depend on `x` would be 0 everywhere: probably another name"
        " was meant.",
        "input x = 1\ninput z = 2\nf = x ^ 2\ng = grad(f, z)",
        "input x = 1\nf = x ^ 2\ng = grad(f, x)",
    ),
    "E0705": Code(
        "a backward block about something else",
        "In a backward block `grad(y)` of a result is the gradient that arrives, and `grad(x) = …` says what"
        " flows to each wire parameter of the gate.",
        "gate f(x) -> y {\n  y = 2 * x\n  backward { grad(x) = 2 * grad(x) }\n}\ninput a = 1\nb = f(a)",
        "gate f(x) -> y {\n  y = 2 * x\n  backward { grad(x) = 2 * grad(y) }\n}\ninput a = 1\nb = f(a)",
    ),
    "E0706": Code(
        "a backward block that leaves out a parameter",
        "A backward block gives a gradient for each float parameter of its gate, be it 0.",
        "gate f(x, w) -> y {\n  y = w * x\n  backward { grad(x) = w * grad(y) }\n}\n"
        "input a = 1\ninput c = 2\nb = f(a, c)",
        "gate f(x, w) -> y {\n  y = w * x\n  backward {\n    grad(x) = w * grad(y)\n"
        "    grad(w) = x * grad(y)\n  }\n}\ninput a = 1\ninput c = 2\nb = f(a, c)",
    ),
    "E0707": Code(
        "a gradient of the wrong shape",
        "The gradient of a wire has the wire's shape. Where the wire was broadcast, its gradient is summed.",
        "gate f(x) -> y {\n  y = sum(x)\n  backward { grad(x) = grad(y) * [1, 1] }\n}\n"
        "input a = [1, 2, 3]\nb = f(a)",
        "gate f(x) -> y {\n  y = sum(x)\n  backward { grad(x) = grad(y) * (1 + 0 * x) }\n}\n"
        "input a = [1, 2, 3]\nb = f(a)",
    ),
    "E0708": Code(
        "nothing to differentiate",
        "What is differentiated is `--of NODE`, else what the train block minimises, else the only output if"
        " it is a float scalar.",
    ),
    "E0709": Code(
        "a gradient that finite differences contradict",
        "`graphlang test` and `gradcheck` nudge each entry and compare. Where they differ, a"
        " backward block is"
        " wrong, or the function has a kink there.",
    ),
}

IMPORTS_AND_DATA = {
    "E0801": Code(
        "files that import one another",
        "Imports form no circle: what two files need stands in a third.",
    ),
    "E0802": Code(
        "an import of something that is not defined",
        'A file offers its gates, networks, initialisers, optimizers and constants; `from "f.graph" import a`'
        " names some of them. Its main graph is not imported.",
    ),
    "E0803": Code(
        "a malformed data source",
        "Data come from `csv`, `npz`, `npy` or `parquet` files or from the generators `xor`,"
        " `spiral`, `moons`,"
        ' `circles`, `blobs`, `sine`; each line of the block computes an input from `column("a")` or'
        ' `columns("a".."b")`.',
        "input x: [N]\ndata d = spirals() { x = column(0) }",
        "input x: [N]\ndata d = spiral() { x = column(0) }",
    ),
    "E0804": Code(
        "data that cannot be read",
        "The file does not exist, is damaged, or is not of the kind that its source says.",
    ),
    "E0805": Code(
        "a column that the data do not have",
        "Columns are named as in the file's first line, or by number from 0; a range runs in the order of the"
        " file.",
    ),
    "E0806": Code(
        "a column that does not fit its input",
        "What a column holds must suit the declared kind and shape of the input that it feeds: texts become"
        " class numbers, an `int` input takes whole numbers.",
    ),
    "E0807": Code(
        "data that cannot be computed",
        "Every line of a data block gives finite numbers, one entry for every row.",
    ),
    "E0808": Code(
        "data with damaged entries",
        "A column of numbers holds only numbers, and no row is short.",
    ),
    "E0809": Code(
        "a run log that cannot be read",
        'A log has one JSON object on each line, for one epoch: {"epoch": 1, "loss": 0.5}, and may have'
        ' "step", "seconds", "metrics" and "holdout" (numbers by name). The epochs increase.',
    ),
}

RUNNING = {
    "E0901": Code(
        "an input without a value",
        "An input needs a default in the file, `--set NAME=VALUE`, `--feed FILE`, or data.",
    ),
    "E0902": Code(
        "a value for something that is no input",
        "Only inputs are fed, each once.",
    ),
    "E0903": Code(
        "a value of the wrong shape or kind",
        "What is fed has the declared kind and shape of its input.",
    ),
    "E0904": Code(
        "sizes that contradict one another",
        "A free size has one value in a run, whichever input decides it.",
    ),
    "E0905": Code(
        "a file or option that cannot be used",
        "Files of inputs end in .npz, .json or .csv and hold arrays by name.",
    ),
    "E0906": Code(
        "weights that cannot be read",
        "Weights are .npz or .safetensors files, with arrays by the paths of parameters.",
    ),
    "E0907": Code(
        "weights of another model",
        "The weights have every parameter and state of the model, in its shape, and no others.",
    ),
    "E0908": Code(
        "a node that could not be computed",
        "The values did not suit the operation: an index out of range, or a result too large for the memory.",
    ),
    "E0909": Code(
        "a node that does not exist",
        "Nodes are named by their paths: `f`, `h[1].dense.W`. `graphlang run --all` shows them.",
    ),
    "E0910": Code(
        "a setting of something that does not exist",
        "`--set NAME=VALUE` replaces a constant or the value of an input, written as in the language.",
    ),
    "E0911": Code(
        "an expectation that does not hold",
        "`expect a == b` holds within 1e-6, absolute or relative, unless `within` says otherwise.",
    ),
    "E0912": Code(
        "a file that cannot be written",
        "The folder does not exist, the disk is full, or you may not write there. Nothing is left"
        " half written.",
    ),
    "E0913": Code(
        "a folder without models",
        "`graphlang test` runs every .graph file below the folders it is given.",
    ),
    "E0914": Code(
        "a picture that cannot be drawn",
        "The formats and views of pictures are listed by `graphlang draw --help` and `graphlang plot --help`."
        " A graph as PNG needs resvg (`pip install 'graphlang[draw]'`) or Graphviz, as PDF Graphviz; a plot"
        " needs matplotlib (`pip install 'graphlang[plot]'`)."
        " A picture of a graph holds some 6,000 gates: close boxes, or draw fewer.",
    ),
    "E0915": Code(
        "training that came to numbers that are not finite",
        "The loss or a gradient became infinite or NaN. The message names the first node at which that"
        " happened, and the largest gradients; what was written before the step is good.",
    ),
    "E0916": Code(
        "a checkpoint that cannot be gone on with",
        "A run is taken up again with the model, the settings and the data that it was started with, from a"
        " whole checkpoint.",
    ),
    "E0917": Code(
        "nothing to train",
        "A file that is trained has a train block which says what is minimised, and parameters that it"
        " depends on: `train on digits { minimize = loss }`.",
    ),
    "E0918": Code(
        "no C compiler for --jit",
        "Evaluating, or training, in C needs a C compiler called `cc`, `gcc` or `clang`, or the one that the"
        " variable CC names. Without `--jit` none is needed, and the numbers are the same.",
    ),
    "E0919": Code(
        "threads that cannot be used",
        "`--threads` holds BLAS, the library that multiplies matrices, to one thread in each of its own."
        " That needs threadpoolctl (`pip install 'graphlang[threads]'`).",
    ),
}

WARNINGS = {
    "W0801": Code(
        "data that feed no input",
        "A column feeds the input of its name. A block says which columns feed which inputs.",
    ),
    "W0802": Code(
        "a run log that is not whole",
        "A run that was killed may leave half a last line, which is left out. Where a resumed run counts"
        " epochs again, its lines replace the earlier ones.",
    ),
    "W0901": Code(
        "an expectation that does not hold, in a run",
        "`graphlang run` reports it and goes on; `graphlang test` fails.",
    ),
}

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
