"""How long a client wants to wait for the end of its run (RFC 7240). No I/O."""


def waiting_time(endpoint, request):
    """Return the seconds for which the answer is held, float, 0 for not at all; and what of the client's wish was
    granted, for Preference-Applied: str or None."""
    if not endpoint.wait:
        return 0.0, None
    wishes = {}
    for item in request.fields.get(b"prefer", b"").lower().split(b","):
        name, _, value = item.partition(b";")[0].partition(b"=")
        wishes.setdefault(name.strip(b" \t"), value.strip(b' \t"'))
    wait = wishes.get(b"wait", b"")
    if wait.isdigit() and len(wait) < 10:
        seconds = min(float(wait), endpoint.wait)
        return seconds, "wait=%d" % seconds
    if b"respond-async" in wishes:
        return 0.0, "respond-async"
    return endpoint.wait, None
