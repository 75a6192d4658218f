"""Operations as Python text, taken from the source of their own NumPy kernels.

A kernel that is one `return` expression is written in place: its operands replaced by variables or formulas,
its attributes by their values, arguments that only repeat NumPy's defaults left out. Any other kernel is
copied once, above the functions that call it, without annotations but with its docstring and comments,
together with what it refers to. So a script computes with the very calls that the interpreter makes.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from graphlang.emit.number_functions import PREFIX, helpers_of, number_function
from graphlang.graph.op import Op
from graphlang.graph.show import Text, size_text
from graphlang.plan.listing import copied_name
from graphlang.types.dims import Dim

# How tightly Python's expressions bind.
COMPARISON, SUM, PRODUCT, UNARY, POWER, ATOM = 4, 9, 10, 11, 12, 14
_BINARY = {
    ast.Add: SUM, ast.Sub: SUM, ast.Mult: PRODUCT, ast.Div: PRODUCT, ast.FloorDiv: PRODUCT, ast.Mod: PRODUCT,
    ast.MatMult: PRODUCT, ast.Pow: POWER, ast.BitOr: 5, ast.BitXor: 6, ast.BitAnd: 7,
}  # fmt: skip
# Keyword arguments that every NumPy function takes for granted when they have this value.
_DEFAULTS = {"axis": None, "keepdims": False, "ddof": 0}
# An index arrives in these kernels as the interpreter keeps it; a script writes it as Python does.
_ITEMS = "tuple((slice(*i[1:]) if isinstance(i, tuple) else ... if i == '...' else i for i in items))"
_OPERAND = re.compile(r"_operand_(\d+)_")
# A formula of more calls than this is kept as a function.
_MAX_CALLS = 2
_PRAGMAS = re.compile(r"\s*# (?:type: ignore|fmt: skip|noqa).*")


@dataclass(frozen=True, slots=True)
class _Template:
    """Text with gaps for operands, and how tightly each gap and the whole bind."""

    pieces: tuple[str, ...]
    order: tuple[int, ...]
    needs: tuple[int, ...]
    level: int

    def filled(self, operands: Sequence[Text]) -> Text:
        if self.pieces == ("", ""):
            return operands[0]
        parts = [self.pieces[0]]
        for piece, i, need in zip(self.pieces[1:], self.order, self.needs, strict=True):
            parts += (operands[i].within(need), piece)
        return Text("".join(parts), self.level)


class Kernels:
    """Writes operations and gathers the functions that they need.

    Parameters
    ----------
    size_name : function
        The variable that holds a free size.
    floats : str
        The type of floats, in which kernels that make some are told to make them.
    is_told : bool
        Whether every call says that type; else it is the default of the copied functions, and must be
        `np.float64`.
    """

    def __init__(
        self, size_name: Callable[[str], str] = str, floats: str = "np.float64", *, is_told: bool = False
    ):
        self._size_name, self._floats, self._is_told = size_name, floats, is_told
        self._templates: dict[Any, _Template] = {}
        # Everything that has to stand above the script's own functions, by name, in order.
        self.definitions: dict[str, str] = {}

    def call(self, op: Op, operands: Sequence[Text], attrs: Mapping[str, Any], seed: str = "seed") -> Text:
        """The expression for one operation.

        Parameters
        ----------
        op : Op
        operands : sequence of Text
        attrs : mapping
            Values that the kernel is given; sizes may be symbolic.
        seed : str
            What is passed to random operations.
        """
        key = (op.name, len(operands), seed, repr(sorted(attrs.items(), key=lambda i: i[0])))
        template = self._templates.get(key)
        if template is None:
            given = dict(attrs)
            if op.needs_dtype:
                given["dtype"] = np.float64
            template = self._templates[key] = self._template(op, len(operands), given, seed)
        return template.filled(operands)

    def number_call(self, op: Op, operands: Sequence[Text], attrs: Mapping[str, Any]) -> Text:
        """The expression for an operation on numbers that its spelling defines."""
        name = f"{PREFIX}{op.name}"
        if name not in self.definitions:
            for helper in helpers_of(op):
                self.copy(helper)
            if "math." in (text := number_function(op, one_expression(op))):
                self._define("math", math)
            self.definitions[name] = text
        defaults = {a.name: a.default for a in op.attrs}
        told = [f"{k}={ast.unparse(self.value(v))}" for k, v in attrs.items() if not _same(v, defaults[k])]
        return Text(f"{name}({', '.join([*(o.text for o in operands), *told])})", ATOM)

    def _template(self, op: Op, count: int, given: Mapping[str, Any], seed: str) -> _Template:
        expression = _formula(op)
        if expression is None:
            return self._copied(op, count, given, seed)
        # Parsed anew, since replacing changes the tree.
        tree: ast.expr = ast.parse(ast.unparse(expression), mode="eval").body
        values = {k: self.value(_Index(v) if k == "items" else v) for k, v in given.items()}
        return _template_of(_Filled(op, count, values).visit(tree))

    def _copied(self, op: Op, count: int, given: Mapping[str, Any], seed: str) -> _Template:
        """A call of the kernel's copy; the operands come first, then what is not at its default."""
        name = _function(op.kernel).name
        self.copy(op.kernel)
        defaults = {p.name: p.default for p in op.attrs}
        keywords = []
        positional: list[ast.expr] = [ast.Name(f"_operand_{i}_") for i in range(count)]
        for key, value in given.items():
            if key == "dtype" and not self._is_told:
                continue
            if key not in defaults or not _same(value, defaults[key]):
                keywords.append(ast.keyword(key, self.value(value, is_index=key == "items")))
        if op.is_random:
            keywords.append(ast.keyword("seed", ast.Name(seed)))
        call = ast.Call(ast.Name(name), positional, keywords)
        return _template_of(call)

    def copy(self, function: Callable[..., Any]) -> None:
        """Add a function to the script, after everything that it refers to."""
        name = _function(function).name
        if name in self.definitions:
            return
        self.definitions[name] = ""  # its place is taken, should it refer to itself
        for used in sorted(_globals_used(function)):
            self._define(used, function.__globals__[used])
        text = self.definitions.pop(name) or _source_without_annotations(function, self._is_told)
        self.definitions[name] = text

    def _define(self, name: str, value: Any) -> None:
        if value is np or name in self.definitions:
            return
        if isinstance(value, Op):
            self.copy(value.kernel)
        elif isinstance(value, types.FunctionType):
            self.copy(value)
        elif isinstance(value, types.ModuleType):
            self.definitions[name] = f"import {value.__name__}"
        else:
            self.definitions[name] = f"{name} = {value!r}"

    def value(self, value: Any, *, is_index: bool = False) -> ast.expr:
        """A compile-time value as an expression; an index in the form that subscripts take."""
        if is_index:
            return ast.Subscript(ast.Attribute(ast.Name("np"), "s_"), self.value(_Index(value)))
        if isinstance(value, _Index):
            return self._index(value.items)
        if isinstance(value, Dim):
            return ast.parse(size_text(value, self._size_name), mode="eval").body
        if isinstance(value, tuple):
            return ast.Tuple([self.value(v) for v in value])
        if value is np.float64:
            return ast.parse(self._floats, mode="eval").body
        return ast.parse(repr(value), mode="eval").body

    def _index(self, items: tuple[Any, ...]) -> ast.expr:
        parts: list[ast.expr] = []
        for item in items:
            if isinstance(item, tuple):
                bounds = (None if b is None else self.value(b) for b in item[1:])
                parts.append(ast.Slice(*bounds))
            else:
                parts.append(ast.Constant(...) if item == "..." else self.value(item))
        return parts[0] if len(parts) == 1 else ast.Tuple(parts)


