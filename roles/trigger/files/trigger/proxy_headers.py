"""What nginx says of its clients: the fields by which it does, and the secret by which it is known. No I/O but
read_secret().

nginx comes by the endpoint's own Unix socket and brings a secret. So does the page, on behalf of people. The socket
alone would not do: whatever else runs as nginx's user can connect to it.
"""

import os
from _socket import AF_INET, AF_INET6, inet_pton

from trigger.http import Refusal, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

CREDENTIAL = "frontend"  # its name in a unit (LoadCredential= in systemd.exec(5))
SECRET = b"x-trigger-frontend"
USER = b"x-remote-user"
ADDRESS = b"x-forwarded-for"
PROTOCOL = b"x-forwarded-proto"
AUTH_TYPE = b"x-trigger-auth-type"
FIELDS = (SECRET, USER, ADDRESS, PROTOCOL, AUTH_TYPE)

CERTIFICATE = b"CLIENT_CERT"  # as servlets call it; RFC 3875 names none for it
PASSWORD = b"Basic"


def read_secret() -> str:
    """Return the secret that systemd hands over, 64 hexadecimal digits: to the page the secret itself, to an acceptor
    its SHA-256. Raises OSError, ValueError and LookupError; the fallback of the units, "-", ends here too."""
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/" + CREDENTIAL, encoding="ascii") as file:
        secret = file.read().strip()
    if len(secret) != 64 or bytes.fromhex(secret).hex() != secret:
        raise ValueError("it is not a valid secret")
    return secret


def check_origin(endpoint: "Endpoint", fields: "dict[bytes, bytes]") -> None:
    """Raise Refusal for a page of the same name that did not come by TLS, although this request does: somebody on the
    way may have made it. fields: the request's, with what the front end says."""
    origin = fields.get(b"origin", b"").lower()
    lacks_tls = fields.get(PROTOCOL) == b"https" and origin.startswith(b"http:")
    if lacks_tls and origin.decode("latin-1") not in endpoint.allow_origins:
        raise Refusal(403, "a page of another site may not call")


def auth_type(fields: "dict[bytes, bytes]") -> bytes:
    """Return by what the front end knows the user, as AUTH_TYPE has it."""
    return CERTIFICATE if fields.get(AUTH_TYPE) == CERTIFICATE else PASSWORD


def forget(request: "Request") -> None:
    """Take out what only the front end may say, so that nobody reads it further on."""
    for name in FIELDS:
        request.fields.pop(name, None)


def address(text: bytes) -> bytes:
    """Return the client's address as the front end says it. Raises Refusal where it is none."""
    try:
        inet_pton(AF_INET6 if b":" in text else AF_INET, text.decode("latin-1"))
    except (OSError, ValueError):
        raise Refusal(400, "X-Forwarded-For is missing or is not an IP address") from None
    return text
