"""The deliveries that were accepted in the last time: what comes again starts nothing.

They are lines of one file in the spool, whose name systemd and the runs pass over. A line is written just before its
request becomes an entry (spool.Spool.commit); if the power goes between the two, the next acceptor finds the file by
its name and makes it one. So there is no moment at which the one is known without the other.
"""

import os

from trigger import atomic_file, digests, entry
from trigger.http import Refusal, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trigger.acceptor.auth import Attempt
    from trigger.acceptor.exchange import Exchange

# Deliveries; the oldest are forgotten first. There may be a quarter more, in the file and in memory, so that it is not
# written anew for each.
LIMIT = 10000
IDEMPOTENCY_KEY = b"idempotency-key"  # draft-ietf-httpapi-idempotency-key-header
# Ids that senders give to a delivery and repeat when they send it again; with a token, they need no signature.
ID_FIELDS = (IDEMPOTENCY_KEY, b"webhook-id", b"x-github-delivery", b"x-gitea-delivery", b"x-gogs-delivery")


def keys(
    request: Request, attempt: "Attempt", read_body: "Callable[[], bytes]", fields: "Iterable[bytes]" = ()
) -> "list[str]":
    """Return what a delivery goes by. The key of an Idempotency-Key has a fingerprint of the request behind a colon,
    and where parameters stand in fields one of these behind another. attempt: finished. fields: their names. Raises
    Refusal.

    An id counts for the entry of `auth` that has let it in, so nobody uses up another's, and only where that answers
    for it: a token's holder for all that he says, a signature for the fields that it covers. What is signed counts
    under any id, or somebody who has overheard a delivery could send it again under a new one.
    """
    found = []
    for entry_name, name, value in _ids(request, attempt):
        if name == IDEMPOTENCY_KEY:
            value = _unquoted(value)
        if not value:
            if name == IDEMPOTENCY_KEY:
                raise Refusal(400, "this Idempotency-Key is empty")
            continue  # it would make one delivery of all that a sender does not name
        key = digests.hex_sha256(b"\0".join((name, entry_name, value)))
        if name == IDEMPOTENCY_KEY:
            key += ":" + _fingerprint(request.method, request.query, read_body())
            if fields:
                key += ":" + _fingerprint(*(_presence(request.fields, field) for field in sorted(fields)))
        found.append(key)
    return found + [digests.hex_sha256(b"signed\0" + digest) for digest in attempt.digests]


def keys_of_before(request: Request, attempt: "Attempt") -> "list[str]":
    """The keys by which release 0.2 remembered the same ids: whoever had sent them. To find only."""
    return [digests.hex_sha256(name + b"\0" + value) for _, name, value in _ids(request, attempt) if value]


def check_same(key: str, other: str) -> None:
    """Raise Refusal where two keys are one but for a fingerprint: an Idempotency-Key stands for one request. Earlier
    releases wrote none, or only the first."""
    if any(one != another for one, another in zip(key.split(":"), other.split(":"))):
        raise Refusal(422, "this Idempotency-Key was used for another request")


def twin(exchange: "Exchange", first: "dict[str, tuple[Exchange, str]]") -> "Exchange | None":
    """Return the exchange that has brought the same delivery in the same moment, or None. first: the exchange and the
    key in full, by bare keys; what is new is added. Raises Refusal as check_same() does."""
    for key in exchange.keys:
        other, known = first.get(bare(key), (None, key))
        check_same(key, known)
        if other:
            return other
    first.update((bare(key), (exchange, key)) for key in exchange.keys)
    return None


def bare(key: str) -> str:
    """A key without its fingerprints."""
    return key.partition(":")[0]


def _presence(fields, name):
    """A field that is not there is another than one that is empty: a parameter's default stands for it."""
    return b"=" + fields[name] if name in fields else b""


def _fingerprint(*parts):
    return digests.hex_sha256("".join(map(digests.hex_sha256, parts)).encode())


