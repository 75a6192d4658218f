"""What an optimizer does, as functions of a script: `clip_gradients`, `schedule`, `states` and `update`.

The learner's graph holds the optimizer's body once for each parameter. Written with `weight`, `gradient` and
the states' own names the bodies are the same text, so the script has one function of one parameter; only
where a body depends on the parameter's shape are there several.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphlang.emit.formulas import MAX_INLINE, is_number, uses_of
from graphlang.emit.gradients import MAX_INSIDE
from graphlang.emit.kernels import Kernels
from graphlang.emit.numpy_block import Block, Home
from graphlang.emit.numpy_functions import in_order
from graphlang.emit.python_text import types_with
from graphlang.emit.writer import Names, identifier, quoted
from graphlang.graph.dag import ancestors, between
from graphlang.graph.learner import Learner
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.graph.show import size_text
from graphlang.plan.fading import fading
from graphlang.plan.schedule import make_plan

FLOATS = "FLOAT"
_TIMES = ("t", "dt", "epochs")
_OWN_NAME = re.compile(r"\w+(?:\[\d+\])*")


@dataclass(frozen=True, slots=True)
class Updating:
    """The functions, and how they are called.

    Attributes
    ----------
    functions : list of str
    clips, schedules, keeps : bool
        Whether there is a `clip_gradients`, a `schedule`, and whether the optimizer has states.
    times : tuple of str
        What `schedule` takes.
    extra : tuple of str
        What `update` takes behind the states: `step`, `rate`.
    several : bool
        Whether the functions differ from parameter to parameter, and are looked up in `UPDATES`.
    needs_path : bool
        Whether `states` takes the parameter's path, and the seed.
    fading : tuple of int
        The positions, in what the optimizer keeps of a parameter, of what is set to 0 where it is next to
        nothing (`plan/fading.py`).
    fades : bool
        Whether that is all that it keeps.
    """

    functions: list[str]
    clips: bool
    schedules: bool
    keeps: bool
    times: tuple[str, ...]
    extra: tuple[str, ...]
    several: bool
    needs_path: bool
    fading: tuple[int, ...]
    fades: bool


def updating(model: Model, learner: Learner, kernels: Kernels, reserved: Iterable[str]) -> Updating:
    """Write what becomes of the parameters once their gradients are known.

    Parameters
    ----------
    model : Model
        For where the optimizer's states start.
    learner : Learner
    kernels : Kernels
    reserved : iterable of str
        Names that no variable may have.
    """
    return _Writer(model, learner, kernels, frozenset(reserved)).all()


class _Writer:
    def __init__(self, model: Model, learner: Learner, kernels: Kernels, reserved: frozenset[str]):
        self._model, self._learner, self._kernels, self._reserved = model, learner, kernels, reserved
        rate = learner.rate
        self._rate = None if rate is None or is_number(rate) else rate

    def all(self) -> Updating:
        learner = self._learner
        functions: list[str] = []
        times = tuple(n for n in _TIMES if n in learner.clock and self._is_timed(n))
        if learner.factor is not None:
            functions.append(self._clip(learner.factor))
        if self._rate is not None:
            functions.append(self._schedule(self._rate, times))
        has_states = any(learner.state_of.values())
        needs_path = False
        if has_states:
            text, needs_path = self._states()
            functions.append(text)
        extra = self._extra()
        texts = {path: self._update(path, extra) for path in learner.weights}
        groups: dict[str, list[str]] = {}
        for path, text in texts.items():
            groups.setdefault(text, []).append(path)
        several = len(groups) > 1
        positions = fading(learner)
        functions += self._grouped(groups) if several else list(groups)
        return Updating(
            functions,
            learner.factor is not None,
            self._rate is not None,
            has_states,
            times,
            extra,
            several,
            needs_path,
            positions,
            len(positions) == max(map(len, learner.state_of.values()), default=0),
        )

    def _is_timed(self, name: str) -> bool:
        return self._rate is not None and self._learner.clock[name] in ancestors([self._rate])

    def _extra(self) -> tuple[str, ...]:
        """`step` and `rate`, where the optimizer uses them."""
        learner = self._learner
        used = ancestors(learner.next.values())
        step = learner.clock.get("step")
        found = ("step",) if step is not None and step in used else ()
        return (*found, "rate") if self._rate is not None and self._rate in used else found

    # --- functions ------------------------------------------------------------------------------

    def _body(
        self, roots: Sequence[Node], arguments: Mapping[Node, str], prefix: str
    ) -> tuple[list[str], list[str]]:
        """The statements that compute some nodes from the arguments, and the nodes' texts."""
        order = between(self._learner.nodes, roots, arguments)
        names = Names(self._reserved | set(arguments.values()), form="NFKC")
        uses = uses_of(order, lambda n: n.inputs)
        for root in roots:
            uses[root] = uses.get(root, 0) + 1

        def wanted(node: Node) -> str:
            return node.path.removeprefix(prefix)

        kept = {n for n in order if _OWN_NAME.fullmatch(wanted(n)) and not n.is_const}
        room = MAX_INSIDE if len(order) <= 4 else MAX_INLINE
        home = Home(
            self._kernels,
            size_text,
            uses,
            kept,
            dict(arguments),
            names,
            wanted,
            lambda node: node,
            lambda _, text: len(text) <= room,
            types_with(FLOATS),
        )
        block = Block(home)
        lines = [line for node in order for line in block.statement(node)]
        return lines, [block.operand(root).text for root in roots]

    def _clip(self, factor: Node) -> str:
        """`clip_gradients(gradients)`, with a loop over the gradients if their sum is made term by term."""
        gradients = self._learner.gradients
        total, term = self._total(factor)
        if total is not None:
            lines, results = self._body([factor], {total: "total"}, factor.path + ".")
            lines = [f"total = sum({term} for gradient in gradients.values())", *lines]
        else:
            arguments = {leaf: f"gradients[{quoted(path)}]" for path, leaf in gradients.items()}
            lines, results = self._body([factor], arguments, factor.path + ".")
        if lines[-1].startswith(f"{results[0]} = "):
            lines[-1] = f"factor = {lines[-1].partition(' = ')[2]}"
        else:
            lines.append(f"factor = {results[0]}")
        return _function(
            "clip_gradients(gradients)",
            "The gradients, made smaller where all of them together are too large.",
            [*lines, "return {path: gradient * factor for path, gradient in gradients.items()}"],
        )

    def _total(self, factor: Node) -> tuple[Node | None, str]:
        """The sum over all gradients that the factor is made from, and the text of its terms."""
        leaves = list(self._learner.gradients.values())
        needed = ancestors([factor])
        found = (n for n in self._learner.nodes if n in needed and ancestors([n]).issuperset(leaves))
        total = next(found, None)
        terms: list[Node] = []
        node = total
        while node is not None and node.op == "add" and len(terms) < len(leaves) - 1:
            terms.append(node.inputs[1])
            node = node.inputs[0]
        if node is None or total is None:
            return None, ""
        terms = [node, *reversed(terms)]
        texts = set()
        for leaf, term in zip(leaves, terms, strict=False):
            if leaf not in ancestors([term]) or any(g in ancestors([term]) for g in leaves if g is not leaf):
                return None, ""
            lines, results = self._body([term], {leaf: "gradient"}, "\0")
            texts.add(results[0] if not lines else lines[0].partition(" = ")[2] if len(lines) == 1 else "")
        is_alike = len(terms) == len(leaves) and len(texts) == 1 and "" not in texts
        return (total, texts.pop()) if is_alike else (None, "")

    def _schedule(self, rate: Node, times: tuple[str, ...]) -> str:
        arguments = {self._learner.clock[name]: name for name in times}
        lines, results = self._body([rate], arguments, rate.scope + "." if rate.scope else rate.path + ".")
        return _function(
            f"schedule({', '.join(times)})",
            "What the learning rate is multiplied by, `t` epochs after the start."
            if "t" in times
            else "What the learning rate is multiplied by.",
            _with_return(lines, results),
        )

    def _update(self, path: str, extra: tuple[str, ...]) -> str:
        """`update(weight, gradient, …)` for one parameter, the states by their own names."""
        learner = self._learner
        state_paths = learner.state_of.get(path, ())
        states = [self._state_name(p, path) for p in state_paths]
        arguments = {learner.weights[path]: "weight", learner.seen[path]: "gradient"}
        arguments |= {learner.states[p]: name for p, name in zip(state_paths, states, strict=True)}
        if "step" in extra:
            arguments[learner.clock["step"]] = "step"
        if self._rate is not None and "rate" in extra:
            arguments[self._rate] = "rate"
        roots = [learner.next[path], *(learner.next[p] for p in state_paths)]
        lines, results = self._body(roots, arguments, f"update.{path}.")
        lines, results = _rebound(lines, results, ["weight", *states])
        taken = ", ".join(("weight", "gradient", *states, *extra))
        kept = " and of what is kept of it" if states else ""
        return _function(
            f"update({taken})",
            f"What the optimizer `{learner.optimizer}` makes of one parameter{kept}.",
            [*lines, f"return {', '.join(results)}"],
        )

    def _state_name(self, state: str, path: str) -> str:
        name = identifier(state.removeprefix("optimizer.").removesuffix(f".{path}"))
        return (
            f"{name}_" if name in self._reserved or name in ("weight", "gradient", "step", "rate") else name
        )

    def _grouped(self, groups: Mapping[str, Sequence[str]]) -> list[str]:
        """A function for each group of parameters, and which parameter has which."""
        names = Names(self._reserved)
        functions: list[str] = []
        chosen: dict[str, str] = {}
        for text, paths in groups.items():
            name = names.take(f"update_{paths[0]}")
            functions.append(text.replace("def update(", f"def {name}(", 1))
            chosen |= dict.fromkeys(paths, name)
        table = [f"    {quoted(path)}: {chosen[path]}," for path in self._learner.weights]
        return [
            *functions,
            "\n".join(["# Which function updates which parameter.", "UPDATES = {", *table, "}"]),
        ]

    # --- states ---------------------------------------------------------------------------------

    def _states(self) -> tuple[str, bool]:
        """`states(weight)`: where the optimizer's states start; by path if the shape does not tell."""
        learner = self._learner
        texts = {path: [self._start(p, path) for p in kept] for path, kept in learner.state_of.items()}
        short = {tuple(t) for path, t in texts.items() if learner.weights[path].shape != ()}
        scalar = {tuple(t) for path, t in texts.items() if learner.weights[path].shape == ()}
        doc = "What the optimizer keeps of a parameter, where it starts."
        if len(short) <= 1 and all(
            not short or [_at_scalar(text) for text in next(iter(short))] == list(found) for found in scalar
        ):
            (chosen, *_) = (*short, *scalar)
            if any("seed" in text for text in chosen):
                return self._states_by_path(texts, doc), True
            return _function("states(weight)", doc, [f"return {_row(chosen)}"]), False
        return self._states_by_path(texts, doc), True

    def _states_by_path(self, texts: Mapping[str, Sequence[str]], doc: str) -> str:
        # Each start is computed when it is asked for alone, so that a draw is made once.
        rows = [f"    {quoted(path)}: {_row(found)}," for path, found in texts.items()]
        return _function("states(path, seed)", doc, ["starts = {", *rows, "}", "return starts[path]"])

    def _start(self, state: str, path: str) -> str:
        root = self._learner.starts[state]
        order = in_order(make_plan(self._model.initial, [root]))
        uses = uses_of(order, lambda n: n.inputs)
        home = Home(
            self._kernels,
            size_text,
            dict.fromkeys(uses, 1),
            (),
            {},
            Names(self._reserved),
            lambda node: node.path,
            lambda node: node,
            lambda *_: True,
            types_with(FLOATS),
        )
        block = Block(home)
        for node in order:
            block.statement(node)
        text = block.operand(root).text
        shape = repr(tuple(self._learner.weights[path].shape))
        return text.replace(shape, "weight.shape") if "seed" not in text and shape != "()" else text


