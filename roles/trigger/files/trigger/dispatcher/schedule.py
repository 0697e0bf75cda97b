"""When a run may begin: after a quiet time (debounce), and not beside another that names the same lock (exclusive).

The claim waits here, before it takes anything, so nothing of it counts as the run's time.
"""

import os
import time

from trigger import entry, paths

LOCKS = paths.RUNTIME + "/locks"


def wait_for_quiet(endpoint, list_waiting):
    """Wait until no request has come for `debounce`, or the first waits for `debounce_max`. list_waiting: a function
    that returns the names in the spool, oldest first."""
    begun = time.monotonic()
    while True:
        stamps = [entry.second_of(name) for name in list_waiting() if entry.is_id(name)]
        now = time.time()
        seconds = quiet_in(endpoint, stamps, now)
        # A clock that was set back must not let requests wait for longer than was said.
        seconds = min(seconds, begun + endpoint.debounce_max - time.monotonic())
        if seconds <= 0:
            return
        time.sleep(seconds)


def quiet_in(endpoint, stamps, now):
    """Return in how many seconds the run may begin, float; 0 or less for now. stamps: seconds since the epoch at which
    the waiting requests were accepted, oldest first."""
    if not stamps:
        return 0.0
    return min(stamps[-1] + endpoint.debounce, stamps[0] + endpoint.debounce_max) - now


def drop_lock():
    """Have systemd let go of a lock that it still holds for an earlier run of this unit: when the next start follows at
    once, it keeps the store, and the claim would wait for itself. Raises OSError."""
    _notify([(b"FDSTOREREMOVE=1\nFDNAME=lock", None)])


def take_lock(endpoint):
    """Wait for the lock that the endpoint names, and leave it to systemd to hold until all of the run is over.

    What holds it is a descriptor in the unit's store (FileDescriptorStoreMax= in systemd.service(5)): it is let go when
    the unit has stopped, whatever dies before. Raises OSError.
    """
    import fcntl

    os.makedirs(LOCKS, mode=0o700, exist_ok=True)
    fd = os.open(LOCKS + "/" + endpoint.exclusive, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("%s: waiting for the lock %s" % (endpoint.name, endpoint.exclusive), flush=True)
        fcntl.flock(fd, fcntl.LOCK_EX)
    _notify([(b"FDSTORE=1\nFDNAME=lock", fd)])


def _notify(messages):
    """Tell systemd, and wait until it has heard (sd_pid_notify_with_fds(3), sd_notify_barrier(3)). messages: list of
    (bytes, descriptor or None)."""
    import array
    import socket

    reading, writing = os.pipe()
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
        notify.connect("\0" + address[1:] if address[0] == "@" else address)
        for text, fd in [*messages, (b"BARRIER=1", writing)]:
            rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            notify.sendmsg([text], rights)
    os.close(writing)
    os.read(reading, 1)  # it ends when systemd has closed the other end
    os.close(reading)
