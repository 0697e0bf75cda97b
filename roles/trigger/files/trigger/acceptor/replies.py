"""What a client is told that may know of a run: that its request was accepted, what the job prints, how the run ended,
and what it asks by runs_api. It reads records and outputs, and writes nothing."""

from trigger import admission, http, responses
from trigger.responses import Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from trigger.acceptor.exchange import Exchange
    from trigger.acceptor.runs_api import Call
    from trigger.endpoint import Endpoint
    from trigger.runs import Runs


class Replies:
    """Makes the replies of an endpoint."""

    def __init__(self, endpoint: "Endpoint") -> None:
        self._endpoint = endpoint
        self._known_runs: Runs = None
        self._body = endpoint.response["body"].encode()

    def plain(self, reason: str, headers: "Iterable[tuple[str, str]]" = (), status: "int | None" = None) -> Reply:
        """Return what `response` says. reason: for the journal."""
        response = self._endpoint.response
        return Reply(status or response["status"], reason, self._body, response["content_type"], headers)

    # To who has sent a request that was accepted, now or before.

    def of_accepted(self, exchange: "Exchange") -> "Reply | None":
        """Return what is told at once, or None where the client waits for its run."""
        if self._endpoint.stream and not exchange.granted and self._may_know(exchange):
            return self._streamed(exchange)
        is_repeated = exchange.outcome == "repeated"
        if exchange.wait:
            # The run of what is repeated may have ended, and then nothing comes any more that of_ended() would see.
            return self.of_ended(exchange) if is_repeated else None
        reason = "delivered before" if is_repeated else "accepted"
        return self.plain(reason, self._headers(exchange), 202 if exchange.granted else None)

    def may_have_ended(self) -> bool:
        """Whether a run may have ended since the last call. Raises OSError."""
        return self._runs.endings.changed()

    def of_ended(self, exchange: "Exchange") -> "Reply | None":
        """Return what a client that waits is told of the end of its run, or None as long as that goes on."""
        try:
            record = self._record_of(exchange)
            return None if record is None else self._result(exchange, record)
        except http.Refusal as refusal:
            return responses.of_refusal(exchange.request, refusal)
        except OSError:
            return None  # what cannot be read of one keeps no other waiting

    def of_unended(self, exchange: "Exchange") -> Reply:
        """Return what a client is told whose run takes longer than it waits."""
        return self.of_ended(exchange) or self.plain("accepted, the run goes on", self._headers(exchange), 202)

    def _may_know(self, exchange):
        """Whether a client is told what opens its run and output. A signed delivery that comes again may have been
        overheard; a token proves that its holder could have asked first."""
        return exchange.outcome != "repeated" or exchange.attempt.admitted.is_token

    def _headers(self, exchange):
        if not self._may_know(exchange):
            headers = [("X-Delivery", "repeated")]
        else:
            headers = [("X-Request-Id", exchange.request_id)]
            if self._endpoint.runs_api:
                headers.append(("Location", exchange.runs_path + "/" + exchange.request_id))
        if exchange.granted:
            headers.append(("Preference-Applied", exchange.granted))
        return headers

    def _record_of(self, exchange):
        """The record of a request's run, or None as long as that goes on. Raises OSError, and Refusal where it is
        over, and its record gone or damaged: nobody waits for what will not come."""
        # In this order: a request leaves the spool after its record is written.
        is_under_way = self._runs.is_under_way(exchange.request_id)
        try:
            record = self._runs.record_of(exchange.request_id)
        except OSError:
            if is_under_way:
                return None
            raise _unreadable() from None
        if record is None and not is_under_way:
            raise http.Refusal(410, "the run has ended, and how is no longer known", self._headers(exchange))
        return record

    def _streamed(self, exchange):
        """What the run prints, as it appears, and how it ended."""
        try:
            self._record_of(exchange)
        except http.Refusal as refusal:
            return responses.of_refusal(exchange.request, refusal)
        except OSError:
            pass  # it may be readable by and by
        source = self._output(exchange.request_id, follow=True, last_line=responses.result_line)
        content_type = self._endpoint.response["content_type"]
        headers = self._headers(exchange) + responses.UNBUFFERED
        return Reply(200, "accepted, streaming", b"", content_type, headers, source)

    def _result(self, exchange, record):
        """How the run ended and what the job printed. Raises Refusal."""
        succeeded = record["state"] == "succeeded"
        status = 200 if succeeded else self._endpoint.response["failed_status"]
        reason = "the run succeeded" if succeeded else "the run failed"
        headers = self._headers(exchange)
        if not self._may_know(exchange):
            headers.append(("X-Run-State", record["state"]))
            return Reply(status, "delivered before, " + reason, reason.encode() + b"\n", responses.PLAIN, headers)
        headers += responses.run_headers(record)
        source = self._output(exchange.request_id, follow=False)
        if succeeded and self._endpoint.output == "cgi":
            return self._cgi_result(source, headers)
        return Reply(status, reason, b"", self._endpoint.response["content_type"], headers, source)

    def _cgi_result(self, source, headers):
        from trigger import cgi_response

        begin = b""
        while len(begin) < cgi_response.HEAD_LIMIT:
            part = source.read()
            if not part:
                break
            begin += part
        try:
            status, own, body = cgi_response.parse_head(begin)
        except cgi_response.Malformed:
            source.close()
            raise http.Refusal(502, "the job's output does not begin with a CGI head", headers) from None
        # The run's own Location would be taken for the job's.
        headers = [header for header in headers if header[0] != "Location"] + own
        if status in http.BODILESS:
            source.close()
            return Reply(status, "the run succeeded", b"", None, headers)
        return Reply(status, "the run succeeded", begin[body:], None, headers, source)

    # To who asks by runs_api. An unguessable id opens its own run.

    def of_runs(self, call: "Call") -> Reply:
        """Return what is told of runs. Raises Refusal."""
        from trigger.acceptor import runs_api

        try:
            if call.run_id is None:
                return _json(self._runs.latest(call.limit))
            run = self._runs.find(call.run_id)
            if run is None:
                raise runs_api.unknown()
            if not call.output:
                return _json(run)
            headers = responses.run_headers(run) + (responses.UNBUFFERED if call.follow else [])
            source = self._output(call.run_id, call.follow)
        except OSError:
            raise _unreadable() from None
        return Reply(200, "the output of a run", b"", responses.PLAIN, headers, source)

    def of_cancelling(self, call: "Call", cancel: "Callable[[str], None]") -> Reply:
        """Have a run cancelled, and return what is told of that. cancel: Spool.cancel. Raises Refusal."""
        from trigger.acceptor import runs_api

        try:
            run = self._runs.find(call.run_id)
            if run is None:
                raise runs_api.unknown()
            if run["state"] not in ("queued", "running"):
                raise http.Refusal(409, "the run has ended already")
            cancel(call.run_id)
        except OSError:
            raise admission.unavailable("it cannot be cancelled") from None
        return _json(run, 202, "cancelling " + call.run_id)

    @property
    def _runs(self):
        """What tells of runs. A request that only wants to be accepted does not wait for it to be loaded."""
        if self._known_runs is None:
            from trigger import runs

            self._known_runs = runs.Runs(self._endpoint)
        return self._known_runs

    def _output(self, request_id, follow, last_line=None):
        from trigger import runs

        return runs.Output(self._runs, request_id, follow, last_line)


def _json(value, status=200, reason="told of runs"):
    from trigger import strict_json

    return Reply(status, reason, (strict_json.encode(value) + "\n").encode(), "application/json")


def _unreadable():
    return admission.unavailable("what became of it cannot be read")
