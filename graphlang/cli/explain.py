"""Explain a diagnostic code: what it means, an example that has it, and how to mend it."""

from __future__ import annotations

import argparse
import sys

from graphlang.cli import common
from graphlang.cli.term import Painter, say, wants_color


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="for example E0301; without it, all are listed"
    )
    common.add_output_options(parser)
    parser.epilog = "example:\n  graphlang explain E0301"


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from graphlang.diagnostics.codes import CODES

    painter = Painter(wants_color(sys.stdout, options.color))
    if options.code is None:
        print("\n".join(f"{painter(code, 'bold')}  {entry.title}" for code, entry in sorted(CODES.items())))
        return 0
    code = options.code.upper()
    if code not in CODES:
        import difflib

        meant = difflib.get_close_matches(code, CODES, n=1)
        hint = f" Did you mean {meant[0]}?" if meant else ""
        say(f"error: there is no code {options.code}.{hint}")
        return 2
    entry = CODES[code]
    print(f"{painter(code, 'bold')}  {entry.title}\n\n{entry.explanation.strip()}")
    for what, example in (("Wrong", entry.wrong), ("Right", entry.right)):
        if example:
            print(f"\n{what}:\n\n" + "\n".join(f"    {line}" for line in example.splitlines()))
    return 0
