"""The loop over all connections of an acceptor: which events there are, and who gets a place.

It serves what systemd's socket holds, many connections at once in one thread, and leaves when nobody
has come for the linger time. Each connection carries one request and goes through the states of
connection.py; what becomes of the request is decided in handler.py.
"""

import _signal
import _socket
import os
import select
import time

from trigger import admission, http, responses
from trigger.acceptor import eviction
from trigger.acceptor.backoff import Delayed, Failures
from trigger.acceptor.connection import ANSWERING, BODY, CLOSED, DRAINING, HEAD, HELD, READY, Connection
from trigger.acceptor.handler import NO_ANSWER

CONNECTIONS_LIMIT = 1024  # more wait in the kernel's queue, until the slowest gives way: eviction.py
WAITING_LIMIT = 1024  # beside them: answers that wait for a run; and refusals that are delayed, backoff.DELAYED_LIMIT
FOLLOWING_LIMIT = 1024  # beside those: answers that go on as a run prints
UNSENT_LIMIT = 16 * 1024  # bytes of a long answer in the kernel, beside what is on its way
LOOKS_LIMIT = 16  # at clients that may have to give way to the same one
READY_LIMIT = 8 * 1024 * 1024  # bytes of complete requests, past which they are spooled before others are read
READ_SIZE = 64 * 1024
DRAIN_LIMIT = 1024 * 1024  # bytes that a client may still send behind its request, and as many behind its answer
DRAIN_TIME = 2.0  # seconds that it has for that
SAVE_EVERY = 15.0  # seconds between two times that counts are written
LOOK_EVERY = 0.01  # seconds between two looks at runs that somebody waits for

_GONE = select.EPOLLHUP | select.EPOLLERR


