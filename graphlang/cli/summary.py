"""Layers with their output shapes, parameters and floating-point operations, and the totals with memory.

Counts that depend on a free size stay symbolic; give it a number with --size.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.term import Painter, table, wants_color

if TYPE_CHECKING:
    from graphlang.emit.summary import Summary
    from graphlang.graph.model import Model
    from graphlang.types.dims import Dim


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang summary examples/digits_mlp.graph --size N=32")
    common.add_model_options(parser)
    parser.add_argument(
        "--depth", type=int, default=1, help="levels of networks to open (default 1; -1: all)"
    )
    parser.add_argument(
        "--size", metavar="NAME=NUMBER", action="append", default=[], help="a number for a free size"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    common.add_output_options(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.emit.summary import as_dict, summarize

    loaded = common.load(options.file, options.set)
    sizes = common.free_sizes(options.size, loaded.model)
    summary = summarize(loaded.model, None if options.depth < 0 else options.depth)
    summary = _with_sizes(summary, {**loaded.model.sizes.defaults, **sizes})
    if options.json:
        import json

        print(json.dumps(as_dict(loaded.model, summary), ensure_ascii=False))
    else:
        print(_report(loaded.model, summary, Painter(wants_color(sys.stdout, options.color))))
    return 0


def _with_sizes(summary: Summary, sizes: dict[str, int]) -> Summary:
    from dataclasses import replace

    from graphlang.types.dims import substitute

    rows = [
        replace(
            r,
            output=r.output.substitute(sizes) if r.output else None,
            params=substitute(r.params, sizes),
            flops=substitute(r.flops, sizes),
        )
        for r in summary.rows
    ]
    return replace(
        summary,
        rows=rows,
        flops=substitute(summary.flops, sizes),
        activations=substitute(summary.activations, sizes),
        trainable=substitute(summary.trainable, sizes),
        state=substitute(summary.state, sizes),
    )


def _report(model: Model, summary: Summary, painter: Painter) -> str:
    rows = [
        ("  " * r.indent + r.path, r.what, str(r.output) if r.output else "", _text(r.params), _text(r.flops))
        for r in summary.rows
    ]
    text = table(
        ("layer", "what", "output", "parameters", "FLOPs"), rows, painter=painter, right=frozenset({3, 4})
    )
    lines = [
        f"parameters   {_text(summary.trainable, zero='0')}  ({_bytes(summary.trainable)} in float32)",
        f"state        {_text(summary.state)}" if summary.state else "",
        f"FLOPs        {_text(summary.flops, zero='0')}  (one forward pass)",
        f"activations  {_text(summary.activations, zero='0')}  ({_bytes(summary.activations)} in float32)",
    ]
    return f"{painter(model.name, 'bold')}\n\n{text}\n\n" + "\n".join(line for line in lines if line)


def _text(count: int | Dim, zero: str = "") -> str:
    if count == 0:
        return zero
    return f"{count:,}" if isinstance(count, int) else str(count)


def _bytes(count: int | Dim) -> str:
    if not isinstance(count, int):
        return f"{count * 4} bytes"
    size = float(count * 4)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return ""
