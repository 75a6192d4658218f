"""The parser: trees, spans, precedence, recovery, and that no text whatever makes it raise."""

import gc
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphlang
from graphlang.diagnostics.codes import CODES, SYNTAX, TEXT_AND_TOKENS
from graphlang.records import names_of
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.grammar import load_grammar
from graphlang.syntax.mistakes import ROWS
from graphlang.syntax.mistakes.habits import FUNCTIONS
from graphlang.syntax.parse import parse

BLOCKS = sorted((Path(__file__).parent / "language").glob("*.graph"))


def read(text: str) -> tree.File:
    outcome = parse(SourceFile("test.graph", text))
    assert outcome.ok, [(d.code, d.message) for d in outcome.problems]
    return outcome.value


def codes(text: str) -> list[str]:
    return [d.code for d in parse(SourceFile("test.graph", text)).problems]


def show(node: tree.Syntax) -> str:
    """An expression with all its parentheses."""
    match node:
        case tree.Name():
            return node.id
        case tree.Number():
            return repr(node.value)
        case tree.Binary():
            return f"({show(node.left)} {node.op} {show(node.right)})"
        case tree.Unary():
            return f"({node.op} {show(node.operand)})"
        case tree.Pipe():
            return f"({show(node.value)} -> {show(node.target)})"
        case tree.Range():
            return f"({show(node.start)}..{show(node.stop)})"
    return node.span.text


