"""What becomes of a request, from its head to the reply: checks, then the spool, then the run.

The acceptor brings the bytes and takes the replies away; here is no socket. A request that is refused raises
http.Refusal; one that has to wait gets its reply later.
"""

import time

from trigger import admission, cgi, http, responses, sources, wake
from trigger.acceptor import prefer, runs_api
from trigger.responses import Reply
from trigger.spool import Unflushed

NO_ANSWER = object()  # stands for a Reply where neither "accepted" nor "refused" would be true for sure
BODILESS = (204, 304)  # RFC 9110, section 6.4.1


class Reception:
    """endpoint: endpoint.Endpoint. spool: spool.Spool. guard: what asks who calls (credentials.load_guard), or None.
    rate: rate_limit.Rate, or None. door: trusted_proxy.Door, or None."""

    def __init__(self, endpoint, spool, guard, rate=None, door=None):
        self._endpoint = endpoint
        self._spool = spool
        self._guard = guard
        self._rate = rate
        self._door = door
        self._known_runs = None
        self._body = endpoint.response["body"].encode()
        self.failure = None  # the OSError that keeps the spool from taking entries

    def begin(self, connection, head):
        """Look at a request's head, bytes. Returns a Reply where that is all, or None: then body() takes the rest."""
        request = connection.request = http.parse_head(head)
        endpoint = self._find_endpoint(connection)
        admission.check_peer(endpoint, connection.peer)
        call = runs_api.parse(endpoint, request)
        if call is not None:
            return self._tell_runs(connection, call)
        admission.check_head(endpoint, request)
        if self._guard is not None:
            connection.attempt = self._guard.begin(request)
        connection.body = http.Body(request, self._endpoint.body_limit)
        try:
            self._check_disk()
            connection.draft = self._spool.draft()
        except OSError as error:
            raise self._spool_failed(error) from None
        if connection.user or (connection.attempt is not None and connection.attempt.accepted):
            connection.draft.vouch()
        return None

    def is_full_of_strangers(self):
        """Whether the bodies of those who have proved nothing take too much of the disk."""
        return self._spool.room.is_full_of_strangers()

    def _check_disk(self):
        lack = self._spool.lack()
        if lack is not None:
            remedy = "%s: make room there, or let it be a larger disk" % lack
            raise admission.unavailable("the disk is nearly full", remedy)

    def _find_endpoint(self, connection):
        """How the endpoint looks from where a client came."""
        connection.endpoint = self._endpoint
        if self._door is not None:
            from trigger import proxy_headers

            try:
                if self._door.is_way_of(connection):
                    self._door.enter(connection)
                    admission.check_user(connection.endpoint, connection.user)
            finally:
                proxy_headers.forget(connection.request)
        return connection.endpoint

    def body(self, connection, received):
        """Take bytes of the body. Returns a Reply, or None: then either more is to come, or, with
        connection.body.complete, the request is ready for admit()."""
        body = connection.body.feed(received)
        if connection.attempt is not None:
            connection.attempt.feed(body)
        draft = connection.draft
        stored = draft.stored
        try:
            draft.write(body)
            if draft.stored > stored:
                self._check_disk()
            return self._examine(connection) if connection.body.complete else None
        except OSError as error:
            raise self._spool_failed(error) from None

    def admit(self, connections):
        """Spool complete requests, with one flush. Returns a list of (connection, Reply, Refusal, NO_ANSWER or None);
        with None the reply is held, until the run ends."""
        try:
            waiting, running = self._spool.load()
            replies, new = self._repeated(connections)
            taken, refused = self._choose(new, waiting, running)
        except OSError as error:
            return [(connection, self._spool_failed(error)) for connection in connections]
        return replies + refused + (self._commit(taken) if taken else [])

    def _choose(self, connections, waiting, running):
        """Which of them the endpoint takes now, a list; and the refusals of the others, as admit() returns them."""
        taken, refused = [], []
        now = time.time()
        for connection in connections:
            try:
                admission.check_load(self._endpoint, waiting + len(taken), running)
                if self._rate is not None:
                    admission.check_rate(self._rate.wait(now))
                    self._rate.count(now)
            except http.Refusal as refusal:
                refused += [(each, refusal) for each in (connection, *connection.repeats)]
            else:
                taken.append(connection)
        if taken and self._rate is not None:
            self._rate.save()
        return taken, refused

    def ended(self, connections):
        """Return the held requests whose run has ended: list of (connection, Reply)."""
        try:
            if not self._runs.endings.changed():
                return []
        except OSError:
            return []  # they wait on, no longer than they wanted to
        looked_at = [(connection, self._outcome(connection)) for connection in connections]
        return [(connection, reply) for connection, reply in looked_at if reply is not None]

    def not_ended(self, connection):
        """Return the Reply to a held request whose run takes longer than the client waits."""
        return self._outcome(connection) or self._taken(connection, 202, "accepted, the run goes on")

    def _examine(self, connection):
        """Look at a complete request: who sends it, then what it says. Nothing is parsed before."""
        draft = connection.draft
        if connection.attempt is not None:
            connection.attempt.finish(time.time(), draft.read_body)
        draft.vouch()
        if not admission.starts_run(connection.request):
            return self._reply("starts nothing")
        found = sources.Sources(connection.request, draft.read_body)
        values, ignored = admission.check_values(self._endpoint, found)
        if ignored:
            connection.outcome = "ignored"
            return Reply(200, ignored, ignored.encode() + b"\n", responses.PLAIN)
        connection.keys = self._delivery_keys(connection)
        if self._endpoint.body == "discard":
            draft.drop_body()
        connection.variables = self._variables(connection, values)
        admission.check_execution(self._endpoint, values, connection.variables)
        connection.wait, connection.granted = prefer.waiting_time(self._endpoint, connection.request)
        return None

    def _delivery_keys(self, connection):
        """What a delivery goes by where it is known who sends it; otherwise anybody could spoil an id."""
        if connection.attempt is None or not self._endpoint.replay_window:
            return []
        from trigger.acceptor import replay

        return replay.keys(connection.request, connection.attempt, connection.draft.read_body)

    def _repeated(self, connections):
        """Find deliveries that were accepted before. Returns their replies, and the connections that bring something
        new; one that comes twice among them waits in the first one's `repeats`."""
        replies, new, first = [], [], {}
        for connection in connections:
            try:
                request_id = self._delivered(connection)
                twin = self._twin(connection, first)
            except http.Refusal as refusal:
                replies.append((connection, refusal))
                continue
            if request_id:
                replies.append(self._accepted(connection, request_id, "repeated"))
            elif twin:
                twin.repeats.append(connection)
            else:
                new.append(connection)
        return replies, new

    def _delivered(self, connection):
        """The id of the request that a delivery was accepted as before, or None. Raises OSError, and Refusal where it
        comes under the name of another."""
        if not connection.keys:
            return None
        from trigger.acceptor import replay

        before = replay.keys_of_before(connection.request, connection.attempt)
        return self._spool.delivered(connection.keys) or self._spool.delivered(before)

    def _twin(self, connection, first):
        """The connection that has brought the same delivery in the same moment, or None. first: dict of keys to pairs
        of a connection and its key; what is new is added. Raises Refusal as _delivered() does."""
        if not connection.keys:
            return None
        from trigger.acceptor import replay

        for key in connection.keys:
            twin, known = first.get(replay.bare(key), (None, key))
            replay.check_same(key, known)
            if twin:
                return twin
        first.update((replay.bare(key), (connection, key)) for key in connection.keys)
        return None

    def _commit(self, connections):
        drafts = []
        for connection in connections:
            request_id = self._spool.next_id()
            connection.draft.close_body([*connection.variables, (b"TRIGGER_REQUEST_ID", request_id.encode())])
            connection.variables = None
            drafts.append((request_id, connection.draft, connection.keys))
        try:
            errors = self._spool.commit(drafts)
        except OSError as error:
            errors = [error] * len(connections)
        wake.wake(self._endpoint.name)
        replies = []
        for connection, (request_id, _, _), error in zip(connections, drafts, errors):
            if error is not None:
                refusal = self._spool_failed(error)
                told = NO_ANSWER if isinstance(error, Unflushed) else refusal
                replies += [(each, told) for each in (connection, *connection.repeats)]
                continue
            replies.append(self._accepted(connection, request_id, "accepted"))
            replies += [self._accepted(repeat, request_id, "repeated") for repeat in connection.repeats]
        return replies

    def _variables(self, connection, values):
        """What its job is told of a request, but for its id."""
        endpoint = self._endpoint
        variables = cgi.meta_variables(
            connection.request,
            connection.endpoint.path.encode(),
            connection.draft.length,
            connection.peer,
            connection.port,
            endpoint.pass_headers,
            connection.user,
            connection.is_https,
        )
        variables.append((b"TRIGGER_ENDPOINT", endpoint.name.encode()))
        if values:
            from trigger import parameters

            variables += parameters.variables(values)
        return variables

    def _spool_failed(self, error):
        self.failure = error
        return admission.unavailable("the request cannot be kept")

    # The replies.

    def _reply(self, reason, headers=(), status=None):
        response = self._endpoint.response
        return Reply(status or response["status"], reason, self._body, response["content_type"], headers)

    def _accepted(self, connection, request_id, outcome):
        """Return the connection and its Reply, or None where that waits. outcome: "accepted" or "repeated"."""
        connection.request_id = request_id
        connection.outcome = outcome
        if self._endpoint.stream and self._may_know(connection):
            return connection, self._streamed(connection)
        if connection.wait:
            # The run of what is repeated may have ended, and then nothing comes any more that ended() would see.
            return connection, self._outcome(connection) if outcome == "repeated" else None
        reason = "accepted" if outcome == "accepted" else "delivered before"
        return connection, self._taken(connection, 202 if connection.granted else None, reason)

    def _may_know(self, connection):
        """Whether a client is told what opens its run and output. A signed delivery that comes again may have been
        overheard; a token proves that its holder could have asked first."""
        return connection.outcome != "repeated" or connection.attempt.admitted.is_token

    def _record_of(self, connection):
        """The record of a request's run, or None as long as that goes on. Raises OSError, and Refusal where it is
        over, and its record gone or damaged: nobody waits for what will not come."""
        # In this order: a request leaves the spool after its record is written.
        is_under_way = self._runs.is_under_way(connection.request_id)
        try:
            record = self._runs.record_of(connection.request_id)
        except OSError:
            if is_under_way:
                return None
            raise admission.unavailable("what became of it cannot be read") from None
        if record is None and not is_under_way:
            raise http.Refusal(410, "the run has ended, and how is no longer known", self._headers(connection))
        return record

    def _outcome(self, connection):
        """What a client that waits is told of the end of its run: a Reply, or None as long as that goes on."""
        try:
            record = self._record_of(connection)
            return None if record is None else self._result(connection, record)
        except http.Refusal as refusal:
            return responses.of_refusal(connection.request, refusal)
        except OSError:
            return None  # what cannot be read of one keeps no other waiting

    def _taken(self, connection, status, reason):
        return self._reply(reason, self._headers(connection), status)

    def _headers(self, connection):
        if not self._may_know(connection):
            headers = [("X-Delivery", "repeated")]
        else:
            headers = [("X-Request-Id", connection.request_id)]
            if self._endpoint.runs_api:
                headers.append(("Location", runs_api.location(connection.endpoint, connection.request_id)))
        if connection.granted:
            headers.append(("Preference-Applied", connection.granted))
        return headers

    def _streamed(self, connection):
        """What the run prints, as it appears, and how it ended."""
        try:
            self._record_of(connection)
        except http.Refusal as refusal:
            return responses.of_refusal(connection.request, refusal)
        except OSError:
            pass  # it may be readable by and by
        source = self._output(connection.request_id, follow=True, last_line=responses.result_line)
        content_type = self._endpoint.response["content_type"]
        headers = self._headers(connection) + responses.UNBUFFERED
        return Reply(200, "accepted, streaming", b"", content_type, headers, source)

    def _result(self, connection, record):
        """What a client that waited is told: how the run ended and what the job printed. Raises Refusal."""
        succeeded = record["state"] == "succeeded"
        status = 200 if succeeded else self._endpoint.response["failed_status"]
        reason = "the run succeeded" if succeeded else "the run failed"
        headers = self._headers(connection)
        if not self._may_know(connection):
            headers.append(("X-Run-State", record["state"]))
            return Reply(status, "delivered before, " + reason, reason.encode() + b"\n", responses.PLAIN, headers)
        headers += responses.run_headers(record)
        source = self._output(connection.request_id, follow=False)
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
            raise http.Refusal(502, "the job's output begins with no CGI head", headers) from None
        # The run's own Location would be taken for the job's.
        headers = [header for header in headers if header[0] != "Location"] + own
        if status in BODILESS:
            source.close()
            return Reply(status, "the run succeeded", b"", None, headers)
        return Reply(status, "the run succeeded", begin[body:], None, headers, source)

    def _tell_runs(self, connection, call):
        """GET of runs."""
        try:
            return self._what_runs_say(connection, call)
        except OSError:
            raise admission.unavailable("what became of it cannot be read") from None

    def _what_runs_say(self, connection, call):
        """An unguessable id opens its own run; the list needs a token, or a user of the front end."""
        if call.run_id is None:
            if self._guard is not None:
                self._guard.admit_token(connection.request)
            elif not connection.user:
                raise http.Refusal(403, "a list needs a token, and the endpoint has none")
            return self._json(self._runs.latest(call.limit))
        run = self._runs.find(call.run_id)
        if run is None:
            raise runs_api.unknown()
        if not call.output:
            return self._json(run)
        source = self._output(call.run_id, call.follow)
        headers = responses.run_headers(run) + (responses.UNBUFFERED if call.follow else [])
        return Reply(200, "the output of a run", b"", responses.PLAIN, headers, source)

    @property
    def _runs(self):
        """What tells of runs. A request that only wants to be accepted does not wait for it to be loaded."""
        if self._known_runs is None:
            from trigger import runs

            self._known_runs = runs.Runs(self._endpoint)
        return self._known_runs

    def _json(self, value):
        from trigger import strict_json

        return Reply(200, "told of runs", (strict_json.encode(value) + "\n").encode(), "application/json")

    def _output(self, request_id, follow, last_line=None):
        from trigger import runs

        return runs.Output(self._runs, request_id, follow, last_line)
