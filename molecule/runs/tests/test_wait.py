"""wait and stream: the answer tells how the run has ended."""

import concurrent.futures
import json
import os
import signal
import time

import pytest
from background import Background
from client import (
    PORTS,
    TOKEN,
    acceptor_pid,
    ask,
    do,
    fire,
    open_gate,
    output_of,
    peak_memory,
    send,
    told,
    wait_for_state,
)
from host import connect, read_all, record_of, records, spooled, status, wait_for_record, wait_until, wait_until_idle

MEMORY = 40  # MiB


@pytest.mark.parametrize(
    ("name", "what", "code", "state", "exit_code", "body"),
    [
        ("act", "succeed", 200, "succeeded", "0", None),
        ("act", "fail", 500, "failed", "3", b"out\nerr\n"),
        ("act", "die", 500, "failed", None, b"dying\n"),
        ("brief", "hang", 500, "timed-out", None, b"hanging\n"),
    ],
)
def test_the_answer_tells_how_the_run_has_ended(name, what, code, state, exit_code, body):
    answer = do(name, what)
    request = answer.headers["X-Request-Id"]
    assert (answer.status, answer.headers["X-Run-State"]) == (code, state)
    assert answer.headers["X-Run-Exit-Code"] == exit_code
    assert answer.headers["Location"] == f"/runs/{request}"
    assert answer.headers["Preference-Applied"] is None
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.body == (body or f"done {request}\n".encode())
    assert record_of(name, request)["state"] == state


@pytest.mark.parametrize(
    ("what", "code", "state"),
    [("succeed", 200, "succeeded"), ("fail", 422, "failed"), ("die", 422, "failed"), ("hang", 422, "timed-out")],
)
def test_a_sender_that_tries_again_can_be_told_with_another_status(what, code, state):
    """Also when it repeats its delivery after the run has ended, however often, which starts no other."""
    wait_until_idle("told-once")
    before = len(records("told-once"))
    fields = {**TOKEN, "Idempotency-Key": f"{what}-{time.time_ns()}"}
    answers = [ask("told-once", f"/?do={what}", "POST", **fields) for _ in range(5)]
    assert {(answer.status, answer.headers["X-Run-State"]) for answer in answers} == {(code, state)}
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 1
    assert len(records("told-once")) == before + 1


def test_what_takes_longer_than_the_client_waits_is_answered_202_and_goes_on():
    begun = time.monotonic()
    answer = do("crowd", "hold", "wait=1")
    assert time.monotonic() - begun >= 1
    request = answer.headers["X-Request-Id"]
    assert (answer.status, answer.headers["Preference-Applied"], answer.body) == (202, "wait=1", b"OK\n")
    assert answer.headers["X-Run-State"] is None
    wait_for_state("crowd", request, "running")
    assert json.loads(ask("crowd", answer.headers["Location"]).body)["state"] == "running"
    open_gate("crowd")
    wait_for_state("crowd", request, "succeeded")


@pytest.mark.parametrize("prefer", ["respond-async", "wait=0", "respond-async, foo=bar", "foo, RESPOND-ASYNC"])
def test_a_client_may_decline_to_wait(prefer):
    answer = do("crowd", "hold", prefer)
    request = answer.headers["X-Request-Id"]
    assert answer.status == 202
    assert answer.headers["Preference-Applied"] == ("wait=0" if "wait" in prefer else "respond-async")
    assert told("crowd", request)["state"] in ("queued", "running")
    open_gate("crowd")
    wait_for_state("crowd", request, "succeeded")


def test_no_client_can_wait_for_longer_than_the_endpoint_does():
    """act waits for two minutes, and this run ends at once: only what is granted tells the bound."""
    answer = do("act", prefer="wait=3600")
    assert (answer.status, answer.headers["Preference-Applied"]) == (200, "wait=120")
    assert do("act", prefer="wait=soon").headers["Preference-Applied"] is None
    assert do("act", prefer='wait="5"; x=y').headers["Preference-Applied"] == "wait=5"


