"""The descriptors that systemd hands over (sd_listen_fds(3)).

`_socket`, like `_json` and `_signal` elsewhere, is the C half of a standard module. Its Python half
costs 7 ms at every start, a fifth of a cold answer (docs/design.md); what is used of it here is the
same in both. python3-systemd would cost another 1.9 ms, and do no more.
"""

import _socket
import os

FIRST = 3  # SD_LISTEN_FDS_START


def listen_sockets() -> "list[_socket.socket]":
    """Return the descriptors of this activation as sockets. Raises RuntimeError as listen_fds() does."""
    return [_socket.socket(fileno=fd) for fd in listen_fds()]


def listen_fds() -> range:
    """Return the descriptors of this activation, none of which blocks, or is there in a child.

    Raises RuntimeError when systemd handed over nothing, as when the program is started by hand.
    """
    # The variables hold for the named process only. Whom it starts is not to look at them.
    is_ours = os.environ.pop("LISTEN_PID", None) == str(os.getpid())
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    os.environ.pop("LISTEN_FDNAMES", None)
    if not is_ours or not count:
        raise RuntimeError("no socket came from systemd: start the unit's .socket instead")
    for fd in range(FIRST, FIRST + count):
        os.set_inheritable(fd, False)
        os.set_blocking(fd, False)
    return range(FIRST, FIRST + count)
