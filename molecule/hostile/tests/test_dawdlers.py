"""Clients that take places and do not use them, 2,000 at once, beside one who is served."""

import contextlib
import os
import signal
import threading
from pathlib import Path

from host import (
    GET,
    connect,
    exchange,
    property_of,
    read_all,
    request_id,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
)

COUNT = 2000
PORT = 3001  # slow: its request_timeout is an hour, so nobody's time is over while this runs


@contextlib.contextmanager
def crowd(begin=b"", address=PORT):
    """Clients that send `begin` and stay."""
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(COUNT):
            clients.append(stack.enter_context(connect(address)))
            clients[-1].sendall(begin)
        yield clients


@contextlib.contextmanager
def dripping(clients):
    """Each of them sends a byte of a header now and then, as long as it can."""
    stop = threading.Event()

    def drip():
        while not stop.is_set():
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b"x")
            stop.wait(0.1)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def served():
    """A client that has come after all others is answered, and what it asked for is run. It is the same acceptor still
    that has all the others."""
    for _ in range(3):
        identifier = request_id(exchange(PORT))
        assert wait_for_record("slow", identifier)["state"] == "succeeded"
    assert property_of("trigger@slow.service", "NRestarts") == "0"


def endings(clients):
    """What became of each by now: a list of statuses, b"" for closed without a word, None for still connected."""
    found = []
    for client in clients:
        client.setblocking(False)
        try:
            answer = client.recv(65536)
            found.append(answer and status(answer))
        except BlockingIOError:
            found.append(None)
        except ConnectionError:
            found.append(b"")
    return found


def test_clients_that_say_nothing():
    with crowd() as clients:
        served()
        found = endings(clients)
    assert set(found) == {None, 408}
    assert found.count(None) > 1000


def test_clients_that_send_a_byte_now_and_then():
    with crowd(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ") as clients, dripping(clients):
        served()
        found = endings(clients)
    assert set(found) <= {None, 408, b""}
    assert found.count(None) > 1000


def test_clients_that_send_a_body_as_slowly():
    with crowd(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n") as clients, dripping(clients):
        served()
        assert set(endings(clients)) <= {None, 408, b""}
    wait_until_idle("slow")
    assert [name for name in os.listdir("/var/spool/trigger/slow") if name != ".counts"] == []


def test_clients_that_do_not_read_their_answer():
    """What a run printed, more than a socket holds."""
    identifier = request_id(exchange(PORT))
    wait_for_record("slow", identifier)
    message = f"GET /runs/{identifier}/output HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    with crowd(message, "/run/trigger/slow.sock"):
        served()


def test_a_client_that_speaks_when_its_turn_to_give_way_has_come():
    """What an acceptor hears in one go: that others have come, and then what it was to wait for."""
    with crowd() as clients:
        served()
        acceptor = int(property_of("trigger@slow.service", "MainPID"))
        os.kill(acceptor, signal.SIGSTOP)
        try:
            wait_until(lambda: "State:\tT" in Path(f"/proc/{acceptor}/status").read_text())
            newcomers = [connect(PORT) for _ in range(10)]
            next_one, *others = [client for client, end in zip(clients, endings(clients)) if end is None]
            next_one.settimeout(30)
            next_one.sendall(GET)
            for client in others:
                client.send(b"x")
            os.kill(acceptor, signal.SIGCONT)
            assert status(read_all(next_one)) == 200
            for newcomer in newcomers:
                with newcomer:
                    newcomer.sendall(GET)
                    assert status(read_all(newcomer)) == 200
        finally:
            os.kill(acceptor, signal.SIGCONT)
        served()


def test_who_sends_fast_enough_is_not_the_one_who_gives_way():
    """Its body takes longer than anybody is left alone."""
    part = b"x" * 8192
    with connect(PORT) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (5 * len(part)))
        client.sendall(part)
        with crowd() as clients:
            for _ in range(3):
                client.sendall(part)
                served()
            assert 408 in endings(clients)
            client.sendall(part)
            assert status(read_all(client)) == 200
