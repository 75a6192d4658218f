"""Write the model as a standalone NumPy script, or as Graphviz DOT.

The script needs NumPy alone, reads like code written by hand with the file's own names, and prints the
same values and gradients; `python script.py --json` prints the object of `graphlang run --json`, bit for bit.
"""

from __future__ import annotations

import argparse
import os

from graphlang.cli import common

TARGETS = ("numpy", "dot")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang export examples/sigmoid_neuron.graph --to numpy -o neuron.py")
    parser.add_argument("--to", choices=TARGETS, required=True, help="what to write")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to (default: standard output)"
    )
    common.add_run_options(parser)
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    loaded = common.load(options.file, options.set)
    if options.to == "dot":
        from graphlang.cli.draw import picture

        common.write(options.output, picture(options, loaded, "dot"))
        return 0
    from graphlang import pipeline
    from graphlang.emit.numpy_script import numpy_script
    from graphlang.pipeline import seed_of

    of, why = pipeline.objective(loaded.model, options.of)
    if why:
        common.remark(options, why)
    folder = "." if options.output == "-" else os.path.dirname(options.output) or "."
    script = numpy_script(
        pipeline.differentiate(loaded.model, of), folder=folder, seed=seed_of(loaded.model, options.seed)
    )
    common.write(options.output, script)
    return 0
