"""The parts of an exported script that do not depend on its formulas: reading inputs, printing results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graphlang.emit.brief import failure
from graphlang.emit.kernels import Kernels
from graphlang.emit.writer import quoted
from graphlang.graph.model import Model

_HOLDS = '''\
def holds(left, op, right, within=1e-6):
    """Whether an expectation holds; equality is meant up to a tolerance, absolute or relative."""
    if isinstance(left, str) or isinstance(right, str):
        return (left == right) == (op == "==")
    try:
        a, b = np.broadcast_arrays(left, right)
    except ValueError:
        return op == "!="
    if op not in ("==", "!="):
        found = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}[op](a, b)
        return bool(np.all(found))
    a, b = a.astype(float), b.astype(float)
    near = np.abs(a - b) <= within * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    close = near | (a == b) | (np.isnan(a) & np.isnan(b))
    return bool(np.all(close)) == (op == "==")'''

PLAIN = '''\
def plain(value):
    """An array as nested lists of numbers; what JSON has no number for is a string."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"
    return value if isinstance(value, (bool, int, float)) else plain(np.asarray(value).tolist())'''

FEED = '''\
def read_feed(path):
    """Inputs by name from an .npz, .json or .csv file; columns x[0], x[1], … of a table are one input x."""
    if path.endswith(".npz"):
        with np.load(path) as arrays:
            found = dict(arrays)
    elif path.endswith(".json"):
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    else:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = [line for line in file.read().splitlines() if line.strip()]
        delimiter = max(",;\\t", key="".join(lines[:1]).count)
        rows = list(csv.reader(lines, delimiter=delimiter))
        parts = {}
        for column in zip(*rows):
            parts.setdefault(column[0].strip().split("[")[0], {})[column[0].strip()] = column[1:]
        found = {}
        for name, columns in parts.items():
            keys = sorted(columns, key=lambda key: (len(key), key))
            numbers = [np.array(columns[key], dtype=float) for key in keys]
            found[name] = numbers[0] if name in columns else np.stack(numbers, axis=1)
    for name, shape in SHAPES.items():
        if name in found and np.size(found[name]) == 1:
            found[name] = np.full(shape, np.reshape(found[name], ()))
    return found'''


WEIGHTS = '''\
def read_weights(path, params):
    """The parameters as a file has them."""
    import zipfile  # only here: NumPy too imports it when it reads such a file

    try:
        with np.load(path) as arrays:
            found = {name: arrays[name] for name in params if name in arrays}
    except (EOFError, OSError, ValueError, zipfile.BadZipFile) as error:
        sys.exit(f"{path}: {getattr(error, 'strerror', None) or error}")
    bad = [name for name in params if name not in found or found[name].shape != np.shape(params[name])]
    if bad:
        sys.exit(f"{path} has nothing that fits {', '.join(bad)}")
    return {name: np.asarray(found[name], params[name].dtype) for name in params}'''

FED = (
    "if options.feed:",
    "    try:",
    "        inputs.update(read_feed(options.feed))",
    "    except (EOFError, OSError, ValueError, csv.Error) as error:",
    "        parser.exit(1, f\"{options.feed}: {getattr(error, 'strerror', None) or error}\\n\")",
)
CHECK_SEED = ("if options.seed < 0:", '    parser.error("--seed is a whole number from 0")')


def checked_folder(*names: str) -> Iterator[str]:
    """What says before the work that a file could not be written."""
    paths = ", ".join(f"options.{name}" for name in names)
    yield f"for path in ({paths}{',' if len(names) == 1 else ''}):"
    yield '    if path and not os.path.isdir(os.path.dirname(path) or "."):'
    yield '        parser.error(f"{path} cannot be written: there is no folder {os.path.dirname(path)}")'


@dataclass(frozen=True, slots=True)
class Features:
    """What a script can do besides computing forward."""

    backward: bool
    checks: bool
    data: bool
    draws: bool


def imports(extra: Iterable[str], *, has_inputs: bool) -> str:
    """The import statements, in the usual order."""
    standard = {"import argparse", "import json", *extra} - {"import numpy as np"}
    if has_inputs:
        standard.add("import csv")
    ordered = sorted(standard, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*ordered, "", "import numpy as np"])


def functions(model: Model, features: Features, seed: int) -> list[str]:
    """`plain`, `read_feed`, `main`, and what else the script needs below its own functions."""
    parts = [_HOLDS, *_failure()] if features.checks else []
    parts.append(PLAIN)
    if model.inputs:
        parts.append(FEED)
    if model.initial_of:
        parts.append(WEIGHTS)
    body = [
        '"""Compute and print every value and gradient."""',
        *_options(model, features, seed),
        *_computing(model, features),
        *_object(model, features),
        *_listing(model, features),
    ]
    parts.append("\n".join(["def main():", *(f"    {line}" for line in body)]))
    return [*parts, 'if __name__ == "__main__":\n    main()']


def _failure() -> list[str]:
    """What the tool itself says of an expectation that does not hold, copied."""
    kernels = Kernels()
    kernels.copy(failure)
    return [text for text in kernels.definitions.values() if text]


def _options(model: Model, features: Features, seed: int) -> Iterator[str]:
    yield 'parser = argparse.ArgumentParser(description=__doc__.split("\\n")[0])'
    yield 'parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")'
    if model.inputs:
        what = "inputs by name: .npz, .json or .csv"
        yield f'parser.add_argument("--feed", metavar="FILE", help="{what}")'
    if model.initial_of:
        yield 'parser.add_argument("--weights", metavar="FILE", help="parameters by path: .npz")'
    if model.initial_of or features.draws:
        yield f'parser.add_argument("--seed", type=int, default={seed}, help="seed of all draws")'
    yield "options = parser.parse_args()"
    if model.initial_of or features.draws:
        yield from CHECK_SEED


def _computing(model: Model, features: Features) -> Iterator[str]:
    arguments = []
    if model.inputs:
        arguments.append("inputs")
        yield "inputs = dict(INPUTS)"
        if features.data:
            yield from ("if not options.feed:", "    inputs.update(data())")
        yield from FED
        yield f"missing = [name for name in {_list(model.inputs)} if name not in inputs]"
        yield "if missing:"
        yield "    parser.exit(1, f\"no value for {', '.join(missing)}: feed it with --feed FILE\\n\")"
    if model.initial_of:
        arguments.append("params")
        yield "params = parameters(options.seed)"
        yield "if options.weights:"
        yield "    params = read_weights(options.weights, params)"
    if features.draws:
        arguments.append("options.seed")
    yield 'with np.errstate(all="ignore"):'
    yield f"    values = forward({', '.join(arguments)})"
    yield f"    gradients = {'backward(values)' if features.backward else '{}'}"
    if features.checks:
        rows = "expectations(values, gradients)"
        yield f"    checks = [(text, sides, holds(*sides)) for text, *sides in {rows}]"


def _object(model: Model, features: Features) -> Iterator[str]:
    """What `--json` prints."""
    of = quoted(model.of.path) if model.of is not None else "None"
    expect, warnings = "[]", "[]"
    if features.checks:
        expect = '[{"text": text, "ok": ok} for text, _, ok in checks]'
        warnings = "[failure(text, sides[0], sides[2]) for text, sides, ok in checks if not ok]"
    yield from ("if options.json:", "    report = {")
    yield f'        "model": {quoted(model.name)},'
    yield f'        "of": {of},'
    yield f'        "outputs": {_list(n.path for n in model.outputs)},'
    yield '        "values": {path: plain(values[path]) for path in NODES},'
    yield '        "gradients": {path: plain(gradients[path]) for path in NODES if path in gradients},'
    yield '        "shapes": {path: list(np.shape(values[path])) for path in NODES},'
    yield f'        "expect": {expect},'
    yield f'        "warnings": {warnings},'
    yield from ("    }", "    print(json.dumps(report, ensure_ascii=False))", "    return")


def _listing(model: Model, features: Features) -> Iterator[str]:
    """What is printed without options."""
    yield "for path in NODES:"
    yield '    print(f"{path} = {values[path]}")'
    if features.backward:
        assert model.of is not None
        yield "    if path in gradients:"
        yield f'        print(f"    d {_braced(model.of.path)} / d {{path}} = {{gradients[path]}}")'
    if features.checks:
        yield "for text, _, ok in checks:"
        yield "    print(f\"expect {text}: {'holds' if ok else 'does not hold'}\")"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _braced(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}")
