"""A compiled step as text, for the two sizes that the batches of an epoch have."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from graphlang.plan.listing import Listing
from graphlang.records import replace
from graphlang.run.listing import listing_of
from graphlang.run.listing_sizes import both
from tests.run.training import training

MODEL = """\
data d = npz("d.npz")
input x: [N, 6]
input y: int[N]
s = x -> dense(5, relu) -> dense(3)
loss = cross_entropy(s, y)
output s
metric accuracy = mean(argmax(s) == y)
train on d {
  minimize = loss
  optimizer = momentum
"""


def listing(folder: Path, settings: str, rows: int = 100, model: str = MODEL) -> Listing:
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", x=rng.normal(size=(rows, 6)), y=rng.integers(0, 3, rows))
    return listing_of(training(f"{model}  {settings}\n}}\n", folder, dtype="float32").trainer)


@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ("batch = 32", (32, 4)),
        ("batch = 25", (25,)),
        ("batch = 64\n  holdout = 0.1", (64, 26)),
        ("batch = all", (100,)),
        ("batch = 200", (100,)),
    ],
)
def test_an_epochs_last_batch_has_its_step_too(
    tmp_path: Path, settings: str, counts: tuple[int, ...]
) -> None:
    # The maxima of cross_entropy would be found in another way for the few rows.
    model = MODEL.replace("cross_entropy(s, y)", "mean(s ^ 2) + mean(y)")
    assert listing(tmp_path, settings, model=model).counts == counts


def test_truth_values_are_counted_alike_in_both_sizes(tmp_path: Path) -> None:
    found = listing(tmp_path, "batch = 600", rows=1000)
    assert found.counts == (600, 400)
    assert any("nonzero()" in line for line in found.lines)


def test_a_mean_divides_by_the_rows_of_the_batch(tmp_path: Path) -> None:
    model = MODEL.replace("cross_entropy(s, y)", "mean(s ^ 2)")
    texts = listing(tmp_path, "batch = 32", model=model).constants.values()
    assert "np.full((rows, 3), 1 / (3 * rows), np.float32)" in texts


def test_its_text_is_that_of_either_size_with_the_rows_put_in(tmp_path: Path) -> None:
    def filled(text: str, rows: int) -> str:
        text = re.sub(r"(\d+) \* rows", lambda found: str(int(found[1]) * rows), text)
        return text.replace("rows", str(rows))

    def places(text: str) -> str:
        """Alone, a step may use memory again for something else; 32.0 and 32 are the same to NumPy."""
        return re.sub(r"\b(\d+)\.0\b", r"\1", re.sub(r"block_\d+", "block", text))

    found = listing(tmp_path, "batch = 32", rows=32 + 20)
    assert found.counts == (32, 20)
    for rows in found.counts:
        alone = listing(tmp_path, "batch = all", rows=rows)
        for name, text in alone.constants.items():
            assert places(filled(found.constants[name], rows)) == places(text)
        assert tuple(filled(line, rows) for line in found.lines) == alone.lines


def test_steps_that_differ_in_more_than_sizes_stay_two() -> None:
    def one(count: int, **texts: object) -> Listing:
        usual = {
            "dtype": "float32", "memory": {"block": "np.empty(448, np.uint8)"}, "places": {}, "gradients": {},
            "constants": {"a": f"np.ndarray(({count}, 3), np.float32, block, 0, (12, 4))"}, "functions": (),
            "feeds": {}, "lines": (f"f(a[:{2 * count}], {count}.0)",), "reported": {}, "following": (),
            "update": (), "scalars": (), "update_constants": {},
        }  # fmt: skip
        return Listing(counts=(count,), **{**usual, **texts})  # type: ignore[arg-type]

    found = both(one(32), one(20))
    assert found == replace(
        one(32),
        counts=(32, 20),
        constants={"a": "np.ndarray((rows, 3), np.float32, block, 0, (12, 4))"},
        lines=("f(a[:2 * rows], rows)",),
    )
    for different in (
        {"lines": ("f(a[:41], 20.0)",)},
        {"lines": ("g(a[:40], 20.0)",)},
        {"lines": ("f(a[:40], 20.0)", "g(a)")},
        {"constants": {"b": "np.ndarray((20, 3), np.float32, block, 0, (12, 4))"}},
        {"constants": {"a": "np.ndarray((20, 3), np.float32, other, 0, (12, 4))"}},
        {"memory": {"block": "np.empty(320, np.uint8)"}},
        {"update": ("f(w)",)},
    ):
        assert both(one(32), one(20, **different)) is None


def test_rows_held_out_are_evaluated_without_new_arrays(tmp_path: Path) -> None:
    found = listing(tmp_path, "batch = 32\n  holdout = 0.2").evaluation
    assert found is not None
    assert found.count == 20
    assert list(found.reported) == ["loss", "accuracy"]
    assert any("(20, 5)" in text for text in found.constants.values())
    assert not any("gradient" in text for text in found.constants.values())
    assert listing(tmp_path, "batch = 32").evaluation is None


def test_too_many_rows_for_one_piece_are_left_to_the_readable_functions(tmp_path: Path) -> None:
    settings = "batch = 32\n  holdout = 0.5"
    assert listing(tmp_path, settings, rows=2 * 8192).evaluation is not None
    assert listing(tmp_path, settings, rows=2 * 8194).evaluation is None
