"""Taking rows: the numbers of the whole file, without the whole file in memory."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.pipeline import compile_source
from graphlang.run import streamed_table
from graphlang.run.datasets import load_data
from graphlang.run.rows import open_rows
from graphlang.source import SourceFile

LAW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def spec_of(folder, source, block=""):
    body = f" {{\n{block}\n}}" if block else ""
    text = f"input x = 1.0\nf = x\ndata d = {source}{body}\n"
    outcome = compile_source(SourceFile("m.graph", text, str(folder / "m.graph")))
    assert outcome.ok, list(outcome.problems)
    return outcome.value.data["d"]


def opened(folder, source, block="", path=None):
    problems = Problems()
    rows = open_rows(spec_of(folder, source, block), problems, path)
    assert rows is not None, list(problems)
    return rows


def refusal(folder, source, block="", path=None):
    problems = Problems()
    assert open_rows(spec_of(folder, source, block), problems, path) is None
    (found,) = problems
    return found


@pytest.fixture
def everything_is_streamed(monkeypatch):
    monkeypatch.setattr(streamed_table, "STREAM_ABOVE", 0)


# --- the law: the rows are those of the whole file -------------------------------------------------

TABLE = ["columns()", "columns(0..8)", "columns([7,1,9,2,8,3,0,5,4])", "column(3)", "columns(2..2)"]
FORMULAS = [
    "{}",
    "{} / 255",
    "3 - {} * 2",
    "{} // 0.3",
    "{} ^ 3",
    "{} / (1 + column(1))",
    "exp({}) + column(2)",
    "sin({})",
    "tanh({})",
    "erf({})",
    "sigmoid({})",
    "clip({}, low = 0.25, high = 0.5)",
    "where({0} > 0.5, {0}, 0)",
    "expand(column(0), axis = 1) * 2",
    "one_hot(to_int(column(0)), 9)",
    "softmax({}, axis = -1)",
    "reshape(columns(), [-1, 5, 2])",
    "mean(reshape(columns(), [-1, 5, 2]), axis = [1, 2])",
]
ALONG_A_ROW = [
    f"{op}({{}}, axis = 1)"
    for op in ["sum", "mean", "var", "std", "norm", "prod", "max", "argmin", "logsumexp", "flip"]
]
FORMULA = st.one_of(
    st.tuples(st.sampled_from(FORMULAS), st.sampled_from(TABLE)),
    st.tuples(st.sampled_from(ALONG_A_ROW), st.sampled_from([t for t in TABLE if t != "column(3)"])),
).map(lambda pair: pair[0].format(pair[1]))
DTYPES = st.sampled_from(["<f8", "<f4", ">f4", "<f2", "|u1", ">i4", "|b1"])


@given(data=st.data(), formula=FORMULA, dtype=DTYPES, count=st.integers(2, 70), seed=st.integers(0, 99))
@LAW
def test_rows_of_a_streamed_array_are_those_of_the_whole(
    tmp_path, everything_is_streamed, data, formula, dtype, count, seed
):
    table = (np.random.default_rng(seed).random((count, 10)) * (1 if "f" in dtype else 5)).astype(dtype)
    np.save(tmp_path / "d.npy", table)
    np.savez(tmp_path / "d.npz", **{f"c{i}": table[:, i] for i in range(10)})
    indices = data.draw(st.lists(st.integers(-count, count - 1), max_size=40))
    for source in ('npy("d.npy")', 'npz("d.npz")'):
        spec = spec_of(tmp_path, source, f"x = {formula}\ny = column(0)")
        whole = load_data(spec, Problems())
        rows = open_rows(spec, problems := Problems())
        if whole is None:
            assert rows is None or not problems.has_errors
            continue
        assert rows is not None, list(problems)
        assert not rows.is_in_memory and rows.arrays is None
        assert (rows.count, rows.names) == (count, ("x", "y"))
        _assert_same(rows.take(np.array(indices, dtype=np.int64)), whole.arrays, indices)


def _assert_same(taken, arrays, indices):
    assert list(taken) == list(arrays)
    for name, array in arrays.items():
        expected = array[np.array(indices, dtype=np.int64)]
        assert taken[name].dtype == expected.dtype and taken[name].shape == expected.shape
        assert taken[name].tobytes() == expected.tobytes()


@given(
    cells=st.lists(st.tuples(st.integers(-9, 9), st.floats(-9, 9), st.sampled_from("abc")), min_size=1),
    data=st.data(),
)
@LAW
def test_rows_of_a_csv_file_are_those_of_the_whole(tmp_path, everything_is_streamed, cells, data):
    (tmp_path / "d.csv").write_text("a,b,t\n" + "".join(f"{a},{b!r},{t}\n" for a, b, t in cells))
    spec = spec_of(tmp_path, 'csv("d.csv")', 'x = columns("a".."b") * 2\ny = column("t")\nz = column("a")')
    whole, rows = load_data(spec, Problems()), open_rows(spec, Problems())
    indices = data.draw(st.lists(st.integers(-len(cells), len(cells) - 1)))
    _assert_same(rows.take(indices), whole.arrays, indices)
    assert rows.is_in_memory and rows.count == len(cells)
    assert (rows.classes, rows.classes_of) == (whole.classes, whole.classes_of)


def test_generated_data_are_in_memory(tmp_path):
    rows = opened(tmp_path, "spiral(n = 12)")
    assert rows.is_in_memory and rows.names == ("x", "y") and set(rows.arrays) == {"x", "y"}
    np.testing.assert_array_equal(rows.take([3, 3, -1])["y"], rows.arrays["y"][[3, 3, 11]])


def test_images_keep_their_axes(tmp_path, everything_is_streamed):
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 4, 5), dtype=np.uint8)
    np.savez(tmp_path / "d.npz", images=images, label=np.arange(30) % 7)
    rows = opened(tmp_path, 'npz("d.npz")', 'x = column("images") / 255\ny = column("label")')
    taken = rows.take(np.arange(10, 20))
    np.testing.assert_array_equal(taken["x"], images[10:20] / 255)
    np.testing.assert_array_equal(taken["y"], np.arange(10, 20) % 7)


def test_classes_are_those_of_all_rows(tmp_path, everything_is_streamed):
    np.savez(
        tmp_path / "d.npz", x=np.arange(6.0), kind=np.array(["pear", "fig", "fig", "apple", "fig", "fig"])
    )
    rows = opened(tmp_path, 'npz("d.npz")', 'x = column("x")\ny = column("kind")')
    assert not rows.is_in_memory
    assert rows.take([1, 2])["y"].tolist() == [1, 1] and rows.take([0, 3])["y"].tolist() == [2, 0]
    assert rows.classes == {"kind": ("apple", "fig", "pear")}
    assert rows.classes_of == {"y": ("apple", "fig", "pear")}


@pytest.mark.parametrize(
    "formula",
    [
        "columns() - mean(columns(), axis = 0)",
        "(columns() - mean(columns())) / std(columns())",
        "cumsum(columns(), axis = 0)",
        "softmax(column(0))",
        "flip(columns(), axis = 0)",
    ],
)
def test_a_line_that_needs_all_rows_is_computed_on_all_rows(tmp_path, everything_is_streamed, formula):
    np.save(tmp_path / "d.npy", np.random.default_rng(0).random((20, 4)))
    spec = spec_of(tmp_path, 'npy("d.npy")', f"x = {formula}\ny = column(3)")
    rows = open_rows(spec, Problems())
    assert not rows.is_in_memory and list(rows.held) == ["x"]
    _assert_same(rows.take([5, 0, 5]), load_data(spec, Problems()).arrays, [5, 0, 5])


def test_a_line_that_needs_all_rows_of_a_large_file_is_refused(tmp_path, everything_is_streamed, monkeypatch):
    monkeypatch.setattr(streamed_table, "MEMORY_LIMIT", 100)
    np.save(tmp_path / "d.npy", np.ones((20, 4)))
    found = refusal(tmp_path, 'npy("d.npy")', "x = columns() - mean(columns(), axis = 0)")
    assert found.code == "E0807" and "`mean` needs all rows" in found.message
    assert opened(tmp_path, 'npy("d.npy")', "x = mean(columns(), axis = 1)").take([0])["x"] == 1


# --- what is wrong with the rows -------------------------------------------------------------------


def test_a_gap_is_found_in_the_rows_that_are_taken(tmp_path, everything_is_streamed):
    table = np.ones((10, 2))
    table[7, 1] = np.nan
    np.save(tmp_path / "d.npy", table)
    rows = opened(tmp_path, 'npy("d.npy")', "x = columns()")
    assert rows.take([1, 2, 3])["x"].shape == (3, 2)
    with pytest.raises(GraphlangError, match="`x` is nan in row 7") as caught:
        rows.take([2, 7, 1])
    assert caught.value.diagnostics[0].code == "E0807"


def test_a_line_that_is_not_finite_names_the_row(tmp_path, everything_is_streamed):
    np.save(tmp_path / "d.npy", np.array([1.0, 2.0, 0.0]))
    rows = opened(tmp_path, 'npy("d.npy")', "x = log(column(0))")
    with pytest.raises(GraphlangError, match="-inf in row 2"):
        rows.take([-1])


def test_what_the_first_row_shows_is_reported_on_opening(tmp_path, everything_is_streamed):
    np.save(tmp_path / "d.npy", np.zeros((3, 2)))
    np.savez(tmp_path / "d.npz", a=np.zeros(3), b=np.zeros(4), c=3.0)
    assert "-inf in row 0" in refusal(tmp_path, 'npy("d.npy")', "x = log(columns())").message
    assert refusal(tmp_path, 'npy("d.npy")', "x = column(5)").code == "E0805"
    assert refusal(tmp_path, 'npy("d.npy")', "x = 3").code == "E0807"
    assert refusal(tmp_path, 'npy("d.npy")', "x = columns() @ columns()").code == "E0807"
    assert "4 here, 3 before" in refusal(tmp_path, 'npz("d.npz")', 'x = column("a")\ny = column("b")').message
    assert "single number" in refusal(tmp_path, 'npz("d.npz")', 'x = column("c")').message
    assert refusal(tmp_path, 'npy("e.npy")', "x = columns()").code == "E0804"


@pytest.mark.parametrize("indices", [[3], [-4], [0.5], [[0]], [True, False, True]])
def test_rows_that_do_not_exist_are_an_index_error(tmp_path, everything_is_streamed, indices):
    np.save(tmp_path / "d.npy", np.zeros(3))
    with pytest.raises(IndexError):
        opened(tmp_path, 'npy("d.npy")', "x = column(0)").take(indices)


@pytest.mark.parametrize("size", [100, 3000])
def test_a_file_that_changes_while_it_is_used_is_reported(tmp_path, everything_is_streamed, size):
    np.save(tmp_path / "d.npy", np.zeros((100, 2)))
    rows = opened(tmp_path, 'npy("d.npy")', "x = columns()")
    with open(tmp_path / "d.npy", "r+b") as file:
        file.truncate(size)
    with pytest.raises(GraphlangError, match="changed since it was opened") as caught:
        rows.take([50])
    assert caught.value.diagnostics[0].code == "E0804"


# --- compressed, and stored by columns ---------------------------------------------------------------


def test_a_compressed_array_is_read_at_once_up_to_a_limit(tmp_path, everything_is_streamed, monkeypatch):
    np.savez_compressed(tmp_path / "d.npz", a=np.arange(100.0))
    rows = opened(tmp_path, 'npz("d.npz")', 'x = column("a")')
    assert rows.is_in_memory and rows.take([7])["x"] == 7
    monkeypatch.setattr(streamed_table, "MEMORY_LIMIT", 799)
    found = refusal(tmp_path, 'npz("d.npz")', 'x = column("a")')
    assert found.code == "E0804" and "numpy.savez`" in found.suggestion


def test_an_array_stored_by_columns_is_read_at_once_up_to_a_limit(
    tmp_path, everything_is_streamed, monkeypatch
):
    table = np.arange(100.0).reshape(20, 5)
    np.save(tmp_path / "d.npy", np.asfortranarray(table))
    rows = opened(tmp_path, 'npy("d.npy")', "x = columns()")
    assert rows.is_in_memory and rows.take([7])["x"].tolist() == [table[7].tolist()]
    monkeypatch.setattr(streamed_table, "MEMORY_LIMIT", 799)
    assert "ascontiguousarray" in refusal(tmp_path, 'npy("d.npy")', "x = columns()").suggestion


def test_a_forged_list_of_arrays_is_refused(tmp_path, everything_is_streamed):
    np.savez(tmp_path / "d.npz", a=np.arange(100.0))
    whole = (tmp_path / "d.npz").read_bytes()
    listed = whole.rindex(b"PK\x01\x02")
    for offset, value in ((20, 5), (24, 1 << 30), (42, 10)):
        forged = bytearray(whole)
        struct.pack_into("<I", forged, listed + offset, value)
        (tmp_path / "d.npz").write_bytes(forged)
        assert refusal(tmp_path, 'npz("d.npz")', 'x = column("a")').code == "E0804"


@given(st.data())
@LAW
def test_no_damage_to_a_file_brings_opening_down(tmp_path, everything_is_streamed, data):
    np.save(tmp_path / "good.npy", np.arange(6.0).reshape(3, 2))
    with zipfile.ZipFile(tmp_path / "good.npz", "w") as archive:
        archive.write(tmp_path / "good.npy", "a.npy")
    for kind, block in (("npy", "x = columns()"), ("npz", 'x = column("a")')):
        damaged = bytearray((tmp_path / f"good.{kind}").read_bytes())
        for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=3)):
            damaged[at] ^= data.draw(st.integers(1, 255))
        (tmp_path / f"d.{kind}").write_bytes(damaged)
        problems = Problems()
        rows = open_rows(spec_of(tmp_path, f'{kind}("d.{kind}")', block), problems)
        assert (rows is None) == problems.has_errors


# --- another file -------------------------------------------------------------------------------------


def test_another_file_takes_the_place_of_the_source(tmp_path):
    (tmp_path / "d.csv").write_text("1;2\n")
    np.save(tmp_path / "other.npy", np.array([[5.0, 6.0], [7.0, 8.0]]))
    (tmp_path / "other.csv").write_text("3;4\n5;6\n7;8\n")
    source, block = 'csv("d.csv", delimiter = ";")', "x = column(1)"
    assert opened(tmp_path, source, block).take([0])["x"] == 2
    assert opened(tmp_path, source, block, str(tmp_path / "other.npy")).take([1])["x"] == 8
    assert opened(tmp_path, source, block, str(tmp_path / "other.csv")).count == 3
    assert refusal(tmp_path, source, block, "other.txt").notes == (
        "Files of data end in .csv, .npz, .npy or .parquet.",
    )


def test_another_file_is_relative_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "d.npy", np.zeros(3))
    np.save(tmp_path / "d.npy", np.ones(3))
    monkeypatch.chdir(tmp_path)
    assert opened(tmp_path / "sub", 'npy("d.npy")', "x = column(0)").take([0])["x"] == 0
    assert opened(tmp_path / "sub", 'npy("d.npy")', "x = column(0)", "d.npy").take([0])["x"] == 1
    assert '"no.npy"' in refusal(tmp_path / "sub", 'npy("d.npy")', "x = column(0)", "no.npy").message


# --- memory -------------------------------------------------------------------------------------------

WALK = """
import resource, sys
import numpy as np
sys.path.insert(0, {root!r})
from tests.run.test_rows import opened
from pathlib import Path

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

