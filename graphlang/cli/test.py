"""Check the expectations of files, and every gradient against central differences.

A folder stands for all .graph files below it. A file whose comments say `# test: fails` is there to fail:
found in a folder it passes if it does; named itself, it fails.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphlang.cli import common
from graphlang.cli.term import Painter, wants_color
from graphlang.diagnostics import Diagnostic, GraphlangError, Label, Problems, Severity

if TYPE_CHECKING:
    from graphlang.graph.model import Expectation, Model
    from graphlang.run.gradcheck import EntryCheck
    from graphlang.run.session import Checked, Evaluation

MUST_FAIL = "# test: fails"
# Operations evaluated for the finite differences of one file: a second or two.
BUDGET = 1_500_000
# Rows of the file's data on which gradients are checked: more tell nothing new, and take longer.
ROWS = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", help=".graph files, or folders of them")
    parser.add_argument(
        "--seed", type=common.natural, default=None, help="seed of everything random (default 0)"
    )
    parser.add_argument("--json", action="store_true", help="results as one JSON object")
    common.add_output_options(parser)
    parser.epilog = "example:\n  graphlang test examples"


@dataclass(slots=True)
class Result:
    """What testing one file found."""

    path: str
    diagnostics: list[Diagnostic] = field(default_factory=list)
    expectations: int = 0
    gradients: int = 0
    kinks: int = 0
    must_fail: bool = False

    @property
    def failed(self) -> bool:
        """Whether anything is wrong with the file."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)

    @property
    def passed(self) -> bool:
        """Whether the outcome is the wanted one."""
        return self.failed == self.must_fail


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    results = []
    for path, is_named in _files(options.files):
        result = test_file(path, seed=options.seed)
        result.must_fail = result.must_fail and not is_named
        results.append(result)
        if not options.json:
            _print(result, options)
    passed = sum(r.passed for r in results)
    if options.json:
        _print_json(results)
    else:
        print(f"{passed} passed, {len(results) - passed} failed")
    return 0 if passed == len(results) and results else 1


def _files(paths: list[str]) -> Iterator[tuple[str, bool]]:
    for path in paths:
        if not os.path.isdir(path):
            yield path, True
            continue
        found = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.endswith(".graph")
        )
        if not found:
            problems = Problems()
            problems.error("E0913", None, f"There is no .graph file in `{path}`.")
            raise GraphlangError(problems)
        for name in found:
            yield name, False


def test_file(path: str, *, seed: int | None = None) -> Result:
    """Compile, evaluate and check one file; mistakes become the result's diagnostics."""
    result = Result(path)
    try:
        source = common.read(path)
        result.must_fail = MUST_FAIL in source.text
        loaded = common.load(path)
        result.diagnostics.extend(loaded.warnings)
        if _is_about_shapes(loaded.model):
            _check_expectations([_known(e) for e in loaded.model.expectations], result)
            return result
        evaluation, on_few = _evaluate(loaded.model, seed, result)
    except GraphlangError as error:
        result.diagnostics.extend(error.diagnostics)
        return result
    _check_expectations(evaluation.expectations, result)
    if on_few.model.of is not None:
        _check_gradients(on_few, result)
    return result


# pytest must not take the function for a test of its own.
test_file.__test__ = False  # type: ignore[attr-defined]


def _is_about_shapes(model: Model) -> bool:
    """Whether some input has no value, and all that is expected is known without one.

    Such a file describes a network, perhaps a huge one: no parameter is drawn for it, nothing is evaluated.
    """
    from graphlang.graph.node import Node

    sides = [side for e in model.expectations for side in (e.left, e.right)]
    if not sides or model.data or any(isinstance(side, Node) for side in sides):
        return False
    if any(e.op not in ("==", "!=") and _is_open(e.left, e.right) for e in model.expectations):
        return False
    return any(node.attrs["default"] is None for node in model.inputs.values())


def _is_open(*values: Any) -> bool:
    """Whether free sizes stand in compile-time values."""
    from graphlang.types.dims import Dim

    return any(isinstance(v, Dim) or (isinstance(v, tuple) and _is_open(*v)) for v in values)


def _known(e: Expectation) -> Checked:
    """An expectation about compile-time values. Sizes agree if they do whatever the free ones are."""
    from graphlang.run.session import Checked, check

    if _is_open(e.left, e.right):
        return Checked(e, (e.left == e.right) == (e.op == "=="), e.left, e.right)
    return check(e, {}, {})


