"""Text to syntax tree, whatever the text: `parse` never raises and always returns a `tree.File`.

The tokens are fed one after another into the LALR(1) tables that Lark made from the grammar. Where they
refuse one, `mistakes` says what is wrong, the stacks go back to where they stood before the current
statement, an ERROR token takes the statement's place, and reading goes on behind it. So one run reports all
errors, also those inside blocks.

Most statements of a large file look like one before: the same types of tokens in the same surroundings. What
the tables then say is the same too, so it is remembered as a routine, a list of shifts and reductions, and
the next such statement is read by following it. Where whole lines were recognised (`lines.py`), routines
become functions (`routines.py`).

Going back is cheap because the stack below a statement does not change while the statement is read: its
height is all that must be remembered, one number for each block that is open.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter
from typing import Any

from graphlang.collector import paused_collector
from graphlang.diagnostics.diagnostic import Outcome, Problems
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.build import Builder
from graphlang.syntax.grammar import Bundle, Grammar, Production, load_grammar
from graphlang.syntax.lines import Line, Shape
from graphlang.syntax.mistakes import Spot, explain
from graphlang.syntax.routines import Make, Routine, compiled
from graphlang.syntax.token import Token, Tokens
from graphlang.syntax.tokens import tokenize

# Routines are remembered for statements of at most so many tokens, and at most so many of them.
_LONGEST, _MOST = 64, 4096
# From so many lines on that had to be spelled out, all are.
_OFTEN = 100
# How many states below a statement a routine may depend on.
_REACH = 4

# The function for a routine, how many states go, and which come.
_Followed = tuple[Routine, int, list[int]]


def parse(source: SourceFile) -> Outcome[tree.File]:
    """The syntax tree of a text, with an `ErrorStatement` for each statement that could not be read.

    Parameters
    ----------
    source : SourceFile
        Any text at all.

    Returns
    -------
    Outcome of tree.File
        The problems hold every error of form in the text: its characters, tokens and syntax.
    """
    problems = Problems()
    grammar = load_grammar()
    with paused_collector():
        found = tokenize(source, grammar, problems, with_lines=True)
        file = _Reader(source, grammar, found, problems).run()
    return Outcome(file, problems)


class _Reader:
    """The state of one parse: the two stacks of an LALR parser, and where the open statements begin."""

    def __init__(self, source: SourceFile, grammar: Grammar, found: Tokens, problems: Problems) -> None:
        self.source = source
        self.problems = problems
        self.tokens = found.tokens
        self.faults = sorted(found.faults)
        self.actions = grammar.actions
        self.states: list[int] = [grammar.start]
        self.values: list[Any] = []
        self.builder = Builder(source, found, problems, self.values)
        self.reductions = _Reductions(grammar, self.builder)
        # (state below, state, type of the next token): the state once all reductions are done that only pass
        # a value on.
        self.passed: dict[tuple[int, int, str], int] = {}
        # For each open block and the file: index of the current statement's first token, height of the stack
        # below it, and whether an error in it has been reported.
        self.marks: list[tuple[int, int, bool]] = [(0, 0, False)]
        self.at_start = True  # the next token is the first of a statement
        self.ends: list[int] = []  # for each token where its statement ends, once that is needed
        # By the topmost states and the types of a statement's tokens: what to do (None is a shift), how many
        # states go, and which come instead.
        self.routines: dict[Any, tuple[list[tuple[int, Make] | None], int, list[int]]] = {}
        # By the topmost states and the shape of a line.
        self.functions: dict[tuple[int, ...], dict[Shape, _Followed | None]] = {}
        self.kinds = [token.type for token in self.tokens]
        self.has_lines = "_LINE" in self.kinds
        self.spelled = 0  # how many lines were spelled out one by one
        self.log: list[tuple[int, Make] | None] | None = None
        self.height = 0  # of the stack when the log was begun
        self.lowest = 0  # the height that the stack came down to since the log was begun

    def run(self) -> tree.File:
        """Feed all tokens."""
        tokens, marks, values, feed = self.tokens, self.marks, self.values, self._feed
        kinds = self.kinds
        at = 0
        key: Any = None
        while kinds[at] != "$END":
            if self.at_start:
                if kinds[at] == "_LINE":
                    at = self._follow_lines(at)
                    if kinds[at] == "_LINE":
                        self._spell_out(at)
                    continue
                stop = self._end_among(kinds, at)
                key = (tuple(self.states[-_REACH:]), tuple(kinds[at:stop])) if stop else None
                if key in self.routines:
                    self._follow(key, at)
                    at = stop
                    continue
                self._begin_log(key)
            token = tokens[at]
            if not feed(token):
                at = self._recover(at)
                continue
            kind = token.type
            if kind == "_END":
                self.at_start = True
                self._end_log(key)
            elif kind == "RBRACE":
                marks.pop()
                self.at_start = False
            elif kind == "LBRACE":
                marks.append((at + 1, len(values), False))
                self.at_start = True
            elif self.at_start:
                marks[-1] = (at, len(values) - 1, False)
                self.at_start = False
            at += 1
        self._feed(tokens[at])
        file: tree.File = values[0]
        return file

    # --- routines --------------------------------------------------------------------------------

    @staticmethod
    def _end_among(kinds: list[str], at: int) -> int:
        """Index behind the _END of the statement that starts at `at`; 0 if it is long or has a block."""
        part = kinds[at : at + _LONGEST]
        if "_END" not in part:
            return 0
        stop = part.index("_END") + 1
        return 0 if "LBRACE" in part[:stop] or "RBRACE" in part[:stop] else at + stop

    def _begin_log(self, key: Any) -> None:
        self.log = [] if key is not None and len(self.routines) < _MOST else None
        self.lowest = self.height = len(self.states)

    def _end_log(self, key: Any) -> None:
        """A statement was read without an error: remember how, unless that depends on more than the key."""
        taken = self.height - self.lowest
        if self.log is not None and taken < _REACH:
            self.routines[key] = self.log, taken, self.states[self.lowest :]
        self.log = None

    def _follow(self, key: Any, at: int) -> None:
        """Read a statement as one like it was read."""
        actions, taken, states = self.routines[key]
        tokens, values, builder = self.tokens, self.values, self.builder
        starts, push = builder.starts, values.append
        for action in actions:
            if action is None:
                token = tokens[at]
                at += 1
                starts[len(values)] = token.start
                builder.end = token.end
                push(token)
            else:
                size, make = action
                if size:
                    parts = values[-size:]
                    del values[-size:]
                else:
                    parts = []
                push(make(parts))
        if taken:
            del self.states[-taken:]
        self.states += states

    # --- whole lines -----------------------------------------------------------------------------

    def _follow_lines(self, at: int) -> int:
        """Read statements that are one token each, as far as some like them were read before."""
        tokens, kinds, values, builder = self.tokens, self.kinds, self.values, self.builder
        starts = builder.starts
        functions = self._functions_here()
        while kinds[at] == "_LINE":
            line: Any = tokens[at]
            found = functions.get(line.shape) or self._function(functions, line.shape)
            if found is None:
                break
            function, taken, states = found
            function(builder, line, starts, values)
            at += 1
            if taken or states:
                del self.states[len(self.states) - taken :]
                self.states += states
                functions = self._functions_here()
        return at

    def _functions_here(self) -> dict[Shape, _Followed | None]:
        """The functions for lines of each shape behind the topmost states."""
        return self.functions.setdefault(tuple(self.states[-_REACH:]), {})

    def _function(self, functions: dict[Shape, _Followed | None], shape: Shape) -> _Followed | None:
        """The function for lines of a shape, made of the routine for such statements, if there is one."""
        before = tuple(self.states[-_REACH:])
        routine = self.routines.get((before, shape.kinds))
        if routine is None or shape in functions:
            return None
        actions, taken, states = routine
        function = compiled(actions, shape.kinds, self.reductions.picks, self.builder.directly)
        if before[len(before) - taken :] == tuple(states):
            taken, states = 0, []  # the same states come as go
        functions[shape] = None if function is None else (function, taken, states)
        return functions[shape]

    def _spell_out(self, at: int) -> None:
        """Put the tokens of a line in its place; those of all further lines, if that happens often."""
        self.spelled += 1
        stop = at + 1 if self.spelled < _OFTEN else len(self.tokens)
        spelled = self._spelled(at, stop)
        self.tokens[at:stop] = spelled
        self.kinds[at:stop] = [token.type for token in spelled]

    def _spelled(self, start: int, stop: int) -> list[Token]:
        found: list[Token] = []
        for token in self.tokens[start:stop]:
            if isinstance(token, Line):
                found += token.tokens()
            else:
                found.append(token)
        return found

    def _spell_all(self, at: int) -> int:
        """Put the tokens of all lines in their places; the new index of token `at`."""
        before = self._spelled(0, at)
        moved = len(before) - at
        self.tokens[:] = before + self._spelled(at, len(self.tokens))
        self.kinds[:] = [token.type for token in self.tokens]
        # Marks are of statements that are still open, behind all lines before `at`.
        self.marks[:] = [(start + moved, height, told) for start, height, told in self.marks]
        self.has_lines = False
        return at + moved

    def _feed(self, token: Token) -> bool:
        """The LALR(1) algorithm: reduce while the table says so, then shift. False if refused.

        This is `feed_token` of Lark's `ParserState` on Lark's own tables, but faster: most reductions only
        pass a value on (a number is a product is a sum), and here all in a row are one step.
        """
        actions, states, values, reductions = self.actions, self.states, self.values, self.reductions
        kind, passed = token.type, self.passed
        while True:
            action = actions[states[-1]].get(kind)
            if action is None:
                return False
            if action >= 0:
                self.builder.starts[len(values)] = token.start
                self.builder.end = token.end
                states.append(action)
                values.append(token)
                if self.log is not None:
                    self.log.append(None)
                return True
            size, name, make = reductions[~action]
            if make is None:
                key = (states[-2], states[-1], kind)
                states[-1] = passed.get(key) or self._pass_on(key)
                self.lowest = min(self.lowest, len(states) - 1)
                continue
            if size:
                parts = values[-size:]
                del values[-size:], states[-size:]
            else:
                parts = []
            if self.log is not None:
                self.log.append((size, make))
                self.lowest = min(self.lowest, len(states))
            value = make(parts)
            states.append(actions[states[-1]][name])
            values.append(value)

    def _pass_on(self, key: tuple[int, int, str]) -> int:
        """The state that replaces the topmost one after as many reductions as only pass its value on."""
        below, state, kind = key
        while (action := self.actions[state].get(kind)) is not None and action < 0:
            _, name, make = self.reductions[~action]
            if make is not None:
                break
            state = self.actions[below][name]
        self.passed[key] = state
        return state

    # --- recovery --------------------------------------------------------------------------------

    def _recover(self, at: int) -> int:
        """The parser refused token `at`: report it and return the index at which to go on."""
        self.log = None
        if self.has_lines:
            at = self._spell_all(at)
        if self.at_start:
            # Nothing of the statement has been read; the stack is as high as it was before it.
            start, height, told = at, len(self.values), False
        else:
            start, height, told = self.marks[-1]
        stop = self._end_of_statement(at)
        inside: list[str] = []
        if not told and not self._has_fault(start, stop):
            accepted = frozenset(kind for kind in self.actions[self.states[-1]] if kind.isupper())
            mistake = explain(Spot(self.source, self.tokens, start, at, accepted))
            self.problems.add(mistake.diagnostic)
            if mistake.is_next_statement and self._end_here(at):
                return at
            if mistake.takes_indented:
                stop, inside = self._end_of_indented(start, stop)
        self._go_back(height)
        names = " ".join([*_bound_names(self.tokens, start, stop), *inside])
        first, last = self.tokens[start], self.tokens[max(start, stop - 1)]
        kind = "ERROR_HEADER" if self.tokens[stop].type == "LBRACE" else "ERROR"
        self._feed(Token(kind, names, first.start, max(first.end, last.end)))
        # The ERROR token may have reduced the statement before it first: the height is known only now.
        self.marks[-1] = (start, len(self.values) - 1, True)
        self.at_start = False
        return stop

    def _end_of_statement(self, at: int) -> int:
        """Index of the _END of the statement around token `at`, or of the `{` of a block on the way there."""
        if not self.ends:
            # Made at the first error, for all tokens at once: a long line may hold many errors.
            end = len(self.tokens) - 1
            self.ends = [end] * len(self.tokens)
            for index in range(end, -1, -1):
                if self.tokens[index].type in ("_END", "LBRACE"):
                    end = index
                self.ends[index] = end
        return self.ends[at]

    def _end_of_indented(self, start: int, stop: int) -> tuple[int, list[str]]:
        """Where the lines end that are indented below a statement, and the names that they bind."""
        names: list[str] = []
        margin = self._column(start)
        while self.tokens[stop].type == "_END":
            following = self.tokens[stop + 1]
            is_inside = self._column(stop + 1) > margin or following.type == "ELSE"
            end = self._end_of_statement(stop + 1)
            if following.type in ("RBRACE", "$END") or not is_inside or self.tokens[end].type != "_END":
                break
            if self.tokens[stop + 2].type == "EQUALS":
                names.append(following.text)
            stop = end
        return stop, names if self.tokens[start].type in ("FOR", "IF", "ELSE") else []

    def _column(self, at: int) -> int:
        """How far from the margin a token stands."""
        start = self.tokens[at].start
        return start - self.source.text.rfind("\n", 0, start) - 1

    def _has_fault(self, start: int, stop: int) -> bool:
        """Whether the token filter has reported something in these tokens."""
        index = bisect_left(self.faults, self.tokens[start].start)
        return index < len(self.faults) and self.faults[index] <= self.tokens[stop].end

    def _end_here(self, at: int) -> bool:
        """Close the statement before token `at`, if it is complete there."""
        end = self.tokens[at - 1].end
        if not self._feed(Token("_END", "", end, end)):
            return False
        self.at_start = True
        return True

    def _go_back(self, height: int) -> None:
        """Forget what stands on the stack above a height."""
        del self.values[height:]
        del self.states[height + 1 :]


class _Reductions(dict[int, tuple[int, str, Make | None]]):
    """For each production: how many parts, its rule, and what makes its value; None if it passes its part on.

    They are worked out when they are first needed: most texts are short and use few.
    """

    def __init__(self, grammar: Grammar, builder: Builder) -> None:
        self.rules = grammar.rules
        self.table = vars(builder.table())
        # For what makes values, by its id, the production whose parts it picks, and what makes them then.
        self.picks: dict[int, tuple[Production, Make]] = {}

    def __missing__(self, number: int) -> tuple[int, str, Make | None]:
        rule = self.rules[number]
        make: Make | None = self.table.get(rule.makes, Bundle)
        assert make is not None
        if rule.picked is not None:
            inner, make = make, _picked(rule, _single(make) if rule.is_single else make)
            self.picks[id(make)] = rule, inner
        elif rule.is_single and rule.size == 1:
            # A rule with `?` that has one part passes it on; with several parts it does nothing special.
            make = None
        found = self[number] = rule.size, rule.origin, make
        return found


def _single(make: Make) -> Make:
    """The same for a rule with `?`, of which one part may be left."""
    return lambda parts: parts[0] if len(parts) == 1 else make(parts)


def _picked(rule: Production, make: Make) -> Make:
    """The same from all parts of a production, some of which the grammar drops or inlines."""
    taken = rule.picked or ()
    if rule.gaps or any(expands or before for _, expands, before in taken):
        return lambda parts: make(_gathered(rule, parts))
    places = [at for at, _, _ in taken]
    if len(places) == 1:
        (only,) = places
        return itemgetter(only) if rule.is_single else lambda parts: make([parts[only]])
    if not places:
        return lambda parts: make([])
    pick = itemgetter(*places)
    return lambda parts: make(list(pick(parts)))


def _gathered(rule: Production, parts: list[Any]) -> list[Any]:
    """The parts that count, those of repetitions among the others, and None for what is absent."""
    found: list[Any] = []
    for at, expands, before in rule.picked or ():
        if before:
            found += [None] * before
        if not expands:
            found.append(parts[at])
        elif found:
            found += parts[at].children
        else:
            # The list of a repetition grows as it goes on, instead of being copied for every part.
            found = parts[at].children
    if rule.gaps:
        found += [None] * rule.gaps
    return found


def _bound_names(tokens: list[Token], start: int, stop: int) -> list[str]:
    """Names that a broken statement probably binds: those before its first sign of a value or a block."""
    names: list[str] = []
    for token in tokens[start:stop]:
        if token.type in ("EQUALS", "COLON", "TILDE", "ARROW") and names:
            break
        if token.type == "NAME":
            names.append(token.text)
        elif token.type == "LPAR" and names:
            return names[-1:]
    return names[:16]
