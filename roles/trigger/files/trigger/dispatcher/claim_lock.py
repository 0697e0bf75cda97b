"""While this is held, no request is claimed and no run is recorded: what is seen then, stays so.

The dispatcher holds it for what it does with requests, and triggerctl to take one back or to stop its run. It is a lock
on a file that root alone can open, and gone with whoever dies.
"""

import fcntl
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.paths import Paths

_LOCK = ".lock"
MARK = ".cancelled"  # holds the id of the run that somebody has stopped


class ClaimLock:
    """Use it as a context manager; it waits for its turn."""

    def __init__(self, endpoint: "Paths") -> None:
        self._path = endpoint.claimed

    def __enter__(self) -> "ClaimLock":
        self._directory = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._lock = self._open(_LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)
        os.close(self._directory)

    def cancel(self, run_id: str) -> None:
        """Say that the present run is cancelled, whatever its job makes of the signal that it gets."""
        with open(MARK, "w", opener=self._open) as file:
            file.write(run_id)

    def is_cancelled(self, run_id: str) -> bool:
        """Whether somebody has said so."""
        try:
            with open(MARK, opener=self._open) as file:
                return file.read() == run_id
        except FileNotFoundError:
            return False

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self._directory)
