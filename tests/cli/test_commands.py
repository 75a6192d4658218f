"""The command line, in process: what is printed where, and with which exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from graphlang.cli.main import COMMANDS, main

PRODUCT = """# f(x, y, z) = (x + y) z
input x = -2
input y = 5
input z = -4
q = x + y
f = q * z
output f
expect f == -12
"""


@pytest.fixture
def product(tmp_path: Path) -> str:
    path = tmp_path / "product.graph"
    path.write_text(PRODUCT)
    return str(path)


def write(folder: Path, text: str, name: str = "m.graph") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


Captured = pytest.CaptureFixture[str]


def test_run_prints_formula_value_and_gradient(product: str, capsys: Captured) -> None:
    assert main(["run", product]) == 0
    out = capsys.readouterr().out
    assert ["q", "x + y", "3", "-4"] in [line.split("  ") for line in _squeezed(out)]
    assert "1 of 1 expectations hold." in out


def _squeezed(text: str) -> list[str]:
    import re

    return [re.sub(r" {2,}", "  ", line) for line in text.splitlines()]


def test_run_json_is_the_object_of_the_language_page(product: str, capsys: Captured) -> None:
    assert main(["run", product, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "product",
        "of": "f",
        "outputs": ["f"],
        "values": {"x": -2.0, "y": 5.0, "z": -4.0, "q": 3.0, "f": -12.0},
        "gradients": {"x": -4.0, "y": -4.0, "z": 3.0, "q": -4.0, "f": 1.0},
        "shapes": {"x": [], "y": [], "z": [], "q": [], "f": []},
        "expect": [{"text": "f == -12", "ok": True}],
        "warnings": [],
    }


def test_nan_and_infinity_are_strings(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = [0, -1, 1]\ny = log(x)\nz = 1 / x\noutput y, z")
    main(["run", path, "--json"])
    values = json.loads(capsys.readouterr().out)["values"]
    assert values["y"] == ["-inf", "nan", 0.0]
    assert values["z"] == ["inf", -1.0, 1.0]


def test_all_adds_the_unnamed_nodes(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 2\nf = 1 / (1 + exp(-x))")
    main(["run", path, "--json"])
    assert set(json.loads(capsys.readouterr().out)["values"]) == {"x", "f"}
    main(["run", path, "--json", "--all"])
    assert set(json.loads(capsys.readouterr().out)["values"]) == {"x", "f.neg", "f.exp", "f.add", "f"}


def test_set_replaces_inputs_and_constants(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "const n = 2\ninput x = 3\nf = x ^ n")
    main(["run", path, "--json", "--set", "x=2", "--set", "n=5"])
    assert json.loads(capsys.readouterr().out)["values"]["f"] == 32


def test_set_beats_feed_beats_default(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 1\ninput y = 1\ninput z = 1\nf = x + y + z")
    feed = tmp_path / "feed.json"
    feed.write_text('{"x": 10, "y": 20}')
    main(["run", path, "--json", "--feed", str(feed), "--set", "x=100"])
    values = json.loads(capsys.readouterr().out)["values"]
    assert (values["x"], values["y"], values["z"]) == (100, 20, 1)


def test_feeds_bind_free_sizes(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x: [N, 2]\nf = mean(x)")
    np.savez(tmp_path / "x.npz", x=np.ones((5, 2)))
    main(["run", path, "--json", "--feed", str(tmp_path / "x.npz")])
    assert json.loads(capsys.readouterr().out)["shapes"]["x"] == [5, 2]


def test_weights_replace_where_parameters_start(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "param W: [2] ~ normal(0, 1)\nf = sum(W)")
    np.savez(tmp_path / "w.npz", W=np.array([1.0, 2.0]))
    main(["run", path, "--json", "--weights", str(tmp_path / "w.npz")])
    assert json.loads(capsys.readouterr().out)["values"]["f"] == 3


def test_seeds_draw_the_same_numbers_again(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "param W: [3] ~ normal(0, 1)\nf = sum(W)")
    drawn = []
    for seed in ("1", "1", "2"):
        main(["run", path, "--json", "--seed", seed])
        drawn.append(json.loads(capsys.readouterr().out)["values"]["W"])
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_parameter_keeps_its_numbers_when_another_is_added(tmp_path: Path, capsys: Captured) -> None:
    drawn = []
    for text in (
        "param W: [3] ~ normal(0, 1)\nf = sum(W)",
        "param V: [3] ~ normal(0, 1)\nparam W: [3] ~ normal(0, 1)\nf = sum(W)",
    ):
        main(["run", write(tmp_path, text), "--json"])
        drawn.append(json.loads(capsys.readouterr().out)["values"]["W"])
    assert drawn[0] == drawn[1]


def test_of_chooses_what_is_differentiated(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 2\na = x ^ 2\nb = x ^ 3\noutput a, b")
    main(["run", path, "--json", "--of", "b"])
    assert json.loads(capsys.readouterr().out)["gradients"]["x"] == 12


def test_forward_only_is_said(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 2\na = x ^ 2\nb = x ^ 3\noutput a, b")
    assert main(["run", path]) == 0
    assert "Forward only" in capsys.readouterr().err


def test_float32_is_single_precision(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 0.1\nf = x * 3")
    main(["run", path, "--json", "--dtype", "float32"])
    assert json.loads(capsys.readouterr().out)["values"]["f"] == float(np.float32(0.1) * np.float32(3))


def test_a_failed_expectation_is_a_warning_to_run_and_an_error_to_test(
    tmp_path: Path, capsys: Captured
) -> None:
    path = write(tmp_path, "input x = 2\nf = x ^ 2\nexpect f == 5")
    assert main(["run", path, "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["expect"] == [{"text": "f == 5", "ok": False}]
    assert len(out["warnings"]) == 1
    assert main(["test", path]) == 1
    assert "f == 5" in capsys.readouterr().err


def test_test_passes_a_folder_with_a_file_that_is_there_to_fail(tmp_path: Path, capsys: Captured) -> None:
    write(tmp_path, "input x = 2\nf = x ^ 2\nexpect f == 4", "good.graph")
    bad = write(tmp_path, "# test: fails\ninput x = 2\nf = x ^ 2\nexpect f == 5", "bad.graph")
    assert main(["test", str(tmp_path)]) == 0
    assert main(["test", bad]) == 1
    capsys.readouterr()


def test_check_reports_all_mistakes_as_json(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 1\ny = x + undefined_thing\nz = x +\nw = [1, 2] @ [1, 2, 3]\n")
    assert main(["check", path, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    assert [d["line"] for d in found] == [2, 3, 4]
    assert set(found[0]) == {
        "code", "severity", "message", "file", "line", "column", "end_line", "end_column", "notes", "suggestion",
    }  # fmt: skip


def test_check_accepts_a_file_without_mistakes(product: str, capsys: Captured) -> None:
    assert main(["check", product, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"diagnostics": []}


@pytest.mark.parametrize("command", ["run", "check", "gradcheck", "summary", "grad", "show"])
def test_a_missing_file_is_exit_status_1_without_a_traceback(command: str, capsys: Captured) -> None:
    assert main([command, "nowhere.graph"]) == 1
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_shows_an_example(command: str, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "example:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["nosuch"], ["run"], ["run", "x", "--dtype", "int8"], ["export", "x"]])
def test_wrong_usage_is_exit_status_2(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    capsys.readouterr()


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    import io
    import sys

    stream = io.TextIOWrapper(io.BytesIO(PRODUCT.encode()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    assert main(["run", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["values"]["f"] == -12


def test_no_color_without_a_terminal_and_color_when_asked(
    product: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    main(["run", product])
    assert "\x1b[" not in capsys.readouterr().out
    main(["run", product, "--color", "always"])
    assert "\x1b[" in capsys.readouterr().out


def test_quiet_keeps_remarks_away(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 2\na = x ^ 2\nb = x ^ 3\noutput a, b")
    main(["run", path, "--quiet"])
    assert capsys.readouterr().err == ""


def test_an_output_that_cannot_be_written_is_an_error_and_leaves_nothing(
    product: str, tmp_path: Path, capsys: Captured
) -> None:
    target = tmp_path / "no" / "such" / "folder.graph"
    assert main(["grad", product, "-o", str(target)]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["product.graph"]


def test_explain_knows_every_code_and_suggests_for_others(capsys: Captured) -> None:
    assert main(["explain", "E0301"]) == 0
    assert "E0301" in capsys.readouterr().out
    assert main(["explain", "E9999"]) == 2
    capsys.readouterr()


def test_summary_counts_parameters_and_operations(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x: [N, 64]\nscores = x -> dense(128, relu) -> dense(10)\n")
    assert main(["summary", path, "--json", "--size", "N=1"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["parameters"] == 64 * 128 + 128 + 128 * 10 + 10
    # Products count 2 n k m, sums of the bias and relu one per entry.
    assert out["flops"] == 2 * 64 * 128 + 128 + 128 + 2 * 128 * 10 + 10


@pytest.mark.parametrize("stage", ["tokens", "ast", "graph", "backward", "plan"])
def test_show_prints_every_stage(product: str, stage: str, capsys: Captured) -> None:
    assert main(["show", product, "--stage", stage]) == 0
    assert capsys.readouterr().out.strip()


def test_a_name_that_a_loop_rebinds_stands_for_its_last_value(tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path, "input x = 2\nf = x\nfor k in 1..3 { f = f * x }\ng = f + 1\noutput f, g")
    main(["run", path, "--json", "--of", "f"])
    out = json.loads(capsys.readouterr().out)
    assert (out["of"], out["gradients"]["x"]) == ("f[3]", 4 * 2**3)


def test_test_evaluates_nothing_where_shapes_alone_are_expected_of_inputs_without_value(
    tmp_path: Path, capsys: Captured
) -> None:
    """A layer of 4 million millions of parameters could not be drawn."""
    text = "input x: [N, 2_000_000]\ny = x -> dense(2_000_000)\noutput y\nexpect shape(y) == [N, 2_000_000]\n"
    path = tmp_path / "huge.graph"
    path.write_text(text + "expect size(params) == 2_000_000 ^ 2 + 2_000_000\n")
    assert main(["test", str(path)]) == 0
    assert "2 expectations" in capsys.readouterr().out
    path.write_text(text + "expect shape(y) == [2 * N, 2_000_000]\n")
    assert main(["test", str(path)]) == 1
    assert "left is [N, 2000000], right is [2*N, 2000000]" in capsys.readouterr().err


def test_test_checks_gradients_on_some_rows_and_expectations_on_all(tmp_path: Path, capsys: Captured) -> None:
    """A wrong gradient is found on the first hundred rows; `shape(x)` is that of the whole file."""
    rows = np.random.default_rng(0).normal(size=(500, 2))
    np.savez(tmp_path / "d.npz", x=rows)
    text = (
        'data d = npz("d.npz") { x = column("x") }\ninput x: [N, 2]\nparam w = [1, 2]\n'
        "gate twice(a) -> b {\n  b = 2 * a\n  backward { grad(a) = grad(b) * FACTOR }\n}\n"
        "f = mean(twice(x @ w))\noutput f\nexpect shape(x) == [500, 2]\n"
    )
    assert main(["test", write(tmp_path, text.replace("FACTOR", "2"))]) == 0
    assert main(["test", write(tmp_path, text.replace("FACTOR", "3"))]) == 1
    assert "E0709" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian", "m.graph"], "there is no command `trian`; did you mean `train`?"),
        (["train", "m.graph", "--fsat"], "there is no option `--fsat`; did you mean `--fast`?"),
        (["train", "m.graph", "--epohcs=3"], "there is no option `--epohcs=3`; did you mean `--epochs`?"),
        (["run", "m.graph", "n.graph"], "`n.graph` is one argument too many"),
    ],
)
def test_a_misspelt_word_of_the_command_line_is_told_apart(
    words: list[str], said: str, capsys: Captured
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(said)
