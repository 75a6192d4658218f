"""The graph as NetworkX has it: what `add_node` and `add_edge` would have made."""

from __future__ import annotations

import gc
from pathlib import Path

import networkx as nx
import pytest

import graphlang
from graphlang.collector import paused_collector

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.graph"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_graph_is_the_one_that_networkx_would_build(path: Path) -> None:
    found = graphlang.load(path).graph
    wanted = nx.MultiDiGraph()
    for name, data in found.nodes(data=True):
        wanted.add_node(name, **data)
        for position, operand in enumerate(data["node"].inputs):
            wanted.add_edge(operand.path, name, key=position, position=position)
    assert list(found.nodes(data=True)) == list(wanted.nodes(data=True))
    assert list(found.edges(keys=True, data=True)) == list(wanted.edges(keys=True, data=True))
    assert found.pred == wanted.pred
    # Data of an edge are one dictionary, whichever end they are reached from.
    for a, b, key in found.edges(keys=True):
        assert found.succ[a][b][key] is found.pred[b][a][key]
    assert nx.is_directed_acyclic_graph(found)
    assert nx.utils.graphs_equal(found, wanted)


def test_an_operand_used_twice_has_two_edges() -> None:
    graph = graphlang.parse("input x = 2\nf = x * x\noutput f\n").graph
    assert list(graph.edges(keys=True)) == [("x", "f", 0), ("x", "f", 1)]


def test_checks_are_not_part_of_the_graph() -> None:
    graph = graphlang.parse("input x = 2\nf = x * x\noutput f\nexpect f + 1 == 5\n").graph
    assert [op for _, op in graph.nodes(data="op") if op != "const"] == ["input", "mul"]


def test_what_was_made_while_the_collector_was_paused_is_old_afterwards_and_still_collected() -> None:
    class Knot:
        pass

    with paused_collector():
        knot = Knot()
        knot.itself = knot  # type: ignore[attr-defined]
        number = id(knot)
    assert gc.isenabled()
    assert any(id(found) == number for found in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0
    del knot
    gc.collect()
    assert not any(type(found) is Knot for found in gc.get_objects())
