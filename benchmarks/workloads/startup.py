"""What it takes to start: a one-line file evaluated, beside the imports with which others begin."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from benchmarks.harness import Command, Workload

ONE_LINE = str(Path(__file__).parents[1] / "models" / "one_line.graph")
WORKLOAD = Workload(
    name="startup",
    title="A process from start to end",
    sizes={"one line": None},
    small=None,
    tolerance=0.0,
    unit="process",
)


def _python(code: str, _: None) -> Command:
    return Command([sys.executable, "-c", code])


_IMPORTS = (
    ("Python alone", "floor", "pass", ""),
    ("import numpy, networkx, lark", "hand", "import numpy, networkx, lark", ""),
    ("import torch", "peer", "import torch", "torch"),
    ("import jax", "peer", "import jax", "jax"),
    ("import jax, first array", "peer", "import jax.numpy; jax.numpy.ones(3).block_until_ready()", "jax"),
    ("import sklearn.neural_network", "peer", "import sklearn.neural_network", "sklearn"),
    ("import tinygrad", "peer", "import tinygrad", "tinygrad"),
    ("import onnx", "peer", "import onnx", "onnx"),
)
for _name, _kind, _code, _needs in _IMPORTS:
    WORKLOAD.contender(_name, _kind, needs=_needs)(partial(_python, _code))


@WORKLOAD.contender("graphlang run", "graphlang")
def graphlang(_: None) -> Command:
    """Value and gradient of f = x ^ 2."""
    return Command([sys.executable, "-m", "graphlang", "run", ONE_LINE])


@WORKLOAD.contender("graphlang check", "graphlang")
def graphlang_check(_: None) -> Command:
    """Whether the line is without mistakes."""
    return Command([sys.executable, "-m", "graphlang", "check", ONE_LINE])


@WORKLOAD.contender("graphlang --version", "graphlang")
def graphlang_version(_: None) -> Command:
    """The command line alone."""
    return Command([sys.executable, "-m", "graphlang", "--version"])
