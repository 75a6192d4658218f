"""What the classes of the syntax tree are made by: slotted records, like frozen dataclasses but cheap.

A tree has a few dozen classes and, for a large file, a million nodes. `dataclass` takes half a millisecond to
make a class and checks at every assignment that nobody changes a frozen one; together that is a third of the
time of a short command and a fifth of that of a long parse. Here the text of an initialiser is compiled when
a class is first used, assignment is plain, and it is the type checker that keeps records from being changed.

A field is an annotation in the class's body, with a default if a value stands there. Records are equal if
they are of one class and all their fields are, those aside that `option` says are not compared.
"""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform


class _Option:
    def __init__(self, default: Any):
        self.default = default


def option(*, default: Any, kw_only: bool = True) -> Any:
    """A field that is given by keyword, and neither compared nor shown."""
    return _Option(default)


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
class RecordType(type):
    """Turns the annotations of a class into slots and parameters."""

    def __new__(mcs, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> RecordType:
        kinds: dict[str, str] = space.get("__annotations__", {})
        own = tuple(kinds)
        values = {f: space.pop(f) for f in own if f in space}
        space["__slots__"] = own
        space["__init__"] = _first_init
        cls: Any = super().__new__(mcs, name, bases, space)
        options = {f: v.default for f, v in values.items() if isinstance(v, _Option)}
        plain = {f: v for f, v in values.items() if f not in options}
        above: Any = bases[0] if bases else _Nothing
        cls._fields = (*above._fields, *(f for f in own if f not in options))
        cls._options = above._options | options
        cls._defaults = above._defaults | plain
        cls._parts = (*above._parts, *(f for f in own if f not in options and kinds[f] not in _PLAIN))
        made: RecordType = cls
        return made


# Annotations of fields that hold no records.
_PLAIN = frozenset(
    ("Span", "SourceFile", "str", "str | None", "tuple[str, ...]", "bool", "int", "int | float")
)


class _Nothing:
    _fields: ClassVar[tuple[str, ...]] = ()
    _parts: ClassVar[tuple[str, ...]] = ()
    _options: ClassVar[dict[str, Any]] = {}
    _defaults: ClassVar[dict[str, Any]] = {}


def _first_init(self: Any, *args: Any, **named: Any) -> None:
    """The initialiser of a class that was not used yet: makes the real one and puts it in its own place."""
    cls = type(self)
    cls.__init__ = _initialiser(cls)
    cls.__init__(self, *args, **named)


def _initialiser(cls: Any) -> Any:
    """`__init__` with the fields as parameters. Its text is made of names that stand in our own classes."""
    parameters = [f"{f}=_{f}" if f in cls._defaults else f for f in cls._fields]
    options = [f"{f}=_{f}" for f in cls._options]
    head = ", ".join(["self", *parameters, *(["*", *options] if options else [])])
    lines = [f" self.{f} = {f}" for f in (*cls._fields, *cls._options)]
    names: dict[str, Any] = {f"_{f}": v for f, v in (cls._defaults | cls._options).items()}
    exec("\n".join([f"def __init__({head}):", *lines]), names)
    return names["__init__"]


def names_of(node: Any) -> tuple[str, ...]:
    """The names of a record's fields, options aside."""
    names: tuple[str, ...] = type(node)._fields
    return names


def parts_of(node: Any) -> list[Any]:
    """The records that a record holds, in the order of its fields."""
    found: list[Any] = []
    for name in type(node)._parts:
        value = getattr(node, name)
        if type(value) is tuple:
            found += value
        elif value is not None:
            found.append(value)
    return found
