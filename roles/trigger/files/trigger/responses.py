"""What clients are told, and the journal. No I/O."""

from trigger import http, strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Protocol

    class Source(Protocol):
        def read(self) -> "bytes | None": ...
        def close(self) -> None: ...


SHOWN = 256  # bytes of a path that the journal is told
PLAIN = "text/plain; charset=utf-8"
UNBUFFERED = [("X-Accel-Buffering", "no")]  # asks nginx to pass on at once what appears bit by bit


class Reply:
    """An answer. reason: for the journal. source: None, or what brings the rest of the body in parts, by read() and
    close() as runs.Output has."""

    __slots__ = ("body", "content_type", "headers", "reason", "source", "status")

    def __init__(
        self,
        status: int,
        reason: str,
        body: bytes = b"",
        content_type: "str | None" = None,
        headers: "Iterable[tuple[str, str]]" = (),
        source: "Source | None" = None,
    ) -> None:
        self.status = status
        self.reason = reason
        self.body = body
        self.content_type = content_type
        self.headers = list(headers)
        self.source = source


class Encoder:
    """A Reply as the bytes of a response to a request, part by part. It is read as a source is, and owns that of the
    reply; None stands for a request whose head never came.

    The length of what a source brings is not known: the body is sent in chunks, and to HTTP/1.0 it ends with the
    connection (RFC 9112, sections 6.3 and 7.1). HEAD is answered without a body (RFC 9110, section 9.3.2).
    """

    __slots__ = ("_begin", "_is_chunked", "_source")

    def __init__(self, reply: "Reply", request: "http.Request | None") -> None:
        head_only = request is not None and request.method == b"HEAD"
        self._source = reply.source
        self._is_chunked = False
        if self._source is None:
            self._begin = http.response(reply.status, reply.body, reply.content_type, reply.headers, head_only)
            return
        self._is_chunked = request.version >= (1, 1)
        headers = list(reply.headers)
        if reply.content_type:
            headers.append(("Content-Type", reply.content_type))
        if self._is_chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self._begin = http.response_head(reply.status, headers)
        if head_only:
            self.close()
        elif reply.body:
            self._begin += self._coded(reply.body)

    def read(self) -> "bytes | None":
        """Return the next part; None while there is none yet; b"" at the end. Raises OSError as the source does."""
        if self._begin:
            begin, self._begin = self._begin, b""
            return begin
        if self._source is None:
            return b""
        part = self._source.read()
        if part is None:
            return None
        return self._coded(part) if part else self.end()

    def end(self) -> bytes:
        """Let the body end here, wherever its source is. Returns the last part, b"" where there is none."""
        self.close()
        return http.chunk(b"") if self._is_chunked else b""

    def close(self) -> None:
        """Let the source go."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def _coded(self, part):
        return http.chunk(part) if self._is_chunked else part


def forget_question(request: http.Request) -> None:
    """Let go of what a client said, but for what its answer and its line in the journal depend on."""
    request.fields = {b"accept": b"application/json"} if accepts_json(request) else {}
    request.method = request.method[:SHOWN]
    request.target = request.query = b""
    request.path = request.path[:SHOWN]


def of_refusal(request: "http.Request | None", refusal: http.Refusal) -> Reply:
    """Return the Reply that tells a refusal."""
    body, content_type = refusal_body(request, refusal)
    return Reply(refusal.status, journal_text(refusal), body, content_type, refusal.headers)


def refusal_body(request: "http.Request | None", refusal: http.Refusal) -> "tuple[bytes, str]":
    """Return the body of an answer and its media type. request: None when there was no head to read."""
    if request is not None and accepts_json(request):
        return problem(refusal), "application/problem+json"
    return plain_text(refusal), PLAIN


def journal_text(refusal: http.Refusal) -> str:
    """Say in one line what was wrong, more than the client is told."""
    text = refusal.reason + (": " + refusal.detail if refusal.detail else "")
    if refusal.errors:
        text += ": " + "; ".join("%s %s" % (name or "a parameter", wrong) for name, wrong in refusal.errors)
    return text


def run_headers(run: dict) -> "list[tuple[str, str]]":
    """The fields that tell how a run ended. run: a dict of state and exit_code."""
    headers = [("X-Run-State", run["state"])]
    if run.get("exit_code") is not None:
        headers.append(("X-Run-Exit-Code", str(run["exit_code"])))
    return headers


def result_line(record: "dict | None") -> bytes:
    """The last line of a streamed answer. record: a run's, or None when it is not known yet."""
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


def accepts_json(request: http.Request) -> bool:
    """Whether a client asks for JSON by name; */* is what everybody sends."""
    return _accepts(request, (b"application/json", b"application/problem+json", b"application/*"))


def accepts_html(request: http.Request) -> bool:
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


def plain_text(refusal: http.Refusal) -> bytes:
    """The refusal as text for people."""
    lines = ["%d %s" % (refusal.status, refusal.reason)]
    lines += ["%s: %s" % (named(refusal, name), wrong) for name, wrong in refusal.errors]
    return "".join(line + "\n" for line in lines).encode()


def named(refusal: http.Refusal, name: str) -> str:
    """What a person is told of the name of a parameter in a refusal's errors; it is "" where there is none."""
    if name in refusal.labels:
        return "%s (%s)" % (name, refusal.labels[name])
    return name or "a parameter"


def problem(refusal: http.Refusal) -> bytes:
    """The same as problem details (RFC 9457)."""
    problem = {"title": http.REASONS[refusal.status], "status": refusal.status, "detail": refusal.reason}
    if refusal.errors:
        problem["errors"] = [_problem_of(refusal, *error) for error in refusal.errors]
    return (strict_json.encode(problem) + "\n").encode()


def _problem_of(refusal, name, wrong):
    told = {"parameter": name, "detail": wrong}
    if name in refusal.labels:
        told["label"] = refusal.labels[name]
    return told
