"""Train the model of a file as its train block says.

Prints a line per epoch. With -o the weights are written. Where rows are held out, or there is patience,
they are those of the best epoch, and those of the last epoch are written beside them. With --checkpoint a run
that was stopped, or killed, is taken up again by --resume as if it had never stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from graphlang.cli import common
from graphlang.cli.progress import Bar, duration
from graphlang.diagnostics import GraphlangError, Problems

if TYPE_CHECKING:
    from graphlang.learning import Training
    from graphlang.plot.log import Scores
    from graphlang.run.train import Progress, Record

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang train examples/digits_mlp.graph -o digits.npz")
    parser.add_argument("-o", "--output", metavar="FILE", help="the weights: .npz or .safetensors")
    parser.add_argument("--epochs", type=common.natural, metavar="N", help="in place of the train block's")
    parser.add_argument("--batch", type=_batch, metavar="N", help="rows per update, or `all`")
    parser.add_argument("--seed", type=common.natural, metavar="N", help="in place of the train block's")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument(
        "--fast", action="store_true", help="take sums in the fastest order: no longer a script's bits"
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        metavar="N",
        default=1,
        help="share every batch among N threads, --fast; `auto`: where it pays",
    )
    parser.add_argument(
        "--jit",
        action=argparse.BooleanOptionalAction,
        help="compile steps in C: at once, with --fast the products too, or never (default: in longer runs)",
    )
    common.add_model_options(parser)
    parser.add_argument("--data", metavar="FILE", help="a file in place of that of the data block")
    parser.add_argument("--feed", metavar="FILE", help="inputs that are the same in every step")
    parser.add_argument("--weights", metavar="FILE", help="where to start from, instead of the initialisers")
    parser.add_argument("--log", metavar="FILE", help="write a JSON object per epoch: run.jsonl")
    parser.add_argument("--plot", metavar="FILE", help="draw the curves at the end: .svg, .png or .pdf")
    parser.add_argument("--checkpoint", metavar="DIR", help="write checkpoints into this folder")
    parser.add_argument(
        "--every", type=common.count, metavar="N", help="steps between checkpoints (default: every epoch)"
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        nargs="?",
        const="",
        help="go on from the newest checkpoint of --checkpoint, or from this one",
    )
    parser.add_argument("--json", action="store_true", help="print the log's objects instead of lines")
    common.add_output_options(parser)


def _batch(text: str) -> int | str:
    return "all" if text == "all" else common.count(text)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.run.blas import import_numpy_with_one_thread

    _check_options(options)
    import_numpy_with_one_thread()
    training = _prepared(options)
    common.report(training.warnings, options.color)
    run = _Run(options, training)
    with _Signals() as signals:
        run.train(signals)
    if signals.caught is not None:
        return run.stopped(signals.caught)
    run.finish()
    return 0


def _check_options(options: argparse.Namespace) -> None:
    """What can be said before anything is computed."""
    problems = Problems()
    if options.resume is not None and not (options.resume or options.checkpoint):
        problems.error(
            "E0916",
            None,
            "`--resume` needs to know where the checkpoints are.",
            suggestion="Write `--checkpoint DIR --resume`, or `--resume FILE`.",
        )
    if options.output and not options.output.lower().endswith((".npz", ".safetensors")):
        problems.error("E0906", None, f"`{options.output}` does not end in .npz or .safetensors.")
    if options.plot:
        from graphlang.plot.save import format_of
        from graphlang.plot.style import has_matplotlib

        if format_of(options.plot, problems) is not None:
            has_matplotlib(problems)
    for path in (options.output, options.log, options.plot):
        folder = os.path.dirname(path) if path else ""
        if folder and not os.path.isdir(folder):
            problems.error("E0912", None, f"`{path}` cannot be written: there is no folder `{folder}`.")
    if options.checkpoint and os.path.exists(options.checkpoint) and not os.path.isdir(options.checkpoint):
        problems.error("E0912", None, f"`{options.checkpoint}` is no folder, so it cannot hold checkpoints.")
    common.stop_on_errors(problems)


def _threads(text: str) -> int:
    """A number of threads as argparse's `type`; 0 stands for `auto`."""
    try:
        return 0 if text == "auto" else common.count(text)
    except (ValueError, argparse.ArgumentTypeError):
        raise argparse.ArgumentTypeError("a whole number from 1, or `auto`, is needed") from None


