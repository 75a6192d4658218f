"""Start a command and print its seconds, its peak memory in bytes and its exit status as JSON.

`python -I -S launch.py COMMAND…`. The kernel counts the memory of the process that starts another as the
other's, too; so this one imports next to nothing. What the command prints is thrown away.
"""

import os
import sys
import time


def main() -> None:
    """Start, wait, report."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    start = time.perf_counter()
    pid = os.posix_spawn(
        sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, nowhere, 1)]
    )
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    status = os.waitstatus_to_exitcode(status)
    print(f'{{"seconds": {seconds}, "memory": {memory}, "status": {status}}}')


main()
