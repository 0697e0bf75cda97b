"""JSON (RFC 8259), read strictly and without I/O.

`_json` is the C half of json, and its scanner the one that json itself uses. Importing json would cost 9 ms
at every start, nearly all of it for the regular expressions of its Python half.
"""

import _json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEPTH_LIMIT = 64
# Values of a client's body: each takes up to some 300 bytes while it is built, and two bytes may stand for one.
VALUES_LIMIT = 200_000
BYTES_PER_VALUE = 12  # of a larger body, at least on the average
_SPACE = " \t\n\r"

encode_text = _json.encode_basestring_ascii  # str to a JSON string, quotes and all


class Malformed(ValueError):
    """A client's body that is no JSON, or not of the strict kind. str(error) is for the client."""


class TooLarge(Malformed):
    """A client's body that is JSON, but would take too much memory."""


class Number(str):
    """A number as it was written: no digit is lost, and no client makes us convert a million of them."""

    __slots__ = ()


def decode(text: str) -> "Any":
    """json.loads() for a file that a program of ours wrote, or should have. Raises ValueError."""
    try:
        return _decode(text, _Plain)
    except RecursionError:
        raise _too_deep() from None


def decode_body(body: bytes) -> "Any":
    """Return the value that a client's body says. Raises Malformed, TooLarge before anything is built.

    Strings become str, numbers Number. Refused beside what is no JSON: other encodings than UTF-8, NaN and Infinity, an
    object with two members of one name, and more than DEPTH_LIMIT levels.
    """
    try:
        limit = max(VALUES_LIMIT, len(body) // BYTES_PER_VALUE)
        if _has_more_values(body, limit):
            raise TooLarge("the JSON has more than %d values" % limit)
        value = _decode(body.decode(), _Strict)
    except Malformed:
        raise
    except UnicodeDecodeError:
        raise Malformed("the JSON is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise Malformed("the body is not valid JSON") from None
    if body.count(b"[") + body.count(b"{") > DEPTH_LIMIT and _depth(value) > DEPTH_LIMIT:
        raise _too_deep()
    return value


def encode(value: object) -> str:
    """json.dumps() for what programs of ours tell. Returns str."""
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (encode_text(key), encode(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(encode, value))
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _decode(text, context):
    text = text.rstrip(_SPACE)
    try:
        value, end = _json.make_scanner(context)(text, len(text) - len(text.lstrip(_SPACE)))
    except (StopIteration, SystemError):
        # SystemError: on Python 3.11 the scanner cannot raise what json.decoder defines while that is not imported.
        raise ValueError("this is not JSON") from None
    if end < len(text):
        raise ValueError("something follows the JSON value")
    return value


def _constant(_name):
    raise Malformed("NaN and Infinity are not valid JSON")


class _Plain:
    """What make_scanner() asks for."""

    strict = True
    object_hook = None
    object_pairs_hook: "Any" = None
    parse_float: "Any" = float
    parse_int: "Any" = int
    parse_constant = staticmethod(_constant)


def _members(pairs):
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Malformed("an object of the JSON has two members of one name")
    return members


class _Strict(_Plain):
    object_pairs_hook = staticmethod(_members)
    parse_float = Number
    parse_int = Number


def _has_more_values(body, limit):
    """Whether there are more commas and brackets than values may be, those in strings apart."""
    if sum(map(body.count, (b",", b"[", b"{"))) <= limit:
        return False
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    count = begin = 0
    while begin >= 0 and count <= limit:
        end = bare.find(b'"', begin)
        part = bare[begin:] if end < 0 else bare[begin:end]
        count += sum(map(part.count, (b",", b"[", b"{")))
        begin = bare.find(b'"', end + 1) + 1 or -1 if end >= 0 else -1
    return count > limit


def _depth(value):
    depth = 0
    level = [value]
    while True:
        level = [item for item in level if isinstance(item, (dict, list))]
        if not level:
            return depth
        depth += 1
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]


def _too_deep():
    return Malformed("the JSON has more than %d levels" % DEPTH_LIMIT)
