"""Lines that are recognised as a whole: the same tokens, trees and problems as token by token."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import Problems
from graphlang.source import SourceFile
from graphlang.syntax import parse as parser
from graphlang.syntax.grammar import load_grammar
from graphlang.syntax.lines import Line
from graphlang.syntax.tokens import tokenize

PLAIN = (
    "v{i} = {x} + {y}",
    "v{i} = tanh({x} * {y} - {z})",
    "v{i}   =\texp(-{x}) / ({y} + 2.5)  ",
    "a{i}, b{i} = f({x}, k = 3)",
    "input v{i} = 0.5",
    "param w{i}: [3, 4] ~ glorot()",
    "output v{i}",
    "v{i} = {x} -> relu -> dense(10)",
    "const k{i} = 1e-3",
    "v{i} = {x}[0, 1:3]",
    "expect {x} == 3",
    "v{i} = not {x} < {y} or {z} >= 2",
    "v{i} = {x} ^ -1 // 2 % 3 @ {y}",
)
# What shapes must leave to the scanner: special words, numbers, white space, mistakes, blocks, comments.
ODD = (
    "v{i} = {x} + on", "v{i} = within * {y}", "v{i} = {x} + True", "v{i} = grad({x}, {y})", "grad({x}) = {y}",
    "v{i} = {x} + and", "v{i} = {x} + 12345678901234567890123", "v{i} = {x} + 1_000", "v{i} = {x} + 1.5.2",
    "v{i} = {x} + 2x", "v{i} = {x} + é", "v{i} = {x}é + {y}", "v{i} = {x} ** {y}", "v{i} = {x} + = {y}",
    "v{i} += {x}", "v{i} = {x} + {y};", "v{i} = {x} + {y} # note", "# note\nv{i} = {x} + {y}", "",
    "v{i} = {x} +", "v{i} = {x} - -", "v{i} = {x} - - {y}", "v{i} = {x} --\n", "v{i} = ({x} + {y}", "v{i} = {x} + {y})",
    "v{i} = {x} + {y}\n  + {z}", "v{i} = {x} + {y}\n-> relu", "v{i} = f({x},\n  {y})", "  v{i} = {x} + {y}",
    "for k in 0..3 {{\n  h = {x} + {y}\n  h = {x} + {y}\n}}", "if {x} {{ v{i} = {y} }}\nelse {{ v{i} = {z} }}",
    "gate g{i}(a) -> b {{\nb = a + a\nb = a + a\n}}", "network n{i}(a) -> b {{", "}}", "v{i} == {x}", "v{i} = {x} {y}",
    "v{i} = {x} + {y}\r", "v{i} = {x} .5", "v{i} = {x}.T + {y}", "v{i} = {x} .. {y}", "v{i} =\u00a0{x} + {y}",
    "expect {x} == 3 within 0.1", "v{i} = \"text\"", "v{i} = {x} > = {y}", "v{i} = {x} / / {y}", "v{i} = {x} - > {y}",
    "else = {x} + {y}", "\ufeff", "v{i} = {x} + {y}\f", "within = {x} + {y}", "train t{i} {{\noptimizer = sgd\n}}",
)  # fmt: skip


def text_of(forms: list[str]) -> str:
    rng = random.Random(len(forms))
    names = [f"v{i}" for i in range(9)]
    lines = [form.format(i=i, **{k: rng.choice(names) for k in "xyz"}) for i, form in enumerate(forms)]
    return "\n".join(lines) + "\n"


def token_by_token(parse: Callable[[SourceFile], Any], source: SourceFile) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "tokenize", lambda s, g, p, **_: tokenize(s, g, p))
        return parse(source)


def assert_same(text: str) -> int:
    """The same tree and problems; how many lines were read as a whole."""
    source = SourceFile("t", text)
    found, wanted = parser.parse(source), token_by_token(parser.parse, source)
    assert found.value == wanted.value
    assert list(found.problems) == list(wanted.problems)
    tokens = tokenize(source, load_grammar(), Problems(), with_lines=True).tokens
    spelled = list(itertools.chain(*(t.tokens() if isinstance(t, Line) else [t] for t in tokens)))
    plain = tokenize(source, load_grammar(), Problems()).tokens
    assert [(t.type, t.text, t.start, t.end) for t in spelled] == [
        (t.type, t.text, t.start, t.end) for t in plain
    ]
    return sum(isinstance(t, Line) for t in tokens)


@pytest.mark.parametrize("form", PLAIN)
def test_a_plain_form_is_read_as_a_whole_from_its_third_line_on(form: str) -> None:
    assert assert_same(text_of([form] * 8)) == 4  # the last line has none behind it


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("form", PLAIN[:3])
def test_an_odd_line_among_plain_ones_changes_nothing(odd: str, form: str) -> None:
    assert_same(text_of([form] * 4 + [odd] + [form] * 3 + [odd, odd] + [form] * 2))
    assert_same(text_of([odd] * 5 + [form] * 4))


@given(
    st.lists(st.one_of(st.sampled_from(PLAIN), st.sampled_from(PLAIN[:3]), st.sampled_from(ODD)), max_size=40)
)
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_lines_is_read_as_token_by_token(forms: list[str]) -> None:
    assert_same(text_of(forms))


@pytest.mark.slow
@given(st.lists(st.one_of(st.sampled_from(PLAIN[:5]), st.sampled_from(ODD)), max_size=60), st.data())
@settings(max_examples=3000, deadline=None)
def test_any_mixture_of_lines_with_characters_changed(forms: list[str], data: st.DataObject) -> None:
    text = text_of(forms)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 2))
        text = text[:at] + data.draw(st.sampled_from(list('()[]{}=+-*/.,:; \n\r\t#"_1eé'))) + text[at + cut :]
    assert_same(text)


def test_many_shapes_are_given_up_and_few_are_kept() -> None:
    forms = ["v{i} = " + " + ".join(["{x}"] * (1 + k % 30)) for k in range(400)]
    assert_same(text_of(forms))
    assert assert_same(text_of(list(PLAIN[:5]) * 40)) > 150


def test_a_mistake_in_every_line_takes_linear_time() -> None:
    assert_same(text_of(["v{i} = {x} {y}"] * 300))


@pytest.mark.parametrize("often", [1, 3, 1000])
def test_lines_without_a_routine_are_spelled_out(often: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "_MOST", 0)
    monkeypatch.setattr(parser, "_OFTEN", often)
    assert assert_same(text_of([*PLAIN[:3] * 8, "v{i} = {x} {y}", *PLAIN[:3] * 4])) > 20


@pytest.mark.parametrize("between", ["# note\n", "\n", "# one\n\n  # two\r\n", "\t\r\n#\n"])
def test_comments_and_empty_lines_may_stand_between_lines(between: str) -> None:
    text = "".join(f"v{i} = x + y\n{between}" for i in range(9)) + "input z = 1\n"
    assert assert_same(text) >= 5


def test_a_sign_is_found_behind_brackets_and_comments() -> None:
    text = "expect (a # <\n ) <= b < c\n"
    (problem,) = parser.parse(SourceFile("t", text)).problems
    assert [label.span.text for label in problem.related] == ["<="]
