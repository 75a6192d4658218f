"""Report every mistake of a file: text, names, shapes, types, data columns. Nothing is evaluated."""

from __future__ import annotations

import argparse

from graphlang.cli import common
from graphlang.diagnostics import Problems


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang check model.graph --json")
    common.add_model_options(parser)
    parser.add_argument("--json", action="store_true", help="diagnostics as one JSON object")
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    problems = diagnose(options)
    if options.json:
        import json

        from graphlang.diagnostics.render import as_json

        print(json.dumps({"diagnostics": [as_json(d) for d in problems]}, ensure_ascii=False))
    else:
        common.report(problems, options.color)
        if not problems.has_errors:
            common.remark(options, f"{options.file}: no mistakes found.")
    return 1 if problems.has_errors else 0


def diagnose(options: argparse.Namespace) -> Problems:
    """All problems of a file, those of reading it included."""
    from graphlang.run.blas import import_numpy_with_one_thread

    import_numpy_with_one_thread()
    from graphlang import pipeline
    from graphlang.elaborate.settings import parse_settings, unknown_settings
    from graphlang.run import datasets
    from graphlang.syntax.reading import read_source

    overrides, problems = parse_settings(options.set)
    read = read_source(options.file)
    for problem in read.problems:
        problems.add(problem)
    if read.value is None:
        return problems
    outcome = pipeline.compile_source(read.value, overrides=overrides)
    for problem in outcome.problems:
        problems.add(problem)
    for spec in outcome.value.data.values():
        datasets.check_data(spec, problems)
    if not problems.has_errors:
        unknown_settings(outcome.value, overrides, problems)
    return problems
