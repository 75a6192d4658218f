"""Diagnostics are values: a stage collects them in `Problems` and goes on.

Nothing below the API edge raises for a mistake in a file. A stage returns an `Outcome`: its value as far as
it could be made, and the problems met. `GraphlangError` carries the problems to callers of the Python API.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Generic, TypedDict, TypeVar, Unpack

from graphlang.records import Record, field
from graphlang.source import Span

T = TypeVar("T")


class Severity(StrEnum):
    """How bad it is: an error stops the work after the stage, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Label(Record):
    """A place and what is to be said there: lower case, no full stop."""

    span: Span
    text: str = ""


class Diagnostic(Record):
    """One message about a file.

    Attributes
    ----------
    code : str
        Entry of the catalogue, for example `E0301`.
    message : str
        What is wrong, in the user's words: a full sentence.
    primary : Label or None
        Where; None only when no file is at fault (a missing file, a bad option value).
    related : tuple of Label
        Other places that matter: the earlier declaration, the call that led here.
    notes : tuple of str
        Facts that help, a sentence each.
    suggestion : str or None
        What to do about it.
    """

    code: str
    severity: Severity
    message: str
    primary: Label | None = None
    related: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    suggestion: str | None = None

    @property
    def span(self) -> Span | None:
        """Where the mistake is."""
        return self.primary.span if self.primary else None


class Parts(TypedDict, total=False):
    """What a diagnostic may have beside its message: see `Diagnostic`. `label` stands under the caret."""

    label: str
    related: Iterable[Label]
    notes: Iterable[str]
    suggestion: str | None


class Problems(Record, frozen=False):
    """Collects the diagnostics of a run, in the order in which they are found."""

    found: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def error(self, code: str, span: Span | None, message: str, **parts: Unpack[Parts]) -> None:
        """Record an error; the same message at the same place is recorded once."""
        self._add(Severity.ERROR, code, span, message, parts)

    def warning(self, code: str, span: Span | None, message: str, **parts: Unpack[Parts]) -> None:
        """Record a warning."""
        self._add(Severity.WARNING, code, span, message, parts)

    def _add(self, severity: Severity, code: str, span: Span | None, message: str, parts: Parts) -> None:
        key = (code, message, span and (span.source.name, span.start))
        if key in self._seen:
            return
        self._seen.add(key)
        self.found.append(
            Diagnostic(
                code,
                severity,
                message,
                Label(span, parts.get("label", "")) if span else None,
                tuple(parts.get("related", ())),
                tuple(parts.get("notes", ())),
                parts.get("suggestion"),
            )
        )

    def add(self, diagnostic: Diagnostic) -> None:
        """Record a diagnostic made elsewhere."""
        self.found.append(diagnostic)

    def sorted(self) -> list[Diagnostic]:
        """All of them in the order of the text, those without a place first."""
        return sorted(self.found, key=lambda d: d.span.start if d.span else -1)

    @property
    def errors(self) -> list[Diagnostic]:
        """The errors alone, in the order of the text."""
        return [d for d in self.sorted() if d.severity is Severity.ERROR]

    @property
    def has_errors(self) -> bool:
        """Whether any error was found."""
        return any(d.severity is Severity.ERROR for d in self.found)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.sorted())

    def __len__(self) -> int:
        return len(self.found)


class Outcome(Record, Generic[T]):
    """What a stage made and what it had to say. `value` may be partial when there are errors."""

    value: T
    problems: Problems

    @property
    def ok(self) -> bool:
        """Whether the value can be relied on."""
        return not self.problems.has_errors


class GraphlangError(Exception):
    """Raised at the API's edge; `diagnostics` holds every problem, `str()` the rendered text."""

    def __init__(self, problems: Problems | Iterable[Diagnostic]):
        self.diagnostics: list[Diagnostic] = list(problems)
        super().__init__()

    def __str__(self) -> str:
        from graphlang.diagnostics.render import render_all

        return "\n" + render_all(self.diagnostics, color=False)
