"""`graphlang plot`: logs of runs as text and as pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphlang.cli.main import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [f'{{"epoch": {e}, "loss": {1 / e}, "holdout": {{"loss": {2 / e}}}}}\n' for e in range(1, 9)]
    Path("fast.jsonl").write_text("".join(lines))
    Path("slow.jsonl").write_text("".join(lines[:4]))
    return tmp_path


def test_without_an_output_the_curves_are_text(folder: Path, capsys: Captured):
    assert main(["plot", "fast.jsonl", "slow.jsonl"]) == 0
    header, _, first, held, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "curve", "course", "epochs", "first", "lowest", "highest", "last"]
    assert first.split() == ["fast", "loss", "█▄▂▂▁▁▁▁", "8", "1", "0.125", "@", "8", "1", "@", "1", "0.125"]
    assert "loss, held out" in held


def test_a_run_of_nothing_but_nan_is_shown(folder: Path, capsys: Captured):
    Path("nan.jsonl").write_text('{"epoch": 1, "loss": "nan"}\n')
    assert main(["plot", "nan.jsonl"]) == 0
    assert "×" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_the_output_is_a_picture_of_all_runs(folder: Path, kind: str):
    pytest.importorskip("matplotlib")
    assert main(["plot", "fast.jsonl", "slow.jsonl", "-o", f"curves.{kind}"]) == 0
    data = Path(f"curves.{kind}").read_bytes()
    assert main(["plot", "fast.jsonl", "slow.jsonl", "-o", f"curves.{kind}"]) == 0
    assert Path(f"curves.{kind}").read_bytes() == data


def test_a_cut_off_line_is_a_warning_and_the_rest_is_shown(folder: Path, capsys: Captured):
    with open("fast.jsonl", "a") as file:
        file.write('{"epoch": 9, "lo')
    assert main(["plot", "fast.jsonl"]) == 0
    out, err = capsys.readouterr()
    assert "fast" in out and "warning[W0802]" in err and "fast.jsonl:9:1" in err


def test_every_damaged_log_is_reported_and_nothing_is_written(folder: Path, capsys: Captured):
    pytest.importorskip("matplotlib")
    Path("bad.jsonl").write_text('{"epoch": 1, "loss": []}\n')
    assert main(["plot", "bad.jsonl", "nowhere.jsonl", "fast.jsonl", "-o", "a.svg"]) == 1
    err = capsys.readouterr().err
    assert err.count("error[E0809]") == 2 and "bad.jsonl:1:1" in err and not Path("a.svg").exists()


def test_an_unknown_ending_is_refused_before_anything_is_read(folder: Path, capsys: Captured):
    assert main(["plot", "nowhere.jsonl", "-o", "a.jpg"]) == 1
    err = capsys.readouterr().err
    assert "E0914" in err and "E0809" not in err


def test_a_picture_is_drawn_without_pyplot(folder: Path):
    pytest.importorskip("matplotlib")
    code = (
        "import sys; from graphlang.cli.main import main\n"
        "assert main(['plot', 'fast.jsonl', '-o', 'a.png']) == 0; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_text_works_and_a_picture_says_what_to_install(folder: Path):
    code = (
        "import sys; sys.modules['matplotlib'] = None; from graphlang.cli.main import main\n"
        "assert main(['plot', 'fast.jsonl']) == 0; assert 'numpy' not in sys.modules\n"
        "sys.exit(main(['plot', 'fast.jsonl', '-o', 'a.svg']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 1 and "pip install 'graphlang[plot]'" in done.stderr
    assert "Traceback" not in done.stderr
