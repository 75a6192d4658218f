"""Records: classes that are lists of fields, as dataclasses are, but cheap to make and to use.

`@dataclass` writes and compiles five functions for a class and, with slots, makes the class twice: half a
millisecond. A command loads a hundred such classes, and uses a third of them. Here comparing, hashing and
showing are written once for all, and the initialiser of a class is compiled when the first record is made.
What is made by the million has a function for it, `maker`, which is quicker than a call of the class.

To the type checker and to a reader they are dataclasses: a field is an annotation in the body, with a value
or a `field(…)` if it has a default, and `frozen=False` or `eq=False` beside `Record` mean what they mean
there. All have slots. A frozen record refuses assignment, except that the syntax tree with its millions of
nodes, `guarded=False`, leaves that to the type checker: a plain assignment is the quickest initialiser.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

R = TypeVar("R", bound="Record")
_MISSING: Any = object()


class Field:
    """What is known of a field: its default or what makes it, and where it counts."""

    __slots__ = ("compare", "default", "factory", "init", "kw_only", "repr")

    def __init__(
        self, default: Any, factory: Callable[[], Any], init: bool, repr: bool, compare: bool, kw_only: bool
    ) -> None:
        self.default = default
        self.factory = factory
        self.init = init
        self.repr = repr
        self.compare = compare
        self.kw_only = kw_only


def field(
    *,
    default: Any = _MISSING,
    default_factory: Callable[[], Any] = _MISSING,
    init: bool = True,
    repr: bool = True,
    compare: bool = True,
    kw_only: bool = False,
) -> Any:
    """A field that is not quite plain; the parameters are those of `dataclasses.field`."""
    return Field(default, default_factory, init, repr, compare, kw_only)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class RecordType(type):
    """Turns the annotations of a class into slots and fields."""

    def __new__(
        mcs,
        name: str,
        bases: tuple[type, ...],
        space: dict[str, Any],
        *,
        frozen: bool = True,
        eq: bool = True,
        guarded: bool | None = None,
        caches: bool = False,
    ) -> RecordType:
        """Make the class. With `caches`, records have a `__dict__` too, for cached properties."""
        above: Any = bases[0] if bases else None
        own = {f: _field(space.pop(f, _MISSING)) for f in space.get("__annotations__", ())}
        fields = getattr(above, "_fields", {}) | own
        is_guarded = getattr(above, "_is_guarded", True) if guarded is None else guarded
        space |= {
            "_fields": fields,
            "_is_guarded": is_guarded,
            "__slots__": (*own, "__dict__") if caches else tuple(own),
            "__match_args__": tuple([n for n, f in fields.items() if f.init and not f.kw_only]),
        }
        if bases:
            space["__init__"] = _first_init
            if not eq:
                space |= {"__eq__": object.__eq__, "__hash__": object.__hash__}
            elif not frozen:
                space["__hash__"] = None
            if frozen and is_guarded:
                space |= {"__setattr__": _refuse_setting, "__delattr__": _refuse_deleting}
        return super().__new__(mcs, name, bases, space)


class Record(metaclass=RecordType):
    """What all records inherit from."""

    def __eq__(self, other: object) -> Any:
        kind = type(self)
        if type(other) is not kind:
            return NotImplemented
        key = kind._compared  # type: ignore[attr-defined]
        return key(self) == key(other)

    def __hash__(self) -> int:
        return hash(type(self)._compared(self))  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        fields: dict[str, Field] = type(self)._fields  # type: ignore[attr-defined]
        told = ", ".join([f"{n}={getattr(self, n)!r}" for n, f in fields.items() if f.repr])
        return f"{type(self).__qualname__}({told})"

    def __getstate__(self) -> dict[str, Any]:
        return {n: getattr(self, n) for n in names_of(self, compared=False) if hasattr(self, n)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)


def replace(record: R, **changes: Any) -> R:
    """A record like this one, with some fields changed.

    Raises
    ------
    TypeError
        If it has no such field.
    """
    kind: Any = type(record)
    kept = {n: getattr(record, n) for n, f in kind._fields.items() if f.init and n not in changes}
    made: R = kind(**kept, **changes)
    return made


def maker(kind: Callable[..., R]) -> Callable[..., R]:
    """A function that makes records of a class, for what is made by the million.

    It takes all fields by position, those that go by keyword last, and needs half to four fifths of the time
    that a call of the class does.
    """
    cls: Any = kind
    _settle(cls)
    positional, by_keyword, lines, known = _assignments(cls)
    known |= {"_new": object.__new__, "_cls": cls}
    head = ", ".join([*positional, *by_keyword])
    exec("\n".join([f"def make({head}):", " self = _new(_cls)", *lines, " return self"]), known)
    made: Callable[..., R] = known["make"]
    return made


def names_of(record: Record, *, compared: bool = True) -> tuple[str, ...]:
    """The names of a record's fields, those that do not count in comparisons aside unless asked for."""
    fields: dict[str, Field] = type(record)._fields  # type: ignore[attr-defined]
    return tuple([n for n, f in fields.items() if f.compare or not compared])


