"""What a trained file says of new inputs, as a Python script that needs NumPy alone.

Only what the outputs need is there: no loss unless it is an output, no backward pass, no expectations.
"""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterator

from graphlang.emit import numpy_main
from graphlang.emit.folding import fold, wrapped
from graphlang.emit.kernels import Kernels
from graphlang.emit.numpy_data import data_function, generated_function
from graphlang.emit.numpy_functions import Asked, Functions
from graphlang.emit.numpy_script import defaults_of, start_function
from graphlang.emit.numpy_sizes import FreeSizes
from graphlang.emit.part import part_for
from graphlang.emit.python_text import dict_text, tuple_text, types_with
from graphlang.emit.training_main import save_function
from graphlang.emit.writer import Names, data_path, quoted
from graphlang.generators import GENERATORS
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.records import replace

_OWN = (
    "np argparse csv json os re sys zipfile FLOAT INPUTS SHAPES OUTPUTS inputs params values seed"
    " parameters forward save write plain main data read_feed read_digits"
    " read_table numbers parsed place column columns whole read_weights along"
)
_FILES = ("csv", "npz", "npy")

_WRITE = '''\
def write(path, outputs):
    """Write the outputs: .npz, .json, or .csv with a column for each entry of a row, scores[0], …"""
    if path.endswith(".npz"):
        save(path, outputs)
    elif path.endswith(".json"):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({name: plain(array) for name, array in outputs.items()}, file, ensure_ascii=False)
            file.write("\\n")
    else:
        rows = max((len(array) for array in outputs.values() if np.ndim(array)), default=1)
        columns = {}
        for name, array in outputs.items():
            array = np.asarray(array)
            if not array.ndim or len(array) != rows:
                array = np.broadcast_to(array, (rows, *array.shape))
            for index in np.ndindex(array.shape[1:]):
                key = f"{name}[{','.join(map(str, index))}]" if index else name
                columns[key] = array[(slice(None), *index)]
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values()))'''


def inference_script(
    model: Model, *, data: DataSpec | None = None, folder: str = ".", seed: int = 0, dtype: str = "float64"
) -> str:
    """The outputs of a model as a standalone NumPy script.

    Parameters
    ----------
    model : Model
        Elaborated for inference and differentiated.
    data : DataSpec, optional
        Where inputs are from that are not fed.
    folder : str
        Where the script is going to lie: paths of data files are written as seen from there.
    seed : int
        The seed that parameters start from where no weights are given.
    dtype : str
        The precision that the script computes in.
    """
    outputs = outputs_of(model)
    part = part_for(model, outputs)
    types = types_with("FLOAT")
    names = Names(_reserved(), form="NFKC")
    called: dict[Node, str] = {}
    sizes = FreeSizes(part, names, called)
    kernels, data_kernels = Kernels(sizes.variable, "FLOAT", is_told=True), Kernels(is_told=True)
    functions = Functions(part, kernels, names, sizes, called, seed, Asked(outputs), types)
    forward = functions.forward(doc="The outputs, by path.")
    starts = start_function(part, kernels, names, sizes, seed, types)
    rows: list[str] = []
    imports: set[str] = set()
    if data is not None:
        data = replace(
            data, columns=tuple(c for c in data.columns if _feeds(part, model, c.name)) or data.columns
        )
        if data.kind in GENERATORS:
            rows = generated_function(part, data, data_kernels, types)
        elif data.kind in _FILES:
            rows, imports = data_function(part, data, data_path(data, folder), data_kernels, types)
    helpers = [t for t in {**data_kernels.definitions, **kernels.definitions}.values() if t]
    imports |= {t for t in helpers if t.startswith("import ")} | {"import csv"}
    save = save_function(n.path for n in outputs)
    imports |= {"import zipfile"} if "zipfile." in save else set()
    imports |= {"import os", "import sys"}
    head = [
        _docstring(model),
        numpy_main.imports(imports, has_inputs=True),
        f"# The precision of everything.\nFLOAT = np.{dtype}",
        f"# What is told.\nOUTPUTS = {tuple_text(tuple(n.path for n in outputs))}",
        *_inputs(part),
    ]
    parts = [
        "\n\n".join(head),
        *(t for t in helpers if t not in imports),
        *rows,
        "\n".join(starts),
        "\n".join(forward),
        numpy_main.PLAIN,
        numpy_main.FEED if part.inputs else "",
        numpy_main.WEIGHTS if part.initial_of else "",
        save,
        _WRITE,
        "\n".join(
            ["def main():", *(f"    {line}" for line in _main(part, bool(rows), data, seed, functions.draws))]
        ),
        'if __name__ == "__main__":\n    main()',
    ]
    return fold("\n\n\n".join(p.rstrip() for p in parts if p) + "\n")


