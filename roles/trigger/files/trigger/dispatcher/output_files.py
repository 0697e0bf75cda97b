"""The files of what jobs print: root makes one for each run, and takes a copy of it for the record."""

import os
import pwd

from trigger import output

_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PART = 64 * 1024


def create(endpoint):
    """Make the file for the next run, as root: the job's user writes it, the acceptor may read it. Raises OSError."""
    remove(endpoint)
    if endpoint.output_limit:
        fd = os.open(endpoint.output_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _OPEN, 0o600)
        try:
            os.fchown(fd, pwd.getpwnam(endpoint.job_user).pw_uid, pwd.getpwnam(endpoint.user).pw_gid)
            os.fchmod(fd, 0o640)
        finally:
            os.close(fd)


def keep(endpoint, run_id):
    """Copy what the run printed beside its record, as root, and let the file go. Raises OSError."""
    try:
        source = os.open(endpoint.output_file, os.O_RDONLY | _OPEN)
    except FileNotFoundError:
        return
    try:
        target = os.open(output.path(endpoint, run_id), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _OPEN, 0o600)
        try:
            os.fchown(target, 0, os.stat(endpoint.runs).st_gid)
            os.fchmod(target, 0o640)
            _copy(source, target, endpoint.output_limit + len(output.CUT) + 20)
        finally:
            os.close(target)
    finally:
        os.close(source)
    remove(endpoint)


def remove(endpoint):
    """Let go what an earlier run printed."""
    try:
        os.unlink(endpoint.output_file)
    except FileNotFoundError:
        pass


def _copy(source, target, limit):
    while limit:
        part = os.read(source, min(_PART, limit))
        if not part:
            return
        limit -= len(part)
        os.write(target, part)
