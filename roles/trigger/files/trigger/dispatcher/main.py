"""Starts the dispatcher of one endpoint."""

import _signal
import os

from trigger import listen_fds
from trigger.dispatcher.dispatcher import Dispatcher
from trigger.dispatcher.systemd_bus import Failed


def main(name: str) -> int:
    """Dispatch for the endpoint called name. Returns the exit status; after a failure systemd tries again after a
    second."""
    os.umask(0o022)
    try:
        fifo = next(iter(listen_fds.listen_fds()))
    except RuntimeError:
        print("<3>%s: systemd has handed over no FIFO; start trigger-dispatch@%s.socket" % (name, name))
        return 1
    awake, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    _signal.set_wakeup_fd(wakeup)
    os.set_blocking(fifo, False)
    try:
        dispatcher = Dispatcher(name, fifo)
        _signal.signal(_signal.SIGTERM, lambda *_: dispatcher.stop())
        dispatcher.serve(awake)
    except (OSError, ValueError, Failed) as error:
        print("<3>%s: what is not done is tried again: %s" % (name, error))
        return 1
    return 0
