"""A whole job: from the start of a process to weights on disk, with 1797 handwritten digits.

Read a CSV file, hold out a fifth of the rows, train on the others in batches of 32, evaluate the rows held
out after each epoch and print a line, write the parameters. The contenders draw their own parameters and
orders of rows, so what is compared is how many of all digits the written parameters get right.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Command, Workload
from benchmarks.measure import ROOT

DIGITS = ROOT / "examples" / "data" / "digits.csv"
SCRIPTS = ROOT / "benchmarks" / "scripts"
MODEL = str(ROOT / "benchmarks" / "models" / "job.graph")

WORKLOAD = Workload(
    name="job",
    title="The whole job: digits from CSV to saved weights",
    sizes={"64-64-10, batch 32, 30 epochs": 30},
    small=3,
    tolerance=0.03,
    unit="job",
)


def _folder() -> Path:
    """A folder for this process's files."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _command(output: Path, *argv: str) -> Command:
    """A command of Python that writes parameters to `output`."""

    def check() -> dict[str, Any]:
        subprocess.run([sys.executable, *argv], check=True, stdout=subprocess.DEVNULL)
        return {"accuracy": accuracy(output)}

    return Command([sys.executable, *argv], check)


def accuracy(file: Path) -> float:
    """How many of all digits are right with the parameters of a file."""
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1, dtype=np.float32)
    with np.load(file) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    if "W1" not in found:  # graphlang's: the matrix and the bias of the first layer, then those of the second
        found = dict(zip(("W1", "b1", "W2", "b2"), found.values(), strict=True))
    h = np.maximum(table[:, :64] / 16 @ found["W1"] + found["b1"], 0)
    scores = h @ found["W2"] + found["b2"]
    return float((scores.argmax(axis=1) == table[:, 64]).mean())


def _script(name: str, epochs: int, *more: str) -> Command:
    output = _folder() / "weights.npz"
    return _command(output, str(SCRIPTS / name), str(DIGITS), str(output), str(epochs), *more)


@WORKLOAD.contender("NumPy, textbook", "peer")
def numpy_textbook(epochs: int) -> Command:
    """A page of NumPy."""
    return _script("numpy_textbook.py", epochs)


@WORKLOAD.contender("NumPy, tuned by hand", "hand")
def numpy_tuned(epochs: int) -> Command:
    """Two pages of it."""
    return _script("numpy_tuned.py", epochs)


@WORKLOAD.contender("graphlang train", "graphlang")
def graphlang(epochs: int) -> Command:
    """The command."""
    output = _folder() / "weights.npz"
    return _command(
        output, "-m", "graphlang", "train", MODEL, "--epochs", str(epochs), "-o", str(output), "-q"
    )


def _exported(epochs: int, *options: str) -> Command:
    folder = _folder()
    script, output = folder / "digits.py", folder / "weights.npz"
    export = [sys.executable, "-m", "graphlang", "export", MODEL, "--to", "numpy", "-o", str(script)]
    subprocess.run([*export, *options], check=True, stdout=subprocess.DEVNULL)
    return _command(output, str(script), "--epochs", str(epochs), "-o", str(output))


@WORKLOAD.contender("graphlang export, the script", "graphlang")
def exported(epochs: int) -> Command:
    """What `graphlang export --to numpy` writes, run without graphlang."""
    return _exported(epochs)


@WORKLOAD.contender("graphlang export --optimize, the script", "graphlang")
def exported_optimized(epochs: int) -> Command:
    """The compiled step as a script."""
    return _exported(epochs, "--optimize")


@WORKLOAD.contender("PyTorch, batches cut from a tensor", "peer", needs="torch")
def torch_tensor(epochs: int) -> Command:
    """The quicker way."""
    return _script("pytorch.py", epochs)


@WORKLOAD.contender("PyTorch, DataLoader", "peer", needs="torch")
def torch_loader(epochs: int) -> Command:
    """The way of its tutorials."""
    return _script("pytorch.py", epochs, "loader")


@WORKLOAD.contender("JAX, jitted epoch", "peer", needs="jax")
def jax_epochs(epochs: int) -> Command:
    """One call an epoch."""
    return _script("jax_epochs.py", epochs)


@WORKLOAD.contender("scikit-learn", "peer", needs="sklearn")
def scikit_learn(epochs: int) -> Command:
    """Its own classifier."""
    return _script("scikit_learn.py", epochs)


@WORKLOAD.contender("Python starts, NumPy reads the file", "floor")
def floor(epochs: int) -> Command:
    """What a script with NumPy does before anything else."""
    code = f"import numpy as np; np.loadtxt({str(DIGITS)!r}, delimiter=',', skiprows=1, dtype=np.float32)"
    return Command([sys.executable, "-c", code])
