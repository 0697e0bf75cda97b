"""The way in of nginx and of the page: why an acceptor believes what they say of a client. No I/O."""

from trigger import digests, proxy_headers
from trigger.admission import unavailable
from trigger.http import Refusal


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
        if not digests.equal(digests.hex_sha256(fields.get(proxy_headers.SECRET, b"")), self._digest):
            raise Refusal(403, "only the front end may call here")
        connection.peer = proxy_headers.address(fields.get(proxy_headers.ADDRESS, b""))
        connection.is_https = fields.get(proxy_headers.PROTOCOL) == b"https"
        proxy_headers.check_origin(self.endpoint, fields)
        if self.endpoint.frontend["users"] is not None:
            connection.user = fields.get(proxy_headers.USER, b"")
        connection.endpoint = self.endpoint