@dataclass(frozen=True, slots=True)
class _Index:
    items: tuple[Any, ...]


class _Filled(ast.NodeTransformer):
    """Puts attributes and the places of operands into a kernel's expression."""

    def __init__(self, op: Op, count: int, values: Mapping[str, ast.expr]):
        self.values = values
        self.places: dict[str, int] = {}
        self.rest: str | None = None
        for i, wire in enumerate(op.wires):
            if wire.is_variadic:
                self.rest, self.first = wire.name, i
            else:
                self.places[wire.name] = i
        self.count = count

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.places:
            return ast.Name(f"_operand_{self.places[node.id]}_")
        if node.id == self.rest:
            return ast.List(self._rest())
        return self.values.get(node.id, node)

    def visit_Call(self, node: ast.Call) -> Any:
        args: list[ast.expr] = []
        for a in node.args:
            if isinstance(a, ast.Starred) and isinstance(a.value, ast.Name) and a.value.id == self.rest:
                args += self._rest()
            else:
                args.append(self.visit(a))
        keywords = [ast.keyword(k.arg, self.visit(k.value)) for k in node.keywords]
        keywords = [k for k in keywords if not _is_default(k)]
        return ast.Call(self.visit(node.func), args, keywords)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if ast.unparse(node.slice) == _ITEMS:
            return ast.Subscript(self.visit(node.value), self.values["items"])
        return self.generic_visit(node)

    def _rest(self) -> list[ast.expr]:
        return [ast.Name(f"_operand_{i}_") for i in range(self.first, self.count)]


