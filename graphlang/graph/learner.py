"""Learning as graphs: what an optimizer makes of the parameters, and one whole step of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphlang.graph.node import Node, Scope
from graphlang.records import Record

if TYPE_CHECKING:
    from graphlang.graph.model import Model


class Learner(Record):
    """The graph of one update, made from the optimizer and the schedule: what every parameter becomes.

    A graph of its own, to be joined to that of the model and its gradients
    (`differentiate/training_step.py`). Its leaves stand for what the update is made from.

    Attributes
    ----------
    optimizer : str
        The optimizer's name.
    nodes : list of Node
        In topological order, leaves included.
    weights, gradients : dict of str to Node
        Path of a learned parameter -> the leaf that stands for it, and for the gradient of the objective.
    states : dict of str to Node
        Path of an optimizer's state, `optimizer.v.W`, -> its leaf.
    starts : dict of str to Node
        Path of an optimizer's state -> the node of `Model.initial` that it starts from.
    state_of : dict of str to tuple of str
        Path of a parameter -> the paths of its states, in the order of the optimizer's text.
    clock : dict of str to Node
        The leaves among `step` (from 1), `t` (epochs done before the step), `dt` (length of a step in epochs)
        and `epochs` (of the whole training), all scalars.
    next : dict of str to Node
        Path of a parameter or of an optimizer's state -> its value after the step.
    rate : Node or None
        What the schedule multiplies the learning rate by; None without a schedule.
    factor : Node or None
        What `clip` multiplies every gradient by; None without it.
    seen : dict of str to Node
        Path of a parameter -> the gradient as the optimizer sees it, after clipping.
    """

    optimizer: str
    nodes: list[Node]
    scopes: dict[str, Scope]
    weights: dict[str, Node]
    gradients: dict[str, Node]
    states: dict[str, Node]
    starts: dict[str, Node]
    state_of: dict[str, tuple[str, ...]]
    clock: dict[str, Node]
    next: dict[str, Node]
    rate: Node | None
    factor: Node | None
    seen: dict[str, Node]


class TrainingStep(Record):
    """The graph of one step.

    Attributes
    ----------
    model : Model
        The differentiated model whose nodes come first; elaborated for training.
    learner : Learner
    nodes : list of Node
        Forward, backward and update, in topological order.
    loss : Node
        What is minimised.
    gradients : dict of str to Node
        Path of each learned parameter -> the gradient of the loss.
    next : dict of str to Node
        Path of a parameter, a state of the model or of the optimizer -> its value after the step.
    clock : dict of str to Node
        Leaves that change from step to step; see `Learner`.
    copied : dict of Node to Node
        The learner's nodes -> the nodes of this graph.
    """

    model: Model
    learner: Learner
    nodes: list[Node]
    loss: Node
    gradients: dict[str, Node]
    next: dict[str, Node]
    clock: dict[str, Node]
    copied: dict[Node, Node]
