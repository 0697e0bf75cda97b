"""Who may call: tokens, and signatures over the body. No I/O.

The role turns every scheme into one of three kinds of entry, so that nothing here knows a sender by name:

- token: sha256 (of the secret, hexadecimal), header (lower case), bearer (whether the header is
  `Authorization: Bearer`), query (a parameter's name, or null);
- basic: the same for name and password (RFC 7617), the secret being both as they are sent, in base64;
- signature: an HMAC (RFC 2104) of algorithm with key (base64) over what the template `signed` says: pairs of a literal
  and the name of what follows it, "timestamp", "id" or, last, "body". headers has the fields that carry "signature",
  "timestamp" and "id", by these names; of several such dicts, the first counts whose fields are all there. The
  signature stands in encoding (hex or base64) behind prefix; with separator ("," or " "), its field is a list of
  parts, of which one must fit, and `parts` has the prefixes of those that say the timestamp or id. A timestamp must be
  within tolerance (seconds) of now. With form_field, what is signed of a form is the decoded value of its only field,
  which has this name. resigned: whether a retry is signed with a new time, so that a delivery is known by its body.
  handshake: the name of what its sender asks before it sends (see handshakes.py), or null; verify_token: the SHA-256
  of the secret for hub.challenge, or null.

Everything secret is compared in constant time, and one entry's result does not spare another's comparison. Only when
a token has let a request in, no signature is counted any more.
"""

import binascii

from trigger import digests, sources
from trigger.http import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.http import Request
    from trigger.responses import Reply

SIGNATURES_LIMIT = 16  # that are looked at in one field
CHALLENGES = [(b"bearer", 'Bearer realm="trigger"'), (b"basic", 'Basic realm="trigger", charset="UTF-8"')]
HANDSHAKE_LIMIT = 4096  # bytes of a body that may be a handshake; they have some two hundred
HANDSHAKES = (None, "url_verification", "endpoint.url_validation")


class Guard:
    """entries: as the role wrote them. Raises KeyError and ValueError where they are damaged."""

    def __init__(self, entries: "list[dict]") -> None:
        if not entries:
            raise ValueError("there is no entry")
        self._tokens = []
        self._signatures = []
        for number, entry in enumerate(entries, 1):
            label = "%s[%d]" % (entry["scheme"], number)
            if entry["kind"] == "token":
                self._tokens.append(_Token(label, entry, b"bearer" if entry["bearer"] else None))
            elif entry["kind"] == "basic":
                self._tokens.append(_Token(label, entry, b"basic"))
            else:
                self._signatures.append(_Signature(label, _of_before(entry)))
        asked = {token.authorization for token in self._tokens}
        self._challenges = [challenge for scheme, challenge in CHALLENGES if scheme in asked]
        self._verify_tokens = [signature.verify_token for signature in self._signatures if signature.verify_token]

    def answer_query(self, request: "Request") -> "Reply | None":
        """The Reply to a GET by which a sender asks for its hub.challenge; None for any other request. Raises
        Refusal."""
        if not self._verify_tokens or request.method != b"GET":
            return None
        from trigger.acceptor import handshakes

        return handshakes.of_query(request, self._verify_tokens, self._refusal)

    def begin(self, request: "Request") -> "Attempt":
        """Look at a request's head. Takes tokens out of its query, wherever it goes from here.

        Raises Refusal 401 when nothing that the body may hold can make the request welcome.
        """
        tokens = [token for token in self._tokens if token.accepts(request)]
        for token in self._tokens:
            token.remove_from(request)
        checks = [] if tokens else [check for s in self._signatures if (check := s.begin(request)) is not None]
        if not tokens and not checks:
            raise self._refusal("it brings no token and no signature that is known here, or a wrong token")
        return Attempt(self, tokens, checks)

    def admit_token(self, request: "Request") -> None:
        """Let in who brings a token, for what only reads: a signature over an empty body would be a constant.
        Takes tokens out of the query. Raises Refusal."""
        if not self._tokens:
            raise Refusal(403, "this needs a token, and the endpoint has none")
        accepted = [token.accepts(request) for token in self._tokens]
        for token in self._tokens:
            token.remove_from(request)
        if not any(accepted):
            raise self._refusal("it brings no token, or a wrong one")

    def _refusal(self, detail):
        # RFC 9110, section 11.6.1, wants a challenge with every 401; for signatures there is none to name.
        headers = [("WWW-Authenticate", challenge) for challenge in self._challenges]
        return Refusal(401, "not authorized", headers, detail)


