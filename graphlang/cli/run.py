"""Evaluate a file forward and backward, and print every node with its formula, value and gradient.

Large tensors are shown as shape and norm. With --json the same is printed as one JSON object.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.term import Painter, table, wants_color
from graphlang.diagnostics import Diagnostic

if TYPE_CHECKING:
    from graphlang.run.session import Checked, Evaluation


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang run examples/product_of_sum.graph --set x=3")
    common.add_run_options(parser)
    parser.add_argument("--all", action="store_true", help="unnamed nodes too")
    parser.add_argument("--jit", action="store_true", help="compute a graph of numbers in compiled C")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument(
        "--digits", type=common.count, default=6, metavar="N", help="significant digits (default 6)"
    )
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    loaded = common.load(options.file, options.set)
    evaluation, prepared = common.evaluated(
        options, loaded, every_node=options.all, jit=options.jit, in_bulk=True
    )
    warned = [*loaded.warnings, *prepared.warnings]
    common.report(warned, options.color)
    failed = [c for c in evaluation.expectations if not c.ok]
    warnings = [d.message for d in warned] + [_failure_text(c) for c in failed]
    if options.json:
        import json

        from graphlang.run.report import as_json

        print(json.dumps(as_json(evaluation, warnings), ensure_ascii=False))
    else:
        print(_report(evaluation, options))
    for text in prepared.remarks:
        common.remark(options, text)
    for checked in failed:
        common.report([_as_diagnostic(checked)], options.color)
    return 0


def _failure_text(checked: Checked) -> str:
    from graphlang.emit.brief import failure

    # The exported scripts say the same words.
    return failure(checked.expectation.text, checked.left, checked.right)


def _as_diagnostic(checked: Checked) -> Diagnostic:
    from graphlang.diagnostics import Label, Severity

    return Diagnostic("W0901", Severity.WARNING, _failure_text(checked), Label(checked.expectation.span))


def _report(evaluation: Evaluation, options: argparse.Namespace) -> str:
    from graphlang.cli.numbers import brief
    from graphlang.graph.show import calls_of, formula

    painter = Painter(wants_color(sys.stdout, options.color))
    model = evaluation.model
    calls = calls_of(model)
    rows = []
    for path, value in evaluation.values.items():
        node = model.by_path[path]
        gradient = evaluation.gradients.get(path)
        shown = "–" if gradient is None else brief(gradient, options.digits)
        rows.append((path, formula(node, calls=calls), brief(value, options.digits), shown))
    of = model.of.path if model.of is not None else None
    header = ("node", "formula", "value", f"d{of}/dnode" if of else "gradient")
    text = table(
        header,
        rows,
        painter=painter,
        right=frozenset({2, 3}),
        styles=((), ("dim",), ("green",), ("red",)),
        limits={1: 48},
    )
    parts = [_title(evaluation, painter), text]
    if evaluation.metrics:
        parts.append("\n".join(f"{n}: {brief(v, options.digits)}" for n, v in evaluation.metrics.items()))
    if evaluation.expectations:
        held = sum(c.ok for c in evaluation.expectations)
        parts.append(f"{held} of {len(evaluation.expectations)} expectations hold.")
    return "\n\n".join(p for p in parts if p)


def _title(evaluation: Evaluation, painter: Painter) -> str:
    model = evaluation.model
    first = model.description.strip().split("\n")[0] if model.description else ""
    sizes = ", ".join(f"{n} = {v}" for n, v in evaluation.sizes.items())
    return "  ".join(t for t in (painter(model.name, "bold"), first, sizes and f"({sizes})") if t)