def as_dict(record: Record) -> dict[str, Any]:
    """The fields by name; what they hold is not copied."""
    return {n: getattr(record, n) for n in names_of(record, compared=False)}


# --- making -----------------------------------------------------------------------------------------------


def _field(value: Any) -> Field:
    """What stands behind an annotation, as a `Field`."""
    if value is _MISSING:
        return _PLAIN
    return value if isinstance(value, Field) else Field(value, _MISSING, True, True, True, False)


_PLAIN = Field(_MISSING, _MISSING, True, True, True, False)


def _first_init(self: Any, *args: Any, **named: Any) -> None:
    """The initialiser of a class that was not used yet: makes the real one and puts it in its own place.

    What of its records is compared is settled here as well.
    """
    cls = type(self)
    _settle(cls)
    cls.__init__ = _initialiser(cls)
    cls.__init__(self, *args, **named)


def _settle(cls: Any) -> None:
    """Note what is compared of the records of a class: one value, or a tuple of them."""
    names = [n for n, f in cls._fields.items() if f.compare]
    cls._compared = attrgetter(*names) if names else _nothing


def _initialiser(cls: Any) -> Any:
    """`__init__` with the fields as parameters."""
    positional, by_keyword, lines, known = _assignments(cls)
    head = ", ".join(["self", *positional, *(["*", *by_keyword] if by_keyword else [])])
    exec("\n".join([f"def __init__({head}):", *(lines or [" pass"])]), known)
    return known["__init__"]


def _assignments(cls: Any) -> tuple[list[str], list[str], list[str], dict[str, Any]]:
    """Parameters for the fields, by position and by keyword, the lines that set them, what these refer to.

    The text is made of names that stand in our own classes.
    """
    known: dict[str, Any] = {"_missing": _MISSING}
    positional: list[str] = []
    by_keyword: list[str] = []
    lines: list[str] = []
    for name, f in cls._fields.items():
        parameter = value = name
        if f.factory is not _MISSING:
            known[f"_make_{name}"] = f.factory
            parameter, value = f"{name}=_missing", f"_make_{name}() if {name} is _missing else {name}"
        elif f.default is not _MISSING:
            known[f"_{name}"] = f.default
            parameter = f"{name}=_{name}"
        if not f.init:
            continue
        (by_keyword if f.kw_only else positional).append(parameter)
        if cls.__setattr__ is _refuse_setting:
            known[f"_set_{name}"] = getattr(cls, name).__set__
            lines.append(f" _set_{name}(self, {value})")
        else:
            lines.append(f" self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    return positional, by_keyword, lines, known


def _nothing(_: Any) -> tuple[()]:
    return ()


def _refuse_setting(self: Any, name: str, value: Any) -> None:
    raise AttributeError(f"a {type(self).__name__} does not change: `{name}` cannot be set")


def _refuse_deleting(self: Any, name: str) -> None:
    raise AttributeError(f"a {type(self).__name__} does not change: `{name}` cannot be deleted")
