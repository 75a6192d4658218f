"""From text to a checked graph: how time and memory grow with the number of statements.

Statements are of the kind `v12 = tanh(v3 * v7 - v9)`, 2.7 operations each on average. Every contender reads
the same graph in its own language; that they find the same operations is what is compared.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from benchmarks.harness import Job, Workload

COUNTS = {"10³ statements": 1_000, "10⁴ statements": 10_000, "10⁵ statements": 100_000}
WORKLOAD = Workload(
    name="parse",
    title="From text to a checked graph",
    sizes=COUNTS,
    small=30,
    tolerance=0.0,
    unit="file",
    counts=COUNTS,
)
INPUTS = 8
# Operands are taken from so many values before.
REACH = 200

# Each form of a statement, as steps: the operation and its operands, which are operands of the statement
# ("x", "y", "z"), numbers, or earlier steps ("0", "1").
Step = tuple[str, tuple[str, ...]]
FORMS: tuple[tuple[str, tuple[Step, ...]], ...] = (
    ("{x} + {y}", (("add", ("x", "y")),)),
    ("{x} * {y} - 0.25", (("mul", ("x", "y")), ("sub", ("0", "0.25")))),
    ("tanh({x} * {y} - {z})", (("mul", ("x", "y")), ("sub", ("0", "z")), ("tanh", ("1",)))),
    ("({x} + {y}) * {z}", (("add", ("x", "y")), ("mul", ("0", "z")))),
    (
        "exp(-{x}) / ({y} + 2.5)",
        (("neg", ("x",)), ("exp", ("0",)), ("add", ("y", "2.5")), ("div", ("1", "2"))),
    ),
    ("tanh({x}) * -{y} + {z}", (("tanh", ("x",)), ("neg", ("y",)), ("mul", ("0", "1")), ("add", ("2", "z")))),
)
NAMES = ("add", "sub", "mul", "div", "neg", "exp", "tanh")


def statements(count: int) -> Iterator[tuple[str, int, dict[str, str]]]:
    """The name, the form and the operands of each statement."""
    rng = random.Random(count)
    for i in range(INPUTS, INPUTS + count):
        operands = {letter: f"v{rng.randrange(max(0, i - REACH), i)}" for letter in "xyz"}
        yield f"v{i}", rng.randrange(len(FORMS)), operands


def text_of(count: int, end: str = "\n") -> str:
    """The statements as Python, graphlang and NNEF all write them."""
    return "".join(f"{name} = {FORMS[form][0].format(**of)}{end}" for name, form, of in statements(count))


def steps(count: int) -> Iterator[tuple[str, str, list[str]]]:
    """The same as single operations: name of the result, operation, names of the operands or numbers."""
    for name, form, of in statements(count):
        parts = FORMS[form][1]
        results = [*(f"{name}_{k}" for k in range(len(parts) - 1)), name]
        known = {**of, **{str(k): result for k, result in enumerate(results)}}
        for result, (op, operands) in zip(results, parts, strict=True):
            yield result, op, [known.get(o, o) for o in operands]


def _job(read: Callable[[], Any], operations: Callable[[Any], Iterable[str]]) -> Job:
    def run(count: int) -> None:
        for _ in range(count):
            read()

    def check() -> dict[str, Any]:
        found = Counter(operations(read()))
        return {"operations": np.array([float(found[name]) for name in NAMES])}

    return Job(run, check)


@WORKLOAD.contender("Python's ast.parse", "hand")
def python(count: int) -> Job:
    """A parser in C, to a tree alone: nothing is looked up or checked."""
    text = text_of(count)
    kinds = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.USub: "neg"}

    def operations(tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, (ast.BinOp, ast.UnaryOp)):
                yield kinds[type(node.op)]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield node.func.id

    return _job(lambda: ast.parse(text), operations)


@WORKLOAD.contender("graphlang check", "graphlang")
def graphlang(count: int) -> Job:
    """Parsed, every name looked up, every type inferred and checked."""
    from benchmarks.ours import checked, operations

    heads = "".join(f"input v{i} = 0.5\n" for i in range(INPUTS))
    text = heads + text_of(count)
    return _job(lambda: checked(text), operations)


def _onnx_text(count: int) -> tuple[str, dict[str, str]]:
    names = {
        "add": "Add",
        "sub": "Sub",
        "mul": "Mul",
        "div": "Div",
        "neg": "Neg",
        "exp": "Exp",
        "tanh": "Tanh",
    }
    numbers = {"0.25": "quarter", "2.5": "more"}
    lines = [
        f"{result} = {names[op]}({', '.join(numbers.get(o, o) for o in operands)})"
        for result, op, operands in steps(count)
    ]
    inputs = ", ".join(f"double v{i}" for i in range(INPUTS))
    head = f'<ir_version: 10, opset_import: ["": 21]>\nagraph ({inputs}) => (double v{INPUTS + count - 1})\n'
    given = "<double quarter = {0.25}, double more = {2.5}>"
    return "\n".join([head + given, "{", *lines, "}"]), {v: k for k, v in names.items()}


def _onnx(count: int, *, is_checked: bool) -> Job:
    import onnx
    import onnx.checker
    import onnx.parser
    import onnx.shape_inference

    text, names = _onnx_text(count)

    def read() -> Any:
        model = onnx.parser.parse_model(text)
        if is_checked:
            onnx.checker.check_model(model)
            model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        return model

    return _job(read, lambda model: (names[node.op_type] for node in model.graph.node))


@WORKLOAD.contender("onnx.parser", "peer", needs="onnx")
def onnx_parser(count: int) -> Job:
    """A parser in C++, to a message alone."""
    return _onnx(count, is_checked=False)


@WORKLOAD.contender("onnx.parser, checker and shapes", "peer", needs="onnx")
def onnx_checked(count: int) -> Job:
    """The same, checked, with the types of all values."""
    return _onnx(count, is_checked=True)


@WORKLOAD.contender("nnef.parse_string", "peer", needs="nnef")
def nnef_parser(count: int) -> Job:
    """A parser in C++ that checks names and types; one operation a line, as its files are."""
    import nnef

    inputs = [f"v{i}" for i in range(INPUTS)]
    lines = [f"{name} = external<scalar>(shape=[1]);" for name in inputs]
    lines += [f"{result} = {op}({', '.join(operands)});" for result, op, operands in steps(count)]
    head = f"version 1.0;\ngraph g({', '.join(inputs)}) -> (v{INPUTS + count - 1})"
    text = "\n".join([head, "{", *lines, "}", ""])
    return _job(lambda: nnef.parse_string(text), lambda graph: (o.name for o in graph.operations))


TOKEN = re.compile(r"[ ]*(?:([A-Za-z_]\w*)|(\d+\.?\d*)|(\n)|([-+*/(),=]))")


@WORKLOAD.contender("every token found by one regular expression", "floor")
def tokens(count: int) -> Job:
    """What no parser written in Python does without."""
    text = text_of(count)

    def run(repetitions: int) -> None:
        for _ in range(repetitions):
            TOKEN.findall(text)

    return Job(run)
