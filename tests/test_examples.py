"""Every example passes `graphlang test`: its expectations hold, and so do its gradients."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphlang.cli.main import main
from graphlang.cli.test import test_file as tested

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("*.graph"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_example_passes(path: Path) -> None:
    result = tested(str(path))
    assert result.passed, "\n".join(f"{d.code}: {d.message}" for d in result.diagnostics)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_example_says_what_it_is_and_checks_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    is_library = "\noutput " not in text
    assert is_library or "\nexpect " in text


def test_examples_pass_as_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    small = [f for f in FILES if "\ndata " not in f.read_text(encoding="utf-8")]
    assert len(small) >= 20
    assert main(["test", *(str(f) for f in small if f.stem != "wrong_backward")]) == 0
    assert f"{len(small) - 1} passed, 0 failed" in capsys.readouterr().out


def test_wrong_example_fails_when_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(EXAMPLES / "wrong_backward.graph")]) == 1
    captured = capsys.readouterr()
    assert "0 passed, 1 failed" in captured.out
    assert "E0709" in captured.err


def test_wrong_example_passes_in_its_folder_because_it_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong_backward.graph").write_bytes((EXAMPLES / "wrong_backward.graph").read_bytes())
    assert main(["test", str(tmp_path)]) == 0
    assert "fails, as it should" in capsys.readouterr().out


def test_a_wrong_example_that_passes_is_a_failure(tmp_path: Path) -> None:
    text = (EXAMPLES / "wrong_backward.graph").read_text(encoding="utf-8")
    (tmp_path / "mended.graph").write_text(text.replace("* (1 - y)\n", "* y * (1 - y)\n"), encoding="utf-8")
    assert main(["test", "-q", str(tmp_path)]) == 1
