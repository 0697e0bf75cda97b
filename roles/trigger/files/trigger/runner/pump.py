"""What a job prints: to the journal, and into the file that the dispatcher made for it, both up to a limit.

So a job that prints without end fills neither disk nor journal nor memory: what is too much is read and dropped.
"""

import os

from trigger import output

PART = 64 * 1024
PIPE_LIMIT = 1024 * 1024  # bytes that a pipe may hold (fcntl(2), F_SETPIPE_SZ)


class Pump:
    """source: the reading end of the job's pipe, which does not block. file: a descriptor, where a copy goes. limit:
    bytes; 0 for no limit, and no copy."""

    def __init__(self, source: int, file: int, limit: int) -> None:
        self.source: int = source
        self._targets = (file, 1) if limit else (1,)
        self._limit = limit
        self._left = limit
        self._is_cut = False

    def copy(self) -> bool:
        """Pass one part on. Returns whether there may be more at once; the source is None at its end."""
        try:
            part = os.read(self.source, PART)
        except BlockingIOError:
            return False
        if not part:
            os.close(self.source)
            self.source = None
            return False
        kept = part[: self._left] if self._limit else part
        self._left -= len(kept)
        if len(kept) < len(part) and not self._is_cut:
            self._is_cut = True
            kept += output.CUT % self._limit
        for target in self._targets:
            _write(target, kept)
        return True

    def finish(self) -> None:
        """Pass on what is there. Who still holds the other end is about to be stopped, and is not waited for, however
        much comes from there."""
        for _ in range(PIPE_LIMIT // PART + 1):
            if self.source is None or not self.copy():
                return


def _write(fd: int, content: bytes) -> None:
    try:
        while content:
            content = content[os.write(fd, content) :]
    except OSError:
        pass  # a full disk, or a journal that is gone, is no reason to stop the job
