"""Records are to users what dataclasses are: every promise is compared with a dataclass of the same body."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, Generic, TypeVar

import pytest

from graphlang.records import Record, as_dict, field, maker, names_of, replace

T = TypeVar("T")


class Point(Record):
    x: float
    y: float = 0.0
    tags: list[str] = field(default_factory=list)
    note: str = field(default="", compare=False, repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class DataPoint:
    x: float
    y: float = 0.0
    tags: list[str] = dataclasses.field(default_factory=list)
    note: str = dataclasses.field(default="", compare=False, repr=False)


class Box(Record, frozen=False):
    items: tuple[Any, ...]
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = len(self.items)


class Thing(Record, frozen=False, eq=False):
    name: str


class Node(Record, guarded=False):
    span: tuple[int, int]


class Leaf(Node):
    depth: int = field(default=1, kw_only=True, compare=False)
    text: str


class Pair(Record, Generic[T]):
    left: T
    right: T


ARGUMENTS = [((1.0,), {}), ((1.0, 2.0), {"note": "n"}), ((), {"y": 3.0, "x": 1.0, "tags": ["a"]})]


@pytest.mark.parametrize(("args", "named"), ARGUMENTS)
def test_arguments_defaults_and_text_are_those_of_a_dataclass(args: Any, named: Any) -> None:
    ours, theirs = Point(*args, **named), DataPoint(*args, **named)
    assert as_dict(ours) == dataclasses.asdict(theirs)
    assert repr(ours) == repr(theirs).replace("DataPoint", "Point")


@pytest.mark.parametrize(
    ("args", "named"), [((), {}), ((1, 2, [], "", 5), {}), ((1,), {"x": 2}), ((1,), {"z": 2})]
)
def test_wrong_arguments_are_refused_at_the_first_use_and_later(args: Any, named: Any) -> None:
    class Fresh(Record):
        x: int
        y: int = 0
        tags: tuple[str, ...] = ()
        note: str = ""

    for _ in range(2):
        with pytest.raises(TypeError):
            Fresh(*args, **named)
    with pytest.raises(TypeError):
        DataPoint(*args, **named)


def test_every_record_gets_a_default_of_its_own() -> None:
    first, second = Point(1.0), Point(1.0)
    first.tags.append("a")
    assert second.tags == []


def test_records_are_equal_if_the_fields_that_count_are() -> None:
    assert Point(1.0, note="a") == Point(1.0, note="b")
    assert Point(1.0) != Point(2.0)
    assert Pair(1, 2) == Pair(1, 2)
    assert hash(Pair(1, 2)) == hash(Pair(1, 2))
    assert Pair(1, 2) != DataPoint(1, 2)
    assert Leaf((0, 1), "a", depth=3) == Leaf((0, 1), "a")
    assert Leaf((0, 1), "a") != Leaf((0, 1), "b")


def test_a_record_with_the_same_fields_of_another_class_is_another() -> None:
    class Other(Record):
        left: int
        right: int

    assert Pair(1, 2) != Other(1, 2)


def test_frozen_records_refuse_to_be_changed() -> None:
    point = Point(1.0)
    with pytest.raises(AttributeError, match="`x` cannot be set"):
        point.x = 2.0  # type: ignore[misc]
    with pytest.raises(AttributeError, match="`x` cannot be deleted"):
        del point.x
    assert point.x == 1.0


def test_no_record_takes_other_attributes() -> None:
    for record in (Thing("a"), Leaf((0, 1), "a"), Box(())):
        with pytest.raises(AttributeError):
            record.other = 1  # type: ignore[union-attr]
        assert not hasattr(record, "__dict__")


def test_records_that_change_are_compared_but_no_keys() -> None:
    box, other = Box((1, 2)), Box((1, 2))
    assert box.count == 2
    assert box == other
    box.items = ()
    assert box != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(box)


def test_without_eq_records_are_themselves_alone() -> None:
    first, second = Thing("a"), Thing("a")
    assert first != second
    assert len({first, second}) == 2


def test_replace_changes_the_named_fields_alone() -> None:
    point = Point(1.0, 2.0, ["a"], "n")
    moved = replace(point, x=5.0)
    assert as_dict(moved) == {**as_dict(point), "x": 5.0}
    assert point.x == 1.0
    assert replace(Leaf((0, 1), "a", depth=4), text="b").depth == 4
    assert replace(Box((1, 2)), items=(1,)).count == 1
    with pytest.raises(TypeError):
        replace(point, z=1)


def test_fields_come_in_the_order_of_the_text_those_of_the_base_first() -> None:
    assert names_of(Leaf((0, 1), "a")) == ("span", "text")
    assert names_of(Leaf((0, 1), "a"), compared=False) == ("span", "depth", "text")
    assert Leaf.__match_args__ == ("span", "text")
    match Leaf((0, 1), "a"):
        case Leaf(_, text):
            assert text == "a"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
@pytest.mark.parametrize("record", [Point(1.0, 2.0, ["a"], "n"), Box((1,)), Leaf((0, 1), "a", depth=3)])
def test_copies_are_equal_in_every_field(record: Any, copied: Any) -> None:
    assert as_dict(copied(record)) == as_dict(record)
    assert type(copied(record)) is type(record)


def test_a_maker_takes_all_fields_by_position_and_gives_the_same_records() -> None:
    assert maker(Point)(1.0) == Point(1.0)
    assert as_dict(maker(Point)(1.0, 2.0, ["t"], "n")) == as_dict(Point(1.0, 2.0, ["t"], note="n"))
    assert maker(Box)((1, 2)).count == 2
    leaf = maker(Leaf)((0, 3), "text", 7)
    assert (leaf.span, leaf.text, leaf.depth) == ((0, 3), "text", 7)
    assert leaf == Leaf((0, 3), "text") and maker(Thing)("a") != Thing("a")
