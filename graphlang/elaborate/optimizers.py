"""Optimizers and schedules: what the train block calls becomes the graph of one update.

An optimizer's body is elaborated once for each parameter that the objective depends on, with `weight`,
`gradient`, `step` and its states as leaves; `weight` and the states may be bound again, and what they are
bound to at the end is what they become. The schedule is a gate of the time, whose result multiplies `lr`.
"""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate import arguments
from graphlang.elaborate.context import Chosen, Context, Frame
from graphlang.elaborate.instances import call_definition
from graphlang.elaborate.leaves import declared_type
from graphlang.elaborate.modules import std
from graphlang.elaborate.parameters import start_node
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.signatures import is_wire_parameter
from graphlang.elaborate.values import BAD, Definition, Several, describe, has_type, is_number
from graphlang.elaborate.wires import as_node
from graphlang.graph.dag import ancestors
from graphlang.graph.learner import Learner
from graphlang.graph.node import INPUT, PARAM, STATE, Node
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.records import Record, field, replace
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.tensor import DType, TensorType

# What a schedule may take, and the optimizer's parameter that it multiplies.
TIMES = ("t", "dt", "epochs")
RATE = "lr"
STEP = "step"
# What a log calls the objective.
LOSS = "loss"


class _Update(Record, frozen=False):
    """The update under construction."""

    builder: Builder
    weights: dict[str, Node] = field(default_factory=dict)
    gradients: dict[str, Node] = field(default_factory=dict)
    states: dict[str, Node] = field(default_factory=dict)
    starts: dict[str, Node] = field(default_factory=dict)
    state_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    clock: dict[str, Node] = field(default_factory=dict)
    next: dict[str, Node] = field(default_factory=dict)
    seen: dict[str, Node] = field(default_factory=dict)

    def leaf(self, path: str, kind: TensorType, span: Span | None = None) -> Node:
        """A leaf that stands for something outside."""
        return self.builder.add(Node(path, INPUT, (), {}, kind, span))

    def time(self, name: str) -> Node:
        """A scalar that changes from step to step."""
        if name not in self.clock:
            dtype = DType.INT if name == STEP else DType.FLOAT
            self.clock[name] = self.leaf(f"${name}", TensorType(dtype, ()))
        return self.clock[name]


def choose_learner(ctx: Context) -> None:
    """Elaborate the update that the train block asks for, once the main graph is complete."""
    spec = ctx.training_spec
    if spec is None or spec.minimize is None or ctx.is_incomplete:
        return
    metric = ctx.metrics.get(LOSS)
    if metric is not None and metric is not spec.minimize:
        ctx.error(
            "E0608",
            spec.span,
            f"A training run calls what it minimises `{LOSS}`, but here that is another metric.",
            related=[Label(metric.span, "the metric")] if metric.span else [],
            suggestion="Call the metric something else.",
        )
    if "optimizer" not in spec.settings:
        ctx.chosen["optimizer"] = Chosen(std().find("sgd"), [], spec.span)
    optimizer = ctx.chosen.get("optimizer")
    if optimizer is None:
        return  # It is wrong, as has been reported.
    needed = ancestors([spec.minimize])
    learned = [n for n in ctx.main.nodes if n.op == PARAM and n in needed and not n.type.is_poison]
    before = ctx.builder
    update = _Update(Builder(ctx.sizes))
    ctx.builder = update.builder
    for node in learned:
        update.weights[node.path] = update.leaf(f"$weight.{node.path}", node.type, node.span)
        update.gradients[node.path] = update.leaf(f"$gradient.{node.path}", node.type, node.span)
    rate = _rate(ctx, update)
    factor = _clip_factor(ctx, update, spec.settings.get("clip"))
    is_good = rate is not BAD and all(_update_one(ctx, update, optimizer, n, rate, factor) for n in learned)
    ctx.builder = before
    if is_good:
        ctx.training_spec = replace(spec, learner=_learner(update, optimizer, rate, factor))


def _learner(update: _Update, optimizer: Chosen, rate: Node | None, factor: Node | None) -> Learner:
    return Learner(
        optimizer.definition.name,
        update.builder.nodes,
        update.builder.scopes,
        update.weights,
        update.gradients,
        update.states,
        update.starts,
        update.state_of,
        update.clock,
        update.next,
        rate,
        factor,
        update.seen,
    )


# --- the schedule ---------------------------------------------------------------------------------


