"""Print the derived backward pass as .graph text, which itself runs and gives the same gradients."""

from __future__ import annotations

import argparse
import os

from graphlang.cli import common
from graphlang.collector import paused_collector
from graphlang.diagnostics import GraphlangError, Problems


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang grad examples/product_of_sum.graph -o backward.graph")
    parser.add_argument("--of", metavar="NODE", help="the scalar to differentiate")
    common.add_model_options(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to (default: standard output)"
    )
    common.add_output_options(parser)


@paused_collector()
def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang import pipeline
    from graphlang.emit.graph_text import graph_text

    loaded = common.load(options.file, options.set)
    of, why = pipeline.objective(loaded.model, options.of)
    if of is None:
        problems = Problems()
        problems.error("E0708", None, "There is nothing to differentiate.", notes=[why] if why else [])
        raise GraphlangError(problems)
    folder = "." if options.output == "-" else os.path.dirname(options.output) or "."
    text = graph_text(pipeline.differentiate(loaded.model, of), folder=folder)
    common.write(options.output, text)
    return 0