def test_where_no_answer_is_held_a_preference_counts_for_nothing():
    answer = ask("calm", "/", Prefer="wait=10")
    assert (answer.status, answer.headers["Preference-Applied"], answer.body) == (200, None, b"OK\n")
    wait_for_record("calm", answer.headers["X-Request-Id"])


def test_the_answer_comes_soon_after_the_end():
    def lateness():
        begun = time.monotonic()
        answer = do("act")
        return time.monotonic() - begun - record_of("act", answer.headers["X-Request-Id"])["duration"]

    assert any(lateness() < 1 for _ in range(5))  # on a machine that is busy just then a try says nothing


def test_clients_that_go_away_do_not_disturb_the_run():
    wait_until_idle("crowd")
    before = len(records("crowd"))
    leaving = []
    for ending in ("close", "half-close", "reset"):
        client = connect(PORTS["crowd"])
        client.sendall(b"GET /?do=hold HTTP/1.1\r\nHost: a\r\n\r\n")
        leaving.append((client, ending))
    staying = Background(do, "crowd", "hold")
    wait_until(lambda: claimed("crowd"))
    wait_until(lambda: len(spooled("crowd")) == 4)
    for client, ending in leaving:
        if ending == "half-close":
            client.shutdown(1)
            continue
        if ending == "reset":
            client.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER of 0 seconds
        client.close()
    open_gate("crowd")
    answer = staying.result()
    assert (answer.status, answer.body) == (200, b"begun\nended\n")
    # Who only has no more to say is answered all the same.
    half = leaving[1][0]
    assert status(read_all(half)) == 200
    half.close()
    wait_until_idle("crowd")
    assert {record["state"] for record in records("crowd")[before:]} == {"succeeded"}


def test_two_hundred_clients_that_wait_at_once_are_all_answered():
    """They wait for two runs: the first, and the one that serves all who came during it."""
    wait_until_idle("crowd")
    first = Background(do, "crowd", "hold")
    wait_until(lambda: claimed("crowd"))
    pid = acceptor_pid("crowd")
    # Who says nothing keeps the acceptor until it has been looked at.
    with connect(PORTS["crowd"]), concurrent.futures.ThreadPoolExecutor(200) as pool:
        waiting = [pool.submit(do, "crowd", "write", bytes=20000) for _ in range(200)]
        wait_until(lambda: len(spooled("crowd")) == 201)
        assert not any(each.done() for each in waiting)
        # Others are served meanwhile.
        assert ask("crowd", "/elsewhere").status == 404
        open_gate("crowd")
        answers = [each.result() for each in waiting]
        assert acceptor_pid("crowd") == pid
        assert peak_memory(pid) < MEMORY
    assert first.result().body == b"begun\nended\n"
    assert {(answer.status, len(answer.body)) for answer in answers} == {(200, 20000)}
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 200


def claimed(name):
    """The id of the run under way, or None."""
    return max((entry for entry in os.listdir(f"/var/lib/trigger/{name}/claimed") if entry[0] != "."), default=None)


def stream(what, arrived, prefer=None, **parameters):
    """Note each part of a streamed answer with the moment of its arrival. Returns the answer's fields."""
    query = "&".join(f"{key}={value}" for key, value in {"do": what, **parameters}.items())
    connection, response = send("stream", "/?" + query)
    assert response.status == 200
    while True:
        part = response.read1(65536)
        if not part:
            connection.close()
            return response.headers
        arrived.append(part)


def last_line(parts):
    lines = b"".join(parts).split(b"\n")
    assert lines[-1] == b""
    return lines[-2].decode()


def test_a_stream_brings_what_is_printed_while_the_run_goes_on():
    arrived = []
    reading = Background(stream, "hold", arrived)
    wait_until(lambda: arrived == [b"begun\n"])
    assert reading.is_alive()
    open_gate("stream")
    fields = reading.result()
    request = fields["X-Request-Id"]
    assert (fields["Transfer-Encoding"], fields["Location"]) == ("chunked", f"/runs/{request}")
    assert b"".join(arrived).startswith(b"begun\nended\n\n[succeeded, exit code 0, ")
    assert output_of("stream", request) == b"begun\nended\n"


