"""What a client sees."""

import json
import os
import socket
import time
import urllib.request
from pathlib import Path

import pytest
from host import (
    GET,
    burst,
    connect,
    exchange,
    field,
    journal,
    post,
    property_of,
    read_all,
    record_of,
    records,
    request_id,
    run,
    spooled,
    status,
    wait_for_record,
    wait_until,
    wait_until_idle,
    wait_until_running,
)

UNIX = "/run/trigger/echo.sock"
HOOK = b"/hook"


@pytest.mark.parametrize(("family", "host"), [("-4", "127.0.0.1"), ("-6", "[::1]")])
def test_the_recipe_of_2015(family, host):
    since = time.time()
    assert run("curl", "-sS", "--max-time", "20", family, f"http://{host}:3000/") == "OK\n"
    wait_until(lambda: "working as nobody" in journal("trigger-run@recipe.service", since))
    assert json.loads(Path("/etc/trigger/recipe.json").read_text())["timeout"] == 300


def test_python_s_own_client_reads_the_answer():
    with urllib.request.urlopen("http://127.0.0.1:3000/", data=b"x") as answer:
        assert answer.status == 200
        assert answer.read() == b"OK\n"
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_configured_answer():
    os.makedirs("/var/lib/trigger/limited/job", exist_ok=True)
    answer = exchange(3004, post(b"", "/hook"))
    assert answer.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert field(answer, "Content-Type") == "application/json"
    assert answer.endswith(b'\r\n\r\n{"taken": true}\n')
    _end_job("limited")
    wait_until_idle("limited")


REFUSED = [
    (b"GARBAGE\r\n\r\n", 400),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"POST /hook HTTP/1.1\r\n\r\n", 400),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    (b"POST /hook/ HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    (b"GET /hook HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"HEAD /hook HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17000 + b"\r\n\r\n", 431),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", 417),
    (post(b"x" * 65537, "/hook"), 413),
    (post(b"x" * 900_000, "/hook"), 413),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n", 413),
    (b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", 408),
    (b"POST /hook HTT", 408),
]


@pytest.mark.parametrize(("message", "expected"), REFUSED, ids=[f"{message[:40]}-{code}" for message, code in REFUSED])
def test_a_refused_request_starts_nothing(message, expected):
    before = len(records("limited")) + len(spooled("limited"))
    answer = exchange(3004, message)  # a reset would raise here
    assert status(answer) == expected
    if expected == 405:
        assert field(answer, "Allow") == "POST"
    assert len(records("limited")) + len(spooled("limited")) == before


def test_a_body_that_is_too_large_is_refused_before_it_is_sent():
    with connect(3004) as client:
        client.sendall(b"POST /hook HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 70000\r\n\r\n")
        assert status(read_all(client)) == 413


def test_continue_is_sent_when_the_body_is_welcome():
    with connect(3000) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ab")
        assert status(read_all(client)) == 200


