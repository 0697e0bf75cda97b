"""The acceptor's secrets, as systemd hands them over (LoadCredential= in systemd.exec(5))."""

import os

from trigger import strict_json
from trigger.admission import unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.auth import Attempt, Guard
    from trigger.acceptor.trusted_proxy import TrustedProxy
    from trigger.endpoint import Endpoint
    from trigger.http import Request

GUARD = "auth"


def load_guard(endpoint: "Endpoint") -> "tuple[Guard | Shut | None, str | None]":
    """Return what asks who calls, None where everybody may; and, when the secrets cannot be loaded, a Shut and a
    sentence for the journal."""
    if not endpoint.auth:
        return None, None
    from trigger.acceptor import auth

    try:
        return auth.Guard(strict_json.decode(_read(GUARD))), None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The fallback of the unit, "-", ends here too. What is wrong is told without what stands in the file.
        return Shut(), _problem(error, GUARD)


def load_proxy(endpoint: "Endpoint") -> "tuple[TrustedProxy | None, str | None]":
    """Return the front end's way in, None where there is no front end; and, when its secret cannot be loaded, one that
    is shut and a sentence for the journal."""
    if not endpoint.frontend:
        return None, None
    from trigger import proxy_headers
    from trigger.acceptor import trusted_proxy

    try:
        return trusted_proxy.TrustedProxy(endpoint, proxy_headers.read_secret()), None
    except (OSError, ValueError, LookupError) as error:
        return trusted_proxy.TrustedProxy(endpoint, None), _problem(error, proxy_headers.CREDENTIAL)


class Shut:
    """The guard of an endpoint whose secrets are not there: it lets nobody in."""

    def begin(self, _request: "Request") -> "Attempt":
        raise unavailable("authentication is unavailable")

    def answer_query(self, _request: "Request") -> None:
        return None

    def admit_token(self, request: "Request") -> None:
        self.begin(request)


def _read(name):
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/" + name) as file:
        return file.read()


def _problem(error, name):
    return "its secrets cannot be loaded, requests are answered 503: %s" % (
        error.strerror if isinstance(error, OSError) else "the credential %s is damaged or missing" % name
    )
