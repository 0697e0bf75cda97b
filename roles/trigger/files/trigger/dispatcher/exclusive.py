"""The lock that an endpoint names (`exclusive`): of those that name it, one has a run at a time.

The dispatcher alone holds it; a process of the job's user could reach into the runner, and unlock what that held. While
a run goes on, the file says whose it is: a lock that is free with a name in it was let go by a dispatcher that was
killed, and whoever finds that waits until that endpoint's job has ended.
"""

import _thread
import fcntl
import os

from trigger import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOCKS = paths.RUNTIME + "/locks"
NAME_LIMIT = 64


class Exclusive:
    """name: the endpoint's. is_over: a function that says of an endpoint's name whether its job's unit has ended."""

    def __init__(self, name: str, lock: str, is_over: "Callable[[str], bool]") -> None:
        self._name = name
        self._path = LOCKS + "/" + lock
        self._is_over = is_over
        self._waiting: int = None  # a pipe on which a thread says that it has the lock
        self._fd: int = None  # the lock, once it is ours
        self.is_held = False  # and once nobody's run is in its way
        self.holder: str = None  # the endpoint whose run we wait for, as the file told

    def take(self) -> bool:
        """Ask for the lock, without waiting. Returns whether it is held. Raises OSError."""
        if self._fd is None:
            self._ask()
        if self._fd is None:
            return False
        self.holder = os.pread(self._fd, NAME_LIMIT, 0).decode("ascii", "replace") or None
        if self.holder not in (None, self._name) and not self._is_over(self.holder):
            return False
        if self.holder != self._name:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, self._name.encode(), 0)
        self.holder = None
        self.is_held = True
        return True

    def fileno(self) -> "int | None":
        """What becomes readable when it is worth to take() again, or to give_up(): a descriptor, or None."""
        return self._waiting

    def give_up(self) -> bool:
        """It is not wanted now. What has come is let go, and what may still come is to be given up then: a thread that
        waits for a lock cannot be called off. Returns whether nothing may come any more."""
        self._hear()
        if self._fd is not None:
            os.close(self._fd)  # whoever's run the file tells of is none of ours to end
            self._fd = None
        return self._waiting is None

    def release(self) -> None:
        """Let go what is held. To be called when the job's unit has ended."""
        if self._fd is not None:
            if os.pread(self._fd, NAME_LIMIT, 0) == self._name.encode():
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def _ask(self) -> None:
        if self._waiting is not None:
            self._hear()
            return
        os.makedirs(LOCKS, mode=0o700, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._fd = fd
        except BlockingIOError:
            # In a thread, so that it is given to those who wait one after the other.
            self._waiting, done = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            _thread.start_new_thread(_wait, (fd, done))

    def _hear(self) -> None:
        """Take in what the thread says."""
        if self._waiting is None:
            return
        try:
            said = os.read(self._waiting, 16)
        except BlockingIOError:
            return
        os.close(self._waiting)
        self._waiting = None
        if said:
            self._fd = int(said)


def _wait(fd: int, done: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(done, b"%d" % fd)
    except OSError:
        os.close(fd)
    finally:
        os.close(done)
