"""The loop over all connections of an acceptor: which events there are, and when they end.

It serves what systemd's socket holds, many connections at once in one thread, and leaves when nobody has come for the
linger time. Each connection brings one request, and what becomes of that the handler says: it is given the bytes that
come (receive), then what is complete in the same round, together (admit), and is asked for those that wait for a run
(look_at_runs, not_ended). After each of them the exchange has its reply, or waits.
"""

import _signal
import _socket
import os
import select
import time

from trigger import admission, http
from trigger.acceptor import eviction
from trigger.acceptor.access_log import AccessLog
from trigger.acceptor.clients import Clients
from trigger.acceptor.connection import (
    ANSWERING,
    CLOSED,
    DELAYED,
    DRAIN_LIMIT,
    DRAINING,
    FOLLOWING,
    READY,
    RECEIVING,
    WAITING,
    Connection,
)
from trigger.acceptor.exchange import NO_ANSWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.acceptor.handler import Handler
    from trigger.counts import Counts
    from trigger.endpoint import Endpoint

LOOKS_LIMIT = 16  # at clients that may have to give way to the same one
READY_LIMIT = 8 * 1024 * 1024  # bytes of complete requests, past which they are spooled before others are read
DRAIN_TIME = 2.0  # seconds that a client has to close behind its answer
# Seconds between two looks at runs that somebody waits for: at the first, a fiftieth of the time that has been waited,
# and at the most.
LOOK_FIRST, LOOK_EVERY = 0.001, 0.01

_GONE = select.EPOLLHUP | select.EPOLLERR


