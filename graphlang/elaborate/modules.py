"""Files as modules: their definitions, what they import, and the standard library behind them all.

A module offers its gates, networks, initialisers, optimizers and constants; never its main graph. The
standard library is a module whose definitions are parsed one by one, when they are first asked for: a
file pays for what it uses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from graphlang.diagnostics import Label, Outcome, Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.values import Definition
from graphlang.source import SourceFile, Span
from graphlang.syntax import tree
from graphlang.syntax.parse import parse
from graphlang.syntax.reading import read_source

if TYPE_CHECKING:
    from graphlang.elaborate.context import Context

STD_FILES = ("layers", "losses", "initializers")
DEFINITIONS = {
    tree.Gate: "gate",
    tree.Network: "network",
    tree.Init: "init",
    tree.Optimizer: "optimizer",
}


class Module:
    """The names that the bodies of one file's definitions can see."""

    def __init__(self, file: tree.File | None):
        self.file = file
        self.own: dict[str, Any] = {}
        self.spans: dict[str, Span] = {}
        self.imported: dict[str, Any] = {}
        # Where the main graph binds each name: to tell "too early" from "unknown".
        self.later_names: dict[str, Span] = {}

    def find(self, name: str) -> Any:
        """What `name` stands for in this file's definitions, or None."""
        for table in (self.own, self.imported):
            if name in table:
                return table[name]
        return std().find(name)

    def all_names(self) -> list[str]:
        """Every name that `find` knows."""
        return [*self.own, *self.imported, *std().own_names()]

    def definitions(self) -> Iterator[Definition]:
        """This file's own definitions."""
        return (v for v in self.own.values() if isinstance(v, Definition))


class Std(Module):
    """The standard library: an index of definitions, each parsed when it is first needed."""

    def __init__(self) -> None:
        super().__init__(None)
        self.index: dict[str, tuple[str, str, int]] = {}
        for stem in STD_FILES:
            text = (files("graphlang") / "std" / f"{stem}.graph").read_text(encoding="utf-8")
            for match in re.finditer(r"^(?:gate|network|init|optimizer)\s+(\w+)", text, re.MULTILINE):
                self.index[match.group(1)] = (stem, text, match.start())

    def own_names(self) -> list[str]:
        """The names it defines."""
        return list(self.index)

    def find(self, name: str) -> Any:
        if name in self.own:
            return self.own[name]
        if name not in self.index:
            return None
        stem, text, start = self.index[name]
        source = SourceFile(f"std/{stem}.graph", _only(text, start), is_std=True)
        outcome = parse(source)
        if not outcome.ok:
            raise AssertionError(f"std/{stem}.graph: {[d.message for d in outcome.problems]}")
        syntax = next(s for s in outcome.value.body if type(s) in DEFINITIONS)
        found = Definition(name, DEFINITIONS[type(syntax)], syntax, self)  # type: ignore[arg-type]
        self.own[name] = found
        return found


def _only(text: str, start: int) -> str:
    """`text` with all but the definition at `start` blanked; its lines stay where they are."""
    following = re.compile(r"^(?:gate|network|init|optimizer|#)", re.MULTILINE).search(text, start + 1)
    end = following.start() if following else len(text)
    return "\n" * text.count("\n", 0, start) + text[start:end]


@cache
def std() -> Std:
    """The standard library, indexed once per process."""
    return Std()


def collect(module: Module, problems: Problems) -> None:
    """Enter a file's own definitions into its module; two of one name are an error."""
    assert module.file is not None
    for statement in module.file.body:
        kind = DEFINITIONS.get(type(statement))
        if kind is not None:
            assert isinstance(statement, (tree.Gate, tree.Network, tree.Init, tree.Optimizer))
            name = statement.name
            if name.text in module.own:
                problems.error(
                    "E0304",
                    name.span,
                    f"`{name.text}` is defined twice.",
                    related=[Label(module.spans[name.text], "first defined here")],
                    suggestion="Give one of them another name.",
                )
                continue
            module.own[name.text] = Definition(name.text, kind, statement, module)
            module.spans[name.text] = name.span
        else:
            _note_bound_names(module, statement)


