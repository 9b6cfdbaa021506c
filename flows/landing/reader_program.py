"""The process that readers are forked from: it has loaded what they need, and never reads anything itself.

To load the libraries takes half a second, to fork a process that has them ten milliseconds; so a reader that a file
has killed costs nothing to replace. It is started anew (not forked from a program that runs threads) and told what to
do over a socket: `fork`, with the socket of the new reader, and `wait`, for how a reader ended. It ends with its
program, and so do its readers.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys

from flows.landing import reader_work

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """Answer until the program that started this one is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel = ctypes.CDLL(None)
    with socket.socket(fileno=int(sys.argv[1])) as control:
        while True:
            order, sockets, _, _ = socket.recv_fds(control, 64, 1)
            if not order:
                return
            if order == b"fork":
                control.send(str(_fork(sockets[0], control, kernel)).encode())
            else:
                control.send(str(os.waitpid(int(order.split()[1]), 0)[1]).encode())


def _fork(own: int, control: socket.socket, kernel: ctypes.CDLL) -> int:
    process = os.fork()
    if process:
        os.close(own)
        return process
    if sys.platform == "linux":
        kernel.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    control.close()
    try:
        reader_work.serve(own)
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
