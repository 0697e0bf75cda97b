"""The files of what jobs print. Root makes one for each run, into which the runner writes by a descriptor; for the
record root takes a copy, since that descriptor may be in anybody's hands."""

import errno
import os
import stat

from trigger import output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

SHORTAGES = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of the whole host's, which pass

_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def create(endpoint: "Endpoint") -> int:
    """Make the file for the next run, which the acceptor may read, and return it, open for writing: a descriptor, of
    /dev/null where nothing is kept. Raises OSError."""
    try:
        os.unlink(endpoint.output_file)
    except FileNotFoundError:
        pass
    if not endpoint.output_limit:
        return os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
    # Its group is the directory's, which is setgid. With that mode from the first moment on: somebody may wait for it.
    return os.open(endpoint.output_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _OPEN, 0o640)


def keep(endpoint: "Endpoint", run_id: str, path: str) -> None:
    """Copy what the run printed, which is in a file, beside its record, and let the file go. Raises OSError, and has
    kept nothing of it then, since the record needs the room; the file is still there after one of SHORTAGES alone."""
    try:
        source = os.open(path, os.O_RDONLY | _OPEN)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise OSError("it is not a plain file")
        kept = output.path(endpoint, run_id)
        target = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPEN, 0o600)
        try:
            os.fchmod(target, 0o640)
            _copy(source, target, endpoint.output_limit + len(output.CUT) + 20)
        except OSError:
            os.unlink(kept)
            raise
        finally:
            os.close(target)
    except OSError as error:
        if error.errno not in SHORTAGES:
            os.unlink(path)
        raise
    finally:
        os.close(source)
    os.unlink(path)


def _copy(source: int, target: int, limit: int) -> None:
    sent = 0
    while sent < limit:
        count = os.sendfile(target, source, sent, limit - sent)
        if not count:
            return
        sent += count
