"""A model as a Python script that needs NumPy alone and reads like one written by hand.

`parameters(seed)` says where learning starts, `forward(inputs, params)` computes every value by the file's
own names, `backward(values)` has one line for each step of the chain rule. Run with `--json` the script
prints the object of `graphlang run --json`, the same bits: it does the plan's operations, each as its own
kernel writes it (`kernels.py`), or for numbers its spelling (`number_functions.py`), on numbers of the same
kinds.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Mapping

import numpy as np

from graphlang.emit import numpy_main
from graphlang.emit.formulas import uses_of
from graphlang.emit.kernels import Kernels
from graphlang.emit.number_functions import PREFIX
from graphlang.emit.numpy_block import Block, Home
from graphlang.emit.numpy_data import data_function, generated_function
from graphlang.emit.numpy_functions import Functions, in_order
from graphlang.emit.numpy_sizes import FreeSizes
from graphlang.emit.python_text import NUMPY, array_text, dict_text, tuple_text
from graphlang.emit.writer import Names, data_path, quoted, without_result
from graphlang.generators import GENERATORS
from graphlang.graph.dag import ancestors
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.plan.schedule import make_plan
from graphlang.types.tensor import DType

# Names that the script has a use for itself.
_OWN = (
    "np argparse csv json os re sys math string zipfile NODES INPUTS SHAPES inputs params values seed"
    " gradients parameters forward backward expectations holds failure brief nested plain data main read_feed"
    " read_digits read_table numbers parsed place column columns whole read_weights along math power positive"
    " negative"
)
# The formula of one parameter's start may be this long.
_MAX_START = 160
# What these make may lie in memory in another order than row by row, on which the bits of products depend.
_REORDERING = frozenset(("transpose", "permute", "index", "split", "flip", "einsum"))


def numpy_script(model: Model, *, folder: str = ".", seed: int = 0) -> str:
    """A differentiated model as a standalone NumPy script.

    Parameters
    ----------
    model : Model
        After `differentiate`; without a backward pass the script computes forward only.
    folder : str
        Where the script is going to lie: paths of data files are written as seen from there.
    seed : int
        The seed that the script draws with unless told otherwise.
    """
    names = Names(_reserved(), form="NFKC")
    called: dict[Node, str] = {}
    sizes = FreeSizes(model, names, called)
    kernels = Kernels(sizes.variable)
    functions = Functions(model, kernels, names, sizes, called, seed)
    computing = [functions.forward(), functions.backward(), functions.expectations()]
    parameters = start_function(model, kernels, names, sizes, seed)
    data, needs = _data(model, folder, kernels)
    features = numpy_main.Features(bool(computing[1]), bool(computing[2]), bool(data), functions.draws)
    helpers = [text for text in kernels.definitions.values() if text]
    needs |= {text for text in helpers if text.startswith("import ")}
    needs |= {"import sys"} if model.initial_of else set()
    head = [
        _docstring(model),
        numpy_main.imports(needs, has_inputs=bool(model.inputs)),
        *_constants(model, functions.shown),
    ]
    parts = [
        "\n\n".join(head),
        *(text for text in helpers if text not in needs),
        *data,
        *("\n".join(lines) for lines in (parameters, *computing)),
        *numpy_main.functions(model, features, seed),
    ]
    return "\n\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _reserved() -> set[str]:
    ops = registry.all_ops()
    taken = {*_OWN.split(), *GENERATORS, *ops, *(PREFIX + name for name in ops)}
    return {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *taken}


def _docstring(model: Model) -> str:
    description = model.description.strip()
    lines = [description, ""] if description else []
    lines.append(f"Written by graphlang from {model.name}.graph; needs NumPy alone.")
    if model.of is not None:
        lines.append(f"`backward` gives d({model.of.path})/d(node) for every node that the file names.")
    body = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"')
    return f'"""{body}\n"""'


def _constants(model: Model, shown: list[Node]) -> list[str]:
    """What the script says about its nodes before the first function."""
    order = "# The nodes that the file names, in the order in which they are computed."
    parts = [f"{order}\nNODES = {tuple_text(tuple(n.path for n in shown))}"]
    if model.inputs:
        parts.append(f"# What the file itself feeds to its inputs.\nINPUTS = {dict_text(defaults_of(model))}")
        fixed = {
            name: repr(tuple(n.shape))
            for name, n in model.inputs.items()
            if all(isinstance(s, int) for s in n.shape)
        }
        why = "# Inputs whose shape is fixed: one number may be fed for all their entries."
        parts.append(f"{why}\nSHAPES = {dict_text(fixed)}")
    return parts


def defaults_of(model: Model) -> dict[str, str]:
    defaults = {name: node.attrs.get("default") for name, node in model.inputs.items()}
    return {name: array_text(np.asarray(value)) for name, value in defaults.items() if value is not None}


def start_function(
    model: Model,
    kernels: Kernels,
    names: Names,
    sizes: FreeSizes,
    seed: int,
    types: Mapping[DType, str] = NUMPY,
) -> list[str]:
    """`parameters(seed)`: the initial graph, each start in one expression where that is possible."""
    if not model.initial_of:
        return []
    order = in_order(make_plan(model.initial, model.initial_of.values()))
    uses = uses_of(order, lambda n: n.inputs)
    for node in model.initial_of.values():
        uses[node] = uses.get(node, 0) + 1
    home = Home(
        kernels,
        sizes.text,
        uses,
        kept=(),
        called={},
        names=names,
        wanted=lambda node: without_result(node.path, None),
        told=lambda node: node,
        fits=lambda _, text: len(text) <= _MAX_START,
        types=types,
    )
    block = Block(home)
    lines = [f"def parameters(seed={seed}):", '    """Where parameters start, by path."""']
    lines += [f"    {line}" for node in order for line in block.statement(node)]
    lines.append("    return {")
    for path, node in model.initial_of.items():
        text = block.operand(node).text
        if any(n.op in _REORDERING for n in ancestors([node])):
            text = f'np.array({text}, order="C")'
        lines.append(f"        {quoted(path)}: {text},")
    return [*lines, "    }"]


def _data(model: Model, folder: str, kernels: Kernels) -> tuple[list[str], set[str]]:
    """The functions that read the data which feed the inputs, and what these import."""
    spec = _data_of(model)
    if spec is None:
        return [], set()
    if spec.kind in GENERATORS:
        rows = generated_function(model, spec, kernels)
        return rows, {"import sys"} if any("sys." in text for text in rows) else set()
    return data_function(model, spec, data_path(spec, folder), kernels)


def _data_of(model: Model) -> DataSpec | None:
    """The train block's data, else the only source there is."""
    if model.training is not None and model.training.data is not None:
        return model.data.get(model.training.data)
    return next(iter(model.data.values())) if len(model.data) == 1 else None
