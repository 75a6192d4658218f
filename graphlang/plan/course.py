"""A graph of numbers on its way through the program and back, cut into pieces.

Steps go in the order of the program, then those of the gradients in the opposite order. Where every formula
reads recent results, few values cross a cut of the program; and what a gradient needs besides the gradients
before it belongs to the same place of the program. So a *piece* is a stretch of the program with its two
*legs*, the way through and the way back:

    legs      1 through   2 through   3 through and back   2 back   1 back

The values of a piece that another leg of the same piece reads need not leave it. Each piece can be compiled
by itself (`number_function.py`), and be carried out in one way or another from call to call
(`run/pieces.py`).

All values lie in one vector: the arguments, the constants, then the results leg by leg, of each leg last
those that leave the piece. So what a leg hands on lies in a row.
"""

from __future__ import annotations

import numpy as np

from graphlang.graph.numbers import Kind, NumberGraph
from graphlang.plan.tape import constants_of, joined, operands_of
from graphlang.records import Record

# Steps in a piece. Going from one piece to the next takes some microseconds, and each value that goes along
# a tenth of one: that is little beside 2,000 steps, which are compiled in a fiftieth of a second.
SIZES = (2_000, 8_000, 32_000, 128_000)
# Values that leave pieces, for each step, that still cost little.
TRAFFIC = 0.03
# Steps of a graph that is not worth cutting.
WHOLE = 8_000


class Leg(Record):
    """Consecutive steps of a piece.

    Attributes
    ----------
    piece : int
        The number of the piece.
    start, stop : int
        The steps, and with `Course.first` added, where their results lie.
    reads : tuple of int
        Where the values lie that this leg is the first of its piece to read, and that another piece has made.
    leaves : int
        Where the first of the results lies that leave the piece; the others follow until those of the next
        leg.
    """

    piece: int
    start: int
    stop: int
    reads: tuple[int, ...]
    leaves: int


class Course(Record, eq=False):
    """Steps in order, with the legs that they belong to.

    Attributes
    ----------
    kinds : tuple of Kind
    kind : int array, shape (steps,)
        The number of the kind of each step.
    operands : int array
        Where the operands lie, step after step.
    starts : int array, shape (steps + 1,)
        Where the operands of each step start.
    targets : int array, shape (steps,)
        Where each result goes.
    constants : tuple of float
        They lie behind the arguments.
    arguments : int
        How many arguments there are.
    legs : tuple of Leg
    pieces : int
        How many pieces there are.
    results : tuple of int
        Where the wanted values lie.
    """

    kinds: tuple[Kind, ...]
    kind: np.ndarray
    operands: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    constants: tuple[float, ...]
    arguments: int
    legs: tuple[Leg, ...]
    pieces: int
    results: tuple[int, ...]

    @property
    def first(self) -> int:
        """Where the results of the first leg start."""
        return self.arguments + len(self.constants)


