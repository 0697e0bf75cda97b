"""handoff: the socket goes to a server of its own. `clock` is files/serve, with a shorter patience."""

import json
import os
import signal
from pathlib import Path

from client import PORTS, TOKEN, ask, do, told
from host import burst, is_active, property_of, records, run, wait_until

SERVER = "trigger-run@clock.service"
MESSAGE = f"GET / HTTP/1.0\r\nAuthorization: {TOKEN['Authorization']}\r\n\r\n".encode()


def awake():
    """The process id of the server, which has just answered, and leaves when nobody comes for ten seconds. 0 would be
    pytest and all that it has started."""

    def answers():
        assert ask("clock", **TOKEN).status == 200
        return int(property_of(SERVER, "MainPID"))

    return wait_until(answers)


def state():
    return property_of(SERVER, "ActiveState")


def test_the_server_answers_who_has_the_token():
    answer = ask("clock", **TOKEN)
    assert (answer.status, answer.body.startswith(b"It is ")) == (200, True)
    assert ask("clock").status == 401
    assert ask("clock", Authorization="Bearer " + "x" * 20).status == 401


def test_the_server_leaves_when_nobody_comes_and_comes_back():
    first = awake()
    wait_until(lambda: state() == "inactive")
    assert property_of(SERVER, "Result") == "success"
    assert is_active("trigger@clock.socket")
    assert awake() != first


def test_many_clients_at_once_wake_one_server():
    wait_until(lambda: state() == "inactive")
    answers = burst(PORTS["clock"], 50, MESSAGE)
    assert [answer for answer in answers if b" 200 " not in answer[:15]] == []


def test_a_server_that_is_killed_comes_back():
    os.kill(awake(), signal.SIGKILL)
    wait_until(lambda: state() != "active")
    assert ask("clock", **TOKEN).status == 200
    assert is_active("trigger@clock.socket")


def test_the_server_has_the_jobs_user_and_sandbox():
    process = Path(f"/proc/{awake()}")
    assert process.stat().st_uid == int(run("id", "-u", "trigger"))
    assert "NoNewPrivs:\t1" in (process / "status").read_text()
    environment = (process / "environ").read_bytes()
    assert TOKEN["Authorization"].split()[1].encode() not in environment


def test_there_is_no_acceptor_and_no_record():
    before = records("clock")  # of the time when there was an acceptor
    assert ask("clock", "/runs", **TOKEN).status == 200  # the server's own answer
    assert property_of("trigger@clock.service", "ActiveState") == "inactive"
    assert records("clock") == before
    listed = json.loads(run("triggerctl", "list", "--json"))
    assert [row["listening"] for row in listed if row["endpoint"] == "clock"] == [[f"127.0.0.1:{PORTS['clock']}"]]


def test_with_an_acceptor_instead():
    """After the playbook took `handoff` away: verify.yml."""
    answer = do("clock")
    assert (answer.status, answer.headers["X-Run-State"]) == (200, "succeeded")
    assert told("clock", answer.headers["X-Request-Id"])["state"] == "succeeded"
    assert is_active("trigger-dispatch@clock.socket")


def test_handed_over_again():
    """After it was put back."""
    assert [ask("clock", **fields).status for fields in ({}, TOKEN)] == [401, 200]
    assert property_of("trigger@clock.service", "ActiveState") == "inactive"
