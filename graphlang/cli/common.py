"""What the commands share: options, reading and compiling a file, feeding it, reporting problems."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from graphlang.cli.term import say, wants_color
from graphlang.diagnostics import Diagnostic, GraphlangError, Problems
from graphlang.files import replace_file
from graphlang.records import Record
from graphlang.source import SourceFile

if TYPE_CHECKING:
    from graphlang.graph.model import Model
    from graphlang.pipeline import Prepared
    from graphlang.run.session import Evaluation

# --- options -------------------------------------------------------------------------------------


def add_file(parser: argparse.ArgumentParser, example: str) -> None:
    """The file argument, and the example that ends the help."""
    parser.add_argument("file", metavar="FILE", help="a .graph file, or - for standard input")
    parser.epilog = f"example:\n  {example}"


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """--color and --quiet."""
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("-q", "--quiet", action="store_true", help="no remarks, only results and errors")


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """--set: what changes the model itself."""
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a constant's or an input's value, as the language writes it: H=32, x=[1, 2]",
    )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """--of, --set, --feed, --weights, --seed, --dtype, --rows."""
    parser.add_argument("--of", metavar="NODE", help="the scalar to differentiate")
    add_model_options(parser)
    parser.add_argument("--feed", metavar="FILE", help="inputs by name, from .npz, .json or .csv")
    parser.add_argument("--weights", metavar="FILE", help="parameters by path, from .npz or .safetensors")
    parser.add_argument("--seed", type=natural, default=None, help="seed of everything random (default 0)")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument(
        "--rows", metavar="N", type=count, help="feed only the first N rows of the file's data"
    )


def natural(text: str) -> int:
    """A whole number from 0 as argparse's `type`."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("a whole number from 0 is needed")
    return value


def count(text: str) -> int:
    """A whole number from 1 as argparse's `type`."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("a whole number from 1 is needed")
    return value


# --- problems ------------------------------------------------------------------------------------


def report(diagnostics: Iterable[Diagnostic], choice: str = "auto") -> None:
    """Print diagnostics on standard error."""
    found = list(diagnostics)
    if found:
        from graphlang.diagnostics.render import render_all

        print(render_all(found, color=wants_color(sys.stderr, choice)), file=sys.stderr)


def stop_on_errors(problems: Problems) -> None:
    """Raise if there are errors."""
    if problems.has_errors:
        raise GraphlangError(problems)


# --- the journey ---------------------------------------------------------------------------------


class Loaded(Record, frozen=False):
    """A compiled file with its warnings."""

    source: SourceFile
    model: Model
    warnings: list[Diagnostic]
    settings: dict[str, Any]


def read(path: str) -> SourceFile:
    """A file's text; raises GraphlangError when it cannot be read."""
    from graphlang.syntax.reading import read_source

    outcome = read_source(path)
    stop_on_errors(outcome.problems)
    assert outcome.value is not None
    return outcome.value


def load(path: str, settings: Iterable[str] = (), *, training: bool = False) -> Loaded:
    """Read and compile a file; raises GraphlangError with all its errors."""
    from graphlang.run.blas import give_all_threads, import_numpy_with_one_thread

    source = read(path)
    import_numpy_with_one_thread()
    from graphlang import pipeline
    from graphlang.elaborate.settings import parse_settings, unknown_settings
    from graphlang.plan.work import can_share_products

    overrides, problems = parse_settings(settings)
    stop_on_errors(problems)
    outcome = pipeline.compile_source(source, training=training, overrides=overrides)
    stop_on_errors(outcome.problems)
    unknown_settings(outcome.value, overrides, problems)
    stop_on_errors(problems)
    if can_share_products((*outcome.value.nodes, *outcome.value.initial)):
        give_all_threads()
    return Loaded(source, outcome.value, list(outcome.problems), overrides)


def evaluated(
    options: argparse.Namespace,
    loaded: Loaded,
    *,
    every_node: bool = False,
    jit: bool = False,
    in_bulk: bool = False,
) -> tuple[Evaluation, Prepared]:
    """Feed and evaluate a loaded model as the run options say; `in_bulk` if no gradient needs a node."""
    in_bulk = in_bulk and options.dtype == "float64" and not every_node and not jit
    ready = prepared(options, loaded, in_bulk=in_bulk)
    return ready.evaluate(dtype=options.dtype, every_node=every_node, jit=jit), ready


def prepared(options: argparse.Namespace, loaded: Loaded, *, in_bulk: bool = False) -> Prepared:
    """Differentiate and feed a loaded model as the run options say."""
    from graphlang.pipeline import prepare

    return prepare(
        loaded.model,
        of=options.of,
        feed=options.feed,
        fixed=loaded.settings,
        weights=options.weights,
        seed=options.seed,
        rows=options.rows,
        in_bulk=in_bulk,
    )


def free_sizes(settings: Iterable[str], model: Model) -> dict[str, int]:
    """The numbers that `--size NAME=NUMBER` gives to free sizes; raises GraphlangError for another name."""
    problems = Problems()
    sizes: dict[str, int] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        known = ", ".join(model.sizes.declared) or "none"
        is_size = text.strip().isdecimal()
        if name.strip() not in model.sizes.declared:
            problems.error(
                "E0910",
                None,
                f"`--size {setting}` does not name a free size.",
                notes=[f"There are: {known}."],
            )
        elif not is_size:
            given = f"not {text.strip()}" if text.strip() else "and none is given"
            problems.error(
                "E0910",
                None,
                f"`--size {setting}`: a size is a whole number from 0, {given}.",
                suggestion=f"For example `--size {name.strip()}=32`.",
            )
        else:
            sizes[name.strip()] = int(text)
    stop_on_errors(problems)
    return sizes


# --- writing -------------------------------------------------------------------------------------


def spare(read: Iterable[str | None], written: Iterable[str | None]) -> None:
    """Refuse to write over what the command reads, or two things to one place; raises GraphlangError."""
    inputs = [path for path in read if path and os.path.exists(path)]
    outputs = [path for path in written if path and path != "-"]
    problems = Problems()
    for k, path in enumerate(outputs):
        if os.path.exists(path) and any(os.path.samefile(path, other) for other in inputs):
            problems.error("E0912", None, f"`{path}` is read by this command, so it is not written over.")
        elif os.path.abspath(path) in map(os.path.abspath, outputs[:k]):
            problems.error("E0912", None, f"Two things are to be written to `{path}`.")
    stop_on_errors(problems)


def write(path: str, content: str | bytes) -> None:
    """Write a whole file or none. `-` is standard output."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        replace_file(path, lambda file: file.write(data))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        problems = Problems()
        problems.error("E0912", None, f"`{path}` cannot be written: {reason}.")
        raise GraphlangError(problems) from error


def remark(options: argparse.Namespace, text: str) -> None:
    """A remark on standard error, unless --quiet."""
    say(text, quiet=getattr(options, "quiet", False))
