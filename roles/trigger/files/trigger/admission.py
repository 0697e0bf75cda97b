"""Decides what becomes of a request. No I/O: it is told all that it needs."""

from trigger.http import Refusal

RETRY_AFTER = 5  # seconds; when to come back to a queue that was full


def check_head(endpoint, request):
    """Raise Refusal unless the request may start a run of this endpoint, so far as its head tells.

    Called before the body is read: a request that is refused here costs nothing more.
    """
    if request.path != endpoint.path.encode():
        raise Refusal(404, "nothing is served here")
    allowed = allowed_methods(endpoint)
    if request.method.decode("latin-1") not in allowed:
        raise Refusal(405, "this method starts nothing", [("Allow", ", ".join(allowed))])


def allowed_methods(endpoint):
    """The endpoint's methods, with HEAD beside GET (RFC 9110, section 9.3.2): list of str."""
    return endpoint.methods + (["HEAD"] if "GET" in endpoint.methods else [])


def starts_run(request):
    """HEAD is answered as GET would be, and starts nothing."""
    return request.method != b"HEAD"


def check_load(endpoint, waiting, running):
    """Raise Refusal when the endpoint takes no further request now.

    waiting: int, entries that no run has taken yet. running: bool, whether a run has some.
    """
    if endpoint.when_busy == "reject" and (waiting or running):
        raise Refusal(409, "a run is already under way")
    if waiting >= endpoint.queue_limit:
        raise unavailable("too many requests wait")


def unavailable(reason):
    """The Refusal of a request that may succeed later."""
    return Refusal(503, reason, [("Retry-After", str(RETRY_AFTER))])