def _prepared(options: argparse.Namespace) -> Training:
    from graphlang import learning
    from graphlang.elaborate.settings import parse_settings, unknown_settings

    source = common.read(options.file)
    overrides, problems = parse_settings(options.set)
    common.stop_on_errors(problems)
    settings = {"epochs": options.epochs, "batch": options.batch, "seed": options.seed}
    training = learning.prepare_training(
        source,
        overrides=overrides,
        settings=settings,
        data=options.data,
        feed=options.feed,
        weights=options.weights,
        dtype=options.dtype,
        threads=options.threads,
        is_fast=options.fast,
        jit=options.jit,
    )
    unknown_settings(training.trainer.step.model, overrides, problems)
    common.stop_on_errors(problems)
    if training.rows is not None:
        common.spare([training.rows.file], (options.output, options.log, options.plot))
    return training


class _Signals:
    """Ctrl-C and SIGTERM end the run after the step at hand; a second one ends it at once."""

    def __init__(self) -> None:
        self.caught: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Signals:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        self.caught = number
        for other, handler in self._before.items():
            signal.signal(other, handler)


def _so_far(progress: Progress) -> str:
    """`epoch 3  loss 0.2718  accuracy 0.9131`: the means over the rows of the epoch at hand."""
    means = (f"{name} {total / progress.rows:.4g}" for name, total in progress.sums.items())
    return "  ".join([f"epoch {progress.epoch + 1}", *means])