@pytest.mark.parametrize(
    ("what", "line"),
    [("succeed", "[succeeded, exit code 0, "), ("fail", "[failed, exit code 3, "), ("die", "[failed, signal KILL, ")],
)
def test_the_last_line_of_a_stream_tells_the_result(what, line):
    arrived = []
    stream(what, arrived)
    assert last_line(arrived).startswith(line)
    assert last_line(arrived).endswith(" s]")


def test_a_stream_for_a_client_of_http_1_0_ends_with_the_connection():
    with connect(PORTS["stream"]) as client:
        client.sendall(b"GET /?do=fail HTTP/1.0\r\n\r\n")
        head, _, body = read_all(client).partition(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in head and b"Content-Length" not in head
    assert body.startswith(b"out\nerr\n\n[failed, exit code 3, ")


def test_streams_wait_for_their_turn():
    arrived, second = [], []
    first = Background(stream, "hold", arrived)
    wait_until(lambda: arrived)
    queued = Background(stream, "orders", second)
    request = wait_until(lambda: sorted(spooled("stream"))[1:])[0]
    assert told("stream", request)["position"] == 1
    assert second == []
    open_gate("stream")
    first.result()
    queued.result()
    assert b"".join(second).startswith(b"out 1\n")


def test_a_stream_that_nobody_reads_does_not_hold_the_run_up():
    known = [record["id"] for record in records("stream")]
    client = connect(PORTS["stream"])
    client.sendall(b"GET /?do=write&bytes=900000 HTTP/1.1\r\nHost: a\r\n\r\n")
    record = wait_until(lambda: next((record for record in records("stream") if record["id"] not in known), None))
    assert record["state"] == "succeeded"
    body = read_all(client)
    client.close()
    assert len(body) > 900000 and body.endswith(b"\r\n0\r\n\r\n")


def test_sigterm_lets_those_go_who_wait():
    """Waiting clients get 202, streams end as they should, and the runs go on."""
    wait_until_idle("crowd")
    waiting = Background(do, "crowd", "hold")
    arrived = []
    streaming = Background(stream, "hold", arrived)
    wait_until(lambda: arrived == [b"begun\n"])
    request = wait_until(lambda: claimed("crowd"))
    wait_until(lambda: output_of("crowd", request) == b"begun\n")
    connection, following = send("crowd", f"/runs/{request}/output?follow=1")
    for name in ("crowd", "stream"):
        os.kill(acceptor_pid(name), signal.SIGTERM)
    answer = waiting.result()
    assert (answer.status, answer.headers["X-Request-Id"]) == (202, request)
    assert following.read() == b"begun\n"
    connection.close()
    fields = streaming.result()
    assert told("crowd", request)["state"] == "running"
    assert told("stream", fields["X-Request-Id"])["state"] == "running"
    open_gate("crowd")
    open_gate("stream")
    assert wait_for_state("crowd", request, "succeeded")
    assert wait_for_state("stream", fields["X-Request-Id"], "succeeded")


def test_who_waits_is_answered_by_the_acceptor_that_comes_after_a_kill():
    """The connection is lost with the acceptor; the run is not, and the next one tells of it."""
    wait_until_idle("crowd")
    client = connect(PORTS["crowd"])
    client.sendall(b"GET /?do=hold HTTP/1.1\r\nHost: a\r\n\r\n")
    request = wait_until(lambda: claimed("crowd"))
    os.kill(acceptor_pid("crowd"), signal.SIGKILL)
    try:
        assert read_all(client) == b""
    except ConnectionResetError:
        pass
    client.close()
    open_gate("crowd")
    assert wait_for_state("crowd", request, "succeeded")["run"] == request


def test_fire_and_wait_side_by_side():
    """One client waits, another has declined, and both are told of the one run that served them."""
    running = fire("crowd", "hold")
    wait_for_state("crowd", running, "running")
    waiting = Background(do, "crowd")
    wait_until(lambda: len(spooled("crowd")) == 2)
    declined = fire("crowd")
    open_gate("crowd")
    answer = waiting.result()
    assert answer.body == f"done {declined}\n".encode()
    assert told("crowd", answer.headers["X-Request-Id"])["run"] == declined
