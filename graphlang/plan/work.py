"""How much work a graph is, in floating-point operations, and what that says about threads.

Operations are counted as each op declares them, one per entry of the result unless it says otherwise. The
counts are rough; what they decide is whether threads are worth starting, never what is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from graphlang.graph.dag import ancestors
from graphlang.graph.learner import TrainingStep
from graphlang.graph.node import Node
from graphlang.plan.combine import find
from graphlang.plan.schedule import resolve

# Operations of a step from which on threads are likely to pay: several milliseconds of work.
_LEAST_TO_PAY = 100_000_000
# A step of fewer, a tenth of a millisecond of work, is over before the threads of BLAS have gained anything.
_LEAST_TO_SHARE = 10_000_000
# BLAS computes a product by itself in one thread if its operands and its result have no more entries.
_MOST_ALONE = 1000


def work(nodes: Iterable[Node], wanted: Iterable[Node], sizes: Mapping[str, int]) -> int:
    """Floating-point operations of what is wanted, roughly."""
    return sum(cost for _, cost in _costs(nodes, wanted, sizes))


def pays(nodes: Iterable[Node], wanted: Iterable[Node], sizes: Mapping[str, int]) -> bool:
    """Whether threads that each take some rows are likely to be faster than BLAS's threads.

    They are where most of the work is in images or in stacks of matrices: there NumPy walks through memory,
    and BLAS is called for products that are too small to be shared. One product of two large matrices is
    shared best by BLAS itself.
    """
    total = plain = 0
    for node, cost in _costs(nodes, wanted, sizes):
        total += cost
        plain += cost * (node.op == "matmul" and len(node.shape) <= 2)
    return total >= _LEAST_TO_PAY and plain < total / 2


def suits_one_thread(step: TrainingStep, batch: int | None) -> bool:
    """Whether training is faster with a BLAS of one thread: it starts sooner, and no thread waits for work.

    What BLAS's threads compute may differ in the last bit, so the tool and its scripts must agree on this:
    it is decided by what both know, the step and the rows of a batch. False if these do not tell.
    """
    names = {name for node in step.model.inputs.values() for name in node.type.names}
    if len(names) > 1 or (names and batch is None):
        return False
    sizes = dict.fromkeys(names, batch or 0)
    wanted = [step.loss, *step.model.metrics.values(), *step.gradients.values()]
    costs = (cost for _, cost in _costs(step.nodes, wanted, sizes))
    return all(total < _LEAST_TO_SHARE for total in accumulate(costs))


def can_share_products(nodes: Iterable[Node]) -> bool:
    """Whether a BLAS of many threads might use them for one of these nodes: if not, it need not have them."""
    for node in nodes:
        sizes = [size for size in node.shape if isinstance(size, int)]
        if len(sizes) < len(node.shape) or math.prod(sizes) > _MOST_ALONE:
            return True
    return False


def _costs(
    nodes: Iterable[Node], wanted: Iterable[Node], sizes: Mapping[str, int]
) -> Iterator[tuple[Node, int]]:
    needed = ancestors(wanted)
    for node in nodes:
        if node in needed and not node.is_leaf:
            count = find(node.op).flops
            cost = (
                count(*(n.type for n in node.inputs), out=node.type, **node.attrs)
                if count
                else node.type.size
            )
            yield node, int(resolve(cost, sizes))
