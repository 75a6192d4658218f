"""Play with a model in the browser: edit it, see every value and gradient at once, step, and watch it learn.

The page is served by this computer to this computer only, and can read and save nothing outside the folder of
the file. Ctrl-C ends it. Without a file it begins with an example.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

from graphlang.cli import common
from graphlang.diagnostics import Problems

if TYPE_CHECKING:
    from graphlang.server.web import Server


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="a .graph file; it need not exist yet")
    parser.add_argument(
        "--port", type=_port, default=0, metavar="N", help="the port (default: the last one, or a free one)"
    )
    parser.add_argument("--no-open", action="store_true", help="print the address, but open no browser")
    parser.epilog = "example:\n  graphlang play examples/sigmoid_neuron.graph"
    common.add_output_options(parser)


def _port(text: str) -> int:
    port = common.natural(text)
    if port >= 65536:
        raise argparse.ArgumentTypeError("a port is below 65536")
    return port


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    _check_file(options.file)
    try:
        server = start(options.file, options.port)
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"graphlang play: error: port {options.port} cannot be used: {reason}", file=sys.stderr)
        return 2
    # Alone on a line of standard output, for scripts; what it is stands on standard error.
    print(server.url, flush=True)
    common.remark(options, "Open this address in a browser. Ctrl-C ends the server.")
    if not options.no_open:
        import threading
        import webbrowser

        # Some browsers only return when they are closed.
        threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
    signal.signal(signal.SIGTERM, _end)
    try:
        server.serve_forever()
    finally:
        server.server_close()
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _check_file(path: str | None) -> None:
    """A file has to be a `.graph` file of a folder that is there; it may itself be missing."""
    if path is None:
        return
    problems = Problems()
    if not path.endswith(".graph"):
        problems.error("E0110", None, f"`{path}` does not end in .graph.")
    elif os.path.isdir(path):
        problems.error("E0110", None, f"`{path}` is a folder, not a file.")
    elif not os.path.isdir(os.path.dirname(path) or "."):
        problems.error("E0110", None, f"`{path}` cannot be opened: there is no such folder.")
    common.stop_on_errors(problems)


def start(path: str | None, port: int) -> Server:
    """A server for a file, or for the working directory, that is not running yet.

    Raises
    ------
    OSError
        If the port that was asked for cannot be used.
    """
    from graphlang.server import address
    from graphlang.server.folder import Folder
    from graphlang.server.routes import Routes
    from graphlang.server.tabs import Tabs
    from graphlang.server.web import Server

    home = os.path.dirname(path) if path is not None else ""
    opened = os.path.basename(path) if path is not None else None
    routes = Routes(Folder(home), Tabs(home), opened)
    last, token = address.remembered(path or "")
    try:
        server = Server(routes, port or last, token)
    except OSError:
        if port:
            raise
        # Another server has it, perhaps one for the same file: that one keeps its token to itself.
        server = Server(routes, 0, address.new_token())
    address.remember(path or "", server.port, server.token)
    return server