def course_of(graph: NumberGraph, arguments: int, sizes: tuple[int, ...] | None = None) -> Course:
    """The way through a graph of numbers and back.

    Parameters
    ----------
    graph : NumberGraph
    arguments : int
        How many there are; they come first in the vector.
    sizes : tuple of int, optional
        How many steps a piece may have: the first size is taken for which little crosses the cuts, else the
        last one. By default `SIZES`, or all steps if these are few.
    """
    groups = graph.groups
    kinds: dict[Kind, int] = {}
    counts = [len(g.results) for g in groups]
    kind = np.repeat(np.array([kinds.setdefault(g.kind, len(kinds)) for g in groups], np.int64), counts)
    turn, level = joined([g.turns for g in groups]), joined([g.levels for g in groups])
    order = np.lexsort((level, turn, turn < 0))
    turn, kind = turn[order], kind[order]
    arity = np.array([len(k.names) for k in kinds], np.int64)[kind]
    starts = np.concatenate([[0], np.cumsum(arity)])
    first, where = constants_of(graph, arguments)
    # For the time being, results lie in order.
    where[joined([g.results for g in groups])[order]] = np.arange(first, first + len(order))
    operands, results = where[operands_of(groups, counts, order)], where[list(graph.results)]
    user = np.repeat(np.arange(len(order)), arity)
    place = np.where(turn < 0, -1 - turn, turn)
    piece, leaving = _cut(place, operands - first, user, results - first, sizes)
    leg = np.cumsum(np.diff(piece, prepend=piece[:1]) != 0)
    # Of each leg last those that leave the piece.
    moved = np.empty(first + len(order), np.int64)
    moved[:first] = np.arange(first)
    moved[first + np.lexsort((leaving, leg))] = np.arange(first, first + len(order))
    operands = moved[operands]
    legs = _legs(piece, leg, leaving, operands, user, first, arguments)
    return Course(
        tuple(kinds),
        kind,
        operands,
        starts,
        moved[first:],
        tuple(graph.constants.values()),
        arguments,
        legs,
        1 + max((x.piece for x in legs), default=-1),
        tuple(moved[results].tolist()),
    )


def _cut(
    place: np.ndarray,
    operands: np.ndarray,
    user: np.ndarray,
    results: np.ndarray,
    sizes: tuple[int, ...] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The number of each step's piece, and which steps leave theirs."""
    for size in sizes or (SIZES if len(place) > WHOLE else (WHOLE,)):
        piece = _pieces(place, size)
        leaving = _leaving(piece, operands, user, results)
        if leaving.sum() <= TRAFFIC * len(place) or not piece.any():
            break
    return piece, leaving


def _pieces(place: np.ndarray, size: int) -> np.ndarray:
    """The number of each step's piece: stretches of the program with about so many steps, there and back."""
    if not len(place):
        return place
    before = np.cumsum(np.bincount(place)) - 1
    piece = before // size
    # Places without steps leave no number unused, nor does a place with very many.
    _, piece = np.unique(piece, return_inverse=True)
    found: np.ndarray = np.unique(piece[place], return_inverse=True)[1]
    return found


def _leaving(piece: np.ndarray, operands: np.ndarray, user: np.ndarray, results: np.ndarray) -> np.ndarray:
    """Which steps are read by other pieces, or wanted."""
    found = np.zeros(len(piece), bool)
    found[results[results >= 0]] = True
    made = operands >= 0
    operands, user = operands[made], user[made]
    found[operands[piece[operands] != piece[user]]] = True
    return found


def _legs(
    piece: np.ndarray,
    leg: np.ndarray,
    leaving: np.ndarray,
    operands: np.ndarray,
    user: np.ndarray,
    first: int,
    arguments: int,
) -> tuple[Leg, ...]:
    count = int(leg[-1]) + 1 if len(leg) else 0
    stops = np.cumsum(np.bincount(leg, minlength=count))
    start = 0
    leaves = first + stops - np.bincount(leg[leaving], minlength=count)
    owner = np.empty(first + len(piece), np.int64)
    owner[:first] = -1
    owner[first:] = piece  # moving changes nothing: results stay in their legs
    is_read = (owner[operands] != piece[user]) & ((operands < arguments) | (operands >= first))
    # Once for each piece, by the first leg that reads it.
    pairs = piece[user[is_read]] * len(owner) + operands[is_read]
    once = np.unique(pairs, return_index=True)[1]
    by_leg = leg[user[is_read]][once]
    order = np.lexsort((once, by_leg))
    places = operands[is_read][once][order].tolist()
    cuts = np.searchsorted(by_leg[order], np.arange(count + 1)).tolist()
    found = []
    for i, (stop, leave) in enumerate(zip(stops.tolist(), leaves.tolist(), strict=True)):
        found.append(Leg(int(piece[start]), start, stop, tuple(places[cuts[i] : cuts[i + 1]]), leave))
        start = stop
    return tuple(found)
