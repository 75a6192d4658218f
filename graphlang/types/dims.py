"""Symbolic sizes: integers, free names, and arithmetic on them.

A size is an `int` or a `Dim`: a polynomial with integer coefficients over atoms, an atom being a free name
(`N`) or a floor division or remainder that could not be simplified (`N // 2`). Polynomials are kept in one
normal form, so that two sizes are equal for every choice of the free names exactly when they compare equal.
A `Dim` is never constant: arithmetic that ends in a constant returns an `int`.

`Sizes` answers the questions a shape rule asks ("are these the same?", "do these broadcast?"). Where two
sizes agree only for the value that a default gives to a free name, the agreement is written down as a
`Constraint`, which is checked again when other data are fed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import total_ordering

from graphlang.records import Record, field
from graphlang.source import Span

Size = "int | Dim"
# A monomial is a sorted tuple of (atom, power); the empty tuple stands for the constant term.
Monomial = tuple[tuple["Atom", int], ...]


@total_ordering
class Atom(Record):
    """A free name, or `left op right` where op is `//` or `%`."""

    name: str
    op: str = ""
    left: int | Dim = 0
    right: int | Dim = 0

    def __str__(self) -> str:
        if not self.op:
            return self.name
        return f"{_parenthesised(self.left)} {self.op} {_parenthesised(self.right)}"

    def __lt__(self, other: Atom) -> bool:
        return str(self) < str(other)


class Dim(Record):
    """A size that depends on free names. Build one with `Dim.of("N")` and arithmetic."""

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def of(name: str) -> Dim:
        """The free size called `name`."""
        return Dim((((((Atom(name), 1),)), 1),))

    def __add__(self, other: int | Dim) -> int | Dim:
        total = dict(self.terms)
        for monomial, factor in _terms(other):
            total[monomial] = total.get(monomial, 0) + factor
        return _normal(total)

    def __mul__(self, other: int | Dim) -> int | Dim:
        total: dict[Monomial, int] = {}
        for m1, f1 in self.terms:
            for m2, f2 in _terms(other):
                monomial = _times(m1, m2)
                total[monomial] = total.get(monomial, 0) + f1 * f2
        return _normal(total)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> int | Dim:
        return self * -1

    def __sub__(self, other: int | Dim) -> int | Dim:
        return self + (-other)

    def __rsub__(self, other: int | Dim) -> int | Dim:
        return (-self) + other

    def __floordiv__(self, other: int | Dim) -> int | Dim:
        return _divide(self, other)

    def __rfloordiv__(self, other: int | Dim) -> int | Dim:
        return _divide(other, self)

    def __mod__(self, other: int | Dim) -> int | Dim:
        return _remainder(self, other)

    def __rmod__(self, other: int | Dim) -> int | Dim:
        return _remainder(other, self)

    @property
    def names(self) -> frozenset[str]:
        """The free names it depends on."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for atom, _power in monomial:
                if atom.op:
                    found |= names_of(atom.left) | names_of(atom.right)
                else:
                    found.add(atom.name)
        return frozenset(found)

    def substitute(self, values: Mapping[str, int | Dim]) -> int | Dim:
        """The size with free names replaced."""
        total: int | Dim = 0
        for monomial, factor in self.terms:
            product: int | Dim = factor
            for atom, power in monomial:
                base = _substitute_atom(atom, values)
                for _ in range(power):
                    product = product * base
            total = total + product
        return total

    def __str__(self) -> str:
        text = ""
        for monomial, factor in sorted(self.terms, key=_term_order):
            sign = " - " if factor < 0 else " + "
            text += (sign if text else sign.strip(" +")) + _monomial_text(monomial, abs(factor))
        return text

    __repr__ = __str__


def _term_order(term: tuple[Monomial, int]) -> tuple[bool, str]:
    monomial, _ = term
    return (not monomial, str(monomial))  # the constant last: N + 1


def _monomial_text(monomial: Monomial, factor: int) -> str:
    parts = [str(factor)] if factor != 1 or not monomial else []
    for atom, power in monomial:
        text = f"({atom})" if atom.op else str(atom)
        parts.append(text if power == 1 else f"{text}^{power}")
    return "*".join(parts) if len(parts) > 1 or not monomial else _single(monomial, parts[0])


def _single(monomial: Monomial, text: str) -> str:
    atom, power = monomial[0]
    return str(atom) if atom.op and power == 1 else text


def _parenthesised(size: int | Dim) -> str:
    text = str(size)
    return f"({text})" if isinstance(size, Dim) and (" " in text or "*" in text) else text


def _terms(size: int | Dim) -> tuple[tuple[Monomial, int], ...]:
    return size.terms if isinstance(size, Dim) else (((), size),)


def _normal(total: dict[Monomial, int]) -> int | Dim:
    kept = tuple(sorted(((m, f) for m, f in total.items() if f), key=lambda t: str(t[0])))
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    return Dim(kept)


