"""A disk on which runs and records are to have room: the real acceptor, on a small file system of its own."""

import contextlib
import os
import signal
import subprocess
import time

import pytest
from crowds import host, read_all

from trigger.dispatcher import history
from trigger.dispatcher.claims import Claims

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mount(8) is root's")

KIB = 1024
# A twentieth of it is kept: 1 MiB, and 200 inodes.
SIZE, INODES = 20 * KIB * KIB, 4000
FLOOR = {"bytes": SIZE // 20, "inodes": INODES // 20}
SECRET = "0123456789abcdef-of-a-sender"
BODY = b"x" * 60000  # which is held in memory until it is accepted


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},nr_inodes={INODES}", "tmpfs", path], check=True)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def free(disk):
    """How many bytes and inodes are."""
    status = os.statvfs(disk)
    return {"bytes": status.f_bavail * status.f_frsize, "inodes": status.f_favail}


def fill(disk, what, left):
    """Leave so many of the bytes or inodes."""
    if what == "bytes":
        with open(disk / "filler", "ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), free(disk)[what] - left)
    else:
        (disk / "files").mkdir()
        for number in range(free(disk)[what] - left):
            (disk / "files" / str(number)).touch()


def head(length, *fields):
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % length, *fields, b"", b""])


def is_refused(answer):
    return (
        answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 5\r\n" in answer and b"disk is nearly full" in answer
    )


def id_in(answer):
    assert answer.startswith(b"HTTP/1.1 200 ")
    return answer.partition(b"X-Request-Id: ")[2][:36]


def served_one(acceptor):
    """What was sent before is read."""
    with acceptor.connect() as client:
        client.sendall(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n")
        read_all(client)


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("what", FLOOR)
def test_whoever_comes_is_refused_before_he_sends_a_body(disk, what):
    with host(disk) as acceptor, acceptor.connect() as client:
        fill(disk, what, FLOOR[what] - 1)
        client.sendall(head(10, b"Expect: 100-continue"))
        assert is_refused(read_all(client))


def test_a_body_that_goes_to_its_file_is_refused_while_it_comes(disk):
    with host(disk) as acceptor, acceptor.connect() as client:
        client.sendall(head(900 * KIB) + b"x")
        served_one(acceptor)
        fill(disk, "bytes", FLOOR["bytes"] + 200 * KIB)
        client.sendall(b"x" * 400 * KIB)
        assert is_refused(read_all(client))
        wait_until(lambda: not os.listdir(acceptor.endpoint.spool))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(("what", "above", "body"), [("bytes", 600 * KIB, BODY), ("inodes", 20, b"x" * 10)])
def test_requests_whose_heads_have_passed_leave_what_is_kept(disk, what, above, body, together):
    """And what was accepted is claimed and recorded with that."""
    with host(disk, queue_limit=1000) as acceptor, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(acceptor.connect()) for _ in range(60)]
        for client in clients:
            client.sendall(head(len(body)) + body[:-1])
        served_one(acceptor)
        fill(disk, what, FLOOR[what] + above)
        if together:
            os.kill(acceptor.process.pid, signal.SIGSTOP)
        answers = []
        for client in clients:
            client.sendall(body[-1:])
            if not together:
                answers.append(read_all(client))
        os.kill(acceptor.process.pid, signal.SIGCONT)
        answers = answers or [read_all(client) for client in clients]
        assert free(disk)[what] >= FLOOR[what]
        accepted = sum(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
        assert accepted
        assert accepted + sum(map(is_refused, answers)) == len(clients)
        assert "the spool takes no entry" not in acceptor.journal()  # after which it would leave
        acceptor.endpoint.user = "root"
        claims = Claims(acceptor.endpoint)
        waiting = claims.waiting()
        assert len(waiting) == accepted
        claim, *_ = claims.take(waiting, "0" * 32)
        os.close(claim.stdin)
        history.write(acceptor.endpoint, waiting, time.time(), {"state": "succeeded"})
        claims.close()


def test_a_delivery_that_comes_again_is_answered_since_it_takes_nothing(disk):
    auth = [{"token": {"secret": SECRET}}]
    token = b"Authorization: Bearer " + SECRET.encode()
    with host(disk, auth=auth) as acceptor, contextlib.ExitStack() as stack:
        with acceptor.connect() as first:
            first.sendall(head(1, token, b"webhook-id: a") + b"x")
            known = id_in(read_all(first))
        again, new = [stack.enter_context(acceptor.connect()) for _ in range(2)]
        again.sendall(head(1, token, b"webhook-id: a"))
        new.sendall(head(1, token, b"webhook-id: b"))
        served_one(acceptor)
        fill(disk, "bytes", FLOOR["bytes"])
        for client in (again, new):
            client.sendall(b"x")
        assert id_in(read_all(again)) == known
        assert is_refused(read_all(new))


def test_who_is_refused_does_not_count_for_the_rate(disk):
    with host(disk, max_rate="1/h") as acceptor, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(acceptor.connect()) for _ in range(3)]
        for client in clients:
            client.sendall(head(1))
        served_one(acceptor)
        fill(disk, "bytes", FLOOR["bytes"])
        for client in clients[:2]:
            client.sendall(b"x")
            assert is_refused(read_all(client))
        os.unlink(disk / "filler")
        clients[2].sendall(b"x")
        assert read_all(clients[2]).startswith(b"HTTP/1.1 200 ")
