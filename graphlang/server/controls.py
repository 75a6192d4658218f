"""What can be moved with a slider: numbers that stand in the text, each with its place there.

A slider does not override the text, it edits it. So the page, the file that is saved, the link that is shared
and the command line never disagree, and undo undoes it. What a train block or a data source leaves to its
default is offered too: moving it writes it into the text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from graphlang.elaborate.modules import std
from graphlang.generators import GENERATORS
from graphlang.graph.model import Model
from graphlang.run.settings import Settings
from graphlang.server.places import Places
from graphlang.syntax import tree

_BATCHES = ("1", "2", "5", "10", "20", "50", "100", "200", "all")
_FEW = 0.1  # Positive numbers below it are moved on a logarithmic scale.
_REGULARISERS = ("l1", "l2")
_SOURCE, _OPTIMIZER = "data", "optimizer"


def learns(model: Model) -> bool:
    """Whether there is something to train."""
    spec = model.training
    return spec is not None and spec.learner is not None and bool(spec.learner.weights)


def controls_of(file: tree.File, places: Places) -> list[dict[str, Any]]:
    """The controls of a text, in its order.

    Each has `name`, `group` (`input`, `const`, `data`, `train`), its `value`, and `from` and `to`: the part
    of the text that moving it replaces by `before`, the new value and `after`. Numbers have `min`, `max`,
    `is_log`, `is_whole`; a choice has `choices`, pairs of a label and the text to write.
    """
    found: list[dict[str, Any]] = []
    for statement in file.body:
        found += _of(statement, places)
    return found


def _of(statement: tree.Statement, places: Places) -> Iterator[dict[str, Any]]:
    match statement:
        case tree.Input(name=name, default=tree.Expr() as default):
            whole = statement.type is not None and statement.type.kind == "int"
            yield from _number(name.text, "input", default, places, is_whole=whole)
        case tree.Const(name=name, value=value):
            number = literal(value)
            whole = isinstance(number, int)
            yield from _number(name.text, "const", value, places, is_whole=whole)
        case tree.Data(source=source):
            yield from _data(source, places)
        case tree.Train():
            yield from _train(statement, places)
        case tree.Bind(value=value):
            yield from _regulariser(value, places)


def _regulariser(value: tree.Expr, places: Places) -> Iterator[dict[str, Any]]:
    """The strength of a regulariser that is written as a number: `1e-4 * l2(params("*.W"))`."""
    for node in tree.walk(value):
        if isinstance(node, tree.Binary) and node.op == "*":
            for strength, what in ((node.left, node.right), (node.right, node.left)):
                called = _called(what)
                if called is not None and called[0] in _REGULARISERS:
                    yield from _number(f"× {called[0]}", "const", strength, places)


def literal(value: tree.Expr) -> int | float | None:
    """The number that an expression is, with its sign; None if it is anything else."""
    if isinstance(value, tree.Number):
        return value.value if math.isfinite(value.value) else None
    if isinstance(value, tree.Unary) and value.op == "-" and (inner := literal(value.operand)) is not None:
        return -inner
    return None


def _number(
    name: str, group: str, value: tree.Expr, places: Places, *, is_whole: bool = False, **limits: Any
) -> Iterator[dict[str, Any]]:
    number, place = literal(value), places.range_of(value.span)
    if number is not None and place is not None:
        yield _slider(name, group, number, place, is_whole=is_whole, **limits)


def _slider(
    name: str, group: str, value: int | float, place: list[int], *, is_whole: bool = False, **more: Any
) -> dict[str, Any]:
    """The control of a number; `more` are limits that are known, and what stands around it."""
    limits = _limits(value, group, is_whole=is_whole)
    return _control(name, group, value, place, **{"is_whole": is_whole, **limits, **more})


def _control(
    name: str, group: str, value: Any, place: list[int], *, before: str = "", after: str = "", **kind: Any
) -> dict[str, Any]:
    """What sliders and choices have in common, and `kind`, which tells them apart."""
    about = {"name": name, "group": group, "value": value}
    return {**about, "from": place[0], "to": place[1], "before": before, "after": after, **kind}


def _limits(value: int | float, group: str, *, is_whole: bool) -> dict[str, Any]:
    """How far a number of no known meaning is moved."""
    if is_whole and group != "input":
        return {"min": min(1, value), "max": max(8, 4 * abs(value)), "is_log": False}
    if group == "const" and 0 < value < _FEW:
        return {"min": value / 1000, "max": 1.0, "is_log": True}
    reach = max(5.0, _rounded_up(2 * abs(value)))
    return {"min": 0.0 if group == "const" and value >= 0 else -reach, "max": reach, "is_log": False}


def _rounded_up(value: float) -> float:
    """To 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(f * power for f in (1, 2, 5, 10) if value <= f * power * (1 + 1e-9))


# --- arguments of calls -----------------------------------------------------------------------------


def _called(value: tree.Expr) -> tuple[str, tuple[tree.Argument, ...]] | None:
    """The name and the arguments of `f(…)` or `f`."""
    if isinstance(value, tree.Name):
        return value.id, ()
    if isinstance(value, tree.Call) and isinstance(value.function, tree.Name):
        return value.function.id, value.args
    return None


