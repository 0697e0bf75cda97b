"""Who may call: tokens, and signatures over the body. No I/O.

The role turns every scheme into one of three kinds of entry, so that nothing here knows a sender by name:

- token: sha256 (of the secret, hexadecimal), header (lower case), bearer (whether the header is
  `Authorization: Bearer`), query (a parameter's name, or null);
- basic: the same for name and password (RFC 7617), the secret being both as they are sent, in base64;
- signature: an HMAC over the body and what stands beside it, see signatures.py.

Everything secret is compared in constant time, and one entry's result does not spare another's comparison. Only when
a token has let a request in, no signature is looked at any more but that of a sender who may ask first.
"""

import binascii

from trigger import digests, sources
from trigger.http import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.acceptor.signatures import Check
    from trigger.http import Request
    from trigger.responses import Reply

CHALLENGES = [(b"bearer", 'Bearer realm="trigger"'), (b"basic", 'Basic realm="trigger", charset="UTF-8"')]
HANDSHAKE_LIMIT = 4096  # bytes of a body that may be a handshake; they have some two hundred


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
                from trigger.acceptor.signatures import Signature

                self._signatures.append(Signature(label, entry))
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
        # A handshake is none without its signature, also where a token came with it.
        asked = [signature for signature in self._signatures if not tokens or signature.handshake]
        checks = [check for signature in asked if (check := signature.begin(request)) is not None]
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

    def __init__(self, guard: Guard, tokens: "list[_Token]", checks: "list[Check]") -> None:
        self._guard = guard
        self._checks = checks
        self._entries: list = [*tokens]
        self.digests: list[bytes] = []

    @property
    def accepted(self) -> "list[str]":
        """The labels of the entries that let it in, so far."""
        return [entry.label for entry in self._entries]

    @property
    def admitted(self) -> "_Token | Check":
        """The entry that answers for the request, the same in whichever order they are listed: with `is_token` and
        `name` (bytes, which stands for its secret and does not tell it)."""
        return min(self._entries, key=lambda entry: entry.name) if self._entries[1:] else self._entries[0]

    @property
    def signed_ids(self) -> "list[tuple[bytes, bytes, bytes]]":
        """The names of the entries that let it in by a signature, and the fields with ids that each has signed, names
        and values: of all, since it may come with one of them alone the next time."""
        return [(entry.name, name, value) for entry in self._entries for name, value in entry.ids]

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
    ids = ()  # what it names is not signed
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