class _Run:
    """One training run: its progress, its log and its checkpoints."""

    def __init__(self, options: argparse.Namespace, training: Training):
        from graphlang.run.runlog import RunLog

        self.options, self.trainer = options, training.trainer
        self.progress = self._resumed() or training.progress
        self.saved_at: int | None = None
        try:
            self.log = RunLog(options.log, self.progress.epoch) if options.log else None
        except OSError as error:
            raise _cannot_write(options.log, error) from error
        self.records: list[Record] = []
        self._introduce(training)

    def _resumed(self) -> Progress | None:
        options = self.options
        if options.resume is None:
            return None
        from graphlang.run.checkpoint import checkpoints, read_checkpoint

        path = options.resume or next(reversed(checkpoints(options.checkpoint)), None)
        if path is None:
            common.remark(options, f"There is no checkpoint in `{options.checkpoint}` yet: starting anew.")
            return None
        problems = Problems()
        progress = read_checkpoint(path, self.trainer, problems)
        common.stop_on_errors(problems)
        assert progress is not None
        common.remark(options, f"Going on from `{path}`: step {progress.step}, epoch {progress.epoch + 1}.")
        return progress

    def _introduce(self, training: Training) -> None:
        trainer, settings = self.trainer, self.trainer.settings
        learner = trainer.step.learner
        size = sum(math.prod(map(int, n.shape)) for n in learner.weights.values())
        told = [f"{size:,} parameters", learner.optimizer]
        if trainer.feed.count:
            held = len(trainer.split.held)
            told.append(f"{trainer.split.size:,} examples" + (f" and {held:,} held out" if held else ""))
            told.append(f"batches of {settings.batch:,}" if settings.batch else "full batches")
        common.remark(self.options, f"{trainer.step.model.name}: {', '.join(told)}")
        rows = training.rows
        for name, classes in (rows.classes_of if rows is not None else {}).items():
            numbered = ", ".join(f"{i} = {text}" for i, text in enumerate(classes))
            common.remark(self.options, f"Classes of `{name}`: {numbered}.")

    # --- going on -----------------------------------------------------------------------------

    def train(self, signals: _Signals) -> None:
        """Train to the end, or until a signal arrives; checkpoints are written on the way."""
        trainer, progress = self.trainer, self.progress
        total = trainer.settings.epochs * trainer.batches
        is_quiet = self.options.quiet or self.options.json
        bar = Bar(total, progress.step, is_shown=not is_quiet)
        seen, batch = 0, trainer.settings.batch or max(1, trainer.split.size)
        try:
            for found in trainer.steps(progress):
                if isinstance(found, float):
                    seen += batch
                    if self._is_due(progress, at_epoch=False):
                        self._save()
                    bar.show(progress.step, seen, lambda: _so_far(progress))
                else:
                    bar.clear()
                    self._record(found)
                if signals.caught is not None:
                    break
        except GraphlangError as error:
            bar.clear()
            raise self._with_checkpoint(error) from error
        bar.clear()

    def _is_due(self, progress: Progress, *, at_epoch: bool) -> bool:
        every = self.options.every
        if not self.options.checkpoint or progress.step == self.saved_at:
            return False
        return at_epoch if every is None else progress.step % every == 0

    def _record(self, record: Record) -> None:
        from graphlang.emit.epoch_line import epoch_line
        from graphlang.run.runlog import as_object

        self.records.append(record)
        if self.log is not None:
            try:
                self.log.write(record)
            except OSError as error:
                raise _cannot_write(self.options.log, error) from error
        if self.options.json:
            print(json.dumps(as_object(record), ensure_ascii=False), flush=True)
        else:
            epochs = self.trainer.settings.epochs
            print(epoch_line(record.epoch, epochs, record.loss, record.metrics, record.holdout), flush=True)
        if self._is_due(self.progress, at_epoch=True):
            self._save()

    def _save(self) -> str:
        from graphlang.run.checkpoint import write_checkpoint

        self.trainer.check(self.progress)
        try:
            path = write_checkpoint(self.options.checkpoint, self.trainer, self.progress)
        except OSError as error:
            raise _cannot_write(self.options.checkpoint, error) from error
        self.saved_at = self.progress.step
        return path

    def _with_checkpoint(self, error: GraphlangError) -> GraphlangError:
        """The error, and the last checkpoint, which is good."""
        from graphlang.run.checkpoint import checkpoints

        folder = self.options.checkpoint
        last = next(reversed(checkpoints(folder)), None) if folder else None
        if last is not None:
            common.remark(self.options, f"The last good checkpoint is `{last}`.")
        return error

    # --- ends -----------------------------------------------------------------------------------

    def stopped(self, number: int) -> int:
        """Say where a run stands that a signal has ended; the exit status."""
        progress = self.progress
        text = f"Stopped after step {progress.step}."
        if self.options.checkpoint:
            path = self._save()
            text += f" `{path}` is written; `--resume` goes on from there."
        common.remark(self.options, text)
        return SIGNALS[signal.Signals(number)]

    def finish(self) -> None:
        """Write what was asked for, and say what can be done next."""
        options, progress, trainer = self.options, self.progress, self.trainer
        if trainer.settings.patience is not None and progress.epoch < trainer.settings.epochs:
            common.remark(
                options,
                f"Stopped after epoch {progress.epoch}: none was better than epoch {progress.best_epoch}.",
            )
        took = f"{progress.step:,} steps in {duration(progress.seconds)}"
        if progress.best is not None:
            which = "held-out " if len(trainer.split.held) else ""
            took += f"; best epoch {progress.best_epoch}, {which}loss {progress.best_loss:.4g}"
        common.remark(options, took)
        if options.output:
            self._write_weights(options.output)
        if options.plot:
            self._plot(options.plot)
        self._what_next()

    def _write_weights(self, path: str) -> None:
        from graphlang.run.weights import write_weights

        progress, problems = self.progress, Problems()
        last = self.trainer.kept(progress.values)
        write_weights(path, progress.best or last, problems)
        common.stop_on_errors(problems)
        common.remark(self.options, f"Wrote {path}.")
        if progress.best is not None:
            stem, ending = os.path.splitext(path)
            write_weights(f"{stem}.last{ending}", last, problems)
            common.stop_on_errors(problems)
            common.remark(self.options, f"Wrote {stem}.last{ending}, the weights of the last epoch.")

    def _plot(self, path: str) -> None:
        """Draw the curves: of the whole run if its log was kept, else of the epochs since it was resumed."""
        from graphlang.cli.plot import draw_runs
        from graphlang.plot.log import EpochRecord, RunLog, read_log

        runs = []
        if self.options.log:
            problems = Problems()
            found = read_log(self.options.log, problems)
            common.stop_on_errors(problems)
            runs = [found] if found is not None else []
        elif self.records:
            epochs = tuple(
                EpochRecord(r.epoch, _scores(r.loss, r.metrics), _held_scores(r), r.step, r.seconds)
                for r in self.records
            )
            runs = [RunLog(self.trainer.step.model.name, epochs)]
        if runs:
            draw_runs(runs, path)
            common.remark(self.options, f"Wrote {path}.")

    def _what_next(self) -> None:
        options = self.options
        if options.file == "-" or options.quiet:
            return
        if options.output:
            lines = [
                f"graphlang eval {options.file} --weights {options.output}",
                f"graphlang export {options.file} --to numpy --infer -o {self.trainer.step.model.name}.py",
            ]
        else:
            lines = [f"graphlang train {options.file} -o {self.trainer.step.model.name}.npz   # to keep it"]
        common.remark(options, "Next:\n" + "\n".join(f"  {line}" for line in lines))


def _scores(loss: float, metrics: Mapping[str, float]) -> Scores:
    from graphlang.plot.log import Scores

    return Scores(loss, metrics)


def _held_scores(record: Record) -> Scores | None:
    if record.holdout is None:
        return None
    return _scores(record.holdout["loss"], {k: v for k, v in record.holdout.items() if k != "loss"})


def _cannot_write(path: str, error: OSError) -> GraphlangError:
    problems = Problems()
    problems.error("E0912", None, f"`{path}` cannot be written: {error.strerror or error}.")
    return GraphlangError(problems)
