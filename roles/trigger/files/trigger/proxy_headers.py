"""The front end's way in: what nginx says of its clients, and why it is believed. No I/O.

nginx comes by the endpoint's own Unix socket and brings a secret. So does the page, on behalf of people. The socket
alone would not do: whatever else runs as nginx's user can connect to it.
"""

from _socket import AF_INET, AF_INET6, inet_pton

from trigger import digests
from trigger.admission import unavailable
from trigger.http import Refusal

SECRET = b"x-trigger-frontend"
USER = b"x-remote-user"
ADDRESS = b"x-forwarded-for"
PROTOCOL = b"x-forwarded-proto"
FIELDS = (SECRET, USER, ADDRESS, PROTOCOL)


class Door:
    """endpoint: endpoint.Endpoint, one that has `frontend`. digest: str, the SHA-256 of the secret in hexadecimal, or
    None when it cannot be loaded: then nobody is let in."""

    def __init__(self, endpoint, digest):
        self._digest = digest
        self._path = endpoint.socket_path
        # as it looks from there
        self.endpoint = endpoint.replace(path=endpoint.frontend["location"], methods=endpoint.frontend["methods"])

    def is_way_of(self, connection):
        """Whether a client came by the front end's socket. connection: connection.Connection."""
        return connection.way == self._path

    def enter(self, connection):
        """Believe what the request of a connection says of its client. Raises Refusal: 503 without a secret to
        compare with, 403 for a wrong one, and 400 for an address that is none."""
        fields = connection.request.fields
        if self._digest is None:
            raise unavailable("nobody can be let in at present")
        if not digests.equal(digests.hex_sha256(fields.get(SECRET, b"")), self._digest):
            raise Refusal(403, "only the front end may call here")
        connection.peer = address(fields.get(ADDRESS, b""))
        connection.is_https = fields.get(PROTOCOL) == b"https"
        check_origin(self.endpoint, fields)
        if self.endpoint.frontend["users"] is not None:
            connection.user = fields.get(USER, b"")
        connection.endpoint = self.endpoint


def check_origin(endpoint, fields):
    """Raise Refusal for a page of the same name that did not come by TLS, although this request does: somebody on the
    way may have made it. fields: dict, of the request, with what the front end says."""
    origin = fields.get(b"origin", b"").lower()
    lacks_tls = fields.get(PROTOCOL) == b"https" and origin.startswith(b"http:")
    if lacks_tls and origin.decode("latin-1") not in endpoint.allow_origins:
        raise Refusal(403, "a page of another site may not call")


def forget(request):
    """Take out what only the front end may say, so that nobody reads it further on. request: http.Request."""
    for name in FIELDS:
        request.fields.pop(name, None)


def address(text):
    """Return the client's address as the front end says it, bytes. Raises Refusal where it is none."""
    try:
        inet_pton(AF_INET6 if b":" in text else AF_INET, text.decode("latin-1"))
    except (OSError, ValueError):
        raise Refusal(400, "the front end names no address") from None
    return text