class Attempt:
    """One request on its way through the guard. tokens: those that let it in."""

    def __init__(self, guard: Guard, tokens: "list[_Token]", checks: "list[_Check]") -> None:
        self._guard = guard
        self._checks = checks
        self._entries: list = [*tokens]
        self.digests: list[bytes] = []

    @property
    def accepted(self) -> "list[str]":
        """The labels of the entries that let it in, so far."""
        return [entry.label for entry in self._entries]

    @property
    def admitted(self) -> "_Token | _Check":
        """The entry that answers for the request, the same in whichever order they are listed: with `is_token`, `ids`
        (names and values of fields that are signed, bytes) and `name` (bytes, which stands for its secret and does not
        tell it)."""
        return min(self._entries, key=lambda entry: entry.name) if self._entries[1:] else self._entries[0]

    def feed(self, body: bytes) -> None:
        """Take a part of the body, in order."""
        for check in self._checks:
            check.feed(body)

    def finish(self, now: float, read_body: "Callable[[], bytes]") -> None:
        """Judge, the body being complete. now: seconds since the epoch. read_body: called only where not the body
        itself is signed.

        Raises Refusal 401. After it `accepted` is not empty; `digests` are what identifies the signed bytes: of each
        signature one, since it may come alone the next time.
        """
        checks, self._checks = self._checks, []
        for check in checks:
            mac = check.matches(now, read_body)
            if mac is not None:
                self._entries.append(check)
                self.digests.append(mac)
        if not self._entries:
            raise self._guard._refusal("its signature is wrong, or its timestamp too old or too new")

    def answer_body(self, length: int, read_body: "Callable[[], bytes]") -> "Reply | None":
        """The Reply to what a sender asks before it sends; None for a delivery. Only after finish(). Raises Refusal."""
        for entry in self._entries:
            if entry.handshake and length <= HANDSHAKE_LIMIT:
                from trigger.acceptor import handshakes

                reply = handshakes.of_body(entry.handshake, entry.key, read_body())
                if reply is not None:
                    return reply
        return None


class _Token:
    is_token = True
    ids = ()
    handshake = None

    def __init__(self, label, entry, authorization):
        """authorization: the scheme of `Authorization` behind which the secret stands, or None."""
        self.label = label
        self.authorization = authorization
        self._header = entry["header"].encode()
        self._query = entry["query"] and entry["query"].encode()
        self._digest = entry["sha256"]
        if len(binascii.unhexlify(self._digest)) != 32:
            raise ValueError("this is no SHA-256")

    @property
    def name(self):
        return b"token " + digests.hex_sha256(self._digest.encode()).encode()

    def accepts(self, request):
        presented = [self._in_header(request)]
        if self._query:
            presented += [value for name, value in _query_pairs(request) if name == self._query]
        fits = [digests.equal(digests.hex_sha256(token), self._digest) for token in presented[:2]]
        # Whoever brings it twice in the query may not know what he does.
        return len(presented) <= 2 and any(fits)

    def remove_from(self, request):
        if self._query:
            pairs = request.query.split(b"&")
            request.query = b"&".join(pair for pair in pairs if _pair(pair)[0] != self._query)

    def _in_header(self, request):
        value = request.fields.get(self._header, b"")
        if self.authorization is not None:
            scheme, _, value = value.partition(b" ")
            value = value.lstrip(b" ") if scheme.lower() == self.authorization else b""
        return value


class _Signature:
    def __init__(self, label, entry):
        self.label = label
        self.key = binascii.a2b_base64(entry["key"])
        self.algorithm = entry["algorithm"]
        self.is_hex = {"hex": True, "base64": False}[entry["encoding"]]
        self.prefix = entry["prefix"].encode()
        self.template = [(literal.encode(), name) for literal, name in entry["signed"]]
        self.form_field = entry["form_field"] and entry["form_field"].encode()
        self.tolerance = entry["tolerance"]
        self.resigned = entry["resigned"]
        self.handshake = {name: name for name in HANDSHAKES}[entry["handshake"]]
        self.verify_token = entry["verify_token"]
        if self.verify_token is not None and len(binascii.unhexlify(self.verify_token)) != 32:
            raise ValueError("this is no SHA-256")
        self._separator = {None: None, ",": b",", " ": b" "}[entry["separator"]]
        self._headers = [{name: header.encode() for name, header in way.items()} for way in entry["headers"]]
        self._parts = {name: prefix.encode() for name, prefix in entry["parts"].items()}
        digests.new_hmac(self.key, self.algorithm)
        if not self.key or not self._headers:
            raise ValueError("there is no key, or no header")
        names = [name for _, name in self.template]
        if names[-1:] != ["body"] or any(
            sorted([*way, *self._parts, "body"]) != sorted(["signature", *names]) for way in self._headers
        ):
            raise ValueError("what is signed and what is sent differ, or the body is not the last of it")
        if "timestamp" in names and not self.tolerance > 0:
            raise ValueError("the timestamp has no tolerance")

    @property
    def name(self):
        return b"signature " + digests.hex_sha256(self.key).encode()

    def begin(self, request):
        """Return the _Check of a request; None where a field that the scheme needs is missing, or a part of one is
        missing or comes twice. That is no secret."""
        for way in self._headers:
            if all(header in request.fields for header in way.values()):
                return self._check(request.fields, way)
        return None

    def _check(self, fields, way):
        values = {name: fields[header] for name, header in way.items()}
        sent = [values.pop("signature")]
        if self._separator is not None:
            # A field that came twice was joined with a comma and a space (RFC 9110), and is refused as any other.
            sent = [] if b", " in sent[0] else sent[0].split(self._separator, SIGNATURES_LIMIT)[:SIGNATURES_LIMIT]
        for name, prefix in self._parts.items():
            found = [part[len(prefix) :] for part in sent if part.startswith(prefix)]
            if len(found) != 1:
                return None
            values[name] = found[0]
        ids = [(way.get("id", way["signature"]), values["id"])] if "id" in values else []
        return _Check(self, sent, values, ids, self.form_field if sources.is_form(fields) else None)


