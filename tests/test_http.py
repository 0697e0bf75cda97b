"""The HTTP parser: what it takes, what it refuses, and that it takes nothing that h11 reads differently."""

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger import http

HOST = b"Host: example\r\n"


def read(message, limit=1024, step=None):
    """Feed a whole message, all at once or in steps. Returns (Request, body) or raises Refusal; None for
    a message that is incomplete."""
    step = step or max(1, len(message))
    received, body, request = bytearray(), bytearray(), None
    reader = None
    for start in range(0, len(message), step):
        part = message[start : start + step]
        if reader is None:
            searched = len(received)
            received += part
            end = http.head_end(received, searched)
            if end is None:
                continue
            request = http.parse_head(bytes(received[:end]))
            reader = http.Body(request, limit)
            part = bytes(received[end:])
        body += reader.feed(part)
        if reader.complete:
            return request, bytes(body)
    return None


def status(message, **options):
    with pytest.raises(http.Refusal) as caught:
        read(message, **options)
    return caught.value.status


ACCEPTED = {
    "get": (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b"/", b"", b""),
    "http/1.0 without host": (b"GET /a HTTP/1.0\r\n\r\n", b"/a", b"", b""),
    "query": (b"GET /a?b=c&d HTTP/1.1\r\n" + HOST + b"\r\n", b"/a", b"b=c&d", b""),
    "absolute form": (b"GET http://example/a?b HTTP/1.1\r\n" + HOST + b"\r\n", b"/a", b"b", b""),
    "absolute form without path": (b"GET http://example HTTP/1.1\r\n" + HOST + b"\r\n", b"/", b"", b""),
    "body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", b"/", b"", b"hello"),
    "more than the body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhello", b"/", b"", b"he"),
    "chunked": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"/", b"", b"abcde",
    ),
    "chunk extension and trailer": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n",
        b"/", b"", b"abc",
    ),
    "upper case size": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        b"/", b"", b"0123456789",
    ),
}  # fmt: skip


@pytest.mark.parametrize("step", [None, 1, 7])
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name, step):
    message, path, query, body = ACCEPTED[name]
    request, read_body = read(message, step=step)
    assert (request.path, request.query, read_body) == (path, query, body)