def _evaluate(model: Model, seed: int | None, result: Result) -> tuple[Evaluation, Evaluation]:
    """On all data, for the expectations, and on some rows, for the gradients."""
    from graphlang.pipeline import prepare

    prepared = prepare(model, seed=seed, stand_in=True)
    result.diagnostics.extend(prepared.warnings)
    evaluation = prepared.evaluate()
    if not _has_many_rows(model, evaluation):
        return evaluation, evaluation
    return evaluation, prepare(model, seed=seed, stand_in=True, rows=ROWS).evaluate()


def _has_many_rows(model: Model, evaluation: Evaluation) -> bool:
    """Whether the data have more rows than gradients need, and the model takes any number of them."""
    from graphlang.pipeline import data_of

    spec = data_of(model)
    fed = [model.inputs[c.name] for c in spec.columns if c.name in model.inputs] if spec else []
    return bool(fed) and all(
        n.shape and not isinstance(n.shape[0], int) and len(evaluation.leaves[n.path]) > ROWS for n in fed
    )


def _check_expectations(found: Iterable[Checked], result: Result) -> None:
    for checked in found:
        result.expectations += 1
        if not checked.ok:
            e = checked.expectation
            result.diagnostics.append(
                Diagnostic(
                    "E0911",
                    Severity.ERROR,
                    "This expectation does not hold.",
                    Label(e.span, f"left is {_shown(checked.left)}, right is {_shown(checked.right)}"),
                    notes=(
                        "Values may differ by 1e-6, absolute or relative, unless `within` says otherwise.",
                    )
                    if e.op in ("==", "!=") and e.within is None
                    else (),
                )
            )


def _shown(value: Any) -> str:
    from graphlang.cli.numbers import brief

    return str(value) if _is_open(value) and not isinstance(value, tuple) else brief(value, 9)


def _check_gradients(evaluation: Evaluation, result: Result) -> None:
    from graphlang.run.gradcheck import check_all, checked_paths

    paths = checked_paths(evaluation, leaves_only=False)
    checks, _ = check_all(evaluation, paths, budget=BUDGET)
    result.gradients = len(checks)
    result.kinks = sum(c.verdict == "kink" for c in checks)
    wrong: dict[str, list[EntryCheck]] = {}
    for c in checks:
        if c.verdict == "wrong":
            wrong.setdefault(c.path, []).append(c)
    for path, found in wrong.items():
        result.diagnostics.append(_wrong_gradient(evaluation, path, found))


def _wrong_gradient(evaluation: Evaluation, path: str, found: list[EntryCheck]) -> Diagnostic:
    from graphlang.graph.dag import ancestors

    model = evaluation.model
    worst = max(found, key=lambda c: c.error)
    assert model.of is not None
    reached = ancestors([model.of])
    suspects = [
        Label(rule.span, f"the gate `{rule.name}` has a backward block of its own")
        for rule in {r.name: r for r in model.gate_rules if reached.intersection(r.outputs)}.values()
        if rule.span is not None
    ]
    # A file without a scalar is tested on the sum of sin over its outputs.
    what = f"`{model.of.path}`" if not model.of.path.startswith("#") else "the outputs' sum of sines"
    span = model.by_path[path].span
    return Diagnostic(
        "E0709",
        Severity.ERROR,
        f"The gradient of {what} with respect to `{path}` is wrong: at {worst.name} it is"
        f" {worst.analytic:.6g}, but the finite difference is {worst.numerical:.6g}.",
        Label(span, f"{len(found)} entries differ" if len(found) > 1 else "") if span else None,
        tuple(suspects),
    )


def _print(result: Result, options: argparse.Namespace) -> None:
    painter = Painter(wants_color(sys.stdout, options.color))
    if not result.must_fail:
        common.report(result.diagnostics, options.color)
    if options.quiet and result.passed:
        return
    mark = painter("ok  ", "green") if result.passed else painter("FAIL", "red")
    facts = [f"{result.expectations} expectations", f"{result.gradients} gradients"]
    if result.kinks:
        facts.append(f"{result.kinks} at kinks")
    if result.must_fail:
        facts.append("fails, as it should" if result.failed else "should fail, but passes")
    print(f"{mark} {result.path}  {painter(', '.join(facts), 'dim')}")


def _print_json(results: list[Result]) -> None:
    import json

    from graphlang.diagnostics.render import as_json

    print(
        json.dumps(
            {
                "files": [
                    {
                        "file": r.path,
                        "ok": r.passed,
                        "expectations": r.expectations,
                        "gradients": r.gradients,
                        "kinks": r.kinks,
                        "diagnostics": [as_json(d) for d in r.diagnostics],
                    }
                    for r in results
                ]
            },
            ensure_ascii=False,
        )
    )
