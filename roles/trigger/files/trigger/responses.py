"""What clients are told, and the journal. No I/O."""

from trigger import strict_json
from trigger.http import REASONS

SHOWN = 256  # bytes of a path that the journal is told
PLAIN = "text/plain; charset=utf-8"
UNBUFFERED = [("X-Accel-Buffering", "no")]  # asks nginx to pass on at once what appears bit by bit


class Reply:
    """An answer. status: int. reason: str, for the journal. body: bytes. content_type: str or None. headers: list of
    (str, str). source: None, or what brings the rest of the body in parts, by read() and close() as runs.Output has."""

    __slots__ = ("body", "content_type", "headers", "reason", "source", "status")

    def __init__(self, status, reason, body=b"", content_type=None, headers=(), source=None):
        self.status = status
        self.reason = reason
        self.body = body
        self.content_type = content_type
        self.headers = list(headers)
        self.source = source


def forget_question(request):
    """Let go of what a client said, but for what its answer and its line in the journal depend on. request:
    http.Request."""
    request.fields = {b"accept": b"application/json"} if accepts_json(request) else {}
    request.method = request.method[:SHOWN]
    request.target = request.query = b""
    request.path = request.path[:SHOWN]


def of_refusal(request, refusal):
    """Return the Reply that tells a refusal. request: http.Request, or None. refusal: http.Refusal."""
    body, content_type = refusal_body(request, refusal)
    return Reply(refusal.status, journal_text(refusal), body, content_type, refusal.headers)


def refusal_body(request, refusal):
    """Return the body of an answer, bytes, and its media type, str. request: http.Request, or None when there
    was no head to read. refusal: http.Refusal."""
    if request is not None and accepts_json(request):
        return problem(refusal), "application/problem+json"
    return plain_text(refusal), PLAIN


def journal_text(refusal):
    """Say in one line what was wrong, more than the client is told: str."""
    text = refusal.reason + (": " + refusal.detail if refusal.detail else "")
    if refusal.errors:
        text += ": " + "; ".join("%s %s" % (name or "a parameter", wrong) for name, wrong in refusal.errors)
    return text


def run_headers(run):
    """The fields that tell how a run ended. run: a dict of state and exit_code."""
    headers = [("X-Run-State", run["state"])]
    if run.get("exit_code") is not None:
        headers.append(("X-Run-Exit-Code", str(run["exit_code"])))
    return headers


def result_line(record):
    """The last line of a streamed answer, bytes. record: a run's, or None when it is not known yet."""
    if record is None:
        return b"\n[the run goes on]\n"
    parts = [record["state"]]
    if record.get("exit_code") is not None:
        parts.append("exit code %d" % record["exit_code"])
    if record.get("signal"):
        parts.append("signal " + record["signal"])
    if record.get("duration") is not None:
        parts.append("%.1f s" % record["duration"])
    return ("\n[%s]\n" % ", ".join(parts)).encode()


def accepts_json(request):
    """Whether a client asks for JSON by name; */* is what everybody sends."""
    return _accepts(request, (b"application/json", b"application/problem+json", b"application/*"))


def accepts_html(request):
    """Whether a client asks for HTML by name, as browsers do."""
    return _accepts(request, (b"text/html",))


def _accepts(request, names):
    """Whether a client asks for one of some media types by name (RFC 9110, section 12.5.1)."""
    for media_range in request.fields.get(b"accept", b"").lower().split(b","):
        name, *parameters = [part.strip(b" \t") for part in media_range.split(b";")]
        if name in names:
            weights = [part[2:] for part in parameters if part.startswith(b"q=")]
            if not weights or weights[0].strip(b"0."):
                return True
    return False


def plain_text(refusal):
    """The refusal as text for people, bytes."""
    lines = ["%d %s" % (refusal.status, refusal.reason)]
    lines += ["%s: %s" % (name or "a parameter", wrong) for name, wrong in refusal.errors]
    return "".join(line + "\n" for line in lines).encode()


def problem(refusal):
    """The same as problem details (RFC 9457), bytes."""
    problem = {"title": REASONS[refusal.status], "status": refusal.status, "detail": refusal.reason}
    if refusal.errors:
        problem["errors"] = [{"parameter": name, "detail": wrong} for name, wrong in refusal.errors]
    return (strict_json.encode(problem) + "\n").encode()
