"""Binding inputs: fitting what is fed, and the defaults, to what the model declares.

What is fed gives values to free sizes: `x: [N, 3]` fed with shape [5, 3] means N = 5, everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.diagnostics import Label, Problems
from graphlang.graph.labels import classes_picked
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node
from graphlang.records import Record
from graphlang.run.files import did_you_mean, listed, printable
from graphlang.run.labels import label_trouble
from graphlang.types.dims import Dim, names_of, solve, substitute
from graphlang.types.tensor import DType, shape_text


class _Given(Record):
    """One input with the array it is to have."""

    node: Node
    array: np.ndarray
    is_default: bool

    @property
    def called(self) -> str:
        """How messages call it."""
        return f"the default of `{self.node.path}`" if self.is_default else f"`{self.node.path}`"


class _Bound(Record):
    """A free size's value and the input that gave it."""

    value: int
    by: _Given


def bind_inputs(
    model: Model,
    fed: Mapping[str, np.ndarray],
    problems: Problems,
    *,
    precision: Any = np.float64,
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Give every input its value and every free size its number.

    Parameters
    ----------
    model : Model
    fed : mapping of str to array
        By name of an input (an alias will do); beats the input's default. Integers and booleans may feed
        floats, whole floats may feed integers; only booleans feed booleans. One number may feed an input
        whose sizes are all known, and an array of shape [1] a scalar.
    problems : Problems
        Gets, all at once: E0901 for an input without value; E0902 for a name that is no input; E0903 for a
        shape or type that does not fit; E0904 where free sizes contradict one another.
    precision : dtype
        Of the floats returned.

    Returns
    -------
    arrays : dict of str to array
        Those that fit, by input, in the model's order; they may share memory with what was fed.
    sizes : dict of str to int
        Values of the free sizes.
    """
    given = _given(model, fed, problems)
    # What is fed binds sizes before defaults do, so that a contradiction is told as the default's.
    in_order = sorted(given.values(), key=lambda g: g.is_default)
    bound = _solve_sizes(in_order)
    fitting = {g.node.path for g in in_order if _fits(model, g, bound, problems)}
    sizes = {name: b.value for name, b in sorted(bound.items())}
    _check_constraints(model, bound, sizes, problems)
    arrays: dict[str, np.ndarray] = {}
    classes = classes_picked(model)
    for path, g in given.items():
        array = _converted(g, precision, classes.get(path), problems)
        if array is not None and path in fitting:
            shape: Any = tuple(substitute(s, sizes) for s in g.node.shape)
            arrays[path] = array if array.shape == shape else np.broadcast_to(array, shape).copy()
    return arrays, sizes


def _given(model: Model, fed: Mapping[str, np.ndarray], problems: Problems) -> dict[str, _Given]:
    values: dict[str, np.ndarray] = {}
    for name, value in fed.items():
        node = model.find(name)
        if node is None or node.op != INPUT:
            _report_unknown(model, name, node, problems)
        elif node.path in values:
            problems.error("E0902", node.span, f"The input `{node.path}` is fed twice, once as `{name}`.")
        else:
            values[node.path] = _as_array(value)
    given: dict[str, _Given] = {}
    for path, node in model.inputs.items():
        default = node.attrs.get("default")
        if path in values:
            array = values[path]
            if array.shape == (1,) and node.shape == ():
                array = array.reshape(())
            given[path] = _Given(node, array, False)
        elif default is not None:
            given[path] = _Given(node, np.asarray(default), True)
        else:
            _report_missing(node, fed, problems)
    return given


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):  # nested lists of different lengths
        return np.array(None, dtype=object)


def _report_unknown(model: Model, name: str, node: Node | None, problems: Problems) -> None:
    inputs = f"The inputs are {listed(model.inputs)}." if model.inputs else "The model has no inputs."
    if node is not None:
        what = f"a {node.op}" if node.is_leaf else "computed"
        problems.error(
            "E0902",
            node.span,
            f"`{name}` cannot be fed: it is {what}, not an input.",
            notes=[inputs],
        )
        return
    meant = did_you_mean(name, model.inputs)
    problems.error(
        "E0902",
        None,
        f"The model has no input called `{printable(name)}`.",
        notes=[] if meant else [inputs],
        suggestion=meant,
    )


def _report_missing(node: Node, fed: Mapping[str, Any], problems: Problems) -> None:
    example = "0.5" if node.shape == () else "[" * len(node.shape) + "…" + "]" * len(node.shape)
    problems.error(
        "E0901",
        node.span,
        f"The input `{node.path}` has no value.",
        label=f"declared {node.type}, without a default",
        suggestion=f"Set it with `--set {node.path}={example}`, feed it with `--feed file.npz`,"
        f" or give it a default: `{node.span.text if node.span else f'input {node.path}'} = {example}`.",
    )


# --- sizes -------------------------------------------------------------------------------------------


def _solve_sizes(given: Sequence[_Given]) -> dict[str, _Bound]:
    bound: dict[str, _Bound] = {}
    # A size such as N*M can be solved for M once N is known: repeat while something is learned.
    while True:
        known = {name: b.value for name, b in bound.items()}
        found = dict(bound)
        for g in given:
            if g.array.ndim != len(g.node.shape):
                continue
            for declared, size in zip(g.node.shape, g.array.shape, strict=True):
                solution = solve(_substituted(declared, known), size)
                if solution is not None:
                    found.setdefault(solution[0], _Bound(solution[1], g))
        if len(found) == len(bound):
            return bound
        bound = found


def _substituted(size: int | Dim, known: Mapping[str, int]) -> int | Dim:
    try:
        return substitute(size, known)
    except ZeroDivisionError:
        return size


def _fits(model: Model, g: _Given, bound: Mapping[str, _Bound], problems: Problems) -> bool:
    declared = g.node.shape
    if g.array.shape == () and declared != () and not g.node.type.names:
        return True
    if g.array.ndim != len(declared):
        problems.error(
            "E0903",
            g.node.span,
            f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
            f" {shape_text(g.array.shape)}.",
            label="declared here",
            suggestion=_axis_advice(g),
        )
        return False
    known = {name: b.value for name, b in bound.items()}
    for axis, (size, found) in enumerate(zip(declared, g.array.shape, strict=True)):
        wanted = _substituted(size, known)
        if wanted == found:
            continue
        if isinstance(size, int):
            problems.error(
                "E0903",
                g.node.span,
                f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
                f" {shape_text(g.array.shape)}: {found} where {size} is needed.",
                label="declared here",
                suggestion=_axis_advice(g),
            )
        else:
            _report_contradiction(model, g, axis, size, found, bound, problems)
        return False
    return True


def _report_contradiction(
    model: Model,
    g: _Given,
    axis: int,
    size: Dim,
    found: int,
    bound: Mapping[str, _Bound],
    problems: Problems,
) -> None:
    others = [(n, bound[n]) for n in sorted(size.names) if n in bound and bound[n].by is not g]
    solution = solve(size, found)
    if not others:
        problems.error(
            "E0903",
            g.node.span,
            f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
            f" {shape_text(g.array.shape)}: no sizes make {size} equal to {found}"
            + (f" with {_values(size, bound)}." if any(n in bound for n in size.names) else "."),
            label="declared here",
        )
        return
    wanted = _values(size, bound)
    by = " and ".join(dict.fromkeys(b.by.called for _, b in others))
    here = f"{solution[0]} = {solution[1]}" if solution else f"{size} = {found}"
    related = [Label(b.by.node.span, f"gives {n} = {b.value}") for n, b in others if b.by.node.span]
    problems.error(
        "E0904",
        g.node.span,
        f"The sizes contradict one another: {wanted} from {by}, but {here} from {g.called}.",
        label=f"axis {axis} is {found} here",
        related=related,
        suggestion=_feed_defaults([g, *(b.by for _, b in others)]),
    )


def _feed_defaults(givens: Sequence[_Given]) -> str | None:
    defaults = list(dict.fromkeys(g.node.path for g in givens if g.is_default))
    if not defaults or len(defaults) == len({g.node.path for g in givens}):
        return None
    return f"Feed {listed(defaults)} too: only its default is at odds with what is fed."


def _values(size: int | Dim, bound: Mapping[str, _Bound]) -> str:
    return ", ".join(f"{n} = {bound[n].value}" for n in sorted(names_of(size)) if n in bound)


def _source(g: _Given) -> str:
    return "its default" if g.is_default else "what is fed"


def _axis_advice(g: _Given) -> str | None:
    shape, declared = g.array.shape, g.node.shape
    if g.array.ndim == len(declared) == 2 and shape[::-1] == declared:
        return "It fits transposed."
    if g.array.ndim + 1 == len(declared) and shape == declared[1:]:
        return f"Feed one row as shape {shape_text((1, *shape))}."
    return None


def _check_constraints(
    model: Model, bound: Mapping[str, _Bound], sizes: Mapping[str, int], problems: Problems
) -> None:
    for c in model.sizes.constraints:
        left, right = _substituted(c.left, sizes), _substituted(c.right, sizes)
        names = sorted(names_of(c.left) | names_of(c.right))
        if left == right or not all(n in sizes for n in names):
            continue
        givens = list({id(bound[n].by): bound[n].by for n in names}.values())
        values = ", ".join(f"{n} = {sizes[n]} from {bound[n].by.called}" for n in names)
        problems.error(
            "E0904",
            c.span,
            f"This needs {c.left} to equal {c.right}, but they are {left} and {right}: {values}.",
            notes=["They are equal for the inputs' defaults."],
            suggestion=_feed_defaults(givens),
        )


# --- entries -----------------------------------------------------------------------------------------


def _converted(g: _Given, precision: Any, classes: int | None, problems: Problems) -> np.ndarray | None:
    """The array with entries of its input's type; None after an error."""
    array, wanted = g.array, g.node.type.dtype
    message, advice = None, None
    if (trouble := entries_trouble(array, wanted)) is not None:
        message = f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} {trouble}."
    elif classes is not None and (picking := label_trouble(array, classes)) is not None:
        message, advice = f"{g.called[0].upper()}{g.called[1:]} {picking[0]}.", picking[1]
    if message is not None:
        problems.error("E0903", g.node.span, message, label="declared here", suggestion=advice)
        return None
    target = {DType.FLOAT: precision, DType.INT: np.int64, DType.BOOL: np.bool_}[wanted]
    return array.astype(target, copy=False)


def entries_trouble(array: np.ndarray, wanted: DType) -> str | None:
    """Why an array cannot feed a wire of this type, as the end of a sentence; None if it can."""
    kind = array.dtype.kind
    if kind not in "fiub":
        return f"holds {'texts' if kind in 'US' else 'no numbers' if kind == 'O' else array.dtype}"
    if wanted is DType.BOOL:
        return None if kind == "b" else f"holds {array.dtype}, not booleans"
    if wanted is DType.FLOAT or kind in "ib" or array.size == 0:
        return None
    if kind == "u":
        return None if int(array.max()) < 2**63 else "has an integer that does not fit into 64 bits"
    with np.errstate(invalid="ignore"):
        bad = array[~((array == np.floor(array)) & (np.abs(array) < 2.0**63))]
    return None if bad.size == 0 else f"has {bad[0]:g}, which is no integer"
