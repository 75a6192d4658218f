"""The pictures: growth where sizes are counted, bars where they are not, the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.test_report import contender, result

pytest.importorskip("matplotlib")


def results() -> list[dict[str, object]]:
    parse = [
        result("parse", f"{n} statements", contender("ours", "graphlang", 1e-6 * n**1.5), count=n)
        for n in (1_000, 10_000)
    ]
    bars = [contender("quick <one>", "peer", 1.25e-3), contender("slow $one$", "graphlang", 2e-3)]
    return [result("mlp", "small", *bars), *parse]


def test_growth_is_drawn_with_its_exponent_and_everything_else_as_bars_with_their_times(tmp_path: Path):
    from benchmarks import plots

    assert plots.write(results(), tmp_path) == ["performance-mlp.svg", "performance-parse.svg"]
    bars, growth = (tmp_path.joinpath(f"performance-{n}.svg").read_text("utf-8") for n in ("mlp", "parse"))
    assert "ours, k = 1.50" in growth and ">1,000<" in growth and "mathdefault" not in growth
    assert "1.25 ms" in bars and "2.00 ms" in bars
    # Names are text: neither markup nor formulas.
    assert "quick &lt;one&gt;" in bars and ">slow $one$</text>" in bars


def test_the_same_numbers_give_the_same_bytes(tmp_path: Path):
    from benchmarks import plots

    for folder in ("a", "b"):
        plots.write(results(), tmp_path / folder)
    for name in ("performance-mlp.svg", "performance-parse.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
