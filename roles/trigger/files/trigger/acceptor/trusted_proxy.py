"""The way in of nginx and of the page: why an acceptor believes what they say of a client. No I/O."""

from trigger import digests, proxy_headers
from trigger.admission import unavailable
from trigger.http import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.exchange import Exchange
    from trigger.endpoint import Endpoint


class TrustedProxy:
    """endpoint: one that has `frontend`. digest: the SHA-256 of the secret in hexadecimal, or None when it cannot be
    loaded: then nobody is let in."""

    def __init__(self, endpoint: "Endpoint", digest: "str | None") -> None:
        self._digest = digest
        self._path = endpoint.socket_path
        # as it looks from there
        self.endpoint = endpoint.replace(path=endpoint.frontend["location"], methods=endpoint.frontend["methods"])

    def is_way_of(self, exchange: "Exchange") -> bool:
        """Whether a client came by the front end's socket."""
        return exchange.way == self._path

    def enter(self, exchange: "Exchange") -> None:
        """Believe what a request says of its client. Raises Refusal: 503 without a secret to
        compare with, 403 for a wrong one, and 400 for an address that is none."""
        fields = exchange.request.fields
        if self._digest is None:
            raise unavailable("authentication is unavailable")
        if not digests.equal(digests.hex_sha256(fields.get(proxy_headers.SECRET, b"")), self._digest):
            raise Refusal(403, "only the front end may call here")
        exchange.peer = proxy_headers.address(fields.get(proxy_headers.ADDRESS, b""))
        exchange.is_https = fields.get(proxy_headers.PROTOCOL) == b"https"
        proxy_headers.check_origin(self.endpoint, fields)
        if self.endpoint.frontend["users"] is not None:
            exchange.user = fields.get(proxy_headers.USER, b"")
            exchange.auth_type = proxy_headers.auth_type(fields)
        exchange.endpoint = self.endpoint