def _rate(ctx: Context, update: _Update) -> Any:
    """What multiplies the learning rate: None without a schedule, `BAD` after an error."""
    chosen = ctx.chosen.get("schedule")
    if chosen is None:
        return None
    wires = [p for p in chosen.definition.syntax.parameters if is_wire_parameter(p)]
    for parameter in wires:
        if parameter.name.text not in TIMES:
            return ctx.error(
                "E0609",
                chosen.span,
                f"`{chosen.definition.name}` cannot be a schedule: it wants a wire `{parameter.name.text}`.",
                related=[Label(parameter.span, "declared here")],
                notes=["A schedule is a gate of the time; its wires are among `t`, `dt` and `epochs`."],
            )
    times = [(p.name.text, update.time(p.name.text), chosen.span) for p in wires]
    value = call_definition(ctx, chosen.definition, [*times, *_named(chosen)], chosen.span)
    if value is BAD or isinstance(value, Several):
        return value if value is BAD else _no_factor(ctx, chosen, describe(value))
    node = as_node(ctx, value, chosen.span)
    if node.shape != () or node.type.is_poison:
        return BAD if node.type.is_poison else _no_factor(ctx, chosen, f"a wire that {has_type(node)}")
    return ctx.builder.cast(node, DType.FLOAT)


def _named(chosen: Chosen) -> arguments.Args:
    """What a schedule is given: without names, its settings in order, since the times are given already."""
    parameters = chosen.definition.syntax.parameters
    settings = iter([p.name.text for p in parameters if not is_wire_parameter(p)])
    return [(name or next(settings, None), value, span) for name, value, span in chosen.args]


def _no_factor(ctx: Context, chosen: Chosen, found: str) -> Any:
    return ctx.error(
        "E0609",
        chosen.span,
        f"A schedule gives the number that multiplies the learning rate, but `{chosen.definition.name}` gives"
        f" {found}.",
    )


def _clip_factor(ctx: Context, update: _Update, limit: Any) -> Node | None:
    """What multiplies every gradient so that their norm is at most `limit`."""
    if limit is None or not update.gradients:
        return None
    definition = std().find("clip_factor")
    span = ctx.training_spec.span if ctx.training_spec else definition.syntax.span
    args: arguments.Args = [(None, tuple(update.gradients.values()), span), (None, float(limit), span)]
    value = call_definition(ctx, definition, args, span)
    return value if isinstance(value, Node) else None


# --- the optimizer --------------------------------------------------------------------------------


def _update_one(
    ctx: Context, update: _Update, optimizer: Chosen, node: Node, rate: Node | None, factor: Node | None
) -> bool:
    """Elaborate the optimizer's body for one parameter; False after an error."""
    definition = optimizer.definition
    definition.is_used = True
    weight, gradient = update.weights[node.path], update.gradients[node.path]
    ctx.builder.prefix = f"update.{node.path}"
    if factor is not None:
        path = ctx.builder.child("gradient")
        gradient = ctx.builder.apply(registry.find("mul"), (gradient, factor), {}, path)
    update.seen[node.path] = gradient
    frame = Frame("optimizer", definition.module, Env(), ctx.builder.prefix, definition=definition)
    frame.rebindable = {"weight": weight}
    frame.env.names = {
        "weight": Binding(weight, None),
        "gradient": Binding(gradient, None),
        STEP: Binding(update.time(STEP), None),
    }
    errors = len(ctx.problems.errors)
    with ctx.within(f"in this use of `{definition.name}`", optimizer.span):
        if not _bind_settings(ctx, frame, optimizer, rate):
            return False
        ctx.frames.append(frame)
        ctx.run_body(ctx, definition.syntax.body)  # type: ignore[union-attr]
        if len(ctx.problems.errors) == errors:
            _take_results(ctx, update, frame, node)
        ctx.frames.pop()
    return len(ctx.problems.errors) == errors and not frame.is_abandoned


