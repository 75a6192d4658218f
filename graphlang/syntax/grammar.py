"""The grammar made ready: finds `graphlang.lark`, lets Lark build its LALR(1) tables once, and keeps them.

Building the tables takes Lark about a quarter of a second, which is too much for a command that answers in
a tenth. So what Lark computed is written to the user's cache folder as plain JSON, under a name that
changes with the grammar, Lark and Python. The cache is never trusted: whatever cannot be read, or does not
carry the checksum that it should, is ignored and made again; a folder that cannot be written is no error.

Invariant: a grammar from the cache and one built afresh parse every text alike.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import lark
from lark.grammar import NonTerminal, Rule, RuleOptions, Terminal
from lark.lexer import PatternStr
from lark.parse_tree_builder import ParseTreeBuilder
from lark.parsers.lalr_analysis import Shift

from graphlang.records import Record

# Counts changes of the cache's own layout; the grammar's text is part of the key anyway.
_FORMAT = "4"

# Tokens that no rule mentions and that Lark would drop: each stands for a mistake to report.
_MISTAKES = ("POINT_FIRST", "MALFORMED_NUMBER", "UNCLOSED_STRING", "WRONG_QUOTES", "FOREIGN", "STRAY")


class Bundle:
    """What an anonymous repetition (`x*`) has gathered, until the rule around it takes the parts over."""

    __slots__ = ("children",)

    def __init__(self, name: str, children: list[Any]) -> None:
        self.children = children


class Grammar(Record):
    """Everything that reading a file needs.

    Attributes
    ----------
    scanner : compiled pattern
        Skips spaces and matches one token; the group that matched is the token's type, or `LITERAL` for
        operators and punctuation, whose types are in `literals`.
    words, literals : dict of str to str
        Token types of the keywords, and of operators and punctuation.
    rules : list of Rule
        The productions, as Lark expanded them.
    actions : list of dict
        Lark's LALR(1) table: for each state and symbol the state to shift to, or `~r` to reduce by
        `rules[r]`.
    start : int
        The state to begin with.
    builder : ParseTreeBuilder
        Lark's own shaping of rules (inlining, placeholders); `builder.create_callback(object)` gives the
        function that makes the value of each rule from the methods of `object`.
    """

    scanner: re.Pattern[str]
    words: dict[str, str]
    literals: dict[str, str]
    rules: list[Rule]
    actions: list[dict[str, int]]
    start: int
    builder: ParseTreeBuilder


@lru_cache(maxsize=1)
def load_grammar() -> Grammar:
    """The grammar of the language, from the cache if it is there."""
    text = grammar_text()
    place = cache_folder() / f"grammar-{_key(text)}.json"
    data = _read(place)
    if data is not None:
        try:
            return _revive(data)
        except Exception:  # A file with the right checksum that this Lark still cannot use: make it again.
            pass
    data = _build(text)
    _write(place, data)
    # The data goes through JSON here as well, so that both ways give the same grammar.
    return _revive(json.loads(json.dumps(data)))


def grammar_text() -> str:
    """Text of `graphlang.lark`: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__)
    # Plain paths first: `importlib.resources` costs 3 ms, and only an installation in a zip file needs it.
    for package in (here.parents[1], here.parents[2]):
        place = package / "grammar" / "graphlang.lark"
        if place.is_file():
            return place.read_text(encoding="utf-8")
    from importlib.resources import files

    packed = files("graphlang") / "grammar" / "graphlang.lark"
    if packed.is_file():
        return packed.read_text(encoding="utf-8")
    raise FileNotFoundError("graphlang.lark is missing from this installation")


def cache_folder() -> Path:
    """Where this user's caches belong: `$GRAPHLANG_CACHE_DIR`, or the platform's usual place."""
    chosen = os.environ.get("GRAPHLANG_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "graphlang"
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "graphlang" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "graphlang"
    return home / ".cache" / "graphlang"


# --- building ------------------------------------------------------------------------------------


class _KeepMistakes:
    """Tells Lark to keep the tokens of `_MISTAKES` (the interface is that of a token filter)."""

    always_accept = _MISTAKES

    def process(self, stream: Any) -> Any:
        return stream


def _build(text: str) -> dict[str, Any]:
    """Let Lark read the grammar and compute its tables; what is needed of them as JSON values."""
    made = lark.Lark(text, parser="lalr", lexer="basic", maybe_placeholders=True, postlex=_KeepMistakes())
    table = made.parser.parser._parse_table
    rules = sorted(made.rules, key=lambda rule: (rule.origin.name, rule.order, str(rule)))
    index = {rule: number for number, rule in enumerate(rules)}
    symbols = sorted({symbol for row in table.states.values() for symbol in row})
    code = {symbol: number for number, symbol in enumerate(symbols)}
    return {
        **_scanner(list(made.terminals)),
        "rules": [_plain(rule) for rule in rules],
        "symbols": symbols,
        "states": _states(table, code, index),
        "start": 0,
    }


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


def _plain(rule: Rule) -> list[Any]:
    """A production as JSON values."""
    options = rule.options
    return [
        rule.origin.name,
        [[s.name, s.is_term, getattr(s, "filter_out", False)] for s in rule.expansion],
        rule.alias,
        rule.order,
        [options.keep_all_tokens, options.expand1, list(options.empty_indices)],
    ]


def _rule(plain: list[Any]) -> Rule:
    """The inverse of `_plain`."""
    origin, expansion, alias, order, (keep, expand1, gaps) = plain
    symbols = [Terminal(name, out) if is_term else NonTerminal(name) for name, is_term, out in expansion]
    options = RuleOptions(keep, expand1, None, None, tuple(gaps))
    return Rule(NonTerminal(origin), symbols, order, alias, options)


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


def _revive(data: dict[str, Any]) -> Grammar:
    """A grammar from JSON values; the inverse of `_build`."""
    rules = [_rule(plain) for plain in data["rules"]]
    name = data["symbols"].__getitem__
    return Grammar(
        re.compile(data["scanner"]),
        data["words"],
        data["literals"],
        rules,
        [dict(zip(map(name, symbols), does, strict=True)) for symbols, does in data["states"]],
        data["start"],
        ParseTreeBuilder(rules, Bundle, maybe_placeholders=True),  # type: ignore[no-untyped-call]
    )


# --- the cache -----------------------------------------------------------------------------------


def _key(text: str) -> str:
    """Names the cache file: everything that the tables depend on."""
    parts = (_FORMAT, lark.__version__, sys.version, text)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _read(place: Path) -> dict[str, Any] | None:
    """The cached data, or None if there is none that can be relied on."""
    try:
        checksum, _, payload = place.read_bytes().partition(b"\n")
        if hashlib.sha256(payload).hexdigest().encode() != checksum:
            return None
        data = json.loads(payload)
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _write(place: Path, data: dict[str, Any]) -> None:
    """Store the data, written beside and renamed, so that nobody ever reads half a file."""
    payload = json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
    checksum = hashlib.sha256(payload).hexdigest().encode()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".grammar-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(checksum + b"\n" + payload)
            os.replace(name, place)
        except OSError:
            os.unlink(name)
    except OSError:
        pass  # A read-only home: the next start builds the tables again.