def test_head_starts_nothing():
    wait_until_idle("recipe")
    before = len(records("recipe"))
    answer = exchange(3000, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n")
    wait_until_idle("recipe")
    assert len(records("recipe")) == before


def test_a_client_that_says_that_it_sends_no_more_is_answered():
    with connect(3000) as client:
        client.sendall(GET)
        client.shutdown(socket.SHUT_WR)
        assert status(read_all(client)) == 200


def test_a_slow_client_delays_nobody():
    with connect(3000) as slow:
        slow.sendall(b"GET")
        for byte in b" / HTTP/1.1\r\n":
            slow.sendall(bytes([byte]))
            assert status(exchange(3000)) == 200
        slow.sendall(b"Host: a\r\n\r\n")
        assert status(read_all(slow)) == 200


def test_a_look_whether_somebody_listens_is_no_request():
    wait_until_idle("recipe")
    run("journalctl", "--sync")  # what is late would count as new
    since = time.time()
    connect(3000).close()
    wait_until(lambda: "Started" in journal("trigger@recipe.service", since))
    wait_until_idle("recipe")
    assert "status=" not in journal("trigger@recipe.service", since)


def test_more_clients_than_the_acceptor_holds_wait_their_turn():
    """1100 silent clients: 1024 are held, the others wait in the kernel until those have had their time."""
    silent = [connect(3004) for _ in range(1100)]
    try:
        assert status(exchange(3004, b"POST / HTTP/1.1\r\nHost: a\r\n\r\n")) == 404
    finally:
        for client in silent:
            client.close()


def test_the_journal_has_a_line_for_each_request():
    since = time.time()
    identifier = request_id(exchange(3000, b"GET /?secret=1 HTTP/1.1\r\nHost: a\r\nX-Token: of-nobody\r\n\r\n"))
    exchange(3000, b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: "status=404" in journal("trigger@recipe.service", since))
    lines = journal("trigger@recipe.service", since)
    (line,) = [line for line in lines.splitlines() if identifier in line]
    assert "endpoint=recipe" in line and "peer=127.0.0.1 user=- auth=- method=GET path=/ status=200" in line
    assert "secret" not in lines and "of-nobody" not in lines


def test_a_thousand_clients_at_once():
    """The job of the first ends when all of them are answered."""
    wait_until_idle("crowd")
    end = Path("/var/lib/trigger/crowd/job/end")
    end.unlink(missing_ok=True)
    answers = burst(3008, 1000)
    assert [answer for answer in answers if isinstance(answer, OSError)] == []
    ids = {request_id(answer) for answer in answers}
    assert len(ids) == 1000
    wait_until(end.parent.is_dir)
    end.touch()
    wait_until_idle("crowd")
    runs = [record for record in records("crowd") if ids & set(record["requests"])]
    assert len(runs) <= 2
    assert sorted(identifier for record in runs for identifier in record["requests"]) == sorted(ids)
    assert {record["state"] for record in runs} == {"succeeded"}


def test_a_client_is_answered_while_the_job_runs():
    first = request_id(exchange(3001))
    wait_until_running("slow", first)
    second = request_id(exchange(3001))
    assert property_of("trigger-run@slow.service", "SubState") == "running"
    assert record_of("slow", first) is None
    assert wait_for_record("slow", second)["id"] != wait_for_record("slow", first)["id"]


def test_a_queue_runs_each_request_once_and_in_order():
    answers = burst(3002, 200)
    ids = [request_id(answer) for answer in answers]
    wait_until(lambda: record_of("queue", max(ids)), 300)
    with open("/var/lib/trigger/queue/job/log") as log:
        ran = [line for line in log.read().split() if line in ids]
    assert ran == sorted(ids)
    assert all(len(record["requests"]) == 1 for record in records("queue"))


def test_reject_takes_one_at_a_time():
    wait_until_idle("reject")
    answers = burst(3003, 20)
    assert sorted(map(status, answers)) == [200] + [409] * 19
    (accepted,) = [request_id(answer) for answer in answers if status(answer) == 200]
    wait_until_running("reject", accepted)
    assert status(exchange(3003)) == 409
    _end_job("reject")
    wait_until_idle("reject")
    wait_until_running("reject", request_id(exchange(3003)))
    _end_job("reject")
    wait_until_idle("reject")


def test_a_full_queue_is_503_with_a_hint():
    wait_until_idle("limited")
    wait_until_running("limited", field(exchange(3004, post(b"", "/hook")), "X-Request-Id"))
    answers = [exchange(3004, post(b"", "/hook")) for _ in range(4)]
    assert list(map(status, answers)) == [202, 202, 202, 503]
    assert int(field(answers[-1], "Retry-After")) > 0
    for _ in range(2):
        _end_job("limited")
        wait_until(lambda: not os.path.exists("/var/lib/trigger/limited/job/end"))
    wait_until_idle("limited")


def test_two_hundred_activations_one_after_the_other():
    for _ in range(200):
        assert status(exchange(3006)) == 200
    assert property_of("trigger@once.socket", "ActiveState") == "active"
    wait_until_idle("once")


def test_a_disabled_endpoint_is_there_and_does_not_listen():
    assert os.path.exists("/etc/trigger/hidden.json")
    assert not os.path.exists("/run/trigger/hidden.sock")
    assert property_of("trigger@hidden.socket", "ActiveState") == "inactive"


def _end_job(name):
    wait_until(lambda: property_of(f"trigger-run@{name}.service", "SubState") == "running")
    with open(f"/var/lib/trigger/{name}/job/end", "w"):
        pass