def _times(a: Monomial, b: Monomial) -> Monomial:
    powers: dict[Atom, int] = dict(a)
    for atom, power in b:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items()))


def _divide(a: int | Dim, b: int | Dim) -> int | Dim:
    """`a // b`, where the terms of `a` that `b` divides are divided: `(2*N + M) // 2` is `N + M // 2`."""
    whole, rest = _split(a, b)
    if rest == 0 or (isinstance(rest, int) and isinstance(b, int)):
        return whole + (rest // b if rest else 0)
    return whole + Dim(((((Atom("", "//", rest, b), 1),), 1),))


def _remainder(a: int | Dim, b: int | Dim) -> int | Dim:
    _, rest = _split(a, b)
    if rest == 0 or (isinstance(rest, int) and isinstance(b, int)):
        return rest % b if rest else 0
    return Dim(((((Atom("", "%", rest, b), 1),), 1),))


def _split(a: int | Dim, b: int | Dim) -> tuple[int | Dim, int | Dim]:
    """`whole` and `rest` with `a == whole * b + rest`, and as much as can be seen of `a` in `whole`.

    Then `a // b` is `whole + rest // b` and `a % b` is `rest % b`, whatever the free names stand for.
    """
    if b == 0:
        raise ZeroDivisionError("division of a size by zero")
    if a == b:
        return 1, 0
    divisor = _terms(b)
    if len(divisor) != 1:
        return 0, a
    (below, factor) = divisor[0]
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in _terms(a):
        powers = dict(monomial)
        for atom, power in below:
            powers[atom] = powers.get(atom, 0) - power
        if any(p < 0 for p in powers.values()):
            rest[monomial] = coefficient
            continue
        quotient, left = divmod(coefficient, factor)
        if quotient:
            whole[tuple(sorted((atom, p) for atom, p in powers.items() if p))] = quotient
        if left:
            rest[monomial] = left
    return _normal(whole), _normal(rest)


def _substitute_atom(atom: Atom, values: Mapping[str, int | Dim]) -> int | Dim:
    if not atom.op:
        return values.get(atom.name, Dim((((((atom, 1),)), 1),)))
    left, right = substitute(atom.left, values), substitute(atom.right, values)
    return left // right if atom.op == "//" else left % right


def names_of(size: int | Dim) -> frozenset[str]:
    """The free names that a size depends on: none for an `int`."""
    return size.names if isinstance(size, Dim) else frozenset()


def substitute(size: int | Dim, values: Mapping[str, int | Dim]) -> int | Dim:
    """`size` with free names replaced by `values`."""
    return size.substitute(values) if isinstance(size, Dim) else size


def product(sizes: Iterable[int | Dim]) -> int | Dim:
    """The product of sizes, 1 for none."""
    total: int | Dim = 1
    for size in sizes:
        total = total * size
    return total


def solve(size: int | Dim, value: int) -> tuple[str, int] | None:
    """The free name and its value for which a size such as `N`, `2*N` or `N + 1` equals `value`.

    None when the size has no free name, more than one, or no whole solution that is at least 0.
    """
    if not isinstance(size, Dim):
        return None
    constant, linear = 0, None
    for monomial, factor in size.terms:
        if monomial == ():
            constant = factor
        elif linear is None and len(monomial) == 1 and monomial[0][1] == 1 and not monomial[0][0].op:
            linear = (monomial[0][0].name, factor)
        else:
            return None
    if linear is None or (value - constant) % linear[1]:
        return None
    found = (value - constant) // linear[1]
    return (linear[0], found) if found >= 0 else None


class Constraint(Record):
    """`left == right` was needed at `span`, and holds for the default data."""

    left: int | Dim
    right: int | Dim
    span: Span | None


class Sizes(Record, frozen=False):
    """What is known about free sizes while a graph is built.

    Attributes
    ----------
    defaults : dict
        Free name -> the value that an input's default gives it.
    declared : dict
        Free name -> where it was first written, for messages.
    constraints : list of Constraint
        Agreements that rest on the defaults.
    """

    defaults: dict[str, int] = field(default_factory=dict)
    declared: dict[str, Span] = field(default_factory=dict)
    constraints: list[Constraint] = field(default_factory=list)
    span: Span | None = None

    def equal(self, a: int | Dim, b: int | Dim) -> bool:
        """Whether two sizes agree, always or for the default data (then a constraint is recorded)."""
        if a == b:
            return True
        if not self.defaults or not (isinstance(a, Dim) or isinstance(b, Dim)):
            return False
        x, y = substitute(a, self.defaults), substitute(b, self.defaults)
        if isinstance(x, int) and x == y:
            self.constraints.append(Constraint(a, b, self.span))
            return True
        return False

    def broadcast(self, a: int | Dim, b: int | Dim) -> int | Dim | None:
        """The size that `a` and `b` broadcast to, or None if they do not."""
        if a == b or b == 1:
            return a
        if a == 1:
            return b
        if self.equal(a, b):
            return a if isinstance(a, int) else b
        return None
