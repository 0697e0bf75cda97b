"""HTTP/1.x as a server sees it (RFC 9110, RFC 9112): bytes in, a request or a refusal out. No I/O.

Everything is strict. A message that two programs could read differently is refused, never repaired.
"""

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD_LIMIT = 16 * 1024  # bytes of request line and fields
TRAILER_LIMIT = 1024  # bytes of the fields behind a chunked body, which are kept beside a whole head
FIELDS_LIMIT = 320  # each takes more memory than it has bytes; senders have some twenty
CHUNK_LINE_LIMIT = 256  # bytes of one chunk size with its extensions

REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    205: "Reset Content",
    303: "See Other",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}

BODILESS = (204, 205, 304)  # no content comes with them: RFC 9110, sections 6.4.1 and 15.3.6
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_DIGITS = b"0123456789"
_HEX = _DIGITS + b"abcdefABCDEF"
_ALPHA = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TOKEN = _ALPHA + _DIGITS + b"!#$%&'*+-.^_`|~"  # RFC 9110, section 5.6.2
_VISIBLE = bytes(range(0x21, 0x7F))
_TARGET = _VISIBLE.replace(b"#", b"")  # a fragment is never sent (RFC 9112, section 3.2)
_FIELD_VALUE = b"\t " + _VISIBLE + bytes(range(0x80, 0x100))  # RFC 9110, section 5.5
_HOST = _ALPHA + _DIGITS + b"-._~!$&'()*+,;="  # RFC 3986, section 3.2.2
_QUOTED = _FIELD_VALUE.replace(b'"', b"").replace(b"\\", b"")  # escapes are where programs differ
_SINGLE = (b"host", b"content-length", b"transfer-encoding", b"content-type", b"expect")


class Refusal(Exception):
    """A request that is answered with an error and starts nothing.

    reason: for the client and the journal; it never repeats what the client sent. headers: further response fields.
    detail: more that only the journal is told. errors: names of parameters and what is wrong with each. labels: what
    people call those that have another name for them.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        headers: "Iterable[tuple[str, str]]" = (),
        detail: "str | None" = None,
        errors: "Iterable[tuple[str, str]]" = (),
        labels: "dict[str, str] | None" = None,
    ) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.headers = list(headers)
        self.detail = detail
        self.errors = list(errors)
        self.labels = labels or {}


class Request:
    """A request's head. All of it is bytes, as received.

    method, target: from the request line. path, query: the target's two parts (query is b"" when
    there is none). version: (1, 0) or (1, 1). fields: dict of lower-case name to value; a field
    that came several times is joined with ", " (RFC 9110, section 5.3), and a target in absolute form
    says the host. content_length: int, or None for a chunked body.
    """

    __slots__ = ("content_length", "fields", "method", "path", "query", "target", "version")

    def __init__(self, method: bytes, target: bytes, version: "tuple[int, int]", fields: "dict[bytes, bytes]") -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        authority, origin_form = _target_parts(method, target)
        if authority and fields.setdefault(b"host", authority).lower() != authority.lower():
            raise Refusal(400, "the request target and the Host field name different hosts")
        self.path, _, self.query = origin_form.partition(b"?")
        self.content_length = _content_length(version, fields)

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1)."""
        return b"expect" in self.fields and self.version >= (1, 1)


def head_end(received: "bytes | bytearray", searched: int = 0) -> "int | None":
    """Say where the head ends: the offset behind its empty line, or None while it is incomplete.

    received: from the start of the connection. searched: how much of it an earlier call has seen. Raises Refusal for
    what can no longer become an HTTP/1 head, so that TLS or a bare line feed is answered at once instead of after the
    time limit.
    """
    if received and received[0] not in _TOKEN:
        raise Refusal(400, "this is not HTTP/1")
    end = received.find(b"\r\n\r\n", max(0, searched - 3))
    head = len(received) if end < 0 else end + 4
    start = max(0, searched - 1)
    limit = min(head, HEAD_LIMIT)  # no further, so that it makes no difference how the bytes arrive
    if received.count(b"\n", start, limit) != received.count(b"\r\n", start, limit) + (
        start > 0 and received[start] == 0x0A and received[start - 1] == 0x0D
    ):
        raise Refusal(400, "a line ends with a bare line feed")
    if head > HEAD_LIMIT:
        raise _too_large(received[:HEAD_LIMIT])
    return None if end < 0 else head


