"""Files as modules: their definitions, what they import, and the standard library behind them all.

A module offers its gates, networks, initialisers, optimizers and constants; never its main graph. The
standard library is a module whose definitions are parsed one by one, when they are first asked for: a
file pays for what it uses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from graphlang.diagnostics import Label, Outcome, Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.values import BAD, Definition, Operation
from graphlang.source import SourceFile, Span
from graphlang.syntax import tree
from graphlang.syntax.parse import parse
from graphlang.syntax.reading import read_source

if TYPE_CHECKING:
    from graphlang.elaborate.context import Context

STD_FILES = ("activations", "layers", "losses", "initializers", "optimizers")
# Known only behind `schedule =`, so that `constant` and `step` stay free for others.
SCHEDULE_FILES = ("schedules",)
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
        self.later_names: dict[str, tree.Ident] = {}
        # The loops, the choices and the imports among the statements of its main graph.
        self.blocks: list[tree.For | tree.If] = []
        self.imports: list[tree.Import] = []
        # Operations that its bodies have called, by name, unless a constant has taken the name since.
        self.operations: dict[str, Operation] = {}
        # Whether a file that it imports could not be read: then an unknown name may come from there.
        self.is_incomplete = False

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

    def __init__(self, stems: tuple[str, ...] = STD_FILES) -> None:
        super().__init__(None)
        self.index: dict[str, tuple[str, str, int]] = {}
        self.kinds: dict[str, str] = {}
        for stem in stems:
            text = _std_text(stem)
            for match in re.finditer(r"^(gate|network|init|optimizer)\s+(\w+)", text, re.MULTILINE):
                self.index[match.group(2)] = (stem, text, match.start())
                self.kinds[match.group(2)] = match.group(1)

    def own_names(self) -> list[str]:
        """The names it defines."""
        return list(self.index)

    def names_of(self, kind: str) -> list[str]:
        """The names of its definitions of one kind, in the order of the text."""
        return [name for name, found in self.kinds.items() if found == kind]

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


def _std_text(stem: str) -> str:
    """Text of one of the library's files."""
    place = os.path.join(os.path.dirname(os.path.dirname(__file__)), "std", f"{stem}.graph")
    # Unlike `open` it reads from a zip file too, and unlike `importlib.resources` it is there already.
    loader: Any = __spec__.loader
    return str(loader.get_data(place), "utf-8")


def _only(text: str, start: int) -> str:
    """`text` with all but the definition at `start` blanked; its lines stay where they are."""
    following = re.compile(r"^(?:gate|network|init|optimizer|#)", re.MULTILINE).search(text, start + 1)
    end = following.start() if following else len(text)
    return "\n" * text.count("\n", 0, start) + text[start:end]


@cache
def std() -> Std:
    """The standard library, indexed once per process."""
    return Std()


@cache
def schedules() -> Std:
    """The library's schedules: a module of their own."""
    return Std(SCHEDULE_FILES)


def collect(module: Module, problems: Problems) -> None:
    """Enter a file's own definitions into its module; two of one name are an error."""
    assert module.file is not None
    later = module.later_names
    for statement in module.file.body:
        if type(statement) is tree.Bind and len(statement.targets) == 1:
            (target,) = statement.targets  # as nearly all of a large file are
            later.setdefault(target.text, target)
            continue
        kind = DEFINITIONS.get(type(statement))
        if kind is not None:
            assert isinstance(statement, (tree.Gate, tree.Network, tree.Init, tree.Optimizer))
            name = statement.name
            if not statement.span.text.rstrip().endswith("}") and kind != "init":
                # Its brace is never closed, so it has swallowed what follows it.
                module.own.setdefault(name.text, BAD)
                module.spans.setdefault(name.text, name.span)
                continue
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
            if isinstance(statement, (tree.For, tree.If)):
                module.blocks.append(statement)
            elif isinstance(statement, tree.Import):
                module.imports.append(statement)
    for misplaced in _misplaced(module.blocks):
        module.own.setdefault(misplaced, BAD)


def _misplaced(blocks: Iterable[tree.Statement]) -> Iterator[str]:
    """Names of definitions that stand in a `for` or `if`, as the parser has reported."""
    for block in blocks:
        for node in tree.walk(block):
            if isinstance(node, (tree.Gate, tree.Network, tree.Init, tree.Optimizer)):
                yield node.name.text