rows = opened(Path({folder!r}), {source!r}, {block!r})
assert not rows.is_in_memory
base, rng = peak(), np.random.default_rng(0)
for _ in range(400):
    assert not rows.take(rng.integers(0, rows.count, 256))["x"].any()
for start in range(0, rows.count - 1024, rows.count // 50):
    rows.take(np.arange(start, start + 1024))
print(peak() - base)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_memory_stays_flat_over_three_gigabytes(tmp_path, kind):
    from pathlib import Path

    pytest.importorskip("resource")
    path = tmp_path / f"d.{kind}"
    shape, at = (1_000_000, 3072), 0
    if kind == "npz":
        _write_stored_zip_of_zeros(path, shape)
    else:
        with open(path, "wb") as file:
            _write_header(file, shape)
            at = file.tell()
            file.truncate(at + shape[0] * shape[1])
    block = "x = columns() / 255" if kind == "npy" else 'x = column("a") / 255'
    root = str(Path(__file__).parents[2])
    code = textwrap.dedent(WALK).format(
        root=root, folder=str(tmp_path), source=f'{kind}("{path.name}")', block=block
    )
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    finally:
        path.unlink()
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200


def _write_header(file, shape):
    declared = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, declared)


def _write_stored_zip_of_zeros(path, shape):
    """A `.npz` file with one array of zeros that takes no room on the disk; its checksum is left at 0."""
    import io

    head = io.BytesIO()
    _write_header(head, shape)
    size = len(head.getvalue()) + shape[0] * shape[1]
    name = b"a.npy"
    common = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, size, size, len(name), 0)
    with open(path, "wb") as file:
        file.write(b"PK\x03\x04" + common + name + head.getvalue())
        file.seek(30 + len(name) + size)
        start = file.tell()
        file.write(
            b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
        )
        length = file.tell() - start
        file.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, length, start, 0))