def _note_bound_names(module: Module, statement: tree.Statement) -> None:
    if isinstance(statement, tree.Bind):
        for target in statement.targets:
            module.later_names.setdefault(target.text, target.span)
    elif isinstance(
        statement, (tree.Input, tree.Param, tree.State, tree.Const, tree.Layer, tree.Metric, tree.Data)
    ):
        module.later_names.setdefault(statement.name.text, statement.name.span)
    elif isinstance(statement, tree.If):
        for inner in (*statement.then, *statement.otherwise):
            _note_bound_names(module, inner)


def load_imports(
    ctx: Context,
    module: Module,
    chain: tuple[str, ...],
    evaluate_consts: Callable[[Context, Module], None],
) -> None:
    """Bring the definitions of imported files into a module's scope."""
    assert module.file is not None
    for statement in module.file.body:
        if isinstance(statement, tree.Import):
            _load_import(ctx, module, statement, chain, evaluate_consts)


def _load_import(
    ctx: Context,
    module: Module,
    statement: tree.Import,
    chain: tuple[str, ...],
    evaluate_consts: Callable[[Context, Module], None],
) -> None:
    base = os.path.dirname(statement.span.source.path or "") or "."
    path = os.path.realpath(os.path.join(base, statement.path.value))
    where = statement.path.span
    if path in chain:
        names = " → ".join(os.path.basename(p) for p in (*chain[chain.index(path) :], path))
        ctx.problems.error(
            "E0801",
            where,
            f"These files import one another: {names}.",
            suggestion="Move what both need into a third file and import that.",
        )
        return
    outcome = _read(os.path.join(base, statement.path.value), where)
    for problem in outcome.problems:
        ctx.problems.add(problem)
    if outcome.value is None or not outcome.ok:
        return
    imported = Module(outcome.value)
    collect(imported, ctx.problems)
    load_imports(ctx, imported, (*chain, path), evaluate_consts)
    evaluate_consts(ctx, imported)
    _bring(ctx, module, imported, statement)


def _read(path: str, where: Span) -> Outcome[tree.File | None]:
    problems = Problems()
    read = read_source(path)
    if read.value is None or not read.ok:
        for problem in read.problems:
            problems.error(
                problem.code,
                problem.span or where,
                problem.message,
                related=[Label(where, "imported here")] if problem.span else (),
                suggestion=problem.suggestion,
            )
        return Outcome(None, problems)
    parsed = parse(read.value)
    return Outcome(parsed.value, parsed.problems)


def _bring(ctx: Context, module: Module, imported: Module, statement: tree.Import) -> None:
    if statement.names is None:
        for name, value in imported.own.items():
            _enter(ctx, module, name, value, statement.path.span)
        return
    for wanted in statement.names:
        if wanted.text in imported.own:
            _enter(ctx, module, wanted.text, imported.own[wanted.text], wanted.span)
            continue
        meant = nearest(wanted.text, imported.own)
        ctx.problems.error(
            "E0802",
            wanted.span,
            f'"{statement.path.value}" defines no `{wanted.text}`.',
            notes=[f"It defines: {', '.join(imported.own)}."] if imported.own else ["It defines nothing."],
            suggestion=f"Did you mean `{meant}`?" if meant else None,
        )


def _enter(ctx: Context, module: Module, name: str, value: Any, span: Span) -> None:
    if name in module.own:
        ctx.problems.error(
            "E0304",
            span,
            f"`{name}` is both imported and defined in this file.",
            related=[Label(module.spans[name], "defined here")],
            suggestion="Import only what you need: `from … import …`.",
        )
        return
    module.imported[name] = value
