"""A request as bytes, and what the acceptor makes of its head."""

from trigger import http


def message(fields=(), body=b"", target="/", method="POST", version="1.1"):
    """The bytes of a whole request. fields: pairs of str or bytes, or a dict; Host and Content-Length are added."""
    pairs = list(fields.items() if isinstance(fields, dict) else fields)
    pairs = [("Host", "hooks.example"), *pairs, ("Content-Length", str(len(body)))]
    lines = [b"%s: %s\r\n" % (_bytes(name), _bytes(value)) for name, value in pairs]
    return f"{method} {target} HTTP/{version}\r\n".encode() + b"".join(lines) + b"\r\n" + body


def parse(whole):
    """Return the http.Request and the body of a whole message."""
    end = http.head_end(whole)
    return http.parse_head(whole[:end]), whole[end:]


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()
