"""Decides what becomes of a request. No I/O: it is told all that it needs."""

from _socket import AF_INET, AF_INET6, inet_pton

from trigger.http import Refusal, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.sources import Sources

INVALID = "the parameters are invalid"
RETRY_AFTER = 5  # seconds; when to come back to a queue that was full


def check_peer(endpoint: "Endpoint", peer: bytes) -> None:
    """Raise Refusal unless a client may ask anything. peer: its address, or b"" on a Unix socket, which its mode
    guards."""
    if peer and endpoint.allow_from is not None and not _is_within(endpoint.allow_from, peer.decode()):
        raise Refusal(403, "this address may not call")


def check_user(endpoint: "Endpoint", user: bytes) -> None:
    """Raise Refusal unless somebody may call whom the front end has let in."""
    users = endpoint.frontend["users"]
    if users is not None and user.decode("latin-1") not in users:
        raise Refusal(403, "this user may not call")


def check_viewer(endpoint: "Endpoint", user: bytes) -> None:
    """Raise Refusal unless somebody may look at its runs whom the front end has let in."""
    if user.decode("latin-1") not in endpoint.frontend.get("viewers", ()):
        check_user(endpoint, user)


def check_head(endpoint: "Endpoint", request: "Request") -> None:
    """Raise Refusal unless the request may start a run of this endpoint, so far as its head tells, tokens and
    signatures apart.

    Called before the body is read: a request that is refused here costs nothing more.
    """
    if request.path != endpoint.path.encode():
        raise Refusal(404, "nothing is served here")
    allowed = allowed_methods(endpoint)
    if request.method.decode("latin-1") not in allowed:
        raise Refusal(405, "this method starts nothing", [("Allow", ", ".join(allowed))])
    check_site(endpoint, request)
    if _is_ahead(request):
        raise Refusal(403, "a browser that only prefetches starts nothing")


def check_site(endpoint: "Endpoint", request: "Request") -> None:
    """Raise Refusal where a browser says that a page of another site made it send the request."""
    if _is_from_another_site(endpoint, request):
        raise Refusal(403, "a page of another site may not call")


def allowed_methods(endpoint: "Endpoint") -> "list[str]":
    """The endpoint's methods, with HEAD beside GET (RFC 9110, section 9.3.2)."""
    return endpoint.methods + (["HEAD"] if "GET" in endpoint.methods else [])


def starts_run(request: "Request") -> bool:
    """HEAD is answered as GET would be, and starts nothing."""
    return request.method != b"HEAD"


def check_values(endpoint: "Endpoint", sources: "Sources") -> "tuple[dict[str, str], str | None]":
    """Look at what a complete request says: only_if, then the parameters.

    Returns the parameters, and why the request shall start nothing although all is well with it, or None. Raises
    Refusal.
    """
    from trigger.sources import NotUtf8

    try:
        return _look_at_values(endpoint, sources)
    except NotUtf8 as found:
        names = [each["name"] for each in endpoint.parameters or () if found.is_at(each["places"])]
        if not names:
            raise  # nobody has declared what a client calls so
        raise wrong_values(endpoint, [(name, "is not UTF-8") for name in names]) from None


def _look_at_values(endpoint, sources):
    if endpoint.only_if:
        from trigger import conditions

        unmet = conditions.first_unmet(endpoint.only_if, sources)
        if unmet is not None:
            return {}, "ignored: not what only_if asks for, " + unmet
    if endpoint.parameters is None:
        return {}, None
    from trigger import parameters

    try:
        return parameters.collect(endpoint.parameters, sources, endpoint.known_names), None
    except parameters.Invalid as invalid:
        raise wrong_values(endpoint, invalid.errors) from None


def check_execution(endpoint: "Endpoint", values: "dict[str, str]", variables: "list[tuple[bytes, bytes]]") -> None:
    """Raise Refusal for a request whose job could not be executed. values: its parameters. variables: what else its job
    is told."""
    if endpoint.parameters is None:
        return  # the role leaves room for all that a head can bring
    from trigger import execution, parameters

    try:
        execution.check(endpoint.command, endpoint.exec_limit, values, variables)
    except parameters.Invalid as invalid:
        raise wrong_values(endpoint, invalid.errors) from None


def wrong_values(endpoint: "Endpoint", errors: "list[tuple[str, str]]") -> Refusal:
    """The Refusal of a request because of its parameters. errors: their names, and what is wrong."""
    from trigger import parameters

    return Refusal(400, INVALID, errors=errors, labels=parameters.labels(endpoint.parameters))


def check_load(endpoint: "Endpoint", waiting: int, running: bool) -> None:
    """Raise Refusal when the endpoint takes no further request now.

    waiting: entries that no run has taken yet. running: whether a run has some.
    """
    if endpoint.when_busy == "reject" and (waiting or running):
        raise Refusal(409, "a run is already under way")
    if waiting >= endpoint.queue_limit:
        raise unavailable("too many requests wait")


def check_rate(wait: float) -> None:
    """Raise Refusal when no more is accepted yet. wait: seconds until then."""
    if wait > 0:
        raise Refusal(429, "more than max_rate allows", [("Retry-After", str(int(wait) + 1))])


def check_disk(lack: "str | None") -> None:
    """Raise Refusal where runs and records need what the disk has left. lack: as Spool.lack() says it."""
    if lack is not None:
        raise unavailable("the disk is nearly full", lack + ": make room there, or use a larger disk")


def unavailable(reason: str, detail: "str | None" = None) -> Refusal:
    """The Refusal of a request that may succeed later."""
    return Refusal(503, reason, [("Retry-After", str(RETRY_AFTER))], detail)


def _is_within(networks, address):
    """Whether an address is in one of the networks: list of str such as 192.0.2.0/24 or 2001:db8::/32."""
    address = address.partition("%")[0]  # a link-local one carries its interface
    family = AF_INET6 if ":" in address else AF_INET
    packed = inet_pton(family, address)
    for network in networks:
        base, _, bits = network.partition("/")
        if (":" in base) == (family == AF_INET6):
            shift = len(packed) * 8 - int(bits)
            if int.from_bytes(packed, "big") >> shift == int.from_bytes(inet_pton(family, base), "big") >> shift:
                return True
    return False


def _is_from_another_site(endpoint, request):
    """Whether a browser says that a page of another origin made it send this (Fetch Metadata; RFC 6454)."""
    origin = request.fields.get(b"origin")
    if origin is not None and origin.decode("latin-1").lower() in endpoint.allow_origins:
        return False
    # same-site counts as another one: to a browser, http://localhost:8080 is of the site of http://localhost:3000.
    if request.fields.get(b"sec-fetch-site", b"none") not in (b"none", b"same-origin"):
        return True
    return origin is not None and not _is_own(origin.lower(), request.fields.get(b"host", b"").lower())


def _is_ahead(request):
    """Whether a browser says that nobody has asked for this yet: it fetches ahead what may be wanted."""
    purposes = [request.fields.get(name, b"") for name in (b"sec-purpose", b"purpose", b"x-moz", b"x-purpose")]
    return any(purpose.lower().startswith((b"prefetch", b"preview")) for purpose in purposes)


def _is_own(origin, host):
    """Whether an Origin names the host that the request is for. The scheme's own port may be left out in both."""
    scheme, _, authority = origin.partition(b"://")
    port = {b"http": b":80", b"https": b":443"}.get(scheme)
    if port is None or not host:
        return False
    return _without(port, authority) == _without(port, host)


def _without(port, authority):
    return authority[: -len(port)] if authority.endswith(port) else authority
