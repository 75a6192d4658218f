"""Training on handwritten digits beside the same loop written with PyTorch's optimizers and schedulers.

Both have the same architecture, rows in the same order, the same start and hyper-parameters, in float64. The
weights agree to 1e-10 after 1, 10 and 200 steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.run.training import DIGITS, training

torch: Any = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.slow]

CHECKED = (1, 10, 200)
BATCH = 32
TOLERANCE = 1e-10
# 1797 rows in batches of 32.
STEPS_OF_EPOCH = 57
EPOCHS = 4
MODEL = """
network mlp(x: [..., D]) -> scores {{
  param W1: [D, 32] ~ normal(0, 0.1)
  param b1: [32] = 0
  param W2: [32, 10] ~ normal(0, 0.1)
  param b2: [10] = 0
  scores = relu(x @ W1 + b1) @ W2 + b2
}}
data digits = csv("{data}") {{
  x = columns("p0".."p63") / 16
  y = column("label")
}}
input x: [N, 64]
input y: int[N]
layer net = mlp()
scores = net(x)
loss = cross_entropy(scores, y){penalty}
train on digits {{
  minimize = loss
  epochs = {epochs}
  batch = {batch}
  {settings}
}}
"""
NAMES = [f"net.{name}" for name in ("W1", "b1", "W2", "b2")]
Parameters = list[Any]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(DIGITS, delimiter=",", skiprows=1)
    return table[:, :64] / 16, table[:, 64].astype(np.int64)


def compare(
    settings: str,
    optimizer: Callable[[Parameters], Any],
    schedule: Callable[[Any], Any] | None = None,
    before_step: Callable[[Parameters], None] = lambda parameters: None,
    penalty: str = "",
    penalised: Callable[[Parameters], Any] = lambda parameters: 0.0,
    dtype: str = "float64",
    checked: tuple[int, ...] = CHECKED,
    tolerance: float = TOLERANCE,
) -> None:
    """Assert that `graphlang` with these settings and a plain PyTorch loop come to the same weights."""
    text = MODEL.format(data=DIGITS, penalty=penalty, settings=settings, epochs=EPOCHS, batch=BATCH)
    run = training(text, dtype=dtype)
    x, y = digits()
    inputs = torch.tensor(x, dtype=getattr(torch, dtype))
    labels = torch.tensor(y)
    parameters = [torch.tensor(np.array(run.progress.values[n])).requires_grad_(True) for n in NAMES]
    method = optimizer(parameters)
    scheduler = schedule(method) if schedule is not None else None
    W1, b1, W2, b2 = parameters  # noqa: N806
    steps = run.trainer.steps(run.progress)
    for step in range(1, max(checked) + 1):
        epoch, batch = run.progress.epoch, run.progress.batch
        if batch == run.trainer.batches:
            epoch, batch = epoch + 1, 0
        rows = torch.tensor(rows_of(run, epoch, batch))
        while not isinstance(next(steps), float):
            pass
        scores = torch.relu(inputs[rows] @ W1 + b1) @ W2 + b2
        loss = torch.nn.functional.cross_entropy(scores, labels[rows]) + penalised(parameters)
        method.zero_grad()
        loss.backward()
        before_step(parameters)
        method.step()
        if scheduler is not None:
            scheduler.step()
        if step in checked:
            for name, parameter in zip(NAMES, parameters, strict=True):
                found, wanted = run.progress.values[name], parameter.detach().numpy()
                np.testing.assert_allclose(
                    found, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{name} after {step} steps"
                )
    assert run.progress.step == max(checked)


def rows_of(run: Any, epoch: int, batch: int) -> np.ndarray:
    from graphlang.run.batches import batches_of_epoch

    s = run.trainer.settings
    found = list(batches_of_epoch(run.trainer.split, epoch, batch=s.batch, shuffle=s.shuffle, seed=s.seed))
    return np.asarray(found[batch])


OPTIMIZERS = {
    "sgd(lr = 0.1)": lambda p: torch.optim.SGD(p, lr=0.1),
    "sgd(lr = 0.1, weight_decay = 0.01)": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum(lr = 0.05, mu = 0.8)": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8),
    "momentum()": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "nesterov(lr = 0.05, mu = 0.8)": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8, nesterov=True),
    "nesterov()": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad()": lambda p: torch.optim.Adagrad(p, lr=0.01, eps=1e-10),
    "adagrad(lr = 0.1, epsilon = 1e-6)": lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-6),
    "rmsprop(lr = 0.001)": lambda p: torch.optim.RMSprop(p, lr=0.001, alpha=0.99, eps=1e-8),
    "rmsprop(lr = 0.005, rho = 0.9, epsilon = 1e-6)": lambda p: torch.optim.RMSprop(
        p, lr=0.005, alpha=0.9, eps=1e-6
    ),
    "adam()": lambda p: torch.optim.Adam(p),
    "adam(lr = 0.01, beta1 = 0.8, beta2 = 0.99, epsilon = 1e-6)": lambda p: torch.optim.Adam(
        p, lr=0.01, betas=(0.8, 0.99), eps=1e-6
    ),
    "adamw()": lambda p: torch.optim.AdamW(p),
    "adamw(lr = 0.01, weight_decay = 0.1)": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("text", OPTIMIZERS)
def test_optimizer(text: str) -> None:
    compare(f"optimizer = {text}", OPTIMIZERS[text])


@pytest.mark.parametrize("text", [t for t in OPTIMIZERS if t != "adagrad()" and t != "adam()"])
def test_optimizer_in_float32(text: str) -> None:
    compare(f"optimizer = {text}", OPTIMIZERS[text], dtype="float32", checked=(1, 10), tolerance=1e-4)


# --- schedules -----------------------------------------------------------------------------------------------

LAMBDA = "LambdaLR"
PER_STEP = 1 / STEPS_OF_EPOCH
TOTAL = EPOCHS * STEPS_OF_EPOCH
WARM = 2 * STEPS_OF_EPOCH


def by_formula(factor: Callable[[float], float], warmup: float = 0) -> Callable[[Any], Any]:
    """PyTorch's LambdaLR of a factor of the epochs done, with our linear warm-up in front."""

    def of(step: int) -> float:
        rise = min(1.0, (step + 1) / (warmup * STEPS_OF_EPOCH)) if warmup else 1.0
        return rise * factor(step / STEPS_OF_EPOCH)

    return lambda method: torch.optim.lr_scheduler.LambdaLR(method, of)


