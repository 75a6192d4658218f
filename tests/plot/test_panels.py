"""The structure of the pictures of models of one and two inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from graphlang.plot.panels import animation, description, panels
from graphlang.plot.surface import Frame, Kind, Surface, number_range, probabilities

X, Y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-2, 2, 7))
POINTS = np.array([[-0.5, 0.0], [0.5, 1.0], [0.2, -1.0]])


def surface(kind: Kind, *values: np.ndarray, labels: Any = (0, 1, 1), **options: Any) -> Surface:
    frames = tuple(Frame(f"epoch {i}", v) for i, v in enumerate(values))
    return Surface(frames, (-1, 1, -2, 2), kind, POINTS, np.array(labels), **options)


def curve(kind: Kind, *values: np.ndarray, labels: Any = (0, 1, 1)) -> Surface:
    frames = tuple(Frame(f"epoch {i}", v) for i, v in enumerate(values))
    return Surface(frames, (-1, 1), kind, POINTS[:, :1], np.array(labels), input_names=("x",))


def parts(axes: Any, gid: str) -> list[Any]:
    return [c for c in [*axes.collections, *axes.patches, *axes.lines] if c.get_gid() == gid]


def test_every_frame_is_a_panel_beside_a_colour_bar():
    figure = panels(surface(Kind.LOGIT, X, 2 * X, 3 * X, title="$t_{"))
    assert [a.get_title() for a in figure.axes] == ["epoch 0", "epoch 1", "epoch 2", ""]
    assert figure.axes[0].get_xlabel() == "x1" and figure.axes[0].get_ylabel() == "x2"
    assert figure.axes[-1].get_ylabel() == "probability of class 1"
    figure.canvas.draw()


@pytest.mark.parametrize(("kind", "values"), [(Kind.LOGIT, X), (Kind.PROBABILITY, 0.5 + 0.3 * X)])
def test_the_boundary_lies_where_the_logit_is_0_and_the_probability_one_half(kind: Kind, values: np.ndarray):
    (boundary,) = parts(panels(surface(kind, values)).axes[0], "boundary")
    places = np.concatenate([p.vertices for p in boundary.get_paths()])
    assert np.allclose(places[:, 0], 0) and boundary.get_linewidth()[0] > 2


def test_an_answer_on_one_side_has_no_boundary():
    assert not parts(panels(surface(Kind.LOGIT, X + 5)).axes[0], "boundary")


def test_each_class_has_points_of_its_own_marker():
    axes = panels(surface(Kind.LOGIT, X)).axes[0]
    (zero,), (one,) = parts(axes, "class-0"), parts(axes, "class-1")
    assert len(zero.get_offsets()) == 1 and len(one.get_offsets()) == 2
    assert len(zero.get_paths()[0].vertices) != len(one.get_paths()[0].vertices)


def test_several_classes_have_the_colour_of_the_likeliest_paler_where_it_is_close():
    values = np.stack([4 * X, -4 * X, np.full_like(X, -9)], axis=-1)
    axes = panels(surface(Kind.CLASS_LOGITS, values)).axes[0]
    picture = np.asarray(axes.images[0].get_array())
    left, middle, right = (picture[0, c, :3] for c in (0, picture.shape[1] // 2, -1))
    assert left[0] > left[2] and right[2] > right[0]  # class 1 is orange, class 0 blue
    assert middle.min() > max(left.min(), right.min())
    assert len(parts(axes, "boundary")) == 2


def test_the_key_names_the_classes_as_they_are():
    values = np.stack([X, -X, Y], axis=-1)
    figure = panels(surface(Kind.CLASS_LOGITS, values, class_names=("$a^{", "_b", "<c>")))
    figure.canvas.draw()
    names = [t.get_text().lstrip("\u200b") for t in figure.legends[0].get_texts()]
    assert names == ["$a^{", "_b", "<c>", "boundary"]


def test_a_regression_has_one_scale_for_answers_and_labels():
    figure = panels(surface(Kind.NUMBER, X, 2 * X, labels=(-3.0, 0.0, 7.0), answer="height"))
    assert figure.axes[-1].get_ylabel() == "height" and figure.axes[-1].get_ylim() == (-3, 7)


@pytest.mark.parametrize("kind", [Kind.LOGIT, Kind.PROBABILITY, Kind.NUMBER])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_what_is_not_a_number_is_hatched_and_never_fails(kind: Kind, bad: float):
    some, every = X.copy(), np.full_like(X, bad)
    some[:3] = bad
    figure = panels(surface(kind, some, every))
    figure.canvas.draw()
    if np.isnan(bad):
        assert all(len(parts(axes, "missing")) == 1 for axes in figure.axes[:2])


def test_classes_without_numbers_are_hatched():
    values = np.stack([X, -X], axis=-1)
    values[:2] = np.nan
    figure = panels(surface(Kind.CLASS_LOGITS, values, np.full_like(values, np.nan)))
    figure.canvas.draw()
    assert all(parts(axes, "missing") for axes in figure.axes)


def test_a_model_of_one_input_is_a_line_over_its_points():
    x = np.linspace(-1, 1, 30)
    axes = panels(curve(Kind.NUMBER, np.sin(x), labels=(0.1, 0.2, 0.3))).axes[0]
    (answer,), (points,) = parts(axes, "answer"), parts(axes, "points")
    assert np.allclose(answer.get_ydata(), np.sin(x)) and np.allclose(answer.get_xdata(), x)
    assert np.allclose(points.get_offsets()[:, 1], [0.1, 0.2, 0.3])


def test_one_input_and_two_classes_show_the_probability_and_its_boundary():
    x = np.linspace(-1, 1, 30)
    axes = panels(curve(Kind.LOGIT, 3 * x)).axes[0]
    (answer,) = parts(axes, "answer")
    assert np.allclose(answer.get_ydata(), 1 / (1 + np.exp(-3 * x))) and parts(axes, "boundary")


def test_one_input_and_several_classes_show_a_line_for_each():
    x = np.linspace(-1, 1, 30)
    figure = panels(curve(Kind.CLASS_LOGITS, np.stack([x, -x, 0 * x], axis=-1)))
    assert len(figure.axes[0].lines) == 3
    figure.canvas.draw()


def test_an_animation_has_a_figure_of_one_panel_for_each_frame():
    figures = list(animation(surface(Kind.LOGIT, X, 2 * X)))
    assert [f.axes[0].get_title() for f in figures] == ["epoch 0", "epoch 1"]
    assert len({tuple(f.get_size_inches()) for f in figures}) == 1


def test_many_points_are_thinned():
    points = np.zeros((100_000, 2))
    many = Surface((Frame("a", X),), (-1, 1, -2, 2), Kind.LOGIT, points, np.zeros(100_000, dtype=int))
    assert len(parts(panels(many).axes[0], "class-0")[0].get_offsets()) == 2000


def test_no_points_are_drawn_as_none():
    none = Surface((Frame("a", X),), (-1, 1, -2, 2), Kind.LOGIT, np.zeros((0, 2)), np.zeros(0, dtype=int))
    panels(none).canvas.draw()
    assert "with 0 data points" in description(none)


def test_softmax_is_taken_without_overflow():
    chances = probabilities(np.array([[1000.0, 0.0], [np.inf, 0.0], [0.0, 0.0]]), Kind.CLASS_LOGITS)
    assert np.allclose(chances, [[1, 0], [1, 0], [0.5, 0.5]])
    assert np.allclose(probabilities(np.array([-np.inf, 0, 1000.0]), Kind.LOGIT), [0, 0.5, 1])


def test_a_constant_regression_has_a_scale():
    low, high = number_range(surface(Kind.NUMBER, 0 * X, labels=(0.0, 0.0, 0.0)))
    assert low < 0 < high


@pytest.mark.parametrize(
    ("values", "extent"), [(X[0, 0], (-1, 1)), (X, (-1, 1)), (X, (1, -1, -2, 2)), (X, (-1, np.inf, -2, 2))]
)
def test_arrays_that_do_not_fit_are_refused(values: np.ndarray, extent: tuple[float, ...]):
    with pytest.raises(ValueError):
        Surface((Frame("a", values),), extent, Kind.LOGIT, POINTS, np.zeros(3, dtype=int))
