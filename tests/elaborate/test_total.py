"""Whatever the text, elaborating it ends soon and raises nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from graphlang.ops import registry
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile

EXAMPLES = [p.read_text(encoding="utf-8") for p in sorted(Path("examples").glob("*.graph"))]
CASES = [
    p.read_text(encoding="utf-8", errors="replace")
    for p in sorted(Path("tests/cases/errors").glob("*.graph"))
]
COMMON = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
    "derandomize": True,
}


def check(text: str) -> None:
    """Compile, in both modes, and look at what is said."""
    for training in (False, True):
        outcome = compile_source(SourceFile("soup.graph", text), training=training)
        for problem in outcome.problems:
            assert problem.message
            assert "{0}" not in problem.message + "".join(problem.notes) + (problem.suggestion or "")
            for label in (problem.primary, *problem.related):
                if label is not None:
                    assert 0 <= label.span.start <= label.span.end <= len(label.span.source.text)
        if outcome.ok:
            assert not any(n.type.is_poison for n in outcome.value.nodes)


# --- soups of statements -------------------------------------------------------------------------

NAMES = ["x", "y", "h", "W", "k", "N", "f", "fc", "net", "twice", "params", "training", "fan_in"]
MADE = ["u", "v", "i", "b", "V", "m", "two", "enc(u)", "u @ V", "u[0]", "v.T", "sum(u)", "b and u[:, 0] > 0"]
ATOMS = [
    *NAMES,
    *MADE,
    *MADE, "0", "1", "-1", "2.5", "true", '"a"', '"*.W"', "[1, 2]", "[[1, 2], [3]]", "[]", "[x, y]", "1e308",
    "9223372036854775807", "dense", "relu", "sum", "glorot", "h[1].dense.W", "x.T", "x.shape", "(x, y)", "1..3",
    "x[0]", "x[:, 1:]", "x[..., -1]", "x[k]", "x[N]", "x[::-1]", "W[0, 0, 0]", "shape(x)", "size(params)",
]  # fmt: skip
OPERATORS = ["+", "-", "*", "/", "//", "%", "@", "^", "==", "!=", "<", "<=", ">", ">=", "and", "or", "->"]
CALLS = [
    *sorted(registry.all_ops()),
    "dense", "dropout", "batch_norm", "lstm_cell", "attention", "cross_entropy", "mse", "hinge", "l2", "glorot",
    "he", "grad", "params", "shape", "size", "net", "twice", "pair", "fc", "small", "plain", "embedding",
]  # fmt: skip
KEYS = ["axis", "keepdims", "units", "activation", "shape", "x", "k", "p", "nonsense"]


def _expressions() -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        argument = inner | st.tuples(st.sampled_from(KEYS), inner).map(" = ".join)
        call = st.tuples(st.sampled_from(CALLS), st.lists(argument, max_size=4)).map(
            lambda p: f"{p[0]}({', '.join(sorted(p[1], key=lambda a: '=' in a))})"
        )
        return (
            st.tuples(inner, st.sampled_from(OPERATORS), inner).map(" ".join)
            | call
            | inner.map("({})".format)
            | inner.map("-{}".format)
            | inner.map("not {}".format)
            | st.lists(inner, max_size=3).map(lambda v: f"[{', '.join(v)}]")
            | st.tuples(inner, inner).map("{0[0]}[{0[1]}]".format)
        )

    return st.recursive(st.sampled_from(ATOMS), extend, max_leaves=6)


EXPRESSIONS = _expressions()
SIZES = st.sampled_from(
    [
        "N",
        "M",
        "3",
        "0",
        "2*N",
        "N // 2",
        "N % 0",
        "-1",
        "1_000_000_000_000",
        "k",
        "x",
        "...",
        "N*M + 1",
        "2.5",
    ]
)
TYPES = st.builds(
    lambda kind, shape: kind + (f"[{', '.join(shape)}]" if shape is not None else ""),
    st.sampled_from(["", "int", "bool", "float"]),
    st.none() | st.lists(SIZES, max_size=3),
).map(lambda t: t or "[]")
NAME = st.sampled_from(NAMES[:9])

SIMPLE = st.one_of(
    st.builds("{} = {}".format, NAME, EXPRESSIONS),
    st.builds("{}, {} = {}".format, NAME, NAME, EXPRESSIONS),
    st.builds("input {}: {}".format, NAME, TYPES),
    st.builds("input {}: {} = {}".format, NAME, TYPES, EXPRESSIONS),
    st.builds("input {} = {}".format, NAME, EXPRESSIONS),
    st.builds("param {}: {} ~ {}".format, NAME, TYPES, EXPRESSIONS),
    st.builds("param {}: {} = {}".format, NAME, TYPES, EXPRESSIONS),
    st.builds("state {}: {} = {}".format, NAME, TYPES, EXPRESSIONS),
    st.builds("const {} = {}".format, NAME, EXPRESSIONS),
    st.builds("layer {} = {}".format, NAME, EXPRESSIONS),
    st.builds("update {} = {}".format, NAME, EXPRESSIONS),
    st.builds("output {}".format, NAME),
    st.builds("metric {} = {}".format, NAME, EXPRESSIONS),
    st.builds('assert {}, "{{N}} {{x}} {{"'.format, EXPRESSIONS),
    st.builds("expect {} == {} within {}".format, EXPRESSIONS, EXPRESSIONS, EXPRESSIONS),
    st.builds("train {{ minimize = {}\n epochs = {}\n optimizer = {} }}".format, EXPRESSIONS, EXPRESSIONS, EXPRESSIONS),
    st.builds("data {} = csv({}) {{ x = {} }}".format, NAME, EXPRESSIONS, EXPRESSIONS),
    st.builds("grad({}) = {}".format, NAME, EXPRESSIONS),
)  # fmt: skip
BLOCKS = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds("for {} in {} {{\n{}\n}}".format, NAME, EXPRESSIONS | st.just("1..2"), st.lists(inner, max_size=3).map("\n".join)),
        st.builds("if {} {{\n{}\n}} else {{\n{}\n}}".format, EXPRESSIONS, inner, inner),
        st.builds("network {}(x: {}, k: int = {}) -> h {{\n{}\n}}".format, NAME, TYPES, EXPRESSIONS, st.lists(inner, max_size=4).map("\n".join)),
        st.builds("gate {}(x, y: {}) -> h {{\n{}\nbackward {{\n{}\n}}\n}}".format, NAME, TYPES, st.lists(inner, max_size=3).map("\n".join), st.lists(inner, max_size=3).map("\n".join)),
        st.builds("init {}(k: float = {}) = {}".format, NAME, EXPRESSIONS, EXPRESSIONS),
    ),
    max_leaves=6,
)  # fmt: skip
PRELUDE = """
gate twice(a) -> b { b = 2 * a }
network pair(a: [..., D]) -> (b, c) { b = a
  c = a @ [[1, 2], [3, 4]] }
