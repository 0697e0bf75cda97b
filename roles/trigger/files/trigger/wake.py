"""The byte that says that a spool holds something.

It goes into a FIFO behind which systemd starts the dispatcher. The dispatcher empties the FIFO before it lists the
spool, and who adds an entry writes the byte afterwards, so no entry is overlooked; a FIFO that is full is as good.
"""

import os

from trigger import paths


def wake(name: str) -> None:
    """Have the dispatcher look into the spool of the endpoint called name. Without a FIFO nothing is lost: its socket
    unit looks by itself when it starts."""
    try:
        fifo = os.open(paths.Paths(name).wake_fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    write(fifo)
    os.close(fifo)


def write(fifo: int) -> None:
    """Write the byte into an open FIFO."""
    try:
        os.write(fifo, b"\n")
    except OSError:
        pass  # it is full of such bytes, or nobody listens
