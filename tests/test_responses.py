"""What clients are told, in which form, and as which bytes."""

import json

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from message import message, parse

from trigger import http, responses

ERRORS = [("a", "is required"), ("b-c.d", "must be an integer"), ("", "is not a parameter here")]


def body_for(accept, refusal):
    fields = [] if accept is None else [("Accept", accept)]
    return responses.refusal_body(parse(message(fields))[0], refusal)


ACCEPT = {
    "application/json": True,
    "application/problem+json": True,
    "application/*": True,
    "Application/JSON": True,
    "application/json;q=0.5": True,
    "application/json; q=0.001": True,
    "application/json;charset=utf-8;q=1": True,
    "text/html, application/json": True,
    "text/html,application/json;q=0.1, */*": True,
    "application/json;q=0": False,
    "application/json; q=0.000": False,
    "*/*": False,
    "text/html, */*;q=0.8": False,
    "text/*": False,
    "application/jsonp": False,
    "application/xml": False,
    "json": False,
    "": False,
    None: False,
    ",;,=;q": False,
}


@pytest.mark.parametrize("accept", ACCEPT)
def test_who_asks_for_json_by_name_gets_it(accept):
    body, media_type = body_for(accept, http.Refusal(404, "nothing is served here"))
    assert media_type == ("application/problem+json" if ACCEPT[accept] else "text/plain; charset=utf-8")
    assert body.startswith(b"{") == ACCEPT[accept]


def test_before_there_is_a_head_the_answer_is_text():
    assert responses.refusal_body(None, http.Refusal(400, "this is not HTTP/1"))[0] == b"400 this is not HTTP/1\n"


def test_an_error_as_text():
    body, _ = body_for("*/*", http.Refusal(400, "the parameters are invalid", errors=ERRORS))
    assert body.decode().splitlines() == [
        "400 the parameters are invalid",
        "a: is required",
        "b-c.d: must be an integer",
        "a parameter: is not a parameter here",
    ]


def test_an_error_as_problem_details():
    """RFC 9457, section 3.1. Without `type` it is about:blank, and then `title` is that of the status."""
    body, _ = body_for("application/json", http.Refusal(400, "the parameters are invalid", errors=ERRORS))
    assert json.loads(body) == {
        "title": "Bad Request",
        "status": 400,
        "detail": "the parameters are invalid",
        "errors": [{"parameter": name, "detail": wrong} for name, wrong in ERRORS],
    }


def test_a_label_is_told_beside_the_name():
    refusal = http.Refusal(400, "the parameters are invalid", errors=ERRORS, labels={"a": "The first", "z": "Last"})
    assert responses.plain_text(refusal).decode().splitlines()[1] == "a (The first): is required"
    errors = json.loads(responses.problem(refusal))["errors"]
    assert errors[0] == {"parameter": "a", "detail": "is required", "label": "The first"}
    assert all(set(error) == {"parameter", "detail"} for error in errors[1:])
    assert "The first" not in responses.journal_text(refusal)


@pytest.mark.parametrize("status", sorted(http.REASONS))
def test_without_errors_there_are_none(status):
    refusal = http.Refusal(status, "a reason")
    assert set(json.loads(responses.problem(refusal))) == {"title", "status", "detail"}
    assert responses.plain_text(refusal) == b"%d a reason\n" % status


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_problem_details_are_json_whatever_they_say(reason, name, wrong):
    problem = json.loads(responses.problem(http.Refusal(400, reason, errors=[(name, wrong)])))
    assert problem["detail"] == reason
    assert problem["errors"] == [{"parameter": name, "detail": wrong}]


def test_the_detail_is_for_the_journal_alone():
    refusal = http.Refusal(401, "not authorized", detail="its timestamp is old", errors=ERRORS)
    for accept in ("*/*", "application/json"):
        assert b"timestamp" not in body_for(accept, refusal)[0]
    assert responses.journal_text(refusal) == (
        "not authorized: its timestamp is old: a is required; b-c.d must be an integer; "
        "a parameter is not a parameter here"
    )
    assert responses.journal_text(http.Refusal(404, "nothing is served here")) == "nothing is served here"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (None, b"\n[the run goes on]\n"),
        ({"state": "succeeded", "exit_code": 0, "duration": 1.26}, b"\n[succeeded, exit code 0, 1.3 s]\n"),
        ({"state": "failed", "exit_code": 3, "signal": None, "duration": 0}, b"\n[failed, exit code 3, 0.0 s]\n"),
        ({"state": "failed", "exit_code": None, "signal": "KILL"}, b"\n[failed, signal KILL]\n"),
        ({"state": "interrupted", "duration": None}, b"\n[interrupted]\n"),
    ],
)
def test_the_last_line_of_a_stream(record, line):
    assert responses.result_line(record) == line


