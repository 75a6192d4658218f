"""The workloads, one module each; a module that is several kinds of work would be several."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from benchmarks.harness import Workload

NAMES = ("mlp", "conv", "attention", "lstm", "scalar", "job", "parse", "startup")


def load(name: str) -> Workload:
    """A workload with its contenders."""
    workload: Workload = module(name).WORKLOAD
    return workload


def module(name: str) -> ModuleType:
    """The module of a workload, whose docstring says what it is; tests have theirs elsewhere."""
    return import_module(name if "." in name else f"benchmarks.workloads.{name}")
