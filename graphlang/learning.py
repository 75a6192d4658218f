"""The journey of a file that learns: from its text to a training run, and to a trained model on data.

Like `pipeline`, each function here calls one stage after another and hands their problems on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import Diagnostic, GraphlangError, Outcome, Problems
from graphlang.differentiate.differentiate import differentiate
from graphlang.differentiate.training_step import training_step
from graphlang.graph.dag import ancestors
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import Node
from graphlang.pipeline import DTYPES, compile_tree, data_of, seed_of, weights_of
from graphlang.records import Record, field, replace
from graphlang.run import feeds
from graphlang.run.batches import Feed, Split, split_rows
from graphlang.run.evaluator import Evaluator
from graphlang.run.files import listed, printable
from graphlang.run.rows import Rows, open_rows
from graphlang.run.session import initial_values
from graphlang.run.settings import settings_of
from graphlang.run.train import Progress, Trainer
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.parse import parse


class Training(Record, frozen=False):
    """A training run that has not begun."""

    trainer: Trainer
    progress: Progress
    rows: Rows | None
    warnings: list[Diagnostic] = field(default_factory=list)


def prepare_training(
    source: SourceFile,
    *,
    overrides: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    data: str | None = None,
    feed: str | None = None,
    weights: str | Mapping[str, Any] | None = None,
    dtype: str = "float32",
    threads: int = 1,
    is_fast: bool = False,
    jit: bool | None = False,
) -> Training:
    """Compile a file for training and find its data and where its parameters start.

    Parameters
    ----------
    source : SourceFile
    overrides : mapping, optional
        Values for constants and inputs.
    settings : mapping, optional
        Settings in place of the train block's (see `run.settings.Settings`); None leaves one as it is.
    data : str, optional
        A file in place of that of the train block's data.
    feed : str, optional
        A file of inputs that are the same for every batch.
    weights : str or mapping, optional
        A file or parameters by path, to start from.
    dtype : str
        `float32` or `float64`.
    threads, is_fast
        Faster ways that take sums in another order (`Trainer`).
    jit : bool or None
        Whether a C compiler is used, which changes no bit (`Trainer`).

    Raises
    ------
    GraphlangError
        With everything that is wrong with the file, its data and the weights.
    """
    problems = Problems()
    parsed = parse(source)
    model = _compiled(parsed, overrides, problems, training=True)
    _check_learner(model, problems)
    inference = model
    if model.depends_on_training:
        inference = _compiled(parsed, overrides, problems, training=False)
    rows, spec = None, data_of(model)
    if spec is not None:
        rows = open_rows(spec, problems, data)
        if rows is not None and data is not None:
            rows = _with_classes(rows, spec, data, problems)
    elif data is not None:
        problems.error("E0917", None, "The file has no data block that `--data` could replace.")
    fixed = feeds.read_feed(feed, problems) if feed is not None else {}
    given = weights_of(model, weights, problems)
    _stop(problems)
    step = training_step(model)
    batches = Feed(step.model, rows, spec, fixed, DTYPES[dtype], problems)
    _stop(problems)
    found = settings_of(model.training, settings or {})
    if jit:
        from graphlang.run.native import compiler

        compiler()  # that there is none is told before anything is trained
    # Where training changes nothing about the file, its step knows all that rows held out are asked for.
    asked = step.model if inference is model else differentiate(inference)
    trainer = Trainer(step, asked, batches, found, DTYPES[dtype], threads, is_fast, jit)
    return Training(trainer, trainer.start(given), rows, list(problems))


def with_rows(training: Training, more: Mapping[str, np.ndarray]) -> Training:
    """The same run from its beginning, learning from more rows than the data have.

    Parameters
    ----------
    training : Training
        Its rows must be in memory.
    more : mapping of str to array
        What the rows feed, by line of the data block; lines that are left out must feed nothing.

    Raises
    ------
    GraphlangError
        E0806 if they do not fit the model's inputs.
    """
    before, rows, problems = training.trainer, training.rows, Problems()
    assert rows is not None
    whole, model = rows.extended(more), before.step.model
    feed = Feed(model, whole, whole.spec, {}, before.dtype, problems)
    _stop(problems)
    added = whole.count - rows.count
    trainer = Trainer(
        before.step,
        before.inference,
        feed,
        before.settings,
        before.dtype,
        before.threads,
        before.is_fast,
        before.jit,
        added=added,
    )
    return Training(trainer, trainer.start(), whole, training.warnings)


def _compiled(
    parsed: Outcome[tree.File], overrides: Mapping[str, Any] | None, problems: Problems, *, training: bool
) -> Model:
    outcome = compile_tree(parsed.value, training=training, overrides=overrides)
    for problem in (*parsed.problems, *outcome.problems):
        if problem not in problems.found:
            problems.add(problem)
    _stop(problems)
    return outcome.value


def _check_learner(model: Model, problems: Problems) -> None:
    spec = model.training
    if spec is None:
        problems.error(
            "E0917",
            None,
            f"`{model.source.name}` has no train block.",
            suggestion="Say what is learned: `train on DATA { minimize = loss }`.",
        )
    elif spec.minimize is None:
        problems.error(
            "E0917",
            spec.span,
            "The train block does not say what is minimised.",
            suggestion="Add `minimize = loss`, for example.",
        )
    elif spec.learner is None or not spec.learner.weights:
        problems.error(
            "E0917",
            spec.span,
            f"`{spec.minimize.path}` depends on no parameter, so there is nothing to learn.",
            suggestion="Declare what is learned: `param w: [3] ~ normal(0, 0.1)`.",
        )


def _stop(problems: Problems) -> None:
    if problems.has_errors:
        raise GraphlangError(problems)


# --- a trained model ------------------------------------------------------------------------------------


class Inference(Record, frozen=False):
    """A model with its weights and data, ready to be asked.

    Attributes
    ----------
    model : Model
        Elaborated for inference and differentiated.
    values : dict of str to array
        Parameters and states by path.
    split : Split
        Which rows training learns from; all where the data are others than the file's.
    whole : Model
        All of the file, as compiled.
    """

    whole: Model
    model: Model
    evaluator: Evaluator
    values: dict[str, Any]
    rows: Rows | None
    split: Split
    warnings: list[Diagnostic] = field(default_factory=list)

    @property
    def classes_of(self) -> dict[str, tuple[str, ...]]:
        """Of the inputs that are columns of texts, the classes in order; read from the file's own data."""
        spec = data_of(self.whole)
        found = open_rows(spec, Problems()) if spec is not None else None
        return dict(found.classes_of) if found is not None else {}

    @property
    def every_row(self) -> np.ndarray:
        """The numbers of all rows."""
        return np.arange(self.split.count)