def _at_scalar(text: str) -> str:
    """A start as it is written for a parameter without axes."""
    found = re.fullmatch(r"np\.broadcast_to\((.*), weight\.shape\)", text)
    return found[1] if found else text


def _row(texts: Sequence[str]) -> str:
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def _rebound(lines: list[str], results: list[str], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Let what a state becomes have the state's own name, where nothing needs its old value any more."""
    for i, name in enumerate(names):
        new = results[i]
        if not new.isidentifier() or new == name or new in names:
            continue
        at = next((k for k, line in enumerate(lines) if line.startswith(f"{new} = ")), None)
        later = [*lines[at + 1 :], *results[:i], *results[i + 1 :]] if at is not None else [name]
        if not any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", text) for text in later):
            lines = [re.sub(rf"(?<![\w.]){re.escape(new)}(?!\w)", name, line) for line in lines]
            results = [name if r == new else r for r in results]
    return lines, results


def _with_return(lines: list[str], results: list[str]) -> list[str]:
    if lines and lines[-1].startswith(f"{results[0]} = "):
        return [*lines[:-1], f"return {lines[-1].partition(' = ')[2]}"]
    return [*lines, f"return {results[0]}"]


def _function(head: str, doc: str, body: Sequence[str]) -> str:
    return "\n".join([f"def {head}:", f'    """{doc}"""', *(f"    {line}" for line in body)])
