"""The numerical gradient (slow, approximate) beside the analytic one: current W, W + h, loss, both dW, error.

Each entry of the inputs and parameters is moved by h and the loss evaluated again. Of large tensors a sample
of entries is taken. Exit status 1 if any disagrees.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.numbers import number
from graphlang.cli.term import Painter, table, wants_color
from graphlang.diagnostics import GraphlangError, Problems
from graphlang.records import as_dict

if TYPE_CHECKING:
    from graphlang.run.gradcheck import EntryCheck


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang gradcheck examples/norm_squared.graph --h 1e-4 --forward")
    common.add_run_options(parser)
    parser.add_argument("--h", type=_step, default=1e-5, help="the step (default 1e-5)")
    parser.add_argument("--forward", action="store_true", help="the one-sided quotient (f(w+h) − f(w)) / h")
    parser.add_argument(
        "--samples",
        type=common.natural,
        default=10,
        metavar="N",
        help="entries per tensor (default 10; 0: all)",
    )
    parser.add_argument("--all", action="store_true", help="every named node, not only inputs and parameters")
    parser.add_argument("--json", action="store_true", help="the comparisons as JSON")
    common.add_output_options(parser)


def _step(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError("the step lies between 0 and 1")
    return value


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.run.gradcheck import check_all, checked_paths

    options.dtype = "float64"
    loaded = common.load(options.file, options.set)
    evaluation, prepared = common.evaluated(options, loaded)
    if evaluation.model.of is None:
        problems = Problems()
        problems.error("E0708", None, "There is nothing to differentiate.", notes=prepared.remarks)
        raise GraphlangError(problems)
    checks, _ = check_all(
        evaluation,
        checked_paths(evaluation, leaves_only=not options.all),
        h=options.h,
        one_sided=options.forward,
        per_node=options.samples or None,
        seed=options.seed or 0,
    )
    if options.json:
        import json

        print(json.dumps([as_dict(c) for c in checks], ensure_ascii=False))
    else:
        print(_report(checks, options))
    return 1 if any(c.verdict == "wrong" for c in checks) else 0


def _report(checks: list[EntryCheck], options: argparse.Namespace) -> str:
    painter = Painter(wants_color(sys.stdout, options.color))
    header = (
        "W",
        "current W",
        "W + h",
        "loss",
        "loss at W + h",
        "numerical dW",
        "analytic dW",
        "rel. error",
        "",
    )
    rows = [
        (
            c.name,
            number(c.value, 6),
            number(c.moved, 10),
            number(c.loss, 10),
            number(c.loss_moved, 10),
            number(c.numerical, 6),
            number(c.analytic, 6),
            f"{c.error:.1e}",
            "" if c.verdict == "ok" else c.verdict,
        )
        for c in checks
    ]
    text = table(
        header,
        rows,
        painter=painter,
        right=frozenset(range(1, 8)),
        styles=((), (), (), (), (), ("cyan",), ("red",), (), ("bold",)),
    )
    quotient = "(f(W + h) − f(W)) / h" if options.forward else "(f(W + h) − f(W − h)) / 2h"
    return f"{text}\n\n{summary_line(checks)}  Numerical: {quotient}, h = {options.h:g}."


def summary_line(checks: list[EntryCheck]) -> str:
    """How many agree, and the largest error."""
    from graphlang.run.gradcheck import worst

    wrong = sum(c.verdict == "wrong" for c in checks)
    kinks = sum(c.verdict == "kink" for c in checks)
    largest = worst(checks)
    parts = [f"{len(checks) - wrong} of {len(checks)} gradients agree"]
    if largest is not None and largest.error:
        parts.append(f"largest relative error {largest.error:.1e} at {largest.name}")
    if kinks:
        parts.append(f"{kinks} at a kink, between the one-sided slopes")
    if coarse := sum(c.verdict == "coarse" for c in checks):
        parts.append(f"{coarse} where h is too coarse, and a smaller one comes closer")
    return "; ".join(parts) + "."
