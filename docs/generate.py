"""Write the reference pages that follow from the code: operations, standard library, diagnostics.

Run `python docs/generate.py`; `tests/test_docs.py` checks that the pages are current.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType

from graphlang.diagnostics.codes import CODES
from graphlang.elaborate.operations import usage
from graphlang.graph.op import Op
from graphlang.ops import registry
from graphlang.source import SourceFile
from graphlang.syntax import tree
from graphlang.syntax.parse import parse

NOTE = "<!-- Written by docs/generate.py; change its sources and run it again. -->\n"

# --- operations ----------------------------------------------------------------------------------

CHAPTERS = {
    "arithmetic": "Arithmetic",
    "elementwise": "Functions of one entry",
    "fused": "Activations and softmax",
    "reduction": "Reductions",
    "comparison": "Comparison, logic and choice",
    "linear": "Products of matrices",
    "convolution": "Convolution",
    "pooling": "Pooling",
    "shaping": "Shapes",
    "indexing": "Indexing",
    "random": "Random draws",
}
# What the elaborator and the differentiator bring in; a file has other ways of saying them.
PARTS_OF_OTHERS = {
    "to_float", "to_int", "to_bool", "index", "unindex",
    "scatter_add", "ungather", "prod_others", "size_value",
}  # fmt: skip
PREFIX = {"neg": "-x", "logical_not": "not x"}
KINDS = {
    "Float": "floats (others are converted)",
    "Number": "floats or integers (booleans count as 0 and 1)",
    "Same": "any kind, converted to one",
    "Int": "integers",
    "Bool": "booleans",
    "Any_": "any kind",
}


def operations() -> str:
    """The page of all primitive operations."""
    by_module: dict[str, list[Op]] = {}
    for op in registry.all_ops().values():
        by_module.setdefault(op.kernel.__module__.rsplit(".", 1)[-1], []).append(op)
    parts = [OPERATIONS_HEAD]
    for module, title in CHAPTERS.items():
        shown = [op for op in by_module[module] if op.name not in PARTS_OF_OTHERS]
        source = inspect.getmodule(shown[0].kernel)
        assert source is not None
        parts.append(f"## {title}\n\n{_sentences(_essay(source))}\n")
        parts += [_operation(op) for op in shown]
    listed = ", ".join(f"`{name}`" for name in sorted(PARTS_OF_OTHERS))
    parts.append(
        "## Parts of others\n\n"
        f"A graph may also hold {listed}.\n"
        "They stand for conversions, indices and sizes, and for the gradients of those;"
        " `graphlang show` names them.\n"
    )
    return "\n".join(parts)


OPERATIONS_HEAD = f"""# Operations

{NOTE}
Every primitive operation: how it is called, what it does and what its gradient is.
In the gradients, `g` is the gradient that arrives at the result, `y` (or `z`) the result itself.
Operands broadcast as in NumPy; the gradient of one that was stretched is summed back to its shape (`sum_to`).
An argument with a value after its `=` may be left out; `axis = …` without one stands for all axes.
Axes count from 0, or from -1 at the end.
Layers and losses are in the [standard library](standard-library.md).
"""


def _essay(module: ModuleType) -> str:
    """What the module's docstring says behind its first line."""
    _, _, rest = (module.__doc__ or "").partition("\n\n")
    return rest.strip()


def _operation(op: Op) -> str:
    what, _, sources = inspect.cleandoc(op.doc).partition("\n\nReferences\n")
    lines = [f"### `{op.name}`", "", f"{_form(op)}", "", _sentences(what), ""]
    lines += [f"- {KINDS[kind][:1].upper()}{KINDS[kind][1:]}: {names}." for kind, names in _kinds(op).items()]
    lines += [f"- {_gradient(op)}"]
    lines += [f"- {' '.join(s.split())}" for s in re.split(r"\.\. \[\d+\]", sources)[1:]]
    return "\n".join(lines) + "\n"


def _kinds(op: Op) -> dict[str, str]:
    """What is accepted -> the operands that accept it."""
    found: dict[str, list[str]] = {}
    for wire in op.wires:
        found.setdefault(wire.kind, []).append(f"`{wire.name}`")
    return {kind: ", ".join(names) for kind, names in found.items()}


def _form(op: Op) -> str:
    if op.infix:
        return f"`x {op.infix} y`"
    return f"`{PREFIX[op.name]}`" if op.name in PREFIX else usage(op)


def _gradient(op: Op) -> str:
    if op.vjp is None:
        return f"No gradient: {op.no_gradient}."
    rule = _formula(op.vjp)
    return f"Gradient: {rule}." if rule else "Has a gradient with respect to every float operand."


def _formula(rule: Callable[..., object]) -> str | None:
    """A gradient rule's formula, where it is one line that speaks for itself."""
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(rule))).body[0]
    except (OSError, SyntaxError, TypeError):
        return None
    if not isinstance(definition, ast.FunctionDef) or len(definition.body) != 1:
        return None
    (only,) = definition.body
    if not isinstance(only, ast.Return) or only.value is None:
        return None
    names = {n.id.rstrip("_") for n in ast.walk(only.value) if isinstance(n, ast.Name)}
    known = {a.arg for a in (*definition.args.args, *definition.args.kwonlyargs)} | {"sum_to", "math"}
    if not names <= known | set(registry.all_ops()):
        return None
    parts = only.value.elts if isinstance(only.value, ast.Tuple) else [only.value]
    bodies = [p.body if isinstance(p, ast.Lambda) else p for p in parts]
    operands = [a.arg for a in definition.args.args[2:]]
    texts = ["none" if ast.unparse(b) == "None" else f"`{_spelled(b)}`" for b in bodies]
    if len(texts) == 1:
        return texts[0]
    return ", ".join(f"{text} for `{name}`" for name, text in zip(operands, texts, strict=False))


