"""When numbers stop being finite: which node was the first, and which gradients were the largest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.dag import ancestors
from graphlang.graph.node import Node

if TYPE_CHECKING:
    from graphlang.run.train import Progress, Trainer

_SHOWN = 3
_ADVICE = "A smaller learning rate, `clip = 1.0`, or inputs of a smaller scale often help."


def is_finite(array: Any) -> bool:
    """Whether all entries are finite; looks at each only if their squares' sum is not."""
    flat = np.ravel(array)
    with np.errstate(all="ignore"):
        return math.isfinite(float(np.dot(flat, flat))) or bool(np.isfinite(flat).all())


def divergence(
    trainer: Trainer, progress: Progress, leaves: Mapping[str, Any], count: int, loss: float
) -> GraphlangError:
    """The error of a step whose loss or gradients are not finite, found by computing it once more."""
    step = trainer.step
    needed = ancestors([step.loss, *step.gradients.values()])
    nodes = [n for n in step.nodes if n in needed]
    sizes = trainer.feed.bind(count, Problems())
    executable = trainer.executable(nodes, nodes, sizes)
    found = executable.run(leaves, seed=trainer.step_seed(progress.step + 1))
    first = next((n for n in nodes if n.type.is_float and not is_finite(found[n])), None)
    problems = Problems()
    what = "loss is" if not math.isfinite(loss) else "loss is finite, but a gradient is not:"
    problems.error(
        "E0915",
        step.model.place_of(first) if first is not None else None,
        f"Training stopped at step {progress.step + 1}, in epoch {progress.epoch + 1}: the {what}"
        f" {loss:.6g}.",
        notes=[
            *([_first_note(first, found)] if first is not None else []),
            _largest_note(trainer, found),
        ],
        suggestion=_ADVICE,
    )
    return GraphlangError(problems)


def broken_update(trainer: Trainer, progress: Progress) -> GraphlangError | None:
    """The error of an update that left a parameter or a state not finite; None if all are.

    The loss of the next step would show it, but by then it would have been written to files.
    """
    model, states = trainer.step.model, trainer.step.learner.states
    for path, array in progress.values.items():
        if is_finite(array):
            continue
        leaf = states[path] if path in states else model.by_path[path]
        problems = Problems()
        problems.error(
            "E0915",
            model.place_of(leaf) if path not in states else None,
            f"Training stopped after step {progress.step}: its update made `{path}` {_worst(array)}.",
            suggestion=_ADVICE,
        )
        return GraphlangError(problems)
    return None


def _worst(array: Any) -> str:
    entries = np.ravel(array)
    return f"{entries[~np.isfinite(entries)][0]:g}"


def _first_note(node: Node, found: Mapping[Node, Any]) -> str:
    entries = np.ravel(found[node])
    bad = entries[~np.isfinite(entries)]
    share = "" if entries.size == 1 else f" in {bad.size} of {entries.size} entries"
    where = f"`{node.path}`" if not node.path.startswith("grad(") else f"the gradient `{node.path}`"
    return f"The first value that is not finite is {where}: {bad[0]:g}{share}."


def _largest_note(trainer: Trainer, found: Mapping[Node, Any]) -> str:
    norms = {path: _norm(found[g]) for path, g in trainer.step.gradients.items()}
    order = sorted(norms, key=lambda p: -math.inf if math.isnan(norms[p]) else -norms[p])
    shown = ", ".join(f"`{path}` {norms[path]:.3g}" for path in order[:_SHOWN])
    return f"The largest gradients, by norm: {shown}."


def _norm(array: Any) -> float:
    """The Euclidean norm; squares of large numbers do not overflow."""
    flat = np.ravel(np.asarray(array, dtype=np.float64))
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(flat), initial=0.0))
        is_plain = largest > 0 and math.isfinite(largest)
        return largest * float(np.linalg.norm(flat / largest)) if is_plain else largest
