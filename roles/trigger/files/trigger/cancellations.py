"""Which requests clients want to have cancelled: an empty file for each, `.cancel-ID` in the spool.

The acceptor, which may stop no unit, writes it and the byte behind it; the dispatcher, which may, takes it away when
that request neither waits nor is being run any more.
"""

import os

from trigger import entry

_PREFIX = ".cancel-"


def ask(spool: str, request_id: str) -> None:
    """Write down that somebody wants it. spool: the directory. When this returns, that is durable. Raises OSError."""
    from trigger import atomic_file

    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    os.close(os.open(_path(spool, request_id), flags, 0o600))
    atomic_file.flush_directory(spool)


def asked(spool: str) -> "list[str]":
    """Return the ids of the requests that somebody wants to have cancelled. Raises OSError."""
    ids = (name[len(_PREFIX) :] for name in os.listdir(spool) if name.startswith(_PREFIX))
    return sorted(filter(entry.is_id, ids))


def done(spool: str, request_id: str) -> None:
    """Take away what ask() has written. Raises OSError."""
    try:
        os.unlink(_path(spool, request_id))
    except (FileNotFoundError, IsADirectoryError):
        pass  # what is no file ask() has not made


def _path(spool, request_id):
    return spool + "/" + _PREFIX + request_id
