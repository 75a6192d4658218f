"""What each rule of the grammar makes: the functions that Lark's parser calls as it reduces.

There is one function for each rule or alternative, listed in `Builder.table`. Each is given the parts of
its rule (tokens and what other rules made; what the grammar quotes is left out) and returns a node of
`tree`. No tree of Lark's is built in between and nothing recurses, so nesting costs no Python stack.

Spans come from the parser's stack: `starts[d]` is the offset at which the symbol at height d of the stack
begins, and `end` is where the last token read ends. A rule covers exactly the tokens that it took from the
stack, so its span is known without looking at its parts: `(x + y) * z` begins at the parenthesis, `x + y`
inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from graphlang.diagnostics.diagnostic import Label, Problems
from graphlang.source import SourceFile, Span
from graphlang.syntax import placement
from graphlang.syntax import tree as t
from graphlang.syntax.tokens import Token, Tokens, string_value

_COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))
_TYPE_WORDS = ("float", "int", "bool", "string", "op", "list")
_TYPE_SLIPS = {"str": "string", "text": "string", "integer": "int", "number": "float", "boolean": "bool"}
_TYPE_SLIPS |= {"double": "float", "real": "float", "tensor": "[N, M]", "func": "op", "function": "op"}


class Builder:
    """The functions for one parse. The parser keeps `values`, `starts` and `end` up to date."""

    def __init__(self, source: SourceFile, found: Tokens, problems: Problems, values: list[Any]) -> None:
        self.source = source
        self.found = found
        self.problems = problems
        self.values = values
        self.starts: dict[int, int] = {}
        self.end = 0
        # How many `else if` follow in the chain of an `if` that is still on the stack, by its id.
        self.chains: dict[int, int] = {}

    def span(self) -> Span:
        """What the rule that is being reduced covers."""
        return Span(self.source, self.starts[len(self.values)], self.end)

    def token_span(self, token: Token) -> Span:
        """What a token covers."""
        return Span(self.source, token.start, token.end)

    def doc(self) -> str | None:
        """The comment block above the statement that is being reduced."""
        return self.found.docs.get(self.starts[len(self.values)])

    def error(self, code: str, span: Span, message: str, **more: Any) -> None:
        """Report something that the rules allow and the language does not."""
        self.problems.error(code, span, message, **more)

    def table(self) -> SimpleNamespace:
        """The functions under the names of rules and alternatives."""
        binary, declared = self.binary, self.declaration
        return SimpleNamespace(
            start=self.file,
            body=tuple,
            block=lambda parts: parts[0],
            # statements
            input=self.input,
            param=self.learned(t.Param),
            state=self.learned(t.State),
            const=declared(t.Const),
            layer=declared(t.Layer),
            metric=declared(t.Metric),
            starts_at=lambda parts: (parts[0], None),
            drawn_from=lambda parts: (None, parts[0]),
            bind=self.bind,
            setting=self.setting,
            grad_bind=self.grad_bind,
            update=self.update,
            output=self.output,
            names=self.names,
            **{"expect": self.expect, "assert": self.assert_},
            # definitions
            gate=self.gate,
            network=self.network,
            backward=self.backward,
            init=self.init,
            optimizer=self.optimizer,
            results=self.results,
            parameters=self.parameters,
            parameter=self.parameter,
            # choice, repetition, learning, files
            **{"for": self.for_, "if": self.if_, "else_block": self.else_block, "else_if": self.else_if},
            **{"data": self.data, "train": self.train, "import": self.import_, "from": self.from_},
            error=self.broken,
            error_block=self.broken_block,
            # types
            type_word=self.type_word,
            type_sized=self.type_sized,
            type_shape=self.type_shape,
            sizes=tuple,
            dots=self.dots,
            # expressions
            **{"range": self.range_, "pipe": self.pipe, "or": binary, "and": binary, "sum": binary},
            product=binary,
            power=binary,
            compared=binary,
            chained=self.chained,
            **{"not": self.unary, "unary": self.unary},
            call=self.call,
            index=self.index,
            attribute=self.attribute,
            slice=self.slice_,
            positional=self.positional,
            named=self.named,
            name=self.name,
            integer=self.integer,
            float=self.float_,
            string=self.string,
            true=self.boolean,
            false=self.boolean,
            list=self.list_,
            tuple=self.tuple_,
            group=lambda parts: parts[0],
        )

    # --- the file ------------------------------------------------------------------------------------

    def file(self, parts: list[Any]) -> t.File:
        """`start`: everything."""
        source, found = self.source, self.found
        body: tuple[t.Statement, ...] = parts[0]
        placement.check("file", body, self.error)
        span = Span(source, 0, len(source.text))
        return t.File(span, source, body, found.description, tuple(found.comments))

    # --- statements ----------------------------------------------------------------------------------

    def ident(self, token: Token) -> t.Ident:
        """A name that is declared, or a label."""
        return t.Ident(Span(self.source, token.start, token.end), token.text)

    def input(self, parts: list[Any]) -> t.Input:
        """`INPUT NAME [":" type] ["=" expr]`."""
        _, name, type_, default = parts
        return t.Input(self.span(), self.ident(name), type_, default, self.doc())

    def learned(self, node: Callable[..., t.Statement]) -> Callable[[list[Any]], t.Statement]:
        """`param` and `state`: what they start from is `(value, initialiser)`, one of them None."""

        def make(parts: list[Any]) -> t.Statement:
            _, name, type_, origin = parts
            start, init = origin or (None, None)
            return node(self.span(), self.ident(name), type_, start, init, self.doc())

        return make

    def declaration(self, node: Callable[..., t.Statement]) -> Callable[[list[Any]], t.Statement]:
        """`KEYWORD NAME "=" expr`."""

        def make(parts: list[Any]) -> t.Statement:
            return node(self.span(), self.ident(parts[1]), parts[2], self.doc())

        return make

    def bind(self, parts: list[Any]) -> t.Bind:
        """`names "=" expr`."""
        self.no_repeats(parts[0], "bound twice in one statement")
        return t.Bind(self.span(), parts[0], parts[1], self.doc())

    def setting(self, parts: list[Any]) -> t.Bind:
        """`optimizer = expr`, in a train block."""
        return t.Bind(self.span(), (self.ident(parts[0]),), parts[1], self.doc())

    def grad_bind(self, parts: list[Any]) -> t.GradBind:
        """`grad(x) = expr`, in a backward block."""
        return t.GradBind(self.span(), self.ident(parts[1]), parts[2])

    def update(self, parts: list[Any]) -> t.Update:
        """`update m = expr`."""
        return t.Update(self.span(), self.ident(parts[1]), parts[2])

    def output(self, parts: list[Any]) -> t.Output:
        """`output a, b`."""
        self.no_repeats(parts[1], "named twice as an output")
        return t.Output(self.span(), parts[1])

    def names(self, parts: list[Token]) -> tuple[t.Ident, ...]:
        """`NAME ("," NAME)*`."""
        return tuple(map(self.ident, parts))

    def expect(self, parts: list[Any]) -> t.Expect:
        """`expect condition [within expr]`; the condition must be a comparison."""
        condition, within = parts[1], parts[3]
        compares = isinstance(condition, t.Binary) and condition.op in _COMPARISONS
        if not compares and not isinstance(condition, t.ErrorExpr):
            text = condition.span.text
            self.error(
                "E0215",
                condition.span,
                "`expect` needs a comparison.",
                label="this is a value by itself",
                suggestion=f"Write what it should be, for example `expect {_short(text)} == 0`.",
            )
        return t.Expect(self.span(), condition, within)

    def assert_(self, parts: list[Any]) -> t.Assert:
        """`assert condition ["," message]`."""
        return t.Assert(self.span(), parts[1], parts[2])

    # --- definitions ---------------------------------------------------------------------------------

    def gate(self, parts: list[Any]) -> t.Gate:
        """`gate NAME parameters -> results block`; its backward block is taken out of the body."""
        _, name, parameters, results, body = parts
        placement.check("gate", body, self.error)
        backwards = [s for s in body if isinstance(s, t.Backward)]
        for again in backwards[1:]:
            first = Label(placement.head(backwards[0]), "the first one")
            self.error("E0220", placement.head(again), "A gate has one `backward` block.", related=[first])
        rest = tuple(s for s in body if not isinstance(s, t.Backward))
        backward = backwards[0] if backwards else None
        return t.Gate(self.span(), self.ident(name), parameters, results, rest, backward, self.doc())

    def network(self, parts: list[Any]) -> t.Network:
        """`network NAME parameters -> results block`."""
        _, name, parameters, results, body = parts
        placement.check("network", body, self.error)
        return t.Network(self.span(), self.ident(name), parameters, results, body, self.doc())

    def backward(self, parts: list[Any]) -> t.Backward:
        """`backward block`."""
        placement.check("backward", parts[1], self.error)
        return t.Backward(self.span(), parts[1])

    def init(self, parts: list[Any]) -> t.Init:
        """`init NAME parameters = expr`."""
        _, name, parameters, value = parts
        return t.Init(self.span(), self.ident(name), parameters, value, self.doc())

    def optimizer(self, parts: list[Any]) -> t.Optimizer:
        """`optimizer NAME parameters block`."""
        _, name, parameters, body = parts
        placement.check("optimizer", body, self.error)
        return t.Optimizer(self.span(), self.ident(name), parameters, body, self.doc())

    def results(self, parts: list[Token]) -> tuple[t.Ident, ...]:
        """The names behind the arrow."""
        results = self.names(parts)
        self.no_repeats(results, "named twice as a result")
        return results

    def parameters(self, parts: list[t.Parameter]) -> tuple[t.Parameter, ...]:
        """The parameters of a definition."""
        self.no_repeats([p.name for p in parts], "a parameter twice")
        return tuple(parts)

    def parameter(self, parts: list[Any]) -> t.Parameter:
        """`NAME [":" type] ["=" expr]`."""
        name, type_, default = parts
        return t.Parameter(self.span(), self.ident(name), type_, default)

    def no_repeats(self, names: Sequence[t.Ident], what: str) -> None:
        """Complain about a name that stands twice in one list."""
        if len(names) < 2:
            return
        seen: dict[str, t.Ident] = {}
        for name in names:
            first = seen.setdefault(name.text, name)
            if first is not name:
                place = Label(first.span, "first here")
                self.error("E0220", name.span, f"`{name.text}` is {what}.", related=[place])

    # --- choice, repetition, learning, files -----------------------------------------------------------

    def for_(self, parts: list[Any]) -> t.For:
        """`for NAME in expr block`."""
        return t.For(self.span(), self.ident(parts[1]), parts[3], parts[4])

    def if_(self, parts: list[Any]) -> t.If:
        """`if expr block [else]`; the else part comes with the length of its `else if` chain."""
        _, condition, then, otherwise = parts
        statements, length = otherwise or ((), 0)
        made = t.If(self.span(), condition, then, statements)
        if length:
            self.chains[id(made)] = length
        return made

    def else_block(self, parts: list[Any]) -> tuple[tuple[t.Statement, ...], int]:
        """`else block`."""
        return parts[1], 0

    def else_if(self, parts: list[Any]) -> tuple[tuple[t.Statement, ...], int]:
        """`else if …`; a chain that is too long for later stages to recurse over is cut."""
        inner: t.If = parts[1]
        length = self.chains.pop(id(inner), 0) + 1
        if length > t.MAX_DEPTH + 1:
            return (), length
        if length > t.MAX_DEPTH:
            keyword = self.token_span(parts[0])
            message = f"There are more than {t.MAX_DEPTH} `else if` in a row."
            self.error("E0209", keyword, message, suggestion="Choose with a list and an index.")
            return (), length
        return (inner,), length

    def data(self, parts: list[Any]) -> t.Data:
        """`data NAME = expr [block]`."""
        _, name, source, block = parts
        columns = placement.settings("data", block or (), self.error)
        return t.Data(self.span(), self.ident(name), source, columns, self.doc())

    def train(self, parts: list[Any]) -> t.Train:
        """`train [on NAME] block`."""
        data = parts[2]
        settings = placement.settings("train", parts[-1], self.error)
        return t.Train(self.span(), self.ident(data) if data else None, settings)

    def import_(self, parts: list[Any]) -> t.Import:
        """`import STRING`."""
        return t.Import(self.span(), self.path(parts[1]), None)

    def from_(self, parts: list[Any]) -> t.Import:
        """`from STRING import names`."""
        self.no_repeats(parts[3], "imported twice")
        return t.Import(self.span(), self.path(parts[1]), parts[3])

    def path(self, token: Token) -> t.String:
        """The name of a file."""
        return t.String(self.token_span(token), string_value(token.text))

    def broken(self, parts: list[Any]) -> t.ErrorStatement:
        """What the recovery put for a statement; its token carries the names as text."""
        return t.ErrorStatement(self.span(), tuple(parts[0].text.split()))

    def broken_block(self, parts: list[Any]) -> t.ErrorStatement:
        """A block whose first line could not be read: its statements have been checked, and are left out."""
        names = (*parts[0].text.split(), *placement.bound_names(parts[1]))
        return t.ErrorStatement(self.span(), tuple(dict.fromkeys(names)))

    # --- types ---------------------------------------------------------------------------------------

    def type_word(self, parts: list[Token]) -> t.TypeExpr:
        """`float`."""
        return t.TypeExpr(self.span(), self.type_kind(parts[0]), None)

    def type_sized(self, parts: list[Any]) -> t.TypeExpr:
        """`int[N]`."""
        return t.TypeExpr(self.span(), self.type_kind(parts[0]), parts[1])

    def type_shape(self, parts: list[Any]) -> t.TypeExpr:
        """`[N, 64]`."""
        return t.TypeExpr(self.span(), None, parts[0])

    def type_kind(self, token: Token) -> str | None:
        """The word in front of a type, which must be one that there is."""
        if token.text in _TYPE_WORDS:
            return token.text
        meant = _TYPE_SLIPS.get(token.text.lower())
        hint = (
            f"Did you mean `{meant}`?"
            if meant
            else "A tensor of floats is written `[N, 64]`, a scalar `float`."
        )
        words = ", ".join(f"`{word}`" for word in _TYPE_WORDS)
        message = f"There is no type `{token.text}`."
        self.error(
            "E0221", self.token_span(token), message, notes=[f"The words are {words}."], suggestion=hint
        )
        return None

    def dots(self, parts: list[Token]) -> t.Dots:
        """`...`."""
        return t.Dots(self.span())

    # --- expressions ---------------------------------------------------------------------------------

    def too_deep(self, below: Sequence[t.Expr | None]) -> t.ErrorExpr:
        """Stands for an expression that is nested too deeply; reported at the first level too many."""
        span = self.span()
        if not any(isinstance(e, t.ErrorExpr) for e in below):
            message = f"This expression is nested more than {t.MAX_DEPTH} levels deep."
            self.error("E0209", span, message, suggestion="Give a name to a part of it.")
        return t.ErrorExpr(span, depth=t.MAX_DEPTH)

    def nest(self, node: Callable[..., t.Expr], below: Sequence[t.Expr | None], *parts: Any) -> t.Expr:
        """A node one level above the expressions `below`."""
        depth = 1 + max((e.depth for e in below if e is not None), default=0)
        if depth > t.MAX_DEPTH:
            return self.too_deep(below)
        return node(self.span(), *parts, depth=depth)

    def binary(self, parts: list[Any]) -> t.Expr:
        """`left operator right`. A chain that leans left counts as one level."""
        left, op, right = parts
        depth = left.depth if type(left) is t.Binary else left.depth + 1
        if right.depth >= depth:
            depth = right.depth + 1
        if depth > t.MAX_DEPTH:
            return self.too_deep((left, right))
        source = self.source
        op_span = Span(source, op.start, op.end)
        return t.Binary(self.span(), op.text, left, right, op_span, depth=depth)

    def chained(self, parts: list[Any]) -> t.Expr:
        """`a < b < c`: reported; read on as if it were one comparison after the other."""
        left, op, right = parts
        middle = left.right.span.text if isinstance(left, t.Binary) else "b"
        first, last = left.span.text, _short(right.span.text)
        if isinstance(left, t.Binary):
            self.error(
                "E0208",
                self.token_span(op),
                "Comparisons do not chain.",
                label="second comparison",
                related=[Label(left.op_span, "first comparison")],
                suggestion=f"Write `{_short(first)} and {_short(middle)} {op.text} {last}`.",
            )
        return t.ErrorExpr(self.span())

    def unary(self, parts: list[Any]) -> t.Expr:
        """`-x`, `+x`, `not x`."""
        op, operand = parts
        return self.nest(t.Unary, (operand,), op.text, operand)

    def pipe(self, parts: list[Any]) -> t.Expr:
        """`value -> target`."""
        value, target = parts
        if not isinstance(target, t.Name | t.Attribute | t.Call | t.ErrorExpr):
            self.error(
                "E0219",
                target.span,
                "The right side of `->` must be something that can be called.",
                label="not a function",
                suggestion="Write a name or a call: `x -> relu`, `x -> dense(64)`.",
            )
            return t.ErrorExpr(self.span())
        depth = max(value.depth if type(value) is t.Pipe else value.depth + 1, target.depth + 1)
        if depth > t.MAX_DEPTH:
            return self.too_deep((value, target))
        return t.Pipe(self.span(), value, target, depth=depth)

    def range_(self, parts: list[Any]) -> t.Expr:
        """`start..stop`."""
        return self.nest(t.Range, parts, *parts)

    def call(self, parts: list[Any]) -> t.Expr:
        """`f(a, b = c)`."""
        function, *args = parts
        if isinstance(function, t.Number | t.String | t.Boolean | t.ListExpr | t.TupleExpr):
            text = _short(function.span.text)
            hint = f"A product needs its sign: `{text} * (…)`." if isinstance(function, t.Number) else None
            self.error("E0224", function.span, f"`{text}` cannot be called.", suggestion=hint)
            return t.ErrorExpr(self.span())
        self.check_arguments(args)
        below = [function, *[a.value for a in args]]
        return self.nest(t.Call, below, function, tuple(args))

    def check_arguments(self, args: list[t.Argument]) -> None:
        """Positional arguments come first, and no name comes twice."""
        named: t.Argument | None = None
        for arg in args:
            if arg.name:
                named = arg
            elif named:
                self.error(
                    "E0223",
                    arg.span,
                    "An argument without a name follows one with a name.",
                    related=[Label(named.span, "named argument")],
                    suggestion="Put it in front, or give it its name.",
                )
        self.no_repeats([a.name for a in args if a.name], "given twice")

    def positional(self, parts: list[Any]) -> t.Argument:
        """An argument without a name."""
        return t.Argument(self.span(), None, parts[0])

    def named(self, parts: list[Any]) -> t.Argument:
        """`name = value`."""
        return t.Argument(self.span(), self.ident(parts[0]), parts[1])

    def index(self, parts: list[Any]) -> t.Expr:
        """`x[0, 1:3, ...]`."""
        value, *items = parts
        return self.nest(t.Index, parts, value, tuple(items))

    def slice_(self, parts: list[Any]) -> t.Expr:
        """`[start] ":" [stop] [":" [step]]`."""
        start, _, stop = parts[:3]
        step = parts[4] if len(parts) > 4 else None
        return self.nest(t.Slice, (start, stop, step), start, stop, step)

    def attribute(self, parts: list[Any]) -> t.Expr:
        """`x.T`."""
        value, name = parts
        return self.nest(t.Attribute, (value,), value, self.ident(name))

    def name(self, parts: list[Token]) -> t.Name:
        """A name that is used."""
        token = parts[0]
        return t.Name(Span(self.source, token.start, token.end), token.text)

    def integer(self, parts: list[Token]) -> t.Number:
        """`1_000`."""
        return t.Number(self.span(), int(parts[0].text))

    def float_(self, parts: list[Token]) -> t.Number:
        """`1e-4`."""
        return t.Number(self.span(), float(parts[0].text))

    def string(self, parts: list[Token]) -> t.String:
        """Text in quotes."""
        return t.String(self.span(), string_value(parts[0].text))

    def boolean(self, parts: list[Token]) -> t.Boolean:
        """`true`, `false`."""
        return t.Boolean(self.span(), parts[0].type == "TRUE")

    def list_(self, parts: list[t.Expr]) -> t.Expr:
        """`[a, b]`."""
        return self.nest(t.ListExpr, parts, tuple(parts))

    def tuple_(self, parts: list[t.Expr]) -> t.Expr:
        """`(a, b)`."""
        return self.nest(t.TupleExpr, parts, tuple(parts))


def _short(text: str) -> str:
    """Source text for a message, on one line and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= 40 else text[:36] + " …"