def test_the_fields_that_tell_how_a_run_ended():
    assert responses.run_headers({"state": "failed", "exit_code": 3}) == [
        ("X-Run-State", "failed"),
        ("X-Run-Exit-Code", "3"),
    ]
    assert responses.run_headers({"state": "running", "exit_code": None}) == [("X-Run-State", "running")]
    assert ("X-Run-Exit-Code", "0") in responses.run_headers({"state": "succeeded", "exit_code": 0})


# Answers as bytes


class Source:
    """Brings parts, as a run's output does. None stands for a moment in which there is nothing yet."""

    def __init__(self, *parts):
        self._parts = list(parts)
        self.is_closed = False

    def read(self):
        return self._parts.pop(0) if self._parts else b""

    def close(self):
        self.is_closed = True


def encoder(source=None, body=b"", method="GET", version="1.1", status=200):
    reply = responses.Reply(status, "told", body, "text/plain", [("X-Request-Id", "1")], source)
    return responses.Encoder(reply, parse(message([], b"", "/", method, version))[0])


def parts_of(made):
    """All that it brings, the moments without anything too."""
    return list(iter(made.read, b""))


def read_by_h11(received, method="GET"):
    """What a client reads of an answer, and of the end of its connection: status, fields and body."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(received)
    client.receive_data(b"")
    head, body = client.next_event(), b""
    while isinstance(event := client.next_event(), h11.Data):
        body += bytes(event.data)
    assert isinstance(event, h11.EndOfMessage)
    return head.status_code, dict(head.headers), body


def test_a_body_whose_length_is_known_comes_at_once():
    first, *others = parts_of(encoder(body=b"done\n"))
    status, fields, body = read_by_h11(first)
    assert (status, fields[b"content-length"], body, others) == (200, b"5", b"done\n", [])


def test_a_body_whose_length_is_not_known_comes_in_chunks():
    source = Source(b"one ", None, b"two")
    parts = parts_of(encoder(source, body=b"begin "))
    assert parts.count(None) == 1
    assert source.is_closed
    status, fields, body = read_by_h11(b"".join(filter(None, parts)))
    assert (status, fields[b"content-type"], body) == (200, b"text/plain", b"begin one two")
    assert fields[b"transfer-encoding"] == b"chunked"
    assert b"content-length" not in fields


def test_to_http_1_0_the_connection_ends_the_body():
    received = b"".join(parts_of(encoder(Source(b"one ", b"two"), body=b"begin ", version="1.0")))
    head, _, body = received.partition(b"\r\n\r\n")
    assert body == b"begin one two"
    assert b"Transfer-Encoding" not in head
    assert b"Content-Length" not in head


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_head_has_the_fields_of_get_and_no_body(version):
    source = Source(b"one")
    answer = b"".join(parts_of(encoder(source, body=b"begin", method="HEAD", version=version)))
    (get, *_) = parts_of(encoder(Source(), version=version))
    assert [line for line in answer.split(b"\r\n") if line[:5] != b"Date:"] == [
        line for line in get.split(b"\r\n") if line[:5] != b"Date:"
    ]
    assert source.is_closed


def test_a_body_can_end_before_its_source_does():
    source = Source(b"one", None, b"never read")
    made = encoder(source)
    received = made.read() + made.read()
    assert made.read() is None
    assert read_by_h11(received + made.end())[2] == b"one"
    assert source.is_closed
    assert made.read() == b""


def test_without_a_head_an_answer_has_a_body():
    made = responses.Encoder(responses.of_refusal(None, http.Refusal(400, "this is not HTTP/1")), None)
    assert read_by_h11(b"".join(parts_of(made)))[::2] == (400, b"400 this is not HTTP/1\n")
