"""Memory runs out. The limits are of address space: a container that shares a hybrid cgroup tree has no other."""

import contextlib
import os
import socket
import time
from pathlib import Path

from endpoints import ENDPOINTS
from host import connect, journal, property_of, read_all, run, wait_until, wait_until_idle
from oracle import Oracle

HELD = b"POST /?held HTTP/1.1\r\nHost: test\r\nContent-Length: 60001\r\n\r\n" + b"x" * 60000  # one byte is missing


@contextlib.contextmanager
def limited(size):
    drop_in = Path("/run/systemd/system/trigger@large.service.d/memory.conf")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(f"[Service]\nLimitAS={size}\n")
    run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        drop_in.unlink()
        run("systemctl", "daemon-reload")


def crowd(message):
    """Many clients at once that send the message as soon as all are there. Returns what each got, and how large the
    acceptor was when it held them all."""
    clients = [connect(ENDPOINTS["large"]["port"]) for _ in range(300)]
    pid = wait_until(lambda: int(property_of("trigger@large.service", "MainPID")))
    wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) > len(clients))
    size = Path(f"/proc/{pid}/status").read_text().split("VmSize:")[1].split()[0]
    answers = []
    for client in clients:
        with contextlib.suppress(OSError):  # it may have gone
            client.sendall(message)
            client.shutdown(socket.SHUT_WR)
    for client in clients:
        answers.append(b"")
        with client, contextlib.suppress(ConnectionError):
            answers[-1] = read_all(client)
    return answers, int(size) * 1024


def test_the_acceptor():
    """Whoever it holds gets no answer, and nothing of theirs is run; the next one serves the next."""
    oracle = Oracle("out of memory", "large", **ENDPOINTS["large"])
    answers, size = crowd(b"")
    assert set(answers) == {b""}
    wait_until_idle("large")
    since = time.time()
    with limited(size + (4 << 20)):
        # One byte is missing, so all of them are held.
        answers, _ = crowd(b"POST /?held HTTP/1.1\r\nHost: test\r\nContent-Length: 60001\r\n\r\n" + b"x" * 60000)
        assert b"" in answers
        assert "MemoryError" in journal("trigger@large.service", since)
        oracle.faults += 1
        assert oracle.ask().code == 200
    assert oracle.judge()["succeeded"] == 1


def test_the_job():
    oracle = Oracle("out of memory", "large", **ENDPOINTS["large"], body=b"take it all")
    oracle.faults += 1
    assert oracle.ask().code == 200
    counts = oracle.judge()
    assert counts["failed"] == 1
