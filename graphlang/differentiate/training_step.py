"""The stage: a model and its learner joined to the graph of one training step.

Forward, backward and update become one graph, so that the plan sees all of it: the gradients that the update
needs, and nothing else of the backward pass, are computed. What every parameter and state is after the step
are ordinary nodes.
"""

from __future__ import annotations

from graphlang.differentiate.differentiate import differentiate
from graphlang.graph.learner import TrainingStep
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node
from graphlang.ops import registry
from graphlang.ops.build import Builder


def training_step(model: Model) -> TrainingStep:
    """One step of learning as a graph.

    Parameters
    ----------
    model : Model
        Elaborated with `training` true, with a train block that says what is minimised.

    Returns
    -------
    TrainingStep
    """
    spec = model.training
    assert spec is not None and spec.learner is not None and spec.minimize is not None
    learner = spec.learner
    whole = differentiate(model, spec.minimize)
    builder = Builder(whole.sizes)
    for node in whole.nodes:
        builder.reserve(node.path)
    builder.nodes = list(whole.nodes)
    gradients = {path: whole.gradients[path] for path in learner.gradients}
    copy: dict[Node, Node] = {leaf: whole.by_path[path] for path, leaf in learner.weights.items()}
    copy |= {leaf: gradients[path] for path, leaf in learner.gradients.items()}
    for node in learner.nodes:
        if node not in copy:
            copy[node] = _copied(node, copy, builder)
    following = {state.path: value for state, value in whole.updates}
    following |= {path: copy[node] for path, node in learner.next.items()}
    assert whole.of is not None
    return TrainingStep(
        whole,
        learner,
        builder.nodes,
        whole.of,
        gradients,
        following,
        {name: copy[leaf] for name, leaf in learner.clock.items()},
        copy,
    )


def _copied(node: Node, copy: dict[Node, Node], builder: Builder) -> Node:
    if node.op == INPUT or (node.is_leaf and not node.is_const):
        return builder.add(Node(node.path, node.op, (), node.attrs, node.type, node.span, is_named=False))
    if node.is_const and node.span is None:
        return builder.const(node.attrs["value"], node.type.dtype)
    path = builder.unique(node.path)
    if node.is_const:
        return builder.add(Node(path, node.op, (), node.attrs, node.type, node.span))
    return builder.apply(registry.find(node.op), [copy[n] for n in node.inputs], node.attrs, path)