def _bind_settings(ctx: Context, frame: Frame, optimizer: Chosen, rate: Node | None) -> bool:
    """Bind the optimizer's parameters; the learning rate becomes a wire if there is a schedule."""
    definition, span = optimizer.definition, optimizer.span
    name, parameters = definition.name, definition.syntax.parameters
    given = arguments.match(ctx, definition, parameters, optimizer.args, span)
    if given is None:
        return False
    if rate is not None and RATE not in given:
        ctx.error(
            "E0609",
            ctx.chosen["schedule"].span,
            f"A schedule multiplies the learning rate `lr`, but the optimizer `{definition.name}` has none.",
            related=[Label(definition.syntax.name.span, "defined here")],
            suggestion=f"Declare it: `optimizer {definition.name}(lr: float = 0.01, …)`.",
        )
        return False
    for parameter in parameters:
        value, where = given[parameter.name.text]
        if is_wire_parameter(parameter):
            wire = parameter.name.text
            ctx.error(
                "E0609",
                parameter.span,
                f"`{wire}` of the optimizer `{name}` must be known at compile time.",
                suggestion="Leave it out: `weight`, `gradient` and `step` are there by themselves."
                if wire in frame.env.names
                else f"Declare it as a number: `{wire}: float = …`.",
            )
            return False
        if not arguments.bind_constant(ctx, frame, definition, parameter, value, where):
            return False
        if parameter.name.text == RATE and rate is not None:
            if not is_number(value):
                return _no_rate(ctx, definition, parameter, value)
            scaled = ctx.builder.apply(
                registry.find("mul"), (rate, float(value)), {}, ctx.builder.child(RATE)
            )
            frame.env.names[RATE] = Binding(scaled, where)
    return True


def _no_rate(ctx: Context, definition: Definition, parameter: tree.Parameter, value: Any) -> bool:
    ctx.error(
        "E0609",
        parameter.span,
        f"A schedule multiplies the learning rate, but `{RATE}` of the optimizer `{definition.name}` is"
        f" {describe(value)}.",
        suggestion=f"Declare it as a number: `{RATE}: float = 0.01`.",
    )
    return False


def declare_state(ctx: Context, statement: tree.State) -> None:
    """`state v = 0` in an optimizer: one for the parameter at hand, of its shape unless it says otherwise."""
    frame, name = ctx.frame, statement.name.text
    weight = frame.rebindable["weight"]
    kind = declared_type(ctx, statement.type, may_be_free=False) if statement.type else weight.type
    if kind is None:
        return
    path = f"optimizer.{name}.{weight.path.removeprefix('$weight.')}"
    if name in frame.rebindable or name in ("gradient", STEP):
        earlier = frame.env.names[name].span
        ctx.error(
            "E0304",
            statement.name.span,
            f"`{name}` is known in an optimizer already.",
            related=[Label(earlier, "first bound here")] if earlier else [],
            suggestion="Call the state something else.",
        )
        return
    start = start_node(ctx, statement, kind, path)
    if start is None:
        frame.env.names[name] = Binding(BAD, statement.name.span)
        return
    leaf = Node(path, STATE, (), {}, kind, statement.span, is_named=True, doc=statement.doc)
    ctx.builder.add(leaf)
    frame.rebindable[name] = leaf
    frame.env.names[name] = Binding(leaf, statement.name.span)
    frame.given[name] = (start, statement.span)


def _take_results(ctx: Context, update: _Update, frame: Frame, node: Node) -> None:
    """What `weight` and the states are bound to when the body ends is what they become."""
    definition = frame.definition
    assert definition is not None
    states = [name for name in frame.rebindable if name != "weight"]
    for name, leaf in frame.rebindable.items():
        binding = frame.env.names[name]
        value = binding.value
        if name == "weight" and value is leaf:
            ctx.problems.error(
                "E0609",
                definition.syntax.name.span,
                f"The optimizer `{definition.name}` never changes `weight`.",
                suggestion="Bind it anew: `weight = weight - lr * gradient`.",
            )
            return
        if not isinstance(value, Node) or value.type.is_poison:
            return
        if not _keeps_type(ctx, definition, name, leaf, value, binding.span):
            return
        update.next[node.path if name == "weight" else leaf.path] = ctx.builder.cast(value, leaf.type.dtype)
    for name in states:
        leaf = frame.rebindable[name]
        update.states[leaf.path] = leaf
        update.starts[leaf.path] = frame.given[name][0]
    update.state_of[node.path] = tuple(frame.rebindable[name].path for name in states)


def _keeps_type(
    ctx: Context, definition: Definition, name: str, leaf: Node, value: Node, span: Span | None
) -> bool:
    if value.shape == leaf.shape and (value.type.dtype is leaf.type.dtype or leaf.type.is_float):
        return True
    ctx.error(
        "E0609",
        span or definition.syntax.name.span,
        f"`{name}` {has_type(leaf)}, but the optimizer `{definition.name}` makes of it something that"
        f" {has_type(value)}.",
        suggestion="What a parameter or a state becomes has the type that it had.",
    )
    return False
