"""What the Python API takes, and how it refuses what it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphlang
from graphlang import GraphlangError

TEXT = """\
const H = 2
input x: [2] = [1, 2]
param w: [2] = 3
param b = 1
f = sum(x * w) * H + b
output f
"""


def test_weights_may_be_some_of_them() -> None:
    model = graphlang.parse(TEXT)
    assert model.run(weights={"b": np.array(5.0)}).values["f"] == 23
    assert model.function(weights={"b": np.array(5.0)})()[0] == 23


def test_files_may_be_paths(tmp_path: Path) -> None:
    model = graphlang.parse(TEXT)
    np.savez(tmp_path / "x.npz", x=[2.0, 2.0])
    np.savez(tmp_path / "w.npz", w=[1.0, 1.0], b=0.0)
    assert model.run(feed=tmp_path / "x.npz", weights=tmp_path / "w.npz").values["f"] == 8


@pytest.mark.parametrize(
    "given", [{"feed": Path("nope.npz")}, {"weights": Path("nope.npz")}, {"weights": {"c": 1.0}}]
)
def test_what_is_not_there_is_told(given: dict[str, object]) -> None:
    with pytest.raises(GraphlangError, match=r"nope\.npz|`c`"):
        graphlang.parse(TEXT).run(**given)  # type: ignore[arg-type]


def test_a_file_of_weights_has_all_of_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", w=[1.0, 1.0])
    with pytest.raises(GraphlangError, match="nothing for `b`"):
        graphlang.parse(TEXT).run(weights=tmp_path / "w.npz")


def test_a_setting_of_nothing_is_refused() -> None:
    with pytest.raises(GraphlangError, match="`h=…`: the file has no constant") as caught:
        graphlang.parse(TEXT, h=3)
    assert "Did you mean `H`?" in str(caught.value)
    assert graphlang.parse(TEXT, H=3).run().values["f"] == 28


def test_another_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="float16"):
        graphlang.parse(TEXT).run(dtype="float16")