const two = 2
input u: [N, two]
input v: [two, M] = [[1, 2, 3], [4, 5, 6]]
input i: int[N]
input b: bool[N]
param V: [two, two] ~ normal(0, 1)
state m: [two] = 0
layer enc = dense(two)
init small() = normal(0, 1 / fan_in)
optimizer plain(lr: float = 0.1) { weight = weight - lr * gradient }
"""


@settings(max_examples=120, **COMMON)
@given(st.lists(BLOCKS, max_size=8), st.booleans())
@example(["input x: [1_000_000_000_000, 1_000_000_000_000] = 0"], False)
@example(
    ["const k = -9223372036854775807 - 1", "const h = -k", "const f = abs(k)", "const y = k // -1"], False
)
def test_soups_of_statements_end(statements: list[str], with_definitions: bool) -> None:
    check((PRELUDE if with_definitions else "") + "\n".join(statements))


# --- damaged files -------------------------------------------------------------------------------


@settings(max_examples=150, **COMMON)
@given(st.data())
def test_damaged_files_end(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES + CASES))
    other = data.draw(st.sampled_from(EXAMPLES + CASES)).split("\n")
    lines = text.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.integers(0, 4)):
            case 0:
                del lines[at : at + 1]
            case 1:
                lines.insert(at, data.draw(st.sampled_from(other)))
            case 2:
                lines.insert(at, data.draw(st.sampled_from(lines)))
            case 3:
                words = lines[at].split(" ")
                words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.sampled_from(ATOMS))
                lines[at] = " ".join(words)
            case _:
                column = data.draw(st.integers(0, len(lines[at])))
                lines[at] = lines[at][:column] + lines[at][column + 1 :]
        lines = lines or [""]
    check("\n".join(lines))


# --- hostile files -------------------------------------------------------------------------------


def _doubling(depth: int) -> str:
    links = [f"gate g{k}(x) -> y {{ y = g{k - 1}(g{k - 1}(x)) }}" for k in range(1, depth)]
    return "\n".join(["gate g0(x) -> y { y = x + 1 }", *links, "input x = 1", f"f = g{depth - 1}(x)"])


HOSTILE = {
    "a huge loop": "for k in 1..9223372036854775807 { h = k }",
    "a huge empty loop": "for k in -9223372036854775807..9223372036854775807 { }",
    "nested loops": "input x = 1\nh = x\n" + "for k in 1..50 { " * 6 + "h = h + 1" + " }" * 6,
    "calls that double": _doubling(60),
    "a chain of calls": "gate g0(x) -> y { y = x }\n"
    + "\n".join(f"gate g{k}(x) -> y {{ y = g{k - 1}(x) }}" for k in range(1, 300))
    + "\ninput x = 1\nf = g299(x)",
    "huge shapes": "input x: [1_000_000_000_000, N, 1_000_000_000_000] = 0\nparam W: [1_000_000_000_000] = 0\n"
    "h = x @ x.T\nf = reshape(x, [-1])\ng = concat([f, f])",
    "a huge default": "input x: [1_000_000_000_000] = 0",
    "a deep list": "input x = " + "[" * 90 + "1" + "]" * 90,
    "a wide list": "input x = [" + ", ".join(["[1, 2]"] * 5_000) + "]",
    "a long sum": "input x = 1\nf = " + " + ".join(["x"] * 5_000),
    "a long pipeline": "input x = 1\nf = x" + " -> relu" * 5_000,
    "many names": "input x = 1\n" + "\n".join(f"v{k} = x + w{k}" for k in range(300)),
    "a polynomial": "input a: [" + ", ".join("abcdefghij") + "]\nf = reshape(a, ["
    + " * ".join(["(a + b + c + d + e + f + g + h + i + j)"] * 12) + "])",
    "many split parts": "input x: [1_000_000_000]\na, b = split(x, 1_000_000_000)",
    "a huge power": "const a = 9 ^ 9 ^ 9 ^ 9\nconst b = 0.5 ^ -99999999\nconst c = (-8) ^ (1 / 3)",
    "a huge range of columns": 'data d = csv("a") { x = columns(0..9223372036854775807) }',
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_end_soon(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A hundredth of the limits takes a hundredth of the time.
    monkeypatch.setattr("graphlang.elaborate.statements.MAX_STATEMENTS", 2_000)
    monkeypatch.setattr("graphlang.elaborate.loops.MAX_ITERATIONS", 1_000)
    start = time.process_time()
    check(HOSTILE[name])
    assert time.process_time() - start < 10


@pytest.mark.parametrize("name", sorted(registry.all_ops()))
def test_operations_refuse_what_they_cannot_take(name: str) -> None:
    given_ = [
        "",
        "1",
        "1, 2",
        "1, 2, 3",
        "x",
        "x, x",
        "x, 1",
        "x, x, x",
        "x, [0, 1]",
        "[x, x]",
        "k, k",
        "x, k",
        '"a"',
        "t",
    ]
    statements = [f"v{i} = {name}({arguments})" for i, arguments in enumerate(given_)]
    check("input x: [N, 3]\ninput k: int[N]\ninput t: bool\n" + "\n".join(statements))
