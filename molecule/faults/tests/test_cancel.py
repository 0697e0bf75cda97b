"""A client cancels, and a process of that way is killed at one of its steps: who was told that it is cancelled finds it
so, nothing runs twice, and nothing is left behind."""

import os
from pathlib import Path

import injection
import pytest
from endpoints import ENDPOINTS, paused, slow
from host import (
    exchange,
    is_over,
    post,
    records,
    request_id,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)
from oracle import DIRECTORIES, STAYS

NAME = "rich"
PORT = ENDPOINTS[NAME]["port"]
TOKEN = "Authorization: Bearer a-secret-of-the-test"
LOG = Path(f"/var/lib/trigger/{NAME}/job/log")


@pytest.fixture(scope="module", autouse=True)
def injected():
    injection.install()
    yield
    injection.remove()


def fire():
    return request_id(exchange(PORT, post(b"", fields=[TOKEN])))


def cancel(request):
    """Returns the status of the answer, or None where none came."""
    try:
        answer = exchange(PORT, f"DELETE /runs/{request} HTTP/1.1\r\nHost: test\r\n{TOKEN}\r\n\r\n".encode())
    except ConnectionError:
        return None
    return status(answer) if answer else None


def was_run(request):
    """How often its job has begun."""
    return LOG.read_text().split().count(request) if LOG.exists() else 0


def cancel_under(options, process, waits):
    """Have a request cancelled while it waits or runs, and strace look at a process. Returns its id, and the answer's
    status."""
    with paused(NAME) if waits else slow():
        if process == "dispatcher":
            injection.order(process, NAME, options)
        request = fire()
        if not waits:
            wait_until_running(NAME, request)
        if process == "acceptor":
            wait_until(lambda: is_over(f"trigger@{NAME}.service"))
            injection.order(process, NAME, options)
        code = cancel(request)
        if code == 202:
            wait_until(lambda: request not in spooled(NAME))
    return request, code


def left_behind():
    return [
        name
        for directory, stays in STAYS.items()
        for name in os.listdir(DIRECTORIES[directory].format(NAME))
        if name not in stays
    ]


def look(request, code, waits):
    """See what became of it. waits: whether it was cancelled before it could begin."""
    record = wait_for_record(NAME, request)
    if code is not None:
        assert (code, record["state"]) == (202, "cancelled")
    assert record["state"] in ("cancelled", "succeeded")
    assert [request in each["requests"] for each in records(NAME)].count(True) == 1
    assert was_run(request) == (0 if waits and record["state"] == "cancelled" else 1)


@pytest.mark.parametrize("process", ["dispatcher", "acceptor"])
@pytest.mark.parametrize("waits", [True, False])
def test_a_kill_while_a_client_cancels(waits, process):
    wait_until_idle(NAME)
    request, code = cancel_under("", process, waits)
    assert code == 202
    look(request, code, waits)
    wait_until_idle(NAME)
    steps = [step for step in injection.steps(injection.log(process, NAME)) if step.changes]
    struck = 0
    for step in steps:
        wait_until_idle(NAME)
        request, code = cancel_under(f"-e inject={step.call}:signal=SIGKILL:when={step.nth}", process, waits)
        print(step.text, code)
        look(request, code, waits)
        wait_until_idle(NAME)
        struck += any("+++ killed by SIGKILL" in line for line in injection.log(process, NAME))
        assert wait_for_record(NAME, fire())["state"] == "succeeded"
        wait_until(lambda: not left_behind())
    assert struck > len(steps) / 2  # what asks systemd does not come each time


def test_many_cancel_what_waits_and_what_runs():
    """None of them is told what does not become true, and what nobody has cancelled is run."""
    wait_until_idle(NAME)
    with slow():
        requests = [fire() for _ in range(30)]
        wait_until_running(NAME, requests[0])
        codes = {request: cancel(request) for request in requests[::3]}
        # As long as no job ends by itself, each that was told so is.
        wait_until(lambda: not any(code == 202 and request in spooled(NAME) for request, code in codes.items()))
    assert set(codes.values()) <= {202, 409}
    for request in requests:
        state = wait_for_record(NAME, request)["state"]
        assert state == "cancelled" if codes.get(request) == 202 else state in ("succeeded", "cancelled")
    wait_until(lambda: not left_behind())
