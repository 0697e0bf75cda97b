"""The corpus of hostile HTTP, sent to a real acceptor on real sockets: each message has one answer, and in the spool is
what was accepted, with its own body."""

import os
import socket
import threading

import pytest
from http_corpus import CASES, Case, get, post
from role import endpoint

from trigger import entry, http
from trigger.acceptor.handler import Handler
from trigger.acceptor.loop import Loop
from trigger.spool import Spool

TIME_LIMIT = 30  # seconds, for a test that would otherwise hang; nothing here waits for it
SPOOLED = (b"GET", b"POST")


class Host:
    """An endpoint that takes GET and POST at the path `/`, its directories, and a socket of a family."""

    def __init__(self, directory, family):
        self.endpoint = endpoint()
        self.endpoint.linger = 0
        self.endpoint.request_timeout = TIME_LIMIT
        for name in ("spool", "claimed", "runs"):
            (directory / name).mkdir()
            setattr(self.endpoint, name, f"{directory}/{name}")
        self.listener = socket.socket(family)
        self.listener.bind(f"{directory}/socket" if family == socket.AF_UNIX else ("127.0.0.1", 0))
        self.listener.listen(1000)
        self.listener.setblocking(False)

    def connect(self):
        client = socket.socket(self.listener.family)
        client.settimeout(TIME_LIMIT)
        client.connect(self.listener.getsockname())
        return client

    def serve(self):
        """Serve who is there, until they have gone."""
        stored = Spool(self.endpoint.spool, self.endpoint.claimed)
        assert Loop(self.endpoint, [self.listener], Handler(self.endpoint, stored, None)).serve() == 0

    def exchange(self, cases, send):
        """Let a client for each case send it, all at once. Returns the answers, in their order."""
        answers = [b""] * len(cases)

        def run(number, client):
            with client:
                send(client, cases[number])
                while part := client.recv(65536):
                    answers[number] += part

        clients = [threading.Thread(target=run, args=(n, self.connect()), daemon=True) for n in range(len(cases))]
        for client in clients:
            client.start()
        self.serve()
        for client in clients:
            client.join(TIME_LIMIT)
        return answers

    def spooled(self):
        """What waits for its job, oldest first: list of (method, path and query, body)."""
        found = []
        for name in sorted(os.listdir(self.endpoint.spool)):
            fd = os.open(f"{self.endpoint.spool}/{name}", os.O_RDONLY)
            variables, length = entry.read_variables(fd, os.fstat(fd).st_size)
            found.append((variables[b"REQUEST_METHOD"], variables[b"QUERY_STRING"], os.pread(fd, length, 0)))
            os.close(fd)
        return found


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "unix"])
def host(tmp_path, request):
    host = Host(tmp_path, request.param)
    yield host
    host.listener.close()


def whole(client, case):
    """Send a case as it is, and wait; only who is not answered otherwise says that nothing more will come."""
    client.sendall(case.message)
    if not case.status:
        client.shutdown(socket.SHUT_WR)


def split(client, case):
    """Send it in two segments."""
    if client.family == socket.AF_INET:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    middle = len(case.message) // 2
    client.sendall(case.message[:middle])
    whole(client, case._replace(message=case.message[middle:]))


def status_of(answer):
    """The status of the one answer, behind `100 Continue` where that was asked for."""
    head, body = answer.removeprefix(http.CONTINUE).split(b"\r\n\r\n", 1)
    lines = head.split(b"\r\n")
    assert lines[0].startswith(b"HTTP/1.1 ")
    assert b"Connection: close" in lines
    assert b"Content-Length: %d" % len(body) in lines or not body  # HEAD has the field alone
    return int(lines[0][9:12])


def expected(cases):
    """What has to be in the spool."""
    read = [case.read for case in cases if case.read and case.status == 200]
    return sorted((each.method, each.query, each.body) for each in read if each.method in SPOOLED)


@pytest.mark.parametrize("send", [whole, split])
def test_each_message_has_one_answer_and_the_spool_what_was_accepted(host, send):
    """All of them come at once, so no message may change what another one means."""
    for begin in range(0, len(CASES), 200):
        cases = CASES[begin : begin + 200]
        answers = host.exchange(cases, send)
        wrong = [
            (case.name, status_of(answer))
            for case, answer in zip(cases, answers)
            if status_of(answer) != (case.status or 400)
        ]
        assert wrong == []
    assert sorted(host.spooled()) == expected(CASES)


def test_a_message_that_is_not_complete_waits_and_is_then_refused(host):
    host.endpoint.request_timeout = 0.5
    cases = [case for case in CASES if not case.status]
    answers = host.exchange(cases, lambda client, case: client.sendall(case.message))
    assert [status_of(answer) for answer in answers] == [408] * len(cases)
    assert host.spooled() == []


def test_a_message_byte_by_byte(host):
    """What is in between is for the parser's own tests; here a body goes on into the spool as it comes."""
    message = post(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n" * 50 + b"0\r\n\r\n")

    def send(client, case):
        for byte in case.message:
            client.sendall(bytes((byte,)))

    (answer,) = host.exchange([Case("slow", message, 200, "")], send)
    assert status_of(answer) == 200
    assert host.spooled() == [(b"POST", b"", b"a" * 50)]


def test_a_second_request_behind_the_first_starts_nothing(host):
    (answer,) = host.exchange([Case("two", get() + post(), 200, "")], whole)
    assert status_of(answer) == 200
    assert [method for method, _, _ in host.spooled()] == [b"GET"]