def outputs_of(model: Model) -> list[Node]:
    """What a trained model is asked: its outputs, without the loss unless there is nothing else."""
    of = model.training.minimize if model.training else None
    return [n for n in model.outputs if n is not of] or model.outputs


def _feeds(part: Model, model: Model, name: str) -> bool:
    node = model.find(name)
    return node is not None and node.path in part.inputs


def _reserved() -> set[str]:
    words = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_OWN.split(), *GENERATORS}
    return words | set(registry.all_ops())


def _docstring(model: Model) -> str:
    description = model.description.strip()
    lines = [description, ""] if description else []
    lines.append(
        f"Written by graphlang from {model.name}.graph; needs NumPy alone. The weights of a trained model are"
        " given by `--weights`."
    )
    body = wrapped('"""' + "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"'))
    return f'{body}\n"""'


def _inputs(part: Model) -> Iterator[str]:
    if not part.inputs:
        return
    fixed = {
        name: repr(tuple(n.shape))
        for name, n in part.inputs.items()
        if all(isinstance(s, int) for s in n.shape)
    }
    yield f"# What the file itself feeds to its inputs.\nINPUTS = {dict_text(defaults_of(part))}"
    yield (
        "# Inputs whose shape is fixed: one number may be fed for all their entries.\n"
        f"SHAPES = {dict_text(fixed)}"
    )


def _main(part: Model, has_data: bool, data: DataSpec | None, seed: int, draws: bool) -> Iterator[str]:
    has_file = has_data and data is not None and data.kind in _FILES
    told = 'parser.add_argument("'
    yield '"""Compute the outputs, and print or write them."""'
    yield 'parser = argparse.ArgumentParser(description=__doc__.split("\\n")[0])'
    if part.inputs:
        yield 'parser.add_argument("--feed", metavar="FILE", help="inputs by name: .npz, .json or .csv")'
    if has_file:
        yield f'{told}--data", metavar="FILE", help="rows as in the data block: the same kind of file")'
    if part.initial_of:
        yield 'parser.add_argument("--weights", metavar="FILE", help="parameters by path: .npz")'
    if part.initial_of or draws:
        yield f'parser.add_argument("--seed", type=int, default={seed}, help="seed of all draws")'
    yield f'{told}-o", "--output", metavar="FILE", help="write the outputs: .npz, .json or .csv")'
    yield "options = parser.parse_args()"
    if part.initial_of or draws:
        yield from numpy_main.CHECK_SEED
    yield from numpy_main.checked_folder("output")
    arguments = []
    if part.inputs:
        arguments.append("inputs")
        yield "inputs = dict(INPUTS)"
        if has_data:
            yield "if not options.feed:"
            rows = "data(options.data)" if has_file else "data()"
            yield f"    inputs.update({rows})"
        yield from numpy_main.FED
        yield f"missing = [name for name in [{', '.join(map(quoted, part.inputs))}] if name not in inputs]"
        yield "if missing:"
        yield "    parser.exit(1, f\"no value for {', '.join(missing)}: feed it with --feed FILE\\n\")"
    if part.initial_of:
        arguments.append("params")
        yield "params = parameters(options.seed)"
        yield "if options.weights:"
        yield "    params = read_weights(options.weights, params)"
    if draws:
        arguments.append("options.seed")
    yield 'with np.errstate(all="ignore"):'
    yield f"    values = forward({', '.join(arguments)})"
    yield "outputs = {path: values[path] for path in OUTPUTS}"
    yield "if options.output:"
    yield "    write(options.output, outputs)"
    yield "else:"
    yield "    for path, value in outputs.items():"
    yield '        print(f"{path} = {value}")'
