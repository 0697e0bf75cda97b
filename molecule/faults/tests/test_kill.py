"""Processes are asked to end, or killed between two requests, or all at once. For kills at each step: test_steps.py."""

import os
import signal

from endpoints import ENDPOINTS, slow
from host import (
    connect,
    exchange,
    is_active,
    property_of,
    read_all,
    record_of,
    request_id,
    run,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)

HELD = ENDPOINTS["held"]["port"]


def accepted(port):
    """Whether a process holds a connection to the port: one that waits in the kernel has no inode yet."""
    with open("/proc/net/tcp") as table:
        lines = [line.split() for line in table][1:]
    return any(line[1].endswith(f":{port:04X}") and line[3] == "01" and line[9] != "0" for line in lines)


def main_pid(unit):
    return int(property_of(unit, "MainPID"))


def test_the_acceptor_between_requests():
    ids = []
    for _ in range(5):
        ids.append(request_id(exchange(HELD)))
        os.kill(wait_until(lambda: main_pid("trigger@held.service")), signal.SIGKILL)
    ids.append(request_id(exchange(HELD)))
    for identifier in ids:
        assert wait_for_record("held", identifier)["state"] == "succeeded"
    assert is_active("trigger@held.socket")


def test_sigterm_lets_the_acceptor_answer_what_it_holds():
    identifier = request_id(exchange(HELD))
    with connect(HELD) as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        pid = wait_until(lambda: main_pid("trigger@held.service"))
        wait_until(lambda: accepted(HELD))
        os.kill(pid, signal.SIGTERM)
        client.sendall(b"Host: a\r\n\r\n")
        assert status(read_all(client)) == 200
    assert wait_for_record("held", identifier)["state"] == "succeeded"


def test_everything_of_a_run_at_once():
    wait_until_idle("plain")
    with slow():
        identifier = request_id(exchange(ENDPOINTS["plain"]["port"]))
        wait_until_running("plain", identifier)
        run("systemctl", "kill", "--signal=KILL", "--kill-who=all", "trigger-run@plain.service")
    assert wait_for_record("plain", identifier)["state"] in ("failed", "interrupted")
    assert record_of("plain", identifier)