def _ids(request, attempt):
    """The fields of a request that name its delivery for sure: triples of the name of the entry that answers for it,
    its own and its value."""
    admitted = attempt.admitted
    if not admitted.is_token:
        return attempt.signed_ids
    return [(admitted.name, name, request.fields[name]) for name in ID_FIELDS if name in request.fields]


def _unquoted(value):
    """What a string of a structured field says (RFC 8941, section 3.3.3), without its parameters; or the value as it
    is, since many senders leave the quotes out."""
    text, escaped = bytearray(), False
    for number, byte in enumerate(value[1:], 2) if value[:1] == b'"' else ():
        if escaped or byte not in b'"\\':
            text.append(byte)
            escaped = False
        elif byte == 0x5C:
            escaped = True
        elif value[number:].lstrip(b" ")[:1] in (b"", b";"):
            return bytes(text)
        else:
            break
    return value


class Deliveries:
    """path: the file. window: seconds for which a delivery is known."""

    def __init__(self, path: str, window: float, limit: int = LIMIT) -> None:
        self._path = path
        self._window = window
        self._limit = limit
        # key without fingerprint to (second, request id, key), oldest first
        self._known: dict[str, tuple[int, str, str]] = {}
        self._lines = 0
        self._fd: int = None
        self._length_before = 0

    def find(self, keys: "list[str]", now: float) -> "str | None":
        """Return the id of the request that one of the keys stands for, or None. Raises OSError, and Refusal
        where one of them stands for another request."""
        self._open(now)
        for key in keys:
            second, request_id, known = self._known.get(bare(key), (None, None, None))
            # A second in the future is known, too: then the clock was set back.
            if request_id and now - second < self._window:
                check_same(key, known)
                return request_id
        return None

    def has(self, request_id: str, now: float) -> bool:
        """Whether a request is among them. Raises OSError."""
        self._open(now)
        return any(known == request_id for _, known, _ in self._known.values())

    def add(self, deliveries: "list[tuple[str, list[str]]]", now: float) -> None:
        """Remember, durably. deliveries: pairs of a request's id and its keys. Raises OSError, and has done nothing
        then."""
        self._open(now)
        if self._is_full():
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

    def take_back(self) -> None:
        """Forget, durably, what the last add() was told. Raises OSError."""
        os.ftruncate(self._fd, self._length_before)
        os.fsync(self._fd)
        self._close()

    def _open(self, now):
        if self._fd is not None:
            return
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._load(now)
        except OSError:
            self._close()  # a part of it would be taken for the whole
            raise
        if self._is_full():
            self._rewrite(now)

    def _load(self, now):
        self._lines = 0
        self._known = {}
        for line in self._read():
            if line[-1:] != b"\n":  # the power went while it was written
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - len(line))
                break
            self._lines += 1
            said = self._parse(line, now)
            if said is not None:
                self._remember(*said)

    def _read(self):
        """The lines of the file, one after the other: all of them together would be large."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        with open(self._fd, "rb", closefd=False) as file:
            yield from file

    def _parse(self, line, now):
        """The second, the request's id and the keys of a line; None where it is damaged, or no longer counts."""
        second, _, rest = line[:-1].decode("ascii", "replace").partition(" ")
        request_id, *keys_ = rest.split(" ")
        is_proper = second.isascii() and second.isdigit() and len(second) < 16 and entry.is_id(request_id)
        if is_proper and now - int(second) < self._window:
            return int(second), request_id, filter(None, keys_)
        return None

    def _is_full(self):
        return self._lines > self._limit * 5 // 4

    def _remember(self, second, request_id, keys_):
        for key in keys_:
            self._known.pop(bare(key), None)  # so that the newest is the last
            self._known[bare(key)] = (second, request_id, key)

    def _rewrite(self, now):
        """Leave out what is no longer known, and of the others the oldest."""
        kept = [line for line in self._read() if self._parse(line, now)]
        atomic_file.replace(self._path, b"".join(kept[-self._limit :]), durable=True)
        self._close()
        self._open(now)

    def _close(self):
        os.close(self._fd)
        self._fd = None


def _write(fd, content):
    while content:
        content = content[os.write(fd, content) :]
