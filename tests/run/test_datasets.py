"""Data blocks: what is read, what is computed from it, and what is said when that cannot be."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import Problems
from graphlang.pipeline import compile_source
from graphlang.run.datasets import check_data, fit_inputs, load_data, read_data
from graphlang.source import SourceFile

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def compiled(folder, text):
    outcome = compile_source(SourceFile("m.graph", text, str(folder / "m.graph")))
    assert outcome.ok, list(outcome.problems)
    return outcome.value


def spec_of(folder, source, block=""):
    body = f" {{\n{block}\n}}" if block else ""
    return compiled(folder, f"input x = 1.0\nf = x\ndata d = {source}{body}\n").data["d"]


def load(folder, source, block=""):
    problems = Problems()
    dataset = load_data(spec_of(folder, source, block), problems)
    assert dataset is not None, list(problems)
    return dataset


def codes(folder, source, block=""):
    """The codes and messages of reading; checking alone must not find anything that reading does not."""
    spec = spec_of(folder, source, block)
    checked, read = Problems(), Problems()
    check_data(spec, checked)
    assert read_data(spec, read) is None
    assert {d.code for d in checked} <= {d.code for d in read}
    return [(d.code, d.message) for d in read]


def only_error(folder, source, block=""):
    ((code, message),) = codes(folder, source, block)
    return code, message


# --- csv ---------------------------------------------------------------------------------------------


def test_columns_are_blocks_and_a_column_is_a_vector(tmp_path):
    (tmp_path / "d.csv").write_text("a,b,c,label\n1,2,3,0\n4,5,6,1\n")
    d = load(tmp_path, 'csv("d.csv")', 'x = columns("a".."c") / 2\ny = column("label")')
    np.testing.assert_array_equal(d.arrays["x"], [[0.5, 1, 1.5], [2, 2.5, 3]])
    assert d.arrays["y"].dtype == np.int64 and d.arrays["y"].tolist() == [0, 1]
    assert d.rows == 2


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ('columns("b")', [[2.0], [5.0]]),
        ('columns(["c", "a"])', [[3.0, 1.0], [6.0, 4.0]]),
        ("columns()", [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        ("columns(1..2)", [[2.0, 3.0], [5.0, 6.0]]),
        ("column(0) + columns(1..2)", [[3.0, 4.0], [9.0, 10.0]]),
        ("columns() - mean(columns(), axis = 0)", [[-1.5] * 3, [1.5] * 3]),
    ],
)
def test_ways_to_name_columns(tmp_path, columns, expected):
    (tmp_path / "d.csv").write_text("a,b,c\n1,2,3\n4,5,6\n")
    np.testing.assert_array_equal(load(tmp_path, 'csv("d.csv")', f"x = {columns}").arrays["x"], expected)


def test_rows_meet_rows_even_when_there_are_as_many_columns(tmp_path):
    (tmp_path / "d.csv").write_text("a,b,s\n1,2,10\n3,4,100\n")
    d = load(tmp_path, 'csv("d.csv")', 'x = columns("a".."b") * column("s")')
    np.testing.assert_array_equal(d.arrays["x"], [[10, 20], [300, 400]])


def test_text_becomes_class_numbers_in_sorted_order(tmp_path):
    (tmp_path / "d.csv").write_text("v,kind\n1.5,pear\n2,apple\n3,pear\n")
    d = load(tmp_path, 'csv("d.csv")', 'y = column("kind")\nx = column("v")')
    assert d.arrays["y"].tolist() == [1, 0, 1]
    assert d.classes == {"kind": ("apple", "pear")}
    assert d.classes_of == {"y": ("apple", "pear")}


def test_without_a_header_columns_are_numbered(tmp_path):
    (tmp_path / "d.csv").write_text("1;2\n3;4\n")
    d = load(tmp_path, 'csv("d.csv")', "x = column(0)\ny = column(-1)")
    assert d.arrays["x"].tolist() == [1, 3] and d.arrays["y"].tolist() == [2, 4]


def test_header_and_delimiter_can_be_said(tmp_path):
    (tmp_path / "d.csv").write_text("1|2\n3|4\n")
    d = load(tmp_path, 'csv("d.csv", delimiter = "|", header = true)', 'x = column("1")')
    assert d.arrays["x"].tolist() == [3]


def test_without_a_block_every_column_is_given(tmp_path):
    (tmp_path / "d.csv").write_text("x,y\n1,0.5\n2,1\n")
    d = load(tmp_path, 'csv("d.csv")')
    assert d.arrays["x"].dtype == np.int64 and d.arrays["y"].tolist() == [0.5, 1.0]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_line_ends_marks_quotes_and_blank_lines(tmp_path, ending, start):
    text = ending.join(['"a",b', "", '1,"x, y"', "", "2,z", ""])
    (tmp_path / "d.csv").write_bytes(start + text.encode())
    d = load(tmp_path, 'csv("d.csv")', 'x = column("a")\ny = column("b")')
    assert d.arrays["x"].tolist() == [1, 2]
    assert d.classes["b"] == ("x, y", "z")


@given(
    st.lists(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=3).map(tuple), min_size=1, max_size=8)
)
@FUZZ
def test_numbers_are_read_as_they_are_written(tmp_path, rows):
    text = "a\tb\tc\n" + "".join("\t".join(map(repr, r)) + "\n" for r in rows)
    (tmp_path / "d.csv").write_text(text)
    np.testing.assert_array_equal(load(tmp_path, 'csv("d.csv")', "x = columns()").arrays["x"], rows)


@given(st.lists(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=2), min_size=1, max_size=6))
@FUZZ
def test_fast_and_careful_reading_agree(tmp_path, rows):
    body = "".join(f"{a},{b}\n" for a, b in rows)
    (tmp_path / "fast.csv").write_text("a,b\n" + body)
    (tmp_path / "slow.csv").write_text("a,b,t\n" + body.replace("\n", ",w\n"))
    fast = load(tmp_path, 'csv("fast.csv")', 'a = column("a")\nx = columns("a".."b")').arrays
    slow = load(tmp_path, 'csv("slow.csv")', 'a = column("a")\nx = columns("a".."b")').arrays
    for name in fast:
        assert fast[name].dtype == slow[name].dtype
        np.testing.assert_array_equal(fast[name], slow[name])


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a,b\n1,2\n3,\n", (3, 3), "no value"),
        ("a,b\n1,2\n3,NaN\n", (3, 3), "`NaN`"),
        ('a,b\n"1,5",2\n3,x\n', (3, 3), "column of numbers"),
        ("a,b\n1,2\n3,1e999\n", (3, 3), "no finite number"),
        ("a,b\n1,2\n\n\n3,1_0\n", (5, 3), "column of numbers"),
        ("a;b\n1;3,5\n1;4,5\n", (2, 3), "decimal comma"),
    ],
)
def test_a_bad_cell_is_pointed_at(tmp_path, text, where, what):
    (tmp_path / "d.csv").write_text(text)
    problems = Problems()
    assert read_data(spec_of(tmp_path, 'csv("d.csv")', 'x = column("b")'), problems) is None
    (d,) = problems
    assert d.code == "E0808" and what in d.message and d.related[0].span.source.name == "m.graph"
    assert (d.span.source.name, d.span.line, d.span.column) == (str(tmp_path / "d.csv"), *where)


def test_the_pointer_leads_into_the_csv_file_and_back(tmp_path):
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3,oops\n")
    problems = Problems()
    read_data(spec_of(tmp_path, 'csv("d.csv")', 'x = column("b")'), problems)
    (d,) = problems
    assert d.span.source.name.endswith("d.csv") and (d.span.line, d.span.text) == (3, "oops")
    assert d.related[0].span.source.name == "m.graph"


def test_a_gap_in_an_unused_column_is_no_mistake(tmp_path):
    (tmp_path / "d.csv").write_text("a,b\n1,\n3,4\n")
    assert load(tmp_path, 'csv("d.csv")', 'x = column("a")').arrays["x"].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf  \n\n", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,2\n3\n", "This row has 1 cell, but the first line has 2"),
        (b"a,a\n1,2\n", "several columns called `a`"),
        (b"a,b\n1,\xff\n", "line 2 has the byte 0xff"),
        ("a,b\n1,2\n".encode("utf-16"), "not UTF-8"),
        (b"a,b\n1,\0\n", "NUL"),
        (b'a,b\n1,"2\n3,4\n', "not a CSV file"),
        (b"a,b\n" + b"1" * 200_000 + b",x\n", "not a CSV file"),
    ],
)
def test_a_file_that_is_no_csv_is_refused(tmp_path, data, what):
    (tmp_path / "d.csv").write_bytes(data)
    code, message = only_error(tmp_path, 'csv("d.csv")', 'x = column("a")')
    assert code == "E0804" and what in message


def test_a_missing_file_suggests_the_nearest(tmp_path):
    (tmp_path / "digits.csv").write_text("a\n1\n")
    for act in (check_data, read_data):
        problems = Problems()
        act(spec_of(tmp_path, 'csv("digit.csv")'), problems)
        (d,) = problems
        assert d.code == "E0804" and "digits.csv" in d.suggestion


def test_folders_odd_names_and_lost_rights_are_reported(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "d.csv").write_text("a\n1\n")
    assert "folder" in only_error(tmp_path, 'csv("sub")')[1]
    assert "cannot be read" in only_error(tmp_path, r'csv("a\u{0}b.csv")')[1]
    assert "cannot be read" in only_error(tmp_path, f'csv("{"a" * 300}.csv")')[1]
    assert "device" in only_error(tmp_path, 'csv("/dev/zero")')[1]
    spec = spec_of(tmp_path, 'csv("d.csv")')

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    problems = Problems()
    assert read_data(spec, problems) is None
    assert "permission denied" in problems.errors[0].message


def test_unknown_columns_are_found_without_reading_the_rows(tmp_path):
    (tmp_path / "d.csv").write_text("width,height\n1,2\n3\n")
    problems = Problems()
    spec = spec_of(tmp_path, 'csv("d.csv")', 'x = column("widht") / 2\ny = columns("height".."width")')
    assert not check_data(spec, problems)
    first, second = problems.errors
    assert first.code == second.code == "E0805"
    assert first.suggestion == 'Did you mean "width"?' and first.span.text == '"widht"'
    assert first.notes == ("It has `width`, `height`.",)
    assert "comes after" in second.message


def test_numbers_and_names_of_columns_are_not_mixed_up(tmp_path):
    (tmp_path / "d.csv").write_text("1,2\n")
    assert only_error(tmp_path, 'csv("d.csv")', 'x = column("a")')[0] == "E0805"
    assert only_error(tmp_path, 'csv("d.csv")', "x = column(2)")[0] == "E0805"
    assert only_error(tmp_path, 'csv("d.csv")')[0] == "E0804"


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ('csv("d.csv", sep = ";")', "no option `sep`"),
        ('csv("d.csv", delimiter = ";;")', "one character"),
        ('csv("d.csv", header = 1)', "true or false"),
        ("spiral(n = 0)", "number of rows"),
        ("spiral(n = 2.5)", "number of rows"),
        ("moons(noise = -1)", "standard deviation"),
        ("xor(seed = -1)", "not negative"),
        ("moons(classes = 3)", "no option `classes`"),
        ("blobs(classes = 1)", "number of classes"),
    ],
)
def test_options_are_checked(tmp_path, source, what):
    (tmp_path / "d.csv").write_text("a\n1\n")
    code, message = only_error(tmp_path, source)
    assert code == "E0803" and what in message


@pytest.mark.parametrize(
    ("formula", "what"),
    [
        ("3", "not one entry for every row"),
        ("mean(columns())", "not one entry for every row"),
        ("log(columns() - 1)", "-inf in row 0"),
        ('columns() / (column("a") - 1)', "in row 0"),
        ("columns() @ columns()", "[N, 2] and [N, 2]"),
    ],
)
def test_a_formula_that_cannot_be_computed_is_refused(tmp_path, formula, what):
    (tmp_path / "d.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    code, message = only_error(tmp_path, 'csv("d.csv")', f"x = {formula}")
    assert code == "E0807" and what in message


def test_a_line_is_bound_once(tmp_path):
    (tmp_path / "d.csv").write_text("a\n1\n")
    outcome = compile_source(
        SourceFile(
            "m.graph",
            'input x = 1.0\nf = x\ndata d = csv("d.csv") {\nx = column("a")\nx = column("a")\n}\n',
            str(tmp_path / "m.graph"),
        )
    )
    problems = Problems()
    if "d" in outcome.value.data:
        read_data(outcome.value.data["d"], problems)
    assert "E0304" in {d.code for d in (*outcome.problems, *problems)}


@given(st.binary(max_size=300))
@FUZZ
def test_no_bytes_bring_the_readers_down(tmp_path, data):
    for kind in ("csv", "npz", "npy"):
        (tmp_path / f"d.{kind}").write_bytes(data)
        spec = spec_of(tmp_path, f'{kind}("d.{kind}")', "x = columns()")
        check_data(spec, Problems())
        load_data(spec, Problems())


@given(st.text(alphabet='ab1.,;"\n\r\t x', max_size=40))
@FUZZ
def test_no_text_brings_the_csv_reader_down(tmp_path, text):
    (tmp_path / "d.csv").write_bytes(text.encode())
    spec = spec_of(tmp_path, 'csv("d.csv")', "x = columns()")
    problems = Problems()
    assert (load_data(spec, problems) is None) == problems.has_errors


# --- NumPy files -------------------------------------------------------------------------------------


def test_npz_arrays_are_taken_whole(tmp_path):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    np.savez_compressed(tmp_path / "d.npz", images=images, label=np.array([1, 0]), kind=np.array(["b", "a"]))
    d = load(tmp_path, 'npz("d.npz")', 'x = column("images") / 255\ny = column("label")\nz = column("kind")')
    np.testing.assert_allclose(d.arrays["x"], images / 255)
    assert d.arrays["y"].tolist() == [1, 0] and d.arrays["z"].tolist() == [1, 0]
    assert d.classes == {"kind": ("a", "b")}
    assert set(load(tmp_path, 'npz("d.npz")').arrays) == {"images", "label", "kind"}


def test_npy_columns_are_numbered(tmp_path):
    table = np.asfortranarray(np.arange(12.0).reshape(3, 4)).astype(">f8")
    np.save(tmp_path / "d.npy", table)
    d = load(tmp_path, 'npy("d.npy")', "x = columns(0..2)\ny = column(3)\nz = columns()")
    np.testing.assert_array_equal(d.arrays["x"], table[:, :3])
    np.testing.assert_array_equal(d.arrays["y"], table[:, 3])
    np.testing.assert_array_equal(d.arrays["z"], table)
    assert only_error(tmp_path, 'npy("d.npy")')[0] == "E0804"
    np.save(tmp_path / "v.npy", np.arange(3))
    assert load(tmp_path, 'npy("v.npy")', "x = column(0)").arrays["x"].tolist() == [0, 1, 2]
    assert load(tmp_path, 'npy("v.npy")', "x = columns()").arrays["x"].shape == (3, 1)


def test_different_numbers_of_rows_are_refused(tmp_path):
    np.savez(tmp_path / "d.npz", a=np.zeros(3), b=np.zeros(4))
    code, message = only_error(tmp_path, 'npz("d.npz")', 'x = column("a")\ny = column("b")')
    assert code == "E0807" and "4 here, 3 before" in message


def header(text, *, version=1):
    body = text.encode() + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(body).to_bytes(2 if version == 1 else 4, "little") + body


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}"


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "not a NumPy array"),
        (b"\x93NUMPY", "not a NumPy array"),
        (header(GOOD), "16 bytes"),
        (header(GOOD) + bytes(17), "has 17"),
        (header(GOOD, version=9) + bytes(16), "version 9"),
        (header("{'descr': '|O', 'fortran_order': False, 'shape': (2,)}"), "Python objects"),
        (header("{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}"), "not numbers"),
        (header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,)}"), "not numbers"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}"), "shape"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9999999999999999999)}"), "shape"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), "shape"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}"), "shape"),
        (header("{'descr': '<f8', 'fortran_order': 1, 'shape': (2,)}"), "shape"),
        (header("{'descr': '<U1', 'fortran_order': False, 'shape': (1,)}") + b"\xff" * 4, "characters"),
        (header("__import__('os')"), "header is broken"),
        (header("(" * 5000), "header is broken"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "header is broken"),
        (b"\x93NUMPY\x01\x00\xff\x00{", "within its header"),
    ],
)
def test_a_forged_array_is_refused(tmp_path, data, what):
    (tmp_path / "d.npy").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("a.npy", data)
    for kind in ("npy", "npz"):
        code, message = only_error(tmp_path, f'{kind}("d.{kind}")', "x = columns()")
        assert code == "E0804" and what in message


def test_a_broken_zip_is_refused(tmp_path):
    buffer = io.BytesIO()
    np.savez(buffer, a=np.arange(100.0))
    whole = buffer.getvalue()
    damaged = bytearray(whole)
    damaged[200] ^= 0xFF
    for data in (whole[:-30], whole[:100], bytes(damaged), b"PK\x03\x04"):
        (tmp_path / "d.npz").write_bytes(data)
        assert only_error(tmp_path, 'npz("d.npz")', 'x = column("a")')[0] == "E0804"


def test_a_zip_with_two_arrays_of_one_name_is_refused(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(2.0))
    with pytest.warns(UserWarning), zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("a.npy", buffer.getvalue())
        archive.writestr("a.npy", buffer.getvalue())
    assert "two arrays" in only_error(tmp_path, 'npz("d.npz")', 'x = column("a")')[1]


def test_gaps_in_arrays_are_refused(tmp_path):
    np.save(tmp_path / "d.npy", np.array([[1.0, 2.0], [np.nan, 3.0]]))
    code, message = only_error(tmp_path, 'npy("d.npy")', "x = columns()")
    assert code == "E0807" and "row 1" in message


def test_a_scalar_has_no_rows(tmp_path):
    np.save(tmp_path / "d.npy", 3.0)
    np.savez(tmp_path / "d.npz", a=3.0)
    assert only_error(tmp_path, 'npy("d.npy")', "x = columns()")[0] == "E0804"
    assert only_error(tmp_path, 'npz("d.npz")', 'x = column("a")')[0] == "E0807"


# --- parquet -----------------------------------------------------------------------------------------


def test_parquet_columns(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"a": [1.5, 2.5], "k": ["v", "u"], "n": [1, None]})
    parquet.write_table(table, tmp_path / "d.parquet")
    d = load(tmp_path, 'parquet("d.parquet")', 'x = columns("a")\ny = column("k")')
    assert d.arrays["x"].tolist() == [[1.5], [2.5]] and d.arrays["y"].tolist() == [1, 0]
    assert d.classes == {"k": ("u", "v")}
    assert only_error(tmp_path, 'parquet("d.parquet")', 'x = column("n")')[0] == "E0808"
    (tmp_path / "d.parquet").write_bytes(b"PAR1xxxxPAR1")
    assert only_error(tmp_path, 'parquet("d.parquet")', 'x = column("n")')[0] == "E0804"


def test_parquet_lists_of_one_length_are_rows_of_numbers(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    pairs = arrow.array([[1, 2], [3, 4], [5, 6]], arrow.list_(arrow.float32(), 2))
    gaps = arrow.array([[1, 2], [3, None], [5, 6]], arrow.list_(arrow.float32(), 2))
    columns = {"v": pairs, "g": gaps, "l": [[1], [2, 3], [4]], "s": [{"q": 1}] * 3}
    columns["k"] = arrow.array(["b", "a", "b"]).dictionary_encode()
    parquet.write_table(arrow.table(columns), tmp_path / "d.parquet", row_group_size=2)
    d = load(tmp_path, 'parquet("d.parquet")', 'x = column("v")\ny = column("k")')
    assert d.arrays["x"].dtype == np.float32 and d.arrays["x"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert d.arrays["y"].tolist() == [1, 0, 1] and d.classes_of == {"y": ("a", "b")}
    for name, what in (("g", "1 gap"), ("l", "`list<"), ("s", "`struct<")):
        code, message = only_error(tmp_path, 'parquet("d.parquet")', f'x = column("{name}")')
        assert code == "E0808" and what in message


@given(st.data())
@FUZZ
def test_no_damage_to_a_parquet_file_brings_the_reader_down(tmp_path, data):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "d.parquet"
    parquet.write_table(arrow.table({"a": [1.5, 2.5], "k": ["v", "u"]}), path)
    damaged = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=3)):
        damaged[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    problems = Problems()
    spec = spec_of(tmp_path, 'parquet("d.parquet")', 'x = column("a")\ny = column("k")')
    assert (load_data(spec, problems) is None) == problems.has_errors


def test_without_pyarrow_parquet_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    problems = Problems()
    assert read_data(spec_of(tmp_path, 'parquet("d.parquet")'), problems) is None
    assert problems.errors[0].suggestion == "Install it: `pip install pyarrow`."


# --- generators --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["xor", "spiral", "moons", "circles", "blobs", "sine"])
def test_generated_data_are_finite_repeatable_and_named_alike(tmp_path, kind):
    block = 'x = column("x")\ny = column("y")\na = column("x0")\nl = column("label")\nc = columns("x0")'
    one = load(tmp_path, f"{kind}(n = 17, noise = 0.1, seed = 3)", block).arrays
    two = load(tmp_path, f"{kind}(n = 17, noise = 0.1, seed = 3)").arrays
    other = load(tmp_path, f"{kind}(n = 17, noise = 0.1, seed = 4)").arrays
    assert set(two) == {"x", "y"} and one["x"].shape[0] == 17 and np.isfinite(one["x"]).all()
    np.testing.assert_array_equal(one["x"], two["x"])
    np.testing.assert_array_equal(one["a"], one["x"][:, 0])
    np.testing.assert_array_equal(one["l"], one["y"])
    assert not all(np.array_equal(two[k], other[k]) for k in two)
    assert only_error(tmp_path, f"{kind}()", 'x = column("x9")')[0] == "E0805"


def test_xor_is_the_truth_table(tmp_path):
    d = load(tmp_path, "xor()").arrays
    assert d["x"].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]] and d["y"].tolist() == [0, 1, 1, 0]


def test_generators_draw_what_they_say(tmp_path):
    circles = load(tmp_path, "circles(noise = 0)").arrays
    np.testing.assert_allclose(np.hypot(*circles["x"].T), np.where(circles["y"] == 0, 1, 0.5))
    sine = load(tmp_path, "sine()").arrays
    np.testing.assert_allclose(sine["y"], np.sin(sine["x"][:, 0]))
    blobs = load(tmp_path, "blobs(n = 20, classes = 5)").arrays
    assert np.bincount(blobs["y"]).tolist() == [4] * 5
    assert load(tmp_path, "spiral(n = 1)").arrays["x"].shape == (1, 2)


# --- inputs ------------------------------------------------------------------------------------------

MODEL = """input x: [N, 2]
input k: int[N]
input m: bool[N]
f = sum(x) + sum(where(m, k, 0))
data d = csv("d.csv") {{
  x = columns("a".."b")
  {}
}}
"""


def fitted(tmp_path, line):
    (tmp_path / "d.csv").write_text("a,b,t\n1,2,u\n3,4.5,v\n")
    model = compiled(tmp_path, MODEL.format(line))
    problems = Problems()
    arrays = read_data(model.data["d"], problems)
    return fit_inputs(model, model.data["d"], arrays, problems), list(problems)


def test_columns_feed_inputs_of_their_type(tmp_path):
    arrays, problems = fitted(tmp_path, 'k = column("t")\n  m = column("a") > 2')
    assert problems == [] and set(arrays) == {"x", "k", "m"} and arrays["m"].tolist() == [False, True]


@pytest.mark.parametrize(
    ("line", "what"), [('k = column("b")', "4.5, which is no integer"), ('m = column("a")', "not booleans")]
)
def test_entries_of_the_wrong_kind_are_refused(tmp_path, line, what):
    arrays, (problem,) = fitted(tmp_path, line)
    assert problem.code == "E0806" and what in problem.message and problem.span.text == line
    assert set(arrays) == {"x"}


def test_a_line_that_feeds_nothing_is_a_warning(tmp_path):
    arrays, (problem,) = fitted(tmp_path, 'kk = column("t")')
    assert problem.code == "W0801" and problem.suggestion == "Did you mean `k`?" and set(arrays) == {"x"}


def test_a_source_that_feeds_nothing_is_a_warning(tmp_path):
    model = compiled(tmp_path, "input z: [N]\nf = sum(z)\ndata d = xor()\n")
    problems = Problems()
    fit_inputs(model, model.data["d"], read_data(model.data["d"], problems), problems)
    assert [d.code for d in problems] == ["W0801"]


# --- the examples' data ------------------------------------------------------------------------------


def test_the_example_data_are_what_their_page_says():
    from pathlib import Path

    folder = Path(__file__).parents[2] / "examples" / "data"
    digits = load(folder, 'csv("digits.csv")', 'x = columns("p0".."p63") / 16\ny = column("label")')
    assert digits.arrays["x"].shape == (1797, 64)
    assert (digits.arrays["x"].min(), digits.arrays["x"].max()) == (0, 1)
    assert np.bincount(digits.arrays["y"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    iris = load(
        folder, 'csv("iris.csv")', 'x = columns("sepal_length".."petal_width")\ny = column("species")'
    )
    assert iris.classes_of["y"] == ("setosa", "versicolor", "virginica")
    np.testing.assert_allclose(
        iris.arrays["x"].mean(axis=0), [5.843333, 3.057333, 3.758, 1.199333], atol=1e-6
    )
