"""The elaborator's state: where it is, what it has made, and how it reports.

`Context` is passed to every function of this package. A `Frame` is one body being elaborated: the main
graph, or one call of a network or gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphlang.diagnostics import Label, Problems
from graphlang.elaborate.scopes import Env
from graphlang.elaborate.values import BAD, Definition, Instance, excerpt, has_type
from graphlang.graph.model import Column, DataSpec, Expectation, TrainingSpec
from graphlang.graph.node import INPUT, GateRule, Node, Scope
from graphlang.graph.op import Op, RuleError
from graphlang.ops.build import Builder
from graphlang.records import Record, field
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Sizes
from graphlang.types.tensor import shape_text

if TYPE_CHECKING:
    from graphlang.elaborate.modules import Module

# Elaborating a hostile or mistaken file must end: so many iterations of loops in all, statements carried out
# in loops and calls, nodes made there, and calls within calls.
MAX_ITERATIONS = 100_000
MAX_STATEMENTS = 200_000
MAX_NODES = 500_000
MAX_CALL_DEPTH = 200


class Loop(Record, frozen=False):
    """A loop being unrolled: which iteration it is in, and the indices its names have taken."""

    iteration: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    highest: dict[str, int] = field(default_factory=dict)


class Chosen(Record):
    """A train block's `optimizer = adam(lr = 1e-3)`: the definition and what it is given."""

    definition: Definition
    args: list[tuple[str | None, Any, Span]]
    span: Span


class Frame(Record, frozen=False):
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
    # What the call was given, by parameter, and where.
    given: dict[str, tuple[Any, Span]] = field(default_factory=dict)
    # States that this body has updated.
    updated: dict[str, Span] = field(default_factory=dict)
    # Whether the rest of the body is skipped: an assertion failed, or the library was called wrongly.
    is_abandoned: bool = False
    # In an optimizer: the names that may be bound again, `weight` and its states.
    rebindable: dict[str, Node] = field(default_factory=dict)


