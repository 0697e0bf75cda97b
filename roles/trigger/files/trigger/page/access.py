"""Who comes: whether nginx sends it, for whom, and whether a form is one of ours. No I/O but load_secret()."""

from __future__ import annotations

import hashlib
import hmac

from trigger import admission, proxy_headers
from trigger.endpoint import Endpoint
from trigger.http import Refusal, Request


class Door:
    """secret: the front end's, str of 64 hexadecimal digits, or None when it cannot be loaded: then it stays shut."""

    def __init__(self, secret: str | None) -> None:
        self._secret = None if secret is None else secret.encode()

    def enter(self, request: Request) -> Visitor:
        """Return who asks, a Visitor. Raises Refusal: 503 without a secret to compare with, 403 for a wrong one."""
        if self._secret is None:
            raise admission.unavailable("authentication is unavailable")
        if not hmac.compare_digest(request.fields.get(proxy_headers.SECRET, b""), self._secret):
            raise Refusal(403, "only the front end may call here")
        return Visitor(request, self._secret)


class Visitor:
    """Who asks by a request, as nginx says. user: b"" where nobody was asked; name: the same as text. host: what the
    browser calls us."""

    def __init__(self, request: Request, secret: bytes) -> None:
        self._secret = secret
        self.user = request.fields.get(proxy_headers.USER, b"")
        self._address = proxy_headers.address(request.fields.get(proxy_headers.ADDRESS, b""))
        self.name = self.user.decode("latin-1")
        self.host = _without_port(request.fields.get(b"host", b"").decode("latin-1")) or "this host"

    @property
    def may_list(self) -> bool:
        """Whether he is shown lists of runs. As with acceptors, an id opens its own run, and a list needs a user."""
        return bool(self.user)

    def check_may_call(self, endpoint: Endpoint) -> None:
        """Raise Refusal where the endpoint is for other addresses, by its own rule or nginx', or for other users."""
        self._check_address(endpoint)
        admission.check_user(endpoint, self.user)

    def may_call(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint is for this user, and from where he is."""
        return _is_let_in(self.check_may_call, endpoint)

    def may_start(self, endpoint: Endpoint) -> bool:
        """Whether this user may start and cancel runs by forms, and somebody listens to them."""
        return endpoint.frontend["page"] and endpoint.state != "disabled" and self.may_call(endpoint)

    def check_may_look(self, endpoint: Endpoint) -> None:
        """Raise Refusal where its runs are for other addresses, or for other users."""
        self._check_address(endpoint)
        place = endpoint.frontend
        if place["users"] is None and not place["page"] and self.name not in place.get("viewers", ()):
            raise Refusal(403, "this user may not look")  # programs, which bring no password, may call
        admission.check_viewer(endpoint, self.user)

    def may_look(self, endpoint: Endpoint) -> bool:
        """Whether its runs are shown, and this user may look."""
        return shows_runs(endpoint) and _is_let_in(self.check_may_look, endpoint)

    def _check_address(self, endpoint):
        admission.check_peer(endpoint, self._address)
        admission.check_peer(endpoint.replace(allow_from=endpoint.frontend.get("allow_from")), self._address)

    def token(self, endpoint: Endpoint) -> str:
        """Return what a form brings back to start an endpoint or cancel a run: another site cannot know it."""
        # Neither holds a NUL, so no two pairs are the same message.
        message = b"start\0%s\0%s" % (endpoint.name.encode(), self.user)
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()

    def check_form(self, endpoint: Endpoint, request: Request, token: str) -> None:
        """Raise Refusal unless a request comes from a form of ours. token: "" where it brings none."""
        # To admission, the address of a form is one more endpoint; allow_origins is for programs, not for it.
        place = {"path": request.path.decode(), "methods": ["POST"], "allow_origins": []}
        admission.check_head(Endpoint(endpoint.name, place), request)
        proxy_headers.check_origin(Endpoint(endpoint.name, place), request.fields)
        if not hmac.compare_digest(token.encode(), self.token(endpoint).encode()):
            raise Refusal(403, "this form was not made for you here; go back, load the page again, and start anew")

    def fields(self, request: Request) -> list[tuple[str, bytes]]:
        """What an endpoint's acceptor is to believe of the visitor."""
        known = [
            (b"host", "Host"),
            (proxy_headers.ADDRESS, "X-Forwarded-For"),
            (proxy_headers.PROTOCOL, "X-Forwarded-Proto"),
            (proxy_headers.AUTH_TYPE, "X-Trigger-Auth-Type"),
        ]
        passed_on = [(name, request.fields[key]) for key, name in known if key in request.fields]
        user = [("X-Remote-User", self.user)] if self.user else []
        return [("X-Trigger-Frontend", self._secret), *user, *passed_on]


def shows_runs(endpoint: Endpoint) -> bool:
    """Whether there are pages of its runs. Files of earlier releases know of none but beside a form."""
    return endpoint.frontend["page"] or bool(endpoint.frontend.get("shows_runs"))


def load_secret() -> tuple[str | None, str | None]:
    """Return the front end's secret, or None; and then a sentence for the journal. It is told without what stands in
    the file, as the unit's fallback "-" does."""
    try:
        return proxy_headers.read_secret(), None
    except (OSError, ValueError, LookupError) as error:
        damaged = "the credential %s is damaged or missing" % proxy_headers.CREDENTIAL
        problem = error.strerror if isinstance(error, OSError) else damaged
        return None, "its secret cannot be loaded, requests are answered 503: " + problem


def _without_port(host):
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def _is_let_in(check, endpoint):
    try:
        check(endpoint)
    except Refusal:
        return False
    return True
