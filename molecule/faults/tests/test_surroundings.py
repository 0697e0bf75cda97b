"""What an endpoint stands on is stopped, loaded anew or replaced, while clients come."""

import contextlib
import glob
import threading
import time

import pytest
from endpoints import ENDPOINTS
from host import is_active, run, wait_until
from oracle import Oracle

JOURNAL = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]


@pytest.fixture(params=["plain", "rich"])
def crowd(request):
    """Clients that come for as long as something happens: a context manager that gives their Oracle."""

    @contextlib.contextmanager
    def coming(fault):
        oracle = Oracle(fault, request.param, **ENDPOINTS[request.param])
        over = threading.Event()

        def client():
            while not over.wait(0.05):
                oracle.ask()

        clients = [threading.Thread(target=client) for _ in range(3)]
        for thread in clients:
            thread.start()
        try:
            wait_until(lambda: oracle.told)
            yield oracle
            before = len(oracle.told)
            wait_until(lambda: len(oracle.told) > before + len(clients))
        finally:
            over.set()
            for thread in clients:
                thread.join()

    return coming


def test_the_journal_is_gone(crowd):
    with crowd("journal gone") as oracle:
        run("systemctl", "stop", *JOURNAL)
        try:
            assert not any(map(is_active, JOURNAL))
            before = len(oracle.told)
            wait_until(lambda: len(oracle.told) > before + 10)
            oracle.faults += 1
        finally:
            run("systemctl", "start", *JOURNAL)
    assert {client.code for client in oracle.told} == {200}
    oracle.judge(120)


@pytest.mark.parametrize("command", ["daemon-reload", "daemon-reexec"])
def test_systemd_loads_anew(crowd, command):
    with crowd(command) as oracle:
        for _ in range(10):
            run("systemctl", command)
            oracle.faults += 1
    assert {client.code for client in oracle.told} == {200}
    oracle.judge(120)


def test_python_is_replaced(crowd):
    """By dpkg, as an upgrade does it. Whose acceptor it meets has to wait, or gets no answer."""
    packages = glob.glob("/var/cache/apt/archives/*python3*.deb")
    assert len(packages) >= 3
    with crowd("python3 replaced") as oracle:
        begun = time.time()
        run("dpkg", "--install", *packages)
        print(f"{time.time() - begun:.1f} s")
        oracle.faults += 1
    assert all(client.code in (200, None) for client in oracle.told)
    oracle.judge(120)
