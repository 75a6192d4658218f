"""Report the loss and the metrics of a trained model on data.

Without --data the rows of the file's own data are told apart as training does: those it learned from, and
those it held out.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.term import Painter, table, wants_color

if TYPE_CHECKING:
    import numpy as np

    from graphlang.graph.model import Model
    from graphlang.graph.node import Node
    from graphlang.learning import Inference


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang eval examples/digits_mlp.graph --weights digits.npz")
    common.add_model_options(parser)
    add_trained_options(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--digits", type=common.count, default=6, metavar="N", help="significant digits")
    common.add_output_options(parser)


def add_trained_options(parser: argparse.ArgumentParser) -> None:
    """--weights, --data, --feed, --seed, --dtype."""
    parser.add_argument("--weights", metavar="FILE", help="parameters by path, from .npz or .safetensors")
    parser.add_argument("--data", metavar="FILE", help="a file in place of that of the data block")
    parser.add_argument("--feed", metavar="FILE", help="inputs by name, from .npz, .json or .csv")
    parser.add_argument("--seed", type=common.natural, metavar="N", help="in place of the train block's")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.run.report import plain

    inference = prepared(options, _wanted)
    results = {name: inference.evaluator(inference.values, rows) for name, rows in _parts(inference, options)}
    if options.json:
        counts = {name: _count(inference, rows) for name, rows in _parts(inference, options)}
        found = {
            name: {"rows": counts[name], **{k: plain(v) for k, v in values.items()}}
            for name, values in results.items()
        }
        print(json.dumps({"model": inference.model.name, **found}, ensure_ascii=False))
        return 0
    print(_table(inference, results, options))
    if options.weights is None:
        common.remark(options, "No --weights: these are the numbers of the untrained model.")
    return 0


def prepared(options: argparse.Namespace, wanted: object) -> Inference:
    """The model with its weights and data, as the options say."""
    from graphlang.elaborate.settings import parse_settings, unknown_settings
    from graphlang.learning import prepare_inference

    source = common.read(options.file)
    overrides, problems = parse_settings(options.set)
    common.stop_on_errors(problems)
    inference = prepare_inference(
        source,
        wanted,  # type: ignore[arg-type]
        overrides=overrides,
        weights=options.weights,
        data=options.data,
        feed=options.feed,
        seed=options.seed,
        dtype=options.dtype,
    )
    unknown_settings(inference.whole, overrides, problems)
    common.stop_on_errors(problems)
    common.report(inference.warnings, options.color)
    return inference


def _wanted(model: Model) -> dict[str, Node]:
    from graphlang import pipeline
    from graphlang.diagnostics import GraphlangError, Problems

    of, _ = pipeline.objective(model, None)
    nodes = {} if of is None else {"loss": of}
    nodes |= {name: n for name, n in model.metrics.items() if n.shape == ()}
    if not nodes:
        problems = Problems()
        problems.error(
            "E0909",
            None,
            "There is nothing to evaluate: the file has no loss and no metric.",
            suggestion="Declare one: `metric accuracy = mean(argmax(scores) == y)`.",
        )
        raise GraphlangError(problems)
    return nodes


def _parts(inference: Inference, options: argparse.Namespace) -> list[tuple[str, np.ndarray]]:
    """The rows that are told apart, with what they are called."""
    split = inference.split
    parts = [("all", inference.every_row)]
    if split.learn is not None and options.data is None:
        parts += [("learned", split.learn), ("holdout", split.held)]
    return parts


def _count(inference: Inference, rows: np.ndarray) -> int | None:
    """How many rows; None where no data feed the inputs."""
    return len(rows) if inference.rows is not None else None


def _table(inference: Inference, results: dict[str, dict[str, float]], options: argparse.Namespace) -> str:
    from graphlang.cli.numbers import number

    names = list(next(iter(results.values())))
    rows = []
    for part, indices in _parts(inference, options):
        count = _count(inference, indices)
        numbers = (number(results[part][n], options.digits) for n in names)
        rows.append((part, "–" if count is None else str(count), *numbers))
    painter = Painter(wants_color(sys.stdout, options.color))
    right = frozenset(range(1, len(names) + 2))
    return table(("rows", "count", *names), rows, painter=painter, right=right)
