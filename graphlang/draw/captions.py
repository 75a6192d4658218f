"""What a step says: `q = x + y = −2 + 5 = 3`, and `df/dq = z = −4`.

Wires without a name get a letter in the gate that is spoken of. Numbers are written as on the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from graphlang.draw import text
from graphlang.draw.elements import Scene, Use
from graphlang.draw.formulas import (
    LONGEST,
    call_text,
    called,
    gate_text,
    hand_written_text,
    is_number,
    local_text,
    names_around,
    names_of,
    quotient,
    sent_text,
    with_numbers,
)
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.graph.show import calls_of, is_literal

# Uses of one wire that are written out as a sum.
_MOST_TERMS = 3
# Characters of a local derivative at the end of a branch.
_LONGEST_LABEL = 26
_KINDS = {"input": "input", "param": "parameter", "state": "state", "const": "constant"}


class Captions:
    """Captions of the steps of one picture."""

    def __init__(
        self,
        model: Model,
        scene: Scene,
        values: Mapping[str, Any],
        gradients: Mapping[str, Any],
        local: Mapping[tuple[str, int], Any],
        digits: int | None = None,
    ):
        self.model = model
        self.values, self.gradients, self.local = values, gradients, local
        self._open = {box.id for box in scene.boxes}
        self._uses: dict[str, list[Use]] = {}
        self._source: dict[str, str] = {}
        for wire in scene.wires:
            self._uses.setdefault(wire.key, []).extend(wire.uses)
            self._source[wire.key] = wire.source
        shown = [x for n in self._uses for v in (values.get(n), gradients.get(n)) if v is not None
                 for x in text.shown_numbers(v)]  # fmt: skip
        self._digits = digits
        self._style = text.number_style(shown, digits)
        self._calls = calls_of(model)

    # --- forward -------------------------------------------------------------------------------

    def forward(self, path: str) -> tuple[str, ...]:
        """How a value is computed."""
        node = self.model.by_path[path]
        value = self._number(self.values[path])
        if node.is_leaf:
            return (
                f"{_plainly(node)} = {value}"
                if value
                else f"{_plainly(node)}: {text.shape_label(node.type)}",
            )
        if self._is_closed(self._source[path]):
            return (self._of_a_box(node, value),)
        names = names_around(node)
        parts = [names[node], gate_text(node, names)]
        numbers = {
            n: self._number(self.values[n.path]) for n in names if n.path in self.values and n is not node
        }
        operands = [n for n in names if n is not node]
        if value and operands and all(numbers.get(n) and n.shape == () for n in operands):
            parts.append(with_numbers(node, numbers))
        # A number that is its own formula need not be said twice.
        parts += [value] if value and parts[-1] != value else []
        return (_joined(parts, node),)

    def _is_closed(self, item: str) -> bool:
        """Whether an item is a closed box; a box's result may have its path."""
        return item in self.model.scopes and item not in self._open

    def _of_a_box(self, node: Node, value: str) -> str:
        """A result of a closed box: how the file calls it."""
        scope = self._calls.get(node)
        if scope is None:
            parts = [called(node) if node.is_named else f"a result of {self._source[node.path]}"]
        else:
            names = names_of([*(n for n in scope.inputs if not is_literal(n)), node])
            parts = [names[node], call_text(scope, names)]
            parts = [p for p in parts if len(p) <= LONGEST]
        return _joined([*parts, *([value] if value else [])], node)

    # --- backward ------------------------------------------------------------------------------

    def backward(self, path: str) -> tuple[str, ...]:
        """How a gradient is computed, and the local derivative by itself where the chain is longer."""
        node, of = self.model.by_path[path], self.model.of
        assert of is not None
        result = self._number(self.gradients[path])
        ends = [self._number_of_use(node, use) for use in self._uses[path] if not use.target.startswith(">")]
        uses = [found for found in ends if found is not None]
        if node is of:
            return (f"{quotient(_of(of), _of(of))} = 1",)
        if len(uses) == len(ends) == 1:
            return self._one_use(node, *uses[0], result)
        found = self._through_gate(node, result) if len(ends) == 1 and not uses else None
        if found is not None:
            return found
        left = quotient(_of(of), called(node) if node.is_named else "u")
        if uses and len(uses) == len(ends) <= _MOST_TERMS:
            return self._several(node, left, uses, result)
        why = f"the sum over its {len(ends)} uses" if len(ends) > 1 else self._through(path)
        return (" = ".join([left, *([result] if result else [])]) + (f"  ({why})" if why else ""),)

    def _through_gate(self, node: Node, result: str) -> tuple[str, ...] | None:
        """Through a closed gate of numbers: its hand-written derivative, or what its body sent."""
        of = self.model.of
        (use,) = [use for use in self._uses[node.path] if not use.target.startswith(">")]
        found = self.slope_of_gate(node, use.target)
        if found is None or of is None:
            return None
        out, local, number, names = found
        root = names.get(of) or _of(of)
        left = quotient(root, names[node])
        if out is of:
            return (_chain(left, local, number),)
        factor = quotient(names[out], names[node])
        product = _product(self._number(self.gradients[out.path]), number)
        letters = any(not n.is_named for n in names)
        says = f"{names[out]} = {call_text(self.model.scopes[use.target], names)},  " if letters else ""
        main = f"{left} = {quotient(root, names[out])} · {factor} = {product} = {result}"
        return main, f"{says}local gradient  {_chain(factor, local, number)}"

    def slope_of_gate(self, node: Node, target: str) -> tuple[Node, str, str, dict[Node, str]] | None:
        """The result of a closed gate of numbers, its local derivative by `node` in letters and as a number,
        and the names around it."""
        scope, of = self.model.scopes.get(target), self.model.of
        if scope is None or scope.kind != "gate" or len(scope.outputs) != 1 or not self._is_closed(target):
            return None
        (out,) = scope.outputs
        if out.path not in self.gradients or node.path not in self.gradients or node.shape or out.shape:
            return None
        names = names_of([*(n for n in scope.inputs if not is_literal(n)), out, *([of] if of else [])])
        upstream = float(self.gradients[out.path])
        if node not in names or upstream == 0 or not math.isfinite(upstream):
            return None
        rule = next((r for r in self.model.gate_rules if r.scope == target), None)
        local = hand_written_text(rule, node, names) if rule is not None else None
        return out, local or "", self._number(float(self.gradients[node.path]) / upstream), names

    def _through(self, path: str) -> str:
        target = next((u.target for u in self._uses[path] if not u.target.startswith(">")), "")
        return f"sent back through {text.short_name(target)}" if target else ""

    def _number_of_use(self, node: Node, use: Use) -> tuple[Node, int] | None:
        """The gate and position of a use, if it is drawn as what it is."""
        user = self.model.by_path.get(use.target)
        if user is None or self._is_closed(use.target) or use.position >= len(user.inputs):
            return None
        return (user, use.position) if user.inputs[use.position] is node else None

    def _one_use(self, node: Node, user: Node, position: int, result: str) -> tuple[str, ...]:
        of = self.model.of
        assert of is not None
        names = names_around(user, [of] if of.is_named else [])
        root = names.get(of, _of(of))
        left, arriving = quotient(root, names[node]), quotient(root, names[user])
        local = local_text(user, position, names, self.model.sizes)
        slope = self.local.get((user.path, position))
        number = self._number(slope) if slope is not None else ""
        if local is None or not number or node.shape != ():
            sent = sent_text(user, position, names, "1" if user is of else arriving, self.model.sizes)
            return (_joined([left, *([sent] if sent else []), *([result] if result else [])], node),)
        if user is of:
            return (_chain(left, local, number),)
        factor = quotient(names[user], names[node])
        upstream = self._number(self.gradients.get(user.path, math.nan))
        main = f"{left} = {arriving} · {factor} = {_product(upstream, number)} = {result}"
        return main, f"{self._gate(user, names)}local gradient  {_chain(factor, local, number)}"

    def _gate(self, gate: Node, names: Mapping[Node, str]) -> str:
        """The gate's formula, where letters in it need explaining."""
        has_letters = any(not n.is_named for n in names)
        return f"{names[gate]} = {gate_text(gate, names)},  " if has_letters else ""

    def _several(
        self, node: Node, left: str, uses: Sequence[tuple[Node, int]], result: str
    ) -> tuple[str, ...]:
        of = self.model.of
        assert of is not None
        symbols, numbers = [], []
        vague = f"{' = '.join([left, *([result] if result else [])])}  (the sum over its {len(uses)} uses)"
        for user, position in uses:
            slope = self.local.get((user.path, position))
            if not (node.is_named and user.is_named) or slope is None or node.shape != ():
                return (vague,)
            if user is of:
                symbols.append(local_text(user, position, names_around(user), self.model.sizes) or "1")
                numbers.append(self._number(slope))
                continue
            symbols.append(f"{quotient(_of(of), called(user))} · {quotient(called(user), called(node))}")
            upstream = self._number(self.gradients.get(user.path, math.nan))
            numbers.append(_product(upstream, self._number(slope)))
        return (f"{left} = {' + '.join(symbols)} = {' + '.join(numbers)} = {result}",)

    # --- on the picture ------------------------------------------------------------------------

    def local_label(self, node: Node, use: Use, *, is_only: bool) -> str:
        """The local derivative of a use, short enough for the end of a branch."""
        known = self._number_of_use(node, use)
        if known is None:
            through = self.slope_of_gate(node, use.target) if is_only else None
            return self._label(through[1], through[2], through[3], through[0]) if through else ""
        (user, position), sizes = known, self.model.sizes
        if is_number(user.inputs[position]):
            return ""
        names = names_around(user)
        local = local_text(user, position, names, sizes)
        if local is None:
            sent = sent_text(user, position, names, "g", sizes)
            return sent if sent and len(sent) <= _LONGEST_LABEL else ""
        slope = self.local.get((user.path, position))
        return self._label(local, self._number(slope) if slope is not None else "", names, user)

    def _label(self, local: str, number: str, names: Mapping[Node, str], result: Node) -> str:
        if not number or _is_literal(local):
            return local if len(local) <= _LONGEST_LABEL else ""
        # On the picture a letter would say nothing: the number alone.
        has_letters = any(not n.is_named and n is not result for n in names)
        whole = f"{local} = {number}" if local else number
        return number if has_letters or len(whole) > _LONGEST_LABEL else whole

    # --- numbers -------------------------------------------------------------------------------

    def _number(self, value: Any) -> str:
        """A value of up to four entries as the picture writes it, else nothing."""
        lines = text.value_lines(value, self._fitting(value))
        is_short = not text.is_grid(lines) and "…" not in lines[0] and "  " not in lines[0]
        return lines[0] if is_short else ""

    def write_like(self, numbers: Sequence[float]) -> None:
        """Write all numbers in the style of these."""
        self._style = text.number_style(numbers, self._digits)

    def _fitting(self, value: Any) -> text.NumberStyle:
        """The picture's style, or one of its own for a number that it would misrepresent."""
        if self._style.decimals is None:
            return self._style
        own = text.number_style(text.shown_numbers(value))
        is_finer = own.decimals is None or own.decimals > self._style.decimals
        return text.NumberStyle(own.decimals, own.significant, self._style.noise) if is_finer else self._style


