"""The stage: a model with its backward pass.

Works out the `grad(f, x)` nodes that the file wrote, in order, so that a derivative may be used in later
expressions and differentiated again; then, if a scalar is given, its gradient with respect to every named
float node. The model that came in is not changed.
"""

from __future__ import annotations

from graphlang.differentiate.backward import Sweeper
from graphlang.graph.model import Expectation, Model, TrainingSpec
from graphlang.graph.node import GRAD, GateRule, Node, Scope
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.records import replace
from graphlang.types.dims import Sizes


def differentiate(model: Model, of: Node | None = None) -> Model:
    """The model with every derivative as ordinary nodes.

    Parameters
    ----------
    model : Model
    of : Node or None
        The scalar whose gradients are wanted; None leaves `gradients` empty.

    Returns
    -------
    Model
        `gradients` maps the path of each named float node to the node of d(of)/d(node), zeros where it has
        no influence; `of` is the new graph's node for the scalar.
    """
    sizes = model.sizes
    builder = Builder(Sizes(dict(sizes.defaults), dict(sizes.declared), list(sizes.constraints)))
    builder.scopes = dict(model.scopes)
    for node in model.nodes:
        builder.reserve(node.path)
    copy: dict[Node, Node] = {}
    rules = _Rules(model.gate_rules)
    sweeper = Sweeper(builder, [])
    for node in model.nodes:
        copy[node] = _derivative(node, copy, sweeper) if node.op == GRAD else _copied(node, copy, builder)
        rules.enter(node, copy, sweeper)
    result = _rebuilt(model, builder, copy, rules.copied)
    if of is not None:
        result.of = copy[of]
        result.gradients = _gradients(model, copy, sweeper, result.of)
        result.parts = {(u.path, i): part for (u, i), part in sweeper.parts[result.of].items()}
    return result


def _gradients(model: Model, copy: dict[Node, Node], sweeper: Sweeper, of: Node) -> dict[str, Node]:
    """d(of)/d(node) for every float node of the graph itself; unnamed ones only where they matter."""
    reached = sweeper.gradients(of)
    found: dict[str, Node] = {}
    for original in model.nodes:
        node = copy[original]
        if not original.type.is_float or model.is_check(original):
            continue
        if node in reached and (original.op != GRAD or original.is_named):
            found[node.path] = reached[node]
        elif original.is_named:
            found[node.path] = sweeper.zeros(of, node)
    return found


class _Rules:
    """Gate rules moved to the new graph, each as soon as all its results are there."""

    def __init__(self, rules: list[GateRule]):
        self.waiting = {rule.outputs[-1]: rule for rule in rules}
        for rule in rules:
            for output in rule.outputs:
                self.waiting[output] = rule
        self.copied: list[GateRule] = []

    def enter(self, node: Node, copy: dict[Node, Node], sweeper: Sweeper) -> None:
        rule = self.waiting.get(node)
        if rule is None or any(o not in copy for o in rule.outputs):
            return
        moved = replace(
            rule,
            operands=tuple(copy[n] for n in rule.operands),
            outputs=tuple(copy[n] for n in rule.outputs),
            stand_ins={copy[real]: stand for real, stand in rule.stand_ins.items()},
            grad_stand_ins={copy[real]: stand for real, stand in rule.grad_stand_ins.items()},
        )
        self.copied.append(moved)
        for output in moved.outputs:
            sweeper.rule_of[output] = moved


def _copied(node: Node, copy: dict[Node, Node], builder: Builder) -> Node:
    if node.is_const and node.span is None:
        # The numbers written in formulas are shared with those that derivatives bring in.
        return builder.const(node.attrs["value"], node.type.dtype)
    fresh = Node(
        node.path,
        node.op,
        tuple([copy[n] for n in node.inputs]),
        node.attrs,
        node.type,
        node.span,
        node.scope,
        node.is_named,
        node.doc,
    )
    builder.nodes.append(fresh)
    return fresh


def _derivative(node: Node, copy: dict[Node, Node], sweeper: Sweeper) -> Node:
    """The node for `grad(f, x)`: under its own name if the file gives it one."""
    builder = sweeper.builder
    f, x = (copy[n] for n in node.inputs)
    found = sweeper.gradient(f, x)
    if not node.is_named:
        return found
    fresh = builder.apply(registry.find("identity"), (found,), {}, node.path)
    fresh.span, fresh.scope, fresh.is_named, fresh.doc = node.span, node.scope, True, node.doc
    return fresh


def _rebuilt(model: Model, builder: Builder, copy: dict[Node, Node], rules: list[GateRule]) -> Model:
    """The model's other parts, pointing into the new graph."""
    training = model.training
    if isinstance(training, TrainingSpec) and training.minimize is not None:
        training = replace(training, minimize=copy[training.minimize])
    return replace(
        model,
        nodes=builder.nodes,
        scopes={path: _moved(scope, copy) for path, scope in builder.scopes.items()},
        outputs=[copy[n] for n in model.outputs],
        expectations=[_expectation(e, copy) for e in model.expectations],
        metrics={name: copy[n] for name, n in model.metrics.items()},
        training=training,
        updates=[(copy[a], copy[b]) for a, b in model.updates],
        gate_rules=rules,
        sizes=builder.sizes,
        aliases={name: copy[n] for name, n in model.aliases.items()},
    )


def _moved(scope: Scope, copy: dict[Node, Node]) -> Scope:
    return replace(
        scope,
        inputs=[copy[n] for n in scope.inputs if n in copy],
        outputs=[copy[n] for n in scope.outputs if n in copy],
    )


def _expectation(e: Expectation, copy: dict[Node, Node]) -> Expectation:
    left = copy[e.left] if isinstance(e.left, Node) else e.left
    right = copy[e.right] if isinstance(e.right, Node) else e.right
    return replace(e, left=left, right=right)
