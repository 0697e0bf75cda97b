"""Replacing a file as a whole: whoever opens it finds all of the old content or all of the new."""

import os

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(path: str, content: bytes, mode: int = 0o600, group: "int | None" = None, durable: bool = False) -> None:
    """Write a file anew, under a name of its own first. mode: its own, whatever the umask is. durable: whether it is on
    the disk, name and all, when this returns. Raises OSError."""
    draft = path + ".new"
    # Of somebody who was killed, or who would have us write elsewhere.
    _unlink(draft)
    fd = os.open(draft, _CREATE, 0o600)
    try:
        with open(fd, "wb") as file:
            if group is not None:
                os.fchown(fd, -1, group)
            os.fchmod(fd, mode)
            file.write(content)
            if durable:
                file.flush()
                os.fsync(fd)
        os.rename(draft, path)
    except OSError:
        _unlink(draft)
        raise
    if durable:
        flush_directory(os.path.dirname(path))


def flush_directory(path: str) -> None:
    """Bring the names in a directory to the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unlink(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
