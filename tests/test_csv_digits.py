"""Tables of digits are read as `numpy.loadtxt` reads them, and nothing else is taken for one."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlang.csv_digits import read_digits
from graphlang.emit.numpy_script import numpy_script
from graphlang.pipeline import compile_source, data_of, differentiate
from graphlang.source import SourceFile

tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 10**15 - 1), min_size=width, max_size=width), min_size=1, max_size=6
    )
)


@given(table=tables, delimiter=st.sampled_from(",;\t"))
def test_digits_are_the_numbers_that_they_spell(table: list[list[int]], delimiter: str) -> None:
    lines = [delimiter.join(map(str, row)) for row in table]
    found = read_digits(lines, len(table[0]), delimiter)
    assert found is not None and found.dtype == np.float64
    assert found.tolist() == table


def test_more_lines_than_are_read_at_a_time_come_in_their_order() -> None:
    lines = [f"{i},{i % 7}" for i in range(3000)]
    assert read_digits(lines, 2, ",").tolist() == [[i, i % 7] for i in range(3000)]


# Each has what no table of digits has; the width is that of the first line.
OTHERS = {
    "point": ["1,2.5", "3,4"],
    "minus": ["1,2", "-3,4"],
    "word": ["1,2", "x,4"],
    "gap": ["1,", "3,4"],
    "gap at first": [",1", "3,4"],
    "short row": ["1,2", "3"],
    "long row": ["1,2", "3,4,5", "6"],
    "rows of one and three": ["1,2", "3,4,5", "6", "7,8"],
    "other delimiter": ["1,2", "3;4"],
    "blank": ["1,2", " 3,4"],
    "carriage return": ["1,2\r", "3,4\r"],
    "quotes": ['1,"2"', "3,4"],
    "NUL": ["1,2", "3,4\0"],
    "other digits": ["1,2", "٣,4"],
    "sixteen digits": ["1,2", "3,1234567890123456"],
    "line break in a line": ["1,2", "3\n4"],
    "after nine": ["1,2", "3,:"],
}


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_left_to_others(name: str) -> None:
    lines = OTHERS[name]
    assert read_digits(lines, lines[0].count(",") + 1, ",") is None


def test_a_digit_that_separates_cells_is_no_digit() -> None:
    assert read_digits(["1", "253"], 1, "5") is None


def test_no_lines_are_no_table() -> None:
    assert read_digits([], 2, ",") is None


def test_scripts_take_the_same_tables_for_digits(tmp_path: Path) -> None:
    text = 'data d = csv("t.csv") { x = column(0) }\ninput x: [N]\nf = sum(x)\noutput f\n'
    (tmp_path / "t.csv").write_text("1,2\n")
    model = compile_source(SourceFile("m.graph", text, path=str(tmp_path / "m.graph"))).value
    assert data_of(model) is not None
    script = tmp_path / "script.py"
    script.write_text(numpy_script(differentiate(model, None), folder=str(tmp_path)))
    function = runpy.run_path(str(script))["read_digits"]
    lines = [f"{i},{i * i * i}" for i in range(3000)]
    assert np.array_equal(function(lines, 2, ","), read_digits(lines, 2, ","))
    for others in OTHERS.values():
        assert function(others, others[0].count(",") + 1, ",") is None
    assert function(["1", "253"], 1, "5") is None
