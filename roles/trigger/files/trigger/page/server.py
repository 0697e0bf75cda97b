"""The page's side of the socket: one thread for each connection, which brings one request.

systemd listens, and starts this when somebody comes. It leaves when nobody has been there for a while; with open
connections, among them the pages of runs that go on, it stays. nginx is the only client, and slow people are its
business: what it sends is complete.
"""

import os
import select
import signal
import socket
import threading
import time

from trigger import http, listen_fds, responses
from trigger.page import error_pages
from trigger.page.access import Door, Visitor, load_secret
from trigger.page.layout import Frame
from trigger.page.routes import Desk
from trigger.page.status import say

LINGER = 5.0  # seconds without a connection
STREAMS = 32  # of the threads, that may be at pages which go on by themselves
THREADS = 64  # that serve; as many more say that it is too much, beyond which the kernel keeps who comes
REQUEST_TIME = 10.0  # seconds for a complete request
SEND_TIME = 60.0  # seconds in which a client has to take a part of an answer
BODY_LIMIT = 256 * 1024  # bytes; of text that a form writes in three times its size
READ_SIZE = 64 * 1024
FOLLOW_EVERY = 50  # milliseconds between two looks at a run that goes on
DRAIN_TIME = 2.0  # seconds that a client has to close behind its answer
RETRY_AFTER = 5  # seconds


class Server:
    """linger: seconds. leaving: ends it when it is set."""

    def __init__(
        self, listeners: "list[socket.socket]", door: Door, desk: Desk, linger: float, leaving: threading.Event
    ) -> None:
        self._listeners = {listener.fileno(): listener for listener in listeners}
        self._door = door
        self._desk = desk
        self._linger = linger
        self._leaving = leaving
        self._failed = False
        self._count = 0  # of threads
        self._lock = threading.Lock()
        self._streams = threading.Semaphore(STREAMS)
        self._idle_since = time.monotonic()
        self._wake_up, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> int:
        """Serve until no client has come for the linger time, or all are answered after `leaving` was set. Returns the
        process's exit status."""
        signal.set_wakeup_fd(self._wake)
        while True:
            poll = select.poll()
            poll.register(self._wake_up, select.POLLIN)
            if not self._leaving.is_set() and self._count < 2 * THREADS:
                for fd in self._listeners:
                    poll.register(fd, select.POLLIN)
            events = poll.poll(self._time_to_wait())
            if not self._count and (self._leaving.is_set() or (not events and not self._time_to_wait())):
                return int(self._failed)
            for fd, _ in events:
                if fd == self._wake_up:
                    os.read(fd, 4096)
                else:
                    self._accept(self._listeners[fd])

    def _time_to_wait(self):
        """Milliseconds, or None for as long as it takes."""
        if self._count:
            return None
        return max(0, round((self._idle_since + self._linger - time.monotonic()) * 1000))

    def _accept(self, listener):
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # this client has gone already
        except OSError as error:
            self._give_up("a connection: %s" % error.strerror)
            return
        with self._lock:
            self._count += 1
            is_crowded = self._count > THREADS
        exchange = Exchange(connection, self._door, self._desk, is_crowded, self._streams)
        try:
            threading.Thread(target=self._serve, args=(exchange,), daemon=True).start()
        except RuntimeError as error:
            self._give_up("a thread: %s" % error)
            connection.close()
            with self._lock:
                self._count -= 1

    def _give_up(self, what):
        """The host is out of descriptors, memory or threads. Leave as failed: systemd starts us again after a pause,
        and the kernel keeps the clients until then."""
        say("<3>the host has no room for " + what)
        self._failed = True
        self._leaving.set()

    def _serve(self, exchange):
        try:
            exchange.serve()
        finally:
            with self._lock:
                self._count -= 1
                self._idle_since = time.monotonic()
            try:
                os.write(self._wake, b"\0")
            except BlockingIOError:
                pass  # it has enough to wake up for