class _Check:
    """One signature of one request. sent: what may be the signature. values: what is signed beside the body, by name.
    ids: the signed id with the name of its field, where there is one. field: that of the form whose value is signed, or
    None."""

    is_token = False

    def __init__(self, signature, sent, values, ids, field):
        self.label = signature.label
        self.name = signature.name
        self.ids = ids
        self.handshake = signature.handshake
        self.key = signature.key
        self._signature = signature
        self._sent = sent
        self._values = values
        self._field = field
        self._mac = digests.new_hmac(signature.key, signature.algorithm)
        for literal, name in signature.template:
            self._mac.update(literal + values.get(name, b""))
        self._of_body = digests.new_hmac(signature.key, signature.algorithm) if signature.resigned else None

    def feed(self, body):
        if self._field is None:
            self._mac.update(body)
        if self._of_body is not None:
            self._of_body.update(body)

    def matches(self, now, read_body):
        """Return what identifies the delivery, bytes, when the signature is right, or None."""
        if self._field is not None:
            name, _, value = read_body().partition(b"=")
            if name != self._field or b"&" in value:
                return None  # what stands beside the field would not be signed
            try:
                self._mac.update(sources.unquote(value))
            except Refusal:
                return None
        mac = self._mac.digest()
        # The text is compared, not what it decodes to: so there is one spelling that is right, but for the case of hex.
        is_hex, prefix = self._signature.is_hex, self._signature.prefix
        expected = binascii.hexlify(mac) if is_hex else binascii.b2a_base64(mac, newline=False)
        sent = [text[len(prefix) :] for text in self._sent if text.startswith(prefix)]
        fits = [digests.equal(expected, text.lower() if is_hex else text) for text in sent]
        if not (self._is_fresh(now) and self._is_unambiguous() and any(fits)):
            return None
        return mac if self._of_body is None else self._of_body.digest()

    def _is_unambiguous(self):
        """Whether what was signed can be taken apart in one way only: with a dot in an id, another id and body would
        have the same signature."""
        template = self._signature.template
        return not any(literal[:1] in self._values[name] for (_, name), (literal, _) in zip(template, template[1:]))

    def _is_fresh(self, now):
        if "timestamp" not in self._values:
            return True
        sent = self._values["timestamp"]
        return len(sent) <= 12 and sent.isdigit() and abs(now - int(sent)) <= self._signature.tolerance


def _of_before(entry):
    """An entry as it is written now, of one that releases up to 0.2 may have written: their list of signed fields was
    joined with dots. A host keeps those of endpoints that no play names any more."""
    if "several" not in entry:
        return entry
    names = ["timestamp" if field == entry["timestamp"] else "id" for field in entry["signed"]]
    beside = dict(zip(names, entry["signed"]))
    return {
        **entry,
        "signed": [("." if number else "", name) for number, name in enumerate([*names, "body"])],
        "headers": [{"signature": field, **beside} for field in entry["headers"]],
        "separator": " " if entry["several"] else None,
        "parts": {},
        "resigned": False,
        "handshake": None,
        "verify_token": None,
    }


def _query_pairs(request):
    return [_pair(pair) for pair in request.query.split(b"&") if pair]


def _pair(pair):
    """A name and a value of the query. What cannot be decoded is nobody's token, and is refused later."""
    name, _, value = pair.partition(b"=")
    return _unquote(name), _unquote(value)


def _unquote(encoded):
    try:
        return sources.unquote(encoded)
    except Refusal:
        return encoded
