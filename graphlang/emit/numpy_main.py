"""The parts of an exported script that do not depend on its formulas: reading inputs, printing results."""

from __future__ import annotations

from collections.abc import Iterable

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
    return bool(np.all(close)) == (op == "==")
'''

_PLAIN = '''\
def plain(value):
    """An array as nested lists of numbers; what JSON has no number for is a string."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return "nan" if np.isnan(value) else "inf" if value > 0 else "-inf"
    return value if isinstance(value, (bool, int, float)) else plain(np.asarray(value).tolist())
'''

_FEED = '''\
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
        delimiter = max(",;\\t", key=lines[0].count)
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
    return found
'''


def imports(extra: Iterable[str], *, has_inputs: bool) -> str:
    """The import statements, in the usual order."""
    standard = {"import argparse", "import json", *extra} - {"import numpy as np"}
    if has_inputs:
        standard.add("import csv")
    ordered = sorted(standard, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*ordered, "", "import numpy as np"])


def functions(
    model: Model,
    *,
    has_backward: bool,
    has_checks: bool,
    has_data: bool,
    has_seed: bool,
    has_inputs: bool,
    has_params: bool,
    seed: int,
) -> str:
    """`plain`, `read_feed`, `main`, and what else the script needs."""
    parts = [_HOLDS] if has_checks else []
    parts.append(_PLAIN)
    if has_inputs:
        parts.append(_FEED)
    lines = [
        "def main():",
        '    """Compute and print every value and gradient."""',
        '    parser = argparse.ArgumentParser(description=__doc__.split("\\n")[0])',
        '    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")',
    ]
    if has_inputs:
        what = "inputs by name: .npz, .json or .csv"
        lines.append(f'    parser.add_argument("--feed", metavar="FILE", help="{what}")')
    if has_params:
        lines.append('    parser.add_argument("--weights", metavar="FILE", help="parameters by path: .npz")')
    if has_params or has_seed:
        lines.append(f'    parser.add_argument("--seed", type=int, default={seed}, help="seed of all draws")')
    lines.append("    options = parser.parse_args()")
    arguments = []
    if has_inputs:
        lines.append("    inputs = dict(INPUTS)")
        if has_data:
            lines += ["    if not options.feed:", "        inputs.update(data())"]
        lines += [
            "    if options.feed:",
            "        inputs.update(read_feed(options.feed))",
            f"    missing = [name for name in {_list(model.inputs)} if name not in inputs]",
            "    if missing:",
            "        parser.exit(1, f\"no value for {', '.join(missing)}: feed it with --feed FILE\\n\")",
        ]
        arguments.append("inputs")
    if has_params:
        lines += [
            "    params = parameters(options.seed)",
            "    if options.weights:",
            "        with np.load(options.weights) as arrays:",
            "            params = {path: np.asarray(arrays[path], params[path].dtype) for path in params}",
        ]
        arguments.append("params")
    if has_seed:
        arguments.append("options.seed")
    lines += ['    with np.errstate(all="ignore"):', f"        values = forward({', '.join(arguments)})"]
    lines.append(f"        gradients = {'backward(values)' if has_backward else '{}'}")
    if has_checks:
        lines.append("        checks = expectations(values, gradients)")
    of = model.of.path if model.of is not None else None
    lines += [
        "    if options.json:",
        "        report = {",
        f'            "model": {quoted(model.name)},',
        f'            "of": {quoted(of) if of is not None else None},',
        f'            "outputs": {_list(n.path for n in model.outputs)},',
        '            "values": {path: plain(values[path]) for path in NODES},',
        '            "gradients": {path: plain(gradients[path]) for path in NODES if path in gradients},',
        '            "shapes": {path: list(np.shape(values[path])) for path in NODES},',
        '            "expect": [{"text": text, "ok": ok} for text, ok in checks],'
        if has_checks
        else '            "expect": [],',
        '            "warnings": [],',
        "        }",
        "        print(json.dumps(report, ensure_ascii=False))",
        "        return",
        "    for path in NODES:",
        '        print(f"{path} = {values[path]}")',
        "        if path in gradients:",
        f'            print(f"    d {_braced(of)} / d {{path}} = {{gradients[path]}}")',
    ]
    if has_checks:
        lines += [
            "    for text, ok in checks:",
            "        print(f\"expect {text}: {'holds' if ok else 'does not hold'}\")",
        ]
    parts.append("\n".join(lines))
    return "\n\n\n".join(p.rstrip() for p in parts) + '\n\n\nif __name__ == "__main__":\n    main()'


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, names))}]"


def _braced(text: str | None) -> str:
    return (text or "").replace("\\", "\\\\").replace('"', '\\"').replace("{", "{{").replace("}", "}}")
