"""Training runs that are killed at any moment, and training runs on more data than fit into memory."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
# Everything that a run keeps: parameters, states of the model and of the optimizer, draws, and patience.
MODEL = """\
data d = spiral(n = 150, seed = 3)
input x: [N, 2]
input y: int[N]
s = x -> dense(12, tanh) -> batch_norm -> dropout(0.2) -> dense(3)
loss = cross_entropy(s, y)
output s
metric accuracy = mean(argmax(s) == y)
train on d { minimize = loss
  optimizer = adam
  schedule = cosine(warmup = 1)
  batch = 4
  epochs = 25
  holdout = 0.2
  patience = 25 }
"""
TRAIN = [sys.executable, "-m", "graphlang", "train", "m.graph"]


@pytest.mark.slow
def test_fifty_runs_killed_at_random_moments_end_in_the_bits_of_one_that_was_not(tmp_path: Path) -> None:
    (tmp_path / "m.graph").write_text(MODEL)
    started = time.monotonic()
    subprocess.run([*TRAIN, "-o", "whole.npz", "-q"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    duration = time.monotonic() - started
    expected = {name: (tmp_path / name).read_bytes() for name in ("whole.npz",)}
    last = tmp_path / "whole.last.npz"
    rng = random.Random(0)
    kills = 0
    for k in range(50):
        kept = [
            "--checkpoint",
            f"ck{k}",
            "--every",
            str(rng.choice((1, 3, 7, 30))),
            "-o",
            f"run{k}.npz",
            "-q",
        ]
        while True:
            process = subprocess.Popen([*TRAIN, *kept, "--resume"], cwd=tmp_path, stdout=subprocess.DEVNULL)
            try:
                # The first attempts are killed wherever they are; the last may go on to the end.
                process.wait(timeout=rng.uniform(0.2, 1.5) * duration if kills <= 2 * k + 1 else None)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                kills += 1
                continue
            assert process.returncode == 0
            break
        assert (tmp_path / f"run{k}.npz").read_bytes() == expected["whole.npz"], k
        if last.exists():
            assert (tmp_path / f"run{k}.last.npz").read_bytes() == last.read_bytes(), k
    assert kills >= 50


WATCHED = """
import resource, sys
from graphlang.cli.main import main

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

assert main([*sys.argv[1:], "--epochs", "1", "-q"]) == 0
base = peak()
assert main([*sys.argv[1:], "--epochs", "40", "-q"]) == 0
print(peak() - base, file=sys.stderr)
"""


@pytest.mark.slow
def test_memory_stays_flat_over_epochs(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    (tmp_path / "m.graph").write_text(MODEL)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "train", "m.graph", "--checkpoint", "ck"],
        cwd=tmp_path, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) < 20


PEAK = """
import resource, sys
from graphlang.cli.main import main
assert main(sys.argv[1:]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, file=sys.stderr)
"""


@pytest.mark.slow
def test_a_file_of_several_gigabytes_trains_in_little_more_memory_than_a_small_one(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    peaks = []
    for rows in (2_000, 1_000_000):
        name = f"{rows}.npy"
        with open(tmp_path / name, "wb") as file:
            declared = {"descr": "|u1", "fortran_order": False, "shape": (rows, 3073)}
            np.lib.format.write_array_header_1_0(file, declared)
            # Zeros that take no room on the disk, with a few rows that are not.
            start = file.tell()
            file.write(np.random.default_rng(0).integers(0, 10, (1_000, 3073)).astype(np.uint8).tobytes())
            file.truncate(start + rows * 3073)
        (tmp_path / "m.graph").write_text(
            f'data d = npy("{name}") {{\n  x = columns(0..3071) / 255\n  y = column(3072)\n}}\n'
            "input x: [N, 3072]\ninput y: int[N]\ns = x -> dense(16, relu) -> dense(10)\n"
            "loss = cross_entropy(s, y)\noutput s\n"
            "train on d { minimize = loss\n batch = 500\n epochs = 1\n holdout = 0.01 }\n"
        )
        try:
            done = subprocess.run(
                [sys.executable, "-c", PEAK, "train", "m.graph", "-q", "-o", "w.npz"],
                cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=900,
            )  # fmt: skip
        finally:
            (tmp_path / name).unlink()
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] - peaks[0] < 300