def _is_default(keyword: ast.keyword) -> bool:
    value = keyword.value
    return (
        keyword.arg in _DEFAULTS
        and isinstance(value, ast.Constant)
        and type(value.value) is type(_DEFAULTS[keyword.arg])
        and value.value == _DEFAULTS[keyword.arg]
    )


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _template_of(tree: ast.expr) -> _Template:
    needs: dict[int, int] = {}
    stack: list[tuple[ast.AST, int]] = [(tree, 0)]
    while stack:
        node, need = stack.pop()
        if isinstance(node, ast.Name) and (found := _OPERAND.fullmatch(node.id)):
            needs[int(found[1])] = need
        else:
            stack.extend(_children(node))
    text = ast.unparse(ast.fix_missing_locations(tree))
    pieces = _OPERAND.split(text)
    order = tuple(int(i) for i in pieces[1::2])
    return _Template(tuple(pieces[::2]), order, tuple(needs[i] for i in order), _level(tree))


def _children(node: ast.AST) -> list[tuple[ast.AST, int]]:
    """The parts of an expression, and how tightly each must bind to go without parentheses."""
    if isinstance(node, ast.BinOp):
        level = _BINARY.get(type(node.op), 0)
        if isinstance(node.op, ast.Pow):
            return [(node.left, ATOM), (node.right, UNARY)]
        return [(node.left, level), (node.right, level + 1)]
    if isinstance(node, ast.UnaryOp):
        return [(node.operand, POWER)]
    if isinstance(node, ast.Compare):
        return [(node.left, COMPARISON + 1), *((c, COMPARISON + 1) for c in node.comparators)]
    if isinstance(node, ast.Call):
        return [(node.func, ATOM), *((a, 0) for a in node.args), *((k.value, 0) for k in node.keywords)]
    if isinstance(node, ast.Subscript):
        return [(node.value, ATOM), (node.slice, 0)]
    if isinstance(node, (ast.Tuple, ast.List)):
        return [(e, 0) for e in node.elts]
    return [(child, ATOM) for child in ast.iter_child_nodes(node)]


