"""Exported training scripts: they train as the tool does, to the bit, and are clean Python."""

from __future__ import annotations

import gc
import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.diagnostics import GraphlangError
from graphlang.emit.training_script import training_script
from graphlang.learning import Training, prepare_training
from graphlang.pipeline import data_of
from graphlang.run.listing import listing_of
from graphlang.run.runlog import as_object
from graphlang.run.train import Record
from graphlang.source import SourceFile

GOLDEN = Path(__file__).parent / "golden" / "training"
SPIRAL = """\
data d = spiral(n = 40, seed = 3)
input x: [N, 2]
input y: int[N]
s = x -> dense(5, tanh) -> dense(3)
loss = cross_entropy(s, y) + 1e-2 * l2(params("*.W"))
output s
metric accuracy = mean(argmax(s) == y)
train on d { minimize = loss
"""
OWN_OPTIMIZER = """\
optimizer own(lr: float = 0.1) {
  state v = 0
  state n: float = 1
  state k: int = 3
  for i in 1..2 { v = 0.5 * v - lr * gradient / i }
  n = n * 1.1
  k = k + 1
  weight = weight + v * n / k + mean(weight) * 0.001
}
"""
# Of what it keeps, `v` is set to 0 at step 100, and `s` is not; a parameter without a gradient shows it.
FADING_OPTIMIZER = """\
optimizer fading(lr: float = 0.1) {
  state s = 1e-36
  state v = 1e-36
  s = 0.9 * s
  v = 0.9 * v
  weight = weight - lr * gradient + v + 1e-20 * sqrt(s)
}
"""
CSV = "a;b;kind\n1.5;2;cat\n0.5;1;dog\n-1;0;ant\n3;2;cat\n0.25;-1;ant\n7;1;dog\n"

