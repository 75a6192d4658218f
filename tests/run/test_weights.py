"""Weights in files: what is written is read back, what is forged is refused, what does not fit is named."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphlang.diagnostics import Problems
from graphlang.pipeline import compile_source
from graphlang.run.weights import fit_weights, read_weights, write_weights
from graphlang.source import SourceFile

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ENDINGS = ["npz", "safetensors"]
DTYPES = [np.float64, np.float32, np.float16, np.int64, np.int32, np.uint8, np.bool_]
ARRAYS = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
NAMES = st.sampled_from(["W", "h[1].dense.W", "λ", "scores.dense_2.b"])


def write(path, arrays):
    problems = Problems()
    assert write_weights(str(path), arrays, problems), list(problems)


def read(path):
    problems = Problems()
    arrays = read_weights(str(path), problems)
    return arrays, [(d.code, d.message) for d in problems]


@pytest.mark.parametrize("ending", ENDINGS)
@given(arrays=st.dictionaries(NAMES, ARRAYS, min_size=1))
@FUZZ
def test_what_is_written_is_read_back(tmp_path, ending, arrays):
    write(tmp_path / f"w.{ending}", arrays)
    found, problems = read(tmp_path / f"w.{ending}")
    assert problems == [] and set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_arrays_give_the_same_bytes(tmp_path, ending):
    arrays = {"b": np.zeros(3, np.float32), "W": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    write(tmp_path / f"one.{ending}", arrays)
    write(tmp_path / f"two.{ending}", arrays)
    assert (tmp_path / f"one.{ending}").read_bytes() == (tmp_path / f"two.{ending}").read_bytes()
    assert sorted(os.listdir(tmp_path)) == [f"one.{ending}", f"two.{ending}"]


@given(arrays=st.dictionaries(NAMES, ARRAYS, min_size=1))
@FUZZ
def test_the_safetensors_library_agrees(tmp_path, arrays):
    library = pytest.importorskip("safetensors.numpy")
    write(tmp_path / "ours.safetensors", arrays)
    theirs = library.load_file(tmp_path / "ours.safetensors")
    whole = {k: np.array(v, order="C") for k, v in arrays.items()}
    library.save_file(whole, tmp_path / "theirs.safetensors", metadata={"made": "by the library"})
    ours, problems = read(tmp_path / "theirs.safetensors")
    assert problems == []
    for name, array in arrays.items():
        np.testing.assert_array_equal(theirs[name], array)
        np.testing.assert_array_equal(ours[name], array)


def test_numpy_reads_what_is_written(tmp_path):
    write(tmp_path / "w.npz", {"a.b[1]": np.arange(3.0), "s": np.array(2)})
    with np.load(tmp_path / "w.npz") as found:
        assert found["a.b[1]"].tolist() == [0, 1, 2] and found["s"] == 2


def test_bfloat16_is_read_as_float32(tmp_path):
    values = np.array([1.0, -2.5, 0.0], np.float32)
    data = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    (tmp_path / "w.safetensors").write_bytes(forged({"w": entry("BF16", [3], 0, 6)}, data))
    found, _ = read(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(found["w"], values)


# --- forged files ------------------------------------------------------------------------------------


def entry(dtype, shape, start, stop):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def forged(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


GOOD = entry("F32", [2], 0, 8)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "within its header"),
        (b"\xff" * 8, "within its header"),
        ((100).to_bytes(8, "little") + b"{}", "within its header"),
        (forged(b"{"), "not JSON"),
        (forged(b"\xff\xfe"), "not JSON"),
        (forged(b"[" * 50_000), "not JSON"),
        (forged(b"[]"), "not a JSON object"),
        (forged(b'{"a": 1, "a": 1}'), "names `a` twice"),
        (forged(b'{"a": ' + b"1" * 5000 + b"}"), "broken"),
        (forged({"a": 1}), "entry of `a`"),
        (forged({"a": GOOD | {"more": 1}}, bytes(8)), "entry of `a`"),
        (forged({"a": entry("F32", [-2], 0, 8)}, bytes(8)), "entry of `a`"),
        (forged({"a": entry("F32", [True], 0, 4)}, bytes(4)), "entry of `a`"),
        (forged({"a": entry("F32", [2], 0, 8) | {"data_offsets": [0]}}, bytes(8)), "entry of `a`"),
        (forged({"a": entry("F8_E5M2", [2], 0, 2)}, bytes(2)), "F8_E5M2"),
        (forged({"a": entry("F32", [3], 0, 8)}, bytes(8)), "needs 12 bytes, not 8"),
        (forged({"a": entry("F32", [2], 8, 0)}, bytes(8)), "needs 8 bytes, not -8"),
        (forged({"a": entry("F32", [2**40, 2**40], 0, 8)}, bytes(8)), "shape"),
        (forged({"a": entry("F32", [0, 2**70], 0, 0)}), "shape"),
        (forged({"a": GOOD, "b": entry("F32", [2], 4, 12)}, bytes(12)), "overlap"),
        (forged({"a": GOOD, "b": GOOD}, bytes(8)), "overlap"),
        (forged({"a": GOOD, "b": entry("F32", [2], 12, 20)}, bytes(20)), "gap"),
        (forged({"a": GOOD}, bytes(7)), "has 7"),
        (forged({"a": GOOD}, bytes(9)), "has 9"),
        (forged({"a": entry("BOOL", [2], 0, 2)}, b"\x00\x02"), "boolean"),
        (forged({"__metadata__": {"a": 1}}), "metadata"),
        (forged({}), "no arrays"),
    ],
)
def test_a_forged_safetensors_file_is_refused(tmp_path, data, what):
    (tmp_path / "w.safetensors").write_bytes(data)
    arrays, ((code, message),) = read(tmp_path / "w.safetensors")
    assert arrays == {} and code == "E0906" and what in message


@given(st.binary(max_size=200))
@FUZZ
def test_no_bytes_bring_the_readers_down(tmp_path, data):
    for ending in ENDINGS:
        (tmp_path / f"w.{ending}").write_bytes(data)
        arrays, problems = read(tmp_path / f"w.{ending}")
        assert bool(arrays) != bool(problems)


@given(st.data())
@FUZZ
def test_no_damage_brings_the_safetensors_reader_down(tmp_path, data):
    whole = bytearray(forged({"a": GOOD, "b": entry("I64", [1, 2], 8, 24)}, bytes(24)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "w.safetensors").write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    read(tmp_path / "w.safetensors")


def test_objects_are_never_read(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.array([{}], dtype=object))
    assert "Python objects" in read(tmp_path / "w.npz")[1][0][1]


def test_files_of_other_kinds_and_missing_ones_are_refused(tmp_path):
    assert "does not end in" in read(tmp_path / "w.pt")[1][0][1]
    assert "no file" in read(tmp_path / "w.npz")[1][0][1]


# --- writing -----------------------------------------------------------------------------------------


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    write(path, {"a": np.zeros(2)})
    before = path.read_bytes()

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    problems = Problems()
    assert not write_weights(str(path), {"a": np.ones(2)}, problems)
    assert "no space left on device" in problems.errors[0].message
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["w.npz"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "d.npz").mkdir()
    for path in (tmp_path / "w.txt", tmp_path / "no" / "w.npz", tmp_path / "d.npz", "a\0b.npz"):
        problems = Problems()
        assert not write_weights(str(path), {"a": np.zeros(1)}, problems)
        assert [d.code for d in problems] == ["E0906"]
    problems = Problems()
    assert not write_weights(str(tmp_path / "w.npz"), {"a": np.array(["x"])}, problems)
    assert problems.has_errors


# --- fitting -----------------------------------------------------------------------------------------

MODEL = """input x: [N, 2]
param W: [2, 3] ~ normal(0, 1)
param b: [3] = 0
f = mean(x @ W + b)
"""


def fit(weights, text=MODEL):
    outcome = compile_source(SourceFile("m.graph", text))
    assert outcome.ok, list(outcome.problems)
    problems = Problems()
    return fit_weights(outcome.value, weights, problems), problems.errors


def test_weights_are_found_by_path():
    found, errors = fit({"b": np.ones(3, np.float32), "W": np.zeros((2, 3))})
    assert errors == [] and list(found) == ["W", "b"] and found["b"].dtype == np.float32


def test_everything_that_does_not_fit_is_named():
    found, errors = fit({"W": np.zeros((3, 2)), "bb": np.zeros(3)})
    assert found == {} and {e.code for e in errors} == {"E0907"}
    unknown, shape, missing = (
        sorted(errors, key=lambda e: e.message[:12] + str(e.span is None))[::-1][0],
        None,
        None,
    )
    by = {e.message: e for e in errors}
    shape = next(e for m, e in by.items() if "shape" in m)
    missing = next(e for m, e in by.items() if "nothing for" in m)
    unknown = next(e for m, e in by.items() if "`bb`" in m)
    assert "[2, 3]" in shape.message and "[3, 2]" in shape.message and shape.span.text.startswith("param W")
    assert missing.span.text.startswith("param b")
    assert unknown.suggestion == "Did you mean `b`?"


def test_integers_are_no_floats():
    _, (error,) = fit({"W": np.zeros((2, 3), int), "b": np.zeros(3)})
    assert "holds floats, but the weights have int64" in error.message


def test_the_weights_of_another_model_are_summed_up():
    _, errors = fit({f"layer{i}.W": np.zeros(1) for i in range(50)})
    assert len(errors) < 15 and any("42 more" in e.message for e in errors)
