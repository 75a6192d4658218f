"""Hand-written backward passes: a gate's `backward` block becomes a small graph of its own.

The template refers to the gate's operands, results and body nodes through stand-ins, and to the gradients
that arrive at its results through others. `differentiate` puts a copy of it wherever a gradient
passes the gate.
"""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.scopes import Env
from graphlang.elaborate.signatures import is_wire_parameter
from graphlang.elaborate.values import BAD, Definition, has_type
from graphlang.elaborate.wires import apply, as_node, stand_in, wire
from graphlang.graph.node import GateRule, Node, Scope
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.tensor import DType


def gate_rule(
    ctx: Context,
    definition: Definition,
    backward: tree.Backward,
    values: list[Any],
    scope: Scope,
    span: Span,
) -> list[Any]:
    """Elaborate a backward block; returns the gate's results, each a node of its own."""
    syntax = definition.syntax
    assert isinstance(syntax, tree.Gate)
    outputs = [_own(ctx, value, scope, span) for value in values]
    operands = [
        (p.name.text, b.value)
        for p in syntax.parameters
        if (b := ctx.env.names.get(p.name.text)) is not None and isinstance(b.value, Node)
    ]
    for ident, node in zip(syntax.results, outputs, strict=True):
        ctx.env.names[ident.text].value = node
    outer = (ctx.builder, ctx.stand_ins, ctx.grad_stand_ins)
    template = Builder(ctx.sizes)
    template.prefix = "$"
    ctx.builder, ctx.stand_ins, ctx.grad_stand_ins = template, {}, {}
    frame = Frame("backward", definition.module, Env(ctx.env), definition=definition, gradients={})
    ctx.frames.append(frame)
    for ident, node in zip(syntax.results, outputs, strict=True):
        arriving = template.add(Node(f"$grad.{ident.text}", "input", (), {}, node.type, node.span))
        ctx.grad_stand_ins[node] = arriving
    ctx.run_body(ctx, backward.body)
    ctx.frames.pop()
    gradients = None if frame.is_abandoned else _checked(ctx, definition, backward, operands, frame)
    stand_ins, grads = ctx.stand_ins, ctx.grad_stand_ins
    ctx.builder, ctx.stand_ins, ctx.grad_stand_ins = outer
    if gradients is not None:
        ctx.gate_rules.append(
            GateRule(
                scope.path,
                definition.name,
                backward.span,
                tuple(node for _, node in operands),
                tuple(name for name, _ in operands),
                tuple(outputs),
                tuple(ident.text for ident in syntax.results),
                template.nodes,
                stand_ins,
                grads,
                gradients,
            )
        )
    return list(outputs)


def _own(ctx: Context, value: Any, scope: Scope, span: Span) -> Node:
    """A result that is a node of this gate: one that merely passes an operand on gets a node of its own."""
    node = as_node(ctx, value, span)
    if node.scope == scope.path and not node.is_leaf:
        return node
    return apply(ctx, registry.find("identity"), [(node, span)], {}, span)


def _checked(
    ctx: Context,
    definition: Definition,
    backward: tree.Backward,
    operands: list[tuple[str, Node]],
    frame: Frame,
) -> dict[int, Node] | None:
    assert frame.gradients is not None
    gradients: dict[int, Node] = {}
    fits = True
    for position, (name, operand) in enumerate(operands):
        if not operand.type.is_float:
            continue
        if name not in frame.gradients:
            if any(isinstance(s, tree.ErrorStatement) for s in tree.walk(backward)):
                fits = False
                continue
            parameter = next(p for p in definition.syntax.parameters if p.name.text == name)
            ctx.problems.error(
                "E0706",
                _head(backward),
                f"The backward block of `{definition.name}` says nothing about `grad({name})`.",
                label=f"`grad({name}) = …` is missing",
                related=[Label(parameter.span, f"`{name}` is a parameter of the gate")],
                suggestion=f"Add `grad({name}) = …`; if no gradient flows there, `grad({name}) = 0`.",
            )
            fits = False
            continue
        node, where = frame.gradients[name]
        if node.type.is_poison:
            fits = False
        elif not _fits(ctx, node, operand):
            node = _stretched(ctx, name, node, operand, where)
            fits = fits and not node.type.is_poison
        gradients[position] = node
    return gradients if fits else None


def _fits(ctx: Context, gradient: Node, operand: Node) -> bool:
    """Whether a gradient has its operand's shape, always or for the default data."""
    pairs = zip(gradient.shape, operand.shape, strict=False)
    return len(gradient.shape) == len(operand.shape) and all(ctx.sizes.equal(a, b) for a, b in pairs)


def _head(backward: tree.Backward) -> Span:
    """The word `backward`."""
    span = backward.span
    return Span(span.source, span.start, span.start + len("backward"))


def _stretched(ctx: Context, name: str, node: Node, operand: Node, where: Span) -> Node:
    """A scalar gradient may stand for a whole tensor's; anything else must have the operand's shape."""
    if node.shape == ():
        return apply(ctx, registry.find("broadcast"), [(node, where)], {"shape": operand.shape}, where)
    ctx.error(
        "E0707",
        where,
        f"The gradient of `{name}` must have the shape of `{name}`, {operand.type}, but this has shape"
        f" {node.type}.",
        label=f"this {has_type(node)}",
        related=[Label(operand.span, f"`{name}` was given here and {has_type(operand)}")]
        if operand.span and not operand.span.source.is_std
        else [],
        suggestion="Sum over the axes along which the operand was broadcast.",
    )
    return ctx.builder.poison()


def bind_gradient(ctx: Context, statement: tree.GradBind) -> None:
    """`grad(x) = …` inside a backward block."""
    gradients = ctx.frame.gradients
    name = statement.name
    if gradients is None:
        return  # The parser has reported it.
    definition = ctx.frame.definition
    assert definition is not None and isinstance(definition.syntax, tree.Gate)
    names = [p.name.text for p in definition.syntax.parameters]
    if name.text not in names:
        ctx.error(
            "E0705",
            name.span,
            f"`{name.text}` is not a parameter of the gate `{definition.name}`.",
            notes=[f"Its parameters are {', '.join(names)}."],
        )
        return
    if not is_wire_parameter(next(p for p in definition.syntax.parameters if p.name.text == name.text)):
        ctx.error(
            "E0705",
            name.span,
            f"`{name.text}` is known at compile time, so it has no gradient.",
            suggestion="Remove this line.",
        )
        return
    if name.text in gradients:
        ctx.error(
            "E0304",
            name.span,
            f"`grad({name.text})` is given twice.",
            related=[Label(gradients[name.text][1], "first given here")],
        )
        return
    node = wire(ctx, statement.value)
    if not node.type.is_poison:
        node = ctx.builder.cast(stand_in(ctx, node), DType.FLOAT)
    gradients[name.text] = (node, statement.value.span)


def arriving(ctx: Context, value: Any, where: Span) -> Any:
    """`grad(y)` inside a backward block: the gradient that arrives at a result."""
    found = ctx.grad_stand_ins.get(value) if isinstance(value, Node) else None
    if found is not None:
        return found
    definition = ctx.frame.definition
    results = [r.text for r in definition.syntax.results] if definition else []  # type: ignore[union-attr]
    ctx.error(
        "E0705",
        where,
        f"`grad({where.text})` is known only for the gate's results.",
        notes=[
            f"In a backward block, `grad({results[0] if results else 'y'})` is what arrives at the result."
        ],
        suggestion=f"The results are: {', '.join(results)}." if results else None,
    )
    return BAD
