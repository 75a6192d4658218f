"""The gradient check."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang import pipeline
from graphlang.diagnostics import GraphlangError
from graphlang.run.gradcheck import DEFAULT_H, check_all, checked_paths, worst
from graphlang.run.report import plain
from graphlang.server.compiling import compile_text
from graphlang.server.folder import Folder

# Operations that a check may evaluate; beyond it entries are sampled.
_BUDGET = 30_000_000
_PER_NODE = 10


def compare(message: dict[str, Any], folder: Folder) -> dict[str, Any]:
    """Every gradient against finite differences, as `graphlang gradcheck` does.

    Returns
    -------
    dict
        `checks` (name, numerical, analytic, error, verdict), `wrong`, `kinks`, `worst`, `left_out`; or `why`
        there are none.
    """
    try:
        prepared = pipeline.prepare(compile_text(message, folder).sound)
        if prepared.model.of is None:
            return {"checks": [], "why": prepared.remarks or ["There is nothing to differentiate."]}
        evaluation = prepared.evaluate()
        checks, left_out = check_all(
            evaluation,
            checked_paths(evaluation, leaves_only=True),
            h=DEFAULT_H,
            per_node=_PER_NODE,
            budget=_BUDGET if _entries(evaluation) > _PER_NODE * 20 else None,
            seed=prepared.seed,
        )
    except GraphlangError as error:
        return {"checks": [], "why": [d.message for d in error.diagnostics]}
    largest = worst(checks)
    return {
        "of": prepared.model.of.path,
        "checks": [
            {
                "name": c.name,
                "numerical": plain(c.numerical),
                "analytic": plain(c.analytic),
                "error": plain(c.error),
                "verdict": c.verdict,
            }
            for c in checks
        ],
        "wrong": sum(c.verdict == "wrong" for c in checks),
        "kinks": sum(c.verdict == "kink" for c in checks),
        "worst": plain(largest.error) if largest is not None else 0.0,
        "left_out": left_out,
    }


def _entries(evaluation: Any) -> int:
    return int(sum(np.size(evaluation.values[p]) for p in checked_paths(evaluation, leaves_only=True)))
