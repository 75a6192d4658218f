"""Mistakes in definitions that no call brings to light: unknown names, and definitions that call themselves.

Bodies of gates and networks are elaborated when they are called. Those that are never called are read here
for names that nothing binds, so that a file is told about all its mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from graphlang.diagnostics import Label
from graphlang.elaborate.context import Context, Frame
from graphlang.elaborate.modules import Module
from graphlang.elaborate.names import BUILTINS
from graphlang.elaborate.scopes import Binding, Env
from graphlang.elaborate.unknown import unknown_name
from graphlang.elaborate.values import BAD, Definition
from graphlang.ops import registry
from graphlang.syntax import tree

# Known inside initialisers and optimizers.
_IMPLICIT = {"init": ("fan_in", "fan_out"), "optimizer": ("weight", "gradient", "step", "rate")}


def check_cycles(ctx: Context, module: Module) -> None:
    """Report definitions that call one another in a circle, once per circle."""
    uses = {d.name: _definitions_used(d, module) for d in module.definitions()}
    if not _has_cycle(uses):
        return
    import networkx as nx  # takes longer to import than most files to compile

    graph = nx.DiGraph([(name, used) for name, found in uses.items() for used in found])
    for component in nx.strongly_connected_components(graph):
        cyclic = [n for n in uses if n in component]
        if len(cyclic) < 2 and not graph.has_edge(cyclic[0], cyclic[0]):
            continue
        _report_cycle(ctx, module, cyclic, uses)


def _has_cycle(uses: Mapping[str, Iterable[str]]) -> bool:
    try:
        TopologicalSorter(uses).prepare()
    except CycleError:
        return True
    return False


def _report_cycle(
    ctx: Context, module: Module, names: list[str], uses: dict[str, dict[str, tree.Name]]
) -> None:
    first = module.own[names[0]]
    following = next(n for n in uses[names[0]] if n in names)
    route = " → ".join([*names, names[0]])
    ctx.problems.error(
        "E0502",
        uses[names[0]][following].span,
        f"The {first.kind} `{names[0]}` calls itself: {route}.",
        related=[Label(first.syntax.name.span, f"`{names[0]}` is defined here")],
        suggestion="Repeat with a loop instead: `for k in 1..L { … }`.",
    )
    for name in names:
        module.own[name] = BAD


def _definitions_used(definition: Definition, module: Module) -> dict[str, tree.Name]:
    bound = {p.name.text for p in definition.syntax.parameters}
    found: dict[str, tree.Name] = {}
    for node in tree.walk(definition.syntax):
        if (
            isinstance(node, tree.Name)
            and node.id not in bound
            and isinstance(module.own.get(node.id), Definition)
        ):
            found.setdefault(node.id, node)
    return found


def check_bodies(ctx: Context, module: Module) -> None:
    """Report unknown names in definitions: in those never called, and in branches never taken."""
    for definition in module.definitions():
        names = set(_IMPLICIT.get(definition.kind, ()))
        nodes = list(tree.walk(definition.syntax))
        names.update(_bound_names(nodes))
        env = Env()
        env.names.update({n: Binding(BAD, None) for n in names})
        ctx.frames.append(Frame(definition.kind, module, env, definition=definition))
        _report_unknown(ctx, nodes, names, module)
        ctx.frames.pop()


def check_blocks(ctx: Context, module: Module, body: tuple[tree.Statement, ...]) -> None:
    """Report unknown names in the branches and loops of the main graph that were never elaborated."""
    if not module.blocks:
        return
    names = set(_IMPLICIT["init"])
    for statement in body:
        names.update(_bound_names(tree.walk(statement)))
    names.update(ctx.env.all_names())
    for block in module.blocks:
        _report_unknown(ctx, list(tree.walk(block)), names, ctx.frame.module)


def _report_unknown(ctx: Context, nodes: list[tree.Syntax], names: set[str], module: Module) -> None:
    unknown = [n for n in nodes if type(n) is tree.Name and n.id not in names and not _is_known(n.id, module)]
    if not unknown:
        return
    told = {(d.span.source, d.span.start) for d in ctx.problems.errors if d.span is not None}
    blocks = [n for n in nodes if isinstance(n, (tree.Data, tree.Train))]
    own = {id(n) for block in blocks for n in tree.walk(block)}
    for node in unknown:
        if id(node) not in own and (node.span.source, node.span.start) not in told:
            unknown_name(ctx, node.id, node.span)


def _is_known(name: str, module: Module) -> bool:
    return (
        name == "training"
        or name in BUILTINS
        or module.find(name) is not None
        or registry.lookup(name) is not None
    )


def _bound_names(nodes: Iterable[tree.Syntax]) -> set[str]:
    """Every name that a body of these nodes binds, the free sizes of its signature included."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, tree.Expr):
            continue
        if isinstance(node, tree.Bind):
            names.update(t.text for t in node.targets)
        elif isinstance(node, (tree.Parameter, tree.Statement)) and isinstance(
            name := getattr(node, "name", None), tree.Ident
        ):
            names.add(name.text)
        elif isinstance(node, tree.For):
            names.add(node.variable.text)
        elif isinstance(node, tree.ErrorStatement):
            names.update(node.names)
        if (
            isinstance(node, (tree.Parameter, tree.Input))
            and node.type is not None
            and node.type.shape is not None
        ):
            for size in node.type.shape:
                names.update(n.id for n in tree.walk(size) if isinstance(n, tree.Name))
    return names