def _chain(left: str, local: str, number: str) -> str:
    if not local:
        return f"{left} = {number}"
    return f"{left} = {local}" if _is_literal(local) else f"{left} = {local} = {number}"


def _is_literal(written: str) -> bool:
    """Whether a formula is a plain number."""
    return written.removeprefix(text.MINUS).replace(".", "", 1).isdecimal()


def _product(a: str, b: str) -> str:
    return f"{a} · ({b})" if b.startswith(text.MINUS) else f"{a} · {b}"


def _joined(parts: list[str], node: Node) -> str:
    """An equation; a value that is too large to be written is told by its shape."""
    said = " = ".join(parts)
    return said if node.shape == () else f"{said}   {text.shape_label(node.type)}"


def _plainly(node: Node) -> str:
    return called(node) if node.is_named else _KINDS.get(node.op, "u")


def _of(node: Node) -> str:
    return called(node) if node.is_named else "f"


def local_labels(
    model: Model,
    scene: Scene,
    local: Mapping[tuple[str, int], Any],
    gradients: Mapping[str, Any],
    digits: int | None = None,
) -> dict[tuple[str, str, int], str]:
    """What `--local` writes at the end of each branch: `z = −4`, `1`, `xᵀ @ g` for what has no number.

    `g` is the gradient that arrives at the gate. Keys are the wire, the target and the position.
    """
    captions = Captions(model, scene, {}, gradients, local, digits)
    captions.write_like([x for v in local.values() for x in text.shown_numbers(v)])
    found = {}
    for wire in scene.wires:
        for use in wire.uses if wire.node else ():
            label = captions.local_label(model.by_path[wire.node], use, is_only=len(wire.uses) == 1)
            if label:
                found[wire.id, use.target, use.position] = label
    return found
