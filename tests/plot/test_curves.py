"""The structure of the curves' picture."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import pytest

pytest.importorskip("matplotlib")
from matplotlib.axes import Axes

from graphlang.plot.curves import _spread, curves, description
from graphlang.plot.log import EpochRecord, RunLog, Scores
from graphlang.plot.text import short


def run(name: str, losses: Sequence[float], *, holdout: bool = True, metric: str = "accuracy") -> RunLog:
    scores = [Scores(loss, {metric: 1 / (1 + abs(loss))}) for loss in losses]
    return RunLog(name, tuple(EpochRecord(i + 1, s, s if holdout else None) for i, s in enumerate(scores)))


def lines(axes: Axes) -> list:
    return [line for line in axes.lines if not str(line.get_gid()).startswith(("name", "not-finite"))]


def texts(figure) -> set[str]:
    return {t.get_text() for axes in figure.axes for t in axes.texts}


def test_loss_and_each_metric_have_a_panel_with_named_axes():
    figure = curves([run("a", [1, 0.5])])
    assert [a.get_title() for a in figure.axes] == ["loss", "accuracy"]
    assert [(a.get_xlabel(), a.get_ylabel()) for a in figure.axes] == [
        ("epoch", "loss"),
        ("epoch", "accuracy"),
    ]
    assert figure.get_suptitle() == "a"


def test_training_is_solid_and_held_out_dashed_in_the_same_colour():
    for axes in curves([run("a", [1, 0.5]), run("b", [2, 1])]).axes:
        a, a_held, b, b_held = lines(axes)
        assert a.get_linestyle() == b.get_linestyle() == "-" and a_held.get_linestyle() == "--"
        assert a.get_color() == a_held.get_color() != b.get_color() == b_held.get_color()
        assert a.get_marker() != b.get_marker()


def test_without_held_out_examples_there_is_no_dashed_line_and_no_key():
    figure = curves([run("a", [1, 0.5], holdout=False)])
    assert len(lines(figure.axes[0])) == 1 and not figure.legends


def test_several_runs_are_named_beside_their_lines_in_the_order_of_their_ends():
    axes = curves([run("low", [3, 1]), run("high", [3, 2])]).axes[0]
    heights = {t.get_text(): t.xy[1] for t in axes.texts}
    assert heights["low"] < heights["high"]


@pytest.mark.parametrize(
    ("losses", "scale"), [([1, 0.005], "log"), ([1, 0.02], "linear"), ([1, 0], "linear")]
)
def test_the_loss_is_logarithmic_beyond_two_decades(losses: list[float], scale: str):
    first, second = curves([run("a", losses)]).axes
    assert (first.get_yscale(), second.get_yscale()) == (scale, "linear")
    assert ("log scale" in first.get_ylabel()) == (scale == "log")


def test_a_run_that_diverges_is_marked_at_the_epoch_where_it_does():
    axes = curves([run("a", [1, 2, math.nan, math.inf, 3, math.nan])]).axes[0]
    marks = [line for line in axes.lines if line.get_gid() == "not-finite"]
    assert [list(m.get_xdata()) for m in marks] == [[3, 6], [3, 6]]


@pytest.mark.parametrize("losses", [[math.nan], [1e308, -1e308], [1e-320, 1], [5]])
def test_extreme_numbers_are_drawn(losses: list[float]):
    curves([run("a", losses), run("b", losses)]).canvas.draw()


def test_names_are_never_formulas():
    figure = curves([run("$x^{", [1], metric="$y_{"), run("<script>", [1])])
    figure.canvas.draw()  # a formula would fail here
    assert {"$x^{", "<script>"} <= texts(figure)
    assert figure.axes[1].get_title() == "$y_{"


def test_more_runs_than_fit_beside_a_panel_are_named_below():
    figure = curves([run(f"run {i}", [i + 1, i + 2]) for i in range(30)])
    assert {f"\u200brun {i}" for i in range(30)} <= {t.get_text() for t in figure.legends[0].get_texts()}


def test_heights_are_spread_without_changing_their_order():
    spread = _spread([0.9, 0.51, 0.5, 0.02, 0.01], gap=0.1)
    assert spread == sorted(spread, reverse=True) and min(spread) >= 0
    assert all(a - b >= 0.1 - 1e-12 for a, b in itertools.pairwise(spread))


def test_no_runs_are_refused():
    with pytest.raises(ValueError, match="no runs"):
        curves([])


def test_the_description_says_where_the_loss_goes():
    assert description([run("a", [2, 0.5], holdout=False)]) == (
        "Run a: the loss goes from 2 at epoch 1 to 0.5 at epoch 2."
    )


def test_long_names_lose_their_middle():
    assert short("abcdefghij", 5) == "ab…ij" and short("a\nb\x00") == "a b\ufffd"
