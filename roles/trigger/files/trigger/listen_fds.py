"""The listening sockets that systemd hands over (sd_listen_fds(3)).

`_socket`, like `_json` and `_signal` elsewhere, is the C half of a standard module. Its Python half
costs 7 ms at every start, a fifth of a cold answer (ARCHITECTURE.md); what is used of it here is the
same in both.
"""

import _socket
import os

FIRST = 3  # SD_LISTEN_FDS_START


def listen_sockets():
    """Return the sockets of this activation: a list of _socket.socket, none of them blocking. Raises RuntimeError as
    listen_fds() does."""
    sockets = [_socket.socket(fileno=fd) for fd in listen_fds()]
    for listener in sockets:
        listener.setblocking(False)
    return sockets


def listen_fds():
    """Return the descriptors of this activation, which no child inherits: a range of int.

    Raises RuntimeError when systemd handed over nothing, as when the program is started by hand.
    """
    descriptors = _descriptors()
    if not descriptors:
        raise RuntimeError("no socket came from systemd: start the unit's .socket instead")
    for fd in descriptors:
        os.set_inheritable(fd, False)
    return descriptors


def _descriptors():
    try:
        from systemd._daemon import _listen_fds
    except ImportError:
        return _plain_descriptors()
    return range(FIRST, FIRST + _listen_fds(True))


def _plain_descriptors():
    """The same protocol without python3-systemd: two variables, valid for the named process only."""
    if os.environ.pop("LISTEN_PID", None) != str(os.getpid()):
        return range(0)
    os.environ.pop("LISTEN_FDNAMES", None)
    return range(FIRST, FIRST + int(os.environ.pop("LISTEN_FDS", "0")))
