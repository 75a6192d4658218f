"""What Lark makes of the grammar: LALR(1) tables, the shape of each production, and the tokens.

Everything is given as JSON values, which `grammar.py` keeps: Lark itself is imported when they are computed,
and by nothing else.
"""

from __future__ import annotations

import re
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import PatternStr
from lark.parse_tree_builder import ChildFilter, ExpandSingleChild, ParseTreeBuilder
from lark.parsers.lalr_analysis import Shift

# Tokens that no rule mentions and that Lark would drop: each stands for a mistake to report.
_MISTAKES = ("POINT_FIRST", "MALFORMED_NUMBER", "UNCLOSED_STRING", "WRONG_QUOTES", "FOREIGN", "STRAY")


class _KeepMistakes:
    """Tells Lark to keep the tokens of `_MISTAKES` (the interface is that of a token filter)."""

    always_accept = _MISTAKES

    def process(self, stream: Any) -> Any:
        return stream


def make_tables(text: str) -> dict[str, Any]:
    """Let Lark read the grammar and compute its tables; what is needed of them as JSON values."""
    made = lark.Lark(text, parser="lalr", lexer="basic", maybe_placeholders=True, postlex=_KeepMistakes())
    table = made.parser.parser._parse_table
    rules = sorted(made.rules, key=lambda rule: (rule.origin.name, rule.order, str(rule)))
    index = {rule: number for number, rule in enumerate(rules)}
    symbols = sorted({symbol for row in table.states.values() for symbol in row})
    code = {symbol: number for number, symbol in enumerate(symbols)}
    return {
        **_scanner(list(made.terminals)),
        "rules": _shapes(rules),
        "symbols": symbols,
        "states": _states(table, code, index),
        "start": 0,
    }


def _shapes(rules: list[Rule]) -> list[list[Any]]:
    """The fields of each `grammar.Production`, read off what Lark would call to build its trees."""
    builder = ParseTreeBuilder(rules, list, maybe_placeholders=True)  # type: ignore[no-untyped-call]
    create: Any = builder.create_callback
    callbacks = create(None)
    shapes = []
    for rule in rules:
        call, picked, gaps = callbacks[rule], None, 0
        if isinstance(call, ChildFilter):
            # Without placeholders, the third part is not there.
            picked = [[at, expands, *(rest or [0])] for at, expands, *rest in call.to_include]
            gaps = getattr(call, "append_none", 0)
            call = call.node_builder
        is_single = isinstance(call, ExpandSingleChild)
        name = (call.node_builder if is_single else call).args[0]
        shapes.append([rule.origin.name, len(rule.expansion), str(name), is_single, picked, gaps])
    return shapes


def _states(table: Any, code: dict[str, int], index: dict[Rule, int]) -> list[list[list[int]]]:
    """All states, numbered as they are reached, because Lark's own numbers change with every run."""
    order = [table.start_states["start"]]
    number = {order[0]: 0}
    for state in order:
        row = table.states[state]
        for symbol in sorted(row):
            action, target = row[symbol]
            if action is Shift and target not in number:
                number[target] = len(order)
                order.append(target)
    return [_row(table.states[state], code, index, number) for state in order]


def _row(
    row: dict[str, Any], code: dict[str, int], index: dict[Rule, int], number: dict[int, int]
) -> list[list[int]]:
    """One state: its symbols, and for each what to do."""
    symbols = sorted(row)
    does = [
        number[target] if action is Shift else ~index[target]
        for action, target in map(row.__getitem__, symbols)
    ]
    return [[code[symbol] for symbol in symbols], does]


def _scanner(terminals: list[Any]) -> dict[str, Any]:
    """One regular expression from Lark's terminals, in the order in which Lark's basic lexer tries them.

    Fixed texts are one group: a dictionary tells them apart faster than a group for each of them.
    """
    terminals = sorted(
        terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
    )
    fixed = {t.pattern.value: t.name for t in terminals if isinstance(t.pattern, PatternStr)}
    words = {text: name for text, name in fixed.items() if text.isalpha()}
    literals = {text: name for text, name in fixed.items() if text not in words}
    groups = [
        (t.priority, f"(?P<{t.name}>{t.pattern.to_regexp()})")
        for t in terminals
        if t.name not in fixed.values() and t.name != "SPACE"
    ]
    longest_first = sorted(literals, key=lambda text: (-len(text), text))
    groups.append((-0.5, f"(?P<LITERAL>{'|'.join(map(re.escape, longest_first))})"))
    groups.sort(key=lambda group: -group[0])
    space = next(t.pattern.to_regexp() for t in terminals if t.name == "SPACE")
    # EDGE lets spaces at the very end match too, in one step.
    *others, stray = [group for _, group in groups]
    pattern = f"(?:{space})?(?:{'|'.join(others)}|(?P<EDGE>\\Z)|{stray})"
    return {"scanner": pattern, "words": words, "literals": literals}
