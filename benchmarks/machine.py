"""What a run was measured on: results mean nothing without it."""

from __future__ import annotations

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "graphlang",
    "numpy",
    "torch",
    "jax",
    "tinygrad",
    "scikit-learn",
    "micrograd",
    "numba",
    "onnx",
    "nnef",
)


def describe() -> dict[str, Any]:
    """Date, processor, system and versions."""
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: v for name in PACKAGES if (v := _version(name)) is not None},
        "blas": _blas(),
    }


def sentence(machine: dict[str, Any]) -> str:
    """The same in words."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    blas = f", NumPy's products by {machine['blas']}" if machine["blas"] else ""
    return (
        f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {machine['system']};"
        f" Python {machine['python']}, {versions}{blas};"
        f" {machine['threads']} threads, {machine['rounds']} rounds."
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _blas() -> str | None:
    """The library behind NumPy's matrix products, if `threadpoolctl` is there to tell."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    import numpy as np  # noqa: F401  (so that its library is loaded)

    names = [f"{i['internal_api']} {i['version']}" for i in threadpool_info() if i["user_api"] == "blas"]
    return names[0] if names else None
