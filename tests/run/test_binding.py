"""Binding inputs: values, free sizes, and everything that can be wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import Problems
from graphlang.pipeline import compile_source
from graphlang.run.binding import bind_inputs
from graphlang.source import SourceFile

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def compiled(text):
    outcome = compile_source(SourceFile("m.graph", text))
    assert outcome.ok, list(outcome.problems)
    return outcome.value


def bind(text, **fed):
    problems = Problems()
    arrays, sizes = bind_inputs(compiled(text), fed, problems)
    assert not len(problems), list(problems)
    return arrays, sizes


def errors(text, fed):
    problems = Problems()
    bind_inputs(compiled(text), fed, problems)
    return problems.errors


def only_error(text, **fed):
    (error,) = errors(text, {k: np.asarray(v) for k, v in fed.items()})
    return error


# --- values ------------------------------------------------------------------------------------------


def test_what_is_fed_beats_the_default():
    arrays, _ = bind("input x = 1\ninput y = 2\nf = x * y", x=np.array(5))
    assert arrays["x"] == 5.0 and arrays["x"].dtype == np.float64 and arrays["y"] == 2.0


def test_precision_is_that_of_the_run():
    problems = Problems()
    model = compiled("input x = 1\ninput k: int = 2\nf = x * k")
    arrays, _ = bind_inputs(model, {}, problems, precision=np.float32)
    assert arrays["x"].dtype == np.float32 and arrays["k"].dtype == np.int64


def test_an_alias_can_be_fed():
    arrays, _ = bind("input x: [2]\nh = x\nf = sum(h * h)", h=np.ones(2))
    assert set(arrays) == {"x"}


def test_one_number_fills_a_known_shape_and_one_row_feeds_a_scalar():
    arrays, _ = bind("input x: [2, 3]\ninput t: []\nf = sum(x) * t", x=np.array(7), t=np.array([2.0]))
    assert arrays["x"].shape == (2, 3) and (arrays["x"] == 7).all() and arrays["t"].shape == ()


def test_whole_floats_feed_integers_and_booleans_feed_numbers():
    arrays, _ = bind(
        "input k: int[N]\ninput x: [N]\nf = sum(x * k)", k=np.array([1.0, 2.0]), x=np.array([True, False])
    )
    assert arrays["k"].dtype == np.int64 and arrays["x"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("type_", "value", "what"),
    [
        ("int[N]", [1.0, 2.5], "2.5, which is no integer"),
        ("int[N]", [np.nan], "nan, which is no integer"),
        ("int[N]", [1e30], "1e+30, which is no integer"),
        ("int[N]", np.array([2**63], dtype=np.uint64), "64 bits"),
        ("bool[N]", [1, 0], "not booleans"),
        ("bool[N]", [1.0], "not booleans"),
        ("[N]", ["a"], "texts"),
        ("[N]", np.array([1j]), "complex"),
        ("[N]", np.array([None]), "no numbers"),
    ],
)
def test_entries_of_another_kind_are_refused(type_, value, what):
    use = "sum(where(x, 1.0, 0.0))" if type_.startswith("bool") else "sum(x * 1.0)"
    error = only_error(f"input x: {type_}\nf = {use}", x=value)
    assert error.code == "E0903" and what in error.message and error.span.text.startswith("input x")


def test_ragged_lists_are_refused():
    (error,) = errors("input x: []\nf = x * 2", {"x": [[1], [2, 3]]})
    assert error.code == "E0903"


def test_a_missing_input_is_named_with_three_ways_out():
    error = only_error("input x: [N, 3]\nf = sum(x)")
    assert error.code == "E0901" and error.span.text == "input x: [N, 3]"
    for way in ("--set x=", "--feed", "default"):
        assert way in error.suggestion


def test_an_unknown_name_suggests_the_nearest():
    error = only_error("input width = 1\nf = width * 2", widht=1)
    assert error.code == "E0902" and error.suggestion == "Did you mean `width`?"


def test_what_is_computed_cannot_be_fed():
    error = only_error("input x = 1\nq = x * 2\nf = q * q", q=1)
    assert error.code == "E0902" and "computed" in error.message and error.span.text.startswith("q")
    assert "a param" in only_error("input x = 1\nparam w = 2\nf = w * x", w=1).message


def test_an_input_is_fed_once():
    assert only_error("input x = 1\nh = x\nf = h * h", x=1, h=2).code == "E0902"


def test_all_errors_come_at_once():
    found = errors("input x: [3]\ninput y\nf = sum(x) * y", {"x": np.zeros(4), "z": np.zeros(1)})
    assert sorted(e.code for e in found) == ["E0901", "E0902", "E0903"]


# --- sizes -------------------------------------------------------------------------------------------


def test_free_sizes_come_from_shapes():
    arrays, sizes = bind(
        "input x: [N, 2*D]\ninput k: int[N + 1]\nf = sum(x) + sum(k)",
        x=np.zeros((4, 6)),
        k=np.zeros(5, dtype=int),
    )
    assert sizes == {"N": 4, "D": 3} and arrays["x"].shape == (4, 6)


def test_a_size_may_need_another_one_first():
    _, sizes = bind("input x: [N*M]\ninput y: [N]\nf = sum(x) * sum(y)", x=np.zeros(12), y=np.zeros(3))
    assert sizes == {"M": 4, "N": 3}


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3), st.integers(0, 3))
@FUZZ
def test_sizes_are_recovered_from_the_shapes_that_they_give(n, m, a, b):
    text = f"input x: [{a}*N + {b}, M]\ninput y: [M, N]\nf = sum(x) + sum(y)"
    _, sizes = bind(text, x=np.zeros((a * n + b, m)), y=np.zeros((m, n)))
    assert sizes == {"N": n, "M": m}


@pytest.mark.parametrize(
    ("type_", "shape", "what"),
    [
        ("[3]", (4,), "4 where 3 is needed"),
        ("[N, 3]", (3,), "has shape [3]"),
        ("[2*N]", (5,), "no sizes make 2*N equal to 5"),
        ("[N + 3]", (2,), "no sizes make N + 3 equal to 2"),
        ("[N, N]", (2, 3), "no sizes make N equal to 3 with N = 2"),
        ("[N*M]", (6,), "no sizes make"),
    ],
)
def test_a_shape_that_does_not_fit_is_shown_with_the_declared_one(type_, shape, what):
    error = only_error(f"input x: {type_}\nf = sum(x)", x=np.zeros(shape))
    assert error.code == "E0903" and type_ in error.message.replace("M*N", "N*M")
    assert what in error.message or "M*N" in error.message


def test_advice_for_a_transposed_array_and_a_single_row():
    assert only_error("input x: [2, 3]\nf = sum(x)", x=np.zeros((3, 2))).suggestion == "It fits transposed."
    assert "[1, 3]" in only_error("input x: [N, 3]\nf = sum(x)", x=np.zeros(3)).suggestion


def test_two_inputs_that_disagree_are_both_named():
    error = only_error("input x: [N]\ninput y: [N]\nf = sum(x * y)", x=np.zeros(3), y=np.zeros(4))
    assert error.code == "E0904"
    assert "N = 3 from `x`" in error.message and "N = 4 from `y`" in error.message
    assert error.span.text.startswith("input y") and error.related[0].span.text.startswith("input x")
    assert error.suggestion is None


def test_a_default_that_disagrees_should_be_fed_too():
    error = only_error("input x: [N] = [1, 2]\ninput y: [N] = [3, 4]\nf = sum(x * y)", y=np.zeros(3))
    assert error.code == "E0904" and "N = 3 from `y`" in error.message
    assert "N = 2 from the default of `x`" in error.message
    assert error.suggestion.startswith("Feed `x` too")


def test_what_held_for_the_defaults_must_hold_for_what_is_fed():
    text = "input x: [N] = [1, 2]\ninput y: [M] = [3, 4]\nf = sum(x * y)"
    assert bind(text, x=np.zeros(3), y=np.zeros(3))[1] == {"N": 3, "M": 3}
    error = only_error(text, x=np.zeros(3))
    assert error.code == "E0904" and error.span.text == "x * y"
    assert "N = 3 from `x`" in error.message and "M = 2 from the default of `y`" in error.message
    assert error.suggestion.startswith("Feed `y` too")


def test_a_size_of_zero_divides_nothing_and_breaks_nothing():
    problems = Problems()
    model = compiled("input x: [N]\ninput y: [M]\ninput z: [N // M]\nf = sum(x) + sum(y) + sum(z)")
    bind_inputs(model, {"x": np.zeros(2), "y": np.zeros(0), "z": np.zeros(1)}, problems)
    assert {d.code for d in problems} <= {"E0903", "E0904"} and problems.has_errors