def _argument(args: tuple[tree.Argument, ...], name: str, *, is_first: bool = False) -> tree.Expr | None:
    for i, argument in enumerate(args):
        if (argument.name is not None and argument.name.text == name) or (
            is_first and i == 0 and argument.name is None
        ):
            return argument.value
    return None


def _insertion(value: tree.Expr, name: str, places: Places) -> tuple[list[int], str, str]:
    """Where an argument goes that a call does not have yet, and what stands around it."""
    if isinstance(value, tree.Name):
        at = places.unit(value.span.end)
        return [at, at], f"({name} = ", ")"
    assert isinstance(value, tree.Call)
    if value.args:
        at = places.unit(value.args[-1].span.end)
        return [at, at], f", {name} = ", ""
    at = places.unit(value.span.start + value.span.text.rindex(")"))
    return [at, at], f"{name} = ", ""


def _optional(
    value: tree.Expr,
    found: tree.Expr | None,
    name: str,
    group: str,
    default: Any,
    places: Places,
    **limits: Any,
) -> Iterator[dict[str, Any]]:
    """A numeric argument, whether it is there or left to its default."""
    if found is not None:
        yield from _number(name, group, found, places, **limits)
        return
    place, before, after = _insertion(value, name, places)
    yield _slider(name, group, default, place, before=before, after=after, **limits)


# --- data and training -----------------------------------------------------------------------------


def _data(source: tree.Expr, places: Places) -> Iterator[dict[str, Any]]:
    called, place = _called(source), places.range_of(source.span)
    if called is None or place is None or called[0] not in GENERATORS:
        return
    kind, args = called
    features = GENERATORS[kind].features
    like = [k for k, g in GENERATORS.items() if g.features == features]
    choices = [(k, _rewritten(k, args)) for k in like]
    yield _control(_SOURCE, "data", kind, place, choices=choices)
    defaults = GENERATORS[kind].options()
    limits: dict[str, dict[str, Any]] = {
        "n": {"min": 4, "max": 2000, "is_log": True, "is_whole": True},
        "noise": {"min": 0.0, "max": 1.0, "is_log": False},
        "classes": {"min": 2, "max": 6, "is_log": False, "is_whole": True},
        "seed": {"min": 0, "max": 20, "is_log": False, "is_whole": True},
    }
    for name in ("n", "noise", "classes", "seed"):
        if name in defaults:
            found = _argument(args, name)
            yield from _optional(source, found, name, "data", defaults[name], places, **limits[name])


def _rewritten(kind: str, args: tuple[tree.Argument, ...]) -> str:
    """A call of another generator with the same options, as far as it has them."""
    known = GENERATORS[kind].options()
    kept = [a.span.text for a in args if a.name is not None and a.name.text in known]
    return f"{kind}({', '.join(kept)})"


def _train(statement: tree.Train, places: Places) -> Iterator[dict[str, Any]]:
    if not statement.settings or places.range_of(statement.span) is None:
        return
    written = {s.targets[0].text: s.value for s in statement.settings}
    at = places.unit(statement.settings[-1].span.end)
    if _OPTIMIZER in written:
        yield from _optimizer(written[_OPTIMIZER], places)
    yield from _batch(written.get("batch"), at, places)
    defaults = Settings()
    known: dict[str, tuple[Any, dict[str, Any]]] = {
        "epochs": (defaults.epochs, {"min": 1, "max": 1000, "is_log": True, "is_whole": True}),
        "holdout": (defaults.holdout, {"min": 0.0, "max": 0.9, "is_log": False}),
        "seed": (defaults.seed, {"min": 0, "max": 20, "is_log": False, "is_whole": True}),
    }
    for name, (default, limits) in known.items():
        if name in written:
            yield from _number(name, "train", written[name], places, **limits)
        else:
            yield _slider(name, "train", default, [at, at], before=f"\n  {name} = ", **limits)


def _optimizer(value: tree.Expr, places: Places) -> Iterator[dict[str, Any]]:
    called, place = _called(value), places.range_of(value.span)
    if called is None or place is None:
        return
    name, args = called
    known = {n: _rate(n) for n in std().names_of("optimizer")}
    rate = _argument(args, "lr", is_first=True)
    text = rate.span.text if rate is not None else None
    if name in known:
        choices = [(n, f"{n}(lr = {text})" if text else n) for n, default in known.items() if default]
        yield _control(_OPTIMIZER, "train", name, place, choices=choices)
    default = known.get(name)
    limits: dict[str, Any] = {"min": 1e-4, "max": 10.0, "is_log": True}
    if rate is not None:
        yield from _number("lr", "train", rate, places, **limits)
    elif default is not None:
        yield from _optional(value, None, "lr", "train", default, places, **limits)


def _rate(name: str) -> float | None:
    """The learning rate that an optimizer of the library has by itself."""
    definition = std().find(name)
    for parameter in definition.syntax.parameters:
        if parameter.name.text == "lr" and parameter.default is not None:
            return literal(parameter.default)
    return None


def _batch(value: tree.Expr | None, at: int, places: Places) -> Iterator[dict[str, Any]]:
    text = value.span.text if value is not None else str(Settings().batch)
    place = places.range_of(value.span) if value is not None else [at, at]
    if place is not None:
        choices = [(b, b) for b in _BATCHES]
        if text not in _BATCHES:
            choices = [(text, text), *choices]
        before = "\n  batch = " if value is None else ""
        yield _control("batch", "train", text, place, before=before, choices=choices)
