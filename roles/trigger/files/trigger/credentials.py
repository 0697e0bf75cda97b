"""The acceptor's secrets, as systemd hands them over (LoadCredential= in systemd.exec(5))."""

import os

from trigger import strict_json
from trigger.admission import unavailable

NAME = "auth"


def load_guard(endpoint):
    """Return what asks who calls: an auth.Guard, None where everybody may, or, when the secrets cannot be loaded,
    a Shut and a sentence for the journal. Returns (guard, sentence or None)."""
    if not endpoint.auth:
        return None, None
    from trigger import auth

    try:
        with open(os.environ["CREDENTIALS_DIRECTORY"] + "/" + NAME) as file:
            return auth.Guard(strict_json.decode(file.read())), None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        # The fallback of the unit, "-", ends here too. What is wrong is told without what stands in the file.
        return Shut(), "its secrets cannot be loaded, requests are answered 503: %s" % (
            error.strerror if isinstance(error, OSError) else "the credential %s is damaged or missing" % NAME
        )


class Shut:
    """The guard of an endpoint whose secrets are not there: it lets nobody in."""

    def begin(self, _request):
        raise unavailable("nobody can be let in at present")

    admit_token = begin
