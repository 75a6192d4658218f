"""Measure what every node and network costs: time, FLOPs and bytes, forward, backward and update.

With a train block one training step is measured, in float32, on a batch of its data; else what `run` does.
Inputs that nothing feeds get random numbers. With -o the graph is drawn, the hotter the longer it took.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.cli.term import Painter, table, wants_color

if TYPE_CHECKING:
    from graphlang.draw.elements import Scene
    from graphlang.profiling import Cost, Profile, Row

_SORTS = ("order", "time", "flops", "bytes", "speed")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    common.add_file(parser, "graphlang profile examples/digits_mlp.graph --sort time -o profile.svg")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="a picture of the graph: .svg, .dot, .png or .pdf"
    )
    parser.add_argument(
        "--depth", type=int, default=1, help="levels of networks to open (default 1; -1: all)"
    )
    parser.add_argument("--sort", choices=_SORTS, default="order", help="rows by this, the largest first")
    parser.add_argument(
        "--size", metavar="NAME=NUMBER", action="append", default=[], help="a number for a free size"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=1.0, metavar="S", help="measure for about so long (default 1)"
    )
    common.add_run_options(parser)
    parser.set_defaults(dtype=None)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    common.add_output_options(parser)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError("a number of seconds is needed, at most 3600")
    return value


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.profiling import as_dict, profile

    loaded = common.load(options.file, options.set, training=True)
    common.report(loaded.warnings, options.color)
    found = profile(
        loaded.model,
        depth=None if options.depth < 0 else options.depth,
        dtype=options.dtype,
        seconds=options.seconds,
        sizes=common.free_sizes(options.size, loaded.model),
        of=options.of,
        feed=options.feed,
        fixed=loaded.settings,
        weights=options.weights,
        seed=options.seed,
        rows=options.rows,
    )
    if options.output is not None:
        common.write(options.output, _picture(found, options))
    if options.sort != "order":
        found.rows.sort(key=lambda row: -_measure(row.total, options.sort))
    if options.json:
        import json

        print(json.dumps(as_dict(found), ensure_ascii=False))
    elif options.output != "-":
        painter = Painter(wants_color(sys.stdout, options.color))
        print(_report(found, painter, is_in_order=options.sort == "order"))
    for name, size in found.invented.items():
        common.remark(
            options, f"{name} is {size}, since nothing says otherwise; choose it with --size {name}=…"
        )
    return 0


def _measure(cost: Cost, what: str) -> float:
    return {"time": cost.seconds, "flops": cost.flops, "bytes": cost.nbytes, "speed": cost.speed}[what]


# --- the table -----------------------------------------------------------------------------------------


def _report(found: Profile, painter: Painter, *, is_in_order: bool) -> str:
    from graphlang.profiling import PHASES
    from graphlang.run.profiler import PRODUCT

    phases = [p for p in PHASES if found.total[p].nbytes]
    whole = sum(c.seconds for c in found.total.values())
    header = ("layer", "what", *phases, "share", "FLOPs", "bytes", "GFLOP/s", "of product")
    rows = [_cells(row, phases, whole, found.reference) for row in found.rows]
    if not is_in_order:
        rows = [(row[0].lstrip(), *row[1:]) for row in rows]
    right = frozenset(range(2, len(header)))
    text = table(header, rows, painter=painter, right=right, limits={0: 48, 1: 32})
    sizes = ", ".join(f"{n} = {v}" for n, v in found.sizes.items())
    title = "  ".join(t for t in (painter(found.model.name, "bold"), found.dtype, sizes) if t)
    lines = [
        f"{p:<9} {_time(found.total[p].seconds):>9}  {_speed(found.total[p]):>7} GFLOP/s" for p in phases
    ]
    return "\n\n".join(
        [
            title,
            text,
            "\n".join([*lines, f"{'together':<9} {_time(whole):>9}"]),
            f"A product of two matrices of {PRODUCT} × {PRODUCT} runs at {found.reference / 1e9:.3g} GFLOP/s"
            f" here. Times are the least of {found.runs} runs.",
        ]
    )


def _cells(row: Row, phases: list[str], whole: float, reference: float) -> tuple[str, ...]:
    total = row.total
    return (
        "  " * row.indent + row.path,
        row.what,
        *(_time(row.phases[p].seconds) if row.phases[p].nbytes else "" for p in phases),
        f"{total.seconds / whole:.1%}" if whole else "",
        f"{total.flops:,}",
        _bytes(total.nbytes),
        _speed(total),
        f"{total.speed / reference:.1%}" if total.speed else "",
    )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def _speed(cost: Cost) -> str:
    return f"{cost.speed / 1e9:.3g}" if cost.speed else ""


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


# --- the picture ---------------------------------------------------------------------------------------


def _picture(found: Profile, options: argparse.Namespace) -> bytes:
    from graphlang.draw.render import format_of, render
    from graphlang.draw.scene import make_scene
    from graphlang.draw.view import View

    depth = 10**6 if options.depth < 0 else options.depth
    # Not the theme that turns dark where the reader likes it so: heat is painted on a light ground.
    view = View(depth=depth, show=frozenset({"shapes"}), theme="colorblind")
    scene = _heated(make_scene(found.model, view=view), found)
    return render(scene, format_of(options.output) or "dot")


def _heated(scene: Scene, found: Profile) -> Scene:
    """The scene with every gate and network in the colour of its share of the time."""
    opened = {box.id for box in scene.boxes}
    cost_of = {**found.of_node, **{path: c for path, c in found.of_box.items() if path not in opened}}
    drawn = [i for i in scene.items if i.id in cost_of and not i.is_source]
    hottest = max((cost_of[i.id].seconds for i in drawn), default=0.0)
    items = []
    for item in scene.items:
        cost = cost_of.get(item.id)
        if cost is not None and hottest > 0 and not item.is_source:
            told = f"{item.tooltip or item.id}: {_time(cost.seconds)}, {_speed(cost) or 0} GFLOP/s"
            detail = _time(cost.seconds) if item.kind in ("network", "loss") else item.detail
            item = replace(item, fill=_heat(cost.seconds / hottest), tooltip=told, detail=detail)
        items.append(item)
    return replace(scene, items=tuple(items))


# From pale yellow to a red on which black still reads well.
_COLD, _WARM, _HOT = (255, 252, 230), (255, 205, 110), (244, 110, 88)


def _heat(share: float) -> str:
    """The colour for a share of the longest time. Half of it is warm, so that small shares differ too."""
    first, second = (_COLD, _WARM) if share < 0.5 else (_WARM, _HOT)
    t = 2 * share if share < 0.5 else 2 * share - 1
    return "#" + "".join(f"{round(a + t * (b - a)):02x}" for a, b in zip(first, second, strict=True))
