"""Three readers of HTTP/1 side by side: ours, h11, and llhttp (by httptools).

Each says what it makes of a message, and how many bytes it took for that: a Reading, a Refused, or None while something
is missing.
"""

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


def ours(pieces, limit=BODY_LIMIT):
    """Returns what is made of it, and how many bytes were taken: exactly as many as the message has, if the pieces are
    single bytes."""
    received, body, taken = bytearray(), b"", 0
    reader = None
    try:
        for piece in pieces:
            taken += len(piece)
            if reader is None:
                searched = len(received)
                received += piece
                end = http.head_end(received, searched)
                if end is None:
                    continue
                request = http.parse_head(bytes(received[:end]))
                reader = http.Body(request, limit)
                piece = bytes(received[end:])
            body += reader.feed(piece)
            if reader.complete:
                return Reading(request.method, request.target, request.version, request.fields, body), taken
    except http.Refusal as refusal:
        return Refused(refusal.status, refusal.reason), taken
    return None, taken


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


def llhttp_knows(method):
    """Whether it is among the methods that llhttp takes; it has a list of them."""
    return isinstance(of_llhttp(method + b" / HTTP/1.1\r\n\r\n")[0], Reading)


def _joined(pairs):
    fields = {}
    for name, value in pairs:
        name = name.lower()
        fields[name] = fields[name] + b", " + value if name in fields else value
    return fields