REFUSED = {
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "http/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a bare line feed": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "a bare line feed in the fields": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "a bare carriage return": (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    "an empty line first": (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "http/0.9": (b"GET /\r\n\r\n", 400),
    "no version": (b"GET / \r\nHost: a\r\n\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a tab": (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a fragment": (b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target of bytes": (b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a relative target": (b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an authority": (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "another scheme": (b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a lower-case protocol": (b"GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    "another protocol": (b"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400),
    "version 2": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "version 1.2": (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    "a method of other characters": (b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "a host with a slash": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    "a folded line": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "a line without a colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    "a field without a name": (b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    "a NUL in a value": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n", 400),
    "a control character in a name": (b"GET / HTTP/1.1\r\nHost: a\r\nX\x0b: b\r\n\r\n", 400),
    "a head that is too large": (b"GET / HTTP/1.1\r\nX: " + b"a" * http.HEAD_LIMIT, 431),
    "a length with a sign": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400),
    "a negative length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello", 400),
    "a length in hex": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello", 400),
    "an empty length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello", 400),
    "a length of other digits": ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ٣\r\n\r\n".encode(), 400),
    "an endless length": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
    "two equal lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
    "a list of lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello", 400),
    "a length and a coding": (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a coding in http/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "another coding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "identity": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 501),
    "a coding before chunked": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "chunked with a tail": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501),
    "chunked twice": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "two codings": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "another expectation": (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 1\r\n\r\n", 417),
    "a body over the limit": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\n\r\n", 413),
    "a chunk over the limit": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n", 413),
}  # fmt: skip

CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
REFUSED.update(
    {
        "chunk: no size": (CHUNKED + b"\r\n", 400),
        "chunk: a size with a prefix": (CHUNKED + b"0x3\r\nabc\r\n", 400),
        "chunk: a size with a sign": (CHUNKED + b"+3\r\nabc\r\n", 400),
        "chunk: a size with a space": (CHUNKED + b"3 \r\nabc\r\n", 400),
        "chunk: a size with an underscore": (CHUNKED + b"1_0\r\nabc\r\n", 400),
        "chunk: a size of 17 digits": (CHUNKED + b"00000000000000003\r\nabc\r\n", 400),
        "chunk: a bare line feed": (CHUNKED + b"3\nabc\r\n", 400),
        "chunk: longer than its size": (CHUNKED + b"3\r\nabcd\r\n", 400),
        "chunk: a bare line feed behind it": (CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400),
        "chunk: a long extension": (CHUNKED + b"3;" + b"a" * 300, 400),
        "chunk: a control character in the extension": (CHUNKED + b"3;a=\x01\r\nabc\r\n", 400),
        "trailer: malformed": (CHUNKED + b"0\r\nX : y\r\n\r\n", 400),
        "trailer: too long": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 5000, 400),
    }
)


@pytest.mark.parametrize("step", [None, 1])
@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name, step):
    message, expected = REFUSED[name]
    assert status(message, step=step) == expected


@pytest.mark.parametrize("name", ACCEPTED)
def test_waits_for_the_rest(name):
    message, *_ = ACCEPTED[name]
    if name != "more than the body":
        for end in range(len(message)):
            assert read(message[:end]) is None


def test_a_refusal_never_repeats_what_the_client_sent():
    for message, _ in REFUSED.values():
        with pytest.raises(http.Refusal) as caught:
            read(message + b"")
        assert "miracles" not in caught.value.reason
        assert "gzip" not in caught.value.reason


def test_a_limit_is_exact():
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    assert read(head + b"Content-Length: 1024\r\n\r\n" + b"a" * 1024)[1] == b"a" * 1024
    in_chunks = head + b"Transfer-Encoding: chunked\r\n\r\n" + b"200\r\n" + b"a" * 512 + b"\r\n"
    assert read(in_chunks + b"200\r\n" + b"a" * 512 + b"\r\n0\r\n\r\n")[1] == b"a" * 1024
    assert status(in_chunks + b"201\r\n") == 413


def test_response_is_what_h11_reads():
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(http.response(200, b"OK\n", "text/plain", [("X-Request-Id", "1")]))
    head, data = connection.next_event(), connection.next_event()
    assert head.status_code == 200
    assert dict(head.headers)[b"content-type"] == b"text/plain"
    assert dict(head.headers)[b"connection"] == b"close"
    assert data.data == b"OK\n"
    assert isinstance(connection.next_event(), h11.EndOfMessage)


def test_response_to_head_has_no_body():
    assert http.response(200, b"OK\n", "text/plain", head_only=True).endswith(b"\r\n\r\n")
    assert b"Content-Length" not in http.response(204)


def _h11(message):
    """What h11 makes of a message: (method, target, body), None when incomplete, "refused"."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=http.HEAD_LIMIT)
    head, body = None, b""
    if not message:
        return None  # h11 takes it as the end of the connection
    connection.receive_data(message)
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                return None
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return bytes(head.method), bytes(head.target), body
    except h11.RemoteProtocolError:
        return "refused"


LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n", b"POST /a?b HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n", b"Host: a\r\n", b"Host:a \r\n",
        b"Content-Length: 3\r\n", b"Content-Length: 03\r\n", b"Content-Length: 3, 3\r\n", b"content-length:4\r\n",
        b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: \tchunked\r\n", b"Transfer-Encoding : chunked\r\n",
        b"X: y\r\n", b"X:\r\n", b" folded\r\n", b"\r\n", b"\n", b"\r", b"3\r\nabc\r\n", b"0\r\n\r\n", b"abc", b"\0",
        b"3;x=y\r\nabc\r\n", b"03\r\nabc\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=12).map(b"".join))
def test_reads_nothing_differently_than_h11(message):
    """Where both take a message, they agree on it; h11 refuses nothing that is taken here."""
    try:
        taken = read(message)
    except http.Refusal:
        return
    theirs = _h11(message)
    if taken is None:
        assert not isinstance(theirs, tuple)
        return
    request, body = taken
    assert theirs == (request.method, request.target, body)


@given(st.binary(max_size=600), st.integers(1, 50))
def test_no_input_raises_anything_but_a_refusal(message, step):
    try:
        read(message, step=step)
    except http.Refusal:
        pass


@given(st.lists(LINES, max_size=12).map(b"".join), st.integers(1, 9))
def test_how_the_bytes_arrive_makes_no_difference(message, step):
    def outcome(step):
        try:
            result = read(message, step=step)
        except http.Refusal as refusal:
            return refusal.status
        return result and (result[0].method, result[0].target, result[1])

    assert outcome(step) == outcome(None)
