"""The elaborator's state: where it is, what it has made, and how it reports.

`Context` is passed to every function of this package. A `Frame` is one body being elaborated: the main
graph, or one call of a network or gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphlang.diagnostics import Label, Problems
from graphlang.elaborate.scopes import Env
from graphlang.elaborate.values import BAD, Definition, Instance
from graphlang.graph.model import Column, DataSpec, Expectation, TrainingSpec
from graphlang.graph.node import GateRule, Node, Scope
from graphlang.graph.op import RuleError
from graphlang.ops.build import Builder
from graphlang.source import Span
from graphlang.types.dims import Sizes

if TYPE_CHECKING:
    from graphlang.elaborate.modules import Module

# Elaborating a hostile or mistaken file must end: so many loop iterations and nested calls at most.
MAX_ITERATIONS = 1_000_000
MAX_CALL_DEPTH = 200


@dataclass(slots=True)
class Loop:
    """A loop being unrolled: which iteration it is in, and the indices its names have taken."""

    iteration: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Frame:
    """One body being elaborated.

    `node_prefix` is the path of the call, `param_prefix` that of the instance which owns its parameters:
    they differ in the calls of a named layer.
    """

    kind: str
    module: Module
    env: Env
    node_prefix: str = ""
    param_prefix: str = ""
    definition: Definition | None = None
    instance: Instance | None = None
    # The loops around the statement at hand, outermost first: their iterations name nodes `h[2][1]`.
    loops: list[Loop] = field(default_factory=list)
    # How many indices earlier loops have used for a name, so that a second loop goes on counting.
    used_indices: dict[str, int] = field(default_factory=dict)
    gradients: dict[str, tuple[Node, Span]] | None = None


class Context:
    """Everything that elaborating one file needs and makes."""

    def __init__(self, problems: Problems, *, training: bool, overrides: dict[str, Any]):
        self.problems = problems
        self.training = training
        self.overrides = overrides
        self.sizes = Sizes()
        self.builder = Builder(self.sizes)
        self.main = self.builder
        self.initial = Builder(self.sizes)
        self.frames: list[Frame] = []
        # The calls and iterations that led to the statement at hand: what each is, and where.
        self.trail: list[tuple[str, Span]] = []
        self.iterations = 0

        self.outputs: list[tuple[Node, Span]] = []
        self.expectations: list[Expectation] = []
        self.metrics: dict[str, Node] = {}
        self.data: dict[str, DataSpec] = {}
        self.training_spec: TrainingSpec | None = None
        self.initial_of: dict[str, Node] = {}
        self.updates: list[tuple[Node, Node]] = []
        self.gate_rules: list[GateRule] = []
        self.aliases: dict[str, Node] = {}
        self.consts: dict[str, Any] = {}
        self.leaves: dict[str, Node] = {}
        self.param_queries: list[tuple[str, int, Span]] = []
        self.grad_spans: list[tuple[Node, Span, Span]] = []
        self.columns: list[Column] = []

        # Set while a parameter's start is elaborated: its path and shape.
        self.init_target: tuple[str, tuple[Any, ...]] | None = None
        # Set while a backward block is elaborated: main node -> its stand-in in the template.
        self.stand_ins: dict[Node, Node] | None = None
        self.grad_stand_ins: dict[Node, Node] = {}
        self._template_seen: tuple[Builder, int, set[Node]] | None = None
        # Filled in by elaborate.py; expressions, calls and statements need one another.
        self.run_body: Callable[..., None] = _unset

    @property
    def frame(self) -> Frame:
        """The body at hand."""
        return self.frames[-1]

    @property
    def env(self) -> Env:
        """The names in scope."""
        return self.frames[-1].env

    def template_nodes(self) -> set[Node]:
        """The nodes of the template being built, kept up to date as it grows."""
        if self._template_seen is None or self._template_seen[0] is not self.builder:
            self._template_seen = (self.builder, 0, set())
        builder, count, seen = self._template_seen
        seen.update(builder.nodes[count:])
        self._template_seen = (builder, len(builder.nodes), seen)
        return seen

    # --- reports -------------------------------------------------------------------------------

    def error(
        self,
        code: str,
        span: Span,
        message: str,
        *,
        label: str = "",
        related: Iterable[Label] = (),
        notes: Iterable[str] = (),
        suggestion: str | None = None,
    ) -> Any:
        """Report an error, with the chain of calls that led to it; returns the value that silences others.

        A mistake that surfaces inside the standard library is reported at the user's call.
        """
        labels = list(related)
        trail = list(self.trail)
        if span.source.is_std:
            labels.insert(0, Label(span, label or "needed here"))
            while trail and span.source.is_std:
                what, span = trail.pop()
                label = what
        labels.extend(Label(where, what) for what, where in reversed(trail))
        self.problems.error(
            code, span, message, label=label, related=labels, notes=notes, suggestion=suggestion
        )
        return BAD

    def rule_error(self, error: RuleError, span: Span, operands: list[tuple[Any, Span]]) -> Node:
        """Report what a shape rule refused, naming the operands as they are written."""
        texts = [_short(where) for _, where in operands]
        message = error.message
        for i, text in enumerate(texts):
            message = message.replace(f"{{{i}}}", text)
        labels = []
        for (value, where), text in zip(operands, texts, strict=True):
            if not isinstance(value, Node) or value.type.is_poison:
                continue
            labels.append(Label(where, f"`{text}` has type {value.type}"))
            if value.span and value.span != where and value.is_leaf:
                labels.append(Label(value.span, f"`{value.path}` is declared here"))
        culprit = span
        if error.operand is not None and error.operand < len(operands):
            culprit = operands[error.operand][1]
        shapes = _types_note(operands, texts)
        self.error(
            error.code,
            culprit if culprit.source is span.source and culprit.line == span.line else span,
            message,
            related=[label for label in labels if label.span != culprit],
            notes=(*shapes, *error.notes),
            suggestion=error.suggestion,
        )
        return self.builder.poison()

    @contextmanager
    def within(self, what: str, span: Span) -> Iterator[None]:
        """Note that what follows was led to by `what` at `span`."""
        self.trail.append((what, span))
        try:
            yield
        finally:
            self.trail.pop()

    @contextmanager
    def box(self, scope: Scope) -> Iterator[Scope]:
        """Put the nodes made inside into a box."""
        before = self.builder.scope
        self.builder.scopes[scope.path] = scope
        self.builder.scope = scope.path
        try:
            yield scope
        finally:
            self.builder.scope = before


def _unset(*_args: object) -> None:
    raise AssertionError("the context is not complete")


def _short(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "…"


def _types_note(operands: list[tuple[Any, Span]], texts: list[str]) -> tuple[str, ...]:
    parts = [
        f"`{text}` is {value.type if value.type.shape or value.type.dtype != 'float' else 'a scalar'}"
        for (value, _), text in zip(operands, texts, strict=True)
        if isinstance(value, Node) and not value.type.is_poison
    ]
    return (", ".join(parts) + ".",) if parts else ()
