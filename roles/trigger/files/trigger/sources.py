"""Where the values of a request stand: its query, its fields, a form or JSON in its body. No I/O.

A place is a list as the role wrote it: ["query", NAME], ["form", NAME], ["header", NAME in lower case],
["json", [TOKEN, ...]] with the tokens of a JSON pointer (RFC 6901), or ["any", NAME], which is the query and the
form, and where neither has it the top-level member of a JSON object.
"""

from trigger import strict_json
from trigger.http import Refusal, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection


PAIRS_LIMIT = 1000  # of a query or form
UNQUOTED_AT_ONCE = 16 * 1024  # bytes; each code among them takes a tenth of a kilobyte meanwhile
# GitHub and Gitea can send their JSON as this one field of a form.
FORM_JSON = "payload"

_HEX = b"0123456789abcdefABCDEF"
_TYPE = b"abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-/"  # RFC 6838, section 4.2, in lower case
_MISSING = object()


class NotUtf8(Refusal):
    """A value is not, or, where name is None, a name."""

    def __init__(self, kind: str, name: "str | None") -> None:
        super().__init__(400, "a value is not UTF-8")
        self._places = [[kind, name]] if kind == "header" else [[kind, name], ["any", name]]

    def is_at(self, places: "list[list]") -> bool:
        """Whether it stands at one of them."""
        return any(place in self._places for place in places)


class Sources:
    """read_body: it is called once at most, and only when a value could stand there. body_type: "json" or "form",
    whatever the head says, or "auto"."""

    def __init__(self, request: "Request", read_body: "Callable[[], bytes]", body_type: str = "auto") -> None:
        self._request = request
        self._read_body = read_body
        self._cache = {}
        if body_type == "auto":
            self._is_form = is_form(request.fields)
            self._is_json = _is_json(request.fields)
        else:
            self._is_form, self._is_json = body_type == "form", body_type == "json"

    def find(self, place: list, texts: "Collection[str]" = ()) -> list:
        """Return all values at a place: str, and for JSON what strict_json.decode_body() makes. Raises Refusal for a
        query, form or JSON that cannot be read. texts: names of the form's fields that are values themselves."""
        kind, name = place
        if kind == "any":
            found = self.pairs("query").get(name, []) + self.pairs("form").get(name, [])
            is_over = found or (FORM_JSON in texts and self._is_plain_text(FORM_JSON))
            return found if is_over else self.find(["json", [name]])
        if kind == "json":
            value = _follow(name, self._once("json", self._decode_json))
            return [] if value is _MISSING else [value]
        if kind == "header":
            value = self._request.fields.get(name.encode())
            return [] if value is None else [_text(value, kind, name)]
        return self.pairs(kind).get(name, [])

    def unread(self, place: list) -> "str | None":
        """Say why nothing can be at a place although there is a body: its type. None where that is no reason."""
        if place[0] != "json" or self._is_json or self._is_form or self._request.content_length == 0:
            return None
        media_type = _media_type(self._request.fields)
        if not media_type:
            return "the body has no type, and is not read as JSON"
        # It is repeated when it is one, and nothing else that a client may have put there.
        is_type = len(media_type) <= 127 and not media_type.translate(None, _TYPE)
        return "the body is %s, and not read as JSON" % (media_type.decode() if is_type else "of no known type")

    def pairs(self, kind: str) -> "dict[str, list[str]]":
        """Return the names and values of the "query" or of the "form". Raises Refusal."""
        if kind == "query":
            return self._once("query", lambda: _pairs(self._request.query, kind))
        return self._once("form", lambda: _pairs(self._read_body(), kind) if self._is_form else {})

    def _once(self, key, make):
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def _is_plain_text(self, name):
        """Whether a field of the form cannot have been meant as an object, in which others stand. What can is read as
        strictly as ever: nothing counts as missing because what a signature vouches for is malformed."""
        return any(not text.lstrip(strict_json.SPACE).startswith("{") for text in self.pairs("form").get(name, []))

    def _decode_json(self):
        # Nothing holds the body while its value is built: both may be large.
        try:
            if self._is_json:
                text = strict_json.text_of(self._read_body())
            else:
                field = self.pairs("form").get(FORM_JSON, [])
                if len(field) != 1:
                    return _MISSING
                text = strict_json.text_of(field[0].encode())
            return strict_json.decode_text(text)
        except strict_json.TooLarge as error:
            raise Refusal(413, str(error)) from None
        except strict_json.Malformed as error:
            raise Refusal(400, str(error)) from None


def is_form(fields: "dict[bytes, bytes]") -> bool:
    """Whether the body is a form. fields: a request's."""
    return _media_type(fields) == b"application/x-www-form-urlencoded"


def _is_json(fields):
    media_type = _media_type(fields)
    return media_type == b"application/json" or media_type.endswith(b"+json")


def _media_type(fields):
    return fields.get(b"content-type", b"").partition(b";")[0].strip(b" \t").lower()


def _follow(tokens, value):
    """Evaluate a JSON pointer (RFC 6901, section 4). Returns _MISSING where it leads nowhere."""
    for token in tokens:
        if isinstance(value, dict):
            value = value.get(token, _MISSING)
        elif isinstance(value, list) and _is_index(token) and int(token) < len(value):
            value = value[int(token)]
        else:
            return _MISSING
    return value


def _is_index(token):
    return token.isascii() and token.isdigit() and len(token) < 10 and (token == "0" or token[0] != "0")


def _pairs(encoded, kind):
    """Read application/x-www-form-urlencoded bytes (WHATWG URL standard, section 5), strictly."""
    found = {}
    parts = encoded.split(b"&", PAIRS_LIMIT + 1)
    pairs = [part for part in parts if part]
    if len(parts) > PAIRS_LIMIT + 1 or len(pairs) > PAIRS_LIMIT:
        raise Refusal(400, "there are more than %d parameters" % PAIRS_LIMIT)
    for pair in pairs:
        encoded_name, _, value = pair.partition(b"=")
        name = _text(unquote(encoded_name), kind)
        found.setdefault(name, []).append(_text(unquote(value), kind, name))
    return found


def unquote(encoded: bytes) -> bytes:
    """Undo the percent encoding of a part of a query or form: bytes to bytes. Raises Refusal."""
    if len(encoded) <= UNQUOTED_AT_ONCE:
        return _unquote(encoded)
    decoded = bytearray()
    begin = 0
    while begin < len(encoded):
        end = begin + UNQUOTED_AT_ONCE
        code = encoded.rfind(b"%", end - 2, end)  # which goes on behind the end
        end = end if code < 0 else code
        decoded += _unquote(encoded[begin:end])
        begin = end
    return bytes(decoded)


def _unquote(encoded):
    first, *others = encoded.replace(b"+", b" ").split(b"%")
    decoded = [first]
    for part in others:
        code = part[:2]
        if len(code) < 2 or code.translate(None, _HEX):
            raise Refusal(400, "a percent sign is not followed by two hexadecimal digits")
        decoded.append(bytes((int(code, 16),)) + part[2:])
    return b"".join(decoded)


def _text(value, kind, name=None):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NotUtf8(kind, name) from None