def _spelled(formula: ast.expr) -> str:
    """A formula as the language would write it."""
    text = ast.unparse(formula).replace("math.", "").replace("sum_(", "sum(").replace("True", "true")
    return re.sub(r"(\w)=(\w)", r"\1 = \2", text)


def _sentences(text: str) -> str:
    """Paragraphs with one sentence per line."""
    paragraphs = [" ".join(p.split()) for p in text.split("\n\n")]
    return "\n\n".join(_split(p) for p in paragraphs if p)


def _split(paragraph: str) -> str:
    lines, start, code = [], 0, False
    for i, character in enumerate(paragraph):
        code ^= character == "`"
        ends = character in ".!?" and paragraph[i + 1 : i + 2] == " " and paragraph[i + 2 : i + 3].isupper()
        if ends and not code and not paragraph[:i].endswith(("et al", " al")):
            lines.append(paragraph[start : i + 1])
            start = i + 2
    return "\n".join([*lines, paragraph[start:]])


# --- the standard library --------------------------------------------------------------------------

LIBRARY = {
    "activations": "Activations",
    "layers": "Layers",
    "losses": "Losses and regularisers",
    "initializers": "Initialisers",
    "optimizers": "Optimizers",
    "schedules": "Schedules",
}
Definition = tree.Gate | tree.Network | tree.Init | tree.Optimizer


def standard_library() -> str:
    """The page of everything that is written in the language itself."""
    parts = [LIBRARY_HEAD]
    for stem, title in LIBRARY.items():
        text = (files("graphlang") / "std" / f"{stem}.graph").read_text(encoding="utf-8")
        parsed = parse(SourceFile(f"std/{stem}.graph", text, is_std=True)).value
        parts.append(f"## {title}\n\n{_sentences(_opening(text))}\n")
        parts += [_definition(s) for s in parsed.body if isinstance(s, Definition)]
    return "\n".join(parts)


LIBRARY_HEAD = f"""# Standard library

{NOTE}
Written in the language itself, in `graphlang/std/`, and known in every file without an import.
A definition of the same name in a file takes the place of the library's.
What a parameter after `=` says is its default.
The common activations (`relu`, `sigmoid`, `tanh`, …) are [operations](operations.md).
"""


def _opening(text: str) -> str:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def _definition(syntax: Definition) -> str:
    header, _, _ = syntax.span.text.partition("{")
    kept = [s for s in getattr(syntax, "body", ()) if isinstance(s, (tree.Param, tree.State))]
    text = f"### `{syntax.name.text}`\n\n```graph signature\n{header.strip()}\n```\n"
    if syntax.doc:
        text += f"\n{_sentences(syntax.doc)}\n"
    for kind, found in (("Parameters", tree.Param), ("State", tree.State)):
        rows = [f"`{s.span.text.split(maxsplit=1)[1]}`" for s in kept if isinstance(s, found)]
        text += f"\n{kind}: {', '.join(rows)}.\n" if rows else ""
    if isinstance(syntax, tree.Gate) and syntax.backward is not None:
        text += "\nHas a backward pass of its own.\n"
    return text


# --- diagnostics -----------------------------------------------------------------------------------

AREAS = {
    "E01": "Text and tokens",
    "E02": "Syntax",
    "E03": "Names and scopes",
    "E04": "Types and shapes",
    "E05": "Calls, gates and networks",
    "E06": "Compile-time values",
    "E07": "Differentiation",
    "E08": "Imports and data",
    "E09": "Running",
    "W0": "Warnings",
}

DIAGNOSTICS_HEAD = f"""# Diagnostics

{NOTE}
Every code that `graphlang` reports: what it means and, where text can show it, a wrong and a right way.
`graphlang explain E0301` prints the entry of one code.
A code, once published, keeps its meaning.
"""


def diagnostics() -> str:
    """The page of all codes."""
    parts = [DIAGNOSTICS_HEAD]
    for prefix, title in AREAS.items():
        codes = [c for c in sorted(CODES) if c.startswith(prefix)]
        if codes:
            parts.append(f"## {title}\n")
            parts += [_code(c) for c in codes]
    return "\n".join(parts)


def _code(code: str) -> str:
    entry = CODES[code]
    title = entry.title[:1].upper() + entry.title[1:]
    text = f"### {code}\n\n**{title}.**\n\n{_sentences(entry.explanation)}\n"
    for word, example in (("Wrong", entry.wrong), ("Right", entry.right)):
        if example is not None:
            text += f"\n{word}:\n\n```graph example\n{example.rstrip()}\n```\n"
    return text


PAGES = {
    "operations.md": operations,
    "standard-library.md": standard_library,
    "diagnostics.md": diagnostics,
}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (Path(__file__).parent / "reference" / name).write_text(page(), encoding="utf-8")
