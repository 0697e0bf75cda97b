# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs of the role on one host take turns: each sees what the one before it has made."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from .trigger_host import Mistake

LOCK = "/run/trigger.lock"  # where root alone may write, so that nobody else can keep it
PATIENCE = 300  # seconds
_LOOK_EVERY = 0.2  # seconds


@contextlib.contextmanager
def turn(only_looks: bool = False, path: str = LOCK, patience: float = PATIENCE) -> Iterator[None]:
    """Wait for the run of the role that is at work on this host, and keep others waiting meanwhile. Raises Mistake when
    it takes longer than `patience`, seconds. only_looks: for check mode, which waits, too, and makes no file."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | (0 if only_looks else os.O_CREAT), 0o600)
        except FileNotFoundError:  # nobody is at work
            yield
            return
        try:
            _take(fd, path, deadline, patience)
            if _is_at(fd, path):  # who had it before has not removed it
                break
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
    try:
        if not only_looks:
            os.truncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        if not only_looks:
            os.unlink(path)
        os.close(fd)


def _take(fd, path, deadline, patience):
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        if time.monotonic() >= deadline:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            who = f"process {holder}" if holder else "another one"  # which may have taken it a moment ago
            raise Mistake(
                f"nothing was changed: this run of the role has waited {patience} s for its turn; {who} has it now (it "
                f"holds {path}). Run the playbook again when that has ended, or end it"
            )
        time.sleep(_LOOK_EVERY)


def _is_at(fd, path):
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False
