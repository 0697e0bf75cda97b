"""The acceptor: the one process that meets the network.

It serves what systemd's socket holds, many connections at once in one thread, and leaves when nobody
has come for the linger time. Each connection carries one request and goes through the states below.
"""

import _signal
import _socket
import os
import select
import time

from trigger import admission, answers, cgi, credentials, descriptors, endpoint, http, sources, spool
from trigger.connection import ANSWERING, BODY, CLOSED, DELAYED, DRAINING, HEAD, READY, Connection
from trigger.failures import Failures

CONNECTIONS_LIMIT = 512  # more wait in the kernel's queue
DELAYED_LIMIT = 1024  # refusals that wait to be told, beside them
READ_SIZE = 64 * 1024
DRAIN_LIMIT = 1024 * 1024  # bytes that a client may still send behind its answer
DRAIN_TIME = 2.0  # seconds that it has for that


class Acceptor:
    """endpoint: endpoint.Endpoint. listeners: list of _socket.socket. spool: spool.Spool. guard: what asks who
    calls (credentials.load_guard), or None."""

    def __init__(self, endpoint, listeners, spool, guard):
        self._endpoint = endpoint
        self._spool = spool
        self._guard = guard
        self._failures = Failures()
        self._delayed = 0
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._connections = {}
        self._ready = []
        self._log = []
        self._epoll = select.epoll()
        self._listening = False
        self._leaving = False
        self._failed = False
        self._idle_since = time.monotonic()
        self._answer = endpoint.response["body"].encode()

    def serve(self):
        """Serve until no client has come for the linger time, or stop() was called and the last one is
        answered. Returns the process's exit status."""
        wake_up, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wake)
        self._epoll.register(wake_up, select.EPOLLIN)
        self._watch_listeners()
        while True:
            events = self._epoll.poll(self._time_to_wait())
            # Nobody is there, and nobody came: asked in this order, a linger time of 0 serves who woke us.
            if not events and not self._connections and (self._leaving or self._lingered()):
                return int(self._failed)
            for fd, _ in events:
                if fd in self._connections:
                    self._advance(self._connections[fd])
                elif fd in self._listeners:
                    self._accept(self._listeners[fd])
                else:
                    os.read(wake_up, 64)
            self._admit()
            self._expire()
            self._watch_listeners()
            self._write_log()

    def stop(self):
        """Take no new client; answer those that are held, then return from serve()."""
        self._leaving = True

    def _lingered(self):
        return time.monotonic() >= self._idle_since + self._endpoint.linger

    def _time_to_wait(self):
        if self._connections:
            until = min(connection.deadline for connection in self._connections.values())
        elif self._leaving:
            return 0
        else:
            until = self._idle_since + self._endpoint.linger
        return max(0.0, until - time.monotonic())

    def _watch_listeners(self):
        """Listen while there is room; the kernel keeps the others."""
        listening = not self._leaving and self._has_room()
        if listening != self._listening:
            self._listening = listening
            for fd in self._listeners:
                if listening:
                    self._epoll.register(fd, select.EPOLLIN)
                else:
                    self._epoll.unregister(fd)

    def _has_room(self):
        return len(self._connections) - self._delayed < CONNECTIONS_LIMIT

    def _accept(self, listener):
        while self._has_room():
            try:
                fd, address = listener._accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # this client has gone already
            except OSError as error:
                # The host is out of descriptors or memory. Leave as failed: systemd starts the
                # acceptor again after a pause, and the kernel keeps the clients until then.
                self.say("<3>cannot accept a connection: %s" % error)
                self._failed = True
                self.stop()
                return
            socket = _socket.socket(listener.family, listener.type, listener.proto, fileno=fd)
            socket.setblocking(False)
            connection = Connection(socket, address, time.monotonic(), self._endpoint.request_timeout)
            self._connections[fd] = connection
            self._epoll.register(fd, select.EPOLLIN)
            self._advance(connection)  # what it came to say is mostly there already

    def _advance(self, connection):
        """Do what the connection's state allows now."""
        try:
            if connection.state in (HEAD, BODY):
                self._read(connection)
            elif connection.state == ANSWERING:
                self._send(connection)
            elif connection.state == DRAINING:
                self._drain(connection)
            elif connection.state == DELAYED:
                self._close(connection)  # nothing is read from it now, so it has gone
        except http.Refusal as refusal:
            self._refuse(connection, refusal)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)  # reset by the client

    def _read(self, connection):
        received = connection.socket.recv(READ_SIZE)
        if not received:
            if not connection.received and connection.request is None:
                self._close(connection)  # a look whether somebody listens, as load balancers take
                return
            raise http.Refusal(400, "the request ends before it is complete")
        if connection.state == HEAD:
            searched = len(connection.received)
            connection.received += received
            end = http.head_end(connection.received, searched)
            if end is None:
                return
            head = bytes(connection.received[:end])
            received = bytes(connection.received[end:])
            connection.received = b""
            self._begin_body(connection, head, received)
        self._read_body(connection, received)

    def _begin_body(self, connection, head, received):
        request = connection.request = http.parse_head(head)
        admission.check_head(self._endpoint, request, connection.peer)
        if self._guard is not None:
            connection.attempt = self._guard.begin(request)
        connection.body = http.Body(request, self._endpoint.body_limit)
        try:
            connection.draft = self._spool.draft()
        except OSError as error:
            raise self._spool_failed(error) from None
        connection.state = BODY
        if request.expects_continue and not received and not connection.body.complete:
            connection.socket.send(http.CONTINUE)

    def _read_body(self, connection, received):
        body = connection.body.feed(received)
        if connection.attempt is not None:
            connection.attempt.feed(body)
        try:
            connection.draft.write(body)
        except OSError as error:
            raise self._spool_failed(error) from None
        if connection.body.complete:
            connection.state = READY
            self._examine(connection)

    def _examine(self, connection):
        """Look at a complete request: who sends it, then what it says. Nothing is parsed before."""
        try:
            if connection.attempt is not None:
                connection.attempt.finish(time.time(), connection.draft.read_body)
            if not admission.starts_run(connection.request):
                self._respond(connection, "starts nothing")
                return
            found = sources.Sources(connection.request, connection.draft.read_body)
            connection.values, ignored = admission.check_values(self._endpoint, found)
            if self._endpoint.body == "discard":
                connection.draft.drop_body()
        except OSError as error:
            raise self._spool_failed(error) from None
        if ignored:
            self._begin_answer(connection, 200, ignored, ignored.encode() + b"\n", answers.PLAIN, [])
        else:
            connection.keys = self._delivery_keys(connection)
            self._ready.append(connection)

    def _delivery_keys(self, connection):
        """What a delivery goes by where it is known who sends it; otherwise anybody could spoil an id."""
        if connection.attempt is None or not self._endpoint.replay_window:
            return []
        from trigger import deliveries

        return deliveries.keys(connection.request, connection.attempt.digest)

    def _admit(self):
        """Spool the requests that became complete in this round, with one flush, then answer them."""
        ready, self._ready = self._ready, []
        if not ready:
            return
        try:
            waiting, running = self._spool.load()
            ready = self._answer_repeats(ready)
        except OSError as error:
            refusal = self._spool_failed(error)
            for connection in ready:
                if connection.state == READY:
                    self._refuse(connection, refusal)
            return
        taken = []
        for connection in ready:
            try:
                admission.check_load(self._endpoint, waiting + len(taken), running)
            except http.Refusal as refusal:
                self._refuse_all(connection, refusal)
            else:
                taken.append(connection)
        if taken:
            self._commit(taken)

    def _answer_repeats(self, connections):
        """Answer deliveries that were accepted before as they were then. Returns the others; one that comes
        twice among them waits in the first one's `repeats`."""
        new, first = [], {}
        for connection in connections:
            request_id = self._spool.delivered(connection.keys)
            twins = [first[key] for key in connection.keys if key in first]
            if request_id:
                self._accepted(connection, request_id, "delivered before")
            elif twins:
                twins[0].repeats.append(connection)
            else:
                new.append(connection)
                first.update((key, connection) for key in connection.keys)
        return new

    def _commit(self, connections):
        drafts = []
        for connection in connections:
            request_id = self._spool.next_id()
            connection.draft.close_body(self._variables(connection, request_id))
            drafts.append((request_id, connection.draft, connection.keys))
        try:
            errors = self._spool.commit(drafts)
        except OSError as error:
            errors = [error] * len(connections)
        for connection, (request_id, _, _), error in zip(connections, drafts, errors):
            if error is not None:
                self._refuse_all(connection, self._spool_failed(error))
                continue
            self._accepted(connection, request_id, "accepted")
            for repeat in connection.repeats:
                self._accepted(repeat, request_id, "delivered before")

    def _variables(self, connection, request_id):
        variables = cgi.meta_variables(
            connection.request,
            self._endpoint.path.encode(),
            connection.draft.length,
            connection.peer,
            connection.port,
            self._endpoint.pass_headers,
        )
        variables.append((b"TRIGGER_ENDPOINT", self._endpoint.name.encode()))
        variables.append((b"TRIGGER_REQUEST_ID", request_id.encode()))
        if connection.values:
            from trigger import parameters

            variables += parameters.variables(connection.values)
        return variables

    def _spool_failed(self, error):
        """Say it once, and leave: a fresh start finds a spool that was mended or mounted again."""
        if not self._leaving:
            self.say("<3>the spool takes no entry, requests are answered 503: %s" % error)
            self.stop()
        return admission.unavailable("the request cannot be kept")

    def _accepted(self, connection, request_id, reason):
        connection.request_id = request_id
        self._respond(connection, reason, [("X-Request-Id", request_id)])

    def _respond(self, connection, reason, headers=()):
        response = self._endpoint.response
        self._begin_answer(connection, response["status"], reason, self._answer, response["content_type"], headers)

    def _refuse_all(self, connection, refusal):
        for each in [connection, *connection.repeats]:
            self._refuse(each, refusal)

    def _refuse(self, connection, refusal):
        if connection.draft is not None:
            connection.draft.discard()
        if refusal.status == 401 and self._delay(connection):
            connection.refusal = refusal
        else:
            self._tell(connection, refusal)

    def _delay(self, connection):
        """Let a peer that fails again and again wait for its answer. Returns whether it has to."""
        now = time.monotonic()
        seconds = self._failures.delay(connection.peer, now)
        if not seconds or self._leaving or self._delayed >= DELAYED_LIMIT:
            return False
        connection.state = DELAYED
        connection.deadline = now + seconds
        self._delayed += 1
        self._epoll.modify(connection.socket.fileno(), 0)
        return True

    def _tell(self, connection, refusal):
        body, content_type = answers.refusal_body(connection.request, refusal)
        reason = answers.journal_text(refusal)
        self._begin_answer(connection, refusal.status, reason, body, content_type, refusal.headers)

    def _begin_answer(self, connection, status, reason, body, content_type, headers):
        request = connection.request
        head_only = request is not None and request.method == b"HEAD"
        connection.output = http.response(status, body, content_type, headers, head_only)
        connection.state = ANSWERING
        connection.deadline = time.monotonic() + self._endpoint.request_timeout
        self._log_request(connection, status, reason)
        self._advance(connection)

    def _send(self, connection):
        while connection.output:
            try:
                sent = connection.socket.send(connection.output)
            except BlockingIOError:
                self._epoll.modify(connection.socket.fileno(), select.EPOLLOUT)
                return
            connection.output = connection.output[sent:]
        # A close() with unread bytes resets the connection, and the client may lose the answer. So:
        # say that nothing follows, read what still comes, close when the client has (RFC 9112, 9.6).
        connection.socket.shutdown(_socket.SHUT_WR)
        self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)
        connection.state = DRAINING
        connection.deadline = time.monotonic() + DRAIN_TIME
        self._drain(connection)

    def _drain(self, connection):
        while connection.drained < DRAIN_LIMIT:
            received = connection.socket.recv(READ_SIZE)
            if not received:
                break
            connection.drained += len(received)
        self._close(connection)

    def _expire(self):
        now = time.monotonic()
        for connection in list(self._connections.values()):
            if now < connection.deadline and not (self._leaving and connection.state == DELAYED):
                continue
            if connection.state in (HEAD, BODY):
                self._refuse(connection, http.Refusal(408, "the request did not arrive in time"))
            elif connection.state == DELAYED:
                self._delayed -= 1
                self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)
                self._tell(connection, connection.refusal)
            else:
                self._close(connection)

    def _close(self, connection):
        if connection.state == CLOSED:
            return
        if connection.draft is not None:
            connection.draft.discard()
        self._delayed -= connection.state == DELAYED
        connection.state = CLOSED
        del self._connections[connection.socket.fileno()]
        connection.socket.close()  # which also takes it out of the epoll set
        self._idle_since = time.monotonic()

    def _log_request(self, connection, status, reason):
        request = connection.request
        self.say(
            'endpoint=%s request=%s peer=%s auth=%s method=%s path=%s status=%d reason="%s" ms=%.1f'
            % (
                self._endpoint.name,
                connection.request_id or "-",
                connection.peer.decode("latin-1") or "unix",
                connection.attempt.accepted[0] if connection.attempt and connection.attempt.accepted else "-",
                request.method.decode("latin-1")[:32] if request else "-",
                request.path.decode("latin-1")[:256] if request else "-",
                status,
                reason,
                (time.monotonic() - connection.started) * 1000,
            )
        )

    def say(self, line):
        """Write a line to the journal, at the end of this round."""
        self._log.append(line + "\n")

    def _write_log(self):
        """One write for all lines of a round. A journal that is gone stops nobody."""
        lines, self._log = self._log, []
        if lines:
            try:
                os.write(2, "".join(lines).encode("latin-1", "replace"))
            except OSError:
                pass


def main(name):
    """Serve the endpoint called name: str. Returns the exit status."""
    settings = endpoint.load(name)
    listeners = descriptors.listen_sockets()
    guard, problem = credentials.load_guard(settings)
    memory = None
    if settings.auth and settings.replay_window:
        from trigger import deliveries

        memory = deliveries.Deliveries(settings.deliveries, settings.replay_window)
    acceptor = Acceptor(settings, listeners, spool.Spool(settings.spool, settings.claimed, memory), guard)
    if problem:
        acceptor.say("<3>" + problem)
        settings.linger = 0  # the next one may find them again
    _signal.signal(_signal.SIGTERM, lambda *_: acceptor.stop())
    return acceptor.serve()
