"""Rendering of diagnostics: shape, alignment, safety, JSON."""

from graphlang.diagnostics.diagnostic import Diagnostic, Label, Severity
from graphlang.diagnostics.render import as_json, render, render_all
from graphlang.source import SourceFile, Span

SOURCE = SourceFile("net.graph", "W = 3\n\ty = 数 @ W\nz = (a +\n  b)\n")


def problem(start: int, end: int, **more: object) -> Diagnostic:
    label = Label(Span(SOURCE, start, end), str(more.pop("label", "")))
    return Diagnostic("E0401", Severity.ERROR, "It is wrong.", label, **more)  # type: ignore[arg-type]


def test_a_diagnostic_looks_like_this() -> None:
    declared = Label(Span(SOURCE, 0, 1), "declared here")
    text = render(problem(15, 16, label="here", related=(declared,), notes=("A note.",), suggestion="Do so."))
    assert text == (
        "error[E0401]: It is wrong.\n"
        " --> net.graph:2:10\n"
        "  |\n"
        "2 |     y = 数 @ W\n"
        "  |              ^ here\n"
        " ::: net.graph:1:1\n"
        "  |\n"
        "1 | W = 3\n"
        "  | - declared here\n"
        "  |\n"
        "  = note: A note.\n"
        "  = help: Do so."
    )


def test_of_several_lines_the_first_is_shown() -> None:
    assert render(problem(21, 30)).endswith("3 | z = (a +\n  |     ^^^^ …")


def test_long_lines_are_cut_around_the_caret() -> None:
    source = SourceFile("n", "x = " + "a + " * 300_000 + "!" + " + b" * 300_000)
    at = source.text.index("!")
    text = render(Diagnostic("E1", Severity.ERROR, "m", Label(Span(source, at, at + 1))))
    line, marks = text.split("\n")[3:5]
    assert len(line) < 140 and line[marks.index("^")] == "!"


def test_escape_sequences_of_a_file_do_not_reach_the_terminal() -> None:
    source = SourceFile("n", "x = \x1b[31m \u202e y")
    text = render(Diagnostic("E1", Severity.ERROR, "bad \x1b[0m", Label(Span(source, 4, 5))))
    assert "\x1b" not in text and "\u202e" not in text


def test_a_caret_at_the_end_of_the_text_is_shown_behind_it() -> None:
    source = SourceFile("n", "x =")
    assert render(Diagnostic("E1", Severity.ERROR, "m", Label(Span(source, 3, 3)))).endswith(
        "1 | x =\n  |    ^"
    )


def test_colours_appear_only_when_wanted() -> None:
    assert "\x1b[" in render(problem(0, 1), color=True) and "\x1b[" not in render(problem(0, 1))


def test_the_last_line_counts() -> None:
    warning = Diagnostic("W0001", Severity.WARNING, "m")
    assert render_all([problem(0, 1), problem(0, 1), warning]).endswith("\n\n2 errors, 1 warning")


def test_json_has_exactly_the_promised_fields() -> None:
    declared = Label(Span(SOURCE, 0, 1), "declared here")
    assert as_json(problem(11, 16, related=(declared,), notes=("n",))) == {
        "code": "E0401",
        "severity": "error",
        "message": "It is wrong.",
        "file": "net.graph",
        "line": 2,
        "column": 6,
        "end_line": 2,
        "end_column": 11,
        "notes": ["declared here: net.graph:1:1", "n"],
        "suggestion": None,
    }
