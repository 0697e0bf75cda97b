"""The deliveries that were accepted in the last time: what comes again starts nothing.

They are lines of one file in the spool, whose name systemd and the runs pass over. A line is written just before its
request becomes an entry (spool.Spool.commit); if the power goes between the two, the next acceptor finds the file by
its name and makes it one. So there is no moment at which the one is known without the other.
"""

import os

from trigger import digests, entry

LIMIT = 10000  # deliveries; the oldest are forgotten first
# Ids that senders give to a delivery and repeat when they send it again.
ID_FIELDS = (b"webhook-id", b"x-github-delivery", b"x-gitea-delivery", b"x-gogs-delivery", b"idempotency-key")


def keys(request, digest):
    """Return what a delivery goes by: list of str of fixed length.

    request: http.Request. digest: bytes, of what is signed, or None. Most senders do not sign their ids; then
    the digest catches a delivery that somebody sends again under a new one.
    """
    parts = [name + b"\0" + request.fields[name] for name in ID_FIELDS if name in request.fields]
    if digest is not None:
        parts.append(b"signed\0" + digest)
    return [digests.hex_sha256(part) for part in parts]


class Deliveries:
    """path: str, the file. window: float, seconds for which a delivery is known. limit: int."""

    def __init__(self, path, window, limit=LIMIT):
        self._path = path
        self._window = window
        self._limit = limit
        self._known = {}  # key to (second, request id), oldest first
        self._lines = 0
        self._fd = None
        self._length_before = 0

    def find(self, keys, now):
        """Return the id of the request that one of the keys stands for, str, or None. Raises OSError."""
        self._open(now)
        for key in keys:
            second, request_id = self._known.get(key, (None, None))
            # A second in the future is known, too: then the clock was set back.
            if request_id and now - second < self._window:
                return request_id
        return None

    def has(self, request_id, now):
        """Whether a request is among them. Raises OSError."""
        self._open(now)
        return any(known == request_id for _, known in self._known.values())

    def add(self, deliveries, now):
        """Remember, durably. deliveries: list of (request id, keys). Raises OSError, and has done nothing then."""
        self._open(now)
        if self._lines > 2 * self._limit:
            self._rewrite(now)
        lines = [b"%d %s %s\n" % (now, rid.encode(), " ".join(keys).encode()) for rid, keys in deliveries]
        self._length_before = os.fstat(self._fd).st_size
        try:
            _write(self._fd, b"".join(lines))
            os.fsync(self._fd)
        except OSError:
            self.take_back()
            raise
        self._lines += len(lines)
        for request_id, keys_ in deliveries:
            self._remember(int(now), request_id, keys_)

    def take_back(self):
        """Forget, durably, what the last add() was told. Raises OSError."""
        os.ftruncate(self._fd, self._length_before)
        os.fsync(self._fd)
        self._close()

    def forget(self, request_ids, now):
        """Forget the deliveries of some requests, durably. request_ids: set of str. Raises OSError."""
        self._open(now)
        self._known = {key: known for key, known in self._known.items() if known[1] not in request_ids}
        self._rewrite(now)

    def _open(self, now):
        if self._fd is not None:
            return
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(self._fd, "rb", closefd=False) as file:
            content = file.read()
        lines = content.split(b"\n")
        if lines[-1]:  # the power went while it was written
            os.ftruncate(self._fd, len(content) - len(lines[-1]))
        self._lines = len(lines) - 1
        self._known = {}
        for line in lines[:-1]:
            second, request_id, *keys_ = [*line.decode("ascii", "replace").split(" "), ""]
            is_proper = second.isascii() and second.isdigit() and len(second) < 16 and entry.is_id(request_id)
            if is_proper and now - int(second) < self._window:
                self._remember(int(second), request_id, filter(None, keys_))
        if self._lines > 2 * self._limit:
            self._rewrite(now)

    def _remember(self, second, request_id, keys_):
        for key in keys_:
            self._known.pop(key, None)  # so that the newest is the last
            self._known[key] = (second, request_id)

    def _rewrite(self, now):
        """Leave out what is no longer known."""
        requests = {}
        for key, (second, request_id) in self._known.items():
            if now - second < self._window:
                requests.setdefault((second, request_id), []).append(key)
        kept = list(requests.items())[-self._limit :]
        draft = self._path + ".new"
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, b"".join(b"%d %s %s\n" % (s, r.encode(), " ".join(k).encode()) for (s, r), k in kept))
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(draft, self._path)
        self._close()
        self._open(now)

    def _close(self):
        os.close(self._fd)
        self._fd = None


def _write(fd, content):
    while content:
        content = content[os.write(fd, content) :]
