"""Show what a stage makes of a file, as readable text: tokens, ast, graph, backward or plan."""

from __future__ import annotations

import argparse

from graphlang.cli import common

STAGES = ("tokens", "ast", "graph", "backward", "plan")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang show examples/product_of_sum.graph --stage backward")
    parser.add_argument("--stage", choices=STAGES, default="graph", help="which stage (default graph)")
    parser.add_argument("--of", metavar="NODE", help="the scalar to differentiate")
    common.add_model_options(parser)
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.stage == "tokens":
        print(_tokens(options.file))
        return 0
    if options.stage == "ast":
        print(_tree(options.file))
        return 0
    print(_graph(options))
    return 0


def _tokens(path: str) -> str:
    from graphlang.diagnostics import Problems
    from graphlang.syntax.show import show_tokens

    problems = Problems()
    text = show_tokens(common.read(path), problems)
    common.report(problems)
    return text


def _tree(path: str) -> str:
    from graphlang.syntax.parse import parse
    from graphlang.syntax.show import show_tree

    outcome = parse(common.read(path))
    common.stop_on_errors(outcome.problems)
    return show_tree(outcome.value)


def _graph(options: argparse.Namespace) -> str:
    from graphlang import pipeline
    from graphlang.graph.show import show_graph, show_plan
    from graphlang.plan.schedule import make_plan

    model = common.load(options.file, options.set).model
    if options.stage == "graph":
        return show_graph(model)
    of, why = pipeline.objective(model, options.of)
    if of is None and why:
        common.remark(options, why)
    differentiated = pipeline.differentiate(model, of)
    if options.stage == "backward":
        return show_graph(differentiated)
    named = [n for n in differentiated.nodes if n.is_named]
    gradients = [g for p, g in differentiated.gradients.items() if differentiated.by_path[p].is_named]
    return show_plan(make_plan(differentiated.nodes, [*named, *gradients]))
