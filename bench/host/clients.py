"""Clients. Each comes over a connection of its own and reads to the end: a reset behind a whole answer is an error."""

import select
import socket
import ssl
import time

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE  # the host has made the certificate itself


class Answer:
    """What a client got. began, ended: seconds of the monotonic clock. text: bytes. error: str, "" if all went well."""

    def __init__(self, request):
        self.request = request
        self.began = self.ended = time.monotonic()
        self.text = b""
        self.error = ""

    @property
    def accepted(self):
        return not self.error and self.text.startswith(b"HTTP/1.1 200 ")

    @property
    def request_id(self):
        """The id by which the job knows the request: the host's, if it gave one, or the client's own."""
        head = self.text if b"X-Request-Id: " in self.text else self.request
        return head.partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0].decode()

    def end(self, error=""):
        self.ended = time.monotonic()
        self.error = error or ("" if self.text.startswith(b"HTTP/1.1 200 ") else "refused" if self.text else "lost")


def ask(peer):
    """One client of a peer (peers.Peer). Returns its Answer."""
    answer = Answer(peer.request())
    try:
        with socket.create_connection(("127.0.0.1", peer.port), timeout=60) as plain:
            client = TLS.wrap_socket(plain, server_hostname=peer.host) if peer.tls else plain
            client.sendall(answer.request)
            part = client.recv(65536)
            while part:
                answer.text += part
                part = client.recv(65536)
            client.close()
        answer.end()
    except OSError as error:
        answer.end(type(error).__name__)
    return answer


def crowd(peer, count):
    """`count` clients of a peer at once, in one thread. Returns their Answers, in the order in which they came."""
    requests = [peer.request() for _ in range(count)]  # signed before anybody comes
    poll = select.epoll()
    talks = {}
    answers = []
    for request in requests:
        plain = socket.socket()
        plain.setblocking(False)
        answer = Answer(request)
        plain.connect_ex(("127.0.0.1", peer.port))
        fd = plain.fileno()
        talks[fd] = _talk(plain, answer, peer)
        poll.register(fd, next(talks[fd]))
        answers.append(answer)
    while talks:
        events = poll.poll(60)
        for fd, _ in events:
            awaited = next(talks[fd], None)
            if awaited is None:
                del talks[fd]
            else:
                poll.modify(fd, awaited)
        if not events:
            for talk in talks.values():
                talk.throw(TimeoutError)
            break
    return answers


def _talk(client, answer, peer):
    """What one client of a crowd does. Yields the event that it waits for."""
    try:
        yield select.EPOLLOUT
        if peer.tls:
            client = TLS.wrap_socket(client, server_hostname=peer.host, do_handshake_on_connect=False)
            yield from _when_possible(client.do_handshake)
        client.sendall(answer.request)  # it fits into what the kernel takes at once
        part = yield from _when_possible(client.recv, 65536)
        while part:
            answer.text += part
            part = yield from _when_possible(client.recv, 65536)
        answer.end()
    except OSError as error:
        answer.end(type(error).__name__)
    client.close()


def _when_possible(call, *arguments):
    while True:
        try:
            return call(*arguments)
        except ssl.SSLWantWriteError:
            yield select.EPOLLOUT
        except (ssl.SSLWantReadError, BlockingIOError):
            yield select.EPOLLIN
