"""What senders ask before they send: whether somebody is there who knows the secret. It is answered and starts nothing.

url_verification (Slack) and endpoint.url_validation (Zoom) come as deliveries do, and are answered only when their
signature was right. hub.challenge (Meta, and WebSub before it) is a GET with a secret of its own in the query.
"""

import binascii

from trigger import digests, responses, sources, strict_json
from trigger.http import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.http import Request

CHALLENGE_LIMIT = 256
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_.")


def of_body(handshake: str, key: bytes, body: bytes) -> "responses.Reply | None":
    """The Reply to a delivery that is this handshake; None where it is none. key: the sender's secret. Raises
    Refusal."""
    if handshake.encode() not in body:
        return None
    try:
        said = strict_json.decode_body(body)
    except strict_json.Malformed:
        return None
    if not isinstance(said, dict):
        return None
    if handshake == "url_verification":
        if said.get("type") != handshake:
            return None
        return _text(handshake, said.get("challenge"))
    if said.get("event") != handshake:
        return None
    payload = said.get("payload")
    token = _checked(handshake, payload.get("plainToken") if isinstance(payload, dict) else None)
    # Nothing that _checked() lets through has the form of what a delivery signs, "v0:…", so no signature is told.
    mac = digests.new_hmac(key, "sha256")
    mac.update(token.encode())
    told = {"plainToken": token, "encryptedToken": binascii.hexlify(mac.digest()).decode()}
    return responses.Reply(200, "answered " + handshake, strict_json.encode(told).encode(), "application/json")


def of_query(
    request: "Request", verify_tokens: "list[str]", refuse: "Callable[[str], Refusal]"
) -> "responses.Reply | None":
    """The Reply to a GET that asks for hub.challenge; None where it does not. verify_tokens: SHA-256 in hexadecimal,
    one of which has to be that of hub.verify_token. Takes the query away. Raises Refusal."""
    found = sources.Sources(request, bytes).pairs("query")
    if found.get("hub.mode") != ["subscribe"]:
        return None
    request.query = b""  # it holds a secret
    tokens, challenges = found.get("hub.verify_token", []), found.get("hub.challenge", [])
    token = digests.hex_sha256(tokens[0].encode()) if len(tokens) == 1 else ""
    fits = [digests.equal(token, known) for known in verify_tokens]
    if not any(fits):
        raise refuse("its hub.verify_token is wrong")
    return _text("hub.challenge", challenges[0] if len(challenges) == 1 else None)


def _text(handshake, challenge):
    return responses.Reply(200, "answered " + handshake, _checked(handshake, challenge).encode(), responses.PLAIN)


def _checked(handshake, challenge):
    """A challenge, which is sent back as it came. Raises Refusal for one that no sender would make."""
    if type(challenge) is not str or not 0 < len(challenge) <= CHALLENGE_LIMIT or not _LETTERS.issuperset(challenge):
        raise Refusal(400, "%s brings no challenge that can be answered" % handshake)
    return challenge
