"""Which statements belong in which block.

The grammar reads any statement anywhere, so that a misplaced one is named ("`param` cannot stand in a
gate") and everything after it is still read. `for` and `if` take over the place in which they stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphlang.source import Span
from graphlang.syntax import tree as t

Report = Callable[..., None]

_EVERYWHERE = (t.ErrorStatement, t.Bind, t.Const, t.Assert, t.For, t.If)
_DEFINITIONS = (t.Gate, t.Network, t.Init, t.Optimizer, t.Data, t.Train, t.Import)

# What may stand in a place, how the place is called, and what to suggest otherwise.
_ALLOWED: dict[str, tuple[type[t.Statement], ...]] = {
    "file": (
        *_EVERYWHERE,
        *_DEFINITIONS,
        t.Input,
        t.Param,
        t.State,
        t.Output,
        t.Expect,
        t.Metric,
        t.Layer,
        t.Update,
    ),
    "gate": (*_EVERYWHERE, t.Backward),
    "backward": (*_EVERYWHERE, t.GradBind),
    "network": (*_EVERYWHERE, t.Param, t.State, t.Layer, t.Update),
    "optimizer": (*_EVERYWHERE, t.State),
    "data": (t.ErrorStatement, t.Bind),
    "train": (t.ErrorStatement, t.Bind),
}
_CALLED = {
    "file": "at the top level of a file",
    "gate": "in a gate",
    "backward": "in a backward block",
    "network": "in a network",
    "optimizer": "in an optimizer",
    "data": "in a data block",
    "train": "in a train block",
}
_ADVICE: dict[tuple[str, type[t.Statement]], str] = {
    ("gate", t.Param): "A gate is a pure function of its wires; use a `network` for something that learns.",
    ("gate", t.State): "A gate is a pure function of its wires; use a `network` for something with a state.",
    ("gate", t.Layer): "A gate is a pure function of its wires; use a `network` to own layers.",
    ("gate", t.Update): "A gate is a pure function of its wires; use a `network` for something with a state.",
    ("gate", t.GradBind): "Put it into `backward { … }`.",
    (
        "file",
        t.GradBind,
    ): "It belongs into the `backward { … }` of a gate; as a value write `g = grad(f, x)`.",
    (
        "network",
        t.GradBind,
    ): "It belongs into the `backward { … }` of a gate; as a value write `g = grad(f, x)`.",
    ("file", t.Backward): "It belongs into a `gate`.",
    ("network", t.Backward): "It belongs into a `gate`.",
    ("network", t.Input): "What flows into a network are the parameters in its signature.",
    ("gate", t.Input): "What flows into a gate are the parameters in its signature.",
    ("network", t.Output): "The results of a network are named behind the `->` of its signature.",
    ("gate", t.Output): "The results of a gate are named behind the `->` of its signature.",
    ("data", t.Input): "Write `name = column(…)`; the `input` itself is declared at the top level.",
}
_KEYWORDS = {t.GradBind: "grad(…) = …", t.For: "for", t.If: "if", t.Import: "import"}


def check(place: str, body: tuple[t.Statement, ...], report: Report) -> None:
    """Report the statements of a block that do not belong there."""
    allowed = _ALLOWED[place]
    # Nearly all of a large file are such bindings, and may stand anywhere.
    others = tuple([s for s in body if type(s) is not t.Bind or s.targets[0].text == "optimizer"])
    for statement, inside in _flat(others):
        if isinstance(statement, t.Bind):
            if statement.targets[0].text == "optimizer":
                _report_setting(statement, report)
        elif not isinstance(statement, allowed):
            hint = _ADVICE.get((place, type(statement)))
            if hint is None and isinstance(statement, _DEFINITIONS):
                hint = "Move it to the top level of the file."
            message = f"`{_keyword(statement)}` cannot stand {_CALLED[place]}."
            report("E0218", head(statement), message, suggestion=hint)
        elif inside and isinstance(statement, (*_DEFINITIONS, t.Backward)):
            message = f"`{_keyword(statement)}` cannot stand inside `for` or `if`."
            report("E0218", head(statement), message, suggestion="Move it out of the block.")


def settings(place: str, body: tuple[t.Statement, ...], report: Report) -> tuple[t.Bind, ...]:
    """The lines of a `data` or `train` block, which are all of the form `name = value`."""
    kept = []
    for statement in body:
        if isinstance(statement, t.Bind):
            if place == "data" and statement.targets[0].text == "optimizer":
                _report_setting(statement, report)
            kept.append(statement)
        elif not isinstance(statement, t.ErrorStatement):
            hint = _ADVICE.get((place, type(statement)), "Its lines are of the form `name = value`.")
            message = f"`{_keyword(statement)}` cannot stand {_CALLED[place]}."
            report("E0218", head(statement), message, suggestion=hint)
    return tuple(kept)


def head(statement: t.Statement) -> Span:
    """The keyword of a statement, or the whole of one that has none."""
    span = statement.span
    if isinstance(statement, t.Bind | t.GradBind | t.ErrorStatement):
        return span
    length = next((i for i, c in enumerate(span.text[:20]) if not c.isalpha()), 20)
    return Span(span.source, span.start, min(span.end, span.start + length))


def bound_names(body: tuple[t.Statement, ...]) -> Iterator[str]:
    """Names that the statements of a block bind, those in its `for` and `if` included."""
    for statement, _ in _flat(body):
        if isinstance(statement, t.Bind):
            yield from (target.text for target in statement.targets)
        elif isinstance(statement, t.ErrorStatement):
            yield from statement.names
        elif isinstance(name := getattr(statement, "name", None), t.Ident):
            yield name.text


def _flat(body: tuple[t.Statement, ...]) -> Iterator[tuple[t.Statement, bool]]:
    """The statements of a block and of the `for` and `if` in it, and whether they are inside one."""
    stack: list[tuple[t.Statement, bool]] = [(s, False) for s in reversed(body)]
    while stack:
        statement, inside = stack.pop()
        yield statement, inside
        if isinstance(statement, t.For):
            stack.extend((s, True) for s in reversed(statement.body))
        elif isinstance(statement, t.If):
            stack.extend((s, True) for s in reversed(statement.then + statement.otherwise))


def _keyword(statement: t.Statement) -> str:
    return _KEYWORDS.get(type(statement)) or head(statement).text


def _report_setting(statement: t.Bind, report: Report) -> None:
    name = statement.targets[0]
    report(
        "E0206",
        name.span,
        "`optimizer` is a keyword and cannot be used as a name.",
        label="reserved word",
        suggestion="As a setting it belongs into `train { … }`; otherwise choose another name.",
    )