# Each is one thing that a training run can have: the text of a file.
CASES: dict[str, str] = {
    **{
        name: SPIRAL + f"  optimizer = {name}\n batch = 16 }}\n"
        for name in ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
    },
    "weight_decay": SPIRAL + "  optimizer = sgd(lr = 0.1, weight_decay = 0.01) }\n",
    **{
        f"schedule_{name}": SPIRAL + f"  optimizer = adam\n schedule = {name}({args})\n batch = 16 }}\n"
        for name, args in (
            ("constant", ""),
            ("constant", "warmup = 2"),
            ("step", "every = 1, warmup = 1"),
            ("exponential", "warmup = 1"),
            ("cosine", "warmup = 1"),
        )
    },
    "schedule_without_warmup": SPIRAL + "  schedule = cosine }\n",
    "schedule_of_its_own": "gate wave(t) -> factor { factor = 1.5 + sin(t) }\n"
    + SPIRAL
    + "  schedule = wave }\n",
    "clip": SPIRAL + "  clip = 0.1\n optimizer = momentum }\n",
    "clip_and_schedule": SPIRAL + "  clip = 0.3\n optimizer = adamw\n schedule = cosine(warmup = 1) }\n",
    "holdout": SPIRAL + "  holdout = 0.3\n batch = 7 }\n",
    "patience": SPIRAL + "  holdout = 0.5\n optimizer = sgd(lr = 2.5)\n patience = 1\n epochs = 9 }\n",
    # Draws that lie in memory column by column: products sum them in another order.
    "orthogonal": SPIRAL.replace(
        "s = x -> dense(5, tanh)",
        "layer cell = gru_cell()\nh = dense(x, 32)\nfor k in 1..2 { h = cell(x, h) }\ns = h",
    )
    + "  batch = 32 }\n",
    # One number for all entries, which NumPy multiplies by in another way while it is stored once.
    "filled": SPIRAL.replace(
        "s = x -> dense(5, tanh)",
        "param V: [33, 37] = 0.3\ns = tanh((x -> dense(33, tanh)) @ V)",
    )
    + "  batch = 32 }\n",
    "tilted": "init tilted() = normal(0, 0.3).T\n" + SPIRAL.replace(
        "s = x", "param Q: [33, 33] ~ tilted()\ns = tanh((x -> dense(33)) @ Q)"
    ) + "  batch = 32 }\n",
    "one_at_a_time": SPIRAL + "  batch = 1\n seed = 7 }\n",
    "all_at_once": SPIRAL + "  batch = all }\n",
    "in_order": SPIRAL + "  shuffle = false\n batch = 16\n holdout = 0.1 }\n",
    "dropout": SPIRAL.replace("tanh)", "tanh) -> dropout(0.3)") + "  holdout = 0.2 }\n",
    "batch_norm": SPIRAL.replace("tanh)", "tanh) -> batch_norm") + "  holdout = 0.2\n batch = 16 }\n",
    "own_optimizer": OWN_OPTIMIZER + SPIRAL + "  optimizer = own }\n",
    "fading": FADING_OPTIMIZER
    + SPIRAL.replace("loss = ", "param idle = 0\nloss = 0 * idle + ")
    + "  optimizer = fading\n batch = 1 }\n",
    "optimizer_by_shape": "optimizer wide(lr: float = 0.1) {\n"
    "  state u ~ normal(0, 0.01)\n"
    "  weight = weight - lr * (gradient + 0.1 * broadcast(mean(gradient), shape(weight))) + u\n}\n"
    + SPIRAL
    + "  optimizer = wide }\n",
    "drawn_in_the_file": "data d = xor()\ninput x: [N, 2]\ninput y: [N]\n"
    "param w: [2] ~ normal(0, 1)\nz = (x + normal(0, 0.1, shape = shape(x))) @ w\n"
    "loss = mse(z, y)\noutput loss\ntrain on d { minimize = loss\n holdout = 0.3 }\n",
    "moons": SPIRAL.replace("spiral(n = 40, seed = 3)", 'moons(n = 12) { x = column("x") * 2\n y = column("y") }')
    + "}\n",
    "circles": SPIRAL.replace("spiral(n = 40, seed = 3)", "circles(noise = 0.1)") + "}\n",
    "blobs": SPIRAL.replace("spiral(n = 40, seed = 3)", "blobs(n = 31, seed = 2)") + "  holdout = 0.1 }\n",
    "xor": SPIRAL.replace("spiral(n = 40, seed = 3)", "xor(noise = 0.1)") + "}\n",
    "columns_of_a_generator": SPIRAL.replace(
        "spiral(n = 40, seed = 3)",
        'spiral(n = 20) { x = columns("x0".."x1") / (column("x1") + 3)\n y = column("label") }',
    )
    + "}\n",
    "sine": "data d = sine(n = 30, noise = 0.1)\ninput x: [N, 1]\ninput y: [N]\n"
    "input scale = 2\ninput rates: [3] = 0.5\nz = x -> dense(4, tanh) -> dense(1)\n"
    "loss = huber(z[:, 0] * scale, y) + mean(rates)\noutput z\nmetric off = mae(z[:, 0], y)\n"
    "train on d { minimize = loss\n optimizer = adam(lr = 0.05) }\n",
    "classes": 'data d = csv("rows.csv") {\n  x = columns("a".."b") / 16 - column("b")\n  y = column("kind")\n}\n'
    "input x: [N, 2]\ninput y: int[N]\ns = x -> dense(3)\nloss = cross_entropy(s, y)\noutput s\n"
    "train on d { minimize = loss\n batch = 2 }\n",
    "arrays": 'data d = npz("rows.npz") {\n  x = column("pixels") / 255\n  y = column("kind")\n}\n'
    "input x: [N, 4]\ninput y: int[N]\ns = x -> dense(3)\nloss = cross_entropy(s, y)\noutput s\n"
    "train on d { minimize = loss\n batch = 4\n holdout = 0.25 }\n",
    "arrays_by_name": 'data d = npz("rows.npz")\ninput pixels: [N, 4]\ninput kind: int[N]\n'
    "s = pixels -> dense(3)\nloss = cross_entropy(s, kind)\noutput s\ntrain on d { minimize = loss }\n",
    "one_array": 'data d = npy("rows.npy") {\n  x = columns(0..1)\n  y = column(2)\n}\n'
    "input x: [N, 2]\ninput y: [N]\nz = x -> dense(1)\nloss = mse(z[:, 0], y)\noutput z\n"
    "train on d { minimize = loss }\n",
    "no_data": "input x = [[0.5, 1], [-1, 2]]\nparam w: [2] = 0.3\nparam file = 2\nscore = x @ w * file\n"
    "loss = sum((score - 1) ^ 2)\noutput loss\ntrain { minimize = loss\n optimizer = adam\n schedule = cosine }\n",
    "slices": "data d = npz(\"images.npz\")\ninput x: [N, 2, 6, 6]\ninput y: int[N]\n"
    "h = x[:, 0, 1:5:2, ...] + x[:, 1, 2:4, -6:]\ns = h -> flatten -> dense(3)\n"
    "loss = cross_entropy(s, y)\noutput s\ntrain on d { minimize = loss\n batch = 4 }\n",
    "no_inputs": "param w = 3\nloss = (w - 1) ^ 2\noutput loss\n"
    "train { minimize = loss * 2\n optimizer = momentum\n schedule = step(every = 1) }\n",
    "conv_net": "data d = npz(\"images.npz\")\ninput x: [N, 2, 6, 6]\ninput y: int[N]\n"
    "s = x -> conv(3, activation = relu) -> batch_norm2d -> max_pool2d(2) -> flatten -> dense(3)\n"
    "loss = cross_entropy(s, y)\noutput s\ntrain on d { minimize = loss\n batch = 4\n holdout = 0.25 }\n",
    "operations_named_as_in_python": SPIRAL.replace(
        "-> dense(3)\n", "-> dense(3)\nr = max(s, axis = 1, keepdims = true) - min(s, axis = 0)\n"
    ).replace("output s", "output s\noutput r").replace("l2(", "mean(abs(round(r))) + l2(")
    + "}\n",
    "last_rows": SPIRAL.replace("tanh)", "tanh) -> dropout(0.3)") + "  optimizer = adam\n batch = 24 }\n",
    "last_rows_normalised": SPIRAL.replace("tanh)", "tanh) -> batch_norm") + "  batch = 24 }\n",
    "last_images": "data d = npz(\"images.npz\")\ninput x: [N, 2, 6, 6]\ninput y: int[N]\n"
    "s = x -> conv(3, activation = relu) -> batch_norm2d -> max_pool2d(2) -> flatten -> dense(3)\n"
    "loss = cross_entropy(s, y)\noutput s\ntrain on d { minimize = loss\n batch = 7 }\n",
    "names_of_python": "data d = xor() { x_ = column(\"x\")\n update_ = column(\"y\") }\ninput x_: [N, 2]\n"
    "input update_: [N]\nparam train_: [2] ~ normal(0, 1)\nlambda = x_ @ train_\nnp = lambda * 2\n"
    "check = mse(np, update_)\noutput check\nmetric holdout = mean(np)\ntrain on d { minimize = check }\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data that the cases read."""
    found = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    (found / "rows.csv").write_text(CSV, encoding="utf-8")
    pixels = rng.integers(0, 256, (12, 4)).astype(np.uint8)
    np.savez(found / "rows.npz", pixels=pixels, kind=np.array(["b", "a", "c"] * 4))
    np.save(found / "rows.npy", rng.normal(size=(9, 3)).astype(np.float32))
    np.savez(found / "images.npz", x=rng.normal(size=(12, 2, 6, 6)), y=np.arange(12) % 3)
    return found


@dataclass
class Run:
    """What a training run left behind."""

    log: list[dict[str, Any]]
    best: dict[str, np.ndarray]
    last: dict[str, np.ndarray]
    printed: str = ""
    records: list[Record] = field(default_factory=list)


def prepared(text: str, folder: Path, **options: Any) -> Training:
    source = SourceFile("m.graph", text, path=str(folder / "m.graph"))
    return prepare_training(source, **options)


def script_of(training: Training, folder: Path, *, is_optimized: bool = False) -> str:
    t = training.trainer
    data = data_of(t.step.model)
    listing = None
    if is_optimized:
        listing = listing_of(t)
    return training_script(t.step, t.inference, t.settings, data=data, folder=str(folder), listing=listing)


def trained(training: Training) -> Run:
    """What the tool comes to."""
    t, progress = training.trainer, training.progress
    records = [r for r in t.steps(progress) if isinstance(r, Record)]
    last = t.kept(progress.values)
    log = [{**as_object(r), "seconds": 0} for r in records]
    return Run(log, progress.best or last, last, records=records)


def executed(script: str, folder: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, *args: str) -> Run:
    """What a script comes to, run in this process, which is quicker than starting Python for each."""
    path, weights, log = folder / "script.py", folder / "w.npz", folder / "run.jsonl"
    path.write_text(script, encoding="utf-8")
    (folder / "w.last.npz").unlink(missing_ok=True)
    # What a script may change of its process would reach other tests here.
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", os.environ.get("OPENBLAS_NUM_THREADS", "1"))
    for name in ("disable", "freeze"):
        monkeypatch.setattr(gc, name, lambda: None)
    monkeypatch.setattr(sys, "argv", [str(path), "-o", str(weights), "--log", str(log), *args])
    capsys.readouterr()
    with np.errstate():
        runpy.run_path(str(path), run_name="__main__")
    lines = [{**json.loads(line), "seconds": 0} for line in log.read_text(encoding="utf-8").splitlines()]
    best = arrays_of(weights)
    other = folder / "w.last.npz"
    return Run(lines, best, arrays_of(other) if other.exists() else best, capsys.readouterr().out)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return dict(arrays)


def assert_same_bits(found: dict[str, np.ndarray], wanted: dict[str, Any]) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype, name
        assert found[name].shape == array.shape, name
        assert found[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("is_optimized", [False, True], ids=["readable", "optimized"])
@pytest.mark.parametrize("name", CASES)
def test_a_script_trains_as_the_tool_does_to_the_bit(
    name: str,
    is_optimized: bool,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {} if name == "patience" else {"epochs": 3}
    training = prepared(CASES[name], folder, settings=settings)
    script = script_of(training, folder, is_optimized=is_optimized)
    wanted = trained(training)
    found = executed(script, folder, capsys, monkeypatch)
    assert found.log == wanted.log
    assert_same_bits(found.best, wanted.best)
    assert_same_bits(found.last, wanted.last)


def test_the_last_rows_of_an_epoch_have_the_compiled_step_too(folder: Path) -> None:
    for name, sizes in {
        "last_rows": "(24, 16)",
        "last_rows_normalised": "(24, 16)",
        "last_images": "(7, 5)",
    }.items():
        script = script_of(prepared(CASES[name], folder), folder, is_optimized=True)
        assert f"{{rows: step(rows) for rows in {sizes}}}" in script


@pytest.mark.parametrize("name", ["batch_norm", "clip_and_schedule", "own_optimizer"])
def test_a_script_trains_in_float64_too(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = prepared(CASES[name], folder, settings={"epochs": 3}, dtype="float64")
    script = script_of(training, folder)
    wanted = trained(training)
    found = executed(script, folder, capsys, monkeypatch, "--dtype", "float64")
    assert found.log == wanted.log
    assert_same_bits(found.best, wanted.best)


@pytest.mark.parametrize("is_optimized", [False, True], ids=["readable", "optimized"])
def test_options_of_a_script_are_those_of_the_tool(
    is_optimized: bool, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = CASES["arrays"]
    script = script_of(prepared(text, folder), folder, is_optimized=is_optimized)
    np.savez(folder / "other.npz", pixels=np.arange(24).reshape(6, 4), kind=np.array([2, 1, 0, 1, 1, 2]))
    other = str(folder / "other.npz")
    for args, options in (
        (
            ("--epochs", "2", "--batch", "5", "--seed", "9"),
            {"settings": {"epochs": 2, "batch": 5, "seed": 9}},
        ),
        (("--epochs", "1", "--batch", "all"), {"settings": {"epochs": 1, "batch": "all"}}),
        (("--epochs", "2", "--data", other), {"settings": {"epochs": 2}, "data": other}),
        (("--epochs", "0"), {"settings": {"epochs": 0}}),
    ):
        wanted = trained(prepared(text, folder, **options))
        found = executed(script, folder, capsys, monkeypatch, *args)
        assert found.log == wanted.log
        assert_same_bits(found.best, wanted.best)


def test_a_script_prints_the_lines_of_the_tool(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphlang.emit.epoch_line import epoch_line

    training = prepared(CASES["holdout"], folder, settings={"epochs": 2})
    found = executed(script_of(training, folder), folder, capsys, monkeypatch)
    lines = [epoch_line(r.epoch, 2, r.loss, r.metrics, r.holdout) for r in trained(training).records]
    assert found.printed.splitlines() == lines


@pytest.mark.parametrize("name", ["batch_norm", "dropout", "conv_net", "no_inputs", "sine"])
def test_a_script_checks_its_own_gradients(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = prepared(CASES[name], folder)
    with pytest.raises(SystemExit) as stop:
        executed(script_of(training, folder), folder, capsys, monkeypatch, "--gradcheck")
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{path}: OK" for path in training.trainer.step.gradients]


def test_a_script_says_which_gradient_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "gate twice(a) -> b {\n  b = 2 * a\n  backward { grad(a) = grad(b) * 3 }\n}\n"
        "param v = 1\nparam w = 0.5\nloss = twice(w) + v ^ 2\noutput loss\ntrain { minimize = loss }\n"
    )
    with pytest.raises(SystemExit) as stop:
        executed(script_of(prepared(text, folder), folder), folder, capsys, monkeypatch, "--gradcheck")
    assert stop.value.code == 1
    assert capsys.readouterr().out == "v: OK\nw: wrong, 3 instead of 2 at []\n"


def test_a_script_stops_where_numbers_are_no_longer_finite(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, what in (
        ("loss = exp(exp(w * 10))", "the loss is inf."),
        ("loss = (w - 1) ^ 0.5", "the gradient of w is not finite."),
    ):
        file = f"param w = 1\n{text}\noutput loss\ntrain {{ minimize = loss }}\n"
        training = prepared(file, folder)
        with pytest.raises(SystemExit) as stop:
            executed(script_of(training, folder), folder, capsys, monkeypatch)
        assert f"Training stopped at step 1, in epoch 1: {what}" in str(stop.value.code)
        with pytest.raises(GraphlangError):
            trained(training)


def test_what_a_script_cannot_have_is_said_when_it_is_written(folder: Path) -> None:
    text = CASES["arrays"].replace("npz", "parquet")
    training = prepared(CASES["arrays"], folder)
    t = training.trainer
    from graphlang.pipeline import compile_source

    spec = data_of(compile_source(SourceFile("m.graph", text)).value)
    with pytest.raises(GraphlangError, match=r"cannot read `rows\.parquet`"):
        training_script(t.step, t.inference, t.settings, data=spec)
    with pytest.raises(GraphlangError, match="input `x` has no value"):
        training_script(t.step, t.inference, t.settings)


def test_a_script_runs_by_itself_in_a_fresh_python(folder: Path) -> None:
    training = prepared(CASES["classes"], folder, settings={"epochs": 2})
    (folder / "alone.py").write_text(script_of(training, folder), encoding="utf-8")
    subprocess.run([sys.executable, "-I", folder / "alone.py", "-o", "alone.npz"], cwd=folder, check=True)
    assert_same_bits(arrays_of(folder / "alone.npz"), trained(training).best)


@pytest.mark.parametrize("is_optimized", [False, True], ids=["readable", "optimized"])
@pytest.mark.parametrize(("batch", "wanted"), [(32, True), (1 << 20, False)])
def test_a_script_of_small_steps_asks_for_one_thread_before_numpy_is_imported(
    batch: int, wanted: bool, is_optimized: bool, folder: Path
) -> None:
    training = prepared(SPIRAL + f"  batch = {batch} }}\n", folder)
    head = script_of(training, folder, is_optimized=is_optimized).partition("\nimport numpy as np\n")[0]
    assert ('\nos.environ["OPENBLAS_NUM_THREADS"] = "1"\n' in head) is wanted


@pytest.mark.parametrize("shuffle", ["true", "false"])
def test_batches_of_an_optimized_script_are_the_rows_in_order_however_large_they_are(
    shuffle: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    training = prepared(SPIRAL + f"  batch = 16\n shuffle = {shuffle} }}\n", folder)
    path = folder / "batches.py"
    path.write_text(script_of(training, folder, is_optimized=True), encoding="utf-8")
    functions = runpy.run_path(str(path))
    rows = np.array([5, 3, 8, 1, 2, 7, 4])
    # One is 40 kB, so that all fit into a block; the other is 10 MB, so that each batch is one.
    for width in (10_000, 2_500_000):
        examples = {"x": np.broadcast_to(np.arange(9, dtype=np.float32)[:, None], (9, width))}
        order = np.random.default_rng([7, *b"epoch", 4]).permutation(7) if shuffle == "true" else np.arange(7)
        drawn = functions["batches"](examples, rows, 3, *((4, 7) if shuffle == "true" else ()))
        found = [(size, inputs["x"].shape, inputs["x"][:, -1].tolist()) for size, inputs in drawn]
        wanted = rows[order].tolist()
        assert found == [
            (len(part), (len(part), width), part) for part in (wanted[:3], wanted[3:6], wanted[6:])
        ]


def test_scripts_are_clean_python(folder: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    for name, text in CASES.items():
        for is_optimized in (False, True):
            script = script_of(prepared(text, folder), folder, is_optimized=is_optimized)
            (folder / f"case_{name}_{is_optimized}.py").write_text(script, encoding="utf-8")
    options = ["--isolated", "--extend-select", "E501", "--line-length", "110"]
    done = subprocess.run(
        [ruff, "check", *options, *folder.glob("case_*.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_script_is_the_golden_one(accept: bool, tmp_path: Path) -> None:
    source = GOLDEN / "digits.graph"
    text = source.read_text(encoding="utf-8")
    (tmp_path / "digits.csv").write_text("".join(_digits()), encoding="utf-8")
    training = prepare_training(SourceFile("digits.graph", text, path=str(tmp_path / source.name)))
    script = script_of(training, tmp_path)
    golden = GOLDEN / "digits.py.txt"
    if accept:
        golden.write_text(script, encoding="utf-8")
    assert script == golden.read_text(encoding="utf-8")


def _digits() -> list[str]:
    """A table of the shape of the digits."""
    header = ",".join([*(f"p{i}" for i in range(64)), "label"])
    return [f"{header}\n", *(",".join([*map(str, range(64)), str(i % 10)]) + "\n" for i in range(20))]
