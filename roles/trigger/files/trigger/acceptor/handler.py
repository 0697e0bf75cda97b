"""What becomes of a request, from its first byte to the reply: checks, then the spool, then the run.

The loop brings the bytes and takes the replies away; here is no socket. Each exchange gets its reply at once, or, where
it waits for its run, when that has ended.
"""

import time

from trigger import admission, cgi, http, responses
from trigger.acceptor.exchange import NO_ANSWER
from trigger.acceptor.replies import Replies
from trigger.spool import Unflushed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.auth import Guard
    from trigger.acceptor.backoff import Failures
    from trigger.acceptor.credentials import Shut
    from trigger.acceptor.exchange import Exchange
    from trigger.acceptor.rate_limit import Rate
    from trigger.acceptor.trusted_proxy import TrustedProxy
    from trigger.endpoint import Endpoint
    from trigger.spool import Spool


class Handler:
    """guard: what asks who calls, None where everybody may. rate, proxy: None where there is none."""

    def __init__(
        self,
        endpoint: "Endpoint",
        spool: "Spool",
        guard: "Guard | Shut | None",
        rate: "Rate | None" = None,
        proxy: "TrustedProxy | None" = None,
    ) -> None:
        self._endpoint = endpoint
        self._spool = spool
        self._guard = guard
        self._rate = rate
        self._proxy = proxy
        self._failures: Failures = None
        self._replies = Replies(endpoint)
        self.failure: OSError = None  # what keeps the spool from taking entries

    def receive(self, exchange: "Exchange", received: bytes) -> bytes:
        """Take what a client has sent, b"" where nothing follows. Then the exchange has its reply, or it is complete
        and ready for admit(), or more is to come. Returns what the client is told meanwhile, mostly b""."""
        interim = b""
        try:
            if not received:
                raise http.Refusal(400, "the request ends before it is complete")
            if exchange.request is None:
                rest = exchange.head.feed(received)
                if rest is None:
                    return b""
                received = rest
                exchange.request = exchange.head.request
                exchange.reply = self._begin(exchange)
                if exchange.reply is not None:
                    return b""
                if exchange.request.expects_continue and not received and not exchange.is_complete:
                    interim = http.CONTINUE
            self._take_body(exchange, received)
            if exchange.is_complete:
                exchange.reply = self._examine(exchange)
        except http.Refusal as refusal:
            self.refuse(exchange, refusal)
        except OSError as error:
            self.refuse(exchange, self._spool_failed(error))
        return interim

    def admit(self, exchanges: "list[Exchange]") -> None:
        """Spool complete requests, with one flush. Then each has its reply, or waits for its run."""
        try:
            waiting, running = self._spool.load()
            taken = self._choose(self._new(exchanges), waiting, running)
        except OSError as error:
            refusal = self._spool_failed(error)
            for exchange in exchanges:
                if exchange.request_id is None and exchange.reply is None:
                    self.refuse(exchange, refusal)
            return
        if taken:
            self._commit(taken)

    def look_at_runs(self, exchanges: "list[Exchange]") -> None:
        """Give those their reply whose run has ended."""
        try:
            if not self._replies.may_have_ended():
                return
        except OSError:
            return  # they wait on, no longer than they wanted to
        for exchange in exchanges:
            exchange.reply = self._replies.of_ended(exchange)

    def not_ended(self, exchange: "Exchange") -> None:
        """Give one its reply whose run takes longer than its client waits."""
        exchange.reply = self._replies.of_unended(exchange)

    def refuse(self, exchange: "Exchange", refusal: http.Refusal) -> None:
        """Let the reply be that of a refusal."""
        exchange.reply = responses.of_refusal(exchange.request, refusal)
        if refusal.status == 401:  # who guesses gets slower, and nobody else
            if self._failures is None:
                from trigger.acceptor.backoff import Failures

                self._failures = Failures()
            exchange.delay = self._failures.delay(exchange.peer, time.monotonic())

    def is_full_of_strangers(self) -> bool:
        """Whether the bodies of those who have proved nothing take too much of the disk."""
        return self._spool.room.is_full_of_strangers()

    # The head.

    def _begin(self, exchange):
        """Look at a head. Returns a Reply where that is all, or None where the body follows. Raises Refusal and
        OSError."""
        request = exchange.request
        endpoint = self._find_endpoint(exchange)
        admission.check_peer(endpoint, exchange.peer)
        if endpoint.runs_api and request.path.startswith(exchange.runs_path.encode()):
            from trigger.acceptor import runs_api

            call = runs_api.parse(exchange.runs_path, request)
            if call is not None:
                return self._answer_call(exchange, call)
        if self._guard is not None and request.path == endpoint.path.encode():
            reply = self._guard.answer_query(request)
            if reply is not None:
                return reply
        admission.check_head(endpoint, request)
        if self._guard is not None:
            exchange.attempt = self._guard.begin(request)
        exchange.body = http.Body(request, self._endpoint.body_limit)
        self._check_disk(self._spool.disk())
        exchange.draft = self._spool.draft()
        if exchange.user or (exchange.attempt is not None and exchange.attempt.accepted):
            exchange.draft.vouch()
        return None

    def _find_endpoint(self, exchange):
        """How the endpoint looks from where a client came."""
        exchange.endpoint = self._endpoint
        if self._proxy is not None:
            from trigger import proxy_headers

            try:
                if self._proxy.is_way_of(exchange):
                    self._proxy.enter(exchange)
                    check = admission.check_viewer if _only_looks(exchange) else admission.check_user
                    check(exchange.endpoint, exchange.user)
            finally:
                proxy_headers.forget(exchange.request)
        return exchange.endpoint

    def _answer_call(self, exchange, call):
        """An id opens its own run; the list needs a token, or a user of the front end. Who may start a run may cancel
        one whose id he knows."""
        if call.cancel:
            admission.check_site(exchange.endpoint, exchange.request)
            if self._guard is not None:
                self._guard.admit_token(exchange.request)
            return self._replies.of_cancelling(call, self._spool.cancel)
        if call.run_id is None:
            if self._guard is not None:
                self._guard.admit_token(exchange.request)
            elif not exchange.user:
                raise http.Refusal(403, "a list needs a token, and the endpoint has none")
        return self._replies.of_runs(call)

    def _check_disk(self, disk, entries=0, size=0):
        """Raise Refusal where less would be left of the disk than runs and records need, when such entries are written.
        It is asked before a body comes, when one goes to its file, and before what is complete is written."""
        admission.check_disk(self._spool.lack(disk, entries, size))

    # The body.

    def _take_body(self, exchange, received):
        body = exchange.body.feed(received)
        if exchange.attempt is not None:
            exchange.attempt.feed(body)
        draft = exchange.draft
        stored = draft.stored
        draft.write(body)
        if draft.stored > stored:
            self._check_disk(self._spool.disk())

    def _examine(self, exchange):
        """Look at a complete request: who sends it, then what it says. Nothing is parsed before. Returns a Reply where
        it starts nothing, or None. Raises Refusal and OSError."""
        draft = exchange.draft
        if exchange.attempt is not None:
            exchange.attempt.finish(time.time(), draft.read_body)
        draft.vouch()
        if exchange.attempt is not None:
            reply = exchange.attempt.answer_body(draft.length, draft.read_body)
            if reply is not None:
                return reply
        if not admission.starts_run(exchange.request):
            return self._replies.plain("starts nothing")
        values: dict[str, str] = {}
        if self._endpoint.only_if or self._endpoint.parameters is not None:
            from trigger import sources

            found = sources.Sources(exchange.request, draft.read_body, self._endpoint.body_type)
            values, ignored = admission.check_values(self._endpoint, found)
            if ignored:
                exchange.outcome = "ignored"
                return responses.Reply(200, ignored, ignored.encode() + b"\n", responses.PLAIN)
        if exchange.attempt is not None and self._endpoint.replay_window:
            # Where it is not known who sends it, anybody could spoil an id.
            from trigger.acceptor import replay

            places = (place for parameter in self._endpoint.parameters or () for place in parameter["places"])
            fields = {name.encode() for kind, name in places if kind == "header"}
            exchange.keys = replay.keys(exchange.request, exchange.attempt, draft.read_body, fields)
        if self._endpoint.body == "discard":
            draft.drop_body()
        exchange.variables = self._variables(exchange, values)
        admission.check_execution(self._endpoint, values, exchange.variables)
        if self._endpoint.wait or self._endpoint.stream:
            from trigger.acceptor import prefer

            exchange.wait, exchange.granted = prefer.waiting_time(self._endpoint, exchange.request)
        return None

    def _variables(self, exchange, values):
        """What its job is told of a request, but for its id."""
        endpoint = self._endpoint
        variables = cgi.meta_variables(
            exchange.request,
            exchange.endpoint.path.encode(),
            exchange.draft.length,
            exchange.peer,
            exchange.port,
            endpoint.pass_headers,
            exchange.user,
            exchange.is_https,
            exchange.auth_type,
        )
        variables.append((b"TRIGGER_ENDPOINT", endpoint.name.encode()))
        if values:
            from trigger import parameters

            variables += parameters.variables(values)
        return variables

    # The spool.

    def _new(self, exchanges):
        """Answer deliveries that were accepted before. Returns those that bring something new; one that comes twice
        among them waits in the first one's `repeats`. Raises OSError."""
        new, first = [], {}
        for exchange in exchanges:
            if not exchange.keys:
                new.append(exchange)
                continue
            from trigger.acceptor import replay

            try:
                request_id = self._spool.delivered(exchange.keys) or self._spool.delivered(
                    replay.keys_of_before(exchange.request, exchange.attempt)
                )
                twin = replay.twin(exchange, first)
            except http.Refusal as refusal:
                self.refuse(exchange, refusal)
                continue
            if request_id:
                self._accept(exchange, request_id, "repeated")
            elif twin:
                twin.repeats.append(exchange)
            else:
                new.append(exchange)
        return new

    def _choose(self, exchanges, waiting, running):
        """Refuse those that the endpoint does not take now. Returns the others. Raises OSError."""
        taken = []
        size = 0
        now = time.time()
        disk = self._spool.disk() if exchanges else None
        for exchange in exchanges:
            more = exchange.size()
            try:
                admission.check_load(self._endpoint, waiting + len(taken), running)
                self._check_disk(disk, len(taken) + 1, size + more)
                if self._rate is not None:
                    admission.check_rate(self._rate.wait(now))
                    self._rate.count(now)
            except http.Refusal as refusal:
                for each in (exchange, *exchange.repeats):
                    self.refuse(each, refusal)
            else:
                taken.append(exchange)
                size += more
        if taken and self._rate is not None:
            self._rate.save()
        return taken

    def _commit(self, exchanges):
        drafts = []
        for exchange in exchanges:
            request_id = self._spool.next_id()
            exchange.draft.close_body([*exchange.variables, (b"TRIGGER_REQUEST_ID", request_id.encode())])
            exchange.variables = None
            drafts.append((request_id, exchange.draft, exchange.keys))
        try:
            errors = self._spool.commit(drafts)
        except OSError as error:
            errors = [error] * len(exchanges)
        for exchange, (request_id, _, _), failure in zip(exchanges, drafts, errors):
            if failure is None:
                self._accept(exchange, request_id, "accepted")
                for repeat in exchange.repeats:
                    self._accept(repeat, request_id, "repeated")
            else:
                refusal = self._spool_failed(failure)
                for each in (exchange, *exchange.repeats):
                    if isinstance(failure, Unflushed):
                        each.reply = NO_ANSWER
                    else:
                        self.refuse(each, refusal)

    def _accept(self, exchange, request_id, outcome):
        exchange.request_id = request_id
        exchange.outcome = outcome
        exchange.reply = self._replies.of_accepted(exchange)

    def _spool_failed(self, error):
        self.failure = error
        return admission.unavailable("the request cannot be kept")


def _only_looks(exchange):
    """Whether somebody looks at runs, which starts and changes nothing."""
    request = exchange.request
    return request.method in (b"GET", b"HEAD") and (request.path + b"/").startswith(exchange.runs_path.encode() + b"/")
