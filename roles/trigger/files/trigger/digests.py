"""SHA-256, HMAC and a comparison in constant time: the C halves of hashlib and hmac (see listen_fds.py).

hashlib itself loads all of OpenSSL for the SHA-256 of a token, and hmac some modules more: 2.9 ms of a cold answer.
"""

from _operator import _compare_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AnyStr

try:
    from _sha2 import sha256  # from Python 3.12 on
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256

ALGORITHMS = ("sha256", "sha512", "sha1")


def hex_sha256(content: bytes) -> str:
    """The SHA-256 of bytes, in hexadecimal."""
    return sha256(content).hexdigest()


def new_hmac(key: bytes, algorithm: str) -> "Any":
    """Begin an HMAC (RFC 2104): an object with update() and digest(), as hmac.new() returns it. algorithm: one of
    ALGORITHMS; raises ValueError for another."""
    if algorithm not in ALGORITHMS:
        raise ValueError("%r is not a valid algorithm for an HMAC" % algorithm)
    try:
        from _hashlib import hmac_new
    except ImportError:
        import hmac

        return hmac.new(key, b"", algorithm)
    return hmac_new(key, b"", algorithm)


def equal(one: "AnyStr", other: "AnyStr") -> bool:
    """Whether two are the same, both bytes or both ASCII str, in a time that does not tell where they differ."""
    return _compare_digest(one, other)