class Context:
    """Everything that elaborating one file needs and makes."""

    def __init__(self, problems: Problems, *, training: bool, overrides: dict[str, Any]):
        self.problems = problems
        self.training = training
        # Whether the text has asked if it is elaborated for training.
        self.has_asked_training = False
        self.overrides = overrides
        self.sizes = Sizes()
        self.builder = Builder(self.sizes)
        self.main = self.builder
        self.initial = Builder(self.sizes)
        self.frames: list[Frame] = []
        # The calls and iterations that led to the statement at hand: what each is, and where.
        self.trail: list[tuple[str, Span]] = []
        self.iterations = 0
        self.statements = 0
        # Whether a limit was exceeded and nothing more is elaborated.
        self.is_halted = False
        # Whether a call was left out after an error, so that parameters may be missing.
        self.is_incomplete = False
        self._reported: set[tuple[str, str, int, int]] = set()

        self.outputs: list[tuple[Node, Span]] = []
        self.expectations: list[Expectation] = []
        self.metrics: dict[str, Node] = {}
        self.data: dict[str, DataSpec] = {}
        self.training_spec: TrainingSpec | None = None
        # What the train block calls: its optimizer and its schedule.
        self.chosen: dict[str, Chosen] = {}
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
        self.run_body: Callable[[Context, tuple[tree.Statement, ...]], None] = _unset
        self.evaluate: Callable[[Context, tree.Expr], Any] = _unset

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

        A mistake that surfaces inside the standard library is reported at the user's call, once per call. One
        in the body of a loop or of a definition is reported for the first iteration or call that shows it.
        """
        trail, labels, remarks = list(self.trail), list(related), list(notes)
        if span.source.is_std:
            labels = [x for x in labels if not x.span.source.is_std]
            labels.insert(0, Label(span, label or "needed here"))
            remarks += self._given_note()
            while trail and span.source.is_std:
                what, span = trail.pop()
                label = what
            for frame in self.frames:
                frame.is_abandoned |= frame.module.file is None
        if self.trail:
            key = (code, span.source.name, span.start, span.end)
            if key in self._reported:
                return BAD
            self._reported.add(key)
        shown = {x.span for x in labels}
        labels.extend(
            Label(where, what)
            for what, where in reversed(trail)
            if where not in shown and not _covers(where, span)
        )
        self.problems.error(
            code, span, message, label=label, related=labels, notes=remarks, suggestion=suggestion
        )
        return BAD

    def _given_note(self) -> list[str]:
        """What the user gave to the library's definition in whose body an error has surfaced."""
        outermost = None
        for frame in reversed(self.frames):
            if frame.module.file is not None:
                break
            outermost = frame
        if outermost is None or outermost.definition is None:
            return []
        wires = [f"`{n}` {has_type(v)}" for n, (v, _) in outermost.given.items() if isinstance(v, Node)]
        return [f"In this call of `{outermost.definition.name}`, {', '.join(wires)}."] if wires else []

    def rule_error(
        self,
        error: RuleError,
        op: Op,
        span: Span,
        operands: list[tuple[Any, Span]],
        attr_spans: Mapping[str, Span] | None = None,
    ) -> Node:
        """Report what a shape rule refused, naming operands as they are written and where each is from."""
        texts = [excerpt(where) for _, where in operands]
        culprit = _culprit(error, span, operands, attr_spans or {})
        labels: dict[Span, str] = {}
        for (value, where), text in zip(operands, texts, strict=True):
            if isinstance(value, Node) and not value.type.is_poison:
                labels.setdefault(*_origin(value, where, text))
        label = labels.pop(culprit, "")
        suggestion = error.suggestion
        if error.code == "E0403" and suggestion is None and error.operand is not None:
            suggestion = _kind_hint(error, operands[error.operand][0], texts[error.operand])
        self.error(
            error.code,
            culprit,
            _filled(_in_signs(error.message, op), texts),
            label=label,
            related=[Label(where, text) for where, text in labels.items() if where != span],
            # Advice about a line of the library would not help its user.
            notes=[_filled(note, texts) for note in error.notes if not culprit.source.is_std],
            suggestion=_filled(suggestion, texts) if suggestion and not culprit.source.is_std else None,
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


def _unset(*_args: object) -> Any:
    raise AssertionError("the context is not complete")


def _covers(outer: Span, inner: Span) -> bool:
    return outer.source is inner.source and outer.start <= inner.start and inner.end <= outer.end


def _filled(text: str, texts: list[str]) -> str:
    for i, operand in enumerate(texts):
        text = text.replace(f"{{{i}}}", operand)
    return text


_SIGNS = {"logical_not": "not", "logical_and": "and", "logical_or": "or"}


def _in_signs(message: str, op: Op) -> str:
    """The message with an operator as the user wrote it."""
    sign = _SIGNS.get(op.name) or op.infix
    message = message.replace(f"`{op.name}`", f"`{sign}`") if sign else message
    for dtype, entries in _ENTRIES.items():
        message = message.replace(f"is {dtype} (its type", f"holds {entries} (its type")
    return message


_ENTRIES = {"float": "floats", "int": "integers", "bool": "true or false"}


def _culprit(
    error: RuleError, span: Span, operands: list[tuple[Any, Span]], attr_spans: Mapping[str, Span]
) -> Span:
    """Where the caret goes: on the attribute that is at fault, else on the operand, else on the whole."""
    is_axis = error.message.startswith(("There is no axis", "An axis", "Only an axis"))
    named = next((s for n, s in attr_spans.items() if is_axis and n.startswith("ax")), None)
    if named is not None:
        return named
    if attr_spans and (error.operand is None or len(operands) == 1) and error.code != "E0403":
        return next(iter(attr_spans.values()))
    if error.operand is None or error.operand >= len(operands):
        return span
    where = operands[error.operand][1]
    return where if where.source is span.source else span


def _origin(node: Node, where: Span, text: str) -> tuple[Span, str]:
    """Where a wire is from, and what it is."""
    if node.span is None or node.span == where or (node.is_const and not node.is_named):
        return where, f"this {has_type(node)}"
    if node.is_leaf:
        return node.span, f"`{node.path}` is declared here and {has_type(node)}"
    if _covers(node.span, where) or _covers(where, node.span):
        return where, f"`{text}` {has_type(node)}"
    verb = "is computed" if node.path.rsplit(".", 1)[-1].split("[")[0] == text else "comes from"
    return node.span, f"`{text}` {verb} here and {has_type(node)}"


def _kind_hint(error: RuleError, value: Any, text: str) -> str | None:
    if "true/false" in error.message:
        return f"Compare it with something, for example `{text} > 0`."
    if isinstance(value, Node) and value.op == INPUT and value.type.is_float:
        return f"Declare the input as integers: `input {value.path}: int{shape_text(value.shape)}`."
    return None