class Acceptor:
    """endpoint: endpoint.Endpoint. listeners: list of _socket.socket. reception: handler.Reception. counts:
    counts.Counts, or None where nobody wants metrics."""

    def __init__(self, endpoint, listeners, reception, counts=None):
        self._endpoint = endpoint
        self._reception = reception
        self._counts = counts
        self._counts_saved = time.monotonic()
        self._failures = Failures()
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._connections = {}
        self._ready = []
        self._ready_size = 0
        self._delayed = Delayed()  # those whose refusal waits
        self._waiting = set()  # those whose run goes on
        self._following = set()  # those whose answer goes on as the run prints
        self._log = []
        self._epoll = select.epoll()
        self._listening = False
        self._leaving = False
        self._failed = False
        self._idle_since = time.monotonic()

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
                self._save_counts(0)
                _signal.set_wakeup_fd(-1)
                for fd in (wake_up, wake):
                    os.close(fd)
                return int(self._failed)
            for fd, mask in events:
                if fd in self._connections:
                    self._look_at(self._connections[fd], mask)
                elif fd in self._listeners:
                    self._accept(self._listeners[fd])
                elif fd == wake_up:
                    os.read(wake_up, 64)
                # else: its connection has given way in this round
            self._admit()
            self._look_at_runs()
            self._expire()
            self._watch_listeners()
            self._save_counts(SAVE_EVERY)
            self._write_log()

    def stop(self):
        """Take no new client; answer those that are held, then return from serve()."""
        self._leaving = True

    def _lingered(self):
        return time.monotonic() >= self._idle_since + self._endpoint.linger

    def _time_to_wait(self):
        if self._leaving and (self._waiting or self._delayed or self._following or not self._connections):
            return 0
        if self._following or self._waiting:
            return LOOK_EVERY
        if self._connections:
            until = min(connection.deadline for connection in self._connections.values())
            if not self._listening and not self._leaving:
                until = min(until, eviction.next_time(self._served()))
        else:
            until = self._idle_since + self._endpoint.linger
        return max(0.0, until - time.monotonic())

    def _watch_listeners(self):
        """Listen while there is room, or can be made; the kernel keeps the others."""
        listening = not self._leaving and (self._has_room() or self._slowest() is not None)
        if listening != self._listening:
            self._listening = listening
            for fd in self._listeners:
                if listening:
                    self._epoll.register(fd, select.EPOLLIN)
                else:
                    self._epoll.unregister(fd)

    def _has_room(self):
        beside = len(self._waiting) + len(self._delayed) + len(self._following)
        return len(self._connections) - beside < CONNECTIONS_LIMIT

    def _served(self):
        """Those that have a place and could give it up: what is complete is about to be accepted."""
        states = (HEAD, BODY, ANSWERING, DRAINING)
        return [one for one in self._connections.values() if one.state in states and one not in self._following]

    def _slowest(self):
        return eviction.slowest(self._served(), time.monotonic())

    def _to_give_way(self):
        """Return one who gives way, or None. Whoever gets on at the last moment does not: it may be this process that
        was slow, or the machine."""
        for _ in range(LOOKS_LIMIT):
            connection = self._slowest()
            if connection is None or self._has_room():
                return None
            worth = connection.worth
            self._advance(connection)
            if connection.state != CLOSED and connection.worth == worth:
                return connection
        return None

    def _give_way(self, connection):
        if connection.state in (HEAD, BODY):
            self._refuse(connection, http.Refusal(408, "others wait, and no request arrives as slowly as this one"))
        self._close(connection)

    def _accept(self, listener):
        while True:
            slowest = None if self._has_room() else self._to_give_way()
            if slowest is None and not self._has_room():
                return
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
            if slowest is not None:
                self._give_way(slowest)
            socket = _socket.socket(listener.family, listener.type, listener.proto, fileno=fd)
            socket.setblocking(False)
            connection = Connection(socket, address, time.monotonic(), self._endpoint.request_timeout)
            self._connections[fd] = connection
            self._epoll.register(fd, select.EPOLLIN)
            self._advance(connection)  # what it came to say is mostly there already

    def _look_at(self, connection, mask):
        """Something has happened to a connection. mask: what epoll says of it."""
        try:
            if mask & _GONE and (connection.state == HELD or connection in self._following):
                self._close(connection)
            elif mask & select.EPOLLIN and connection.state in (HELD, ANSWERING):
                self._discard(connection)
        except OSError:
            self._close(connection)
        if connection.state != HELD and connection not in self._following:
            self._advance(connection)

    def _advance(self, connection):
        """Do what the connection's state allows now."""
        try:
            if connection.state in (HEAD, BODY):
                self._read(connection)
            elif connection.state == ANSWERING:
                self._send(connection)
            elif connection.state == DRAINING:
                self._drain(connection)
        except http.Refusal as refusal:
            self._refuse(connection, refusal)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)  # reset by the client

    # A request comes.

    def _read(self, connection):
        received = connection.socket.recv(READ_SIZE)
        eviction.moved(connection, len(received), time.monotonic())
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
            reply = self._reception.begin(connection, head)
            if reply is not None:
                self._answer(connection, reply)
                return
            connection.state = BODY
            if connection.request.expects_continue and not received and not connection.body.complete:
                connection.socket.send(http.CONTINUE)
        steps = connection.draft.length // eviction.STEP
        reply = self._reception.body(connection, received)
        if connection.draft.length // eviction.STEP > steps:
            connection.stepped = time.monotonic()
        if reply is not None:
            self._answer(connection, reply)
        elif connection.body.complete:
            connection.state = READY
            self._ready.append(connection)
            self._ready_size += connection.size()
            if self._ready_size > READY_LIMIT:
                self._admit()
        else:
            self._bound_strangers()

    def _bound_strangers(self):
        """Nobody fills the disk who has proved nothing: where it is too much, the stalest give way."""
        while self._reception.is_full_of_strangers():
            drafts = [(one, one.draft) for one in self._connections.values() if one.state == BODY]
            connection = eviction.stalest([one for one, draft in drafts if draft.of_stranger and draft.stored])
            reason = "too many large bodies come at once, and this was the slowest"
            self._refuse(connection, admission.unavailable(reason))

    def _admit(self):
        """Spool the requests that became complete in this round, together, and answer them."""
        ready, self._ready = self._ready, []
        self._ready_size = 0
        if not ready:
            return
        for connection, reply in self._reception.admit(ready):
            if isinstance(reply, http.Refusal):
                self._refuse(connection, reply)
            elif reply is NO_ANSWER:
                self._leave_if_spool_failed()
                self._close(connection)
            elif reply is not None:
                self._answer(connection, reply)
            elif self._leaving or len(self._waiting) >= WAITING_LIMIT:
                self._answer(connection, self._reception.not_ended(connection))
            else:
                self._waiting.add(connection)
                self._hold(connection, connection.wait)

    def _hold(self, connection, seconds):
        """Let a client wait, beside those that are served."""
        connection.forget_question()
        connection.state = HELD
        connection.deadline = time.monotonic() + seconds
        self._watch(connection, 0)

    def _watch(self, connection, mask):
        """Look out for what mask says, and for what the client sends, which is not left to the kernel's memory."""
        self._epoll.modify(connection.socket.fileno(), mask | (0 if connection.ended else select.EPOLLIN))

    def _discard(self, connection):
        """A client that waits for its answer sends something."""
        received = connection.socket.recv(READ_SIZE)
        connection.drained += len(received)
        if connection.drained > DRAIN_LIMIT and connection.reply is None:  # a refusal comes soon
            self._close(connection)
        elif not received:
            connection.ended = True
            self._watch(connection, 0)

    def _look_at_runs(self):
        """Answer those whose run has ended, and go on with what runs print."""
        for connection in list(self._following):
            self._advance(connection)
        for connection, reply in self._reception.ended(list(self._waiting)) if self._waiting else ():
            if isinstance(reply, http.Refusal):
                self._refuse(connection, reply)
            else:
                self._answer(connection, reply)

    # An answer goes.

    def _refuse(self, connection, refusal):
        self._leave_if_spool_failed()
        # Who guesses gets slower, and nobody else.
        delay = self._failures.delay(connection.peer, time.monotonic()) if refusal.status == 401 else 0
        if delay and not self._leaving:
            self._delay(connection, refusal, delay)
        else:
            self._answer(connection, responses.of_refusal(connection.request, refusal))

    def _delay(self, connection, refusal, seconds):
        connection.reply = responses.of_refusal(connection.request, refusal)
        gone = self._delayed.add(connection)
        self._hold(connection, seconds)
        if gone is not None:
            self._close(gone)  # without an answer: it would be told too early that it is wrong

    def _leave_if_spool_failed(self):
        """A fresh start finds a spool that was mended or mounted again."""
        if self._reception.failure is not None and not self._leaving:
            self.say("<3>the spool takes no entry, requests are answered 503: %s" % self._reception.failure)
            self.stop()

    def _answer(self, connection, reply):
        self._no_longer_held(connection)
        connection.forget_question()
        request = connection.request
        head_only = request is not None and request.method == b"HEAD"
        if reply.source is None:
            connection.output = http.response(reply.status, reply.body, reply.content_type, reply.headers, head_only)
        else:
            self._begin_stream(connection, reply, head_only)
        connection.state = ANSWERING
        eviction.begin(connection, time.monotonic())
        connection.drained = 0
        connection.deadline = connection.since + self._endpoint.request_timeout
        self._log_request(connection, reply)
        if self._counts is not None:
            outcome = connection.outcome or ("refused %d" % reply.status if reply.status >= 400 else None)
            if outcome:
                self._counts.add(outcome)
        self._advance(connection)

    def _begin_stream(self, connection, reply, head_only):
        """Begin an answer whose length is not known."""
        connection.chunked = connection.request.version >= (1, 1)
        headers = list(reply.headers)
        if reply.content_type:
            headers.append(("Content-Type", reply.content_type))
        if connection.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        if connection.socket.family != _socket.AF_UNIX:
            # The kernel keeps what is on its way, and no more of what the client does not read.
            connection.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NOTSENT_LOWAT, UNSENT_LIMIT)
        connection.output = http.response_head(reply.status, headers)
        if head_only:
            reply.source.close()
            return
        connection.source = reply.source
        if reply.body:
            connection.output += http.chunk(reply.body) if connection.chunked else reply.body

    def _send(self, connection):
        while connection.output or self._next_part(connection):
            try:
                sent = connection.socket.send(connection.output)
            except BlockingIOError:
                self._watch(connection, select.EPOLLOUT)
                return
            now = time.monotonic()
            eviction.moved(connection, sent, now)
            connection.output = connection.output[sent:]
            connection.deadline = now + self._endpoint.request_timeout
        if connection in self._following:
            return
        # A close() with unread bytes resets the connection, and the client may lose the answer. So:
        # say that nothing follows, read what still comes, close when the client has (RFC 9112, 9.6).
        connection.socket.shutdown(_socket.SHUT_WR)
        self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)
        connection.state = DRAINING
        connection.deadline = time.monotonic() + DRAIN_TIME
        self._drain(connection)

    def _next_part(self, connection):
        """Fetch more of a streamed answer. Returns whether there is something to send."""
        if connection.source is None:
            return False
        part = connection.source.read()
        has_place = connection in self._following or len(self._following) < FOLLOWING_LIMIT
        if part is None and has_place and not self._leaving:
            if connection not in self._following:
                self._following.add(connection)
                self._watch(connection, 0)
            connection.deadline = float("inf")
            return False
        self._following.discard(connection)
        connection.output = http.chunk(part or b"") if connection.chunked else part or b""
        if not part:
            connection.source.close()
            connection.source = None
        return bool(connection.output)

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
            if connection.state == HELD:
                if self._leaving or now >= connection.deadline:
                    self._release(connection)
            elif now >= connection.deadline:
                if connection.state in (HEAD, BODY):
                    self._refuse(connection, http.Refusal(408, "the request did not arrive in time"))
                else:
                    self._close(connection)

    def _release(self, connection):
        """The time is over for which a client was held."""
        if connection.reply is not None:
            self._answer(connection, connection.reply)
        else:
            self._answer(connection, self._reception.not_ended(connection))

    def _no_longer_held(self, connection):
        self._waiting.discard(connection)
        self._delayed.discard(connection)

    def _close(self, connection):
        if connection.state == CLOSED:
            return
        if connection.draft is not None:
            connection.draft.discard()
        if connection.source is not None:
            connection.source.close()
        self._no_longer_held(connection)
        self._following.discard(connection)
        connection.state = CLOSED
        del self._connections[connection.socket.fileno()]
        connection.socket.close()  # which also takes it out of the epoll set
        self._idle_since = time.monotonic()

    def _log_request(self, connection, reply):
        request = connection.request
        attempt = connection.attempt
        self.say(
            'endpoint=%s request=%s peer=%s user=%s auth=%s method=%s path=%s status=%d reason="%s" ms=%.1f'
            % (
                self._endpoint.name,
                connection.request_id or "-",
                connection.peer.decode("latin-1") or "unix",
                connection.user.decode("latin-1") or "-",
                attempt.accepted[0] if attempt and attempt.accepted else "-",
                request.method.decode("latin-1")[:32] if request else "-",
                request.path.decode("latin-1")[:256] if request else "-",
                reply.status,
                reply.reason,
                (time.monotonic() - connection.started) * 1000,
            )
        )

    def _save_counts(self, seconds):
        """Write the counts down, if the last time is so many seconds ago."""
        if self._counts is not None and time.monotonic() - self._counts_saved >= seconds:
            self._counts_saved = time.monotonic()
            try:
                self._counts.save()
            except OSError as error:
                self.say("<4>the counts for metrics cannot be written: %s" % error)

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