def parse_head(head: "bytes | bytearray") -> Request:
    """Parse a whole head, up to and with the empty line. Raises Refusal."""
    if head.count(b"\r\n") - 2 > FIELDS_LIMIT:
        raise Refusal(431, "the request has more than %d header fields" % FIELDS_LIMIT)
    request_line, *lines = bytes(head[:-4]).split(b"\r\n")
    method, target, version = _request_line(request_line)
    fields = _fields(lines)
    if version == (1, 1) and b"host" not in fields:
        raise Refusal(400, "HTTP/1.1 needs a Host field")
    if not _is_host(fields.get(b"host", b"")):
        raise Refusal(400, "the Host field is malformed")
    if fields.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise Refusal(417, "the only expectation that can be met is 100-continue")
    return Request(method, target, version, fields)


class Head:
    """Takes a request's head out of the first bytes of a connection. `request` is a Request when it is complete."""

    __slots__ = ("_received", "request")

    def __init__(self) -> None:
        self._received = bytearray()
        self.request: Request = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come yet."""
        return not self._received and self.request is None

    def feed(self, received: bytes) -> "bytes | None":
        """Take received bytes. Returns those behind the head, or None while it is incomplete. Raises Refusal."""
        searched = len(self._received)
        self._received += received
        end = head_end(self._received, searched)
        if end is None:
            return None
        head, rest = self._received[:end], bytes(self._received[end:])
        self._received = bytearray()
        self.request = parse_head(head)
        return rest


class Body:
    """Takes a message body out of the bytes that follow the head (RFC 9112, sections 6 and 7).

    limit: bytes. Raises Refusal 413 when made or fed, as soon as it is known
    that the body will be larger. `complete` turns True with the body's last byte; what a client sends
    behind it is left alone, since every connection carries one request.
    """

    __slots__ = ("_buffer", "_limit", "_missing", "_part", "_searched", "_total", "complete")

    def __init__(self, request: Request, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer that are known to hold no line feed
        self._total = 0
        if request.content_length is None:
            self._part = self._chunk_size
            self._missing = 0
        else:
            self._part = self._data
            self._missing = request.content_length
            self._check_limit(request.content_length, "it is said to have %d" % request.content_length)
        self.complete = request.content_length == 0

    def feed(self, received: bytes) -> bytearray:
        """Take received bytes, return those of the body among them. Raises Refusal."""
        self._buffer += received
        body = bytearray()
        while not self.complete and self._part(body):
            pass
        if self.complete:
            self._buffer = bytearray()
        return body

    def _check_limit(self, size, detail):
        if size > self._limit:
            raise Refusal(413, "the body is larger than %d bytes" % self._limit, detail=detail)

    # Each of the following reads one part of the body from the buffer. It returns False when it
    # needs more bytes.

    def _data(self, body):
        """The whole of a body with a Content-Length."""
        if not self._buffer:
            return False
        part = self._buffer[: self._missing]
        del self._buffer[: len(part)]
        body += part
        self._missing -= len(part)
        self.complete = self._missing == 0
        return True

    def _line(self, limit):
        """The next line without its end, or None while it is incomplete."""
        end = self._buffer.find(b"\n", self._searched)
        if end > limit or (end < 0 and len(self._buffer) > limit):
            raise Refusal(400, "a line of the chunked body is too long")
        if end < 0:
            self._searched = len(self._buffer)
            return None
        self._searched = 0
        if self._buffer[max(0, end - 1) : end] != b"\r":
            raise Refusal(400, "a line ends with a bare line feed")
        line = bytes(self._buffer[: end - 1])
        del self._buffer[: end + 1]
        return line

    def _chunk_size(self, _body):
        line = self._line(CHUNK_LINE_LIMIT)
        if line is None:
            return False
        size, has_extensions, extensions = line.partition(b";")
        if not size or len(size) > 16 or size.translate(None, _HEX):
            raise Refusal(400, "a chunk size is malformed")
        if has_extensions and not _are_extensions(extensions):
            raise Refusal(400, "a chunk extension is malformed")
        self._missing = int(size, 16)
        self._total += self._missing
        self._check_limit(self._total, "it has at least %d" % self._total)
        if self._missing:
            self._part = self._chunk_data
        else:
            self._missing = TRAILER_LIMIT
            self._part = self._trailer
        return True

    def _chunk_data(self, body):
        if not self._buffer:
            return False
        part = self._buffer[: self._missing]
        del self._buffer[: len(part)]
        body += part
        self._missing -= len(part)
        if not self._missing:
            self._part = self._chunk_end
        return True

    def _chunk_end(self, _body):
        if len(self._buffer) < 2:
            if self._buffer and self._buffer != b"\r":
                raise Refusal(400, "a chunk is longer than its size")
            return False
        if self._buffer[:2] != b"\r\n":
            raise Refusal(400, "a chunk is longer than its size")
        del self._buffer[:2]
        self._part = self._chunk_size
        return True

    def _trailer(self, _body):
        """Checked as fields are, then dropped: nothing may arrive behind the checks of the head."""
        line = self._line(self._missing)
        if line is None:
            return False
        self._missing -= len(line) + 2
        if not line:
            self.complete = True
        elif _field(line)[0] in _SINGLE:
            raise Refusal(400, "a field of the head stands in the trailer")
        return True


def response(
    status: int,
    body: bytes = b"",
    content_type: "str | None" = None,
    headers: "Iterable[tuple[str, str]]" = (),
    head_only: bool = False,
) -> bytes:
    """Return a whole response; the connection closes behind it. head_only: for the answer to HEAD: the fields of the
    body without the body (RFC 9110, section 9.3.2)."""
    fields = []
    has_body = status not in (204, 304)
    if has_body:  # RFC 9110, section 8.6
        fields.append(("Content-Length", "%d" % len(body)))
        if body and content_type:
            fields.append(("Content-Type", content_type))
    head = response_head(status, fields + list(headers))
    return head + body if has_body and not head_only else head


def response_head(status: int, headers: "Iterable[tuple[str, str]]") -> bytes:
    """Return a response's head. headers: those of the body among them."""
    lines = [
        "HTTP/1.1 %d %s" % (status, REASONS.get(status, "")),
        "Date: " + time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    ]
    lines += ["%s: %s" % header for header in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(part: bytes) -> bytes:
    """Return a part of a chunked body; of an empty part the body's end (RFC 9112, section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(part), part)


def _too_large(begin):
    """Say which part of a head is too large (RFC 9112, section 3)."""
    if b"\r\n" in begin:
        return Refusal(431, "the request's head is larger than %d bytes" % HEAD_LIMIT)
    if b" " in begin:
        return Refusal(414, "the request target is longer than %d bytes" % HEAD_LIMIT)
    return Refusal(501, "the method is longer than any that is known here")


def _request_line(line):
    parts = line.split(b" ")
    if len(parts) != 3:
        raise Refusal(400, "the request line is malformed")
    method, target, version = parts
    if not method or method.translate(None, _TOKEN):
        raise Refusal(400, "the method is malformed")
    if not target or target.translate(None, _TARGET):
        raise Refusal(400, "the request target is malformed")
    if method == b"PRI":  # the preface of HTTP/2 (RFC 9113, section 3.4)
        raise Refusal(400, "this is not HTTP/1")
    version = _version(version)
    if method == b"CONNECT":  # its target has a form of its own (RFC 9112, section 3.2.3)
        raise Refusal(501, "CONNECT is for proxies")
    return method, target, version


def _version(text):
    if text in (b"HTTP/1.1", b"HTTP/1.0"):
        return (1, text[7] - 0x30)
    if len(text) == 8 and text[:5] == b"HTTP/" and text[5:].translate(None, _DIGITS) == b"." == text[6:7]:
        raise Refusal(505, "only HTTP/1.0 and HTTP/1.1 are spoken here")
    raise Refusal(400, "the request line is malformed")


def _fields(lines):
    fields = {}
    for line in lines:
        name, value = _field(line)
        if name not in fields:
            fields[name] = value
        elif name in _SINGLE:
            raise Refusal(400, "a field that must be sent once came twice")
        else:
            fields[name] += b", " + value
    return fields


def _field(line):
    name, colon, value = line.partition(b":")
    # A space here would be a folded line or a space before the colon (RFC 9112, sections 5.1, 5.2).
    if not colon or not name or name.translate(None, _TOKEN):
        raise Refusal(400, "a field's name is malformed")
    value = value.strip(b" \t")
    if value.translate(None, _FIELD_VALUE):
        raise Refusal(400, "a field's value is malformed")
    return name.lower(), value


def _target_parts(method, target):
    """The authority of a request target, b"" where it has none, and its path and query. Every server has to accept
    the absolute form (RFC 9112, section 3.2)."""
    if target[:1] == b"/" or (target == b"*" and method == b"OPTIONS"):
        return b"", target
    scheme, _, rest = target.partition(b"://")
    authority = rest.partition(b"/")[0].partition(b"?")[0]
    if scheme.lower() not in (b"http", b"https") or authority[:1] in (b"", b":") or not _is_host(authority):
        raise Refusal(400, "the request target is malformed")
    path = rest[len(authority) :]
    return authority, path if path[:1] == b"/" else b"/" + path


def _is_host(text):
    """Whether it is a host, with or without a port, or empty (RFC 9110, section 7.2)."""
    if text[:1] == b"[":
        address, closed, port = text[1:].partition(b"]")
        is_name = closed and address and not address.translate(None, _HOST + b":%")
        return bool(is_name and port[:1] in (b"", b":") and not port[1:].translate(None, _DIGITS))
    name, _, port = text.partition(b":")
    codes = [part[:2] for part in name.split(b"%")[1:]]  # clients of a Unix socket may send its path, encoded
    is_name = not name.translate(None, _HOST + b"%") and all(len(c) == 2 and not c.translate(None, _HEX) for c in codes)
    return is_name and not port.translate(None, _DIGITS)


def _are_extensions(text):
    """Whether it is NAME, NAME=VALUE or NAME="VALUE", or several with a semicolon between (RFC 9112, section 7.1.1)."""
    parts = text.split(b'"')
    plain, quoted = parts[::2], parts[1::2]
    if len(plain) == len(quoted) or any(part.translate(None, _QUOTED) for part in quoted):
        return False
    for extension in b'"'.join(plain).split(b";"):
        name, has_value, value = extension.partition(b"=")
        if not name or name.translate(None, _TOKEN):
            return False
        if has_value and value != b'"' and (not value or value.translate(None, _TOKEN)):
            return False
    return True


def _content_length(version, fields):
    """The body's length, or None when it is chunked (RFC 9112, section 6.3)."""
    length = fields.get(b"content-length")
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        if length is None:
            return 0
        if not length or len(length) > 18 or length.translate(None, _DIGITS):
            raise Refusal(400, "the Content-Length is malformed")
        return int(length)
    if length is not None:
        raise Refusal(400, "Content-Length and Transfer-Encoding contradict each other")
    if version < (1, 1):
        raise Refusal(400, "HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() == b"chunked":
        return None
    codings = [name.strip(b" \t").lower() for name in coding.split(b",")]
    if codings.count(b"chunked") != 1 or codings[-1] != b"chunked" or not all(codings):
        raise Refusal(400, "the Transfer-Encoding does not end with the one chunked")
    raise Refusal(501, "the only transfer coding that is known is chunked")