class Loop:
    """listeners: not blocking. counts: None where nobody wants metrics."""

    def __init__(
        self,
        endpoint: "Endpoint",
        listeners: "list[_socket.socket]",
        handler: "Handler",
        counts: "Counts | None" = None,
    ) -> None:
        self._endpoint = endpoint
        self._handler = handler
        self.log = AccessLog(endpoint.name, counts)
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._clients = Clients()
        self._ready_size = 0  # bytes of the requests that are complete and not yet spooled
        self._epoll = select.epoll()
        self._listening = False
        self._leaving = False
        self._failed = False
        self._idle_since = time.monotonic()
        self._held_since = 0.0  # when the latest one began to wait for a run

    def serve(self) -> int:
        """Serve until no client has come for the linger time, or stop() was called and the last one is answered.
        Returns the process's exit status."""
        wake_up, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(wake)
        self._epoll.register(wake_up, select.EPOLLIN)
        self._watch_listeners()
        while True:
            events = self._epoll.poll(self._time_to_wait())
            # Nobody is there, and nobody came: asked in this order, a linger time of 0 serves who woke us.
            if not events and not self._clients and (self._leaving or self._lingered()):
                self.log.write(counts_too=True)
                _signal.set_wakeup_fd(-1)
                for fd in (wake_up, wake):
                    os.close(fd)
                return int(self._failed)
            for fd, mask in events:
                connection = self._clients.at(fd)
                if connection is not None:
                    self._look_at(connection, mask)
                elif fd in self._listeners:
                    self._accept(self._listeners[fd])
                elif fd == wake_up:
                    os.read(wake_up, 64)
                # else: its connection has given way in this round
            self._admit()
            self._look_at_runs()
            self._expire()
            self._leave_if_spool_failed()
            self._watch_listeners()
            self.log.write()

    def stop(self) -> None:
        """Take no new client; answer those that are held, then return from serve()."""
        self._leaving = True

    def _leave_if_spool_failed(self):
        """A fresh start finds a spool that was mended or mounted again."""
        if self._handler.failure is not None and not self._leaving:
            self.log.say("<3>the spool takes no entry, requests are answered 503: %s" % self._handler.failure)
            self.stop()

    def _lingered(self):
        return time.monotonic() >= self._idle_since + self._endpoint.linger

    def _time_to_wait(self):
        clients = self._clients
        if self._leaving and (clients.are_some(WAITING, DELAYED, FOLLOWING) or not clients):
            return 0
        if clients.are_some(WAITING, FOLLOWING):
            return min(LOOK_EVERY, max(LOOK_FIRST, (time.monotonic() - self._held_since) / 50))
        if clients:
            until = clients.next_time(is_full=not self._listening and not self._leaving)
        else:
            until = self._idle_since + self._endpoint.linger
        return max(0.0, until - time.monotonic())

    # Clients come, and the slowest gives way where there is no place.

    def _watch_listeners(self):
        """Listen while there is room, or can be made; the kernel keeps the others."""
        listening = not self._leaving and (self._clients.has_room() or self._clients.slowest() is not None)
        if listening != self._listening:
            self._listening = listening
            for fd in self._listeners:
                if listening:
                    self._epoll.register(fd, select.EPOLLIN)
                else:
                    self._epoll.unregister(fd)

    def _accept(self, listener):
        while True:
            slowest = None if self._clients.has_room() else self._to_give_way()
            if slowest is None and not self._clients.has_room():
                return
            try:
                fd, address = listener._accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # this client has gone already
            except OSError as error:
                # The host is out of descriptors or memory. Leave as failed: systemd starts the acceptor again after a
                # pause, and the kernel keeps the clients until then.
                self.log.say("<3>cannot accept a connection: %s" % error)
                self._failed = True
                self.stop()
                return
            if slowest is not None:
                self._give_way(slowest)
            socket = _socket.socket(listener.family, listener.type, listener.proto, fileno=fd)
            socket.setblocking(False)
            connection = Connection(socket, address, time.monotonic(), self._endpoint.request_timeout)
            self._clients.add(connection)
            self._epoll.register(fd, select.EPOLLIN)
            self._advance(connection)  # what it came to say is mostly there already

    def _to_give_way(self):
        """Return one who gives way, or None. Whoever gets on at the last moment does not: it may be this process that
        was slow, or the machine."""
        for _ in range(LOOKS_LIMIT):
            connection = self._clients.slowest()
            if connection is None or self._clients.has_room():
                return None
            worth = connection.worth
            self._advance(connection)
            if connection.state != CLOSED and connection.worth == worth:
                return connection
        return None

    def _give_way(self, connection):
        if connection.state == RECEIVING:
            self._refuse(connection, http.Refusal(408, "server is full and this was the slowest request"))
        self._close(connection)

    # What happens to a connection.

    def _look_at(self, connection, mask):
        """mask: what epoll says of it."""
        is_held = connection.state in (WAITING, DELAYED, FOLLOWING)  # until something else happens
        if is_held and mask & _GONE:
            self._close(connection)
        elif mask & select.EPOLLIN and (is_held or connection.state == ANSWERING):
            self._discard(connection)
        if not is_held:
            self._advance(connection)

    def _advance(self, connection):
        """Do what the connection's state allows now."""
        try:
            if connection.state == RECEIVING:
                self._receive(connection)
            elif connection.state in (ANSWERING, FOLLOWING):
                self._send(connection)
            elif connection.state == DRAINING:
                connection.drain()
                self._close(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._close(connection)  # reset by the client

    def _discard(self, connection):
        """A client that waits for its answer sends something."""
        try:
            connection.discard()
        except OSError:
            self._close(connection)
            return
        if connection.drained > DRAIN_LIMIT and connection.state != DELAYED:  # whose refusal comes soon
            self._close(connection)
        elif connection.ended:
            self._watch(connection)

    def _watch(self, connection, mask=0):
        """Look out for what mask says, and for what the client sends, which is not left to the kernel's memory."""
        self._epoll.modify(connection.socket.fileno(), mask | (0 if connection.ended else select.EPOLLIN))

    # A request comes.

    def _receive(self, connection):
        exchange = connection.exchange
        received = connection.receive(time.monotonic())
        if not received and not exchange.has_begun:
            self._close(connection)  # a look whether somebody listens, as load balancers take
            return
        steps = exchange.length // eviction.STEP
        interim = self._handler.receive(exchange, received)
        if exchange.length // eviction.STEP > steps:
            connection.stepped = time.monotonic()
        if exchange.reply is not None:
            self._reply(connection)
        elif exchange.is_complete:
            self._clients.move(connection, READY)
            self._ready_size += exchange.size()
            if self._ready_size > READY_LIMIT:
                self._admit()
        else:
            if interim:
                connection.socket.send(interim)
            self._bound_strangers()

    def _bound_strangers(self):
        """Nobody fills the disk who has proved nothing: where it is too much, the stalest give way."""
        while self._handler.is_full_of_strangers():
            receiving = self._clients.that_are(RECEIVING)
            stalest = eviction.stalest([one for one in receiving if one.exchange.is_stored_for_stranger])
            reason = "too many large bodies come at once, and this was the slowest"
            self._refuse(stalest, admission.unavailable(reason))

    def _admit(self):
        """Spool the requests that became complete in this round, together, and answer them."""
        ready = self._clients.that_are(READY)
        if not ready:
            return
        self._ready_size = 0
        self._handler.admit([connection.exchange for connection in ready])
        for connection in ready:
            exchange = connection.exchange
            if exchange.reply is NO_ANSWER:
                self._close(connection)
            elif exchange.reply is not None:
                self._reply(connection)
            elif self._leaving or not self._clients.may_wait(exchange.outcome == "repeated"):
                self._handler.not_ended(exchange)
                self._answer(connection)
            else:
                self._clients.move(connection, WAITING)
                self._hold(connection, exchange.wait)
                self._held_since = time.monotonic()

    # Some wait, beside those that are served.

    def _hold(self, connection, seconds):
        connection.exchange.forget_question()
        connection.deadline = time.monotonic() + seconds
        self._watch(connection)

    def _look_at_runs(self):
        """Answer those whose run has ended, and go on with what runs print."""
        for connection in self._clients.that_are(FOLLOWING):
            self._advance(connection)
        waiting = self._clients.that_are(WAITING)
        if waiting:
            self._handler.look_at_runs([connection.exchange for connection in waiting])
            for connection in waiting:
                if connection.exchange.reply is not None:
                    self._answer(connection)

    def _expire(self):
        now = time.monotonic()
        for connection in self._clients:
            if connection.state in (WAITING, DELAYED):
                if self._leaving or now >= connection.deadline:
                    if connection.state == WAITING:
                        self._handler.not_ended(connection.exchange)
                    self._answer(connection)
            elif now >= connection.deadline:
                if connection.state == RECEIVING:
                    self._refuse(connection, http.Refusal(408, "the request did not arrive in time"))
                else:
                    self._close(connection)

    # An answer goes.

    def _refuse(self, connection, refusal):
        self._handler.refuse(connection.exchange, refusal)
        self._reply(connection)

    def _reply(self, connection):
        """Answer, or let who guesses wait for that."""
        delay = connection.exchange.delay
        if delay and not self._leaving:
            gone = self._clients.delay(connection)
            self._hold(connection, delay)
            if gone is not None:
                self._close(gone)  # without an answer: it would be told too early that it is wrong
        else:
            self._answer(connection)

    def _answer(self, connection):
        self._clients.move(connection, ANSWERING)
        now = time.monotonic()
        connection.begin_answer(now, self._endpoint.request_timeout)
        self.log.answered(connection.exchange, now - connection.started)
        self._advance(connection)

    def _send(self, connection):
        while connection.output or self._next_part(connection):
            try:
                connection.send(time.monotonic(), self._endpoint.request_timeout)
            except BlockingIOError:
                self._watch(connection, select.EPOLLOUT)
                return
        if connection.state == FOLLOWING:
            return
        # A close() with unread bytes resets the connection, and the client may lose the answer. So: say that nothing
        # follows, read what still comes, close when the client has (RFC 9112, 9.6).
        connection.socket.shutdown(_socket.SHUT_WR)
        self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)
        self._clients.move(connection, DRAINING)
        connection.deadline = time.monotonic() + DRAIN_TIME
        self._advance(connection)

    def _next_part(self, connection):
        """Fetch more of the answer. Returns whether there is something to send."""
        part = connection.answer.read()
        is_following = connection.state == FOLLOWING
        if part is None and not self._leaving and (is_following or self._clients.may_follow()):
            if not is_following:
                self._clients.move(connection, FOLLOWING)
                connection.deadline = float("inf")
                self._watch(connection)
            return False
        if is_following:
            self._clients.move(connection, ANSWERING)
            connection.deadline = time.monotonic() + self._endpoint.request_timeout
        connection.output = connection.answer.end() if part is None else part
        return bool(connection.output)

    def _close(self, connection):
        if connection.state == CLOSED:
            return
        self._clients.move(connection, CLOSED)
        connection.close()  # which also takes it out of the epoll set
        self._idle_since = time.monotonic()