def _level(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        return _BINARY.get(type(node.op), 0)
    if isinstance(node, ast.UnaryOp):
        return 3 if isinstance(node.op, ast.Not) else UNARY
    if isinstance(node, ast.Compare):
        return COMPARISON
    return ATOM if isinstance(node, (ast.Name, ast.Call, ast.Subscript, ast.Attribute, ast.Constant)) else 0


# --- sources ---------------------------------------------------------------------------------------


@cache
def _function(function: Callable[..., Any]) -> ast.FunctionDef:
    """The definition of a kernel, decorators left out, named as the script calls it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.decorator_list = []
    tree.name = copied_name(tree.name)
    return tree


@cache
def _formula(op: Op) -> ast.expr | None:
    """The expression of a kernel that can be written in place, else None."""
    body = _without_docstring(_function(op.kernel))
    if op.is_random or len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return None
    expression = body[0].value
    names = [n.id for n in ast.walk(expression) if isinstance(n, ast.Name)]
    calls = sum(1 for n in ast.walk(expression) if isinstance(n, ast.Call))
    is_index = op.name == "index"
    if not is_index and (calls > _MAX_CALLS + 1 or any(names.count(w.name) > 1 for w in op.wires)):
        return None
    if any(n not in {w.name for w in op.wires} for n in names if n in _globals_used(op.kernel) and n != "np"):
        return None
    return expression


def one_expression(op: Op) -> str | None:
    """The text of a kernel that is an expression to be written in place, else None."""
    expression = _formula(op)
    return None if expression is None else ast.unparse(expression)


def _without_docstring(tree: ast.FunctionDef) -> list[ast.stmt]:
    return tree.body[1:] if ast.get_docstring(tree) is not None else tree.body


def _globals_used(function: Callable[..., Any]) -> set[str]:
    """Names of its module that a function's body refers to, those in annotations left out."""
    tree = _function(function)
    bound = {a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)}
    found = [n for s in tree.body for n in _walk(s) if isinstance(n, ast.Name)]
    bound |= {n.id for n in found if isinstance(n.ctx, ast.Store)}
    names = {n.id for n in found}
    known: Mapping[str, Any] = function.__globals__
    return {n for n in names - bound if n in known}


def _walk(statement: ast.stmt) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        found.append(node)
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                below = value if isinstance(value, list) else [value]
                stack.extend(v for v in below if isinstance(v, ast.AST))
    return found


def _source_without_annotations(function: Callable[..., Any], is_told: bool) -> str:
    """A function's text as it was written, without decorators, annotations and remarks to tools."""
    source = textwrap.dedent(inspect.getsource(function))
    lines = source.split("\n")
    original = ast.parse(source).body[0]
    assert isinstance(original, ast.FunctionDef)
    body = lines[original.body[0].lineno - 1 : original.end_lineno]
    offset = original.body[0].lineno
    for node in ast.walk(original):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            at = node.lineno - offset
            start, rest = node.target.end_col_offset or 0, node.value.col_offset
            if node.value.lineno == node.lineno:
                line = body[at].encode()
                body[at] = (line[:start] + b" = " + line[rest:]).decode()
    head = f"def {_function(function).name}({_arguments(original.args, is_told)}):"
    text = "\n".join([head, *(_PRAGMAS.sub("", line) for line in body)])
    if any(_is_items(n) for n in ast.walk(original)):
        text = re.sub(r"tuple\(slice\(\*i\[1:\]\).* for i in items\)", "items", text)
    return text


def _is_items(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node) == _ITEMS


def _arguments(arguments: ast.arguments, is_told: bool) -> str:
    bare = ast.parse(f"def f({ast.unparse(arguments)}): ...").body[0]
    assert isinstance(bare, ast.FunctionDef)
    if not is_told:
        bare.args.kw_defaults = [
            ast.parse("np.float64", mode="eval").body if a.arg == "dtype" and default is None else default
            for a, default in zip(bare.args.kwonlyargs, bare.args.kw_defaults, strict=True)
        ]
    for a in (*bare.args.args, *bare.args.kwonlyargs, bare.args.vararg):
        if a is not None:
            a.annotation = None
    return ast.unparse(bare.args)
