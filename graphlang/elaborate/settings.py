"""`--set NAME=VALUE`: constants and inputs given on the command line, in the language's own syntax."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphlang.diagnostics import Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.elaborate import elaborate
from graphlang.graph.model import Model
from graphlang.source import SourceFile
from graphlang.syntax.parse import parse


def parse_settings(settings: Iterable[str]) -> tuple[dict[str, Any], Problems]:
    """Names with their compile-time values."""
    problems = Problems()
    values: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not name.isidentifier() or not text:
            problems.error(
                "E0910",
                None,
                f"`--set {setting}` is not of the form NAME=VALUE.",
                suggestion='For example `--set H=32` or `--set "x=[1, 2]"`.',
            )
            continue
        value = _value(name, text, problems)
        if value is not None:
            values[name] = value
    return values, problems


def _value(name: str, text: str, problems: Problems) -> Any:
    # Read as a constant's declaration, so that a literal means what it means in a file.
    source = SourceFile("--set", f"const {name} = {text}")
    parsed = parse(source)
    found = elaborate(parsed.value)
    for problem in (*parsed.problems, *found.problems):
        problems.add(problem)
    return found.value.consts.get(name)


def unknown_settings(
    model: Model, given: Mapping[str, Any], problems: Problems, *, option: str = "--set "
) -> None:
    """Report settings that name neither a constant nor an input of the file; `option` stands before them."""
    known = [*model.consts, *model.inputs]
    for name in given:
        if name in known:
            continue
        meant = nearest(name, known)
        problems.error(
            "E0910",
            None,
            f"`{option}{name}=…`: the file has no constant and no input called `{name}`.",
            notes=[f"It has: {', '.join(known)}."] if known else ["It has none."],
            suggestion=f"Did you mean `{meant}`?" if meant else None,
        )