def _note_bound_names(module: Module, statement: tree.Statement) -> None:
    if isinstance(statement, tree.Bind):
        for target in statement.targets:
            module.later_names.setdefault(target.text, target)
    elif isinstance(
        statement, (tree.Input, tree.Param, tree.State, tree.Const, tree.Layer, tree.Metric, tree.Data)
    ):
        module.later_names.setdefault(statement.name.text, statement.name)
    elif isinstance(statement, tree.If):
        for inner in (*statement.then, *statement.otherwise):
            _note_bound_names(module, inner)


Route = tuple[tuple[str, Span | None], ...]


def load_imports(
    ctx: Context,
    module: Module,
    route: Route,
    evaluate_consts: Callable[[Context, Module], None],
) -> None:
    """Bring the definitions of imported files into a module's scope.

    `route` has the files that are being read, the first being the user's, each with the import in it that
    leads to the next.
    """
    for statement in module.imports:
        _load_import(ctx, module, statement, route, evaluate_consts)


def _load_import(
    ctx: Context,
    module: Module,
    statement: tree.Import,
    route: Route,
    evaluate_consts: Callable[[Context, Module], None],
) -> None:
    base = os.path.dirname(statement.span.source.path or "")
    shown = os.path.normpath(os.path.join(base, statement.path.value)) if statement.path.value else ""
    path = os.path.realpath(shown)
    where = statement.path.span
    files = [p for p, _ in route]
    if path in files:
        _report_circle(ctx, (*route[:-1], (route[-1][0], where)), files.index(path))
        _missing(module, statement)
        return
    outcome = _read(shown, where)
    for problem in outcome.problems:
        ctx.problems.add(problem)
    if outcome.value is None:
        _missing(module, statement)
        return
    imported = Module(outcome.value)
    collect(imported, ctx.problems)
    for name in _unread(outcome.value):
        imported.own.setdefault(name, BAD)
    onward = (*route[:-1], (route[-1][0], where), (path, None)) if route else ((path, None),)
    load_imports(ctx, imported, onward, evaluate_consts)
    evaluate_consts(ctx, imported)
    _bring(ctx, module, imported, statement)
    module.is_incomplete |= imported.is_incomplete


def _unread(file: tree.File) -> Iterator[str]:
    """Names that the unreadable statements of a file would have bound."""
    for statement in file.body:
        if isinstance(statement, tree.ErrorStatement):
            yield from statement.names


def _missing(module: Module, statement: tree.Import) -> None:
    """What an import that failed would have brought is known, as errors already reported."""
    if statement.names is None:
        module.is_incomplete = True
    for name in statement.names or ():
        module.imported[name.text] = BAD


def _report_circle(ctx: Context, route: Route, start: int) -> None:
    """Files that import one another, reported at the user's own import."""
    names = [os.path.basename(p) for p, _ in (*route[start:], route[start])]
    first, *others = [span for _, span in route if span is not None]
    ctx.problems.error(
        "E0801",
        first,
        f"These files import one another: {' → '.join(names)}."
        if len(names) > 2
        else f"The file {names[0]} imports itself.",
        related=[Label(span, "which imports this") for span in others],
        suggestion="Move what both need into a third file and import that.",
    )


def _read(path: str, where: Span) -> Outcome[tree.File | None]:
    problems = Problems()
    read = read_source(path)
    if read.value is None or not read.ok:
        for problem in read.problems:
            problems.error(
                problem.code,
                problem.span or where,
                problem.message,
                label="imported here" if not problem.span else "",
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
        module.imported[wanted.text] = BAD
        if imported.is_incomplete:
            continue
        meant = nearest(wanted.text, imported.own)
        in_graph = wanted.text in imported.later_names
        ctx.problems.error(
            "E0802",
            wanted.span,
            f'"{statement.path.value}" defines no `{wanted.text}`.',
            notes=[
                f"It defines: {', '.join(imported.own)}." if imported.own else "It defines nothing.",
                *(
                    ["Its main graph is not imported, only its definitions and constants."]
                    if in_graph
                    else []
                ),
            ],
            suggestion=f"Did you mean `{meant}`?" if meant else None,
        )


def _enter(ctx: Context, module: Module, name: str, value: Any, span: Span) -> None:
    if name in module.own:
        if value is BAD:
            return
        ctx.problems.error(
            "E0304",
            span,
            f"`{name}` is both imported and defined in this file.",
            related=[Label(module.spans[name], "defined here")] if name in module.spans else [],
            suggestion="Rename the definition, or import only what you need: `from … import …`.",
        )
        return
    module.imported[name] = value
