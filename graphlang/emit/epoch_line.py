"""The line that a training run prints after each epoch; scripts are given the source of this function."""

from __future__ import annotations

from collections.abc import Mapping


def epoch_line(
    epoch: int, epochs: int, loss: float, metrics: Mapping[str, float], holdout: Mapping[str, float] | None
) -> str:
    """`epoch  3/30  loss 0.2718  accuracy 0.9131  | holdout loss 0.2542  accuracy 0.9248`."""
    told = [f"epoch {epoch:>{len(str(epochs))}}/{epochs}", f"loss {loss:.4g}"]
    told += [f"{name} {value:.4g}" for name, value in metrics.items()]
    if holdout is not None:
        told.append("| holdout " + "  ".join(f"{name} {value:.4g}" for name, value in holdout.items()))
    return "  ".join(told)