def cosine_after(warmup: float, least: float = 0.0) -> Callable[[float], float]:
    def of(t: float) -> float:
        done = max(0.0, min(1.0, (t - warmup) / (EPOCHS - warmup)))
        return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2

    return of


def warmed_linearly(method: Any) -> Any:
    """From 1/WARM in the first step to 1, then constant."""
    return torch.optim.lr_scheduler.LinearLR(method, 1 / WARM, 1.0, WARM - 1)


def warmed_cosine(method: Any) -> Any:
    rise = torch.optim.lr_scheduler.LinearLR(method, 1 / WARM, 1.0, WARM - 1)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(method, TOTAL - WARM)
    return torch.optim.lr_scheduler.SequentialLR(method, [rise, fall], [WARM])


SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "constant()": lambda m: torch.optim.lr_scheduler.ConstantLR(m, 1.0),
    "constant(warmup = 2)": warmed_linearly,
    "step(every = 1, gamma = 0.5)": lambda m: torch.optim.lr_scheduler.StepLR(m, STEPS_OF_EPOCH, 0.5),
    "step(every = 2, gamma = 0.1)": lambda m: torch.optim.lr_scheduler.StepLR(m, 2 * STEPS_OF_EPOCH, 0.1),
    "step(every = 1, gamma = 0.5, warmup = 2)": by_formula(lambda t: 0.5 ** math.floor(t + 1e-9), 2),
    "exponential(gamma = 0.5)": lambda m: torch.optim.lr_scheduler.ExponentialLR(m, 0.5**PER_STEP),
    "exponential(gamma = 0.5, warmup = 2)": by_formula(lambda t: 0.5**t, 2),
    "cosine()": lambda m: torch.optim.lr_scheduler.CosineAnnealingLR(m, TOTAL),
    "cosine(least = 0.25)": by_formula(cosine_after(0, 0.25)),
    "cosine(warmup = 2)": warmed_cosine,
    "cosine(warmup = 0.5, least = 0.1)": by_formula(cosine_after(0.5, 0.1), 0.5),
}


@pytest.mark.parametrize(
    "method", ["sgd(lr = 0.1)", "adam(lr = 0.01, beta1 = 0.8, beta2 = 0.99, epsilon = 1e-6)"]
)
@pytest.mark.parametrize("text", SCHEDULES)
def test_schedule(text: str, method: str) -> None:
    compare(f"optimizer = {method}\n  schedule = {text}", OPTIMIZERS[method], SCHEDULES[text])


# --- clip and penalty ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["sgd(lr = 0.1)", "adam()", "momentum()"])
@pytest.mark.parametrize("limit", [0.05, 0.5, 5.0])
def test_clip(limit: float, method: str) -> None:
    def clip(parameters: Parameters) -> None:
        # PyTorch adds 1e-6 to the norm that it divides by, so the norm is taken from it, the factor is not.
        norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf)
        for p in parameters:
            p.grad *= min(1.0, limit / float(norm))

    compare(f"optimizer = {method}\n  clip = {limit}", OPTIMIZERS[method], before_step=clip)


def test_clip_is_nearly_that_of_pytorch() -> None:
    def clip(parameters: Parameters) -> None:
        torch.nn.utils.clip_grad_norm_(parameters, 0.5)

    compare(
        "optimizer = sgd(lr = 0.1)\n  clip = 0.5",
        OPTIMIZERS["sgd(lr = 0.1)"],
        before_step=clip,
        checked=(1, 10),
        tolerance=1e-5,
    )


@pytest.mark.parametrize("method", ["sgd(lr = 0.1)", "adam()"])
def test_l2_in_the_objective(method: str) -> None:
    def squares(parameters: Parameters) -> Any:
        return 1e-2 * sum((p**2).sum() for p in (parameters[0], parameters[2]))

    compare(
        f"optimizer = {method}",
        OPTIMIZERS[method],
        penalty=' + 1e-2 * l2(params("*.W?"))',
        penalised=squares,
    )


def test_all_together() -> None:
    def clip(parameters: Parameters) -> None:
        norm = torch.nn.utils.clip_grad_norm_(parameters, math.inf)
        for p in parameters:
            p.grad *= min(1.0, 0.3 / float(norm))

    compare(
        "optimizer = adamw(lr = 0.01, weight_decay = 0.1)\n  schedule = cosine(warmup = 2)\n  clip = 0.3",
        OPTIMIZERS["adamw(lr = 0.01, weight_decay = 0.1)"],
        warmed_cosine,
        clip,
        " + 1e-3 * l2(params)",
        lambda parameters: 1e-3 * sum((p**2).sum() for p in parameters),
    )
