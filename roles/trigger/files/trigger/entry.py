"""The form in which a request waits on disk.

An entry is the request's body, then its variables as in /proc/PID/environ (KEY=VALUE, each closed by
a NUL), then a mark of fixed size that tells how long the variables are. The mark comes last, so a
body of any size can be written as it arrives, and a file that was cut short has none.
"""

import os
import time

_HEX = "0123456789abcdef"
_MARK = b"%08x trigger entry\n"
MARK_SIZE = len(_MARK % 0)
VARIABLES_LIMIT = 1024 * 1024  # bytes
# Seconds by which an id may lie ahead of the clock, which may have been set back. One that is farther ahead is not
# followed by those that acceptors make, and, with a day to spare, refused by the dispatcher.
FOLLOWED = 7 * 86400.0
AHEAD = 8 * 86400.0


class Damaged(Exception):
    """The file is not an entry. str(error) says why."""


def encode(variables: "list[tuple[bytes, bytes]]") -> bytes:
    """Return what follows the body."""
    block = b"".join(b"%s=%s\0" % variable for variable in variables)
    return block + _MARK % len(block)


def read_variables(fd: int, size: int) -> "tuple[dict[bytes, bytes], int]":
    """Return an entry's variables, dict of bytes to bytes in their order, and its body's length.

    fd: an open file. size: the file's. Raises Damaged.
    """
    mark = os.pread(fd, MARK_SIZE, max(0, size - MARK_SIZE))
    if len(mark) != MARK_SIZE or mark[8:] != (_MARK % 0)[8:]:
        raise Damaged("it has no end mark")
    if mark[:8].translate(None, _HEX.encode()):  # int() would take a sign, spaces and underscores
        raise Damaged("its end mark is malformed")
    length = int(mark[:8], 16)
    body_length = size - MARK_SIZE - length
    if length > VARIABLES_LIMIT or body_length < 0:
        raise Damaged("its end mark does not fit its size")
    block = os.pread(fd, length, body_length)
    if len(block) != length or block[-1:] not in (b"", b"\0"):
        raise Damaged("its variables are cut short")
    variables = {}
    for item in block.split(b"\0")[:-1]:
        key, equals, value = item.partition(b"=")
        if not key or not equals:
            raise Damaged("one of its variables has no name")
        variables[key] = value
    return variables, body_length


def is_id(name: str) -> bool:
    """Whether a file's name has the form of a request's id."""
    return (
        len(name) == 36
        and all(name[i] == "-" for i in (8, 13, 18, 23))
        and all(c in _HEX for c in name.replace("-", ""))
        and len(name.replace("-", "")) == 32
        and name[14] == "7"
    )


def second_of(request_id: str) -> float:
    """When a request was accepted, as its id tells: seconds since the epoch."""
    return int(request_id[:8] + request_id[9:13], 16) / 1000


class Ids:
    """Makes request ids: UUIDs of version 7 (RFC 9562, section 5.7).

    They sort by time. Within one process, and behind the id that it is told of, each is later than the one before
    whatever the clock does. 62 random bits make them unguessable.
    """

    def __init__(self, after: "str | None" = None, ahead: "float | None" = None) -> None:
        """after: an id that all ids made here must follow; None for no such id. ahead: seconds by which they may lie
        ahead of the clock for that, or None for any."""
        self._ahead = ahead and int(ahead * 1000) << 12
        self._last = 0
        if after:
            self._last = int(after[:8] + after[9:13] + after[15:18], 16)

    def next(self) -> str:
        """Return a new id, str of 36 characters."""
        # Milliseconds, then the fraction of one in 1/4096: method 3 of RFC 9562, section 6.2.
        now = (time.time_ns() << 12) // 1_000_000
        follows = self._ahead is None or self._last < now + self._ahead
        self._last = max(now, self._last + 1) if follows else now
        time_part = "%015x" % self._last
        random = int.from_bytes(os.urandom(8), "big") >> 2 | 1 << 63
        tail = "%016x" % random
        return "%s-%s-7%s-%s-%s" % (
            time_part[:8],
            time_part[8:12],
            time_part[12:],
            tail[:4],
            tail[4:],
        )
