"""A file that learns as a Python script that needs NumPy alone and trains as the tool does, to the bit.

`forward` and `backward` are those of one step, with only the gradients that are learned from;
`clip_gradients`, `schedule` and `update` are the learner's (`update_text.py`); around them is the loop
(`training_loop.py`). Where the model is another one after training (dropout, batch normalisation) it has a
function of its own, and with a `Listing` there is the compiled step besides (`compiled_text.py`).
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.emit import training_loop, training_main
from graphlang.emit.compiled_text import compiled_function
from graphlang.emit.epoch_line import epoch_line
from graphlang.emit.folding import fold, wrapped
from graphlang.emit.kernels import Kernels
from graphlang.emit.numpy_data import data_function, fed_by, generated_function
from graphlang.emit.numpy_functions import Asked, Functions
from graphlang.emit.numpy_script import start_function
from graphlang.emit.numpy_sizes import FreeSizes
from graphlang.emit.part import compute_alike, part_for
from graphlang.emit.python_text import array_text, tuple_text, types_with
from graphlang.emit.training_loop import Fast, Plan
from graphlang.emit.update_text import FLOATS, Updating, updating
from graphlang.emit.writer import Names, data_path, quoted
from graphlang.generators import GENERATORS
from graphlang.graph.learner import TrainingStep
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.plan.listing import Listing
from graphlang.plan.work import suits_one_thread
from graphlang.records import replace

# Names that the script has a use for itself.
_OWN = (
    "np argparse csv gc json math os re sys time zipfile FLOAT EPOCHS BATCH HOLDOUT PATIENCE SEED"
    " REPORTED EVALUATED UPDATED UPDATES INPUTS LEARNED inputs params values seed gradients gradient"
    " weight rate total factor parameters forward infer backward clip_gradients schedule states update"
    " split_rows batches evaluate train faded all_finite check write_log gradcheck save main compiled"
    " partial data read_digits read_table numbers parsed place column columns whole epoch_line"
    " along"
)
_FILES = ("csv", "npz", "npy")


class Settings(Protocol):
    """How long and on what is trained."""

    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int | None: ...
    @property
    def holdout(self) -> float: ...
    @property
    def patience(self) -> int | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def shuffle(self) -> bool: ...


def training_script(
    step: TrainingStep,
    inference: Model,
    settings: Settings,
    *,
    data: DataSpec | None = None,
    folder: str = ".",
    dtype: str = "float32",
    listing: Listing | None = None,
) -> str:
    """A training run as a standalone NumPy script.

    Parameters
    ----------
    step : TrainingStep
    inference : Model
        The same file, elaborated for inference and differentiated; its loss is that of the rows held out.
    settings : Settings
    data : DataSpec, optional
        Where the rows are from.
    folder : str
        Where the script is going to lie: paths of data files are written as seen from there.
    dtype : str
        The precision that the script computes in unless told otherwise.
    listing : Listing, optional
        The compiled step, which the script then also has, for batches of the usual size.

    Raises
    ------
    GraphlangError
        E0804 for data that NumPy cannot read, E0901 for inputs that nothing feeds.
    """
    return fold(_Script(step, inference, settings, data, folder, dtype, listing).text())


@dataclass(frozen=True, slots=True)
class _Rows:
    """The functions that read or make the data, what these import, and whether there are any."""

    functions: list[str]
    imports: set[str]
    has_file: bool

    @property
    def exist(self) -> bool:
        return bool(self.functions)


class _Script:
    def __init__(
        self,
        step: TrainingStep,
        inference: Model,
        settings: Settings,
        data: DataSpec | None,
        folder: str,
        dtype: str,
        listing: Listing | None,
    ):
        self.listing = listing
        self.step, self.settings, self.folder, self.dtype = step, settings, folder, dtype
        self.reported = {"loss": step.loss, **step.model.metrics}
        training = inference.training
        assert training is not None and training.minimize is not None
        self.evaluated = {"loss": training.minimize, **inference.metrics}
        self.inference = inference
        self.states = {state.path: value for state, value in step.model.updates}
        self.types = types_with(FLOATS)
        self.definitions: dict[str, str] = {}
        self.data_kernels = Kernels(is_told=True)
        self.rows = self._rows(data)

    def text(self) -> str:
        step, names = self.step, Names(_reserved(), form="NFKC")
        wanted = [*self.reported.values(), *self.states.values()]
        model = part_for(step.model, wanted, step.gradients)
        called: dict[Node, str] = {}
        sizes = FreeSizes(model, names, called)
        kernels = Kernels(sizes.variable, FLOATS, is_told=True)
        asked = Asked(wanted, step.gradients)
        functions = Functions(model, kernels, names, sizes, called, self.settings.seed, asked, self.types)
        forward = functions.forward(doc="What `backward` needs, and what is reported, by path.")
        computing = [
            start_function(self._everything(), kernels, names, sizes, self.settings.seed, self.types),
            forward,
            functions.backward(),
        ]
        after, draws_after = self._after_training(functions.draws)
        update = updating(step.model, step.learner, kernels, _reserved())
        if self.listing is not None:
            computing.append([compiled_function(self.listing, step.learner.state_of)])
            for function in self.listing.functions:
                kernels.copy(function)
        plan = self._plan(model, update, functions.draws, draws_after, bool(after))
        helpers = {**self.data_kernels.definitions, **kernels.definitions, **self.definitions}
        return self._assembled(plan, model, helpers, ["\n".join(lines) for lines in computing], after)

    def _everything(self) -> Model:
        """The model with all that a file of weights holds: parameters, then states."""
        model = self.step.model
        return replace(model, initial_of={p: model.initial_of[p] for p in (*model.params, *model.states)})

    def _after_training(self, draws: bool) -> tuple[str, bool]:
        """The function of the finished model if it is another than `forward`; whether it draws numbers."""
        learned, used = list(self.reported.values()), list(self.evaluated.values())
        if compute_alike(learned, used) or not self.rows.exist or self.settings.holdout <= 0:
            return "", draws
        model = part_for(self.inference, used)
        names = Names(_reserved(), form="NFKC")
        called: dict[Node, str] = {}
        sizes = FreeSizes(model, names, called)
        kernels = Kernels(sizes.variable, FLOATS, is_told=True)
        functions = Functions(
            model, kernels, names, sizes, called, self.settings.seed, Asked(used), self.types
        )
        lines = functions.forward("infer", "The loss and the metrics of the finished model, by path.")
        self.definitions |= kernels.definitions
        return "\n".join(lines), functions.draws

    def _plan(self, model: Model, update: Updating, draws: bool, draws_after: bool, differs: bool) -> Plan:
        s = self.settings
        return Plan(
            name=self.step.model.name,
            of=self.step.loss.path,
            reported={name: n.path for name, n in self.reported.items()},
            evaluated={name: n.path for name, n in (self.evaluated if differs else self.reported).items()},
            updated={path: n.path for path, n in self.states.items()},
            epochs=s.epochs,
            batch=s.batch,
            holdout=s.holdout,
            patience=s.patience,
            seed=s.seed,
            shuffle=s.shuffle,
            has_data=self.rows.exist,
            has_file=self.rows.has_file,
            has_constants=bool(self._constants(model)),
            draws=draws,
            draws_after=draws_after,
            forward_after="infer" if differs else "forward",
            updating=update,
            dtype=self.dtype,
            fast=self._fast(self.listing) if self.listing is not None else None,
        )

    def _fast(self, listing: Listing) -> Fast:
        """How the loop calls the compiled step."""
        times = training_loop.time_texts(self.rows.exist)
        clock = {leaf.path: times[name] for name, leaf in self.step.clock.items()}
        arguments = [clock[path] if path in clock else self._input(path, "inputs") for path in listing.feeds]
        look = listing.evaluation
        if look is None or not self.rows.exist:
            return Fast(listing.counts, listing.dtype, tuple(arguments))
        looked = tuple(self._input(path, "piece") for path in look.feeds)
        return Fast(listing.counts, listing.dtype, tuple(arguments), look.count, looked)

    def _input(self, path: str, batch: str) -> str:
        """An input in the batch of that name, or one that is always the same."""
        if path in self.fed or not self._constants(self.step.model):
            return f"{batch}[{quoted(path)}]"
        kind = self.types[self.step.model.by_path[path].type.dtype]
        return f"np.asarray(INPUTS[{quoted(path)}], dtype={kind})"

    # --- data -------------------------------------------------------------------------------------

    def _rows(self, spec: DataSpec | None) -> _Rows:
        if spec is None:
            self.fed: set[str] = set()
        else:
            columns = spec.columns or spec.kind in GENERATORS
            self.fed = set(fed_by(self.step.model, spec) if spec.columns else ("x", "y") if columns else ())
        found = self._functions_of(spec) if spec is not None else _Rows([], set(), False)
        self._check_inputs(spec)
        return found

    def _functions_of(self, spec: DataSpec) -> _Rows:
        model = self.step.model
        if spec.kind in GENERATORS:
            made = generated_function(model, spec, self.data_kernels, self.types)
            return _Rows(made, set(), False)
        if spec.kind not in _FILES:
            problems = Problems()
            problems.error(
                "E0804",
                spec.span,
                f"A script that needs NumPy alone cannot read `{spec.path}`.",
                suggestion="Convert it to .npz, and name that file here or with `--data FILE.npz`.",
            )
            raise GraphlangError(problems)
        path = data_path(spec, self.folder)
        return _Rows(*data_function(model, spec, path, self.data_kernels, self.types), True)

    def _check_inputs(self, spec: DataSpec | None) -> None:
        """Inputs that nothing feeds, where that is known: a file of columns may have any names."""
        if spec is not None and not spec.columns and spec.kind in _FILES:
            return
        problems = Problems()
        for name, node in self.step.model.inputs.items():
            if name not in self.fed and node.attrs.get("default") is None:
                problems.error(
                    "E0901",
                    node.span,
                    f"The input `{name}` has no value.",
                    suggestion="Let the data block feed it, or give it a default.",
                )
        if problems.has_errors:
            raise GraphlangError(problems)

    def _constants(self, model: Model) -> dict[str, str]:
        """The inputs that the data do not feed, as the file gives them."""
        found: dict[str, str] = {}
        for name, node in model.inputs.items():
            default = node.attrs.get("default")
            if default is not None and name not in self.fed:
                array = np.asarray(default)
                whole = all(isinstance(s, int) for s in node.shape)
                found[name] = array_text(np.broadcast_to(array, node.shape) if whole else array)
        return found

    # --- text -------------------------------------------------------------------------------------

    def _assembled(
        self, plan: Plan, model: Model, helpers: Mapping[str, str], computing: list[str], after: str
    ) -> str:
        line = Kernels()
        line.copy(epoch_line)
        texts = [t for t in (*helpers.values(), *line.definitions.values()) if t]
        save = training_main.save_function(self._everything().initial_of)
        below = [
            *plan.updating.functions,
            *training_loop.functions(plan),
            training_main.gradcheck_function(plan),
            save,
            training_main.main_function(plan),
            _START if plan.fast is None else _FAST_START,
        ]
        imports = {t for t in texts if t.startswith("import ")} | self.rows.imports
        imports |= {"import argparse", "import math", "import os", "import sys", "import time"}
        if any("partial(" in text for text in computing):
            imports.add("from functools import partial")
        if "zipfile." in save:
            imports.add("import zipfile")
        imports |= set() if plan.fast is None else {"import gc"}
        has_one_thread = suits_one_thread(self.step, self.settings.batch)
        learned = "# The parameters that are learned.\nLEARNED = " + tuple_text(tuple(self.step.gradients))
        head = [
            self._docstring(),
            _import_lines(imports, has_one_thread, plan.fast is not None),
            *training_loop.constants(plan, self._constants(model)),
            *([learned] if plan.updating.keeps else []),
        ]
        parts = [
            "\n\n".join(head),
            *(t for t in texts if t not in imports),
            *self.rows.functions,
            *computing,
            after,
            *below,
        ]
        return "\n\n\n".join(part.rstrip() for part in parts if part) + "\n"

    def _docstring(self) -> str:
        model = self.step.model
        description = model.description.strip()
        lines = [description, ""] if description else []
        lines.append(
            f"Written by graphlang from {model.name}.graph; needs NumPy alone, and trains as"
            f" `graphlang train` does, to the bit: `backward` goes from {self.step.loss.path} back to the"
            f" parameters, and `update` is the optimizer `{self.step.learner.optimizer}`."
        )
        body = wrapped('"""' + "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"'))
        return f'{body}\n"""'


def _reserved() -> set[str]:
    words = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_OWN.split(), *GENERATORS}
    return words | set(registry.all_ops())


_START = """\
if __name__ == "__main__":
    main()"""
_FAST_START = """\
if __name__ == "__main__":
    main()
    gc.freeze()  # at the end there is nothing to be collected either"""

# Before NumPy is imported, since the threads are started then.
_ONE_THREAD = """\
# Products this small are computed sooner without threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
"""

_NO_COLLECTOR = """\
# Nothing here refers to itself: looking for what does takes as long as hundreds of steps.
if __name__ == "__main__":
    gc.disable()
"""


def _import_lines(lines: set[str], has_one_thread: bool, is_fast: bool) -> str:
    standard = lines - {"import numpy as np"}
    ordered = sorted(standard, key=lambda text: (text.startswith("from"), text))
    before = [*([_ONE_THREAD] if has_one_thread else []), *([_NO_COLLECTOR] if is_fast else [])]
    return "\n".join([*ordered, "", *before, "import numpy as np"])
