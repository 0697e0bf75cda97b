"""How long a client wants to wait for the end of its run (RFC 7240). No I/O."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.http import Request


def waiting_time(endpoint: "Endpoint", request: "Request") -> "tuple[float, str | None]":
    """Return the seconds for which the answer is held, 0 for not at all; and what of the client's wish was granted,
    for Preference-Applied. endpoint: one that has `wait` or `stream`; of a stream, which begins at once, it can only be
    wished that it does not come."""
    wishes = {}
    for item in request.fields.get(b"prefer", b"").lower().split(b","):
        name, _, value = item.partition(b";")[0].partition(b"=")
        wishes.setdefault(name.strip(b" \t"), value.strip(b' \t"'))
    wait, is_asynchronous = wishes.get(b"wait", b""), b"respond-async" in wishes
    if wait.isdigit() and len(wait) < 10 and not (endpoint.stream and is_asynchronous):
        seconds = min(float(wait), endpoint.wait)
        return seconds, None if endpoint.stream else "wait=%d" % seconds
    if is_asynchronous:
        return 0.0, "respond-async"
    return endpoint.wait, None
