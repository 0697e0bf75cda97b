"""Signatures over the body. No I/O.

An entry says: an HMAC (RFC 2104) of algorithm with key (base64) over what the template `signed` says, pairs of a
literal and the name of what follows it, "timestamp", "id" or, last, "body". headers has the fields that carry
"signature", "timestamp" and "id", by these names; of several such dicts, the first counts whose fields are all there.
The signature stands in encoding (hex or base64) behind prefix; with separator ("," or " "), its field is a list of
parts, of which one must fit, and `parts` has the prefixes of those that say the timestamp or id. A timestamp must be
within tolerance (seconds) of now. With form_field, what is signed of a form is the decoded value of its only field,
which has this name. resigned: whether a retry is signed with a new time, so that a delivery is known by its body.
handshake: the name of what its sender asks before it sends (see handshakes.py), or null; verify_token: the SHA-256 of
the secret for hub.challenge, or null.
"""

import binascii

from trigger import digests, sources
from trigger.http import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.http import Request

SIGNATURES_LIMIT = 16  # that are looked at in one field
HANDSHAKES = (None, "url_verification", "endpoint.url_validation")


class Signature:
    """entry: as the role wrote it, and labelled so. Raises KeyError and ValueError where it is damaged."""

    def __init__(self, label: str, entry: dict) -> None:
        entry = _of_before(entry)
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
    def name(self) -> bytes:
        """What stands for the secret, and does not tell it."""
        return b"signature " + digests.hex_sha256(self.key).encode()

    def begin(self, request: "Request") -> "Check | None":
        """Return the Check of a request; None where a field that the scheme needs is missing, or a part of one is
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
        return Check(self, sent, values, ids, self.form_field if sources.is_form(fields) else None)


class Check:
    """One signature of one request. sent: what may be the signature. values: what is signed beside the body, by name.
    ids: the signed id with the name of its field, where there is one. field: that of the form whose value is signed, or
    None."""

    is_token = False

    def __init__(
        self,
        signature: Signature,
        sent: "list[bytes]",
        values: "dict[str, bytes]",
        ids: "list[tuple[bytes, bytes]]",
        field: "bytes | None",
    ) -> None:
        self.label = signature.label
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

    @property
    def name(self) -> bytes:
        """That of the signature."""
        return self._signature.name

    def feed(self, body: bytes) -> None:
        """Take a part of the body, in order."""
        if self._field is None:
            self._mac.update(body)
        if self._of_body is not None:
            self._of_body.update(body)

    def matches(self, now: float, read_body: "Callable[[], bytes]") -> "bytes | None":
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
    """An entry as it is written now, of one that releases up to 0.3 may have written: their list of signed fields was
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
