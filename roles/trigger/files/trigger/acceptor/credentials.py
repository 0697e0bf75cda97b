"""The acceptor's secrets, as systemd hands them over (LoadCredential= in systemd.exec(5))."""

import os

from trigger import strict_json
from trigger.admission import unavailable

GUARD = "auth"


def load_guard(endpoint):
    """Return what asks who calls: an auth.Guard, None where everybody may, or, when the secrets cannot be loaded,
    a Shut and a sentence for the journal. Returns (guard, sentence or None)."""
    if not endpoint.auth:
        return None, None
    from trigger.acceptor import auth

    try:
        return auth.Guard(strict_json.decode(_read(GUARD))), None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The fallback of the unit, "-", ends here too. What is wrong is told without what stands in the file.
        return Shut(), _problem(error, GUARD)


def load_door(endpoint):
    """Return the front end's way in, a trusted_proxy.Door that is shut when its secret cannot be loaded, or None where
    there is no front end; and then a sentence for the journal, or None."""
    if not endpoint.frontend:
        return None, None
    from trigger import proxy_headers
    from trigger.acceptor import trusted_proxy

    try:
        return trusted_proxy.Door(endpoint, proxy_headers.read_secret()), None
    except (OSError, ValueError, LookupError) as error:
        return trusted_proxy.Door(endpoint, None), _problem(error, proxy_headers.CREDENTIAL)


class Shut:
    """The guard of an endpoint whose secrets are not there: it lets nobody in."""

    def begin(self, _request):
        raise unavailable("nobody can be let in at present")

    admit_token = begin


def _read(name):
    with open(os.environ["CREDENTIALS_DIRECTORY"] + "/" + name) as file:
        return file.read()


def _problem(error, name):
    return "its secrets cannot be loaded, requests are answered 503: %s" % (
        error.strerror if isinstance(error, OSError) else "the credential %s is damaged or missing" % name
    )
