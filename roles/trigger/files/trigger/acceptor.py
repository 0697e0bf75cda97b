"""The acceptor: the one process that meets the network.

It serves what systemd's socket holds, many connections at once in one thread, and leaves when nobody
has come for the linger time. Each connection carries one request and goes through the states below.
"""

import _signal
import _socket
import os
import select
import time

from trigger import admission, cgi, descriptors, endpoint, http, spool

CONNECTIONS_LIMIT = 512  # more wait in the kernel's queue
READ_SIZE = 64 * 1024
DRAIN_LIMIT = 1024 * 1024  # bytes that a client may still send behind its answer
DRAIN_TIME = 2.0  # seconds that it has for that

HEAD, BODY, READY, ANSWERING, DRAINING, CLOSED = range(6)


class Connection:
    """One client. socket: _socket.socket, not blocking. peer, port: bytes, the client's address and
    the local port, both b"" on a Unix socket. draft: spool.Draft."""

    __slots__ = (
        "body",
        "deadline",
        "draft",
        "drained",
        "output",
        "peer",
        "port",
        "received",
        "request",
        "request_id",
        "socket",
        "started",
        "state",
    )

    def __init__(self, socket, now, time_limit):
        self.socket = socket
        self.state = HEAD
        self.started = now
        self.deadline = now + time_limit
        self.peer, self.port = _addresses(socket)
        self.received = bytearray()
        self.request = None
        self.request_id = None
        self.body = None
        self.draft = None
        self.output = b""
        self.drained = 0