@pytest.mark.parametrize(
    ("text", "tree_text"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("-x^2", "(- (x ^ 2))"),
        ("2^-1", "(2 ^ (- 1))"),
        ("2^3^2", "(2 ^ (3 ^ 2))"),
        ("x @ W + b -> relu", "(((x @ W) + b) -> relu)"),
        ("not a == b and c", "((not (a == b)) and c)"),
        ("a or b and c", "(a or (b and c))"),
        ("1..L + 1", "(1..(L + 1))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("a // b % c", "((a // b) % c)"),
    ],
)
def test_operators_bind_as_the_language_page_says(text: str, tree_text: str) -> None:
    (statement,) = read(f"y = {text}").body
    assert isinstance(statement, tree.Bind)
    assert show(statement.value) == tree_text


def test_spans_cover_exactly_what_was_written() -> None:
    (statement,) = read("  y = (x + λ) * f(a, n = 2).T  # note\n").body
    texts = {node.span.text for node in tree.walk(statement)}
    assert {
        "y = (x + λ) * f(a, n = 2).T",
        "(x + λ) * f(a, n = 2).T",
        "x + λ",
        "n = 2",
        "f(a, n = 2)",
    } <= texts


@given(st.integers(0, 50))
def test_spans_nest(seed: int) -> None:
    import random

    rng = random.Random(seed)
    text = "y = " + "a"
    for _ in range(10):
        text = rng.choice(
            ["y = (%s)", "y = %s + b", "y = f(%s, k = %s)", "y = -%s", "y = %s[0, 1:%s]"]
        ).replace("%s", text[4:])
        if len(text) > 500:
            break
    file = read(text)
    for node in tree.walk(file):
        for f in names_of(node):
            value = getattr(node, f)
            for child in value if isinstance(value, tuple) and f != "span" else [value]:
                if isinstance(child, tree.Syntax):
                    assert node.span.start <= child.span.start <= child.span.end <= node.span.end


def test_statements_become_their_nodes() -> None:
    file = read(
        'import "a.graph"\nfrom "b.graph" import c, d\nconst H = 1\ninput x: [N, H] = 0.5\n'
        "param W: [H] ~ normal(0, 1)\nparam b: [H] = 0\nstate m = 0\nlayer l = dense(3)\nmetric k = mean(x)\n"
        'h, c = cell(x)\noutput h, c\nexpect h == 3 within 1e-3\nassert H == 1, "no {H}"\n'
        "gate g(x) -> y { y = x\n backward { grad(x) = grad(y) } }\n"
        "network n(x: [..., D], u: int = 3, f: op = relu) -> (a, b,) { update m = 3 }\n"
        "init i() = zeros()\noptimizer o(lr: float = 0.1) { weight = weight }\n"
        "for k in 1..3 { h = h }\nif H { a = 1 } else if x { b = 2 }\nelse { d = 3 }\n"
        "data t = xor() { x = column(1) }\ntrain on t { minimize = k\n optimizer = sgd() }\n"
        "train { seed = 0 }"
    )
    assert [type(s).__name__ for s in file.body] == [
        "Import",
        "Import",
        "Const",
        "Input",
        "Param",
        "Param",
        "State",
        "Layer",
        "Metric",
        "Bind",
        "Output",
        "Expect",
        "Assert",
        "Gate",
        "Network",
        "Init",
        "Optimizer",
        "For",
        "If",
        "Data",
        "Train",
        "Train",
    ]
    gate = file.body[13]
    assert isinstance(gate, tree.Gate) and gate.backward and isinstance(gate.backward.body[0], tree.GradBind)
    network = file.body[14]
    assert isinstance(network, tree.Network) and [r.text for r in network.results] == ["a", "b"]
    train = file.body[20]
    assert (
        isinstance(train, tree.Train)
        and train.data
        and [s.targets[0].text for s in train.settings][1] == "optimizer"
    )


def test_contextual_words_are_names_elsewhere() -> None:
    read(
        "on = 1\nwithin = 2\ngrad_ = on\nminimize = within\ny = grad(f, on)\nint = 3\n"
        "expect within == 3 within on"
    )


def test_newlines_end_statements_except_in_brackets_and_before_arrows() -> None:
    file = read("h = f(\n  a,\n  b,\n)\ny = h\n  -> relu\n\n  # so\n  -> dense(3)\nz = [1,\n2]")
    assert len(file.body) == 3


def test_comments_become_description_and_docs() -> None:
    file = read("# What this\n# is.\nx = 1\n\n# far away\n\n# the answer\nconst y = 2  # side\nz = 3")
    assert file.description == "What this\nis."
    assert [getattr(s, "doc", None) for s in file.body] == [None, "the answer", None]
    assert len(file.comments) == 5


def test_all_errors_are_found_in_one_run() -> None:
    text = "inptu x = 1\ngate f(x) -> y {\n  y = x +\n  z = f(a: 1)\n}\n"
    text += "if c {\n  for k in 1..3 {\n    b = = 1\n  }\n}\nq = 1 r = 2\n"
    outcome = parse(SourceFile("test.graph", text))
    assert [(d.code, d.span and d.span.line) for d in outcome.problems] == [
        ("E0211", 1),
        ("E0202", 3),
        ("E0217", 4),
        ("E0202", 8),
        ("E0205", 11),
    ]
    assert outcome.value.body[0] == tree.ErrorStatement(outcome.value.body[0].span, ("inptu", "x"))
    assert [type(s).__name__ for s in outcome.value.body] == ["ErrorStatement", "Gate", "If", "Bind", "Bind"]


@pytest.mark.parametrize("condition", ["a == 1 and b == 2", "a == 1 or b == 2", "not a == 1"])
def test_comparisons_that_are_joined_are_to_be_written_one_by_one(condition: str) -> None:
    (problem,) = parse(SourceFile("test.graph", f"expect {condition}")).problems
    assert problem.code == "E0215"
    assert problem.suggestion and problem.suggestion.startswith("Write one `expect` for each comparison")


def test_parsing_leaves_the_garbage_collector_as_it_was() -> None:
    read("x = 1")
    assert gc.isenabled()
    gc.disable()
    try:
        read("x = 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_broken_first_line_does_not_hide_its_block() -> None:
    outcome = parse(SourceFile("test.graph", "fro k in 1..3 {\n  h = 1\n  b = = 2\n}\nx = h"))
    assert [d.code for d in outcome.problems] == ["E0211", "E0202"]
    broken = outcome.value.body[0]
    assert isinstance(broken, tree.ErrorStatement) and "h" in broken.names


def test_an_error_behind_a_broken_block_is_passed_over() -> None:
    outcome = parse(SourceFile("test.graph", "a = 1\n, x {\n  b = 2\n} const c\nd = = 3\n"))
    assert [d.code for d in outcome.problems] == ["E0201", "E0202"]
    assert [type(s).__name__ for s in outcome.value.body] == ["Bind", "ErrorStatement", "ErrorStatement"]


def test_an_unclosed_block_ends_before_the_next_definition() -> None:
    outcome = parse(SourceFile("test.graph", "gate f(x) -> y {\n  y = x\n\ngate g(x) -> y {\n  y = x\n}\n"))
    assert [(d.code, d.span and d.span.start) for d in outcome.problems] == [("E0203", 15)]
    assert [type(s).__name__ for s in outcome.value.body] == ["Gate", "Gate"]


@pytest.mark.parametrize(
    ("row", "example"),
    [(row, example) for row in ROWS for example in row.examples],
    ids=lambda v: str(v)[:40],
)
def test_each_mistake_is_recognised_by_its_row(row, example: str) -> None:
    assert codes(example)[:1] == [row.code]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_that_are_known_without_parentheses_exist(name: str) -> None:
    graphlang.parse(f"input x: [2, 2]\ny = {name}(x)")


@pytest.mark.parametrize("code", [*TEXT_AND_TOKENS, *SYNTAX])
def test_examples_of_the_catalogue_have_their_mistake_and_only_that(code: str) -> None:
    page = CODES[code]
    if page.wrong is not None:
        assert codes(page.wrong) == [code]
    if page.right is not None:
        assert codes(page.right) == []


@pytest.mark.parametrize("place", BLOCKS, ids=lambda place: place.stem)
def test_the_programs_of_the_language_page_parse(place: Path) -> None:
    read(place.read_text(encoding="utf-8"))


WORDS = [
    *load_grammar().words,
    *load_grammar().literals,
    "\n",
    "x",
    "f",
    "3",
    '"s"',
    "#c\n",
    " ",
    "on",
    "grad",
    "é",
    "'",
]


@given(st.text(max_size=60))
@settings(max_examples=150, deadline=None)
def test_no_text_makes_the_parser_raise(text: str) -> None:
    assert isinstance(parse(SourceFile("test.graph", text)).value, tree.File)


@given(st.lists(st.sampled_from(WORDS), max_size=40))
@settings(max_examples=250, deadline=None)
def test_no_tokens_make_the_parser_raise(words: list[str]) -> None:
    outcome = parse(SourceFile("test.graph", " ".join(words)))
    assert isinstance(outcome.value, tree.File)
    for node in tree.walk(outcome.value):
        assert 0 <= node.span.start <= node.span.end


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "(" * 5000 + "1" + ")" * 5000,
        "x = " + "-" * 5000 + "1",
        "x = f" + "(1)" * 5000,
        "x = " + "^".join("a" * 5000),
        "x = " + "+".join("a" * 5000),
        "if a { if a " * 5000,
        "{" * 5000,
        "([{" * 5000,
        "if a { } " + "else if a { } " * 5000,
    ],
    ids=lambda text: text[:10],
)
def test_deep_nesting_overflows_nothing(text: str) -> None:
    file = parse(SourceFile("test.graph", text)).value
    assert all(node.depth <= tree.MAX_DEPTH for node in tree.walk(file) if isinstance(node, tree.Expr))


def test_reading_time_grows_linearly() -> None:
    def seconds(lines: int) -> float:
        start = time.process_time()
        read("".join(f"v{i} = v3 * v5\n" for i in range(lines)))
        return time.process_time() - start

    seconds(100)
    assert seconds(8000) < 40 * seconds(1000) + 0.5


def test_walking_a_tree_meets_every_record_in_it() -> None:
    """What `walk` leaves out as plain is compared with all that the fields hold."""
    for path in sorted((Path(__file__).parents[2] / "examples").glob("*.graph")):
        file = read(path.read_text(encoding="utf-8"))
        met = {id(node) for node in tree.walk(file)}
        for node in tree.walk(file):
            for name in names_of(node):
                value = getattr(node, name)
                for part in value if type(value) is tuple else (value,):
                    assert id(part) in met or not isinstance(part, tree.Syntax)
