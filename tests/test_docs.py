"""Every block of the documentation does what the page says.

A page is read from top to bottom in a folder of its own, where `examples` is the repository's:

- ```` ```graph ```` is a whole file, which must be free of errors. `fragment` marks lines that are only part
  of a file: they must be readable. `wrong` marks a file that must have errors; `signature` and `example`
  stand on generated pages, whose sources have tests of their own.
- A block with `title="first.graph"` is also written to that name, for the commands below it.
- ```` ```console ```` holds commands behind `$`, each followed by all that it prints, on both streams.
- ```` ```python ```` with `>>>` is a doctest.

`pytest tests/test_docs.py --accept` writes the outputs of the commands into the pages.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from graphlang import pipeline
from graphlang.cli.main import main
from graphlang.source import SourceFile
from graphlang.syntax.parse import parse

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if "changelog.d" not in p.parts] + [ROOT / "README.md"]
BLOCK = re.compile(r"^```(\w+)[ ]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the words behind it, its text and where the text stands in the page."""

    language: str
    words: str
    text: str
    start: int
    line: int

    @property
    def marks(self) -> set[str]:
        """The words other than the title."""
        return {w for w in self.words.split() if "=" not in w}

    @property
    def title(self) -> str | None:
        """The file that the block is written to."""
        found = re.search(r'title="([^"]+)"', self.words)
        return found[1] if found else None


def blocks(page: str) -> Iterator[Block]:
    for m in BLOCK.finditer(page):
        yield Block(m[1], m[2], m[3], m.start(3), page.count("\n", 0, m.start()) + 1)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_block_of_a_page_does_what_it_says(path: Path, folder: Path, accept: bool) -> None:
    page = path.read_text(encoding="utf-8")
    replaced: list[tuple[Block, str]] = []
    wrong: list[str] = []
    names: dict[str, object] = {}
    for block in blocks(page):
        where = f"{name_of(path)}:{block.line}"
        if block.title is not None:
            (folder / block.title).write_text(block.text, encoding="utf-8")
        if block.language == "graph":
            wrong += [f"{where}: {message}" for message in mistakes_of(block, folder)]
        elif block.language == "console":
            found = replayed(block.text)
            if found != block.text:
                replaced.append((block, found))
                wrong.append(f"{where}: expected\n{block.text}\nbut found\n{found}")
        elif block.language == "python" and ">>>" in block.text:
            wrong += doctest_failures(block, where, names)
    if accept and replaced:
        for block, text in reversed(replaced):
            page = page[: block.start] + text + page[block.start + len(block.text) :]
        path.write_text(page, encoding="utf-8")
        wrong = [w for w in wrong if ": expected\n" not in w]
    assert not wrong, "\n\n".join(wrong)


def mistakes_of(block: Block, folder: Path) -> list[str]:
    if {"signature", "example"} & block.marks:
        return []
    if "fragment" in block.marks:
        return [d.message for d in parse(SourceFile("fragment", block.text)).problems]
    outcome = pipeline.compile_source(
        SourceFile(block.title or "block.graph", block.text, str(folder / "block.graph"))
    )
    if "wrong" in block.marks:
        return [] if not outcome.ok else ["this file should have errors"]
    return [d.message for d in outcome.problems]


def replayed(text: str) -> str:
    """The commands of a console block, each followed by what it prints now."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    pairs = zip(parts[::2], parts[1::2], strict=True)
    return "".join(f"$ {command}\n{found(command, recorded)}" for command, recorded in pairs)


def found(command: str, recorded: str) -> str:
    # argparse lays out its help differently from Python 3.13 on.
    is_foreign_help = "--help" in command and sys.version_info >= (3, 13)
    return recorded if is_foreign_help and recorded else output_of(command)


def output_of(command: str) -> str:
    words = shlex.split(command, comments=True)
    if words[0] == "cat":
        return "".join(Path(name).read_text(encoding="utf-8") for name in words[1:])
    if words[0] == "python":
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, encoding="utf-8")
        return done.stdout + done.stderr
    assert words[0] == "graphlang", f"only graphlang, python and cat are run here, not {words[0]}"
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8", write_through=True)
    with (
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
        contextlib.suppress(SystemExit),
    ):
        main(words[1:])
    stream.flush()
    lines = raw.getvalue().decode("utf-8").splitlines()
    # Space at the end of a line would be lost in the first editor.
    return "".join(line.rstrip() + "\n" for line in lines)


def doctest_failures(block: Block, where: str, names: dict[str, object]) -> list[str]:
    """What a doctest finds; `names` carries what the page's blocks have bound on to the next."""
    test = doctest.DocTestParser().get_doctest(block.text, names, where, where, 0)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=report.write, clear_globs=False)
    names.update(test.globs)
    return [report.getvalue()] if runner.failures else []


# --- generated pages -----------------------------------------------------------------------------


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["docs_generate"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["operations.md", "standard-library.md", "diagnostics.md"])
def test_generated_pages_are_current(name: str, accept: bool) -> None:
    text = generator().PAGES[name]()
    path = DOCS / "reference" / name
    if accept:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, "run docs/generate.py"


def test_pictures_are_what_the_command_draws(tmp_path: Path, accept: bool) -> None:
    path = DOCS / "images" / "sigmoid_neuron_gates.svg"
    drawn = path if accept else tmp_path / path.name
    source = str(ROOT / "examples" / "sigmoid_neuron_gates.graph")
    assert main(["draw", source, "--engine", "builtin", "-o", str(drawn), "-q"]) == 0
    assert drawn.read_bytes() == path.read_bytes(), "run pytest --accept"


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    text = BLOCK.sub("", path.read_text(encoding="utf-8"))
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)", text):
        goal = path if not target else Path(os.path.normpath(path.parent / target))
        assert goal.exists(), f"{name_of(path)} links to {target}"
        if anchor and goal.suffix == ".md":
            assert anchor[1:] in anchors(goal.read_text(encoding="utf-8")), (
                f"{name_of(path)} links to {target}{anchor}"
            )


def anchors(page: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