class Acceptor:
    """endpoint: endpoint.Endpoint. listeners: list of _socket.socket. spool: spool.Spool."""

    def __init__(self, endpoint, listeners, spool):
        self._endpoint = endpoint
        self._spool = spool
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
        listening = not self._leaving and len(self._connections) < CONNECTIONS_LIMIT
        if listening != self._listening:
            self._listening = listening
            for fd in self._listeners:
                if listening:
                    self._epoll.register(fd, select.EPOLLIN)
                else:
                    self._epoll.unregister(fd)

    def _accept(self, listener):
        while len(self._connections) < CONNECTIONS_LIMIT:
            try:
                fd, _ = listener._accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # this client has gone already
            except OSError as error:
                # The host is out of descriptors or memory. Leave as failed: systemd starts the
                # acceptor again after a pause, and the kernel keeps the clients until then.
                self._say("<3>cannot accept a connection: %s" % error)
                self._failed = True
                self.stop()
                return
            socket = _socket.socket(listener.family, listener.type, listener.proto, fileno=fd)
            socket.setblocking(False)
            connection = Connection(socket, time.monotonic(), self._endpoint.request_timeout)
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
        admission.check_head(self._endpoint, request)
        connection.body = http.Body(request, self._endpoint.body_limit)
        try:
            connection.draft = self._spool.draft()
        except OSError as error:
            raise self._spool_failed(error) from None
        connection.state = BODY
        if request.expects_continue and not received and not connection.body.complete:
            connection.socket.send(http.CONTINUE)

    def _read_body(self, connection, received):
        try:
            connection.draft.write(connection.body.feed(received))
        except OSError as error:
            raise self._spool_failed(error) from None
        if connection.body.complete:
            connection.state = READY
            if admission.starts_run(connection.request):
                self._ready.append(connection)
            else:
                self._respond(connection, "starts nothing")

    def _admit(self):
        """Spool the requests that became complete in this round, with one flush, then answer them."""
        ready, self._ready = self._ready, []
        if not ready:
            return
        try:
            waiting, running = self._spool.load()
        except OSError as error:
            refusal = self._spool_failed(error)
            for connection in ready:
                self._refuse(connection, refusal)
            return
        drafts = []
        for connection in ready:
            try:
                admission.check_load(self._endpoint, waiting + len(drafts), running)
            except http.Refusal as refusal:
                self._refuse(connection, refusal)
            else:
                drafts.append(connection)
        self._commit(drafts)

    def _commit(self, connections):
        drafts = []
        for connection in connections:
            connection.request_id = self._spool.next_id()
            connection.draft.close_body(self._variables(connection))
            drafts.append((connection.request_id, connection.draft))
        try:
            errors = self._spool.commit(drafts)
        except OSError as error:
            errors = [error] * len(connections)
        for connection, error in zip(connections, errors):
            if error is None:
                headers = [("X-Request-Id", connection.request_id)]
                self._respond(connection, "accepted", headers)
            else:
                connection.request_id = None
                self._refuse(connection, self._spool_failed(error))

    def _variables(self, connection):
        variables = cgi.meta_variables(
            connection.request,
            self._endpoint.path.encode(),
            connection.draft.length,
            connection.peer,
            connection.port,
        )
        variables.append((b"TRIGGER_ENDPOINT", self._endpoint.name.encode()))
        variables.append((b"TRIGGER_REQUEST_ID", connection.request_id.encode()))
        return variables

    def _spool_failed(self, error):
        """Say it once, and leave: a fresh start finds a spool that was mended or mounted again."""
        if not self._leaving:
            self._say("<3>the spool takes no entry, requests are answered 503: %s" % error)
            self.stop()
        return admission.unavailable("the request cannot be kept")

    def _respond(self, connection, reason, headers=()):
        response = self._endpoint.response
        self._begin_answer(connection, response["status"], reason, self._answer, response["content_type"], headers)

    def _refuse(self, connection, refusal):
        if connection.draft is not None:
            connection.draft.discard()
        body = ("%d %s\n" % (refusal.status, refusal.reason)).encode()
        self._begin_answer(
            connection,
            refusal.status,
            refusal.reason,
            body,
            "text/plain; charset=utf-8",
            refusal.headers,
        )

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
            if now < connection.deadline:
                continue
            if connection.state in (HEAD, BODY):
                self._refuse(connection, http.Refusal(408, "the request did not arrive in time"))
            else:
                self._close(connection)

    def _close(self, connection):
        if connection.state == CLOSED:
            return
        if connection.draft is not None:
            connection.draft.discard()
        connection.state = CLOSED
        del self._connections[connection.socket.fileno()]
        connection.socket.close()  # which also takes it out of the epoll set
        self._idle_since = time.monotonic()

    def _log_request(self, connection, status, reason):
        request = connection.request
        self._say(
            'endpoint=%s request=%s peer=%s method=%s path=%s status=%d reason="%s" ms=%.1f'
            % (
                self._endpoint.name,
                connection.request_id or "-",
                connection.peer.decode("latin-1") or "unix",
                request.method.decode("latin-1")[:32] if request else "-",
                request.path.decode("latin-1")[:256] if request else "-",
                status,
                reason,
                (time.monotonic() - connection.started) * 1000,
            )
        )

    def _say(self, line):
        self._log.append(line + "\n")

    def _write_log(self):
        """One write for all lines of a round. A journal that is gone stops nobody."""
        lines, self._log = self._log, []
        if lines:
            try:
                os.write(2, "".join(lines).encode("latin-1", "replace"))
            except OSError:
                pass


def _addresses(socket):
    """The client's address and the local port, bytes. An IPv4 client of a dual-stack socket is one."""
    if socket.family == _socket.AF_UNIX:
        return b"", b""
    try:
        address = socket.getpeername()[0].encode()
    except OSError:
        address = b""  # it has gone already
    if address.startswith(b"::ffff:"):
        address = address[7:]
    return address, b"%d" % socket.getsockname()[1]


def main(name):
    """Serve the endpoint called name: str. Returns the exit status."""
    settings = endpoint.load(name)
    listeners = descriptors.listen_sockets()
    acceptor = Acceptor(settings, listeners, spool.Spool(settings.spool, settings.claimed))
    _signal.signal(_signal.SIGTERM, lambda *_: acceptor.stop())
    return acceptor.serve()
