"""Write what a trained model says of every row of its data, or of other data.

The outputs of the file are written, or the nodes named by --node. Where an output is compared with labels by
`cross_entropy` or `hinge`, its class is written too, by name if the labels are texts.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.cli import common
from graphlang.cli.eval import add_trained_options, prepared
from graphlang.diagnostics import GraphlangError, Problems

if TYPE_CHECKING:
    from graphlang.graph.model import Model
    from graphlang.graph.node import Node
    from graphlang.learning import Inference

FORMATS = ("csv", "npz", "json")
# Losses whose first operand has a score for each class and whose second is the class.
_CLASSIFIERS = ("cross_entropy", "hinge")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang predict examples/digits_mlp.graph --weights digits.npz -o digits.csv")
    common.add_model_options(parser)
    add_trained_options(parser)
    parser.add_argument("--node", metavar="NAME", action="append", default=[], help="instead of the outputs")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help=".csv, .npz or .json (default: CSV on stdout)"
    )
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    kind = _kind(options.output)
    inference = prepared(options, lambda model: _wanted(model, options.node))
    if inference.rows is not None:
        common.spare([inference.rows.file], [options.output])
    found = inference.evaluator.outputs(inference.values, inference.every_row)
    results = {name: np.asarray(value) for name, value in found.items()}
    results |= _classes(inference, results)
    common.write(options.output, _WRITERS[kind](results))
    if options.weights is None:
        common.remark(options, "No --weights: this is what the untrained model says.")
    return 0


def _kind(path: str) -> str:
    kind = "csv" if path == "-" else os.path.splitext(path)[1].lower().removeprefix(".")
    if kind not in FORMATS:
        problems = Problems()
        problems.error("E0912", None, f"`{path}` does not end in .csv, .npz or .json.")
        raise GraphlangError(problems)
    return kind


def _wanted(model: Model, names: list[str]) -> dict[str, Node]:
    from graphlang.diagnostics.suggest import nearest

    if not names:
        # A loss is no prediction: it would need the labels.
        of = model.training.minimize if model.training else None
        outputs = [n for n in model.outputs if n is not of]
        return {n.path: n for n in outputs or model.outputs}
    problems, found = Problems(), {}
    for name in names:
        node = model.find(name)
        if node is None:
            meant = nearest(name, [n.path for n in model.nodes if n.is_named])
            problems.error(
                "E0909",
                None,
                f"There is no node called `{name}`.",
                suggestion=f"Did you mean `{meant}`?" if meant else None,
            )
        else:
            found[name] = node
    common.stop_on_errors(problems)
    return found


def _classes(inference: Inference, results: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The class of every row, for the outputs that are scores of classes."""
    classes: dict[str, np.ndarray] = {}
    for scope in inference.whole.scopes.values():
        if scope.kind != "gate" or scope.name not in _CLASSIFIERS or len(scope.inputs) < 2:
            continue
        scores, labels = scope.inputs[:2]
        if scores.path in results and results[scores.path].ndim > 1:
            numbers = np.argmax(results[scores.path], axis=-1)
            names = inference.classes_of.get(labels.path)
            classes[f"{scores.path}.class"] = np.array(names)[numbers] if names else numbers
    return classes


# --- formats -------------------------------------------------------------------------------------------


def _as_csv(results: dict[str, np.ndarray]) -> bytes:
    """A column per entry of a row: `scores[0]`, `scores[1]`, …"""
    columns: dict[str, np.ndarray] = {}
    rows = max((len(a) for a in results.values() if a.ndim), default=1)
    for name, array in results.items():
        whole = array if array.ndim and len(array) == rows else np.broadcast_to(array, (rows, *array.shape))
        flat = whole.reshape(rows, -1)
        if whole.ndim == 1:
            columns[name] = flat[:, 0]
            continue
        for index in np.ndindex(whole.shape[1:]):
            label = ",".join(map(str, index))
            columns[f"{name}[{label}]"] = whole[(slice(None), *index)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    # The shortest decimals that give the number back in its own precision.
    writer.writerows(zip(*(map(str, c) for c in columns.values()), strict=True))
    return text.getvalue().encode()


def _as_json(results: dict[str, np.ndarray]) -> bytes:
    from graphlang.run.report import plain

    return (json.dumps({n: plain(a) for n, a in results.items()}, ensure_ascii=False) + "\n").encode()


def _as_npz(results: dict[str, np.ndarray]) -> bytes:
    from graphlang.run.npy_reader import write_npz

    file = io.BytesIO()
    write_npz(file, results)
    return file.getvalue()


_WRITERS: dict[str, Any] = {"csv": _as_csv, "json": _as_json, "npz": _as_npz}
