"""The syntax tree: one frozen record for each thing that the grammar can say, a span on each.

The tree holds what was written and nothing else: names are not resolved, numbers not folded, blocks not
unrolled. `depth` on expressions is the height of the expression, so that later stages may recurse over
one expression safely: the parser refuses those higher than `MAX_DEPTH` (left-leaning chains such as
`a + b + c` and `x -> f -> g` count as one level, and are walked with a loop: see `spine`).
"""

from __future__ import annotations

from collections.abc import Iterator

from graphlang.records import Record, field, names_of
from graphlang.source import Place, SourceFile, Span, make_span

MAX_DEPTH = 100


class Syntax(Record, guarded=False):
    """Anything with a place in the text: a `Span`, or what one is made of where it is rarely asked for."""

    place: Place

    @property
    def span(self) -> Span:
        """The characters that it covers."""
        place = self.place
        return place if type(place) is Span else make_span(place)


class Ident(Syntax):
    """A name where it is declared or used as a label (attribute, named argument)."""

    text: str


# --- expressions ---------------------------------------------------------------------------------


class Expr(Syntax):
    """Anything that has a value. `depth` is its height, at most `MAX_DEPTH`."""

    depth: int = field(default=1, kw_only=True, repr=False, compare=False)


class Name(Expr):
    """`x`."""

    id: str


class Number(Expr):
    """`3`, `1_000` (int), `0.5`, `1e-4` (float)."""

    value: int | float


class String(Expr):
    """`"text"`, escapes resolved."""

    value: str


class Boolean(Expr):
    """`true`, `false`."""

    value: bool


class ListExpr(Expr):
    """`[a, b, c]`."""

    items: tuple[Expr, ...]


class TupleExpr(Expr):
    """`(a, b)`: several wires that enter a pipeline together."""

    items: tuple[Expr, ...]


class Unary(Expr):
    """`-x`, `+x`, `not x`. `op` is "-", "+" or "not"."""

    op: str
    operand: Expr


class Binary(Expr):
    """`a + b`. `op` is one of + - * / // % @ ^ == != < <= > >= and or."""

    op: str
    left: Expr
    right: Expr


class Pipe(Expr):
    """`value -> target`, where the target is a name, an attribute or a call."""

    value: Expr
    target: Expr


class Argument(Syntax):
    """One argument of a call, `name = value` or `value`."""

    name: Ident | None
    value: Expr


class Call(Expr):
    """`f(a, b = c)`."""

    function: Expr
    args: tuple[Argument, ...]


