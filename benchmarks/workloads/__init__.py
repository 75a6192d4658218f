"""The workloads, one module each; a module that is several kinds of work would be several."""

from __future__ import annotations

from importlib import import_module

from benchmarks.harness import Workload

NAMES = ("mlp", "conv", "attention", "lstm", "scalar", "job", "parse", "startup")


def load(name: str) -> Workload:
    """A workload with its contenders."""
    workload: Workload = import_module(f"benchmarks.workloads.{name}").WORKLOAD
    return workload
