"""What an endpoint stands on is stopped, loaded anew or replaced, while clients come."""

import contextlib
import glob
import threading

import pytest
from endpoints import ENDPOINTS
from host import is_active, run, wait_until
from oracle import Oracle

JOURNAL = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]


@contextlib.contextmanager
def crowd(fault):
    """Clients that come for as long as something happens. Gives their Oracle."""
    oracle = Oracle(fault, "plain", **ENDPOINTS["plain"])
    over = threading.Event()

    def client():
        while not over.wait(0.1):
            oracle.ask()

    clients = [threading.Thread(target=client) for _ in range(3)]
    for thread in clients:
        thread.start()
    try:
        some_more(oracle)
        yield oracle
        some_more(oracle)
    finally:
        over.set()
        for thread in clients:
            thread.join()


def some_more(oracle):
    before = len(oracle.told)
    wait_until(lambda: len(oracle.told) > before + 5)


def test_the_journal_is_gone():
    with crowd("journal gone") as oracle:
        run("systemctl", "stop", *JOURNAL)
        try:
            assert not any(map(is_active, JOURNAL))
            some_more(oracle)
            oracle.faults += 1
        finally:
            run("systemctl", "start", *JOURNAL)
    assert {client.code for client in oracle.told} == {200}
    oracle.judge(120)


@pytest.mark.parametrize("command", ["daemon-reload", "daemon-reexec"])
def test_systemd_loads_anew(command):
    with crowd(command) as oracle:
        for _ in range(5):
            run("systemctl", command)
            oracle.faults += 1
    assert {client.code for client in oracle.told} == {200}
    oracle.judge(120)


def test_python_is_replaced():
    """By dpkg, as an upgrade does it. A client whom it meets has to wait, or gets no answer."""
    packages = glob.glob("/var/cache/python/*.deb")
    assert len(packages) == 2
    with crowd("python3 replaced") as oracle:
        run("dpkg", "--install", "--force-unsafe-io", *packages)
        oracle.faults += 1
    assert {client.code for client in oracle.told} <= {200, None}
    oracle.judge(120)