class Slice(Expr):
    """`1:3`, `:`, `::2` inside an index."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None


class Dots(Expr):
    """`...` inside an index or a shape."""


class Index(Expr):
    """`x[0, 1:3, ...]`."""

    value: Expr
    items: tuple[Expr, ...]


class Attribute(Expr):
    """`x.T`."""

    value: Expr
    name: Ident


class Range(Expr):
    """`1..L`, `"p0".."p63"`: inclusive at both ends."""

    start: Expr
    stop: Expr


class ErrorExpr(Expr):
    """Stands where an expression could not be read; the error has been reported."""


# --- types ---------------------------------------------------------------------------------------


class TypeExpr(Syntax):
    """`[N, 64]`, `int[N]`, `float`, `op`.

    `kind` is the word in front ("float", "int", "bool", "string", "op") or None; `shape` the sizes, each an
    expression or `Dots`, or None when no brackets are written.
    """

    kind: str | None
    shape: tuple[Expr, ...] | None


# --- statements ----------------------------------------------------------------------------------


class Statement(Syntax):
    """One statement. `doc` of declarations is the comment block directly above, without its `#`s."""


class Input(Statement):
    """`input x: [N, 64] = 0.5`."""

    name: Ident
    type: TypeExpr | None
    default: Expr | None
    doc: str | None = None


class Param(Statement):
    """`param W: [64, H] ~ normal(0, 0.01)` (`init`) or `= 0` (`start`)."""

    name: Ident
    type: TypeExpr | None
    start: Expr | None
    init: Expr | None
    doc: str | None = None


class State(Statement):
    """`state m: [H] = 0`, as `Param`."""

    name: Ident
    type: TypeExpr | None
    start: Expr | None
    init: Expr | None
    doc: str | None = None


class Const(Statement):
    """`const H = 128`."""

    name: Ident
    value: Expr
    doc: str | None = None


class Bind(Statement):
    """`h = x @ W`, `h, c = cell(x)`; also the lines of data, train and optimizer blocks."""

    targets: tuple[Ident, ...]
    value: Expr
    doc: str | None = None


class GradBind(Statement):
    """`grad(x) = …` in a backward block."""

    name: Ident
    value: Expr


class Update(Statement):
    """`update m = …` in a network."""

    name: Ident
    value: Expr


class Output(Statement):
    """`output f, g`."""

    names: tuple[Ident, ...]


class Metric(Statement):
    """`metric accuracy = …`."""

    name: Ident
    value: Expr
    doc: str | None = None


class Expect(Statement):
    """`expect a == b within 1e-6`."""

    condition: Expr
    within: Expr | None


class Assert(Statement):
    """`assert D % heads == 0, "message"`."""

    condition: Expr
    message: Expr | None


class Layer(Statement):
    """`layer enc = dense(64)`."""

    name: Ident
    value: Expr
    doc: str | None = None


class For(Statement):
    """`for k in 1..L { … }`."""

    variable: Ident
    iterable: Expr
    body: tuple[Statement, ...]


class If(Statement):
    """`if c { … } else { … }`; `else if` is an `If` alone in `otherwise`."""

    condition: Expr
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class Parameter(Syntax):
    """A parameter in a signature: `x: [..., D]`, `units: int = 3`."""

    name: Ident
    type: TypeExpr | None
    default: Expr | None


class Backward(Statement):
    """`backward { grad(x) = … }`."""

    body: tuple[Statement, ...]


class Gate(Statement):
    """`gate name(x) -> y { … }`."""

    name: Ident
    parameters: tuple[Parameter, ...]
    results: tuple[Ident, ...]
    body: tuple[Statement, ...]
    backward: Backward | None
    doc: str | None = None


class Network(Statement):
    """`network name(x, n: int) -> (h, c) { … }`."""

    name: Ident
    parameters: tuple[Parameter, ...]
    results: tuple[Ident, ...]
    body: tuple[Statement, ...]
    doc: str | None = None


class Init(Statement):
    """`init he() = normal(0, sqrt(2 / fan_in))`."""

    name: Ident
    parameters: tuple[Parameter, ...]
    value: Expr
    doc: str | None = None


class Optimizer(Statement):
    """`optimizer momentum(lr: float = 0.01) { … }`."""

    name: Ident
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    doc: str | None = None


class Data(Statement):
    """`data digits = csv("digits.csv") { x = columns("p0".."p63") / 16 }`."""

    name: Ident
    source: Expr
    columns: tuple[Bind, ...]
    doc: str | None = None


class Train(Statement):
    """`train on digits { minimize = loss … }`; `data` is None in `train { … }`."""

    data: Ident | None
    settings: tuple[Bind, ...]


class Import(Statement):
    """`import "blocks.graph"` (`names` None) or `from "blocks.graph" import a, b`."""

    path: String
    names: tuple[Ident, ...] | None


class ErrorStatement(Statement):
    """Stands where a statement could not be read; the error has been reported."""

    # Names that the broken statement would have bound, so that their uses are not reported as unknown.
    names: tuple[str, ...] = ()


class Comment(Syntax):
    """`# text`, kept beside the tree for the formatter and for documentation."""

    text: str


class File(Syntax):
    """A whole file. `description` is the comment block at its top, without its `#`s."""

    source: SourceFile
    body: tuple[Statement, ...]
    description: str
    comments: tuple[Comment, ...]


def spine(expr: Binary | Pipe) -> list[Binary | Pipe]:
    """The left-leaning chain that ends in `expr`, innermost first: for `a + b + c`, `a + b` and the whole.

    All links are of the type of `expr`. A chain may be as long as the file, so it is walked with a loop.
    """
    chain: list[Binary | Pipe] = [expr]
    kind = type(expr)
    while True:
        link = chain[-1]
        left = link.left if isinstance(link, Binary) else link.value
        if type(left) is not kind:
            return chain[::-1]
        chain.append(left)


def walk(root: Syntax) -> Iterator[Syntax]:
    """Every syntax node below and including `root`, in the order of the text, without recursion."""
    stack: list[Syntax] = [root]
    while stack:
        node = stack.pop()
        yield node
        below = _parts_of(node)
        if below:
            below.reverse()
            stack += below


def _parts_of(node: Syntax) -> list[Syntax]:
    """The nodes that a node holds, in the order of its fields."""
    kind = type(node)
    names = _PARTS.get(kind)
    if names is None:
        names = _PARTS[kind] = tuple([n for n in names_of(node) if _kind_of(kind, n) not in _PLAIN])
    found: list[Syntax] = []
    for name in names:
        value = getattr(node, name)
        if type(value) is tuple:
            found += value
        elif value is not None:
            found.append(value)
    return found


def _kind_of(kind: type, name: str) -> str:
    """What is written behind the colon of a field."""
    # Not imported until a tree is walked: it takes milliseconds.
    from inspect import get_annotations

    found = {n: str(written) for c in reversed(kind.__mro__) for n, written in get_annotations(c).items()}
    return found[name]


# For each class the names of its fields that may hold nodes.
_PARTS: dict[type, tuple[str, ...]] = {}
# Annotations of fields that hold none.
_PLAIN = frozenset(
    ("Place", "SourceFile", "str", "str | None", "tuple[str, ...]", "bool", "int", "int | float")
)
