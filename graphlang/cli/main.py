"""`graphlang COMMAND …`: one module per command, imported when it is called.

Exit status: 0 fine; 1 the file, its data or an expectation is at fault; 2 wrong usage; 130 interrupted. A
mistake in a file never shows a traceback; one of ours is reported as an internal error.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import importlib
import os
import sys
from collections.abc import Iterable, Sequence

from graphlang import __version__
from graphlang.diagnostics import GraphlangError

# Command -> what it does, for `graphlang --help`; the module of the same name has the rest.
COMMANDS = {
    "run": "evaluate a file: every node's value and gradient",
    "check": "report the mistakes of a file, and nothing else",
    "test": "check expectations and every gradient of files or folders",
    "gradcheck": "the numerical gradient beside the analytic one",
    "summary": "layers, shapes, parameters, FLOPs and memory",
    "profile": "time, FLOPs and bytes of every node and network, measured",
    "grad": "print the derived backward pass as .graph text",
    "draw": "draw the graph: value above each wire, gradient below it",
    "train": "train the model as its train block says",
    "eval": "loss and metrics of a trained model on data",
    "predict": "what a trained model says of every row of data",
    "play": "play with a model in the browser: edit, step, train",
    "plot": "draw the training curves of run logs",
    "export": "write a standalone NumPy script, or DOT",
    "show": "show a stage: tokens, ast, graph, backward or plan",
    "explain": "explain a diagnostic code",
}


# What is left when the program ends is not looked through once more: it all goes.
atexit.register(gc.freeze)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # A graph is many small objects that live until the end: looking through them again and again for
    # cycles would take longer than the work itself.
    gc.set_threshold(200_000, 20, 100)
    try:
        return _dispatch(arguments)
    except GraphlangError as error:
        from graphlang.cli.common import report

        report(error.diagnostics)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`graphlang run … | head`): end quietly, and keep Python from complaining too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except RecursionError as error:
        return _internal(error, "the input is nested too deeply")
    except MemoryError:
        print("error: this needs more memory than there is.", file=sys.stderr)
        return 1
    except Exception as error:  # the last resort: a mistake of ours must not look like the user's
        if os.environ.get("GRAPHLANG_DEBUG"):
            raise
        return _internal(error, f"{type(error).__name__}: {error}")


def _internal(error: BaseException, what: str) -> int:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" ({os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno})" if place else ""
    print(
        f"internal error: {what}{where}\n"
        "This is a bug in graphlang. Please report it with the file that shows it;"
        " GRAPHLANG_DEBUG=1 prints the details.",
        file=sys.stderr,
    )
    return 1


def _dispatch(arguments: list[str]) -> int:
    if arguments and arguments[0] in COMMANDS:
        name = arguments[0]
        module = importlib.import_module(f"graphlang.cli.{name}")
        parser = argparse.ArgumentParser(
            prog=f"graphlang {name}",
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(parser)
        given, unknown = parser.parse_known_args(arguments[1:])
        if unknown:
            _refuse(parser, unknown[0])
        _spare_what_is_read(given)
        return int(module.execute(given))
    return _top(arguments)


def _spare_what_is_read(given: argparse.Namespace) -> None:
    from graphlang.cli.common import spare

    read, written = ("file", "data", "feed"), ("output", "log", "plot", "steps")
    paths = {name: path for name, path in vars(given).items() if isinstance(path, str)}
    if any(name in paths for name in written):
        spare(map(paths.get, read), map(paths.get, written))


def _top(arguments: list[str]) -> int:
    lines = "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="graphlang",
        description="Describe a neural network or a computation graph as a text file.",
        epilog=f"commands:\n{lines}\n\nexample:\n  graphlang run examples/product_of_sum.graph\n\n"
        "`graphlang COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"graphlang {__version__}")
    parser.add_argument("command", metavar="COMMAND", nargs="?", help="see below")
    given = parser.parse_args(arguments[:1])
    if given.command is None:
        parser.print_help()
        return 0
    parser.error(f"there is no command `{given.command}`{_meant(given.command, COMMANDS)}")
    return 2  # `error` has ended the program


def _refuse(parser: argparse.ArgumentParser, word: str) -> None:
    """Say that a word of the command line has no meaning, and end the program."""
    if not word.startswith("-"):
        parser.error(f"`{word}` is one argument too many")
    known = [option for action in parser._actions for option in action.option_strings]
    parser.error(f"there is no option `{word}`{_meant(word.partition('=')[0], known)}")


def _meant(word: str, known: Iterable[str]) -> str:
    from graphlang.diagnostics.suggest import nearest

    meant = nearest(word, known)
    return f"; did you mean `{meant}`?" if meant else ""


if __name__ == "__main__":
    sys.exit(main())
