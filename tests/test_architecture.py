"""Imports point one way: each package may import those it stands on, and nothing else of ours."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "graphlang"

# Package or module -> what it may import of ours, besides itself. Read from top to bottom it is the journey.
ALLOWED = {
    "source": set(),
    "diagnostics": {"source"},
    "syntax": {"source", "diagnostics", "collector"},
    "types": {"source"},
    "graph": {"source", "types", "collector"},
    "ops": {"source", "types", "graph"},
    "elaborate": {"source", "diagnostics", "syntax", "types", "graph", "ops"},
    "differentiate": {"source", "types", "graph", "ops"},
    "plan": {"source", "types", "graph", "ops", "collector"},
    "run": {"source", "diagnostics", "types", "graph", "ops", "plan", "files", "collector", "generators", "csv_digits"},
    "emit": {"source", "diagnostics", "types", "graph", "ops", "plan", "generators", "csv_digits"},
    "draw": {"source", "diagnostics", "types", "graph", "ops"},
    "plot": {"source", "diagnostics", "types", "graph", "files"},
    "pipeline": {
        "source", "diagnostics", "syntax", "types", "graph", "ops", "elaborate", "differentiate", "plan", "run", "collector",
    },
    "learning": {
        "source", "diagnostics", "syntax", "graph", "pipeline", "differentiate", "run",
    },
    "surfaces": {"diagnostics", "graph", "pipeline", "run", "plot"},
    "profiling": {"types", "graph", "pipeline", "differentiate", "plan", "run", "emit"},
    "api": {
        "source", "diagnostics", "syntax", "graph", "pipeline", "run", "emit", "draw", "files",
    },
    "server": {
        "source", "diagnostics", "syntax", "graph", "elaborate", "differentiate", "pipeline", "learning", "surfaces", "run",
        "emit", "draw", "plot", "files", "generators",
    },
    "files": set(),
    "collector": set(),
    "records": set(),
    "generators": set(),
    "csv_digits": set(),
}  # fmt: skip
EVERYTHING = {"cli", "__init__", "__main__"}
# Lies below all packages: what their classes are made with.
GROUND = {"records"}


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def home(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found.update(name.split(".")[1] for name in names if name.startswith("graphlang."))
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_package_imports_only_what_it_stands_on(path: Path) -> None:
    package = home(path)
    if package in EVERYTHING:
        return
    assert imports(path) - {package} - GROUND <= ALLOWED[package]


def test_the_rule_would_catch_an_import_that_points_back(tmp_path: Path) -> None:
    culprit = tmp_path / "kernel.py"
    culprit.write_text("from graphlang.elaborate.scopes import Env\n")
    assert not imports(culprit) <= ALLOWED["ops"]


def test_help_and_version_import_neither_numpy_nor_networkx() -> None:
    code = (
        "import sys; from graphlang.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'networkx', 'lark', 'pydot'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_running_a_file_imports_neither_networkx_nor_pydot() -> None:
    code = (
        "import sys, graphlang; graphlang.parse('input x = 1\\nf = x * x').run()\n"
        "heavy = {'networkx', 'pydot', 'matplotlib', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_lark_is_imported_for_a_new_grammar_alone(tmp_path: Path) -> None:
    code = "import sys, graphlang; graphlang.parse('input x = 1\\nf = x * x'); print('lark' in sys.modules)"
    environment = {**os.environ, "GRAPHLANG_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", code]
    said = [
        subprocess.run(run, check=True, capture_output=True, text=True, env=environment).stdout for _ in "ab"
    ]
    assert said == ["True\n", "False\n"]


@pytest.mark.parametrize(
    "argv", [["run", "examples/product_of_sum.graph"], ["train", "examples/spiral.graph", "--epochs", "1"]]
)
def test_an_ordinary_command_makes_no_dataclasses(argv: list[str]) -> None:
    """Each would take half a millisecond of every start."""
    code = (
        f"import sys; from graphlang.cli.main import main; assert main({argv}) == 0\n"
        "ours = [m for name, m in sys.modules.items() if name.startswith('graphlang')]\n"
        "classes = {c for m in ours for c in vars(m).values() if isinstance(c, type)}\n"
        "slow = {c for c in classes if hasattr(c, '__dataclass_fields__')}; assert not slow, slow"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT.parent)
