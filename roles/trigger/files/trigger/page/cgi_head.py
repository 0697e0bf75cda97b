"""The head that a job of `output: cgi` prints: taken off, since it is for whoever waits for the answer. No I/O."""

from trigger import cgi_response


class Head:
    """Takes what is printed, in parts, cut anywhere. told: str, what the head says; "" while it is not complete, and
    where there is none."""

    def __init__(self):
        self.told = ""
        self._begin = b""  # None behind the head

    @property
    def is_over(self) -> bool:
        """Whether all that follows is the body."""
        return self._begin is None

    def feed(self, part: bytes) -> bytes:
        """Return what a part adds to the body."""
        if self._begin is None:
            return part
        self._begin += part
        return self.end() if _is_complete(self._begin) else b""

    def end(self) -> bytes:
        """Return what there is of the body when no part follows. What begins with no head is the body."""
        begin, self._begin = self._begin or b"", None
        try:
            status, fields, body = cgi_response.parse_head(begin)
        except cgi_response.Malformed:
            return begin
        self.told = ", ".join(["Status: %d" % status, *map(": ".join, fields)])
        return begin[body:]


def _is_complete(begin):
    lines = begin[: cgi_response.HEAD_LIMIT].split(b"\n")[:-1]
    return len(begin) >= cgi_response.HEAD_LIMIT or any(not line.rstrip(b"\r") for line in lines)
