"""Names that nothing in scope binds: what was meant, or why it is not seen from here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphlang.diagnostics import Label
from graphlang.diagnostics.suggest import nearest
from graphlang.elaborate.context import Context
from graphlang.elaborate.values import BAD
from graphlang.ops import registry
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.syntax.placement import bound_names

# Operators are written as signs, and conversions happen by themselves: nobody means these by name.
_HIDDEN = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "neg",
        "logical_not",
        "logical_and",
        "logical_or",
        "index",
        "size_value",
        "to_float",
        "to_int",
        "to_bool",
        "identity",
    ]
)

# What other languages call a parameter: the first of ours that the definition at hand has is meant.
_PARAMETERS_ELSEWHERE = {
    **dict.fromkeys(("dim", "dims", "axes"), ("axis", "axes")),
    **dict.fromkeys(("keepdim", "keep_dims"), ("keepdims",)),
    **dict.fromkeys(("learning_rate", "eta", "step_size"), ("lr",)),
    "rate": ("lr", "p"),
    **dict.fromkeys(
        ("out_features", "features", "hidden", "hidden_size", "output_dim", "embedding_dim", "neurons"),
        ("units",),
    ),
    **dict.fromkeys(("out_channels", "channels"), ("filters",)),
    **dict.fromkeys(("kernel_size", "kernel"), ("size",)),
    "strides": ("stride",),
    **dict.fromkeys(("num_embeddings", "input_dim", "vocab_size"), ("count",)),
    **dict.fromkeys(("num_heads", "n_heads"), ("heads",)),
    **dict.fromkeys(("act", "nonlinearity"), ("activation",)),
    "eps": ("epsilon",),
    "beta_1": ("beta1",),
    "beta_2": ("beta2",),
    "negative_slope": ("slope", "alpha"),
    **dict.fromkeys(("min", "a_min"), ("low",)),
    **dict.fromkeys(("max", "a_max"), ("high",)),
    "correction": ("ddof",),
    **dict.fromkeys(("num_classes", "depth"), ("classes",)),
}
# Parameters of layers elsewhere that ours do without, and why.
_NO_PARAMETERS = {
    **dict.fromkeys(
        ("in_features", "in_channels", "input_size", "input_shape"),
        "Leave it out: the size comes from the wire.",
    ),
    **dict.fromkeys(
        ("bias", "use_bias"),
        "Leave it out: the layer always has a bias.",
    ),
}

# What other languages call it.
_ELSEWHERE = {
    "len": "Write `size(x)`, or `shape(x)[0]` for the first size.",
    "range": "A range is written `1..L`.",
    "pi": "Write the number, 3.141592653589793, or `const pi = 3.141592653589793`.",
    "np": "Functions need no prefix: `exp(x)`.",
    "numpy": "Functions need no prefix: `exp(x)`.",
    "math": "Functions need no prefix: `exp(x)`.",
    "torch": "Functions need no prefix: `exp(x)`.",
    "nn": "Layers need no prefix: `dense(x, 64)`.",
    "tf": "Functions need no prefix: `exp(x)`.",
    "jnp": "Functions need no prefix: `exp(x)`.",
    "F": "Functions need no prefix: `relu(x)`.",
    "self": "Parameters of a network are used by their names.",
    "ln": "The natural logarithm is `log(x)`.",
    "dot": "A product of vectors or matrices is written `a @ b`.",
    "mm": "A product of matrices is written `a @ b`.",
    "matmul": "A product of matrices is written `a @ b`.",
    "pow": "Powers are written `x ^ 2`.",
    "power": "Powers are written `x ^ 2`.",
    "avg": "Did you mean `mean`?",
    "average": "Did you mean `mean`?",
    "logistic": "Did you mean `sigmoid`?",
    "linear": "Did you mean `dense`?",
    "Linear": "Did you mean `dense`?",
    "fc": "Did you mean `dense`?",
    "affine": "Did you mean `dense`?",
    "cat": "Did you mean `concat`?",
    "concatenate": "Did you mean `concat`?",
    "view": "Did you mean `reshape`?",
    "xavier": "Did you mean `glorot`?",
    "kaiming": "Did you mean `he`?",
    "crossentropy": "Did you mean `cross_entropy`?",
    "softmax_loss": "Did you mean `cross_entropy`?",
    "bce": "Did you mean `binary_cross_entropy`?",
    "mse_loss": "Did you mean `mse`?",
    "randn": "Did you mean `normal`?",
    "unsqueeze": "Did you mean `expand`?",
    "expand_dims": "Did you mean `expand`?",
    "broadcast_to": "Did you mean `broadcast`?",
    "amax": "Did you mean `max`?",
    "amin": "Did you mean `min`?",
    "detach": "Did you mean `stop_gradient`?",
    "float": "Kinds are converted by themselves: `(x > 0) * y`.",
    "newaxis": "Did you mean `expand`?",
    "print": "`graphlang run` shows every named value.",
}


def unknown_name(ctx: Context, name: str, span: Span, *, hint: str | None = None) -> Any:
    """Report a name that is not in scope, with the nearest one that is."""
    module = ctx.frame.module
    if module.is_incomplete or name == "None":
        return BAD  # It may come from a file that could not be read; or the reader has told of it (E0109).
    is_main = len(ctx.frames) == 1
    later = module.later_names.get(name) if is_main else None
    if later is not None and later.span.start > span.start:
        return ctx.error(
            "E0302",
            span,
            f"`{name}` is used before it is bound.",
            related=[Label(later.span, f"`{name}` is bound here")],
            suggestion="Move its declaration above this line.",
        )
    related, notes = [], []
    inner = None if module.file is None else bound_inside(ctx, name, span)
    if inner is not None:
        why = "what a loop binds anew is not seen below it"
        if isinstance(inner, tree.If):
            why = "that branch is not taken"
        notes.append(f"It is bound only inside `{inner.span.text.split('{')[0].strip()}`, and {why}.")
        place = _place_of(inner, name)
        related = [Label(place, "bound here")] if place else []
        hint = hint or f"Bind `{name}` above the block; the block may then bind it anew."
    main = ctx.frames[0].env.find(name) if not is_main else None
    if main is not None:
        notes.append(
            f"The main graph has a `{name}`, but a {ctx.frame.kind} sees only its own names: pass it in."
        )
    return ctx.error(
        "E0301",
        span,
        f"The name `{name}` is not known here.",
        label="unknown name",
        related=related,
        notes=notes,
        suggestion=hint or (None if main is not None else suggestion(ctx, name)),
    )


def suggestion(ctx: Context, name: str) -> str | None:
    """What was probably meant by a name."""
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    meant = nearest_name(name, ctx.env.all_names(), library_names(ctx))
    return f"Did you mean `{meant}`?" if meant else None


def parameter_hint(key: str, names: Iterable[str]) -> str | None:
    """What was probably meant by the name of an argument, of a definition with these parameters.

    Words of PyTorch, Keras and NumPy come before likeness, by which `dim` would be `keepdims`.
    """
    known = list(names)
    if key in _NO_PARAMETERS and ("units" in known or "filters" in known):
        return _NO_PARAMETERS[key]
    meant = next((ours for ours in _PARAMETERS_ELSEWHERE.get(key, ()) if ours in known), None)
    meant = meant or nearest(key, known)
    return f"Did you mean `{meant}`?" if meant else None


def library_names(ctx: Context) -> list[str]:
    """Names of definitions and operations that a user may write."""
    ops = [n for n in registry.all_ops() if n not in _HIDDEN]
    return [*ctx.frame.module.all_names(), *ops, "grad", "params", "shape", "size"]


def nearest_name(name: str, own: Iterable[str], library: Iterable[str]) -> str | None:
    """The nearest of the user's own names, unless only one of the library's is near indeed."""
    mine = nearest(name, (n for n in own if n not in ("", name)))
    if mine is not None and _is_slip(name, mine):
        return mine
    found = nearest(name, library)
    if found is not None and _is_slip(name, found):
        return found
    return mine if len(name) > 2 else None


def _is_slip(name: str, meant: str) -> bool:
    """Whether few keystrokes lie between the two: for long names more than for short ones."""
    a, b = name.lower().replace("_", ""), meant.lower().replace("_", "")
    if min(len(a), len(b)) > 2:
        return _edits(a, b) <= max(1, min(len(a), len(b)) // 3)
    return a == b or a == 2 * b  # `x` struck twice


def _edits(a: str, b: str) -> int:
    """Levenshtein's distance, of names; two letters next to one another that are swapped count once."""
    if max(len(a), len(b)) > 60:
        return 60
    row, previous = list(range(len(b) + 1)), [0]
    for i, x in enumerate(a, start=1):
        before, previous, row = previous, row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (x != y)))
            if i > 1 and j > 1 and (x, y) == (b[j - 2], a[i - 2]):
                row[j] = min(row[j], before[j - 2] + 1)
    return row[-1]


def bound_inside(ctx: Context, name: str, above: Span | None = None) -> tree.For | tree.If | None:
    """The `for` or `if` in the body at hand (above a place, if one is given) that binds a name."""
    definition = ctx.frame.definition
    body: tuple[tree.Statement, ...] = ()
    if ctx.frame.kind == "main graph" and ctx.frame.module.file is not None:
        body = ctx.frame.module.file.body
    elif definition is not None and isinstance(definition.syntax, (tree.Gate, tree.Network)):
        body = definition.syntax.body
    for statement in body:
        if not isinstance(statement, (tree.For, tree.If)):
            continue
        inside = statement.body if isinstance(statement, tree.For) else statement.then + statement.otherwise
        if (above is None or statement.span.end <= above.start) and name in set(bound_names(inside)):
            return statement
    return None


def _place_of(block: tree.Statement, name: str) -> Span | None:
    for node in tree.walk(block):
        if isinstance(node, tree.Bind):
            for target in node.targets:
                if target.text == name:
                    return target.span
        elif isinstance(node, (tree.Param, tree.State, tree.Const, tree.Layer, tree.Input)) and (
            node.name.text == name
        ):
            return node.name.span
    return None
