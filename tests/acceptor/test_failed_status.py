"""`wait` answers a failed run with `response.failed_status`, by whatever way its result comes."""

import json
import os
import socket
import threading
import time

import front
import pytest
import role
from message import message

import trigger_endpoints
from trigger import endpoint, http
from trigger.acceptor.handler import Handler
from trigger.acceptor.loop import Loop
from trigger.dispatcher import history
from trigger.spool import Spool

TIME_LIMIT = 30  # seconds, for a test that would otherwise hang
PRINTED = b"Status: 200 OK\nContent-Type: text/html\n\n<p>half a page"


def serve(directory, state="failed", printed=PRINTED, **keys):
    """Let one client wait for a run that prints this and ends so. Returns the head and the body of its answer."""
    settings = role.endpoint(wait="30s", methods=["POST"], **keys)
    settings.linger = 0
    for name in ("spool", "claimed", "runs"):
        (directory / name).mkdir()
        setattr(settings, name, f"{directory}/{name}")
    settings.output_file = f"{directory}/output"
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client.settimeout(TIME_LIMIT)
        client.connect(listener.getsockname())
        client.sendall(message([], b"x"))
        client.shutdown(socket.SHUT_WR)
        stored = Spool(settings.spool, settings.claimed)
        run = threading.Thread(target=_end, args=(settings, state, printed), daemon=True)
        run.start()
        assert Loop(settings, [listener], Handler(settings, stored, None)).serve() == 0
        run.join(TIME_LIMIT)
        head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")
    return head.decode(), body


def _end(settings, state, printed):
    """Be the run of the request that comes."""
    until = time.monotonic() + TIME_LIMIT
    while time.monotonic() < until:
        ids = [name for name in os.listdir(settings.spool) if name[0] != "."]
        if ids:
            with open(f"{settings.runs}/{ids[0]}.output", "wb") as file:
                file.write(printed)
            history.write(settings, ids, time.time(), {"state": state, "exit_code": 3})
            return
        time.sleep(0.005)


@pytest.mark.parametrize("output", ["plain", "cgi"])
@pytest.mark.parametrize("state", ["failed", "timed-out", "cancelled", "interrupted", "damaged"])
@pytest.mark.parametrize(("keys", "status"), [({}, 500), ({"response": {"failed_status": 200}}, 200)])
def test_a_run_that_did_not_succeed(tmp_path, output, state, keys, status):
    """What a failed job of `output: cgi` printed is text, whatever the status says."""
    head, body = serve(tmp_path, state, output=output, **keys)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert f"\r\nX-Run-State: {state}\r\n" in head
    assert "\r\nX-Run-Exit-Code: 3\r\n" in head
    assert "\r\nContent-Type: text/plain\r\n" in head
    assert PRINTED in body  # in a chunk


@pytest.mark.parametrize("status", [299, 422, 599])
def test_a_status_that_nobody_has_named(tmp_path, status):
    head, _ = serve(tmp_path, response={"failed_status": status})
    assert head.startswith(f"HTTP/1.1 {status} ")


def test_a_run_that_succeeded_is_answered_as_ever(tmp_path):
    head, _ = serve(tmp_path, "succeeded", response={"failed_status": 422})
    assert head.startswith("HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(("status", "length"), [(204, False), (205, True)])
def test_what_has_no_content_is_sent_without_any(tmp_path, status, length):
    """RFC 9110, sections 15.3.5 and 15.3.6; 205 says so by its length (section 8.6)."""
    head, body = serve(tmp_path, "succeeded", b"Status: %d\nContent-Type: a/b\n\nmore" % status, output="cgi")
    assert head.startswith(f"HTTP/1.1 {status} {http.REASONS[status]}\r\n") and body == b""
    assert "Transfer-Encoding" not in head and ("\r\nContent-Length: 0" in head) == length


@pytest.mark.parametrize("status", [0, 100, 101, 199, 204, 205, 300, 303, 304, 399, 600, -500, 2000])
def test_a_status_that_cannot_bring_the_result_is_refused(status):
    with pytest.raises(trigger_endpoints.Mistakes) as caught:
        role.prepare(wait="9s", response={"failed_status": status})
    (found,) = caught.value.messages
    assert found.startswith(f"endpoint 'a': response.failed_status: {status} ")


@pytest.mark.parametrize("status", [200, 201, 202, 299, 400, 404, 409, 422, 500, 503, 599])
def test_a_status_that_can(status):
    assert role.endpoint(wait="9s", response={"failed_status": status}).response["failed_status"] == status


def test_a_configuration_of_an_earlier_release_means_500(tmp_path):
    written = json.loads(front.configuration(front.endpoint(wait="5s"), front=False))
    del written["response"]["failed_status"]
    (tmp_path / "before.json").write_text(json.dumps(written))
    assert endpoint.load("before", str(tmp_path)).response == {**written["response"], "failed_status": 500}
