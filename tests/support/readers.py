"""Three readers of HTTP/1 side by side: ours, h11, and llhttp (by httptools).

Each says what it makes of a message, and how many bytes it took for that: a Reading, a Refused, or None while something
is missing.
"""

import sys
from typing import NamedTuple

import h11
import httptools

from trigger import http

BODY_LIMIT = 4096


class Reading(NamedTuple):
    """fields: dict of lower-case name to value, several joined as RFC 9110, section 5.3, says."""

    method: bytes
    target: bytes
    version: tuple
    fields: dict
    body: bytes


class Refused(NamedTuple):
    status: int
    reason: str


def single_bytes(message):
    return [message[n : n + 1] for n in range(len(message))]


def ours(pieces, limit=BODY_LIMIT, buffer=bytearray):
    """Returns what is made of it, and how many bytes were taken: exactly as many as the message has, if the pieces are
    single bytes. buffer: the type of the parser's buffers."""
    head, reader, body, taken = http.Head(), None, b"", 0
    head._received = buffer()
    try:
        for piece in pieces:
            taken += len(piece)
            if reader is None:
                piece = head.feed(piece)
                if piece is None:
                    continue
                request = head.request
                reader = http.Body(request, limit)
                reader._buffer = buffer()
            body += reader.feed(piece)
            if reader.complete:
                return Reading(request.method, request.target, request.version, request.fields, body), taken
    except http.Refusal as refusal:
        return Refused(refusal.status, refusal.reason), taken
    return None, taken


class _Counted(bytearray):
    """Counts the bytes that are looked at or copied."""

    handled = 0

    def find(self, part, start=0, end=sys.maxsize):
        found = super().find(part, start, end)
        _Counted.handled += (min(len(self), end) if found < 0 else found + len(part)) - start
        return found

    def count(self, part, start=0, end=sys.maxsize):
        _Counted.handled += max(0, min(len(self), end) - start)
        return super().count(part, start, end)

    def __getitem__(self, key):
        found = super().__getitem__(key)
        _Counted.handled += len(found) if isinstance(key, slice) else 1
        return found


def bytes_handled(pieces, limit=BODY_LIMIT):
    """How many bytes our parser looks at or copies, each as often as it does."""
    _Counted.handled = 0
    ours(pieces, limit, _Counted)
    return _Counted.handled


def of_h11(message):
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=http.HEAD_LIMIT)
    head, body = None, b""
    if message:  # no bytes would tell it that the connection ends
        connection.receive_data(message)
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return None, len(message)
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                version = tuple(int(number) for number in head.http_version.split(b"."))
                rest = len(connection.trailing_data[0])
                fields = _joined((bytes(name), bytes(value)) for name, value in head.headers)
                reading = Reading(bytes(head.method), bytes(head.target), version, fields, body)
                return reading, len(message) - rest
    except h11.RemoteProtocolError as error:
        return Refused(error.error_status_hint, str(error)), len(message)


class _Events:
    """What llhttp calls."""

    def __init__(self):
        self.target, self.fields, self.body, self.head, self.complete = b"", [], b"", False, False

    def on_url(self, part):
        self.target += part

    def on_header(self, name, value):
        if not self.head:  # otherwise it stands in the trailer
            self.fields.append((name, value.rstrip(b" \t")))  # which llhttp leaves to whom it calls

    def on_headers_complete(self):
        self.head = True

    def on_body(self, part):
        self.body += part

    def on_message_complete(self):
        self.complete = True


def of_llhttp(message):
    events = _Events()
    parser = httptools.HttpRequestParser(events)
    for taken, piece in enumerate(single_bytes(message), 1):
        try:
            parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # it reads no further where the client offers another protocol; the message is complete
        except httptools.HttpParserError as error:
            return Refused(400, str(error)), taken
        if events.complete:
            version = tuple(int(number) for number in parser.get_http_version().split("."))
            fields = _joined(events.fields)
            return Reading(parser.get_method(), events.target, version, fields, events.body), taken
    return None, len(message)


def differences(message):
    """What the others read differently, where we take a message or wait for more of it: list of (reader, its reading).
    Each difference that is known is named below, and why nobody is deceived by it."""
    mine, taken = ours(single_bytes(message))
    found = []
    if isinstance(mine, Refused):
        return found
    for reader in (of_h11, of_llhttp):
        theirs, length = reader(message)
        if reader is of_llhttp and _is_cut_at_an_upgrade(theirs, length, message):
            theirs, length = mine and theirs._replace(body=mine.body), taken
        if mine is None:
            agree = not isinstance(theirs, Reading)
        elif isinstance(theirs, Reading):
            agree = _same(mine, theirs) and length == taken
        else:
            agree = reader is of_llhttp and theirs is not None and _is_known_refusal(mine, theirs)
        if not agree:
            found.append((reader.__name__, theirs))
    return found


def _is_cut_at_an_upgrade(theirs, length, message):
    """httptools takes no body where the client offers another protocol. The body comes first (RFC 9110, section 7.8),
    and what follows is of that protocol only behind an answer of 101, which we never give."""
    return isinstance(theirs, Reading) and b"upgrade" in theirs.fields and length == http.head_end(message[:length])


def _is_known_refusal(mine, theirs):
    """llhttp has a list of methods; where we have the path, any other is answered with 405. And it allows no spaces
    behind the value of Transfer-Encoding, which are none of it (RFC 9112, section 5.1)."""
    knows_method = isinstance(of_llhttp(mine.method + b" / HTTP/1.1\r\n\r\n")[0], Reading)
    return not knows_method or theirs.reason == "Request has invalid `Transfer-Encoding`"


def _same(mine, theirs):
    """Whether two readings are one, but for what the readers make of a field's value."""
    fields = dict(theirs.fields)
    if mine.target[:1] not in b"/*":
        # A target in absolute form says the host (RFC 9112, section 3.2.2); they leave that to who uses them.
        fields.setdefault(b"host", mine.fields.get(b"host"))
    if mine.fields.get(b"transfer-encoding", b"").lower() == fields.get(b"transfer-encoding"):
        fields[b"transfer-encoding"] = mine.fields[b"transfer-encoding"]  # h11 writes it in lower case; it has no case
    return mine == theirs._replace(fields=fields)


def _joined(pairs):
    fields = {}
    for name, value in pairs:
        name = name.lower()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields
