"""The token filter: repairs, names, strings, numbers; the cache of the grammar; reading of files."""

import logging
from pathlib import Path

import lark
import pytest

from graphlang.diagnostics.diagnostic import Problems
from graphlang.source import SourceFile
from graphlang.syntax import grammar, tables, tree
from graphlang.syntax.parse import parse
from graphlang.syntax.reading import decode_source, read_source
from graphlang.syntax.tokens import tokenize


def found(text: str) -> list[tuple[str, int, str]]:
    return [
        (d.code, d.span.start, d.span.text) for d in parse(SourceFile("t.graph", text)).problems if d.span
    ]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("y = x ** 2", "E0102", "**"),
        ("y := 2", "E0102", ":="),
        ("y = a && b", "E0102", "&&"),
        ("y = a || b", "E0102", "||"),
        ("y = !a", "E0102", "!"),
        ("y = a − b", "E0102", "−"),
        ("y = a × b", "E0102", "×"),
        ("y = a·b", "E0102", "·"),
        ("y = a ≤ b", "E0102", "≤"),
        ("y = a → f", "E0102", "→"),
        ("y += 2", "E0102", "+="),
        ("y = “a”", "E0113", "“a”"),
        ("y = 'a'", "E0113", "'a'"),
        ('y = "abc', "E0103", '"abc'),
        ('y = f("abc)', "E0103", '"abc)'),
        ('y = "a\\qb"', "E0104", "\\q"),
        ('y = "\\u{110000}"', "E0104", "\\u{110000}"),
        ("y = 1.", "E0105", "1."),
        ("y = .5", "E0105", ".5"),
        ("y = 1e", "E0105", "1e"),
        ("y = 3x", "E0105", "3x"),
        ("y = 9223372036854775808", "E0106", "9223372036854775808"),
        ("y = 1e999", "E0106", "1e999"),
        ("y = True", "E0109", "True"),
        ("y = x₁", "E0107", "₁"),
        ("y = W' * x", "E0101", "'"),
        ("y = 1\x00", "E0101", "\x00"),
        ("y = f(1]", "E0204", "]"),
        ("y = 1)", "E0204", ")"),
        ("y = 1 }", "E0204", "}"),
    ],
)
def test_each_slip_is_reported_once_exactly_where_it_is(text: str, code: str, place: str) -> None:
    assert found(text) == [(code, text.index(place), place)]


def test_numbers_and_texts_have_their_values() -> None:
    file = parse(SourceFile("t", 'a = 1_000\nb = 1e-4\nc = "a\\n\\u{3bb}\\""\nd = 9223372036854775807')).value
    assert [s.value.value for s in file.body] == [1000, 1e-4, 'a\nλ"', 2**63 - 1]  # type: ignore[attr-defined]


def test_names_are_compared_in_normal_form() -> None:
    file = parse(SourceFile("t", "é = 1\ny = e\u0301")).value
    (first, second) = file.body
    assert isinstance(first, tree.Bind) and isinstance(second, tree.Bind)
    assert isinstance(second.value, tree.Name) and second.value.id == first.targets[0].text


def test_crlf_and_tabs_are_plain_white_space() -> None:
    assert found("\tx = 1\r\n\ty\t=\tx\r\n") == []


def test_tokens_are_those_of_larks_own_lexer() -> None:
    text = 'gate f(x: [..., D]) -> y { y = x.T @ W[0, 1:] ^ -2.5e3 // 3 <= "s" }  # c\nfor k in 1..3 { }'
    own = [t for t in tokenize(SourceFile("t", text), grammar.load_grammar(), Problems()).tokens if t.text]
    made = lark.Lark(
        grammar.grammar_text(),
        parser="lalr",
        lexer="basic",
        maybe_placeholders=True,
        postlex=tables._KeepMistakes(),
    )
    assert [(t.type, t.text) for t in own] == [(t.type, str(t)) for t in made.lex(text)]


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    lark.logger.setLevel(logging.DEBUG)
    lark.logger.propagate = True
    with caplog.at_level(logging.DEBUG, logger="lark"):
        lark.Lark(grammar.grammar_text(), parser="lalr", lexer="basic", debug=True, maybe_placeholders=True)
    lark.logger.setLevel(logging.CRITICAL)
    assert not [r for r in caplog.records if "conflict" in r.getMessage().lower()]


def test_every_rule_has_its_function() -> None:
    from graphlang.syntax.build import Builder

    table = vars(Builder(SourceFile("t", ""), None, Problems(), []).table())  # type: ignore[arg-type]
    named = {
        r.makes
        for r in grammar.load_grammar().rules
        if not r.origin.startswith("_") and not (r.is_single and r.size == 1)
    }
    assert named == set(table)


# --- cache ---------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHLANG_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_tables_are_cached_as_json_and_read_back(cache: Path) -> None:
    fresh = grammar.load_grammar.__wrapped__()
    (file,) = cache.iterdir()
    again = grammar.load_grammar.__wrapped__()
    assert file.suffix == ".json" and again.actions == fresh.actions and again.rules == fresh.rules


@pytest.mark.parametrize("damage", [b"", b"garbage", b"\x80\x04pickle", b"{}\n{}"])
def test_a_damaged_cache_is_made_again(cache: Path, damage: bytes) -> None:
    fresh = grammar.load_grammar.__wrapped__()
    (file,) = cache.iterdir()
    good = file.read_bytes()
    file.write_bytes(damage)
    assert grammar.load_grammar.__wrapped__().actions == fresh.actions
    assert file.read_bytes() == good


def test_an_unwritable_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GRAPHLANG_CACHE_DIR", str(tmp_path / "file" / "below"))
    assert grammar.load_grammar.__wrapped__().actions


# --- files ---------------------------------------------------------------------------------------


def test_a_byte_order_mark_is_dropped() -> None:
    assert decode_source(b"\xef\xbb\xbfx = 1", "t").value.text == "x = 1"


def test_a_bad_byte_is_shown_by_line_and_column() -> None:
    (problem,) = decode_source("x = 1\ny = é".encode("latin-1"), "t").problems
    assert problem.code == "E0111" and problem.span and (problem.span.line, problem.span.column) == (2, 5)


@pytest.mark.parametrize(("data", "code"), [("x".encode("utf-16"), "E0111"), (b"a\0b", "E0112")])
def test_what_is_no_text_is_refused(data: bytes, code: str) -> None:
    assert [d.code for d in decode_source(data, "t").problems] == [code]


def test_missing_files_and_directories_are_reported(tmp_path: Path) -> None:
    (tmp_path / "net.graph").write_text("x = 1")
    (missing,) = read_source(str(tmp_path / "net")).problems
    assert missing.code == "E0110" and missing.suggestion and "net.graph" in missing.suggestion
    (folder,) = read_source(str(tmp_path)).problems
    assert "directory" in folder.message
    assert read_source(str(tmp_path / "net.graph")).value.text == "x = 1"
