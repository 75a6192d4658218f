"""Files with mistakes: each is told about all of them, where they are, and about nothing else.

`tests/cases/errors/NAME.graph` says in comments what is wrong with it, `NAME.txt` beside it holds what the
user sees. `pytest --accept` rewrites the latter; read the difference as one who has just made the mistake.

    y = x ** 2  # error E0102           an error with this code on this line
    # error E0102 below                 on the next line, where no comment can stand
    # error E0910 nowhere               without a place in the file
    # run --set X=3                     `graphlang run` with these options instead of `graphlang check`
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graphlang.cli.main import main

FOLDER = Path(__file__).parent / "cases" / "errors"
FILES = sorted(FOLDER.glob("*.graph"))
Expected = set[tuple[int | None, str]]


def _lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8", errors="replace").split("\n")


def _expected(path: Path) -> Expected:
    found: Expected = set()
    for number, line in enumerate(_lines(path), start=1):
        match = re.search(r"# error ((?:E\d{4} ?)+)(below|nowhere)?", line)
        if match:
            place = {"below": number + 1, "nowhere": None}.get(match[2] or "", number)
            found.update((place, code) for code in match[1].split())
    return found


def _command(path: Path) -> list[str]:
    first = _lines(path)[0]
    options = first.removeprefix("# run").split() if first.startswith("# run") else []
    return ["run" if first.startswith("# run") else "check", path.name, "--color", "never", *options]


def _reported(text: str, name: str) -> Expected:
    """The errors of a rendering that lie in the file itself or nowhere."""
    found: Expected = set()
    for block in text.split("\n\n"):
        head = re.match(r"error\[(E\d{4})\]", block)
        place = re.search(r"^ *--> (.*):(\d+):\d+$", block, re.MULTILINE)
        if head and (place is None or place[1] == name):
            found.add((int(place[2]) if place else None, head[1]))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_file_is_told_its_mistakes_and_no_others(
    path: Path, accept: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    status = main(_command(path))
    text = capsys.readouterr().err
    assert status == 1, text
    assert "Traceback" not in text
    assert "internal error" not in text
    golden = path.with_suffix(".txt")
    if accept:
        golden.write_text(text, encoding="utf-8")
    assert _reported(text, path.name) == _expected(path), text
    assert text == golden.read_text(encoding="utf-8")


def test_there_are_many_cases_and_no_golden_without_one() -> None:
    assert len(FILES) >= 75
    assert {p.stem for p in FOLDER.glob("*.txt")} == {p.stem for p in FILES}


def test_messages_do_not_depend_on_the_order_of_sets() -> None:
    script = (
        "import sys; from graphlang.cli.main import main\n"
        "for name in sys.argv[1:]: main(['check', name, '--color', 'never'])"
    )
    checked = [p for p in FILES if _command(p)[0] == "check"]
    texts = [
        subprocess.run(
            [sys.executable, "-c", script, *(p.name for p in checked)],
            cwd=FOLDER,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stderr
        for seed in ("1",)
    ]
    goldens = "".join(p.with_suffix(".txt").read_text(encoding="utf-8") for p in checked)
    assert texts == [goldens]


def test_json_says_what_the_text_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    path = FOLDER / "several_mistakes.graph"
    assert main(["check", path.name, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert {(d["line"], d["code"]) for d in found} == _expected(path)
    assert all(d["severity"] == "error" and d["file"] == path.name for d in found)
