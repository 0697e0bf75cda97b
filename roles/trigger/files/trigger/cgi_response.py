"""The head that a job of `output: cgi` prints before its body (RFC 3875, section 6). No I/O."""

HEAD_LIMIT = 16 * 1024
_VISIBLE = bytes(range(0x20, 0x7F)) + b"\t"


class Malformed(Exception):
    """The output does not begin with a CGI head."""


def parse_head(output: bytes) -> "tuple[int, list[tuple[str, str]], int]":
    """Read the head at the beginning of a job's output, of which at least the first HEAD_LIMIT are needed. Returns the
    status, the headers, and where the body begins. Raises Malformed."""
    fields = {}
    begin = 0
    while True:
        end = output.find(b"\n", begin, HEAD_LIMIT)
        if end < 0:
            raise Malformed
        line = output[begin:end].rstrip(b"\r")
        begin = end + 1
        if not line:
            break
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon or not name or name in fields or line.translate(None, _VISIBLE):
            raise Malformed
        fields[name] = value.strip(b" \t").decode()
    return _status(fields), _headers(fields), begin


def _status(fields):
    if b"status" not in fields:
        return 302 if b"location" in fields else 200
    code = fields[b"status"][:3]
    if not code.isdigit() or fields[b"status"][3:4] not in ("", " ") or not 200 <= int(code) <= 599:
        raise Malformed
    return int(code)


def _headers(fields):
    if not fields.get(b"content-type") and not fields.get(b"location"):
        raise Malformed
    names = (("Content-Type", b"content-type"), ("Location", b"location"))
    return [(name, fields[key]) for name, key in names if key in fields]
