"""Numbers that only grow, for metrics: each endpoint has two small files of them, the acceptor's in its spool and
root's beside the runs. They are kept only where the host has a `trigger_metrics_dir`.
"""

import os

from trigger import atomic_file, paths, strict_json

SIZE_LIMIT = 64 * 1024  # bytes that are read; what is larger is not ours
NUMBER_LIMIT = 1 << 53  # up to which a float, all that Prometheus knows, is exact

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Counts:
    """What has been counted and is not in the file yet. path: the file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._added = {}

    def add(self, name: str, number: float = 1) -> None:
        """Add to a number of that name."""
        self._added[name] = self._added.get(name, 0) + number

    def save(self) -> None:
        """Add to what the file says. Does nothing when nothing was counted. Raises OSError."""
        if not self._added:
            return
        numbers = read(self._path)
        for name, number in self._added.items():
            numbers[name] = numbers.get(name, 0) + number
        atomic_file.replace(self._path, strict_json.encode(numbers).encode())
        self._added = {}
        _tell()


def _tell():
    """Have the metrics written. Who cannot say so now leaves it to the next who counts. A FIFO, since an acceptor can
    make no socket."""
    try:
        fifo = os.open(paths.METRICS_FIFO, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.write(fifo, b"\n")
    except OSError:
        pass  # so many have said so already that it is full
    finally:
        os.close(fifo)


def read(path: str) -> "dict[str, float]":
    """Return the numbers of a file: dict of str to int or float, empty when it is not there or not such a file."""
    try:
        fd = os.open(path, _READ)
    except OSError:
        return {}
    try:
        numbers = strict_json.decode(os.read(fd, SIZE_LIMIT).decode())
    except (OSError, ValueError):
        return {}
    finally:
        os.close(fd)
    if not isinstance(numbers, dict):
        return {}
    return {name: number for name, number in numbers.items() if _is_count(number)}


def _is_count(number):
    return type(number) in (int, float) and 0 <= number < NUMBER_LIMIT  # NaN is neither