class Exchange:
    """A connection: a request comes, an answer goes. is_crowded: whether there are too many already. streams: counts
    answers in parts."""

    def __init__(
        self, connection: socket.socket, door: Door, desk: Desk, is_crowded: bool, streams: threading.Semaphore
    ) -> None:
        self._connection = connection
        self._door = door
        self._desk = desk
        self._is_crowded = is_crowded
        self._streams = streams
        self._begun = time.monotonic()
        self._request: http.Request = None
        self._visitor: Visitor = None

    def serve(self) -> None:
        """Do all of it. Raises nothing."""
        try:
            with self._connection:
                reply = self._answer()
                if reply is not None:
                    self._deliver(reply)
        except OSError:
            pass  # the client has gone
        except Exception as error:  # in the middle of a page: who looks at it sees that it is cut off
            _tell(error)

    def _deliver(self, reply):
        streams = responses.UNBUFFERED[0] in reply.headers
        if streams and not self._streams.acquire(blocking=False):
            reply.source.close()
            streams = False
            reply = self._refused(_crowded("too many runs are looked at"))
        try:
            if reply.reason:
                self._log(reply)
            self._send(reply)
            self._drain()
        finally:
            if streams:
                self._streams.release()

    def _answer(self):
        """Return the responses.Reply, or None where nothing was asked. Raises OSError when the client goes."""
        try:
            body = self._read()
            if body is None:
                return None
            return self._desk.answer(self._visitor, self._request, body)
        except http.Refusal as refusal:
            return self._refused(refusal)
        except ConnectionError:
            raise
        except Exception as error:  # one page that cannot be drawn is no reason to leave the others
            _tell(error)
            return self._refused(http.Refusal(500, "this page cannot be drawn"))

    def _refused(self, refusal):
        """Return the Reply that tells a refusal: as an acceptor and nginx do, a page to a browser that asks for one."""
        request = self._request
        if request is None or not _is_reader(request):
            return responses.of_refusal(request, refusal)
        frame = Frame(self._visitor.host, self._visitor.name) if self._visitor else Frame("this host", "")
        return error_pages.of_refusal(frame, refusal)

    # The request.

    def _read(self):
        """Read the request. Returns its body, or None where nothing comes. Raises Refusal."""
        head, rest = http.Head(), None
        while rest is None:
            part = self._receive()
            if not part and head.is_empty:
                return None  # a look whether somebody listens
            rest = head.feed(part or _cut_short())
        self._request = head.request
        self._visitor = self._door.enter(self._request)
        if self._is_crowded:
            raise _crowded("too many pages are looked at")
        body = http.Body(self._request, BODY_LIMIT)
        content = body.feed(rest)
        while not body.complete:
            content += body.feed(self._receive() or _cut_short())
        return bytes(content)

    def _receive(self):
        left = self._begun + REQUEST_TIME - time.monotonic()
        try:
            self._connection.settimeout(max(left, 0.001))
            return self._connection.recv(READ_SIZE)
        except socket.timeout:
            raise http.Refusal(408, "the request did not arrive in time") from None

    # The answer.

    def _send(self, reply):
        self._connection.settimeout(SEND_TIME)
        encoder = responses.Encoder(reply, self._request)
        try:
            part = encoder.read()
            while part != b"":
                if part is not None:
                    self._connection.sendall(part)
                elif self._client_goes():
                    raise ConnectionAbortedError
                part = encoder.read()
        finally:
            encoder.close()

    def _client_goes(self):
        """Let a moment pass. Returns whether the client goes meanwhile."""
        poll = select.poll()
        poll.register(self._connection, select.POLLRDHUP)
        return bool(poll.poll(FOLLOW_EVERY))

    def _drain(self):
        """A close() with unread bytes resets the connection, and the client may lose the answer. So: say that nothing
        follows, and read on until the client has closed, too."""
        self._connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + DRAIN_TIME
        while time.monotonic() < until:
            self._connection.settimeout(max(until - time.monotonic(), 0.001))
            if not self._connection.recv(READ_SIZE):
                return

    def _log(self, reply):
        request = self._request
        say(
            'user=%s method=%s path=%s status=%d reason="%s" ms=%.1f'
            % (
                _one_word(self._visitor.name if self._visitor else "") or "-",
                request.method.decode("latin-1")[:32] if request else "-",
                request.path.decode("latin-1")[:256] if request else "-",
                reply.status,
                reply.reason,
                (time.monotonic() - self._begun) * 1000,
            )
        )


def _is_reader(request):
    return responses.accepts_html(request) and not responses.accepts_json(request)


def _tell(error):
    """Say where a page went wrong, but not with what: that may be what somebody has typed."""
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    where = "%s:%d" % (place.tb_frame.f_code.co_filename, place.tb_lineno)
    say("<3>a page cannot be drawn: %s at %s" % (type(error).__name__, where))


def _crowded(reason):
    return http.Refusal(503, reason, [("Retry-After", str(RETRY_AFTER))])


def _cut_short():
    raise http.Refusal(400, "the request ends before it is complete")


def _one_word(text):
    return ascii(text)[1:-1].replace(" ", "\\x20")


def main(directory: str) -> int:
    """Serve the page of the endpoints whose configuration is in a directory. Returns the exit status."""
    listeners = [socket.socket(fileno=fd) for fd in listen_fds.listen_fds()]
    leaving = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: leaving.set())
    secret, problem = load_secret()
    if problem:
        say("<3>" + problem)
    linger = LINGER if secret else 0  # the next one may find it again
    return Server(listeners, Door(secret), Desk(directory, leaving.is_set), linger, leaving).serve()