def prepare_inference(
    source: SourceFile,
    wanted: Callable[[Model], Mapping[str, Node]],
    *,
    overrides: Mapping[str, Any] | None = None,
    weights: str | Mapping[str, Any] | None = None,
    data: str | None = None,
    feed: str | None = None,
    seed: int | None = None,
    dtype: str = "float32",
) -> Inference:
    """Compile a file for inference, with what is asked of it.

    Parameters
    ----------
    source : SourceFile
    wanted : function
        The nodes to compute by name, given the compiled model. Inputs that they do not depend on, and the
        data's lines for those, are left out: labels are not needed to predict.
    weights, data, feed, overrides, dtype
        As for `prepare_training`.
    seed : int, optional
        By default the train block's: it says which rows were held out.

    Raises
    ------
    GraphlangError
        With everything that is wrong with the file, its data and the weights.
    """
    problems = Problems()
    whole = _compiled(parse(source), overrides, problems, training=False)
    given = weights_of(whole, weights, problems)
    nodes = wanted(whole)
    model = _restricted(whole, nodes.values())
    rows, spec = None, data_of(model)
    if spec is not None and (columns := tuple(c for c in spec.columns if model.find(c.name) in model.nodes)):
        spec = replace(spec, columns=columns)
    if spec is not None and feed is None:
        rows = open_rows(spec, problems, data)
        if rows is not None and data is not None:
            rows = _with_classes(rows, spec, data, problems)
    fixed = feeds.read_feed(feed, problems) if feed is not None else {}
    fixed = {name: a for name, a in fixed.items() if name in model.inputs or name not in whole.inputs}
    _stop(problems)
    differentiated = differentiate(model)
    batches = Feed(differentiated, rows, spec, fixed, DTYPES[dtype], problems)
    _stop(problems)
    settings = settings_of(model.training, {"seed": seed})
    split = split_rows(batches.count, settings.holdout if data is None else 0.0, settings.seed)
    asked = {name: differentiated.by_path[n.path] for name, n in nodes.items()}
    evaluator = Evaluator(differentiated, asked, batches, DTYPES[dtype], seed_of(model, seed))
    starts = initial_values(model, DTYPES[dtype], seed_of(model, seed), given)
    values = {
        p: _as(DTYPES[dtype], model.by_path[p], v)
        for p, v in {**starts, **given}.items()
        if p in model.by_path
    }
    return Inference(whole, differentiated, evaluator, values, rows, split, list(problems))


def _with_classes(rows: Rows, spec: DataSpec, data: str, problems: Problems) -> Rows:
    """Other data with the class numbers of the file's own: what learned from one is asked of the other."""
    own = open_rows(spec, Problems()) if rows.classes else None
    if own is None:
        return rows
    held = dict(rows.held)
    for name, classes in rows.classes_of.items():
        known = own.classes_of.get(name, classes)
        strangers = [c for c in classes if c not in known]
        if strangers:
            problems.error(
                "E0806",
                spec.span,
                f'`{name}` in "{printable(data)}" holds `{printable(strangers[0])}`, which is no class of'
                f" `{spec.name}`.",
                notes=[f"Its classes are {listed(map(printable, known))}."],
            )
        elif known != classes:
            held[name] = np.array([known.index(c) for c in classes])[held[name]]
    taken = set(rows.classes_of.values())
    for column, classes in rows.classes.items():
        if own.classes.get(column, classes) != classes and classes not in taken:
            problems.error(
                "E0806",
                spec.span,
                f'`{printable(column)}` in "{printable(data)}" has other classes than in `{spec.name}`, so'
                " that its numbers mean others.",
                notes=[f"There they are {listed(map(printable, own.classes[column]))}."],
            )
    return replace(rows, held=held, classes_of={**rows.classes_of, **own.classes_of})


def _restricted(model: Model, nodes: Iterable[Node]) -> Model:
    """The part of a model that some nodes need."""
    needed = ancestors(nodes)
    kept = {n.path for n in needed}
    return replace(
        model,
        nodes=[n for n in model.nodes if n in needed],
        outputs=[n for n in model.outputs if n in needed],
        metrics={name: n for name, n in model.metrics.items() if n in needed},
        expectations=[],
        updates=[],
        gate_rules=[r for r in model.gate_rules if all(o in needed for o in (*r.outputs, *r.operands))],
        aliases={name: n for name, n in model.aliases.items() if n in needed},
        initial_of={path: n for path, n in model.initial_of.items() if path in kept},
        training=None
        if model.training is None
        else replace(
            model.training,
            minimize=model.training.minimize if model.training.minimize in needed else None,
            learner=None,
        ),
    )


def _as(dtype: Any, node: Node, value: Any) -> np.ndarray:
    return np.asarray(value, dtype if node.type.is_float else None)
