"""JSON (RFC 8259), read strictly and without I/O.

`_json` is the C half of json, and its scanner the one that json itself uses. Importing json would cost 9 ms
at every start, nearly all of it for the regular expressions of its Python half.
"""

import _json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEPTH_LIMIT = 64
# What a client's body may take in memory, as text and as what is built of it; an acceptor has 256 MiB.
MEMORY_LIMIT = 192 * 1024**2
# Bytes that each of these adds at the most, outside of strings: an object, an array, a member of an object, one more
# value; and what a string takes less than a number. tests/test_strict_json.py measures it.
WEIGHTS = {b"{": 240, b"[": 100, b":": 340, b",": 120, b'"': -21}
MOST_PER_BYTE = 130  # so that a body of a megabyte need not be counted
_COUNTED_AT_ONCE = 64 * 1024
SPACE = " \t\n\r"

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
    """Return the value that a client's body says: decode_text() of text_of()."""
    return decode_text(text_of(body))


def text_of(body: bytes) -> str:
    """Return a client's body as text. Raises Malformed, and TooLarge where its value would not fit."""
    memory = _memory_of_values(body) if MOST_PER_BYTE * len(body) > MEMORY_LIMIT else 0
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Malformed("the JSON is not UTF-8") from None
    if memory + sys.getsizeof(text) > MEMORY_LIMIT:
        raise TooLarge("the JSON would take more than %d MiB of memory" % (MEMORY_LIMIT >> 20))
    return text


def decode_text(text: str) -> "Any":
    """Return the value that a client's text says. Raises Malformed.

    Strings become str, numbers Number. Refused beside what is no JSON: NaN and Infinity, an object with two members of
    one name, and more than DEPTH_LIMIT levels.
    """
    try:
        value = _decode(text, _Strict)
    except Malformed:
        raise
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise Malformed("the body is not valid JSON") from None
    if text.count("[") + text.count("{") > DEPTH_LIMIT and _depth(value) > DEPTH_LIMIT:
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
    text = text.rstrip(SPACE)
    try:
        value, end = _json.make_scanner(context)(text, len(text) - len(text.lstrip(SPACE)))
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


def _memory_of_values(body):
    """How many bytes the values of a JSON text take at the most while they are built."""
    bare = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    memory = begin = 0
    while begin < len(bare):
        end = bare.find(b'"', begin + _COUNTED_AT_ONCE) + 1 or len(bare)
        if bare.count(b'"', begin, end) % 2:  # it ends a part where a string begins
            end = bare.find(b'"', end) + 1 or len(bare)
        parts = bare[begin:end].split(b'"')
        outside, strings = b"".join(parts[::2]), parts[1::2]
        memory += sum(outside.count(character) * weight for character, weight in WEIGHTS.items())
        # A character takes four bytes in a string that has one of those that need as many.
        memory += sum([len(text) if text.isascii() else 4 * len(text) for text in strings])
        memory += 2 * len(strings) * WEIGHTS[b'"']
        begin = end
    return memory


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
