"""Write the model as a standalone NumPy script, or as Graphviz DOT.

The script needs NumPy alone and reads like code written by hand with the file's own names. For a file with
a train block it is a training run, which comes to the weights of `graphlang train`, bit for bit, and with
--optimize as fast; with --infer it computes the outputs of the trained model. For any other file, or with
--of, it prints values and gradients; `python script.py --json` prints the object of `graphlang run --json`,
bit for bit.
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.diagnostics import Problems
from graphlang.records import replace

if TYPE_CHECKING:
    from graphlang.cli.common import Loaded
    from graphlang.graph.model import DataSpec, Model
    from graphlang.plan.listing import Listing

TARGETS = ("numpy", "dot")
_KINDS = {".csv": "csv", ".npz": "npz", ".npy": "npy", ".parquet": "parquet"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang export examples/digits_mlp.graph --to numpy -o digits.py")
    parser.add_argument("--to", choices=TARGETS, required=True, help="what to write")
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="where to (default: standard output)"
    )
    parser.add_argument(
        "--infer", action="store_true", help="the outputs of the trained model instead of its training"
    )
    parser.add_argument(
        "--optimize", action="store_true", help="with the compiled step that `graphlang train` runs"
    )
    parser.add_argument("--epochs", type=common.natural, metavar="N", help="in place of the train block's")
    parser.add_argument("--batch", type=_batch, metavar="N", help="rows per update, or `all`")
    parser.add_argument("--data", metavar="FILE", help="a file in place of that of the data block")
    common.add_run_options(parser)
    common.add_output_options(parser)
    # A training run computes in float32, everything else in float64.
    parser.set_defaults(dtype=None)


def _batch(text: str) -> int | str:
    return "all" if text == "all" else common.count(text)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    loaded = common.load(options.file, options.set)
    if options.to == "dot":
        from graphlang.cli.draw import picture

        options.dtype = options.dtype or "float64"
        common.write(options.output, picture(options, loaded, "dot"))
        return 0
    folder = "." if options.output == "-" else os.path.dirname(options.output) or "."
    is_training = _learns(loaded.model) and options.of is None and not options.infer
    if options.optimize and not is_training:
        problems = Problems()
        problems.error(
            "E0917",
            None,
            "`--optimize` compiles a step of training, and this script does not train.",
            suggestion="Leave it out, or `--infer` and `--of` if the file has a train block.",
        )
        common.stop_on_errors(problems)
    _refuse_what_scripts_take(options, is_training=is_training)
    if options.infer:
        script = _inference(options, loaded.model, folder)
    elif is_training:
        script = _training(options, loaded, folder)
    else:
        script = _evaluation(options, loaded.model, folder)
    common.write(options.output, script)
    return 0


def _refuse_what_scripts_take(options: argparse.Namespace, *, is_training: bool) -> None:
    """Refuse what only decides the numbers in a picture: a script is given it when it runs, if at all."""
    problems = Problems()
    for name in ("weights", "feed", "rows"):
        value = getattr(options, name)
        if value is None:
            continue
        advice = None
        if name != "rows" and not is_training:
            advice = f"Give it to the script: `python script.py --{name} {value}`."
        problems.error(
            "E0917",
            None,
            f"`--{name}` changes nothing about the script that is written.",
            suggestion=advice,
        )
    common.stop_on_errors(problems)


def _learns(model: Model) -> bool:
    spec = model.training
    return spec is not None and spec.learner is not None and bool(spec.learner.weights)


def _evaluation(options: argparse.Namespace, model: Model, folder: str) -> str:
    from graphlang import pipeline
    from graphlang.emit.numpy_script import numpy_script

    of, why = pipeline.objective(model, options.of)
    if why:
        common.remark(options, why)
    differentiated = pipeline.differentiate(model, of)
    return numpy_script(differentiated, folder=folder, seed=pipeline.seed_of(model, options.seed))


def _inference(options: argparse.Namespace, model: Model, folder: str) -> str:
    from graphlang import pipeline
    from graphlang.emit.inference_script import inference_script

    return inference_script(
        pipeline.differentiate(model, None),
        data=_data(options, model),
        folder=folder,
        seed=pipeline.seed_of(model, options.seed),
        dtype=options.dtype or "float64",
    )


def _training(options: argparse.Namespace, loaded: Loaded, folder: str) -> str:
    from graphlang import pipeline
    from graphlang.differentiate.training_step import training_step
    from graphlang.emit.training_script import training_script
    from graphlang.run.settings import settings_of

    outcome = pipeline.compile_source(loaded.source, training=True, overrides=loaded.settings)
    common.stop_on_errors(outcome.problems)
    model = outcome.value
    given = {"epochs": options.epochs, "batch": options.batch, "seed": options.seed}
    return training_script(
        training_step(model),
        pipeline.differentiate(loaded.model, None),
        settings_of(model.training, given),
        data=_data(options, model),
        folder=folder,
        dtype=options.dtype or "float32",
        listing=_listing(options, loaded) if options.optimize else None,
    )


def _listing(options: argparse.Namespace, loaded: Loaded) -> Listing:
    """The compiled step for the batches of the file's data."""
    from graphlang.learning import prepare_training
    from graphlang.run.listing import listing_of

    training = prepare_training(
        loaded.source,
        overrides=loaded.settings,
        settings={"epochs": options.epochs, "batch": options.batch, "seed": options.seed},
        data=options.data,
        dtype=options.dtype or "float32",
    )
    return listing_of(training.trainer)


def _data(options: argparse.Namespace, model: Model) -> DataSpec | None:
    """The data that feed the inputs, read from another file if one is given."""
    from graphlang.pipeline import data_of
    from graphlang.source import SourceFile

    spec = data_of(model)
    if options.data is None:
        return spec
    problems = Problems()
    kind = _KINDS.get(os.path.splitext(options.data)[1].lower())
    if spec is None:
        problems.error("E0917", None, "The file has no data block that `--data` could replace.")
    elif kind is None:
        problems.error("E0804", None, f"`{options.data}` does not end in .csv, .npz, .npy or .parquet.")
    common.stop_on_errors(problems)
    assert spec is not None and kind is not None
    kept = spec.options if kind == spec.kind else {}
    return replace(
        spec, kind=kind, path=options.data, options=kept, source=SourceFile(options.data, "", None)
    )
