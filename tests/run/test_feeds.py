"""Files that feed inputs, and everything that can be wrong with them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphlang.diagnostics import Problems
from graphlang.run.feeds import read_feed

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def feed(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    problems = Problems()
    arrays = read_feed(str(path), problems)
    return arrays, [(d.code, d.message) for d in problems]


def test_json_lists_become_arrays(tmp_path):
    text = '{"x": [[1, 2.5], [3, "nan"]], "k": [1, 2], "b": [true, false], "t": "-inf", "e": []}'
    arrays, problems = feed(tmp_path / "f.json", "\ufeff" + text)
    assert problems == []
    np.testing.assert_array_equal(arrays["x"], [[1, 2.5], [3, np.nan]])
    assert [arrays[n].dtype.kind for n in "xkbte"] == list("fibff")
    assert arrays["t"].shape == () and arrays["t"] == -np.inf and arrays["e"].shape == (0,)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not JSON"),
        ('{"x": [1, 2}', "line 1, column 12"),
        ("[1, 2]", "does not hold a JSON object"),
        ('{"x": 1, "x": 2}', "names `x` twice"),
        ('{"x": NaN}', 'write "nan"'),
        ('{"x": -Infinity}', 'write "-inf"'),
        ('{"x": [[1], [2, 3]]}', "different lengths, 1 and 2"),
        ('{"x": [1, [2]]}', "mixes numbers and lists"),
        ('{"x": [[1], 2]}', "mixes numbers and lists"),
        ('{"x": ["one"]}', '"one" where a number'),
        ('{"x": [null]}', "null where a number"),
        ('{"x": {"y": 1}}', "an object where a number"),
        ('{"x": 99999999999999999999}', "64 bits"),
        ('{"x": ' + "9" * 5000 + "}", "too long"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "too deep"),
        ('{"x": ' + "[" * 40 + "]" * 40 + "}", "32 deep"),
    ],
)
def test_json_that_cannot_be_fed(tmp_path, text, what):
    arrays, ((code, message),) = feed(tmp_path / "f.json", text)
    assert arrays == {} and code == "E0905" and what in message


def test_every_bad_entry_of_a_json_file_is_reported(tmp_path):
    _, problems = feed(tmp_path / "f.json", '{"x": ["a"], "y": [null], "z": 1}')
    assert len(problems) == 2


ARRAYS = hnp.arrays(
    st.sampled_from([np.float64, np.int64, np.bool_]), hnp.array_shapes(min_dims=0, max_dims=3, max_side=3)
)


def nested(array):
    """The array as `run --json` prints it."""
    values = array.tolist()

    def spelled(v):
        if isinstance(v, list):
            return [spelled(e) for e in v]
        return v if isinstance(v, (bool, int)) or np.isfinite(v) else str(v)

    return spelled(values)


@given(st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, max_size=3))
@FUZZ
def test_json_gives_back_what_was_printed(tmp_path, arrays):
    found, problems = feed(tmp_path / "f.json", json.dumps({k: nested(v) for k, v in arrays.items()}))
    assert problems == [] and set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(st.dictionaries(st.sampled_from(["x", "λ", "h[1].W"]), ARRAYS, min_size=1))
@FUZZ
def test_npz_gives_back_what_was_saved(tmp_path, arrays):
    np.savez(tmp_path / "f.npz", **arrays)
    found = read_feed(str(tmp_path / "f.npz"), Problems())
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_npz_texts_and_objects_are_refused(tmp_path):
    np.savez(tmp_path / "f.npz", x=np.array(["a"]))
    problems = Problems()
    assert read_feed(str(tmp_path / "f.npz"), problems) == {}
    np.savez(tmp_path / "g.npz", x=np.array([None]))
    assert read_feed(str(tmp_path / "g.npz"), problems) == {}
    assert ["texts" in d.message or "Python objects" in d.message for d in problems] == [True, True]


def test_csv_columns_feed_inputs(tmp_path):
    arrays, problems = feed(tmp_path / "f.csv", "x[1],x[0],k\n1,2.5,3\n4,5,6\n")
    assert problems == []
    np.testing.assert_array_equal(arrays["x"], [[2.5, 1], [5, 4]])
    assert arrays["k"].dtype == np.int64


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "empty"),
        ("1,2\n3,4\n", "does not name its columns"),
        ("x,\n3,4\n", "does not name its columns"),
        ("x[0],x[2]\n1,2\n", "without gaps"),
        ("x[0],x\n1,2\n", "without gaps"),
        ("x,y\n1,one\n", "column of texts"),
        ("x,y\n1,\n2,3\n", "no value"),
        ("x,y\n1\n", "1 cell"),
        ("x,x\n1,2\n", "several columns"),
    ],
)
def test_csv_that_cannot_be_fed(tmp_path, text, what):
    arrays, ((code, message),) = feed(tmp_path / "f.csv", text)
    assert arrays == {} and code == "E0905" and what in message


def test_other_files_and_missing_ones_are_refused(tmp_path):
    assert "does not end in" in feed(tmp_path / "f.txt", "x")[1][0][1]
    problems = Problems()
    (tmp_path / "feed.json").write_text("{}")
    read_feed(str(tmp_path / "fed.json"), problems)
    (d,) = problems
    assert d.code == "E0905" and "feed.json" in d.suggestion


@given(st.binary(max_size=200))
@FUZZ
def test_no_bytes_bring_the_readers_down(tmp_path, data):
    for ending in ("npz", "json", "csv"):
        feed(tmp_path / f"f.{ending}", data)
